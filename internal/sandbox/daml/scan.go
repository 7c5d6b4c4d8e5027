package daml

import (
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Bounds on what a stranger can make us keep.
const (
	// MaxBytes bounds the JSON of one value. A command with 100 inputs has about 20 kB.
	MaxBytes = 4 << 20
	// maxDepth is how deep values nest (Value.MAXIMUM_NESTING of Daml-LF).
	maxDepth = 100
	// maxValues bounds the values inside one value, and with them what reading it allocates.
	maxValues = 1 << 16
	// maxSkips bounds how often the whole text is read ahead, for variants whose tag comes late.
	maxSkips = 10
	// maxIgnored bounds the fields that a type does not have and that are null.
	maxIgnored = 100
	// maxShown bounds how much of a stranger's text is repeated in an error.
	maxShown = 80
)

// decoder reads JSON from the front. Strings of the result share its text.
type decoder struct {
	text    string
	pos     int
	values  int
	skipped int // bytes
}

// peek is the next byte that is not white space, or 0 at the end.
func (d *decoder) peek() byte {
	for d.pos < len(d.text) {
		switch c := d.text[d.pos]; c {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return c
		}
	}

	return 0
}

// take steps over c if that comes next.
func (d *decoder) take(c byte) bool {
	if d.peek() != c {
		return false
	}

	d.pos++

	return true
}

// literal steps over a word if that comes next.
func (d *decoder) literal(word string) bool {
	d.peek()

	end := d.pos + len(word)
	if end > len(d.text) || d.text[d.pos:end] != word {
		return false
	}

	d.pos = end

	return true
}

// want is the error of something else being there.
func (d *decoder) want(what string) *Error {
	found := "something that is no JSON"

	switch c := d.peek(); {
	case c == 0:
		found = "the end"
	case c == '"':
		found = "a string"
	case c == '{':
		found = "an object"
	case c == '[':
		found = "an array"
	case c == '-' || (c >= '0' && c <= '9'):
		found = "a number"
	case c == 't' || c == 'f':
		found = "a boolean"
	case c == 'n':
		found = "null"
	case c == ',' || c == ':' || c == '}' || c == ']':
		found = string(c)
	}

	return problem("want %s, found %s", what, found)
}

// quoted reads a string.
func (d *decoder) quoted(what string) (string, *Error) {
	if d.peek() != '"' {
		return "", d.want(what)
	}

	start, plain := d.pos, true

	for i := start + 1; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			d.pos = i + 1

			return d.unquote(d.text[start:d.pos], plain)
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			return "", problem("control character in a string")
		}
	}

	return "", problem("a string without an end")
}

// unquote is the text of a string; plain strings have no escapes. Text that is no UTF-8 is refused rather than
// repaired, as is half of a surrogate pair.
func (*decoder) unquote(quoted string, plain bool) (string, *Error) {
	if plain {
		text := quoted[1 : len(quoted)-1]
		if !utf8.ValidString(text) {
			return "", problem("a string that is no UTF-8")
		}

		return text, nil
	}

	text, err := jsontext.AppendUnquote(nil, quoted)
	if err != nil {
		return "", problem("a string with a wrong escape or that is no UTF-8")
	}

	return string(text), nil
}

// number reads the text of a JSON number.
func (d *decoder) number() (string, *Error) {
	d.peek()

	start := d.pos
	d.literal("-")

	first := d.pos
	ok := d.digits() && (d.text[first] != '0' || d.pos == first+1)

	if ok && d.next('.') {
		ok = d.digits()
	}

	if ok && (d.next('e') || d.next('E')) {
		_ = d.next('-') || d.next('+')
		ok = d.digits()
	}

	if !ok {
		return "", problem("a malformed number")
	}

	return d.text[start:d.pos], nil
}

// next is take without white space before it.
func (d *decoder) next(c byte) bool {
	if d.pos >= len(d.text) || d.text[d.pos] != c {
		return false
	}

	d.pos++

	return true
}

func (d *decoder) digits() bool {
	start := d.pos
	for d.pos < len(d.text) && d.text[d.pos] >= '0' && d.text[d.pos] <= '9' {
		d.pos++
	}

	return d.pos > start
}

// members reads an object: visit is called with each label and reads the member's value.
func (d *decoder) members(visit func(label string) *Error) *Error {
	if !d.take('{') {
		return d.want("an object")
	}

	if d.take('}') {
		return nil
	}

	for {
		label, err := d.quoted("a name")
		if err != nil {
			return err
		}

		if !d.take(':') {
			return d.want("a colon")
		}

		if err := visit(label); err != nil {
			return err.in(label)
		}

		if d.take('}') {
			return nil
		}

		if !d.take(',') {
			return d.want("a comma or the end of the object")
		}
	}
}

// elements reads an array: visit is called for each element and reads it.
func (d *decoder) elements(visit func(index int) *Error) *Error {
	if !d.take('[') {
		return d.want("an array")
	}

	if d.take(']') {
		return nil
	}

	for i := 0; ; i++ {
		if err := visit(i); err != nil {
			return err.at(i)
		}

		if d.take(']') {
			return nil
		}

		if !d.take(',') {
			return d.want("a comma or the end of the array")
		}
	}
}

// readLater steps over a value that is read later, and returns where it is.
func (d *decoder) readLater(depth int) (int, *Error) {
	d.peek()

	start := d.pos
	err := d.skip(depth)

	d.skipped += d.pos - start
	if err == nil && d.skipped > maxSkips*len(d.text) {
		err = problem("too many variants with the value before the tag")
	}

	return start, err
}

func (d *decoder) skip(depth int) *Error {
	if depth > 2*maxDepth { // an array pair or a variant's object is a level of JSON, but none of Daml
		return problem("nested too deep")
	}

	switch c := d.peek(); {
	case c == '{':
		return d.members(func(string) *Error { return d.skip(depth + 1) })
	case c == '[':
		return d.elements(func(int) *Error { return d.skip(depth + 1) })
	case c == '"':
		_, err := d.quoted("a string")

		return err
	case c == '-' || (c >= '0' && c <= '9'):
		_, err := d.number()

		return err
	case d.literal("true"), d.literal("false"), d.literal("null"):
		return nil
	default:
		return d.want("a value")
	}
}
