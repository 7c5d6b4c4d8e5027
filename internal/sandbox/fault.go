package sandbox

import (
	"log/slog"
	"net/http"
	"sync/atomic"
)

// faults are the failures that the sandbox is told to produce.
type faults struct {
	down    atomic.Bool
	garble  atomic.Bool
	rejects atomic.Bool
}

// openStream is one open websocket.
type openStream struct{ cut func() }

// CutStreams breaks the connection of every open stream, in the middle of whatever it is sending.
func (s *Sandbox) CutStreams() {
	s.mu.Lock()

	cuts := make([]func(), 0, len(s.open))
	for stream := range s.open {
		cuts = append(cuts, stream.cut)
	}
	s.mu.Unlock()

	for _, cut := range cuts {
		cut()
	}
}

// SetDown makes the node unreachable, or reachable again: connections to its ledger API end without an answer.
// The customers' wallets stay up, as the rest of a network does.
func (s *Sandbox) SetDown(down bool) {
	s.faults.down.Store(down)

	if down {
		s.CutStreams()
	}
}

// GarbleNext makes the node's next answer, or the next message of a stream, half a JSON text.
func (s *Sandbox) GarbleNext() { s.faults.garble.Store(true) }

// RejectTokens makes the node refuse every token, as after a key rotation, until it is called with false.
func (s *Sandbox) RejectTokens(reject bool) { s.faults.rejects.Store(reject) }

// garbled damages an answer when GarbleNext asked for it.
func (f *faults) garbled(raw []byte) []byte {
	if !f.garble.CompareAndSwap(true, false) {
		return raw
	}

	const marker = "\xff{\"cut\": "

	return append(raw[:len(raw)/2:len(raw)/2], marker...)
}

// whenUp drops connections without an answer while the node is down.
func (s *Sandbox) whenUp(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.faults.down.Load() {
			next.ServeHTTP(w, r)

			return
		}

		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			// HTTP/2 cannot be hijacked: the closest is the answer of a proxy in front of a dead node.
			w.WriteHeader(http.StatusBadGateway)

			return
		}

		if err := conn.Close(); err != nil {
			s.cfg.Logger.DebugContext(r.Context(), "close dropped connection", slog.Any("error", err))
		}
	})
}
