package published

import (
	"fmt"
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
)

// Releases of the JSON Ledger API whose documents are known. The answers of 3.6, whose document is not, are checked
// against those of 3.5.1 with what its source is known to have changed.
const (
	release33 = "3.3"
	release34 = "3.4"
	release35 = "3.5"
	release36 = "3.6"
)

// borrowHealth adds what only the documents from 3.5 on have, though nodes had it before.
func borrowHealth(from *openapi3.T) func(*openapi3.T) error {
	return func(doc *openapi3.T) error {
		for _, path := range []string{"/livez", "/readyz"} {
			item := from.Paths.Value(path)
			if item == nil {
				return fmt.Errorf("no path %s to borrow", path)
			}

			doc.Paths.Set(path, item)
		}

		return nil
	}
}

// amend35 adds what came with later patches of 3.5: pages of contracts by POST (3.5.14), and completions of every user
// (3.5.7).
func amend35(doc *openapi3.T) error {
	const page, completions = "/v2/state/active-contracts-page", "/v2/commands/completions"

	item := doc.Paths.Value(page)
	if item == nil || item.Get == nil || doc.Paths.Value(completions) == nil {
		return fmt.Errorf("no paths %s and %s", page, completions)
	}

	item.Post = item.Get
	doc.Paths.Set("/v2/commands/command-completions", doc.Paths.Value(completions))

	return nil
}

// amend36 makes the document of 3.5 that of 3.6, as far as the differences are known.
func amend36(doc *openapi3.T) error {
	if err := amend35(doc); err != nil {
		return err
	}

	for _, path := range []string{
		"/v2/updates/flats", "/v2/updates/trees", "/v2/updates/transaction-by-id", "/v2/updates/transaction-by-offset",
		"/v2/updates/transaction-tree-by-id/{update-id}", "/v2/updates/transaction-tree-by-offset/{offset}",
		"/v2/interactive-submission/preferred-package-version", "/v2/package-vetting",
	} {
		doc.Paths.Delete(path)
	}

	doc.Paths.Set("/v2/updates/update-by-hash", doc.Paths.Value("/v2/updates/update-by-id"))

	byHash := openapi3.NewObjectSchema().
		WithPropertyRef("acceptedCompletion", openapi3.NewSchemaRef("", doc.Components.Schemas["Completion1"].Value)).
		WithProperty("lastRejectedCompletions", openapi3.NewArraySchema().
			WithItems(doc.Components.Schemas["Completion1"].Value))
	doc.Paths.Set("/v2/commands/completion-by-hash", answering(byHash, doc.Paths.Value("/v2/updates/update-by-id")))

	return addMembers36(doc)
}

// addMembers36 adds the members of 3.6 to a document, an OpenAPI or an AsyncAPI one.
func addMembers36(doc *openapi3.T) error {
	text := openapi3.NewStringSchema()

	for _, name := range []string{"JsTransaction", "Completion1"} {
		ref := doc.Components.Schemas[name]
		if ref == nil {
			return fmt.Errorf("no schema %s", name)
		}

		ref.Value.WithProperty("transactionHash", text)
	}

	if end := doc.Components.Schemas["GetLedgerEndResponse"]; end != nil {
		times := openapi3.NewArraySchema().WithItems(doc.Components.Schemas["SynchronizerTime"].Value)
		end.Value.WithProperty("synchronizerTimes", times)
	}

	return nil
}

// answering is the path of another one with another answer.
func answering(schema *openapi3.Schema, like *openapi3.PathItem) *openapi3.PathItem {
	responses := openapi3.NewResponses()
	for status, response := range like.Post.Responses.Map() {
		responses.Set(status, response)
	}

	responses.Set("200", &openapi3.ResponseRef{Value: openapi3.NewResponse().WithJSONSchema(schema)})

	item := &openapi3.PathItem{}
	item.SetOperation(http.MethodPost, &openapi3.Operation{Responses: responses})

	return item
}
