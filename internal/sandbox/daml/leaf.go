package daml

import (
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// maxContractID bounds a contract id as Canton does: 255 bytes, in hexadecimal.
const maxContractID = 2 * 255

func (d *decoder) leaf(t *Type) (signing.Value, *Error) {
	switch t.kind {
	case kindUnit:
		return d.unit()
	case kindBool:
		return d.boolean()
	case kindInt64:
		return d.integer()
	case kindNumeric:
		return d.numeric()
	case kindTimestamp:
		return d.timestamp()
	case kindDate:
		return d.date()
	case kindParty:
		return d.party()
	case kindContractID:
		return d.contractID()
	case kindText, kindOptional, kindList, kindTextMap, kindGenMap, kindRecord, kindVariant, kindEnum:
	}

	text, err := d.quoted("a text")
	if err != nil {
		return nil, err
	}

	return signing.Text(text), nil
}

// unit is a record without fields to a node.
func (d *decoder) unit() (signing.Value, *Error) {
	var ignored []string

	err := d.members(func(label string) *Error { return d.ignore(label, &ignored) })
	if err != nil {
		return nil, err
	}

	return signing.Unit{}, nil
}

func (d *decoder) boolean() (signing.Value, *Error) {
	switch {
	case d.literal("true"):
		return signing.Bool(true), nil
	case d.literal("false"):
		return signing.Bool(false), nil
	default:
		return nil, d.want("a boolean")
	}
}

// integer takes strings only: a JSON number is an error to a node.
func (d *decoder) integer() (signing.Value, *Error) {
	text, err := d.quoted("an integer in a string")
	if err != nil {
		return nil, err
	}

	n, failed := strconv.ParseInt(text, 10, 64)
	if failed != nil || text[0] == '+' {
		return nil, problem("%.80q is no integer of 64 bits", text)
	}

	return signing.Int64(n), nil
}

// numeric takes a string, or a JSON number without the detour over a float that a node makes.
func (d *decoder) numeric() (signing.Value, *Error) {
	if c := d.peek(); c == '-' || (c >= '0' && c <= '9') {
		text, err := d.number()
		if err != nil {
			return nil, err
		}

		if n, ok := canonicalNumber(text); ok {
			return signing.Numeric(n), nil
		}

		return nil, problem("%.80s is no decimal of 28 digits before and 10 after the point", text)
	}

	text, err := d.quoted("a decimal in a string")
	if err != nil {
		return nil, err
	}

	n, ok := canonical(text)
	if !ok {
		return nil, problem("%.80q is no decimal of 28 digits before and 10 after the point", text)
	}

	return signing.Numeric(n), nil
}

// canonicalNumber is canonical for a JSON number, which may have an exponent.
func canonicalNumber(text string) (string, bool) {
	mantissa, exponent, ok := cutExponent(text)
	if !ok || exponent == 0 {
		return canonicalIf(ok, mantissa)
	}

	unsigned := strings.TrimPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(unsigned, ".")
	digits := whole + fraction

	if digits = strings.TrimLeft(digits, "0"); digits == "" {
		return canonical("0")
	}

	// The number is digits · 10^-scale.
	scale := len(fraction) - exponent
	for scale > 0 && strings.HasSuffix(digits, "0") {
		digits, scale = digits[:len(digits)-1], scale-1
	}

	switch {
	case scale > amount.Scale || -scale > amount.Precision:
		return "", false
	case scale <= 0:
		digits += strings.Repeat("0", -scale)
	default:
		digits = strings.Repeat("0", max(0, scale+1-len(digits))) + digits
		digits = digits[:len(digits)-scale] + "." + digits[len(digits)-scale:]
	}

	return canonical(mantissa[:len(mantissa)-len(unsigned)] + digits)
}

func canonicalIf(ok bool, text string) (string, bool) {
	if !ok {
		return "", false
	}

	return canonical(text)
}

func cutExponent(text string) (mantissa string, exponent int, ok bool) {
	const longest = 5 // of the exponent, with its sign

	i := strings.IndexAny(text, "eE")
	if i < 0 {
		return text, 0, true
	}

	if len(text)-i-1 > longest {
		return "", 0, false
	}

	exponent, err := strconv.Atoi(text[i+1:])

	return text[:i], exponent, err == nil
}

// canonical is a decimal as the ledger has it: no superfluous zeros before the point, ten digits after it, no negative
// zero. It reports false for what is no decimal or does not fit.
func canonical(text string) (string, bool) {
	unsigned := strings.TrimPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(unsigned, ".")

	if !decimal(whole) || (pointed && !decimal(fraction)) || len(fraction) > amount.Scale {
		return "", false
	}

	short := strings.TrimLeft(whole, "0")
	if len(short) > amount.Precision-amount.Scale {
		return "", false
	}

	zero := short == "" && strings.Trim(fraction, "0") == ""
	if negative := len(unsigned) < len(text); len(fraction) == amount.Scale && (!zero || !negative) &&
		(len(short) == len(whole) || whole == "0") {
		return text, true
	}

	out := make([]byte, 0, amount.Precision+2)
	if len(unsigned) < len(text) && !zero {
		out = append(out, '-')
	}

	if short == "" {
		short = "0"
	}

	out = append(out, short...)
	out = append(out, '.')
	out = append(out, fraction...)
	out = append(out, "0000000000"[len(fraction):]...)

	return string(out), true
}

func decimal(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}

	return text != ""
}

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
	const (
		toSecond             = len("2006-01-02T15:04:05")
		mostDigits           = 9
		lastHour, lastMinute = 23, 59
	)

	if len(text) <= toSecond || text[len(text)-1] != 'Z' || text[10] != 'T' || text[13] != ':' || text[16] != ':' {
		return time.Time{}, false
	}

	day, ok := parseDay(text[:10])
	hour, ok1 := number(text[11:13])
	minute, ok2 := number(text[14:16])
	second, ok3 := number(text[17:toSecond])

	if !ok || !ok1 || !ok2 || !ok3 || hour > lastHour || minute > lastMinute || second > lastMinute {
		return time.Time{}, false
	}

	micros := 0

	if fraction := text[toSecond : len(text)-1]; fraction != "" {
		if fraction[0] != '.' || len(fraction)-1 > mostDigits || !decimal(fraction[1:]) {
			return time.Time{}, false
		}

		micros = microseconds(fraction[1:])
	}

	return day.Add(time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute +
		time.Duration(second)*time.Second + time.Duration(micros)*time.Microsecond), true
}

// microseconds is the value of the first six digits behind the point.
func microseconds(fraction string) int {
	micros := 0

	for i := range len("999999") {
		micros *= 10
		if i < len(fraction) {
			micros += int(fraction[i] - '0')
		}
	}

	return micros
}

func parseDay(text string) (time.Time, bool) {
	if len(text) != len(time.DateOnly) || text[4] != '-' || text[7] != '-' {
		return time.Time{}, false
	}

	year, ok1 := number(text[:4])
	month, ok2 := number(text[5:7])
	day, ok3 := number(text[8:])
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)

	// A day that the month does not have becomes one of another, and so does a month that the year does not have.
	return t, ok1 && ok2 && ok3 && year > 0 && t.Day() == day && t.Month() == time.Month(month)
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

func (d *decoder) party() (signing.Value, *Error) {
	text, err := d.quoted("a party")
	if err != nil {
		return nil, err
	}

	party, failed := ident.ParseParty(text)
	if failed != nil {
		return nil, problem("%.80q is no party", text)
	}

	return signing.Party(party), nil
}

// contractID accepts the one spelling that the transaction's hash knows.
func (d *decoder) contractID() (signing.Value, *Error) {
	text, err := d.quoted("a contract id")
	if err != nil {
		return nil, err
	}

	if text == "" || len(text) > maxContractID || len(text)%2 != 0 || strings.ContainsFunc(text, notLowerHex) {
		return nil, problem("%.80q is no contract id", text)
	}

	return signing.ContractID(text), nil
}

func notLowerHex(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }
