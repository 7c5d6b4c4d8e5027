package published

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// Folder of the documents, beside the project.
const folder = "shared/specs"

// document is one published document, ready to check against.
type document struct {
	*openapi3.T

	paths []*template
}

// demand is the variable that makes the lack of documents an error.
const demand = "DEMAND_PUBLISHED"

// library keeps the documents that a process has read. Reading one takes longer than most tests do.
type library struct {
	lack sync.Once // of documents, said once in a process
	mu   sync.Mutex
	read map[string]func() (*document, error)
}

//nolint:gochecknoglobals // a cache of files that do not change, so that each is read once in a process
var shelf = &library{read: map[string]func() (*document, error){}}

// lacking tells a test that nothing will be checked.
func (l *library) lacking(tb testing.TB) {
	tb.Helper()

	//nolint:forbidigo // this package is for tests, and CI has no other way to them
	if os.Getenv(demand) != "" {
		tb.Errorf("the published documents are not in ../%s, and %s is set", folder, demand)

		return
	}

	l.lack.Do(func() {
		tb.Logf("NOT CHECKED: the published documents are not in ../%s; no answer is held against them", folder)
	})
}

// document reads a document once, and lets adjust change what is read.
func (l *library) document(key, file string, adjust func(*openapi3.T) error) (*document, error) {
	l.mu.Lock()

	get, ok := l.read[key]
	if !ok {
		get = sync.OnceValues(func() (*document, error) { return load(file, adjust) })
		l.read[key] = get
	}
	l.mu.Unlock()

	return get()
}

func load(file string, adjust func(*openapi3.T) error) (*document, error) {
	doc, err := openapi3.NewLoader().LoadFromFile(file)
	if err != nil {
		return nil, fmt.Errorf("read document %s: %w", file, err)
	}

	if adjust != nil {
		if err := adjust(doc); err != nil {
			return nil, fmt.Errorf("adjust document %s: %w", file, err)
		}
	}

	closeObjects(doc)

	return &document{T: doc, paths: templates(doc)}, nil
}

// closeObjects closes every object of the document but those that others extend.
func closeObjects(doc *openapi3.T) {
	if doc.Components == nil {
		return
	}

	extended := map[*openapi3.Schema]bool{}

	for _, ref := range doc.Components.Schemas {
		for _, part := range ref.Value.AllOf {
			extended[ref.Value], extended[part.Value] = true, true
		}
	}

	for _, ref := range doc.Components.Schemas {
		if !extended[ref.Value] {
			closeObject(ref)
		}
	}
}

// closeObject forbids members that a schema does not name.
func closeObject(ref *openapi3.SchemaRef) {
	schema := ref.Value
	if len(schema.Properties) > 0 && schema.AdditionalProperties.Schema == nil {
		no := false
		schema.AdditionalProperties.Has = &no
	}

	for _, part := range schema.OneOf {
		if part.Ref == "" {
			closeObject(part)
		}
	}

	for _, property := range schema.Properties {
		if property.Ref == "" {
			closeObject(property)
		}
	}
}

// specs finds the folder of the documents; empty when it is not on this machine.
func specs() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}

		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}

		dir = parent
	}

	full := filepath.Join(dir, "..", folder)
	if _, err := os.Stat(full); err != nil {
		return ""
	}

	return full
}
