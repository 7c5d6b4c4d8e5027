package event

import (
	"slices"

	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	schemaPath = "/event-schemas/"
	schemaURN  = "urn:canton-exchange-suite:event-schema:"
)

// SchemaPath is where the API has the JSON schema of a type's data.
func SchemaPath(name string) string { return schemaPath + name + ".v1.json" }

// SchemaID names that schema. It is no address: where the API is, the exchange alone knows.
func SchemaID(name string) string { return schemaURN + name + ":1" }

type object = map[string]any

func (k Kind) schema() object {
	switch k {
	case Amount:
		return object{"type": "string", "pattern": `^-?[0-9]{1,28}\.[0-9]{10}$`}
	case Time:
		return object{"type": "string", "format": "date-time"}
	case UUID:
		return object{"type": "string", "format": "uuid"}
	case Number:
		return object{"type": "integer"}
	case Truth:
		return object{"type": "boolean"}
	case Evidence:
		return evidenceSchema()
	case Holdings:
		return object{"type": "array", "maxItems": MaxHoldings, "items": closed([]Field{
			required("contractId", Text, ""), required("instrumentAdmin", Text, ""), required("instrumentId", Text, ""),
			required("amount", Amount, ""),
		})}
	case Text:
	}

	return object{"type": "string"}
}

// MaxHoldings is how many holdings an event names; its counts have them all.
const MaxHoldings = 100

func evidenceSchema() object {
	schema := closed([]Field{
		required("updateId", Text, "The same on every validator node."),
		optional("nodeId", Number, "Which node of the update."),
		required("recordTime", Time, "When the synchronizer sequenced it."),
		optional("synchronizer", Text, "Which synchronizer."),
		optional("offset", Number, "Where the update is on participantId, and only there."),
		optional("participantId", Text, "The node that offset is of."),
	})

	properties, _ := schema["properties"].(object)
	properties["transfer"] = closed([]Field{
		required("leg", Number, ""),
		required("status", Text, "Only completed means that the money has moved."), optional("sender", Text, ""),
		optional("receiver", Text, ""), required("instrumentAdmin", Text, ""), required("instrumentId", Text, ""),
		required("amount", Amount, ""), optional("memo", Text, ""), optional("correlationId", Text, ""),
	})

	return schema
}

// closed is the schema of an object with these members and no others.
func closed(fields []Field) object {
	properties, names := object{}, []string{}

	for _, f := range fields {
		schema := f.Kind.schema()
		if f.Says != "" {
			schema["description"] = f.Says
		}

		properties[f.Name] = schema
		if !f.Optional {
			names = append(names, f.Name)
		}
	}

	slices.Sort(names)

	return object{"type": "object", "properties": properties, "required": names, "additionalProperties": false}
}

// Schema is the JSON schema (draft 2020-12) of a type's data.
func (t Type) Schema() ([]byte, error) {
	schema := closed(t.Fields)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["$id"] = SchemaID(t.Name)
	schema["title"] = t.Name
	schema["description"] = t.When

	return strictjson.Encode(schema)
}
