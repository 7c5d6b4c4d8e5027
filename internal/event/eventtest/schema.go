// Package eventtest holds events against the catalogue, by a reader of JSON schemas that is not ours. Nothing that
// customers run imports it.
package eventtest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/canton-exchange/suite/internal/event"
)

// Schemas are the schemas of all types of the catalogue.
type Schemas map[string]*openapi3.Schema

// Load reads the catalogue's schemas.
func Load() (Schemas, error) {
	all := Schemas{}

	for _, t := range event.Catalogue() {
		raw, err := t.Schema()
		if err != nil {
			return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
		}

		members := map[string]any{}
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
		}

		for name := range members { // which the reader does not know
			if strings.HasPrefix(name, "$") {
				delete(members, name)
			}
		}

		if raw, err = json.Marshal(members); err != nil {
			return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
		}

		schema := &openapi3.Schema{}
		if err := schema.UnmarshalJSON(raw); err != nil {
			return nil, fmt.Errorf("schema of %s: %w", t.Name, err)
		}

		all[t.Name] = schema
	}

	return all, nil
}

// Check reports how an event's data is not as its type's schema says.
func (s Schemas) Check(kind string, data []byte) error {
	schema, ok := s[kind]
	if !ok {
		return fmt.Errorf("%s is not in the catalogue", kind)
	}

	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}

	if err := schema.VisitJSON(value, openapi3.EnableFormatValidation()); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}

	return nil
}
