package faultnet

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const pieceBytes = 32 << 10

// link is one connection through the proxy.
type link struct {
	client, server net.Conn
	maxDelay       time.Duration
	silent         atomic.Bool
	// left is how many bytes may still pass; endless is set where nothing bounds them.
	left    atomic.Int64
	endless bool
	// over is closed when the link is cut.
	over chan struct{}
	once sync.Once
}

func newLink(client, server net.Conn, f Faults, rng *rand.Rand) *link {
	l := &link{client: client, server: server, maxDelay: f.MaxDelay, endless: f.CutAfter <= 0, over: make(chan struct{})}
	l.silent.Store(f.Silent)

	if !l.endless {
		l.left.Store(1 + rng.Int64N(f.CutAfter))
	}

	return l
}

// cut ends both sides with a reset where TCP allows it.
func (l *link) cut() {
	l.once.Do(func() { close(l.over) })

	for _, c := range []net.Conn{l.client, l.server} {
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // without it the peer would see an orderly end
		}

		_ = c.Close()
	}
}

// pump passes on one direction until it ends.
func (l *link) pump(ctx context.Context, from, to net.Conn, rng *rand.Rand) {
	piece := make([]byte, pieceBytes)

	for {
		n, err := from.Read(piece)

		switch {
		case l.silent.Load():
			// Swallowed, and so is the end: the other side is never told.
		case n > 0 && !l.pass(ctx, to, piece[:n], rng):
			return
		case errors.Is(err, io.EOF):
			if t, ok := to.(*net.TCPConn); ok {
				_ = t.CloseWrite()
			}
		case err != nil:
			l.cut()
		}

		if err != nil {
			return
		}
	}
}

// pass delivers one piece; false when the link is cut.
func (l *link) pass(ctx context.Context, to net.Conn, piece []byte, rng *rand.Rand) bool {
	if l.maxDelay > 0 && !l.hold(ctx, time.Duration(rng.Int64N(int64(l.maxDelay)+1))) {
		return false
	}

	if l.silent.Load() {
		return true // silenced while it was held
	}

	allowed := int64(len(piece))
	if !l.endless {
		allowed = max(0, min(allowed, l.left.Add(-allowed)+allowed))
	}

	if _, err := to.Write(piece[:allowed]); err != nil || allowed < int64(len(piece)) {
		l.cut()

		return false
	}

	return true
}

// hold waits; false when the link is cut or the proxy closed.
func (l *link) hold(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return true
	case <-l.over:
		return false
	case <-ctx.Done():
		return false
	}
}
