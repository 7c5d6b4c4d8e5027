package amount

import (
	"fmt"
	"strings"

	"github.com/shopspring/decimal"
)

// Total is an exact sum of amounts. It has no range: strangers can send two of the largest amounts of a token of their
// own, and a sum of the books must not fail because of them. The zero value is 0.
type Total struct {
	_ [0]func()
	d decimal.Decimal
}

// maxTotalText bounds what ParseTotal reads: a sum of 10^18 of the largest amounts is shorter.
const maxTotalText = 80

// ParseTotal reads the text of an SQL numeric.
func ParseTotal(text string) (Total, error) {
	whole, fraction, hasPoint := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	if len(text) > maxTotalText || !digits(whole) || (hasPoint && !digits(fraction)) {
		return Total{}, fmt.Errorf("parse total %s: %w", quoted(text), ErrSyntax)
	}

	d, err := decimal.NewFromString(text)
	if err != nil {
		return Total{}, fmt.Errorf("parse total %s: %w", quoted(text), ErrSyntax)
	}

	return Total{d: d}, nil
}

// Plus is t+a.
func (t Total) Plus(a Amount) Total { return Total{d: t.d.Add(a.d)} }

// PlusTotal is t+o.
func (t Total) PlusTotal(o Total) Total { return Total{d: t.d.Add(o.d)} }

// Equal reports whether both are the same number.
func (t Total) Equal(o Total) bool { return t.d.Equal(o.d) }

// Cmp orders totals.
func (t Total) Cmp(o Total) int { return t.d.Cmp(o.d) }

// Amount is the total as an amount; an error if it is beyond the range of one.
func (t Total) Amount() (Amount, error) { return Parse(t.d.StringFixed(Scale)) }

// IsZero reports whether t is 0.
func (t Total) IsZero() bool { return t.d.IsZero() }

// String is the canonical text, with 10 fractional digits.
func (t Total) String() string { return t.d.StringFixed(Scale) }

// Short is the text for people: no trailing zeros.
func (t Total) Short() string { return t.d.String() }

// Scan reads an SQL numeric. NULL is an error.
func (t *Total) Scan(source any) error {
	var text string

	switch v := source.(type) {
	case string:
		text = v
	case []byte:
		text = string(v)
	default:
		return fmt.Errorf("scan total: %T is not a numeric: %w", source, ErrSyntax)
	}

	parsed, err := ParseTotal(text)
	if err != nil {
		return err
	}

	*t = parsed

	return nil
}
