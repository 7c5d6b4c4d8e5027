package api

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/openapi"
)

//go:embed reference.html
var referencePage string

// Reference is the document of the API for people and for programs, for the admin server: it needs no key there.
func Reference() ([]service.Page, error) {
	document, err := openapi3.NewLoader().LoadFromData(openapi.Exchange)
	if err != nil {
		return nil, fmt.Errorf("read the API's document: %w", err)
	}

	page, err := renderReference(document)
	if err != nil {
		return nil, err
	}

	return []service.Page{
		{Pattern: "GET /reference", Handler: constant("text/html; charset=utf-8", page)},
		{Pattern: "GET /openapi.yaml", Handler: constant("application/yaml", openapi.Exchange)},
	}, nil
}

// constant serves bytes that need nothing from anywhere.
func constant(kind string, content []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		_, _ = w.Write(content) // the reader may be gone
	})
}

// What the page shows.
type (
	shownReference struct {
		Title, Version string
		Introduction   template.HTML
		Sections       []shownSection
		Schemas        []shownSchema
	}
	shownSection struct {
		Name, Text string
		Operations []shownOperation
	}
	shownOperation struct {
		ID, Method, Path, Scope, Summary string
		Text                             template.HTML
		Parameters                       []shownMember
		Body                             *shownSchema
		Example                          string
		Answers                          []shownAnswer
	}
	shownAnswer struct {
		Status string
		Text   template.HTML
		Type   template.HTML
	}
	shownSchema struct {
		Name    string
		Text    template.HTML
		Type    template.HTML
		Members []shownMember
	}
	shownMember struct {
		Name, In string
		Required bool
		Type     template.HTML
		Text     template.HTML
	}
)

func renderReference(document *openapi3.T) ([]byte, error) {
	shape, err := template.New("reference").Parse(referencePage)
	if err != nil {
		return nil, fmt.Errorf("read the reference page: %w", err)
	}

	var page bytes.Buffer
	if err := shape.Execute(&page, referenceOf(document)); err != nil {
		return nil, fmt.Errorf("write the reference page: %w", err)
	}

	return page.Bytes(), nil
}

func referenceOf(document *openapi3.T) shownReference {
	shown := shownReference{
		Title: document.Info.Title, Version: document.Info.Version, Introduction: marked(document.Info.Description),
	}

	for _, tag := range document.Tags {
		shown.Sections = append(shown.Sections, shownSection{
			Name: tag.Name, Text: tag.Description, Operations: operationsOf(document, tag.Name),
		})
	}

	for name, schema := range document.Components.Schemas {
		shown.Schemas = append(shown.Schemas, schemaOf(name, schema))
	}

	slices.SortFunc(shown.Schemas, func(a, b shownSchema) int { return strings.Compare(a.Name, b.Name) })

	return shown
}

func operationsOf(document *openapi3.T, tag string) []shownOperation {
	var shown []shownOperation

	for path, item := range document.Paths.Map() {
		for method, operation := range item.Operations() {
			if slices.Contains(operation.Tags, tag) {
				shown = append(shown, operationOf(path, method, operation))
			}
		}
	}

	slices.SortFunc(shown, func(a, b shownOperation) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})

	return shown
}

func operationOf(path, method string, operation *openapi3.Operation) shownOperation {
	scope, _ := operation.Extensions["x-scope"].(string)
	if also, ok := operation.Extensions["x-scope-also"].(string); ok {
		scope += " and " + also
	}

	shown := shownOperation{
		ID: operation.OperationID, Method: method, Path: path, Scope: scope, Summary: operation.Summary,
		Text: marked(operation.Description),
	}

	for _, parameter := range operation.Parameters {
		p := parameter.Value
		shown.Parameters = append(shown.Parameters, shownMember{
			Name: p.Name, In: p.In, Required: p.Required, Type: typeOf(p.Schema), Text: marked(p.Description),
		})
	}

	if operation.RequestBody != nil {
		if media := operation.RequestBody.Value.Content.Get("application/json"); media != nil {
			body := schemaOf("", media.Schema)
			shown.Body = &body
		}
	}

	shown.Example = exampleOf(path, method, shown.Body)
	shown.Answers = answersOf(operation.Responses)

	return shown
}

func answersOf(responses *openapi3.Responses) []shownAnswer {
	var shown []shownAnswer

	for status, response := range responses.Map() {
		answer := shownAnswer{Status: status}

		if response.Value.Description != nil {
			answer.Text = marked(*response.Value.Description)
		}

		for _, media := range response.Value.Content {
			if media.Schema.Ref != "" {
				answer.Type = typeOf(media.Schema)
			}
		}

		shown = append(shown, answer)
	}

	slices.SortFunc(shown, func(a, b shownAnswer) int { return strings.Compare(a.Status, b.Status) })

	return shown
}

// exampleOf is a request as it would be typed.
func exampleOf(path, method string, body *shownSchema) string {
	line := `curl -H "Authorization: Bearer $CES_API_KEY" "$CES_API` + path + `"`
	if method == http.MethodGet {
		return line
	}

	line = `curl -X ` + method + ` -H "Idempotency-Key: $(uuidgen)" ` + strings.TrimPrefix(line, "curl ")
	if body == nil {
		return line
	}

	var members []string

	for _, member := range body.Members {
		if member.Required {
			members = append(members, `"`+member.Name+`": …`)
		}
	}

	return line + " \\\n  --json '{" + strings.Join(members, ", ") + "}'"
}

func schemaOf(name string, ref *openapi3.SchemaRef) shownSchema {
	schema := ref.Value
	shown := shownSchema{Name: name, Text: marked(schema.Description), Type: typeOf(&openapi3.SchemaRef{Value: schema})}

	for member, of := range schema.Properties {
		shown.Members = append(shown.Members, shownMember{
			Name: member, Required: slices.Contains(schema.Required, member), Type: typeOf(of), Text: textOf(of),
		})
	}

	slices.SortFunc(shown.Members, func(a, b shownMember) int {
		return cmp.Or(cmp.Compare(boolNumber(b.Required), boolNumber(a.Required)), strings.Compare(a.Name, b.Name))
	})

	return shown
}

func boolNumber(b bool) int {
	if b {
		return 1
	}

	return 0
}

// textOf is what is said of a member at its place: what its schema says is said there.
func textOf(ref *openapi3.SchemaRef) template.HTML {
	if ref.Ref != "" {
		return ""
	}

	return marked(ref.Value.Description)
}

// typeOf names a type, with a link to where it is described.
func typeOf(ref *openapi3.SchemaRef) template.HTML {
	if ref.Ref != "" {
		name := template.HTMLEscapeString(ref.Ref[strings.LastIndexByte(ref.Ref, '/')+1:])

		return template.HTML(`<a href="#schema-` + name + `">` + name + `</a>`) //nolint:gosec // escaped above
	}

	schema := ref.Value

	switch {
	case len(schema.AllOf) == 1:
		return typeOf(schema.AllOf[0])
	case schema.Items != nil:
		return "list of " + typeOf(schema.Items)
	}

	words := []string{strings.Join(schema.Type.Slice(), " or ")}
	if schema.Format != "" {
		words = append(words, schema.Format)
	}

	for _, value := range schema.Enum {
		words = append(words, fmt.Sprint(value))
	}

	if schema.Pattern != "" {
		words = append(words, schema.Pattern)
	}

	return template.HTML(template.HTMLEscapeString(strings.Join(words, ", "))) //nolint:gosec // escaped
}

var (
	strong = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	code   = regexp.MustCompile("`([^`]+)`")
)

// marked shows the document's own texts: paragraphs, what is strong, and code.
func marked(text string) template.HTML {
	var b strings.Builder

	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if paragraph == "" {
			continue
		}

		escaped := template.HTMLEscapeString(paragraph)
		escaped = code.ReplaceAllString(escaped, "<code>$1</code>")
		b.WriteString("<p>" + strong.ReplaceAllString(escaped, "<strong>$1</strong>") + "</p>")
	}

	return template.HTML(b.String()) //nolint:gosec // escaped above
}
