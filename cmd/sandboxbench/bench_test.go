package main

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// BenchmarkTransfer is a whole transfer of an external party, client and node in one process, for profiles.
func BenchmarkTransfer(b *testing.B) {
	s, err := sandbox.New(sandbox.Config{MaxUpdates: 10_000_000})
	require.NoError(b, err)

	server := httptest.NewServer(s.Handler())

	defer func() { s.Close(); server.CloseClientConnections(); server.Close() }()

	n := &node{url: server.URL, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
	o := &bench{options: options{parties: 4}}
	c, err := o.gather(b.Context(), n, true, b.N/4+1)
	require.NoError(b, err)

	b.ReportAllocs()
	b.ResetTimer()

	var group sync.WaitGroup

	for _, each := range c.senders {
		group.Go(func() {
			for range b.N/4 + 1 {
				if err := each.transfer(b.Context()); err != nil {
					b.Error(err)

					return
				}
			}
		})
	}

	group.Wait()
}
