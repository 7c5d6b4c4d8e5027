package api_test

import (
	"bytes"
	"crypto/md5" //nolint:gosec // as PostgreSQL's md5 makes the ids of the rows
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/api"
	"github.com/canton-exchange/suite/openapi"
)

func md5Of(text string) [md5.Size]byte { return md5.Sum([]byte(text)) } //nolint:gosec // see above

// call is a request to an operation, and what is to be answered.
type call struct {
	path, body string
	status     int
	headers    []string
}

// calls are requests to every operation of the document.
func calls(t *testing.T, w *world) map[string][]call {
	t.Helper()

	d := func(name, rest string) string { return of(treasury, "/deposits/%s%s", named(name), rest) }
	sub := func(rest string) string { return of(treasury, "/subscriptions/%s", subscribed) + rest }
	o := func(rest string) string { return of(treasury, "/offers/%s%s", named("offer"), rest) }
	token := `"instrumentAdmin": "` + admin + `", "instrumentId": "Amulet"`
	asked := "?instrumentId=Amulet&instrumentAdmin=" + url.QueryEscape(admin)
	w.subscribed()

	rotated, revoked := keyIDOf(w.key("read")), keyIDOf(w.key("read"))

	return map[string][]call{
		"listTreasuries":  {{path: "/v1/treasuries"}},
		"getStatus":       {{path: of(treasury, "/status")}, {path: of(other, "/status"), status: 404}},
		"listInstruments": {{path: "/v1/instruments"}, {path: "/v1/instruments?listed=false"}},
		"listMemos":       {{path: of(treasury, "/memos?limit=1")}, {path: of(treasury, "/memos?account=c1")}},
		"createMemo": {
			{path: of(treasury, "/memos"), body: `{"account": "c1"}`, status: 201}, {path: of(treasury, "/memos"), body: `{"account": "c9", "memo": "Nine"}`, status: 201},
			{path: of(treasury, "/memos"), body: `{"account": "c9", "memo": "M-1"}`, status: 409},
		},
		"matchMemo":          {{path: of(treasury, "/memo-match?text=m-1")}, {path: of(treasury, "/memo-match?text=none")}},
		"disableMemo":        {{path: of(treasury, "/memos/disable"), body: `{"memo": "M-2", "note": "x"}`}},
		"enableMemo":         {{path: of(treasury, "/memos/enable"), body: `{"memo": "M-2", "note": "x"}`}},
		"getDepositAddress":  {{path: of(treasury, "/accounts/c1/deposit-address")}, {path: of(treasury, "/accounts/none/deposit-address"), status: 404}},
		"getAccountBalances": {{path: of(treasury, "/accounts/c1/balances")}},
		"getStatement": {
			{path: of(treasury, "/accounts/c1/statement?limit=3")}, {path: of(treasury, "/accounts/c1/statement"), headers: []string{"Accept", "text/csv"}},
		},
		"listBalances": {{path: of(treasury, "/balances?limit=2")}, {path: of(treasury, "/balances") + asked + "&kind=customer"}},
		"listPostings": {{path: of(treasury, "/postings?limit=2")}, {path: of(treasury, "/postings") + asked + "&account=c1"}},
		"listDeposits": {
			{path: of(treasury, "/deposits?limit=2")}, {path: of(treasury, "/deposits") + asked + "&state=credited&account=c1&since=2026-01-01T00:00:00Z"},
			{path: of(treasury, "/deposits?cursor=x"), status: 400},
		},
		"getDeposit":       {{path: d("credited", "")}, {path: d("proposed", "")}, {path: d("offer", "")}, {path: d("held", "")}, {path: d("none", ""), status: 404}},
		"getDepositProof":  {{path: d("credited", "/proof")}, {path: d("large", "/proof")}, {path: d("open", "/proof")}, {path: d("none", "/proof"), status: 404}},
		"listUnattributed": {{path: of(treasury, "/unattributed")}, {path: of(treasury, "/unattributed") + asked}},
		"listOffers":       {{path: of(treasury, "/offers")}, {path: of(treasury, "/offers?open=false&verdict=hold")}},
		"getOffer":         {{path: o("")}},
		"setOfferVerdict":  {{path: o("/verdict"), body: `{"verdict": "accept", "note": "x"}`}},
		"retryOffer":       {{path: o("/retry"), body: `{}`}},
		"assignDeposit":    {{path: d("open", "/assign"), body: `{"account": "c1", "note": "x"}`}},
		"returnDeposit":    {{path: d("held", "/return"), body: `{"note": "x"}`}, {path: d("credited", "/return"), body: `{"note": "x"}`, status: 404}},
		"confirmDeposit":   {{path: d("proposed", "/confirm"), body: `{}`}, {path: d("strange", "/confirm"), body: `{}`, status: 409}},
		"declineDeposit":   {{path: d("strange", "/decline"), body: `{"note": "x"}`, status: 409}},
		"listWithdrawals": {
			{path: of(treasury, "/withdrawals?limit=1")}, {path: of(treasury, "/withdrawals") + asked + "&state=requested&waiting=awaits_approval&account=c1"},
		},
		"requestWithdrawal": {
			{path: of(treasury, "/withdrawals"), body: `{"withdrawalId": "new", "account": "c1", ` + token + `, "amount": "2", "receiver": "` + bob + `"}`, status: 201},
			{path: of(treasury, "/withdrawals"), body: `{"withdrawalId": "new", "account": "c1", ` + token + `, "amount": "2", "receiver": "` + bob + `"}`},
			{path: of(treasury, "/withdrawals"), body: `{"withdrawalId": "new", "account": "c1", ` + token + `, "amount": "3", "receiver": "` + bob + `"}`, status: 409},
			{path: of(treasury, "/withdrawals"), body: `{"withdrawalId": "much", "account": "c1", ` + token + `, "amount": "5000", "receiver": "` + bob + `"}`, status: 422},
		},
		"getWithdrawal":      {{path: of(treasury, "/withdrawals/waits")}, {path: of(treasury, "/withdrawals/%%3Dpaid")}, {path: of(treasury, "/withdrawals/none"), status: 404}},
		"getWithdrawalProof": {{path: of(treasury, "/withdrawals/%%3Dpaid/proof")}, {path: of(treasury, "/withdrawals/waits/proof"), status: 404}},
		"cancelWithdrawal":   {{path: of(treasury, "/withdrawals/queued/cancel"), body: `{}`}},
		"approveWithdrawal":  {{path: of(treasury, "/withdrawals/waits/approve"), body: `{"note": "x"}`}},
		"rejectWithdrawal":   {{path: of(treasury, "/withdrawals/refused/reject"), body: `{"note": "x"}`}},
		"listDestinations":   {{path: of(treasury, "/accounts/c1/destinations")}},
		"addDestination":     {{path: of(treasury, "/accounts/c1/destinations"), body: `{"party": "new::1220ab", "name": "New"}`, status: 201}},
		"removeDestination":  {{path: of(treasury, "/accounts/c1/destinations/remove"), body: `{"party": "old::1220cc"}`}},
		"listHoldings":       {{path: of(treasury, "/holdings?limit=1")}, {path: of(treasury, "/holdings") + asked}},
		"listUpdates":        {{path: of(treasury, "/updates?limit=2&since=2026-01-01T00:00:00Z")}},
		"listKeys":           {{path: "/v1/keys"}},
		"createKey":          {{path: "/v1/keys", body: `{"name": "new", "scopes": ["read"]}`, status: 201}},
		"rotateKey":          {{path: "/v1/keys/" + rotated + "/rotate", body: `{"overlapSeconds": 60}`, status: 201}},
		"revokeKey":          {{path: "/v1/keys/" + revoked + "/revoke", body: `{}`}},
		"listAudit":          {{path: "/v1/audit?limit=2"}},
		"verifyAudit":        {{path: "/v1/audit/verify"}},
		"listEvents": {
			{path: of(treasury, "/events?limit=2&wait=1")}, {path: of(treasury, "/events?after=1&type=deposit.*,withdrawal.failed&account=c1&subject=x") + "&" + asked[1:]},
			{path: of(treasury, "/events?type=nothing"), status: 400}, {path: of(treasury, "/events?type=deposit*"), status: 400},
		},
		"streamEvents": {{path: of(treasury, "/events/stream?after=0")}, {path: of(treasury, "/events/stream?type=nothing"), status: 400}},
		"getEvent":     {{path: of(treasury, "/events/%s", w.anEvent())}, {path: of(treasury, "/events/%s", named("none")), status: 404}},
		"getEventKeys": {{path: "/v1/event-keys"}},

		"listSubscriptions": {{path: of(treasury, "/subscriptions?limit=1")}, {path: of(treasury, "/subscriptions?cursor=x"), status: 400}},
		"createSubscription": {
			{path: of(treasury, "/subscriptions"), body: `{"name": "new", "url": "https://example.com/events", "instruments": [{` + token + `}], "withheld": ["memo"], "from": "0"}`, status: 201},
			{path: of(treasury, "/subscriptions"), body: `{"name": "new", "url": "http://example.com/events"}`, status: 400},
		},
		"getSubscription":          {{path: sub("")}, {path: of(treasury, "/subscriptions/sub_zzzzzzzzzzzz"), status: 404}},
		"updateSubscription":       {{path: sub(""), body: `{"types": ["deposit.*"], "paused": true}`}, {path: sub(""), body: `{"paused": false, "url": "https://example.com/other"}`}},
		"rotateSubscriptionSecret": {{path: sub("/rotate-secret"), body: `{"overlapSeconds": 60}`, status: 201}},
		"testSubscription":         {{path: sub("/test")}},
		"listSubscriptionFailures": {{path: sub("/failures?limit=1&state=dead")}, {path: sub("/failures")}, {path: sub("/failures?cursor=x"), status: 400}},
		"listSubscriptionAttempts": {{path: sub("/attempts?limit=1")}},
		"replaySubscription": {
			{path: sub("/replay"), body: `{"dead": true}`}, {path: sub("/replay"), body: `{"fromSequence": 1, "toSequence": 9}`}, {path: sub("/replay"), body: `{"ids": ["` + w.anEvent() + `"]}`},
			{path: sub("/replay"), body: `{}`, status: 400}, {path: sub("/replay"), body: `{"fromSequence": 1}`, status: 400},
		},
		"deleteSubscription": {{path: sub("")}, {path: sub(""), status: 404}},
	}
}

// TestAnswersAreAsTheDocumentSays: whatever is asked, also wrongly, the answer is one that the document describes, with
// nothing more in it.
func TestAnswersAreAsTheDocumentSays(t *testing.T) {
	t.Parallel()

	document, err := openapi3.NewLoader().LoadFromData(openapi.Exchange)
	require.NoError(t, err)

	w := filled(t)
	key := w.key(api.Scopes()...)
	requests := calls(t, w)

	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} { // first what changes nothing
		for path, item := range document.Paths.Map() {
			operation := item.GetOperation(method)
			if operation == nil {
				continue
			}

			require.NotEmpty(t, requests[operation.OperationID], "no request to %s", operation.OperationID)

			for _, c := range requests[operation.OperationID] {
				answer := w.ask(method, c.path, key, c.body, c.headers...)
				if c.status == 0 {
					c.status = http.StatusOK
				}

				require.Equal(t, c.status, answer.status, "%s %s: %s", operation.OperationID, c.path, answer.body)

				if answer.header.Get("Content-Type") == streamType {
					continue
				}

				describes(t, routers.Route{Spec: document, Path: path, PathItem: item, Method: method, Operation: operation}, answer)
			}
		}
	}

	for _, wrong := range []*reply{
		w.get("/v1/treasuries", ""), w.get("/v1/treasuries", "ces_x"), w.get("/v1/keys", w.key("read")), w.get(of(treasury, "/deposits?limit=0"), key),
		w.get(of(treasury, "/deposits?nothing=1"), key),
	} {
		require.GreaterOrEqual(t, wrong.status, http.StatusBadRequest)
		describes(t, routers.Route{Spec: document, Path: "/v1/treasuries", PathItem: document.Paths.Value("/v1/treasuries"), Method: http.MethodGet,
			Operation: document.Paths.Value("/v1/treasuries").Get}, wrong)
	}
}

// describes holds an answer against the document.
func describes(t *testing.T, route routers.Route, answer *reply) {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), route.Method, "http://localhost"+strings.NewReplacer("{", "", "}", "").Replace(route.Path), http.NoBody)
	require.NoError(t, err)

	err = openapi3filter.ValidateResponse(t.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: request, Route: &route},
		Status:                 answer.status, Header: answer.header, Body: io.NopCloser(bytes.NewReader(answer.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	require.NoError(t, err, "%s answers %d: %s", route.Operation.OperationID, answer.status, answer.body)
}
