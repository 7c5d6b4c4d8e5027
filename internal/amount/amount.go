// Package amount holds the one type in which money is counted.
//
// A Daml Decimal is Numeric 10: at most 38 digits, exactly 10 of them after the point. Amount is that
// number, exact, with one canonical text ("200.0000000000", as the ledger prints it). It never passes
// through a float, in JSON it is always a string, and in SQL it is numeric(38,10).
package amount

import (
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"github.com/shopspring/decimal"
)

const (
	// Scale is the number of fractional digits of a ledger amount.
	Scale = 10
	// Precision is the number of significant digits of a ledger amount, fraction included.
	Precision = 38
	// maxText bounds what Parse looks at: sign, 28 integer digits, point, 10 fractional digits, and slack for
	// leading zeros that some writers add.
	maxText = 64
)

var (
	// ErrSyntax is returned for text that is not a plain decimal number.
	ErrSyntax = errors.New("not a decimal number")
	// ErrRange is returned for a value with more than 28 integer digits.
	ErrRange = errors.New("amount has more than 28 digits before the point")
	// ErrScale is returned for a value with more than 10 fractional digits that are not zero.
	ErrScale = errors.New("amount has more than 10 digits after the point")
)

// limit is the first integer that is out of range: 10^28.
//
//nolint:gochecknoglobals // a constant in all but the language's sense
var limit = decimal.New(1, Precision-Scale)

// Amount is an exact ledger amount; the zero value is 0. Amounts are compared with Cmp or Equal: ==
// does not compile, because one number has several representations in memory.
type Amount struct {
	_ [0]func()
	d decimal.Decimal
}

// Zero is the amount 0.
func Zero() Amount { return Amount{} }

// Parse reads a plain decimal number: an optional minus sign, digits, and optionally a point with digits
// on both sides. Exponents, plus signs, blanks, "NaN" and numbers outside 38,10 are refused.
func Parse(text string) (Amount, error) {
	if err := checkSyntax(text); err != nil {
		return Amount{}, fmt.Errorf("parse amount %s: %w", quoted(text), err)
	}

	d, err := decimal.NewFromString(text)
	if err != nil {
		return Amount{}, fmt.Errorf("parse amount %s: %w", quoted(text), ErrSyntax)
	}

	a, err := fromDecimal(d)
	if err != nil {
		return Amount{}, fmt.Errorf("parse amount %s: %w", quoted(text), err)
	}

	return a, nil
}

// FromScaled returns n·10^-10, and ErrRange if that has more than 38 digits.
func FromScaled(n *big.Int) (Amount, error) { return fromDecimal(decimal.NewFromBigInt(n, -Scale)) }

// Scaled is the amount as an integer count of 10^-10, for writers of binary formats.
func (a Amount) Scaled() *big.Int {
	return a.d.Shift(Scale).BigInt()
}

// Words is the magnitude of Scaled, whose 38 digits have 127 bits, in two words. It allocates nothing for amounts of at
// most 18 digits, for readers of very many.
func (a Amount) Words() (uint64, uint64) {
	const shortest = 18 // digits that surely fit an int64

	if more := a.d.Exponent() + Scale; more >= 0 && more <= Scale && a.d.NumDigits() <= shortest {
		coefficient := a.d.CoefficientInt64()

		return bits.Mul64(uint64(max(coefficient, -coefficient)), power(more)) //nolint:gosec // not negative, by max
	}

	var raw [16]byte

	a.Scaled().FillBytes(raw[:]) // of the magnitude

	return binary.BigEndian.Uint64(raw[:8]), binary.BigEndian.Uint64(raw[8:])
}

// power is 10^n, for n up to 10.
func power(n int32) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}

	return p
}

// FromInt returns the amount of whole units.
func FromInt(units int64) Amount { return Amount{d: decimal.NewFromInt(units)} }

func fromDecimal(d decimal.Decimal) (Amount, error) {
	if d.Abs().Cmp(limit) >= 0 {
		return Amount{}, ErrRange
	}

	if -d.Exponent() > Scale && !d.Truncate(Scale).Equal(d) {
		return Amount{}, ErrScale
	}

	return Amount{d: d}, nil
}

// checkSyntax accepts -?[0-9]+(\.[0-9]+)? of at most maxText bytes.
func checkSyntax(text string) error {
	if len(text) > maxText {
		return ErrRange
	}

	whole, fraction, hasPoint := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if !digits(whole) || (hasPoint && !digits(fraction)) {
		return ErrSyntax
	}

	return nil
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}

	return s != ""
}

// quoted shows a stranger's text in an error without letting it flood or break a log line.
func quoted(text string) string {
	if len(text) > maxText {
		text = text[:maxText] + "…"
	}

	return fmt.Sprintf("%q", text)
}

// String is the canonical text: always 10 fractional digits, never an exponent.
func (a Amount) String() string { return a.d.StringFixed(Scale) }

// Short is the text for people: no trailing zeros ("200", "0.5").
func (a Amount) Short() string { return a.d.String() }

// Add returns a+b, or ErrRange if the sum no longer fits.
func (a Amount) Add(b Amount) (Amount, error) {
	sum, err := fromDecimal(a.d.Add(b.d))
	if err != nil {
		return Amount{}, fmt.Errorf("add %s and %s: %w", a, b, err)
	}

	return sum, nil
}

// Sub returns a−b, or ErrRange if the difference no longer fits.
func (a Amount) Sub(b Amount) (Amount, error) { return a.Add(b.Neg()) }

// Neg returns −a. It cannot fail: the range is symmetric.
func (a Amount) Neg() Amount { return Amount{d: a.d.Neg()} }

// Cmp is −1, 0 or +1 as a is less than, equal to or greater than b.
func (a Amount) Cmp(b Amount) int { return a.d.Cmp(b.d) }

// Equal reports whether a and b are the same number.
func (a Amount) Equal(b Amount) bool { return a.d.Equal(b.d) }

// Sign is −1, 0 or +1.
func (a Amount) Sign() int { return a.d.Sign() }

// IsZero reports whether a is 0.
func (a Amount) IsZero() bool { return a.d.IsZero() }

// FitsDecimals reports whether a has no more than n fractional digits (0 ≤ n ≤ 10), as a token's registry
// may demand of what people type.
func (a Amount) FitsDecimals(n int32) bool { return a.d.Truncate(n).Equal(a.d) }

// MarshalJSON writes the canonical text as a JSON string.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(`"` + a.String() + `"`), nil }

// UnmarshalJSON reads a JSON string. A JSON number is refused: it may have been a float on its way here.
func (a *Amount) UnmarshalJSON(raw []byte) error {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return fmt.Errorf("amount %s is not a JSON string: %w", quoted(string(raw)), ErrSyntax)
	}

	parsed, err := Parse(string(raw[1 : len(raw)-1]))
	if err != nil {
		return err
	}

	*a = parsed

	return nil
}

// Value writes the amount for SQL numeric(38,10).
func (a Amount) Value() (driver.Value, error) { return a.String(), nil }

// Scan reads an SQL numeric. NULL is an error: a missing amount is not 0.
func (a *Amount) Scan(source any) error {
	var text string

	switch v := source.(type) {
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("scan amount: %T is not a numeric: %w", source, ErrSyntax)
	}

	parsed, err := Parse(text)
	if err != nil {
		return err
	}

	*a = parsed

	return nil
}
