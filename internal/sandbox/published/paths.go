package published

import (
	"cmp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// template is a path of a document, such as /v2/parties/{party}.
type template struct {
	path  string
	parts []string
	fixed int // parts that are not parameters
	item  *openapi3.PathItem
}

// templates are the paths of a document, those with fewer parameters first: they win.
func templates(doc *openapi3.T) []*template {
	var list []*template

	for path, item := range doc.Paths.Map() {
		t := &template{path: path, parts: strings.Split(path, "/"), item: item}
		for _, part := range t.parts {
			if !isParameter(part) {
				t.fixed++
			}
		}

		list = append(list, t)
	}

	slices.SortFunc(list, func(a, b *template) int {
		return cmp.Or(cmp.Compare(b.fixed, a.fixed), cmp.Compare(a.path, b.path))
	})

	return list
}

func isParameter(part string) bool { return strings.HasPrefix(part, "{") }

// find is the path of the document that a request's path is one of; nil when there is none.
func (d *document) find(path string) *template {
	parts := strings.Split(path, "/")

	for _, t := range d.paths {
		if t.matches(parts) {
			return t
		}
	}

	return nil
}

func (t *template) matches(parts []string) bool {
	if len(parts) != len(t.parts) {
		return false
	}

	for i, part := range t.parts {
		if part != parts[i] && (!isParameter(part) || parts[i] == "") {
			return false
		}
	}

	return true
}
