package sandbox_test

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// eventful makes a ledger on which every kind of update and event occurs.
func eventful(t *testing.T, cfg sandbox.Config) *network {
	t.Helper()

	cfg.TwoSynchronizers = true
	n := newNetwork(t, cfg)

	n.send(n.alice, n.treasury, "10.5", "ACC-1")
	offered := n.send(n.treasury, n.bob, "3", "W-1")

	_, err := n.Accept(n.bob, offered.Instructions[0])
	require.NoError(t, err)

	offered = n.transfer(n.alice, n.treasury, n.AcmeToken(), "4", "ACC-2")

	_, err = n.Reject(n.treasury, offered.Instructions[0])
	require.NoError(t, err)

	n.transfer(n.alice, n.treasury, n.AcmeToken(), "5", "ACC-3")

	holdings, err := n.Holdings(n.treasury)
	require.NoError(t, err)

	_, err = n.Reassign(holdings[0].ContractID)
	require.NoError(t, err)

	return n
}

// TestEveryReadConformsToThePublishedDocuments asks everything that can be asked. That the answers are what the
// documents of the version say is checked by newBare, for this test as for every other.
func TestEveryReadConformsToThePublishedDocuments(t *testing.T) {
	t.Parallel()

	for _, version := range []sandbox.Version{sandbox.V33, sandbox.V34, sandbox.V35, sandbox.V36} {
		for _, shape := range []sandbox.AmuletShape{sandbox.ShapeCurrent, sandbox.ShapeRecorded} {
			t.Run(string(version)+" "+string(shape), func(t *testing.T) {
				t.Parallel()

				n := eventful(t, sandbox.Config{Version: version, Shape: shape, EventsV2: shape == sandbox.ShapeCurrent})

				for _, ask := range asks(n) {
					status, _, raw := n.call(ask.method, ask.path, ask.body)

					want := ask.status
					if version < ask.since || ask.until != "" && version >= ask.until {
						want = http.StatusNotFound
					}

					require.Equal(t, want, status, "%s %s: %s", ask.method, ask.path, raw)
				}

				for _, path := range sockets(version) {
					s := n.stream(path, streamRequest(n, path))

					for {
						if _, err := s.raw(); err != nil {
							require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(err))

							break
						}
					}
				}
			})
		}
	}
}

func sockets(version sandbox.Version) []string {
	paths := []string{"/v2/updates", "/v2/state/active-contracts"}
	if version < sandbox.V36 {
		paths = append(paths, "/v2/updates/flats", "/v2/updates/trees")
	}

	return paths
}

func streamRequest(n *network, path string) map[string]any {
	request := updatesRequest(n.treasury, 0)
	request["endInclusive"] = n.LedgerEnd()

	switch path {
	case "/v2/state/active-contracts":
		return map[string]any{"activeAtOffset": n.LedgerEnd() - 1, "eventFormat": standardFormat(n.treasury)}
	case "/v2/updates/trees":
		delete(request, "updateFormat")
		request["filter"], request["verbose"] = standardFormat(n.treasury), true
	}

	return request
}

// ask is one request of the conformance test. Before since, and from until on, there is no such path.
type ask struct {
	method string
	path   string
	body   any
	status int
	since  sandbox.Version
	until  sandbox.Version
}

func asks(n *network) []ask {
	return append(append(stateAsks(n), updateAsks(n)...), olderAsks(n)...)
}

func stateAsks(n *network) []ask {
	get, post := http.MethodGet, http.MethodPost
	end := n.LedgerEnd()
	at := map[string]any{"activeAtOffset": end, "eventFormat": standardFormat(n.treasury)}
	between := map[string]any{"activeAtOffset": end - 1, "eventFormat": standardFormat(n.treasury)}
	page := map[string]any{"eventFormat": withBlobs(n.treasury), "maxPageSize": 2}
	contract := n.ActiveContracts(n.treasury)[1].ContractID
	known := map[string]any{"contractId": contract, "queryingParties": []any{n.treasury}}

	return []ask{
		{get, "/v2/version", nil, 200, "", ""},
		{get, "/livez", nil, 200, "", ""},
		{get, "/readyz", nil, 200, "", ""},
		{get, "/docs/openapi", nil, 404, "", ""},
		{get, "/v2/nonsense", nil, 404, "", ""},
		{get, "/v2/state/ledger-end", nil, 200, "", ""},
		{get, "/v2/state/latest-pruned-offsets", nil, 200, "", ""},
		{get, "/v2/state/connected-synchronizers", nil, 200, "", ""},
		{get, "/v2/state/connected-synchronizers?party=" + string(n.treasury), nil, 200, "", ""},
		{get, "/v2/parties", nil, 200, "", ""},
		{get, "/v2/parties?pageSize=2", nil, 200, "", ""},
		{get, "/v2/parties?pageSize=many", nil, 400, "", ""},
		{get, "/v2/parties?pageToken=x", nil, 400, "", ""},
		{get, "/v2/parties/participant-id", nil, 200, "", ""},
		{get, "/v2/parties/" + string(n.treasury) + "?parties=" + string(n.alice), nil, 200, "", ""},
		{post, "/v2/state/active-contracts", at, 200, "", ""},
		{post, "/v2/state/active-contracts?limit=200", between, 200, "", ""},
		{post, "/v2/state/active-contracts", map[string]any{"activeAtOffset": end + 1, "eventFormat": standardFormat(n.treasury)}, 400, "", ""},
		{get, "/v2/state/active-contracts-page", page, 200, sandbox.V35, ""},
		{post, "/v2/state/active-contracts-page", page, 200, sandbox.V35, ""},
		{post, "/v2/state/active-contracts-page", map[string]any{}, 400, sandbox.V35, ""},
		{post, "/v2/events/events-by-contract-id", map[string]any{
			"contractId": contract, "eventFormat": withBlobs(n.treasury),
		}, 200, "", ""},
		{post, "/v2/events/events-by-contract-id", map[string]any{
			"contractId": "00", "eventFormat": standardFormat(n.treasury),
		}, 404, "", ""},
		{post, "/v2/contracts/contract-by-id", known, 200, sandbox.V34, ""},
		{post, "/v2/contracts/contract-by-id", map[string]any{"contractId": "00"}, 404, sandbox.V34, ""},
	}
}

func updateAsks(n *network) []ask {
	post := http.MethodPost
	end := n.LedgerEnd()
	bounded := updatesRequest(n.treasury, 0)
	bounded["endInclusive"] = end
	seen := n.Updates(n.treasury)
	format := updateFormat(n.treasury)

	return []ask{
		{post, "/v2/updates", updatesRequest(n.treasury, 0), 200, "", ""},
		{post, "/v2/updates", bounded, 200, "", ""},
		{post, "/v2/updates", deltaRequest(n), 200, "", ""},
		{post, "/v2/updates", updatesRequest(n.alice, 0), 200, "", ""},
		{post, "/v2/updates", updatesRequest(n.DSO(), 0), 200, "", ""},
		{post, "/v2/updates", legacyRequest(n), 200, "", ""},
		{post, "/v2/updates", updatesRequest(n.treasury, end+1), 400, "", ""},
		{post, "/v2/updates", "{", 400, "", ""},
		{post, "/v2/updates/update-by-id", map[string]any{"updateId": seen[1].UpdateID, "updateFormat": format}, 200, "", ""},
		{post, "/v2/updates/update-by-id", map[string]any{"updateId": "1220", "updateFormat": format}, 404, "", ""},
		{post, "/v2/updates/update-by-id", map[string]any{"updateId": "1220"}, 400, "", ""},
		{post, "/v2/updates/update-by-offset", map[string]any{"offset": seen[2].Offset, "updateFormat": format}, 200, "", ""},
		{post, "/v2/updates/update-by-offset", map[string]any{"updateFormat": format}, 400, "", ""},
		{post, "/v2/updates/update-by-hash", map[string]any{"transactionHash": "AAAA", "updateFormat": format}, 400, sandbox.V36, ""},
		{post, "/v2/updates/get-updates-page", map[string]any{"updateFormat": format, "maxPageSize": 3}, 200, sandbox.V35, ""},
		{post, "/v2/updates/get-updates-page", map[string]any{
			"updateFormat": format, "endOffsetInclusive": end, "descendingOrder": true,
		}, 200, sandbox.V35, ""},
		{post, "/v2/updates/get-updates-page", map[string]any{"updateFormat": format, "pageToken": "x"}, 400, sandbox.V35, ""},
	}
}

func olderAsks(n *network) []ask {
	get, post := http.MethodGet, http.MethodPost
	seen := n.Updates(n.treasury)[2]
	asking := "?parties=" + url.QueryEscape(string(n.treasury)) + "&parties=" + url.QueryEscape(string(n.alice))
	offset := strconv.FormatInt(int64(seen.Offset), 10)
	format := map[string]any{
		"eventFormat": standardFormat(n.treasury), "transactionShape": "TRANSACTION_SHAPE_LEDGER_EFFECTS",
	}
	gone := sandbox.V36

	return []ask{
		{post, "/v2/updates/trees", legacyRequest(n), 200, "", gone},
		{post, "/v2/updates/flats", legacyRequest(n), 200, "", gone},
		{post, "/v2/updates/flats", updatesRequest(n.treasury, 0), 200, "", gone},
		{post, "/v2/updates/transaction-by-id", map[string]any{
			"updateId": seen.UpdateID, "requestingParties": []any{n.treasury},
		}, 200, "", gone},
		{post, "/v2/updates/transaction-by-id", map[string]any{"updateId": seen.UpdateID}, 400, "", gone},
		{post, "/v2/updates/transaction-by-offset", map[string]any{
			"offset": seen.Offset, "transactionFormat": format,
		}, 200, "", gone},
		{post, "/v2/updates/transaction-by-offset", map[string]any{
			"offset": n.LedgerEnd() + 9, "transactionFormat": format,
		}, 404, "", gone},
		{get, "/v2/updates/transaction-tree-by-id/" + string(seen.UpdateID) + asking, nil, 200, "", gone},
		{get, "/v2/updates/transaction-tree-by-id/1220" + asking, nil, 404, "", gone},
		{get, "/v2/updates/transaction-tree-by-offset/" + offset + asking, nil, 200, "", gone},
		{get, "/v2/updates/transaction-tree-by-offset/first" + asking, nil, 400, "", gone},
		{get, "/v2/updates/transaction-tree-by-offset/" + offset, nil, 400, "", gone},
	}
}

func deltaRequest(n *network) map[string]any {
	request := updatesRequest(n.treasury, 0)
	request["updateFormat"] = map[string]any{"includeTransactions": map[string]any{
		"eventFormat": standardFormat(n.treasury), "transactionShape": "TRANSACTION_SHAPE_ACS_DELTA",
	}}

	return request
}

func legacyRequest(n *network) map[string]any {
	return map[string]any{"beginExclusive": 0, "filter": standardFormat(n.treasury), "verbose": true}
}
