package published

import (
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// ledger is the documents of one release of the JSON Ledger API.
type ledger struct {
	doc *document

	// sockets is what each websocket may tell: an item of its stream, or an error.
	sockets map[string]*openapi3.Schema
}

// files of the releases; 3.3 has no AsyncAPI document, and 3.6 has none at all.
func files(release string) (openAPI, asyncAPI string) {
	switch release {
	case release33:
		return "ledger-api-3.3.openapi.yaml", ""
	case release34:
		return "ledger-api-3.4.12.openapi.yaml", "ledger-api-3.4.12.asyncapi.yaml"
	default:
		return "ledger-api-3.5.1.openapi.yaml", "ledger-api-3.5.1.asyncapi.yaml"
	}
}

func releaseOf(version string) (string, error) {
	if version == "" {
		return release35, nil
	}

	for _, release := range []string{release33, release34, release35, release36} {
		if version == release || strings.HasPrefix(version, release+".") {
			return release, nil
		}
	}

	return "", fmt.Errorf("no document of version %q is known", version)
}

func openLedger(dir, version string) (*ledger, error) {
	release, err := releaseOf(version)
	if err != nil {
		return nil, err
	}

	adjust, adjustSockets := amend35, func(*openapi3.T) error { return nil }

	switch release {
	case release33, release34:
		newest, _ := files(release35)

		from, err := shelf.document(newest, dir+"/"+newest, nil)
		if err != nil {
			return nil, err
		}

		adjust = borrowHealth(from.T)
	case release36:
		adjust, adjustSockets = amend36, addMembers36
	}

	openAPI, asyncAPI := files(release)

	l := &ledger{}
	if l.doc, err = shelf.document(release+openAPI, dir+"/"+openAPI, adjust); err != nil {
		return nil, err
	}

	if asyncAPI == "" {
		err = l.deriveSockets()

		return l, err
	}

	sockets, err := shelf.document(release+asyncAPI, dir+"/"+asyncAPI, adjustSockets)
	if err != nil {
		return nil, err
	}

	err = l.readSockets(sockets.T)

	return l, err
}

// readSockets takes over what the channels of an AsyncAPI document are subscribed for.
func (l *ledger) readSockets(doc *openapi3.T) error {
	l.sockets = map[string]*openapi3.Schema{}

	channels, ok := doc.Extensions["channels"].(map[string]any)
	if !ok {
		return fmt.Errorf("channels of the AsyncAPI document are %T", doc.Extensions["channels"])
	}

	for path, channel := range channels {
		message, ok := member(channel, "subscribe", "message", "$ref").(string)
		if !ok {
			return fmt.Errorf("channel %s tells no message", path)
		}

		// A message has the name of its schema.
		schema := doc.Components.Schemas[message[strings.LastIndexByte(message, '/')+1:]]
		if schema == nil {
			return fmt.Errorf("channel %s: no schema for %s", path, message)
		}

		l.sockets[path] = schema.Value
	}

	if completions := l.sockets["/v2/commands/completions"]; completions != nil {
		l.sockets["/v2/commands/command-completions"] = completions
	}

	return nil
}

func member(value any, path ...string) any {
	for _, name := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil
		}

		value = object[name]
	}

	return value
}

// deriveSockets makes what a websocket may tell of what the POST form of the same stream lists.
func (l *ledger) deriveSockets() error {
	l.sockets = map[string]*openapi3.Schema{}

	failure := l.doc.Components.Schemas["JsCantonError"]
	if failure == nil {
		return fmt.Errorf("no schema %s", "JsCantonError")
	}

	for _, path := range []string{
		"/v2/commands/completions", "/v2/state/active-contracts", "/v2/updates", "/v2/updates/flats", "/v2/updates/trees",
	} {
		t := l.doc.find(path)
		if t == nil {
			return fmt.Errorf("no path %s", path)
		}

		items := t.item.Post.Responses.Status(http.StatusOK).Value.Content.Get("application/json").Schema.Value.Items
		l.sockets[path] = openapi3.NewOneOfSchema(items.Value, failure.Value)
	}

	return nil
}

// answer checks one answer of the JSON Ledger API.
func (l *ledger) answer(method, path string, status int, header http.Header, body []byte) error {
	if status == http.StatusSwitchingProtocols {
		return l.message(path, body)
	}

	t := l.doc.find(path)

	switch {
	case t == nil:
		return unknownPath(status)
	case t.item.GetOperation(method) == nil && l.sockets[path] != nil && method == http.MethodGet:
		// A websocket that could not open answers like any other request, or says in plain text that it is one.
		if status == http.StatusUpgradeRequired || status == http.StatusBadRequest {
			return nil
		}

		return content(t.item.Post.Responses.Default().Value, header, body)
	case t.item.GetOperation(method) == nil:
		if status == http.StatusMethodNotAllowed {
			return nil
		}

		return unknownPath(status)
	}

	return l.listed(t.item.GetOperation(method), status, header, body)
}

// listed checks an answer of an operation that the document has. It gives 400 a text answer only, but a node's own
// errors come as JSON with any status (the default response); text is what answers before the API is reached: a body
// that cannot be decoded, one that is too large, a request that took too long.
func (l *ledger) listed(operation *openapi3.Operation, status int, header http.Header, body []byte) error {
	response := operation.Responses.Status(status)
	kind := mediaType(header)

	switch {
	case response != nil && (status == http.StatusOK || response.Value.Content.Get(kind) != nil):
		return content(response.Value, header, body)
	case kind == "text/plain" &&
		(status == http.StatusRequestEntityTooLarge || status == http.StatusServiceUnavailable):
		return nil
	case status < http.StatusBadRequest:
		return fmt.Errorf("the document has no status %d", status)
	}

	return content(operation.Responses.Default().Value, header, body)
}

func (l *ledger) message(path string, body []byte) error {
	schema := l.sockets[path]
	if schema == nil {
		return fmt.Errorf("no websocket at %s is in the document", path)
	}

	return conforms(schema, body)
}

func mediaType(header http.Header) string {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return ""
	}

	return kind
}

// content checks a body against what a response may hold.
func content(response *openapi3.Response, header http.Header, body []byte) error {
	if len(response.Content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("%d bytes where the document has no content", len(body))
		}

		return nil
	}

	kind := mediaType(header)

	media := response.Content.Get(kind)
	if media == nil {
		return fmt.Errorf("content type %q", header.Get("Content-Type"))
	}

	if media.Schema.Value.Type.Is("string") && kind == "text/plain" {
		return nil
	}

	if media.Schema.Value.Format == "binary" {
		return nil
	}

	return conforms(media.Schema.Value, body)
}
