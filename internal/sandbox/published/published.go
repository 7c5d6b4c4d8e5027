package published

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// maxReports is how many violations one test is told of: one cause has many.
const maxReports = 10

// Inspector is told every answer of a node; it is what the sandbox's Config.Inspect takes. A status of 101 is one
// message of a websocket.
type Inspector func(method, path string, status int, header http.Header, body []byte)

// Inspect reports every answer that the documents of a node's version, such as 3.5.1, do not allow, as an error of the
// test. No version is that of the newest published document.
func Inspect(tb testing.TB, version string) Inspector {
	tb.Helper()

	c := newCheck(tb, version)

	return func(method, path string, status int, header http.Header, body []byte) {
		if err := c.answer(method, path, status, header, body); err != nil {
			c.report(method, path, status, err, body)
		}
	}
}

// Handler checks the answers of a handler that cannot be told to show them. Websockets pass unchecked.
func Handler(tb testing.TB, version string, next http.Handler) http.Handler {
	tb.Helper()

	inspect := Inspect(tb, version)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &recorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(seen, r)

		if seen.status != http.StatusSwitchingProtocols && r.Context().Err() == nil {
			inspect(r.Method, r.URL.EscapedPath(), seen.status, seen.Header(), seen.body.Bytes())
		}
	})
}

type recorder struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

// Unwrap lets a websocket take the connection over.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(raw []byte) (int, error) {
	w.body.Write(raw)

	return w.ResponseWriter.Write(raw) //nolint:wrapcheck // as the writer below says it
}

// check is the checking of one test.
type check struct {
	ledger   *ledger // nil when the documents are not on this machine
	registry []*document
	scan     *document

	mu      sync.Mutex
	tb      testing.TB // nil once the test is over
	reports int
}

func newCheck(tb testing.TB, version string) *check {
	tb.Helper()

	c := &check{tb: tb}
	tb.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()

		c.tb = nil
	})

	dir := specs()
	if dir == "" {
		shelf.lacking(tb)

		return c
	}

	if err := c.open(dir, version); err != nil {
		tb.Errorf("published documents: %v", err)
	}

	return c
}

func (c *check) open(dir, version string) error {
	var err error
	if c.ledger, err = openLedger(dir, version); err != nil {
		return err
	}

	for _, name := range []string{"token-metadata", "transfer-instruction", "allocation-instruction", "allocation"} {
		file := dir + "/" + name + "-v1.yaml"

		doc, err := shelf.document(file, file, nil)
		if err != nil {
			return err
		}

		c.registry = append(c.registry, doc)
	}

	file := dir + "/scan-proxy.yaml"
	c.scan, err = shelf.document(file, file, nil)

	return err
}

// report tells the test. What comes after its end is lost: nobody waits for it.
func (c *check) report(method, path string, status int, err error, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()

	if c.tb == nil || c.reports >= maxReports {
		return
	}

	c.reports++
	c.tb.Errorf("%s %s answered %d against the published document: %v\n%.4000s", method, path, status, err, body)
}

// answer checks one answer against the document that its path belongs to. Paths of the sandbox's own have none.
func (c *check) answer(method, path string, status int, header http.Header, body []byte) error {
	if c.ledger == nil {
		return nil
	}

	const registry, scan = "/registry/", "/v0/scan-proxy/"

	// Registries and scan stand under roots that their documents do not know.
	if _, rest, found := strings.Cut(path, registry); found {
		return others(c.registry, method, registry+rest, status, header, body)
	}

	if _, rest, found := strings.Cut(path, scan); found {
		return others([]*document{c.scan}, method, scan+rest, status, header, body)
	}

	switch {
	case strings.HasPrefix(path, "/v2/"), path == "/livez", path == "/readyz":
		return c.ledger.answer(method, path, status, header, body)
	default:
		return nil
	}
}

// others checks an answer against the one of the documents that has the path.
func others(docs []*document, method, path string, status int, header http.Header, body []byte) error {
	for _, doc := range docs {
		if t := doc.find(path); t != nil {
			return t.answer(method, status, header, body)
		}
	}

	return unknownPath(status)
}

var errUnknown = errors.New("it is not in the document, and only 404 may be answered")

func unknownPath(status int) error {
	if status == http.StatusNotFound {
		return nil
	}

	return errUnknown
}

// answer checks an answer of a registry or of scan, whose documents name each status that they use. What
// comes before the service, who may ask and how much may be sent, is not part of them.
func (t *template) answer(method string, status int, header http.Header, body []byte) error {
	operation := t.item.GetOperation(method)

	switch {
	case operation == nil && status == http.StatusMethodNotAllowed, status == http.StatusUnauthorized,
		status == http.StatusRequestEntityTooLarge:
		return nil
	case operation == nil:
		return errUnknown
	}

	response := operation.Responses.Status(status)
	if response == nil {
		return fmt.Errorf("the document has no status %d", status)
	}

	return content(response.Value, header, body)
}

// decode reads a body and drops members that are null. The documents declare no member nullable, but the nodes of the
// recorded data write null for what is absent (interfaceId, contractKey, tracestate), and so does the sandbox.
func decode(body []byte) (any, error) {
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		return nil, fmt.Errorf("decode body: %w", err)
	}

	return withoutNulls(value), nil
}

func withoutNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if member == nil {
				delete(v, key)
			} else {
				v[key] = withoutNulls(member)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}

	return value
}
