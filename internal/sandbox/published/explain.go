package published

import (
	"errors"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// conforms checks a body against a schema.
func conforms(schema *openapi3.Schema, body []byte) error {
	value, err := decode(body)
	if err != nil {
		return err
	}

	if schema.VisitJSON(value, openapi3.FailFast()) == nil {
		return nil
	}

	if err := schema.VisitJSON(value, openapi3.MultiErrors()); err != nil {
		return deepest(err)
	}

	return nil
}

// violation is one thing that is wrong, and where.
type violation struct {
	at     []string
	reason string
}

func (v *violation) Error() string {
	return fmt.Sprintf("at /%s: %s", strings.Join(v.at, "/"), v.reason)
}

// deepest finds, among all that the alternatives of a schema have against a value, what lies deepest: the alternative
// that was meant is the one which fits the furthest. An error knows its whole path, however deep it is wrapped.
func deepest(err error) *violation {
	var (
		wrong *openapi3.SchemaError
		many  openapi3.MultiError
	)

	// An error that is itself one of the two is unpacked before what it wraps.
	switch e := err.(type) { //nolint:errorlint // the tree is walked by hand
	case *openapi3.SchemaError:
		return violationOf(e)
	case openapi3.MultiError:
		return deepestOf(e)
	}

	switch {
	case errors.As(err, &many):
		return deepestOf(many)
	case errors.As(err, &wrong):
		return violationOf(wrong)
	}

	return &violation{reason: err.Error()}
}

func deepestOf(errs openapi3.MultiError) *violation {
	found := &violation{reason: "does not conform"}

	for i, err := range errs {
		if v := deepest(err); i == 0 || len(v.at) > len(found.at) {
			found = v
		}
	}

	return found
}

func violationOf(e *openapi3.SchemaError) *violation {
	own := &violation{at: e.JSONPointer(), reason: e.Reason}

	if e.Origin != nil {
		if v := deepest(e.Origin); len(v.at) > len(own.at) {
			return v
		}
	}

	return own
}
