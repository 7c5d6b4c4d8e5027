package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"

	tolerant "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// encodeValue writes a Daml value once, when it enters the ledger: what is committed can no longer change.
func encodeValue(value any) (json.RawMessage, error) {
	if raw, ok := value.(json.RawMessage); ok {
		return raw, nil
	}

	w := jsonWriter{buf: make([]byte, 0, usualValue)}
	w.value(value)

	if w.err != nil {
		return nil, fmt.Errorf("encode ledger value: %w", w.err)
	}

	return slices.Clip(w.buf), nil
}

// unmarshal reads what a client sent as tolerantly as a node does, and several times faster than the standard decoder:
// unknown members are ignored, and of equal ones the last counts.
func unmarshal(raw []byte, into any) error {
	//nolint:wrapcheck // the caller says what it decodes
	return tolerant.Unmarshal(raw, into, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// usualValue is how long most values are, in bytes.
const usualValue = 512

// jsonWriter appends JSON. It knows the types of which the token logic makes most of its values, and leaves the others
// to the standard encoder, which takes several times as long. After an error it is worthless.
type jsonWriter struct {
	buf   []byte
	comma bool // before the next member or element
	err   error
}

func (w *jsonWriter) raw(text string) {
	w.buf = append(w.buf, text...)
	w.comma = true
}

// separate puts a comma where one belongs.
func (w *jsonWriter) separate() {
	if w.comma {
		w.buf = append(w.buf, ',')
	}

	w.comma = false
}

func (w *jsonWriter) open() *jsonWriter {
	w.buf = append(w.buf, '{')
	w.comma = false

	return w
}

func (w *jsonWriter) end() *jsonWriter {
	w.raw("}")

	return w
}

func (w *jsonWriter) key(label string) *jsonWriter {
	w.separate()
	w.string(label)

	w.buf = append(w.buf, ':')
	w.comma = false

	return w
}

func (w *jsonWriter) text(label, text string) *jsonWriter {
	w.key(label).string(text)

	return w
}

func (w *jsonWriter) null(label string) *jsonWriter {
	w.key(label).raw("null")

	return w
}

// string appends a text, as it is where it needs no escape.
func (w *jsonWriter) string(text string) {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			w.other(text)

			return
		}
	}

	w.buf = append(w.buf, '"')
	w.buf = append(w.buf, text...)
	w.raw(`"`)
}

// other appends what the standard encoder makes of a value.
func (w *jsonWriter) other(value any) {
	buf := bytes.NewBuffer(w.buf)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)

	if err := enc.Encode(value); err != nil && w.err == nil {
		w.err = err
	}

	w.buf, w.comma = bytes.TrimSuffix(buf.Bytes(), []byte("\n")), true
}

func (w *jsonWriter) value(value any) {
	switch v := value.(type) {
	case obj:
		w.members(v)
	case string:
		w.string(v)
	case ident.Party:
		w.string(string(v))
	case ident.ContractID:
		w.string(string(v))
	case *ident.ContractID:
		if v == nil {
			w.raw("null")
		} else {
			w.string(string(*v))
		}
	case amount.Amount:
		w.string(v.String())
	case damlTime:
		w.time(v)
	case json.RawMessage:
		w.raw(string(v))
	case struct{}:
		w.raw("{}")
	case nil:
		w.raw("null")
	default:
		w.standard(value)
	}
}

// standard appends the records of the token standard, and lists.
func (w *jsonWriter) standard(value any) {
	switch v := value.(type) {
	case metadata:
		w.open().key("values")
		w.strings(v.Values)
		w.end()
	case variant:
		w.open().text("tag", v.Tag).key("value").value(v.Value)
		w.end()
	case extraArgs:
		w.open().key("context").value(v.Context)
		w.key("meta").value(v.Meta)
		w.end()
	case instructionResult:
		w.open().key("output").value(v.Output)
		w.key("senderChangeCids").value(v.Change)
		w.key("meta").value(v.Meta)
		w.end()
	case []variant:
		elements(w, v)
	case []ident.ContractID:
		elements(w, v)
	case []ident.Party:
		elements(w, v)
	case []obj:
		elements(w, v)
	default:
		w.other(value)
	}
}

func (w *jsonWriter) time(t damlTime) {
	w.buf = append(w.buf, '"')
	w.buf = time.Time(t).UTC().AppendFormat(w.buf, damlTimeLayout)
	w.raw(`"`)
}

// members appends a record; keys are written in alphabetical order.
func (w *jsonWriter) members(o obj) {
	if o == nil {
		w.raw("null")

		return
	}

	var room [8]string

	labels := room[:0]
	for label := range o {
		labels = append(labels, label)
	}

	slices.Sort(labels)
	w.open()

	for _, label := range labels {
		w.key(label).value(o[label])
	}

	w.end()
}

func (w *jsonWriter) strings(values map[string]string) {
	if values == nil {
		w.raw("null")

		return
	}

	w.open()

	for _, label := range slices.Sorted(maps.Keys(values)) {
		w.text(label, values[label])
	}

	w.end()
}

func elements[T any](w *jsonWriter, list []T) {
	if list == nil {
		w.raw("null")

		return
	}

	w.buf = append(w.buf, '[')
	w.comma = false

	for _, element := range list {
		w.separate()
		w.value(element)
	}

	w.raw("]")
}

// compareNames orders the names of interfaces as their texts are.
func compareNames(a, b ident.Name) int { return cmp.Compare(a.String(), b.String()) }
