package event

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Chain is what all events of a treasury up to one of them come to: the first 16 bytes of SHA-256 over the chain of the
// event before it (16 bytes, zeros before the first), its sequence and its id, both as the event has them. Two
// histories that differ anywhere before have different chains, so that whoever holds a place and its chain knows
// whether the events after it are the ones that follow.
type Chain [16]byte

// Next is the chain of the event that follows.
func (c Chain) Next(seq int64, id uuid.UUID) Chain {
	sum := sha256.New()
	sum.Write(c[:])
	sum.Write([]byte(Sequence(seq)))
	sum.Write([]byte(id.String()))

	return Chain(sum.Sum(nil)[:len(c)])
}

func (c Chain) String() string { return hex.EncodeToString(c[:]) }

// ErrPlace is a text that is no place.
var ErrPlace = errors.New("not a place in the order of events")

// Place is a place in the order of a treasury's events: after the event with this number. The zero Place is before all.
type Place struct {
	Seq int64
	// Chain is that of the event; nil where it is not known which history the place is in.
	Chain *Chain
}

// Same reports whether two places are the same one of the same history, as far as that is known.
func (p Place) Same(other Place) bool {
	return p.Seq == other.Seq && (p.Chain == nil || other.Chain == nil || *p.Chain == *other.Chain)
}

// String writes a place as readers keep it: its number, and its chain after a hyphen where it is known.
func (p Place) String() string {
	number := strconv.FormatInt(p.Seq, 10)
	if p.Chain == nil || p.Seq == 0 {
		return number
	}

	return number + "-" + p.Chain.String()
}

// ParsePlace reads what String writes.
func ParsePlace(text string) (Place, error) {
	number, chain, chained := strings.Cut(text, "-")

	seq, err := strconv.ParseInt(number, 10, 64)
	if err != nil || strings.HasPrefix(number, "+") {
		return Place{}, fmt.Errorf("%w: %.60q", ErrPlace, text)
	}

	p := Place{Seq: seq}
	if !chained {
		return p, nil
	}

	raw, err := hex.DecodeString(chain)
	if err != nil || len(raw) != len(Chain{}) {
		return Place{}, fmt.Errorf("%w: %.60q", ErrPlace, text)
	}

	known := Chain(raw)
	p.Chain = &known

	return p, nil
}
