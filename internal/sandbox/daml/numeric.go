package daml

import (
	"strconv"
	"strings"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/signing"
)

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
