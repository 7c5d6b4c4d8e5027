package sandbox

import (
	"bytes"
	"hash/maphash"
	"sync"

	"github.com/canton-exchange/suite/internal/signing"
)

// maxHandedOut is how many prepared transactions a node remembers; a power of two.
const maxHandedOut = 256

// handedOut remembers what a node prepared lately, until it comes back: decoding and hashing the same bytes again would
// be a good part of what a transfer costs. It saves no check. What it does not have is decoded and hashed anew.
type handedOut struct {
	seed maphash.Seed

	mu    sync.Mutex
	slots [maxHandedOut]preparedBytes // by the bytes' hash; two with the same one only cost time
}

// preparedBytes is a prepared transaction as it was handed out, and what decoding and hashing it would give.
type preparedBytes struct {
	raw      []byte
	prepared signing.Prepared
	scheme   signing.Scheme
	hash     signing.Hash
}

func newHandedOut() *handedOut { return &handedOut{seed: maphash.MakeSeed()} }

func (h *handedOut) slot(raw []byte) *preparedBytes {
	return &h.slots[maphash.Bytes(h.seed, raw)%maxHandedOut]
}

// put remembers a prepared transaction. Nobody may change it afterwards.
func (h *handedOut) put(p preparedBytes) {
	h.mu.Lock()
	defer h.mu.Unlock()

	*h.slot(p.raw) = p
}

// take gives back what was remembered of exactly these bytes, and forgets it.
func (h *handedOut) take(raw []byte) (preparedBytes, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()

	slot := h.slot(raw)
	if len(raw) == 0 || !bytes.Equal(slot.raw, raw) {
		return preparedBytes{}, false
	}

	known := *slot
	*slot = preparedBytes{}

	return known, true
}

// read decodes what a client hands in. Its hash is still to be computed, unless known under the scheme.
func (h *handedOut) read(raw []byte) (preparedBytes, error) {
	if known, ok := h.take(raw); ok {
		return known, nil
	}

	prepared, err := signing.Decode(raw)

	return preparedBytes{raw: raw, prepared: prepared}, err
}

// hashed is the hash under a scheme.
func (p *preparedBytes) hashed(scheme signing.Scheme) (signing.Hash, error) {
	if p.scheme == scheme {
		return p.hash, nil
	}

	return p.prepared.Hash(scheme)
}
