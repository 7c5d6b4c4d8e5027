package sandbox_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
)

// refusal is an error answer.
type refusal struct {
	Code     string            `json:"code"`
	Context  map[string]string `json:"context"`
	Category int               `json:"errorCategory"`
}

func (n *network) refused(method, path string, body any, status int) refusal {
	n.t.Helper()

	got, _, raw := n.call(method, path, body)
	require.Equal(n.t, status, got, string(raw))

	var r refusal

	require.NoError(n.t, json.Unmarshal(raw, &r), string(raw))

	return r
}

func TestListLimit(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{ListLimit: 5})
	begin := n.LedgerEnd()

	for range 6 {
		n.send(n.alice, n.treasury, "1", "ACC-1")
	}

	req := updatesRequest(n.treasury, begin)
	req["endInclusive"] = n.LedgerEnd()

	r := n.refused(http.MethodPost, "/v2/updates", req, http.StatusRequestEntityTooLarge)
	require.Equal(t, "JSON_API_MAXIMUM_LIST_ELEMENTS_NUMBER_REACHED", r.Code)
	require.Equal(t, 2, r.Category)

	n.refused(http.MethodPost, "/v2/updates?limit=100", req, http.StatusRequestEntityTooLarge)
	require.Len(t, ok[[]item](n, http.MethodPost, "/v2/updates?limit=5", req), 5)
	require.Len(t, ok[[]item](n, http.MethodPost, "/v2/updates?limit=2", req), 2)

	contracts := map[string]any{"activeAtOffset": n.LedgerEnd(), "eventFormat": standardFormat(n.treasury)}
	n.refused(http.MethodPost, "/v2/state/active-contracts", contracts, http.StatusRequestEntityTooLarge)
	require.Len(t, ok[[]any](n, http.MethodPost, "/v2/state/active-contracts?limit=3", contracts), 3)

	status, _, _ := n.call(http.MethodPost, "/v2/updates?limit=-1", req)
	require.Equal(t, http.StatusBadRequest, status)
}

func TestPagesByLimitLoseNothing(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{ListLimit: 5})

	for range 12 {
		n.send(n.alice, n.treasury, "1", "ACC-1")
	}

	var (
		got   []ident.UpdateID
		begin ident.Offset
	)

	for {
		req := updatesRequest(n.treasury, begin)
		delete(req["updateFormat"].(map[string]any), "includeTopologyEvents")
		req["endInclusive"] = n.LedgerEnd()

		page := ok[[]item](n, http.MethodPost, "/v2/updates?limit=5", req)
		for _, i := range page {
			got = append(got, i.Update.Transaction.Value.UpdateID)
			begin = i.Update.Transaction.Value.Offset
		}

		if len(page) < 5 {
			break
		}
	}

	var want []ident.UpdateID
	for _, v := range n.Updates(n.treasury) {
		want = append(want, v.UpdateID)
	}

	require.Equal(t, want, got)
}

func TestOpenListEndsWhenIdle(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{ListWait: time.Minute, CheckpointInterval: time.Millisecond})
	sent := n.send(n.alice, n.treasury, "1", "ACC-1")

	got := ok[[]item](n, http.MethodPost, "/v2/updates?stream_idle_timeout_ms=50",
		updatesRequest(n.treasury, sent.Offset-1))
	require.NotNil(t, got[0].Update.OffsetCheckpoint)
	require.Equal(t, sent.UpdateID, got[1].Update.Transaction.Value.UpdateID)
}

func TestDescendingOrder(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	first := n.send(n.alice, n.treasury, "1", "ACC-1")
	second := n.send(n.alice, n.treasury, "1", "ACC-1")

	req := updatesRequest(n.treasury, first.Offset-1)
	req["descendingOrder"] = true
	require.Equal(t, "DESCENDING_ORDER_MISSING_END",
		n.refused(http.MethodPost, "/v2/updates", req, http.StatusBadRequest).Code)

	req["endInclusive"] = n.LedgerEnd()
	got := ok[[]item](n, http.MethodPost, "/v2/updates", req)
	require.Equal(t, second.UpdateID, got[0].Update.Transaction.Value.UpdateID)
	require.Equal(t, first.UpdateID, got[1].Update.Transaction.Value.UpdateID)
}

func TestRequestsThatCannotBeServed(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	end := n.LedgerEnd()
	format := updateFormat(n.treasury)
	beyond := updatesRequest(n.treasury, 0)
	beyond["endInclusive"] = end + 1
	both := updatesRequest(n.treasury, 0)
	both["filter"] = standardFormat(n.treasury)

	for name, c := range map[string]struct {
		path string
		body any
		code string
	}{
		"begin after the end": {"/v2/updates", updatesRequest(n.treasury, end+1), "OFFSET_AFTER_LEDGER_END"},
		"end after the end":   {"/v2/updates", beyond, "OFFSET_AFTER_LEDGER_END"},
		"negative":            {"/v2/updates", updatesRequest(n.treasury, -1), "NEGATIVE_OFFSET"},
		"both styles":         {"/v2/updates", both, "INVALID_ARGUMENT"},
		"no style":            {"/v2/updates", map[string]any{"beginExclusive": 0}, "INVALID_ARGUMENT"},
		"no filters": {
			"/v2/updates", map[string]any{"filter": map[string]any{}}, "INVALID_ARGUMENT",
		},
		"offset 0": {
			"/v2/updates/update-by-offset", map[string]any{"offset": 0, "updateFormat": format}, "NON_POSITIVE_OFFSET",
		},
		"no format": {"/v2/updates/update-by-offset", map[string]any{"offset": 1}, "MISSING_FIELD"},
		"contracts after the end": {
			"/v2/state/active-contracts",
			map[string]any{"activeAtOffset": end + 1, "eventFormat": standardFormat(n.treasury)}, "OFFSET_AFTER_LEDGER_END",
		},
		"not a party": {
			"/v2/updates", map[string]any{"filter": map[string]any{"filtersByParty": map[string]any{"x": map[string]any{}}}},
			"INVALID_FIELD",
		},
	} {
		require.Equal(t, c.code, n.refused(http.MethodPost, c.path, c.body, http.StatusBadRequest).Code, name)
	}

	missing := map[string]any{"filter": eventFormat(n.treasury, "#splice-amulet:Splice.Amulet:Nothing")}
	require.Equal(t, "TEMPLATES_OR_INTERFACES_NOT_FOUND",
		n.refused(http.MethodPost, "/v2/updates", missing, http.StatusNotFound).Code)

	v2 := map[string]any{"filter": eventFormat(n.treasury, holdingV2)}
	require.Equal(t, "PACKAGE_NAMES_NOT_FOUND",
		n.refused(http.MethodPost, "/v2/updates", v2, http.StatusNotFound).Code, "V2 is not on this node")
}

func TestBodiesThatCannotBeRead(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	status, contentType, raw := n.call(http.MethodPost, "/v2/updates", `{"beginExclusive":"0"}`)
	require.Equal(t, http.StatusBadRequest, status)
	require.Contains(t, contentType, "text/plain")
	require.Contains(t, string(raw), "Invalid value for: body")

	huge := make([]byte, 2<<20)
	for i := range huge {
		huge[i] = ' '
	}

	status, _, _ = n.call(http.MethodPost, "/v2/updates", string(huge))
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
}

func TestTokenIsDemanded(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{Token: secret.New("s3cret")})
	n.token = ""

	require.Equal(t, "NA", n.refused(http.MethodGet, "/v2/state/ledger-end", nil, http.StatusUnauthorized).Code)
	status, _, _ := n.call(http.MethodGet, "/sandbox/v1/parties", nil)
	require.Equal(t, http.StatusUnauthorized, status)

	for _, open := range []string{"/livez", "/readyz", "/v2/version"} {
		status, _, _ := n.call(http.MethodGet, open, nil)
		require.Equal(t, http.StatusOK, status, open)
	}

	n.token = "wrong"
	for _, path := range []string{"/livez", "/v2/version", "/v2/state/ledger-end", "/sandbox/v1/parties"} {
		status, _, _ := n.call(http.MethodGet, path, nil)
		require.Equal(t, http.StatusUnauthorized, status, path)
	}

	n.token = "s3cret"
	ok[map[string]any](n, http.MethodGet, "/v2/state/ledger-end", nil)

	n.RejectTokens(true)
	require.Equal(t, "NA", n.refused(http.MethodGet, "/v2/state/ledger-end", nil, http.StatusUnauthorized).Code)
	ok[map[string]any](n, http.MethodGet, "/sandbox/v1/parties", nil)

	n.RejectTokens(false)
	ok[map[string]any](n, http.MethodGet, "/v2/state/ledger-end", nil)
}

func TestPruning(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	live := n.tap(n.treasury, "1").Holdings[0]
	first := n.send(n.alice, n.treasury, "10", "ACC-1")
	holdings, err := n.Holdings(n.alice)
	require.NoError(t, err)

	spent := holdings[len(holdings)-1].ContractID
	n.send(n.alice, n.treasury, "11", "ACC-1") // archives alice's change
	cut := n.LedgerEnd()
	last := n.send(n.alice, n.treasury, "12", "ACC-1")

	events := func(party ident.Party, id ident.ContractID) (int, []byte) {
		status, _, raw := n.call(http.MethodPost, "/v2/events/events-by-contract-id",
			map[string]any{"contractId": id, "eventFormat": standardFormat(party)})

		return status, raw
	}

	status, raw := events(n.alice, spent)
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, string(raw), `"archivedEvent"`)

	require.ErrorIs(t, n.Prune(n.LedgerEnd()+1), sandbox.ErrInvalid)
	require.NoError(t, n.Prune(cut))
	require.ErrorIs(t, n.Prune(cut), sandbox.ErrInvalid)

	pruned := ok[map[string]ident.Offset](n, http.MethodGet, "/v2/state/latest-pruned-offsets", nil)
	require.Equal(t, cut, pruned["participantPrunedUpToInclusive"])

	r := n.refused(http.MethodPost, "/v2/updates", updatesRequest(n.treasury, cut-1), http.StatusBadRequest)
	require.Equal(t, "PARTICIPANT_PRUNED_DATA_ACCESSED", r.Code)
	require.Equal(t, jsonNumber(t, cut), r.Context["earliest_offset"])

	got := ok[[]item](n, http.MethodPost, "/v2/updates?limit=2", updatesRequest(n.treasury, cut))
	require.Equal(t, last.UpdateID, got[1].Update.Transaction.Value.UpdateID)

	byID := map[string]any{"updateId": first.UpdateID, "updateFormat": updateFormat(n.treasury)}
	require.Equal(t, "UPDATE_NOT_FOUND",
		n.refused(http.MethodPost, "/v2/updates/update-by-id", byID, http.StatusNotFound).Code)

	at := map[string]any{"activeAtOffset": cut - 1, "eventFormat": standardFormat(n.treasury)}
	require.Equal(t, "PARTICIPANT_PRUNED_DATA_ACCESSED",
		n.refused(http.MethodPost, "/v2/state/active-contracts", at, http.StatusBadRequest).Code)

	status, _ = events(n.alice, spent)
	require.Equal(t, http.StatusNotFound, status, "archived before the pruning")

	status, _ = events(n.treasury, live)
	require.Equal(t, http.StatusOK, status, "created before it, and still live")

	status, _ = events(n.bob, live)
	require.Equal(t, http.StatusNotFound, status, "not bob's contract")
}

func TestActiveContractsAndStreamAgree(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	at := n.LedgerEnd()
	before := n.ActiveContracts(n.alice)
	n.send(n.alice, n.treasury, "10", "ACC-1")
	n.tap(n.alice, "1")
	n.send(n.alice, n.treasury, "11", "ACC-1")

	type entry struct {
		Entry struct {
			Active *struct {
				Created body `json:"createdEvent"`
			} `json:"JsActiveContract"`
		} `json:"contractEntry"`
	}

	old := ok[[]entry](n, http.MethodPost, "/v2/state/active-contracts",
		map[string]any{"activeAtOffset": at, "eventFormat": eventFormat(n.alice, holdingV1)})
	now := ok[[]entry](n, http.MethodPost, "/v2/state/active-contracts",
		map[string]any{"activeAtOffset": n.LedgerEnd(), "eventFormat": eventFormat(n.alice, holdingV1)})

	live := map[ident.ContractID]bool{}
	for _, e := range old {
		live[e.Entry.Active.Created.ContractID] = true
	}

	for _, e := range eventsAfter(n, n.alice, at) {
		if e.Created != nil && e.Created.Delta {
			live[e.Created.ContractID] = true
		} else if e.Exercised != nil && e.Exercised.Delta && e.Exercised.Consuming {
			delete(live, e.Exercised.ContractID)
		}
	}

	require.Len(t, old, len(before), "as it was then")
	require.Len(t, now, len(live))

	for _, e := range now {
		require.True(t, live[e.Entry.Active.Created.ContractID])
	}
}

// eventsAfter lists every event that party sees after an offset.
func eventsAfter(n *network, party ident.Party, offset ident.Offset) []event {
	var list []event

	for _, tx := range n.transactions(party) {
		if tx.Offset > offset {
			list = append(list, tx.Events...)
		}
	}

	return list
}
