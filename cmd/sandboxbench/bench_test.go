package main

import (
	"net/http/httptest"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// BenchmarkTransfer is a whole transfer of an external party, client and node in one process, for profiles. Beside the
// time it takes it tells the processor time, which does not depend on what else the machine does.
func BenchmarkTransfer(b *testing.B) {
	const parties = 4

	s, err := sandbox.New(sandbox.Config{MaxUpdates: 10_000_000})
	require.NoError(b, err)

	server := httptest.NewServer(s.Handler())

	defer func() { s.Close(); server.CloseClientConnections(); server.Close() }()

	n := &node{url: server.URL}
	each := b.N/parties + 1
	c, err := (&bench{options: options{parties: parties}}).gather(b.Context(), n, true, each)
	require.NoError(b, err)

	defer c.close()

	before, heap := processor(b), live()

	b.ReportAllocs()
	b.ResetTimer()

	var group sync.WaitGroup

	for _, one := range c.senders {
		group.Go(func() {
			for range each {
				if err := one.transfer(b.Context()); err != nil {
					b.Error(err)

					return
				}
			}
		})
	}

	group.Wait()
	b.ReportMetric(float64(processor(b)-before)/float64(parties*each)/1000, "cpu-µs/op")
	b.ReportMetric(float64(live()-heap)/float64(parties*each), "live-B/op")
}

// live is how much memory is in use once garbage is gone.
func live() uint64 {
	var m runtime.MemStats

	runtime.GC()
	runtime.ReadMemStats(&m)

	return m.HeapAlloc
}

func processor(b *testing.B) int64 {
	b.Helper()

	var u syscall.Rusage

	require.NoError(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))

	return u.Utime.Nano() + u.Stime.Nano()
}
