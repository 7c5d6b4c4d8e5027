package intent

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// ErrMismatch is wrapped by every error of Check: the transaction is not what was asked for, and must not be signed.
var ErrMismatch = errors.New("prepared transaction is not what was asked for")

const (
	// maxMismatches is how many are kept; the rest is counted.
	maxMismatches = 50
	// maxShown is how much is shown of one text that others wrote, in bytes before it is escaped.
	maxShown = 200
)

// Mismatch is one difference between a request and a prepared transaction. Its texts are bounded and escaped.
type Mismatch struct {
	// Field names the place, such as "transfer.amount" or "metadata.act_as".
	Field string
	Want  string
	Got   string
}

// String is the mismatch for an alarm or a log.
func (m Mismatch) String() string {
	return m.Field + ": want " + m.Want + ", found " + m.Got
}

// MismatchError is everything that Check found.
type MismatchError struct {
	// Mismatches are the first that were found, 50 at most.
	Mismatches []Mismatch
	// More is how many there are beyond those.
	More int
}

// Error names every mismatch.
func (e *MismatchError) Error() string {
	texts := make([]string, 0, len(e.Mismatches))
	for _, m := range e.Mismatches {
		texts = append(texts, m.String())
	}

	text := ErrMismatch.Error() + ": " + strings.Join(texts, "; ")
	if e.More > 0 {
		text += fmt.Sprintf("; and %d more", e.More)
	}

	return text
}

// Unwrap makes the error an ErrMismatch.
func (e *MismatchError) Unwrap() error { return ErrMismatch }

// Has reports whether a field is among the mismatches that are kept.
func (e *MismatchError) Has(field string) bool {
	for _, m := range e.Mismatches {
		if m.Field == field {
			return true
		}
	}

	return false
}

// differs notes a mismatch. The texts may be a stranger's.
func (c *checker) differs(field, want, got string) {
	if len(c.found.Mismatches) == maxMismatches {
		c.found.More++

		return
	}

	c.found.Mismatches = append(c.found.Mismatches, Mismatch{
		Field: shown(field, maxShown), Want: shown(want, maxShown), Got: shown(got, maxShown),
	})
}

// equal notes a mismatch if two texts differ.
func (c *checker) equal(field, want, got string) {
	if want != got {
		c.differs(field, want, got)
	}
}

// expect notes a mismatch unless what must hold does.
func (c *checker) expect(holds bool, field, want, got string) {
	if !holds {
		c.differs(field, want, got)
	}
}

// shown is a stranger's text in a form that neither floods nor breaks a line: as it is if it consists of printable
// ASCII without quotes, else quoted and escaped.
func shown(text string, most int) string {
	cut := len(text) > most
	if cut {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}

		text = text[:most]
	}

	plain := text != ""
	for i := range len(text) {
		plain = plain && text[i] >= ' ' && text[i] <= '~' && text[i] != '"' && text[i] != '\\'
	}

	if !plain {
		text = fmt.Sprintf("%+q", text)
	}

	if cut {
		text += "..."
	}

	return text
}
