package published_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox/published"
)

// witness is a test that is told of violations.
type witness struct {
	testing.TB

	told   []string
	logged []string
	ends   []func()
}

func (w *witness) Logf(format string, args ...any) {
	w.logged = append(w.logged, fmt.Sprintf(format, args...))
}

func (w *witness) Helper()          {}
func (w *witness) Cleanup(f func()) { w.ends = append(w.ends, f) }
func (w *witness) Errorf(format string, args ...any) {
	w.told = append(w.told, fmt.Sprintf(format, args...))
}

func needDocuments(t *testing.T) {
	t.Helper()

	if _, err := os.Stat("../../../../shared/specs"); err != nil {
		t.Skip("shared/specs is not on this machine")
	}
}

const (
	failure    = `{"code":"X","cause":"","context":{},"errorCategory":8,"resources":[],"correlationId":null}`
	checkpoint = `{"update":{"OffsetCheckpoint":{"value":{"offset":1,"synchronizerTimes":[]}}}}`
	topology33 = `{"update":{"TopologyTransaction":{"value":{"updateId":"1","offset":1,"synchronizerId":"s",` +
		`"recordTime":"t","events":[{"ParticipantAuthorizationAdded":{"partyId":"p","participantId":"n",` +
		`"participantPermission":1}}]}}}}`
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	needDocuments(t)

	const text, binary, object = "text/plain; charset=utf-8", "application/octet-stream", "application/json"

	for _, c := range []struct {
		name, version, method, path string
		status                      int
		kind, body, complaint       string // a part of what is wrong; empty when nothing is
	}{
		{"as published", "3.5.1", "GET", "/v2/state/ledger-end", 200, object, `{"offset":7}`, ""},
		{"null is absent", "3.4.12", "GET", "/v2/state/ledger-end", 200, object, `{"offset":null}`, ""},
		{"null where 3.3 requires", "3.3.0", "GET", "/v2/state/ledger-end", 200, object, `{"offset":null}`, "offset"},
		{"no version is 3.5", "", "POST", "/v2/state/active-contracts-page", 200, object, `{"activeContracts":[],"activeAtOffset":1}`, ""},
		{"a member that is not published", "3.5.1", "GET", "/v2/state/ledger-end", 200, object, `{"offset":7,"end":7}`, "end"},
		{"a member of 3.6", "3.6.0", "GET", "/v2/state/ledger-end", 200, object, `{"synchronizerTimes":[{"synchronizerId":"s","recordTime":"t"}]}`, ""},
		{"a member of 3.6, too early", "3.5.1", "GET", "/v2/state/ledger-end", 200, object, `{"synchronizerTimes":[]}`, "synchronizerTimes"},
		{"a wrong type", "3.5.1", "GET", "/v2/state/ledger-end", 200, object, `{"offset":"7"}`, "offset"},
		{"not JSON", "3.5.1", "GET", "/v2/state/ledger-end", 200, object, `{"off`, "decode"},
		{"a wrong content type", "3.5.1", "GET", "/v2/state/ledger-end", 200, binary, `{"offset":7}`, "content type"},
		{"an unknown path", "3.5.1", "GET", "/v2/nonsense", 200, object, `{}`, "not in the document"},
		{"an unknown path, refused", "3.5.1", "GET", "/v2/nonsense", 404, object, `{}`, ""},
		{"gone in 3.6", "3.6.0", "POST", "/v2/updates/trees", 200, object, `[]`, "not in the document"},
		{"a path parameter", "3.5.1", "GET", "/v2/parties/a::b", 200, object, `{"partyDetails":[{"party":"a::b"}]}`, ""},
		{"a fixed path before a parameter", "3.5.1", "GET", "/v2/parties/participant-id", 200, object, `{"partyDetails":[]}`, "partyDetails"},
		{"a list", "3.5.1", "POST", "/v2/updates", 200, object, "[" + checkpoint + "]", ""},
		{"a list with a stranger", "3.5.1", "POST", "/v2/updates", 200, object, `[{"update":{"Checkpoint":{}}}]`, "/0/update"},
		{"a topology of 3.3", "3.3.0", "POST", "/v2/updates", 200, object, "[" + topology33 + "]", ""},
		{"a topology of 3.3 later", "3.4.12", "POST", "/v2/updates", 200, object, "[" + topology33 + "]", "at /0/update/TopologyTransaction/value/events/0: "},
		{"an error", "3.5.1", "POST", "/v2/updates", 404, object, failure, ""},
		{"an error with 400", "3.5.1", "POST", "/v2/updates", 400, object, failure, ""},
		{"not an error", "3.5.1", "POST", "/v2/updates", 404, object, `{"error":"x"}`, "error"},
		{"an undecodable body", "3.5.1", "POST", "/v2/updates", 400, text, "Invalid value for: body", ""},
		{"a missing resource in text", "3.5.1", "POST", "/v2/updates", 404, text, "missing", "content type"},
		{"a success that is not published", "3.5.1", "POST", "/v2/updates", 202, object, "[]", "no status 202"},
		{"alive", "3.5.1", "GET", "/livez", 200, "", "", ""},
		{"alive before it was published", "3.3.0", "GET", "/livez", 200, "", "", ""},
		{"alive with a body", "3.5.1", "GET", "/livez", 200, text, "yes", "no content"},
		{"a socket's item", "3.5.1", "GET", "/v2/updates", 101, "", checkpoint, ""},
		{"a socket's error", "3.5.1", "GET", "/v2/updates", 101, "", failure, ""},
		{"a socket's stranger", "3.5.1", "GET", "/v2/updates", 101, "", `{"updates":[]}`, "at /"},
		{"a socket of 3.3", "3.3.0", "GET", "/v2/updates", 101, "", topology33, ""},
		{"a socket of 3.3, later", "3.4.12", "GET", "/v2/updates", 101, "", topology33, "/update/TopologyTransaction/value/events/0"},
		{"no such socket", "3.5.1", "GET", "/v2/users", 101, "", "{}", "no websocket"},
		{"a socket refused", "3.5.1", "GET", "/v2/updates", 401, object, failure, ""},
		{"a registry", "3.5.1", "GET", "/registry/metadata/v1/instruments", 200, object, `{"instruments":[]}`, ""},
		{"a registry below a root", "3.5.1", "GET", "/api/x/registry/metadata/v1/instruments", 200, object, `{"tokens":[]}`, "tokens"},
		{"a registry's status", "3.5.1", "GET", "/registry/metadata/v1/instruments", 418, object, `{}`, "no status 418"},
		{"too much for a registry", "3.5.1", "GET", "/registry/metadata/v1/instruments", 413, object, `{}`, ""},
		{"scan", "3.5.1", "GET", "/api/validator/v0/scan-proxy/dso-party-id", 200, object, `{"dso_party_id":"d"}`, ""},
		{"scan, wrong", "3.5.1", "GET", "/api/validator/v0/scan-proxy/dso-party-id", 200, object, `{"dso":"d"}`, "dso"},
		{"the sandbox's own", "3.5.1", "GET", "/sandbox/v1/parties", 200, object, `{"anything":1}`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			w := &witness{TB: t}
			header := http.Header{}

			if c.kind != "" {
				header.Set("Content-Type", c.kind)
			}

			published.Inspect(w, c.version)(c.method, c.path, c.status, header, []byte(c.body))

			if c.complaint == "" {
				require.Empty(t, w.told)

				return
			}

			require.Len(t, w.told, 1)
			require.Contains(t, w.told[0], c.complaint)
			require.Contains(t, w.told[0], c.method+" "+c.path)
		})
	}
}

func TestReportsAreBoundedAndEndWithTheTest(t *testing.T) {
	t.Parallel()
	needDocuments(t)

	w := &witness{TB: t}
	inspect := published.Inspect(w, "3.5.1")

	inspect("GET", "/v2/nonsense", 200, nil, nil)
	require.Len(t, w.told, 1)

	for range 100 {
		inspect("GET", "/v2/nonsense", 200, nil, nil)
	}

	require.Less(t, len(w.told), 50)

	late := &witness{TB: t}
	inspect = published.Inspect(late, "3.5.1")

	for _, end := range late.ends {
		end()
	}

	inspect("GET", "/v2/nonsense", 200, nil, nil)
	require.Empty(t, late.told, "a test that is over cannot be told")
}

func TestUnknownVersionIsAnError(t *testing.T) {
	t.Parallel()
	needDocuments(t)

	w := &witness{TB: t}
	published.Inspect(w, "2.10")
	require.Len(t, w.told, 1)
}

func TestHandler(t *testing.T) {
	t.Parallel()
	needDocuments(t)

	w := &witness{TB: t}
	server := httptest.NewServer(published.Handler(w, "3.5.1", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")

		if strings.HasSuffix(r.URL.Path, "ledger-end") {
			w.WriteHeader(http.StatusOK)
		}

		_, _ = w.Write([]byte(`{"offset":7}`))
	})))

	for _, path := range []string{"/v2/state/ledger-end", "/v2/version"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		require.NoError(t, err)

		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}

	server.Close()
	require.Len(t, w.told, 1, "one of the two answers is wrong")
	require.Contains(t, w.told[0], "/v2/version")
}

// Not parallel: it works in another directory, and with a variable.
func TestTheLackOfDocumentsIsSaid(t *testing.T) {
	needDocuments(t)

	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module elsewhere\n"), 0o600))
	t.Chdir(dir)
	t.Setenv("DEMAND_PUBLISHED", "")

	w := &witness{TB: t}
	published.Inspect(w, "3.5.1")("GET", "/v2/nonsense", 200, nil, nil)
	published.Inspect(w, "3.5.1")
	require.Empty(t, w.told)
	require.Len(t, w.logged, 1, "once in a process")
	require.Contains(t, w.logged[0], "NOT CHECKED")

	t.Setenv("DEMAND_PUBLISHED", "1")
	published.Inspect(w, "3.5.1")
	require.Len(t, w.told, 1)
}
