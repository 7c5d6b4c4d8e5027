package fault_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// admin is a plan behind a real socket.
type admin struct {
	*fault.Plan

	url    string
	client *http.Client
}

func newAdmin(t *testing.T, seed uint64) admin {
	t.Helper()

	p := fault.New(seed)
	router := chi.NewRouter()
	router.Route("/admin", p.Routes)

	server := httptest.NewServer(router)
	t.Cleanup(server.Close)

	return admin{Plan: p, url: server.URL + "/admin", client: server.Client()}
}

func (a admin) call(t require.TestingT, method, path, body string) (int, string) {
	req, err := http.NewRequestWithContext(context.Background(), method, a.url+path, strings.NewReader(body))
	require.NoError(t, err)

	res, err := a.client.Do(req)
	require.NoError(t, err)

	defer res.Body.Close()

	raw, err := io.ReadAll(res.Body)
	require.NoError(t, err)

	return res.StatusCode, string(raw)
}

func TestAdmin(t *testing.T) {
	t.Parallel()

	a := newAdmin(t, 18446744073709551615)

	status, body := a.call(t, http.MethodGet, "/faults", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `"seed":18446744073709551615`)
	require.Contains(t, body, `"rules":[]`)
	require.Contains(t, body, `{"kind":"node-down","does":"the connection ends before anything is done; by time, all of them for a while",`+
		`"strikes":"either","delay":"how long the node is down, when it strikes by time","defaultDelay":"2s"}`)

	status, body = a.call(t, http.MethodPost, "/faults", `{"kind":"reply-delayed","p":"1/1","times":2,"path":"/v2","party":"a::","delay":"1m30s"}`)
	require.Equal(t, http.StatusCreated, status)
	require.JSONEq(t, `{"id":"reply-delayed-1"}`, body)

	_, hit := a.Take(fault.ReplyDelayed, fault.Chance{Path: "/v2/updates", Party: "a::b"})
	require.True(t, hit)

	_, body = a.call(t, http.MethodGet, "/faults", "")

	var told struct{ Rules json.RawMessage }

	require.NoError(t, json.Unmarshal([]byte(body), &told))
	require.JSONEq(t, `[{
		"id": "reply-delayed-1", "chances": 1, "fired": 1,
		"rule": {"kind": "reply-delayed", "p": "1/1", "times": 2, "path": "/v2", "party": "a::", "delay": "1m30s"},
		"text": "kind=reply-delayed,p=1/1,times=2,path=/v2,party=a::,delay=1m30s"
	}]`, string(told.Rules))

	status, body = a.call(t, http.MethodPost, "/faults/seed", `{"seed":7}`)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"seed":7}`, body)

	seed, rules := a.Standing()
	require.Equal(t, uint64(7), seed)
	require.Zero(t, rules[0].Fired)

	status, body = a.call(t, http.MethodPut, "/faults", `{"rules":[{"kind":"prune","every":"1h"},{"kind":"lie-hash"},{"kind":"lie-hash"}]}`)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"ids":["prune-1","lie-hash-1","lie-hash-2"]}`, body)

	status, body = a.call(t, http.MethodDelete, "/faults/lie-hash-1", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Empty(t, body)
	require.Len(t, tallies(a.Plan), 2)

	status, _ = a.call(t, http.MethodDelete, "/faults", "")
	require.Equal(t, http.StatusNoContent, status)
	require.Empty(t, tallies(a.Plan))
}

func TestAdminRefuses(t *testing.T) {
	t.Parallel()

	a := newAdmin(t, 1)
	_, err := a.Add(fault.Rule{Kind: fault.LieMemo})
	require.NoError(t, err)

	many := `{"rules":[` + strings.Repeat(`{"kind":"prune"},`, fault.MaxRules) + `{"kind":"prune"}]}`

	for _, c := range []struct {
		method, path, body string
		status             int
		why                string
	}{
		{http.MethodPost, "/faults", `{"kind":"reply-lots"}`, http.StatusBadRequest, "known kinds: reply-lost"},
		{http.MethodPost, "/faults", `{}`, http.StatusBadRequest, "kind is missing"},
		{http.MethodPost, "/faults", ``, http.StatusBadRequest, "body"},
		{http.MethodPost, "/faults", `{"kind":"prune"} {}`, http.StatusBadRequest, "body"},
		{http.MethodPost, "/faults", `{"kind":"prune","time":1}`, http.StatusBadRequest, "time"},
		{http.MethodPost, "/faults", `{"kind":"prune","kind":"prune"}`, http.StatusBadRequest, "duplicate"},
		{http.MethodPost, "/faults", `{"kind":"prune","p":"a"}`, http.StatusBadRequest, "want n/m"},
		{http.MethodPost, "/faults", `{"kind":"prune","every":"soon"}`, http.StatusBadRequest, "want a duration"},
		{http.MethodPost, "/faults", `{"kind":"prune","every":60}`, http.StatusBadRequest, "number"},
		{http.MethodPost, "/faults", `{"kind":"prune","times":1.5}`, http.StatusBadRequest, "1.5"},
		{http.MethodPost, "/faults", `"` + strings.Repeat("x", 1<<19) + `"`, http.StatusRequestEntityTooLarge, "too large"},
		{http.MethodPut, "/faults", `{}`, http.StatusBadRequest, "rules are missing"},
		{http.MethodPut, "/faults", `{"rules":null}`, http.StatusBadRequest, "rules are missing"},
		{http.MethodPut, "/faults", `{"rules":[{"kind":"prune"},{"kind":"x"}]}`, http.StatusBadRequest, "rule 2"},
		{http.MethodPut, "/faults", many, http.StatusConflict, "at most 100"},
		{http.MethodPost, "/faults/seed", `{}`, http.StatusBadRequest, "seed is missing"},
		{http.MethodPost, "/faults/seed", `{"seed":-1}`, http.StatusBadRequest, "-1"},
		{http.MethodPost, "/faults/seed", `{"seed":1,"x":1}`, http.StatusBadRequest, "x"},
		{http.MethodDelete, "/faults/lie-memo-2", "", http.StatusNotFound, "lie-memo-2"},
	} {
		status, body := a.call(t, c.method, c.path, c.body)
		about := fmt.Sprintf("%s %s %.80s", c.method, c.path, c.body)
		require.Equal(t, c.status, status, about)

		var told map[string]string

		require.NoError(t, json.Unmarshal([]byte(body), &told), about)
		require.Contains(t, told["error"], c.why, about)
		require.Len(t, tallies(a.Plan), 1, about)
	}
}

func TestAdminRoundTrip(t *testing.T) {
	t.Parallel()

	a := newAdmin(t, 1)

	rapid.Check(t, func(t *rapid.T) {
		a.Clear()

		_, err := a.Add(anyRule(t))
		require.NoError(t, err)

		want := tallies(a.Plan)
		_, body := a.call(t, http.MethodGet, "/faults", "")

		var told struct {
			Rules []struct{ Rule json.RawMessage }
		}

		require.NoError(t, json.Unmarshal([]byte(body), &told))

		status, body := a.call(t, http.MethodPut, "/faults", `{"rules":[`+string(told.Rules[0].Rule)+`]}`)
		require.Equal(t, http.StatusOK, status, body)
		require.Equal(t, want, tallies(a.Plan))
	})
}
