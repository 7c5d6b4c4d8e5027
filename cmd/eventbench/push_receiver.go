package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// receive takes webhooks and notes how long each event took.
func (p *pushing) receive(ctx context.Context) (address string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("listen: %w", err)
	}

	server := &http.Server{ReadHeaderTimeout: headerTimeout, Handler: http.HandlerFunc(p.take)}
	served := make(chan struct{})

	go func() {
		defer close(served)

		_ = server.Serve(listener) // ends with Close
	}()

	return listener.Addr().String(), func() {
		_ = server.Close()
		<-served
	}, nil
}

func (p *pushing) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}

	now := time.Now()

	var took []time.Duration

	for {
		_, rest, ok := bytes.Cut(body, []byte(timeMember))
		if !ok {
			break
		}

		text, after, _ := bytes.Cut(rest, []byte(`"`))
		if at, err := time.Parse(time.RFC3339Nano, string(text)); err == nil {
			took = append(took, now.Sub(at))
		}

		body = after
	}

	p.mu.Lock()
	p.took = append(p.took, took...)
	p.mu.Unlock()

	w.WriteHeader(http.StatusNoContent)
}
