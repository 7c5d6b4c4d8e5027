package daml

import (
	"fmt"
	"strconv"
)

// Error says what is wrong with JSON that was to be a value. Every error of Decode is one.
type Error struct {
	// Path leads to the place, as in transfer.inputHoldingCids[3]; empty for the value itself.
	Path string
	// Problem is for people.
	Problem string
	// Unexpected says that the fault is a field which the type does not have. A node answers INVALID_ARGUMENT to that,
	// and a failed preprocessing of the command to everything else.
	Unexpected bool
}

// Error is the path and the problem.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Problem
	}

	return e.Path + ": " + e.Problem
}

func problem(format string, args ...any) *Error {
	return &Error{Problem: fmt.Sprintf(format, args...)}
}

// in moves an error out of a field or a key. A stranger may have chosen the label, so little of it is kept.
func (e *Error) in(label string) *Error {
	if len(label) > maxShown {
		label = label[:maxShown] + "…"
	}

	return e.below(label, ".")
}

// at moves an error out of an element of a list.
func (e *Error) at(index int) *Error { return e.below("["+strconv.Itoa(index)+"]", "") }

func (e *Error) below(segment, separator string) *Error {
	switch {
	case e == nil:
		return nil
	case e.Path == "":
		e.Path = segment
	case e.Path[0] == '[':
		e.Path = segment + e.Path
	case separator == "":
		e.Path = segment + "." + e.Path
	default:
		e.Path = segment + separator + e.Path
	}

	return e
}
