package sandbox_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/signing"
)

// target is a node without a socket, to which one external party, alice, and one other, bob, belong. Made from the same
// seed at the same time, every one is the same.
type target struct {
	tb           testing.TB
	node         http.Handler
	synchronizer string
	alice, bob   ident.Party
	inspect      *atomic.Pointer[published.Inspector] // every answer, for the test that asks
}

func newTarget(tb testing.TB) *target {
	tb.Helper()

	x := &target{tb: tb, inspect: &atomic.Pointer[published.Inspector]{}}
	x.inspected(tb)

	s, err := sandbox.New(sandbox.Config{
		Clock: clock.NewManual(start()), CheckpointInterval: -1, ListWait: 1,
		Inspect: func(method, path string, status int, header http.Header, body []byte) {
			(*x.inspect.Load())(method, path, status, header, body)
		},
	})
	require.NoError(tb, err)
	tb.Cleanup(s.Close)

	x.node = s.Handler()
	x.bob, err = s.AllocateParty("bob")
	require.NoError(tb, err)

	var connected struct {
		List []struct {
			ID string `json:"synchronizerId"`
		} `json:"connectedSynchronizers"`
	}

	x.must(http.MethodGet, "/v2/state/connected-synchronizers", nil, &connected)
	x.synchronizer = connected.List[0].ID

	public, _ := keyOf("alice").Public().(ed25519.PublicKey)

	var g generated

	x.must(http.MethodPost, generatePath, map[string]any{
		"synchronizer": x.synchronizer, "partyHint": "alice", "publicKey": map[string]any{
			"format": "CRYPTO_KEY_FORMAT_RAW", "keyData": []byte(public), "keySpec": "SIGNING_KEY_SPEC_EC_CURVE25519",
		},
	}, &g)
	x.must(http.MethodPost, allocatePath, x.onboarding(g), nil)
	x.alice = g.Party

	_, err = s.Tap(x.alice, amt("100"))
	require.NoError(tb, err)

	return x
}

// inspected holds the answers from now on against the published documents, for this test.
func (x *target) inspected(tb testing.TB) {
	tb.Helper()
	x.inspect.Store(new(published.Inspect(tb, "")))
}

func (x *target) onboarding(g generated) map[string]any {
	return map[string]any{
		"synchronizer": x.synchronizer, "onboardingTransactions": []any{map[string]any{"transaction": g.Transactions[0]}},
		"multiHashSignatures": []any{signature(keyOf("alice"), g.MultiHash, g.Fingerprint)},
	}
}

func (x *target) call(method, path string, body []byte) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	x.node.ServeHTTP(w, httptest.NewRequestWithContext(x.tb.Context(), method, path, bytes.NewReader(body)))

	return w
}

func (x *target) must(method, path string, body, into any) {
	x.tb.Helper()

	raw, err := json.Marshal(body)
	require.NoError(x.tb, err)

	w := x.call(method, path, raw)
	require.Equal(x.tb, http.StatusOK, w.Code, w.Body.String())

	if into != nil {
		require.NoError(x.tb, json.Unmarshal(w.Body.Bytes(), into))
	}
}

// requests are good ones, one for each path.
func (x *target) requests() map[string]any {
	x.tb.Helper()

	prepare := map[string]any{
		"userId": "u", "commandId": "c", "actAs": []any{x.alice}, "commands": []any{pingCommand(x.alice, x.bob)},
		"minLedgerTime": minTime("MinLedgerTimeRel", map[string]any{"seconds": 1, "nanos": 0}),
	}

	var p prepared

	x.must(http.MethodPost, preparePath, prepare, &p)

	namespace, err := signing.Namespace(x.alice)
	require.NoError(x.tb, err)

	execute := map[string]any{
		"userId": "u", "preparedTransaction": p.Transaction, "hashingSchemeVersion": p.Scheme, "submissionId": "s",
		"deduplicationPeriod": map[string]any{"DeduplicationOffset": map[string]any{"value": 1}},
		"partySignatures": map[string]any{"signatures": []any{map[string]any{
			"party": x.alice, "signatures": []any{signature(keyOf("alice"), p.Hash, namespace)},
		}}},
	}
	submit := map[string]any{
		"userId": "u", "commandId": "d", "actAs": []any{x.bob}, "commands": []any{pingCommand(x.bob, x.alice)},
	}

	return map[string]any{
		preparePath: prepare, executePath: execute, waitPath: execute, transactionPath: execute, submitPath: submit,
		submitTransactionPath: map[string]any{"commands": submit},
		completionsPath:       map[string]any{"userId": "u", "parties": []any{x.alice}, "beginExclusive": 0},
		generatePath:          map[string]any{"synchronizer": x.synchronizer, "partyHint": "x"},
		"/registry/transfer-instruction/v1/transfer-factory": map[string]any{"choiceArguments": map[string]any{}},
		"/v2/parties": map[string]any{"partyIdHint": "y", "localMetadata": map[string]any{"annotations": map[string]any{}}},
	}
}

// answers checks that an answer is one that clients can understand: never a fault of the node's own.
func (x *target) answers(path string, body []byte) {
	x.tb.Helper()

	w := x.call(http.MethodPost, path, body)
	if w.Code == http.StatusOK {
		return
	}

	require.Contains(x.tb, []int{
		http.StatusBadRequest, http.StatusNotFound, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusNotImplemented,
	}, w.Code, w.Body.String())

	if strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain") || strings.HasPrefix(path, "/registry") {
		return
	}

	var r refusal

	require.NoError(x.tb, json.Unmarshal(w.Body.Bytes(), &r), w.Body.String())
	require.NotEmpty(x.tb, r.Code)
	require.NotEqual(x.tb, "NA", r.Code)
}

func FuzzBodies(f *testing.F) {
	x, known := newTarget(f), map[string]bool{}

	for path, request := range x.requests() {
		raw, err := json.Marshal(request)
		require.NoError(f, err)
		f.Add(path, raw)

		known[path] = true
	}

	for _, odd := range []string{
		"", "null", "[]", "{", `"`, `{"commands":null}`, `{"actAs":[null]}`, strings.Repeat(`{"commands":[`, 100),
		`{"minLedgerTime":{"time":{"MinLedgerTimeAbs":{"value":"0001-01-01T00:00:00Z"}}}}`, "\x00", "\xff\xfe",
	} {
		f.Add(preparePath, []byte(odd))
		f.Add(executePath, []byte(odd))
	}

	f.Fuzz(func(t *testing.T, path string, body []byte) {
		fresh := *x
		fresh.tb = t
		fresh.inspected(t)

		if known[path] {
			fresh.answers(path, body)
		}
	})
}

// TestMangledBodies cuts, doubles and changes the bodies of good requests at every place.
func TestMangledBodies(t *testing.T) {
	t.Parallel()

	x := newTarget(t)

	for path, request := range x.requests() {
		raw, err := json.Marshal(request)
		require.NoError(t, err)

		for i := range raw {
			x.answers(path, raw[:i])
			x.answers(path, append(append([]byte{}, raw[:i]...), raw[min(len(raw), i+1):]...))

			changed := bytes.Clone(raw)
			changed[i] ^= 1 << (i % 8)
			x.answers(path, changed)
		}
	}
}

// TestNestedBodies nests what a client sends as deep as it likes.
func TestNestedBodies(t *testing.T) {
	t.Parallel()

	x := newTarget(t)
	requests := x.requests()

	for _, depth := range []int{50, 101, 200, 9_000, 200_000} {
		for _, nest := range []func(int) string{
			func(n int) string { return strings.Repeat(`[`, n) + strings.Repeat(`]`, n) },
			func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat(`}`, n) },
		} {
			for path := range requests {
				x.answers(path, []byte(nest(depth)))
				x.answers(path, []byte(`{"userId":"u","commandId":"c","actAs":["`+string(x.alice)+`"],"commands":[{"CreateCommand":`+
					`{"templateId":"#canton-builtin-admin-workflow-ping:Canton.Internal.Ping:Ping","createArguments":`+nest(depth)+`}}]}`))
			}
		}
	}
}
