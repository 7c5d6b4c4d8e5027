package sandbox

import (
	"math"
	"time"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// minLedgerTime is a one-of.
type minLedgerTime struct {
	Time struct {
		Absolute *wrapped[time.Time]    `json:"MinLedgerTimeAbs"`
		Relative *wrapped[durationJSON] `json:"MinLedgerTimeRel"`
	} `json:"time"`
}

type durationJSON struct {
	Seconds int64 `json:"seconds"`
	Nanos   int64 `json:"nanos"`
}

// duration is how long that is; the longest there is for one that is longer, and negative for what is none.
func (d durationJSON) duration() time.Duration {
	const most = int64(math.MaxInt64/time.Second) - 1

	switch {
	case d.Seconds < 0 || d.Nanos < 0 || d.Nanos >= int64(time.Second):
		return -1
	case d.Seconds > most:
		return math.MaxInt64
	default:
		return time.Duration(d.Seconds)*time.Second + time.Duration(d.Nanos)
	}
}

// preparationTime is now, or the minimum ledger time that the client asks for.
func (v *Validator) preparationTime(asked *minLedgerTime) (time.Time, error) {
	now := v.ledgerTime()
	if asked == nil {
		return now, nil
	}

	at := now

	switch {
	case asked.Time.Absolute != nil:
		at = micros(asked.Time.Absolute.Value)
	case asked.Time.Relative != nil:
		ahead := asked.Time.Relative.Value.duration()
		if ahead < 0 {
			return at, cantonerr.Field("min_ledger_time_rel: not a duration")
		}

		at = micros(now.Add(min(ahead, 2*preparationTolerance)))
	}

	if at.Before(now) {
		at = now
	}

	if at.Sub(now) > preparationTolerance {
		return at, cantonerr.Argument("minLedgerTime %s is too far ahead", instantText(at))
	}

	return at, nil
}
