package daml

import (
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/canton-exchange/suite/internal/signing"
)

const (
	secondsOfDay = 24 * 60 * 60
	// isoTime has as many digits below the second as are needed.
	isoTime = "2006-01-02T15:04:05.999999Z"
)

// ErrUnprintable is returned for a value that no node would hold, such as a record without labels.
var ErrUnprintable = errors.New("value cannot be written as JSON")

// JSON writes a value as a node prints it, with None as null; fields keep their order.
func JSON(v signing.Value) ([]byte, error) { return AppendJSON(nil, v) }

// AppendJSON appends what JSON returns. Values do not carry the type of what is not there, so that None is null even
// where its type is a nest of optionals; Decode understands it.
func AppendJSON(dst []byte, v signing.Value) ([]byte, error) {
	return appendValue(dst, v, 1)
}

//nolint:exhaustive // leaves follow; a pointer is no value
func appendValue(dst []byte, v signing.Value, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrUnprintable, maxDepth)
	}

	switch v := v.(type) {
	case signing.Optional:
		return appendOptional(dst, v, depth)
	case signing.List:
		return appendList(dst, v, depth)
	case signing.TextMap:
		return appendTextMap(dst, v, depth)
	case signing.GenMap:
		return appendGenMap(dst, v, depth)
	case signing.Record:
		return appendRecord(dst, v, depth)
	case signing.Variant:
		return appendVariant(dst, v, depth)
	default:
		return appendLeaf(dst, v)
	}
}

//nolint:exhaustive // the rest is no leaf
func appendLeaf(dst []byte, v signing.Value) ([]byte, error) {
	switch v := v.(type) {
	case signing.Unit:
		return append(dst, "{}"...), nil
	case signing.Bool:
		return strconv.AppendBool(dst, bool(v)), nil
	case signing.Int64:
		dst = append(dst, '"')
		dst = strconv.AppendInt(dst, int64(v), 10)

		return append(dst, '"'), nil
	case signing.Numeric:
		text, ok := canonical(string(v))
		if !ok {
			return nil, fmt.Errorf("%w: decimal %.80q", ErrUnprintable, string(v))
		}

		return appendQuoted(dst, text), nil
	case signing.Timestamp:
		return appendTime(dst, v.Time(), isoTime), nil
	case signing.Date:
		return appendTime(dst, time.Unix(int64(v)*secondsOfDay, 0).UTC(), time.DateOnly), nil
	case signing.Party:
		return appendString(dst, string(v))
	case signing.Text:
		return appendString(dst, string(v))
	case signing.ContractID:
		return appendString(dst, string(v))
	case signing.Enum:
		return appendString(dst, v.Constructor)
	default:
		return nil, fmt.Errorf("%w: %T", ErrUnprintable, v)
	}
}

func appendQuoted(dst []byte, text string) []byte {
	dst = append(dst, '"')
	dst = append(dst, text...)

	return append(dst, '"')
}

func appendTime(dst []byte, t time.Time, layout string) []byte {
	dst = append(dst, '"')
	dst = t.AppendFormat(dst, layout)

	return append(dst, '"')
}

// appendString escapes what JSON demands and no more.
func appendString(dst []byte, text string) ([]byte, error) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			out, err := jsontext.AppendQuote(dst, text)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrUnprintable, err)
			}

			return out, nil
		}
	}

	return appendQuoted(dst, text), nil
}

// appendOptional writes every level of a nest of optionals as an array, a single one as null or the value.
func appendOptional(dst []byte, o signing.Optional, depth int) ([]byte, error) {
	if o.Value == nil {
		return append(dst, "null"...), nil
	}

	if inner, nested := o.Value.(signing.Optional); nested {
		dst = append(dst, '[')

		dst, err := appendNest(dst, inner, depth+1)
		if err != nil {
			return nil, err
		}

		return append(dst, ']'), nil
	}

	return appendValue(dst, o.Value, depth+1)
}

func appendNest(dst []byte, o signing.Optional, depth int) ([]byte, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("%w: nested deeper than %d", ErrUnprintable, maxDepth)
	}

	var err error

	dst = append(dst, '[')

	switch inner, nested := o.Value.(signing.Optional); {
	case nested:
		dst, err = appendNest(dst, inner, depth+1)
	case o.Value != nil:
		dst, err = appendValue(dst, o.Value, depth+1)
	}

	if err != nil {
		return nil, err
	}

	return append(dst, ']'), nil
}

func appendList(dst []byte, l signing.List, depth int) ([]byte, error) {
	var err error

	dst = append(dst, '[')

	for i, element := range l {
		if i > 0 {
			dst = append(dst, ',')
		}

		if dst, err = appendValue(dst, element, depth+1); err != nil {
			return nil, err
		}
	}

	return append(dst, ']'), nil
}

func appendTextMap(dst []byte, m signing.TextMap, depth int) ([]byte, error) {
	var err error

	dst = append(dst, '{')

	for i, entry := range m {
		if i > 0 {
			dst = append(dst, ',')
		}

		if dst, err = appendMember(dst, entry.Key, entry.Value, depth+1); err != nil {
			return nil, err
		}
	}

	return append(dst, '}'), nil
}

func appendMember(dst []byte, label string, v signing.Value, depth int) ([]byte, error) {
	dst, err := appendString(dst, label)
	if err != nil {
		return nil, err
	}

	return appendValue(append(dst, ':'), v, depth)
}

func appendGenMap(dst []byte, m signing.GenMap, depth int) ([]byte, error) {
	var err error

	dst = append(dst, '[')

	for i, entry := range m {
		if i > 0 {
			dst = append(dst, ',')
		}

		if dst, err = appendValue(append(dst, '['), entry.Key, depth+1); err != nil {
			return nil, err
		}

		if dst, err = appendValue(append(dst, ','), entry.Value, depth+1); err != nil {
			return nil, err
		}

		dst = append(dst, ']')
	}

	return append(dst, ']'), nil
}

func appendRecord(dst []byte, r signing.Record, depth int) ([]byte, error) {
	var err error

	dst = append(dst, '{')

	for i, field := range r.Fields {
		if field.Label == "" {
			return nil, fmt.Errorf("%w: a field without a label", ErrUnprintable)
		}

		if i > 0 {
			dst = append(dst, ',')
		}

		if dst, err = appendMember(dst, field.Label, field.Value, depth+1); err != nil {
			return nil, err
		}
	}

	return append(dst, '}'), nil
}

func appendVariant(dst []byte, v signing.Variant, depth int) ([]byte, error) {
	dst, err := appendString(append(dst, `{"tag":`...), v.Constructor)
	if err != nil {
		return nil, err
	}

	if dst, err = appendValue(append(dst, `,"value":`...), v.Value, depth+1); err != nil {
		return nil, err
	}

	return append(dst, '}'), nil
}
