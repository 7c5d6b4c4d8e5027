package signer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/secret"
)

// What callers branch on, beside IsTemporary.
var (
	// ErrWrongKey is a key that is not the expected one.
	ErrWrongKey = errors.New("not the expected key")
	// ErrClosed is a signer that was closed.
	ErrClosed = errors.New("signer is closed")
	// ErrLater is not a failure: a person signs. Export the request and import the signature when it is there.
	ErrLater = errors.New("to be signed by hand: export the request, import the signature later")
)

// Error is a signature, or a key, that could not be had. Its texts hold no key, passphrase, PIN or token.
type Error struct {
	// Driver is where the key is kept, such as "vault transit"; empty when the driver is not to blame.
	Driver string
	// Op is what was attempted.
	Op string
	// Cause is what happened, Advice what to do about it; the latter may be empty.
	Cause, Advice string
	// Temporary says that the same call may succeed later without anybody's doing.
	Temporary bool

	err error
}

// Error describes the failure in one line.
func (e *Error) Error() string {
	var b strings.Builder

	b.WriteString("signer: ")

	if e.Driver != "" {
		b.WriteString(e.Driver + ": ")
	}

	b.WriteString(e.Op + ": " + e.Cause)

	if e.Advice != "" {
		b.WriteString(" (" + e.Advice + ")")
	}

	return b.String()
}

// Unwrap gives the cause inside this program, if there is one.
func (e *Error) Unwrap() error { return e.err }

// Because sets the cause that errors.Is and errors.As find, which the text does not repeat.
func (e *Error) Because(err error) *Error {
	e.err = err

	return e
}

// IsTemporary reports whether the same call may succeed later. It is false for the end of the caller's own context.
func IsTemporary(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && e.Temporary
}

// failure tells the end of the caller's context from our timeout from what the keeper says.
func failure(parent, limited context.Context, op string, err error) error {
	switch {
	case errors.Is(err, ErrClosed):
		return fmt.Errorf("signer: %s: %w", op, ErrClosed)
	case parent.Err() != nil:
		return fmt.Errorf("signer: %s: %w", op, context.Cause(parent))
	case limited.Err() != nil:
		return &Error{
			Op: op, Cause: "no answer in time", Temporary: true, err: limited.Err(),
			Advice: "see whether the keeper of the key can be reached and is not overloaded",
		}
	}

	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}

	return fmt.Errorf("signer: %s: %w", op, err)
}

// maxExcerpt bounds what an error repeats of another program's text.
const maxExcerpt = 300

// Excerpt makes another program's text fit for an error or a log: in one line, escaped, bounded, and without the
// secrets, which programs repeat when they tell what they did not like.
func Excerpt(text string, secrets ...secret.String) string {
	for _, s := range secrets {
		if !s.IsZero() {
			text = strings.ReplaceAll(text, s.Reveal(), s.String())
		}
	}

	text = strings.TrimSpace(text)
	if len(text) > maxExcerpt {
		text = strings.ToValidUTF8(text[:maxExcerpt], "") + "…"
	}

	return memo.Line(text)
}
