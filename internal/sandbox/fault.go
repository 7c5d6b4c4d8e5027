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
func (v *Validator) CutStreams() {
	v.mu.Lock()

	cuts := make([]func(), 0, len(v.open))
	for stream := range v.open {
		cuts = append(cuts, stream.cut)
	}
	v.mu.Unlock()

	for _, cut := range cuts {
		cut()
	}
}

// SetDown makes the node unreachable, or reachable again: connections to its ledger API end without an answer.
// The customers' wallets stay up, as the rest of a network does.
func (v *Validator) SetDown(down bool) {
	v.faults.down.Store(down)

	if down {
		v.CutStreams()
	}
}

// GarbleNext makes the node's next answer, or the next message of a stream, half a JSON text.
func (v *Validator) GarbleNext() { v.faults.garble.Store(true) }

// RejectTokens makes the node refuse every token, as after a key rotation, until it is called with false.
func (v *Validator) RejectTokens(reject bool) { v.faults.rejects.Store(reject) }

// garbled damages an answer when GarbleNext asked for it.
func (f *faults) garbled(raw []byte) []byte {
	if !f.garble.CompareAndSwap(true, false) {
		return raw
	}

	const marker = "\xff{\"cut\": "

	return append(raw[:len(raw)/2:len(raw)/2], marker...)
}

// whenUp drops connections without an answer while the node is down.
func (v *Validator) whenUp(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !v.faults.down.Load() {
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
			v.cfg.Logger.DebugContext(r.Context(), "close dropped connection", slog.Any("error", err))
		}
	})
}
