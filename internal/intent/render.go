package intent

import (
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/signing"
)

const (
	// maxRendered bounds the text of a value, and maxRenderedDepth how deep it goes.
	maxRendered      = 2000
	maxRenderedDepth = 6
)

// rendered is a Daml value for people. What is too long or too deep is cut, and says so.
func rendered(v signing.Value) string {
	r := &renderer{}
	r.value(v, 0)

	if r.cut {
		return r.text.String() + "... (cut)"
	}

	return r.text.String()
}

type renderer struct {
	text strings.Builder
	cut  bool
}

func (r *renderer) write(text string) {
	if r.cut = r.cut || r.text.Len()+len(text) > maxRendered; !r.cut {
		r.text.WriteString(text)
	}
}

func (r *renderer) value(v signing.Value, depth int) {
	if r.cut = r.cut || depth > maxRenderedDepth; r.cut {
		return
	}

	switch x := v.(type) { //nolint:exhaustive // values are values, and the others are leaves
	case signing.Record:
		r.list("{", "}", len(x.Fields), func(i int) {
			r.write(word(x.Fields[i].Label) + ": ")
			r.value(x.Fields[i].Value, depth+1)
		})
	case signing.List:
		r.list("[", "]", len(x), func(i int) { r.value(x[i], depth+1) })
	case signing.TextMap:
		r.list("{", "}", len(x), func(i int) {
			r.write(quoted(x[i].Key) + ": ")
			r.value(x[i].Value, depth+1)
		})
	case signing.GenMap:
		r.list("{", "}", len(x), func(i int) {
			r.value(x[i].Key, depth+1)
			r.write(": ")
			r.value(x[i].Value, depth+1)
		})
	case signing.Variant:
		r.write(word(x.Constructor) + " ")
		r.value(x.Value, depth+1)
	case signing.Optional:
		if x.Value == nil {
			r.write("none")
		} else {
			r.value(x.Value, depth+1)
		}
	default:
		r.write(leaf(v))
	}
}

func (r *renderer) list(begin, end string, n int, item func(i int)) {
	r.write(begin)

	for i := range n {
		if r.cut {
			return
		}

		if i > 0 {
			r.write(", ")
		}

		item(i)
	}

	r.write(end)
}

// leaf is a value without parts.
func leaf(v signing.Value) string {
	switch x := v.(type) { //nolint:exhaustive // values are values
	case signing.Text:
		return quoted(string(x))
	case signing.Party:
		return word(string(x))
	case signing.ContractID:
		return word(string(x))
	case signing.Timestamp:
		return stamp(x.Time())
	case signing.Enum:
		return word(x.Constructor)
	case signing.Unit:
		return "()"
	case nil:
		return "nothing"
	default: // numbers, dates and booleans
		return word(fmt.Sprint(x))
	}
}
