package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// dedupOf is the deduplication period as the completion repeats it. The node deduplicates for its maximum whatever is
// asked for, which is never less.
func (v *Validator) dedupOf(raw json.RawMessage) (any, error) {
	var in struct {
		Duration *wrapped[durationJSON] `json:"DeduplicationDuration"`
		Offset   *wrapped[ident.Offset] `json:"DeduplicationOffset"`
	}

	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &in); err != nil {
			return nil, cantonerr.Field("deduplication_period: %s", err)
		}
	}

	switch {
	case in.Offset != nil:
		return obj{"DeduplicationOffset": in.Offset}, v.checkDedupOffset(in.Offset.Value)
	case in.Duration != nil:
		if d := in.Duration.Value.duration(); d < 0 || d > maxDeduplication {
			return nil, cantonerr.State("INVALID_DEDUPLICATION_PERIOD",
				"The given deduplication duration of %s exceeds the maximum deduplication duration of %s", d, maxDeduplication)
		}

		return obj{"DeduplicationDuration": in.Duration}, nil
	default:
		longest := durationJSON{Seconds: int64(maxDeduplication / time.Second)}

		return obj{"DeduplicationDuration": wrapped[durationJSON]{longest}}, nil
	}
}

// checkDedupOffset refuses an offset of which the node no longer, or not yet, knows what came after it.
func (v *Validator) checkDedupOffset(offset ident.Offset) error {
	v.mu.Lock()
	defer v.mu.Unlock()

	switch {
	case offset < 0:
		return errNegative("deduplication_period", offset)
	case offset < v.prunedTo || offset > v.end:
		return cantonerr.State("INVALID_DEDUPLICATION_PERIOD",
			"The given deduplication offset %d is not between the pruned offset %d and the ledger end %d",
			offset, v.prunedTo, v.end).With("earliest_offset", fmt.Sprint(v.prunedTo))
	default:
		return nil
	}
}

// succeeded is a change that committed, for those who submit it again.
type succeeded struct {
	submissionID string
	offset       ident.Offset
}

// committedChanges is a node's memory of the changes that committed. It outlives pruning: whoever submits a payment
// again because its completion is pruned must not pay twice.
type committedChanges struct {
	byDigest generations[[sha256.Size]byte, succeeded]
}

// add reports false when the node had to forget a change that it was to deduplicate still.
func (c *committedChanges) add(change changeID, s succeeded, at time.Time) bool {
	return c.byDigest.put(change.digest(), s, at, maxDeduplication)
}

func (c *committedChanges) find(change changeID, at time.Time) (succeeded, bool) {
	return c.byDigest.get(change.digest(), at, maxDeduplication)
}

// digest stands for the change in a memory of bounded size: a hundred parties are many bytes.
func (c changeID) digest() [sha256.Size]byte {
	var buf []byte

	for _, part := range []string{c.user, c.command, c.actAs} {
		buf = binary.AppendUvarint(buf, uint64(len(part)))
		buf = append(buf, part...)
	}

	return sha256.Sum256(buf)
}
