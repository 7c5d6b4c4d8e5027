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
	// maxSide is how much is shown of one side of a mismatch, which can be a sentence of several texts.
	maxSide = 600
	// maxWord is enough for every party and synchronizer, which must not be cut: people compare them.
	maxWord = 255
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
		Field: shown(field, maxShown), Want: shown(want, maxSide), Got: shown(got, maxSide),
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

// shown is a stranger's text in a form that neither floods nor breaks a line, nor passes for several things: as it is
// if it consists of printable ASCII without quotes and semicolons, else quoted and escaped.
func shown(text string, most int) string {
	return escaped(text, most, func(b byte) bool { return b >= ' ' && b <= '~' && b != '"' && b != '\\' && b != ';' })
}

// word is shown for what stands inside a sentence: a text that is no single plain word is quoted.
func word(text string) string {
	return escaped(text, maxWord, func(b byte) bool {
		return b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || strings.IndexByte("._:-#", b) >= 0
	})
}

// quoted is a text in quotes, escaped and bounded.
func quoted(text string) string { return escaped(text, maxShown, func(byte) bool { return false }) }

func escaped(text string, most int, plain func(byte) bool) string {
	cut := len(text) > most
	if cut {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}

		text = text[:most]
	}

	asIs := text != ""
	for i := range len(text) {
		asIs = asIs && plain(text[i])
	}

	if !asIs {
		text = fmt.Sprintf("%+q", text)
	}

	if cut {
		text += "..."
	}

	return text
}
