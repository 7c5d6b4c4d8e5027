package admin_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
)

const (
	participant = ident.ParticipantID("participant::1220aa")
	global      = ident.SynchronizerID("global-domain::1220bb")
	second      = ident.SynchronizerID("second-domain::1220cc")
	alice       = ident.Party("alice::1220dd")
	bob         = ident.Party("bob::1220ee")
)

type obj = map[string]any

// node is the administration of a node behind a socket.
type node struct {
	*admin.Admin

	t     *testing.T
	clock *clock.Manual
	url   string
	token string
}

func packageID(letter string) string { return strings.Repeat(letter, 64) }

func packages() []admin.Package {
	return []admin.Package{
		{Name: "splice-amulet", ID: packageID("a"), Version: "0.1.9"},
		{Name: "splice-amulet", ID: packageID("b"), Version: "0.1.10"},
		{Name: "acme-token", ID: packageID("c"), Version: "1.0.0"},
	}
}

func newNode(t *testing.T, cfg admin.Config) *node {
	t.Helper()

	n := &node{t: t, clock: clock.NewManual(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))}
	cfg.Clock, cfg.Participant = n.clock, participant

	if cfg.Version == "" {
		cfg.Version = "3.5.1"
	}

	if cfg.Synchronizers == nil {
		cfg.Synchronizers = []ident.SynchronizerID{global}
	}

	if cfg.Packages == nil {
		cfg.Packages = packages()
	}

	made, err := admin.New(cfg)
	require.NoError(t, err)

	n.Admin = made
	router := chi.NewRouter()
	made.Routes(router)

	// What others mount: a public endpoint that says what the sender may do.
	router.With(made.RefuseInvalidToken).Get("/public", func(w http.ResponseWriter, r *http.Request) {
		if admin.ClaimsOf(r.Context()).Missing() {
			w.WriteHeader(http.StatusNoContent)
		}
	})

	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	t.Cleanup(server.Client().CloseIdleConnections)

	n.url = server.URL

	return n
}

// reply is an answer as it came.
type reply struct {
	status      int
	contentType string
	raw         []byte
}

// call sends a body that is JSON, or as it is when it is a string or bytes.
func (n *node) call(method, path string, body any) reply {
	n.t.Helper()

	var raw []byte

	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	case []byte:
		raw = b
	default:
		var err error

		raw, err = json.Marshal(body)
		require.NoError(n.t, err)
	}

	header := http.Header{"Content-Type": {"application/json"}}
	if n.token != "" {
		header.Set("Authorization", "Bearer "+n.token)
	}

	return n.send(method, path, header, raw)
}

func (n *node) send(method, path string, header http.Header, raw []byte) reply {
	n.t.Helper()

	request, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, bytes.NewReader(raw))
	require.NoError(n.t, err)

	request.Header = header

	response, err := http.DefaultClient.Do(request)
	require.NoError(n.t, err)

	defer response.Body.Close()

	answer, err := io.ReadAll(response.Body)
	require.NoError(n.t, err)

	return reply{status: response.StatusCode, contentType: response.Header.Get("Content-Type"), raw: answer}
}

// ok wants a 200 and decodes it.
func (n *node) ok(method, path string, body any) obj {
	n.t.Helper()

	answer := n.call(method, path, body)
	require.Equal(n.t, http.StatusOK, answer.status, "%s %s: %s", method, path, answer.raw)

	var value obj

	require.NoError(n.t, json.Unmarshal(answer.raw, &value))

	return value
}

// refused wants an error of the ledger API.
func (n *node) refused(method, path string, body any, status int, code string) obj {
	n.t.Helper()

	answer := n.call(method, path, body)
	require.Equal(n.t, status, answer.status, "%s %s: %s", method, path, answer.raw)

	var value obj

	require.NoError(n.t, json.Unmarshal(answer.raw, &value), "%s", answer.raw)
	require.Equal(n.t, code, value["code"], "%s", answer.raw)

	return value
}

func right(kind admin.RightKind, party ident.Party) admin.Right {
	return admin.Right{Kind: kind, Party: party}
}

func user(id string, rights ...admin.Right) obj {
	if rights == nil {
		rights = []admin.Right{}
	}

	return obj{"user": obj{"id": id, "primaryParty": "", "isDeactivated": false, "identityProviderId": ""}, "rights": rights}
}

func rightsBody(id string, rights ...admin.Right) obj {
	return obj{"userId": id, "rights": rights, "identityProviderId": ""}
}

// shared finds the folder beside the project that holds published documents; without it the test is skipped.
func shared(t *testing.T, path string) string {
	t.Helper()

	dir, err := os.Getwd()
	require.NoError(t, err)

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}

		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the test")

		dir = parent
	}

	full := filepath.Join(dir, "..", "shared", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("no published documents: %v", err)
	}

	return full
}
