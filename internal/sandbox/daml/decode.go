package daml

import (
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/signing"
)

// Decode reads the JSON of one value. It is as strict as a node where a node is, and refuses duplicate keys beyond:
// a field left out is None if it is optional and an error if not; a field that the type does not have must be null.
// The error is an *Error. Strings of the result share one copy of raw.
func (t *Type) Decode(raw []byte) (signing.Value, error) {
	if len(raw) > MaxBytes {
		return nil, problem("%d bytes, at most %d are read", len(raw), MaxBytes)
	}

	d := &decoder{text: string(raw)}

	v, err := d.value(t, 1)
	if err != nil {
		return nil, err
	}

	if d.peek() != 0 || d.pos != len(d.text) {
		return nil, problem("more than one value")
	}

	return v, nil
}

func (d *decoder) value(t *Type, depth int) (signing.Value, *Error) {
	if depth > maxDepth {
		return nil, problem("nested deeper than %d", maxDepth)
	}

	d.values++
	if d.values > maxValues {
		return nil, problem("more than %d values", maxValues)
	}

	switch t.kind {
	case kindOptional:
		return d.optional(t, depth)
	case kindList:
		return d.list(t, depth)
	case kindTextMap:
		return d.textMap(t, depth)
	case kindGenMap:
		return d.genMap(t, depth)
	case kindRecord:
		return d.record(t, depth)
	case kindVariant:
		return d.variant(t, depth)
	case kindEnum:
		return d.enum(t)
	case kindUnit, kindBool, kindInt64, kindNumeric, kindTimestamp, kindDate, kindParty, kindText, kindContractID:
		return d.leaf(t)
	}

	return nil, problem("a type without a kind")
}

// optional reads null or the value; in a nest of optionals each level is an array of at most one element, and null is
// understood for the outermost, since a missing field is it too.
func (d *decoder) optional(t *Type, depth int) (signing.Value, *Error) {
	switch {
	case d.literal("null"):
		return signing.Optional{}, nil
	case t.nested():
		return d.nest(t, depth)
	}

	v, err := d.value(t.of, depth+1)
	if err != nil {
		return nil, err
	}

	return signing.Optional{Value: v}, nil
}

// nest reads an optional in the form of an array.
func (d *decoder) nest(t *Type, depth int) (signing.Value, *Error) {
	if depth > maxDepth {
		return nil, problem("nested deeper than %d", maxDepth)
	}

	var out signing.Optional

	err := d.elements(func(i int) (err *Error) {
		switch {
		case i > 0:
			return problem("an optional has one element at most")
		case t.nested():
			out.Value, err = d.nest(t.of, depth+1)
		default:
			out.Value, err = d.value(t.of, depth+1)
		}

		return err
	})
	if err != nil {
		return nil, err
	}

	return out, nil
}

func (d *decoder) list(t *Type, depth int) (signing.Value, *Error) {
	var out signing.List

	err := d.elements(func(int) *Error {
		v, err := d.value(t.of, depth+1)
		out = append(out, v)

		return err
	})
	if err != nil {
		return nil, err
	}

	return out, nil
}

// textMap puts the entries in the order of their keys, as the ledger has them.
func (d *decoder) textMap(t *Type, depth int) (signing.Value, *Error) {
	var out signing.TextMap

	sorted := true

	err := d.members(func(key string) *Error {
		if n := len(out); n > 0 && out[n-1].Key >= key {
			sorted = false
		}

		v, err := d.value(t.of, depth+1)
		out = append(out, signing.TextEntry{Key: key, Value: v})

		return err
	})
	if err != nil {
		return nil, err
	}

	if sorted {
		return out, nil
	}

	slices.SortFunc(out, func(a, b signing.TextEntry) int { return strings.Compare(a.Key, b.Key) })

	for i := 1; i < len(out); i++ {
		if out[i].Key == out[i-1].Key {
			return nil, problem("a key that is there twice").in(out[i].Key)
		}
	}

	return out, nil
}

// genMap keeps the order that was given.
func (d *decoder) genMap(t *Type, depth int) (signing.Value, *Error) {
	var (
		out  signing.GenMap
		keys map[string]struct{}
	)

	err := d.elements(func(int) *Error {
		entry, err := d.pair(t, depth)
		if err != nil {
			return err
		}

		out = append(out, entry)

		if keys == nil {
			keys = map[string]struct{}{}
		}

		// Equal keys are written equally, and of one type only they.
		key, failed := AppendJSON(nil, entry.Key)
		if failed != nil {
			return problem("key: %v", failed)
		}

		if _, twice := keys[string(key)]; twice {
			return problem("a key that is there twice")
		}

		keys[string(key)] = struct{}{}

		return nil
	})
	if err != nil {
		return nil, err
	}

	return out, nil
}

func (d *decoder) pair(t *Type, depth int) (signing.GenEntry, *Error) {
	var out signing.GenEntry

	count := 0
	err := d.elements(func(i int) (err *Error) {
		count++

		switch i {
		case 0:
			out.Key, err = d.value(t.key, depth+1)
		case 1:
			out.Value, err = d.value(t.of, depth+1)
		default:
			return problem("an entry of a map is a key and a value")
		}

		return err
	})

	if err == nil && count != 2 {
		err = problem("an entry of a map is a key and a value")
	}

	return out, err
}

func (d *decoder) record(t *Type, depth int) (signing.Value, *Error) {
	var fields []signing.Field
	if len(t.fields) > 0 {
		fields = make([]signing.Field, len(t.fields))
	}

	var ignored []string

	next := 0
	err := d.members(func(label string) *Error {
		i := t.position(label, next)
		if i < 0 {
			return d.ignore(label, &ignored)
		}

		if fields[i].Value != nil {
			return problem("a field that is there twice")
		}

		v, err := d.value(t.fields[i].Type, depth+1)
		fields[i] = signing.Field{Label: t.fields[i].Label, Value: v}
		next = i + 1

		return err
	})
	if err != nil {
		return nil, err
	}

	for i := range fields {
		if fields[i].Value != nil {
			continue
		}

		if t.fields[i].Type.kind != kindOptional {
			return nil, problem("a required field is missing").in(t.fields[i].Label)
		}

		fields[i] = signing.Field{Label: t.fields[i].Label, Value: signing.Optional{}}
	}

	return signing.Record{ID: t.name, Fields: fields}, nil
}

// ignore steps over a field that the type does not have, which must be null: a newer client may know an optional field
// that this package does not, as long as it does not use it.
func (d *decoder) ignore(label string, ignored *[]string) *Error {
	if !d.literal("null") {
		return &Error{Problem: "an unexpected field", Unexpected: true}
	}

	if slices.Contains(*ignored, label) {
		return problem("a field that is there twice")
	}

	if len(*ignored) == maxIgnored {
		return &Error{Problem: "too many unexpected fields", Unexpected: true}
	}

	*ignored = append(*ignored, label)

	return nil
}
