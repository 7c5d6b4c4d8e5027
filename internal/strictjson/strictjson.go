// Package strictjson is the one door through which JSON of the ledger and of strangers is read.
//
// The standard decoder takes the last of two equal keys, matches keys whatever their case and repairs
// invalid UTF-8. For money each of these is a hole: two programs reading the same bytes must see the same
// amount. Here all three are errors. The package hides which library does it, because the same code
// becomes the standard library's own with Go 1.27.
package strictjson

import (
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Raw is a JSON value that has been checked and kept as it came.
type Raw = jsontext.Value

// ErrJSON is wrapped by every error of this package.
var ErrJSON = errors.New("not acceptable JSON")

// Decode reads one JSON value into v. Unknown members are ignored, because newer nodes add fields;
// duplicate members, invalid UTF-8 and anything after the value are errors. Nesting is bounded by the
// library (10,000 levels), size by the caller, who holds the bytes.
func Decode(raw []byte, v any) error {
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}

	return nil
}

// DecodeKnown is Decode for requests to ourselves: an unknown member is an error too.
func DecodeKnown(raw []byte, v any) error {
	if err := json.Unmarshal(raw, v, json.RejectUnknownMembers(true)); err != nil {
		return fmt.Errorf("%w: %w", ErrJSON, err)
	}

	return nil
}

// Encode writes v without needless escapes or white space, map members in order.
func Encode(v any) ([]byte, error) {
	raw, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJSON, err)
	}

	return raw, nil
}

// Canonical is raw as RFC 8785 writes it: members in order, no white space, no needless escapes. The same value has the
// same bytes, whoever wrote it.
func Canonical(raw []byte) ([]byte, error) {
	value := Raw(raw).Clone()
	if err := value.Canonicalize(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrJSON, err)
	}

	return value, nil
}
