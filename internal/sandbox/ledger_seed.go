package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// seed is the randomness of one transaction: its contract ids and the seeds of its nodes come from it, so that who
// knows the seed can build the same transaction again.
type seed [sha256.Size]byte

// What is derived from a seed, kept apart by these.
const (
	derivedContract = "contract"
	derivedSuffix   = "suffix"
	derivedNode     = "node"
	derivedSuffixes = "suffixes"
)

// Contract ids, version 1: a discriminator that the seed decides, and from the commit on a suffix behind an infix that
// makes the id the only one of its kind.
// Inside a prepared transaction the contracts that it makes have no suffix yet.
const (
	contractIDPrefix = "00"
	contractIDInfix  = "ca111220"
	localIDLength    = len(contractIDPrefix) + 2*hashBytes
)

func (s *Sandbox) newSeed() seed {
	var out seed
	for i := 0; i < len(out); i += 8 {
		binary.LittleEndian.PutUint64(out[i:], s.rng.Uint64())
	}

	return out
}

func (x seed) derive(what string, n uint64) seed {
	buf := make([]byte, 0, len(x)+len(what)+8)
	buf = append(append(buf, x[:]...), what...)

	return sha256.Sum256(binary.BigEndian.AppendUint64(buf, n))
}

// salted is the seed of the suffixes of a signed transaction's contract ids. A signer may take a seed again: then the
// transaction's UUID is another, or its preparation so much later that the mediator has forgotten the UUID.
func (x seed) salted(m signing.Metadata) seed {
	buf := slices.Concat(x[:], []byte(derivedSuffixes))
	buf = binary.BigEndian.AppendUint64(buf, uint64(m.PreparationTime)) //nolint:gosec // any bits do

	return sha256.Sum256(append(buf, m.TransactionUUID...))
}

// node is the seed of a node: the root's is the transaction's own.
func (x seed) node(id ident.NodeID) seed {
	if id == 0 {
		return x
	}

	return x.derive(derivedNode, uint64(id)) //nolint:gosec // node ids are not negative
}

func (t *transaction) newContractID() ident.ContractID {
	t.made++
	local, suffix := t.seed.derive(derivedContract, t.made), t.suffixes.derive(derivedSuffix, t.made)

	id := make([]byte, 0, localIDLength+len(contractIDInfix)+2*len(suffix))
	id = append(id, contractIDPrefix...)
	id = hex.AppendEncode(id, local[:])
	id = append(id, contractIDInfix...)
	id = hex.AppendEncode(id, suffix[:])

	return ident.ContractID(id)
}

// lacking is a party that is needed and has not agreed; empty when all have.
func lacking(authority, needed []ident.Party) ident.Party {
	for _, party := range needed {
		if !slices.Contains(authority, party) {
			return party
		}
	}

	return ""
}

// bounds are the ledger times at which what the transaction checked about time holds; zero is no bound.
type bounds struct {
	from time.Time // inclusive
	last time.Time // inclusive
}

// clamp is the ledger time within the bounds that is nearest to now.
func (b bounds) clamp(now time.Time) time.Time {
	switch {
	case !b.from.IsZero() && now.Before(b.from):
		return b.from
	case !b.last.IsZero() && now.After(b.last):
		return b.last
	default:
		return now
	}
}

// isBefore is the check that the ledger time is before a deadline; the transaction holds only so long.
func (t *transaction) isBefore(deadline time.Time) bool {
	if !t.at.Before(deadline) {
		t.isFrom(deadline)

		return false
	}

	if last := deadline.Add(-time.Microsecond); t.bounds.last.IsZero() || last.Before(t.bounds.last) {
		t.bounds.last = last
	}

	return true
}

// isFrom is the check that a time has come; the transaction holds only from then on.
func (t *transaction) isFrom(earliest time.Time) bool {
	if t.at.Before(earliest) {
		return false
	}

	if t.bounds.from.IsZero() || earliest.After(t.bounds.from) {
		t.bounds.from = earliest
	}

	return true
}
