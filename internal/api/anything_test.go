package api_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/api"
)

// texts are what may mean something to the treasury that has lived, and what nobody should send.
func texts() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"c1", "c2", "alice", "M-1", "M-2", "treasury::1220aa", "treasury::1220bb", "bob::1220cc", "old::1220cc", "dso::1220dd", "eve::1220ee", "Amulet", "=Amulet", "waits", "refused",
			"queued", "=paid", named("open"), named("strange"), named("proposed"), named("held"), named("credited"), named("offer"), "hold", "accept", "decide", "1", "5", "100", "0.0000000001",
			"1000", "-5", "0", strings.Repeat("9", 28), "credited", "requested", "true", "2026-03-01T12:00:00Z", "u-3",
		}),
		rapid.SampledFrom([]string{
			"", " ", "\x00", "'; DROP TABLE withdrawals; --", strings.Repeat("x", 300), strings.Repeat("x", 2000), "é", "\u202e", "\ufffd", "%", "%s", "../..", "1e5", "NaN", "return:1", "internal:1",
			"a::b", "::", "null", "2026-02-31T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "k_aaaaaaaaaaaa", "00000000-0000-0000-0000-000000000000",
		}),
		rapid.String(),
	)
}

// apt is a text that goes with a name, and anything else for some.
func apt(name string) *rapid.Generator[string] {
	fitting, ok := map[string][]string{
		"treasury": {string(treasury)}, "depositId": {named("open"), named("strange"), named("proposed"), named("held"), named("credited"), named("offer")},
		"withdrawalId": {"waits", "refused", "queued", "=paid", "w-1", "w-2"}, "account": {"c1", "c2"}, "memo": {"M-1", "M-2", "M-3"}, "note": {"a note"},
		"instrumentAdmin": {"dso::1220dd", "eve::1220ee"}, "instrumentId": {"Amulet", "=Amulet"}, "amount": {"5", "100", "1000", "0.5"}, "receiver": {"bob::1220cc", "old::1220cc"},
		"party": {"bob::1220cc", "old::1220cc", "new::1220cc"}, "verdict": {"accept", "hold", "ignore", "reject", "decide"}, "limit": {"1", "3", "500"}, "state": {"credited", "requested", "dead"},
		"subscriptionId": {subscribed, "sub_bbbbbbbbbbbb"}, "url": {"https://example.com/events"}, "type": {"deposit.*", "deposit.credited,offer.*"}, "from": {"now", "0"}, "name": {"books"},
	}[name]
	if !ok {
		return texts()
	}

	return rapid.OneOf(rapid.SampledFrom(fitting), rapid.SampledFrom(fitting), rapid.SampledFrom(fitting), texts())
}

// members are values for members of a body: mostly texts.
func members(name string) *rapid.Generator[any] {
	fitting := rapid.Map(apt(name), func(s string) any { return s })

	return rapid.OneOf(fitting, fitting, fitting, fitting, rapid.SampledFrom([]any{nil, true, 1, -1, 1.5, 86400, 1e300, []any{}, []any{"read"}, []any{"admin", "read"}, map[string]any{}}))
}

// TestAnythingAtAll asks for everything with anything: no answer is one that the document does not have or says that
// something is wrong here, a repetition is told the same, and the books stay what they were about.
func TestAnythingAtAll(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key(api.Scopes()...)
	w.subscribed()

	statuses, number := map[int]int{}, 0

	type place struct {
		path, method string
		operation    *openapi3.Operation
	}

	var places []place

	for path, item := range w.routes.document.Paths.Map() {
		for method, operation := range item.Operations() {
			places = append(places, place{path, method, operation})
		}
	}

	slices.SortFunc(places, func(a, b place) int { return strings.Compare(a.path+a.method, b.path+b.method) })

	anything := func(rt *rapid.T) {
		w.clock.Advance(time.Second)

		p := rapid.SampledFrom(places).Draw(rt, "operation")
		address, query := p.path, url.Values{}

		for _, parameter := range p.operation.Parameters {
			name := parameter.Value.Name

			switch value := apt(name).Draw(rt, name); {
			case parameter.Value.In == "path":
				address = strings.ReplaceAll(address, "{"+name+"}", url.PathEscape(value))
			case parameter.Value.In == "query" && name != "wait" && rapid.Bool().Draw(rt, "with "+name):
				query.Set(name, value)
			}
		}

		var body string

		if p.operation.RequestBody != nil {
			described, object := p.operation.RequestBody.Value.Content["application/json"].Schema.Value, map[string]any{}

			for _, name := range slices.Sorted(maps.Keys(described.Properties)) {
				if slices.Contains(described.Required, name) || rapid.Bool().Draw(rt, "with "+name) {
					object[name] = members(name).Draw(rt, name)
				}
			}

			raw, err := json.Marshal(object)
			require.NoError(t, err)

			body = string(raw)
		}

		headers := []string{}

		number++
		if p.method != http.MethodGet {
			headers = append(headers, "Idempotency-Key", "r-"+strconv.Itoa(number))
		}

		if len(query) > 0 {
			address += "?" + query.Encode()
		}

		before := w.count("SELECT count(*) FROM audit_log")
		first := w.ask(p.method, address, key, body, headers...)
		statuses[first.status]++

		if first.status >= http.StatusInternalServerError {
			rt.Fatalf("%s %s %s: %s\n%s", p.method, address, body, first.body, w.log)
		}

		if p.method != http.MethodGet && slices.Contains([]int{200, 201, 404, 409, 422}, first.status) && first.text("code") != "unknown_path" {
			after := w.count("SELECT count(*) FROM audit_log")
			again := w.ask(p.method, address, key, body, headers...)
			require.Equal(t, first.status, again.status)
			require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
			require.Equal(t, after, w.count("SELECT count(*) FROM audit_log"), "a repetition does nothing")

			if first.status >= http.StatusBadRequest {
				require.Equal(t, before, after, "what was refused did nothing")
			}
		}
	}

	for range 5 { // with so many operations, one round may meet none that takes what it is given
		rapid.Check(t, anything)
	}

	require.Greater(t, len(statuses), 3, "%v", statuses)
	require.Zero(t, w.count(`SELECT count(*) FROM (SELECT FROM postings GROUP BY treasury_id, origin, origin_no, movement, instrument_no HAVING sum(amount) <> 0) AS x`))
	require.Zero(t, w.count(`SELECT count(*) FROM balances WHERE account_kind = 'customer' AND amount < 0`))
	require.Zero(t, w.count(`SELECT count(*) FROM balances b WHERE amount <> (SELECT sum(p.amount) FROM postings p
		WHERE (p.treasury_id, p.account_kind, p.account, p.instrument_no) = (b.treasury_id, b.account_kind, b.account, b.instrument_no))`))
}
