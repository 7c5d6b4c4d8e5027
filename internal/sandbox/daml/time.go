package daml

import (
	"time"

	"github.com/canton-exchange/suite/internal/signing"
)

// timestamp reads ISO-8601 in UTC. Digits below the microsecond are dropped, as a node does.
func (d *decoder) timestamp() (signing.Value, *Error) {
	text, err := d.quoted("a time in a string")
	if err != nil {
		return nil, err
	}

	t, ok := parseTime(text)
	if !ok {
		return nil, problem("%.80q is no time like 2026-02-03T04:05:06.123456Z", text)
	}

	return signing.TimestampOf(t), nil
}

func (d *decoder) date() (signing.Value, *Error) {
	text, err := d.quoted("a date in a string")
	if err != nil {
		return nil, err
	}

	t, ok := parseDay(text)
	if !ok {
		return nil, problem("%.80q is no date like 2026-02-03", text)
	}

	return signing.Date(t.Unix() / secondsOfDay), nil //nolint:gosec // four digits of a year fit
}

func parseTime(text string) (time.Time, bool) {
	const toDay, toSecond = len(time.DateOnly), len("2006-01-02T15:04:05")

	if len(text) <= toSecond || text[len(text)-1] != 'Z' || text[toDay] != 'T' {
		return time.Time{}, false
	}

	day, ok1 := parseDay(text[:toDay])
	clock, ok2 := parseClock(text[toDay+1 : toSecond])
	micros, ok3 := parseFraction(text[toSecond : len(text)-1])

	return day.Add(clock + micros), ok1 && ok2 && ok3
}

// parseClock reads 15:04:05.
func parseClock(text string) (time.Duration, bool) {
	const lastHour, lastMinute, lastSecond = 23, 59, 59

	if text[2] != ':' || text[5] != ':' {
		return 0, false
	}

	hour, ok1 := number(text[:2])
	minute, ok2 := number(text[3:5])
	second, ok3 := number(text[6:])
	ok := ok1 && ok2 && ok3 && hour <= lastHour && minute <= lastMinute && second <= lastSecond

	return time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second, ok
}

// parseFraction reads nothing, or a point and one to nine digits, of which six count.
func parseFraction(text string) (time.Duration, bool) {
	const most, counting = 9, 6

	if text == "" {
		return 0, true
	}

	digits := text[1:]
	if text[0] != '.' || len(digits) > most || !decimal(digits) {
		return 0, false
	}

	micros := 0

	for i := range counting {
		micros *= 10
		if i < len(digits) {
			micros += int(digits[i] - '0')
		}
	}

	return time.Duration(micros) * time.Microsecond, true
}

func parseDay(text string) (time.Time, bool) {
	if len(text) != len(time.DateOnly) || text[4] != '-' || text[7] != '-' {
		return time.Time{}, false
	}

	year, ok1 := number(text[:4])
	month, ok2 := number(text[5:7])
	day, ok3 := number(text[8:])
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)

	// A day that the month does not have becomes one of another month, as a month that the year does not have does.
	return t, ok1 && ok2 && ok3 && year > 0 && t.Month() == time.Month(month)
}

// number is a short number without a sign.
func number(text string) (int, bool) {
	if !decimal(text) {
		return 0, false
	}

	n := 0
	for i := range len(text) {
		n = 10*n + int(text[i]-'0')
	}

	return n, true
}
