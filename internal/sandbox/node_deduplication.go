package sandbox

import (
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
