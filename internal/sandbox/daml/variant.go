package daml

import "github.com/canton-exchange/suite/internal/signing"

// pending is a variant of which not all is read.
type pending struct {
	constructor int // -1 before the tag
	value       signing.Value
	early       int // where a value is that came before its tag, or -1
}

// variant reads {"tag", "value"}; the value may come first, and is then read once its type is known.
func (d *decoder) variant(t *Type, depth int) (signing.Value, *Error) {
	p := pending{constructor: -1, early: -1}

	if err := d.members(func(label string) *Error { return d.part(t, &p, label, depth) }); err != nil {
		return nil, err
	}

	switch {
	case p.constructor < 0:
		return nil, problem("a required field is missing").in("tag")
	case p.value == nil && p.early < 0:
		return nil, problem("a required field is missing").in("value")
	case p.early >= 0:
		var err *Error

		end := d.pos
		d.pos = p.early
		p.value, err = d.value(t.fields[p.constructor].Type, depth+1)
		d.pos = end

		if err != nil {
			return nil, err.in("value")
		}
	}

	return signing.Variant{ID: t.name, Constructor: t.fields[p.constructor].Label, Value: p.value}, nil
}

// part reads one member of a variant.
func (d *decoder) part(t *Type, p *pending, label string, depth int) (err *Error) {
	switch label {
	case "tag":
		if p.constructor >= 0 {
			return problem("a field that is there twice")
		}

		p.constructor, err = d.constructor(t)
	case "value":
		switch {
		case p.value != nil || p.early >= 0:
			return problem("a field that is there twice")
		case p.constructor < 0:
			p.early, err = d.readLater(depth)
		default:
			p.value, err = d.value(t.fields[p.constructor].Type, depth+1)
		}
	default:
		return &Error{Problem: "an unexpected field", Unexpected: true}
	}

	return err
}

func (d *decoder) enum(t *Type) (signing.Value, *Error) {
	i, err := d.constructor(t)
	if err != nil {
		return nil, err
	}

	return signing.Enum{ID: t.name, Constructor: t.fields[i].Label}, nil
}

func (d *decoder) constructor(t *Type) (int, *Error) {
	label, err := d.quoted("a constructor")
	if err != nil {
		return -1, err
	}

	i := t.position(label, 0)
	if i < 0 {
		return -1, problem("%s has no constructor %.80q", t.name.Entity, label)
	}

	return i, nil
}
