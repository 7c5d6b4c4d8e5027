package ledger

import (
	"strconv"
	"strings"
	"time"
)

// scalaUnits are the names under which Scala prints the units of a duration.
//
//nolint:gochecknoglobals,mnd // a table that nothing changes; a day has 24 hours
var scalaUnits = map[string]time.Duration{
	"d": 24 * time.Hour, "day": 24 * time.Hour,
	"h": time.Hour, "hr": time.Hour, "hour": time.Hour,
	"m": time.Minute, "min": time.Minute, "minute": time.Minute,
	"s": time.Second, "sec": time.Second, "second": time.Second,
	"ms": time.Millisecond, "milli": time.Millisecond, "millisecond": time.Millisecond,
	"µs": time.Microsecond, "micro": time.Microsecond, "microsecond": time.Microsecond,
	"ns": time.Nanosecond, "nano": time.Nanosecond, "nanosecond": time.Nanosecond,
}

// scalaDuration reads a duration as Scala prints it, "1 second" or "100 milliseconds". What it cannot read is no
// duration: the text is a hint, and the callers have delays of their own. "Duration.Inf" is a very long one.
func scalaDuration(text string) time.Duration {
	text = strings.TrimSpace(text)
	if text == "Duration.Inf" {
		return maxRetryAfter
	}

	digits := strings.IndexFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	if digits <= 0 {
		return 0
	}

	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil {
		return maxRetryAfter // only too many digits can get here
	}

	name := strings.TrimSpace(text[digits:])

	unit, ok := scalaUnits[name]
	if !ok {
		unit, ok = scalaUnits[strings.TrimSuffix(name, "s")]
	}

	if !ok {
		return 0
	}

	if n > int64(maxRetryAfter/unit) {
		return maxRetryAfter
	}

	return time.Duration(n) * unit
}
