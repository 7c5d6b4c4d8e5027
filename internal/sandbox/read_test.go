package sandbox_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
)

type updatesPage struct {
	Updates []item       `json:"updates"`
	Lowest  ident.Offset `json:"lowestPageOffsetExclusive"`
	Highest ident.Offset `json:"highestPageOffsetInclusive"`
	Next    string       `json:"nextPageToken"`
}

// offsetOf is where an item stands, whatever it is.
func offsetOf(t *testing.T, i item) ident.Offset {
	t.Helper()

	switch u := i.Update; {
	case u.Transaction != nil:
		return u.Transaction.Value.Offset
	case u.Reassignment != nil:
		return u.Reassignment.Value.Offset
	case u.TopologyTransaction != nil:
		return u.TopologyTransaction.Value.Offset
	}

	t.Fatal("an item without an offset")

	return 0
}

func everyOffset(t *testing.T, n *network) []ident.Offset {
	t.Helper()

	req := updatesRequest(n.treasury, 0)
	req["endInclusive"] = n.LedgerEnd()

	var list []ident.Offset
	for _, i := range ok[[]item](n, http.MethodPost, "/v2/updates", req) {
		list = append(list, offsetOf(t, i))
	}

	return list
}

func TestPagesOfUpdatesAreTheHistory(t *testing.T) {
	t.Parallel()

	n := eventful(t, sandbox.Config{})
	want := everyOffset(t, n)

	for _, size := range []int{1, 2, 7, len(want), 2000} {
		for _, descending := range []bool{false, true} {
			req := map[string]any{
				"updateFormat": updateFormat(n.treasury), "maxPageSize": size, "descendingOrder": descending,
				"endOffsetInclusive": n.LedgerEnd(),
			}

			var (
				got   []ident.Offset
				pages []updatesPage
			)

			for {
				page := ok[updatesPage](n, http.MethodPost, "/v2/updates/get-updates-page", req)
				pages = append(pages, page)

				require.LessOrEqual(t, len(page.Updates), size)

				for _, i := range page.Updates {
					offset := offsetOf(t, i)
					require.True(t, page.Lowest < offset && offset <= page.Highest)
					got = append(got, offset)
				}

				if req["pageToken"] = page.Next; page.Next == "" {
					break
				}
			}

			if descending {
				slices.Reverse(got)
				slices.Reverse(pages)
			}

			require.Equal(t, want, got)
			require.Equal(t, ident.Begin, pages[0].Lowest)
			require.Equal(t, n.LedgerEnd(), pages[len(pages)-1].Highest)

			for i := 1; i < len(pages); i++ {
				require.Equal(t, pages[i-1].Highest, pages[i].Lowest, "pages leave no gap")
			}
		}
	}
}

func TestPagesWithoutAnEndFollowTheLedger(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	old := ok[updatesPage](n, http.MethodPost, "/v2/updates/get-updates-page",
		map[string]any{"updateFormat": updateFormat(n.treasury)}).Next
	req := map[string]any{"updateFormat": updateFormat(n.treasury), "beginOffsetExclusive": n.LedgerEnd()}

	for range 3 {
		page := ok[updatesPage](n, http.MethodPost, "/v2/updates/get-updates-page", req)
		require.Empty(t, page.Updates)
		require.NotEmpty(t, page.Next)
		req["pageToken"] = page.Next

		sent := n.send(n.alice, n.treasury, "1", "ACC-1")
		page = ok[updatesPage](n, http.MethodPost, "/v2/updates/get-updates-page", req)
		require.Len(t, page.Updates, 1)
		require.Equal(t, sent.UpdateID, page.Updates[0].Update.Transaction.Value.UpdateID)
		require.Equal(t, n.LedgerEnd(), page.Highest)
		req["pageToken"] = page.Next
	}

	require.NoError(t, n.Prune(n.LedgerEnd()-1))

	r := n.refused(http.MethodPost, "/v2/updates/get-updates-page",
		map[string]any{"updateFormat": updateFormat(n.treasury), "pageToken": old}, http.StatusBadRequest)
	require.Equal(t, "PARTICIPANT_PRUNED_DATA_ACCESSED", r.Code)

	first := map[string]any{"updateFormat": updateFormat(n.treasury)}
	page := ok[updatesPage](n, http.MethodPost, "/v2/updates/get-updates-page", first)
	require.Equal(t, n.PrunedUpTo(), page.Lowest, "no begin is where the history begins")
}

func TestPageTokensBelongToTheirRequest(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	req := map[string]any{"updateFormat": updateFormat(n.treasury), "maxPageSize": 1}
	token := ok[updatesPage](n, http.MethodPost, "/v2/updates/get-updates-page", req).Next
	garbage := base64.StdEncoding.EncodeToString([]byte(`{"for":"x","at":-1}`))

	for name, change := range map[string]map[string]any{
		"another party": {"updateFormat": updateFormat(n.alice), "pageToken": token},
		"another order": {
			"updateFormat": updateFormat(n.treasury), "pageToken": token,
			"descendingOrder": true, "endOffsetInclusive": n.LedgerEnd(),
		},
		"another begin": {"updateFormat": updateFormat(n.treasury), "pageToken": token, "beginOffsetExclusive": 1},
		"not base64":    {"updateFormat": updateFormat(n.treasury), "pageToken": "!"},
		"forged":        {"updateFormat": updateFormat(n.treasury), "pageToken": garbage},
	} {
		r := n.refused(http.MethodPost, "/v2/updates/get-updates-page", change, http.StatusBadRequest)
		require.Equal(t, "INVALID_UPDATES_PAGE_TOKEN", r.Code, name)
	}

	for _, size := range []int{-1, 2001} {
		req["maxPageSize"] = size
		n.refused(http.MethodPost, "/v2/updates/get-updates-page", req, http.StatusBadRequest)
	}

	req = map[string]any{"eventFormat": standardFormat(n.treasury), "maxPageSize": 1}
	token = ok[contractsPage](n, http.MethodPost, "/v2/state/active-contracts-page", req).Next
	req = map[string]any{"eventFormat": standardFormat(n.alice), "pageToken": token}
	n.refused(http.MethodPost, "/v2/state/active-contracts-page", req, http.StatusBadRequest)
}

type contractsPage struct {
	Contracts []struct {
		Entry struct {
			Active struct {
				Created body `json:"createdEvent"`
			} `json:"JsActiveContract"`
		} `json:"contractEntry"`
	} `json:"activeContracts"`
	At   ident.Offset `json:"activeAtOffset"`
	Next string       `json:"nextPageToken"`
}

func TestPagesOfContractsAreOneSnapshot(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	for range 9 {
		n.send(n.alice, n.treasury, "1", "ACC-1")
	}

	var want, got []ident.ContractID
	for _, c := range n.ActiveContracts(n.treasury) {
		want = append(want, c.ContractID)
	}

	at := n.LedgerEnd()
	req := map[string]any{"eventFormat": standardFormat(n.treasury), "maxPageSize": 2}

	for round := 0; ; round++ {
		method := []string{http.MethodGet, http.MethodPost}[round%2]
		page := ok[contractsPage](n, method, "/v2/state/active-contracts-page", req)
		require.Equal(t, at, page.At, "later pages show what the first one did")
		require.LessOrEqual(t, len(page.Contracts), 2)

		for _, c := range page.Contracts {
			got = append(got, c.Entry.Active.Created.ContractID)
		}

		if req["pageToken"] = page.Next; page.Next == "" {
			break
		}

		// The ledger goes on, and what was archived before the snapshot is forgotten, which moves all the rest.
		n.send(n.treasury, n.alice, "3", "W")

		if round == 1 {
			require.NoError(t, n.Prune(at))
		}
	}

	require.Equal(t, want, got)

	page := ok[contractsPage](n, http.MethodPost, "/v2/state/active-contracts-page",
		map[string]any{"eventFormat": standardFormat(n.treasury), "maxPageSize": 2})
	require.NoError(t, n.Prune(n.LedgerEnd()))
	n.send(n.treasury, n.alice, "3", "W")
	require.NoError(t, n.Prune(n.LedgerEnd()))

	r := n.refused(http.MethodPost, "/v2/state/active-contracts-page", map[string]any{
		"eventFormat": standardFormat(n.treasury), "pageToken": page.Next,
	}, http.StatusBadRequest)
	require.Equal(t, "PARTICIPANT_PRUNED_DATA_ACCESSED", r.Code)
}

func TestAnEmptySnapshotIsThatOfTheBeginning(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	page := ok[contractsPage](n, http.MethodPost, "/v2/state/active-contracts-page",
		map[string]any{"eventFormat": standardFormat(n.treasury), "activeAtOffset": 0})
	require.Empty(t, page.Contracts)
	require.Equal(t, ident.Begin, page.At)
}

func TestUpdatesAreFoundByTheirID(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	find := func(id ident.UpdateID, status int) {
		t.Helper()

		got, _, raw := n.call(http.MethodPost, "/v2/updates/update-by-id",
			map[string]any{"updateId": id, "updateFormat": updateFormat(n.treasury)})
		require.Equal(t, status, got, string(raw))
	}

	first := n.send(n.alice, n.treasury, "1", "ACC-1")
	find(first.UpdateID, http.StatusOK)

	second := n.send(n.alice, n.treasury, "1", "ACC-1")
	find(second.UpdateID, http.StatusOK)
	find(first.UpdateID, http.StatusOK)

	require.NoError(t, n.Prune(first.Offset))
	find(first.UpdateID, http.StatusNotFound)
	find(second.UpdateID, http.StatusOK)
	find(n.send(n.alice, n.treasury, "1", "ACC-1").UpdateID, http.StatusOK)
	find(n.send(n.alice, n.bob, "1", "").UpdateID, http.StatusNotFound)
}

func TestSignedHashIsToldAndFindsItsUpdate(t *testing.T) {
	t.Parallel()

	hash := [32]byte{0xAB, 1, 2, 31: 9}
	text := hex.EncodeToString(hash[:])

	for version, members := range map[sandbox.Version][]string{
		sandbox.V33: {}, sandbox.V34: {"externalTransactionHash"}, sandbox.V35: {"externalTransactionHash"},
		sandbox.V36: {"externalTransactionHash", "transactionHash"},
	} {
		n := newNetwork(t, sandbox.Config{Version: version})
		n.send(n.alice, n.treasury, "1", "ACC-1")
		sandbox.SignLast(n.Sandbox, hash)

		_, _, raw := n.call(http.MethodPost, "/v2/updates/update-by-offset",
			map[string]any{"offset": n.LedgerEnd(), "updateFormat": updateFormat(n.treasury)})

		for _, member := range []string{"externalTransactionHash", "transactionHash"} {
			if slices.Contains(members, member) {
				require.Contains(t, string(raw), `"`+member+`":"`+text+`"`, version)
			} else {
				require.NotContains(t, string(raw), `"`+member+`"`, version)
			}
		}

		if version != sandbox.V36 {
			continue
		}

		find := map[string]any{"transactionHash": hash[:], "updateFormat": updateFormat(n.treasury)}
		require.NotNil(t, ok[item](n, http.MethodPost, "/v2/updates/update-by-hash", find).Update.Transaction)

		other := hash
		other[0]++
		find["transactionHash"] = other[:]
		r := n.refused(http.MethodPost, "/v2/updates/update-by-hash", find, http.StatusNotFound)
		require.Equal(t, "UPDATE_NOT_FOUND", r.Code)
	}
}

func TestBlobsAreForThoseWhoAsk(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	holding := n.ActiveContracts(n.treasury)[1].ContractID
	blobs := func(filters ...any) map[ident.ContractID]string {
		t.Helper()

		_, _, raw := n.call(http.MethodPost, "/v2/state/active-contracts", map[string]any{
			"activeAtOffset": n.LedgerEnd(),
			"eventFormat": map[string]any{"filtersByParty": map[string]any{
				string(n.treasury): map[string]any{"cumulative": filters},
			}},
		})

		var items []struct {
			Entry struct {
				Active struct {
					Created struct {
						ID   ident.ContractID `json:"contractId"`
						Blob string           `json:"createdEventBlob"`
					} `json:"createdEvent"`
				} `json:"JsActiveContract"`
			} `json:"contractEntry"`
		}

		require.NoError(t, json.Unmarshal(raw, &items), string(raw))
		require.NotEmpty(t, items)

		found := map[ident.ContractID]string{}
		for _, i := range items {
			found[i.Entry.Active.Created.ID] = i.Entry.Active.Created.Blob
		}

		return found
	}

	all := filterOf("WildcardFilter", map[string]any{"includeCreatedEventBlob": true})
	none := filterOf("WildcardFilter", map[string]any{})
	holdings := filterOf("InterfaceFilter", map[string]any{"interfaceId": holdingV1, "includeCreatedEventBlob": true})

	for id, text := range blobs(all) {
		blob, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		require.Equal(t, id, sandbox.Discloses(n.Sandbox, blob))
	}

	for _, text := range blobs(none) {
		require.Empty(t, text)
	}

	mixed := blobs(none, holdings)
	require.NotEmpty(t, mixed[holding])
	require.Contains(t, mixed, n.ActiveContracts(n.treasury)[0].ContractID)

	with := 0

	for _, text := range mixed {
		if text != "" {
			with++
		}
	}

	require.Less(t, with, len(mixed), "the preapproval is no holding")
}

func TestFlatsTellNoTopology(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	req := updatesRequest(n.treasury, 0)
	req["endInclusive"], req["verbose"] = n.LedgerEnd(), false

	all := ok[[]item](n, http.MethodPost, "/v2/updates", req)
	require.NotNil(t, all[0].Update.TopologyTransaction)
	require.Len(t, ok[[]item](n, http.MethodPost, "/v2/updates/flats", req), len(all)-1)

	s := n.stream("/v2/updates/flats", req)
	for range len(all) - 1 {
		require.NotNil(t, s.next().Update.Transaction)
	}

	s.ends()
}

func TestContractByID(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	id := n.ActiveContracts(n.treasury)[1].ContractID

	type answer struct {
		Created body `json:"createdEvent"`
	}

	for name, parties := range map[string][]ident.Party{"anybody": {}, "its owner": {n.treasury, n.alice}} {
		got := ok[answer](n, http.MethodPost, "/v2/contracts/contract-by-id",
			map[string]any{"contractId": id, "queryingParties": parties}).Created
		require.Equal(t, id, got.ContractID, name)
		require.Equal(t, ident.Begin, got.Offset, name)
		require.Equal(t, parties[:min(len(parties), 1)], got.Witnesses, name)
	}

	r := n.refused(http.MethodPost, "/v2/contracts/contract-by-id",
		map[string]any{"contractId": id, "queryingParties": []any{n.alice}}, http.StatusNotFound)
	require.Equal(t, "CONTRACT_PAYLOAD_NOT_FOUND", r.Code)
}

func TestPartiesInPages(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	type answer struct {
		Parties []struct {
			Party   ident.Party `json:"party"`
			IsLocal bool        `json:"isLocal"`
		} `json:"partyDetails"`
		Next string `json:"nextPageToken"`
	}

	want := n.Parties()
	slices.Sort(want)

	for _, size := range []string{"1", "2", "3", "1000", ""} {
		var got []ident.Party

		for token := ""; ; {
			page := ok[answer](n, http.MethodGet, "/v2/parties?pageSize="+size+"&pageToken="+token, nil)
			for _, p := range page.Parties {
				require.True(t, p.IsLocal)
				got = append(got, p.Party)
			}

			if token = page.Next; token == "" {
				break
			}
		}

		require.Equal(t, want, got, size)
	}

	found := ok[answer](n, http.MethodGet, "/v2/parties?filter-party=alice::", nil)
	require.Len(t, found.Parties, 1)
	require.Equal(t, n.alice, found.Parties[0].Party)
}

func TestLedgerEndTellsRecordTimesThatNoUpdatePrecedes(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{Version: sandbox.V36})
	end := ok[checkpoint](n, http.MethodGet, "/v2/state/ledger-end", nil)
	require.Equal(t, n.LedgerEnd(), end.Offset)
	require.Len(t, end.Times, 1)
	require.True(t, n.send(n.alice, n.treasury, "1", "ACC-1").RecordTime.After(end.Times[0].RecordTime))
}

func TestDescendingStreamOfALongHistory(t *testing.T) {
	t.Parallel()

	for seed := range uint64(4) { // offsets have gaps, and each seed has its own
		n := newNetwork(t, sandbox.Config{Seed: seed})
		for range 550 {
			n.tap(n.treasury, "1")
		}

		want := []ident.Offset{}
		for _, u := range n.Updates(n.treasury) {
			want = append(want, u.Offset)
		}

		slices.Reverse(want)

		req := updatesRequest(n.treasury, 0)
		req["endInclusive"], req["descendingOrder"] = n.LedgerEnd(), true
		delete(req["updateFormat"].(map[string]any), "includeTopologyEvents")

		s := n.stream("/v2/updates", req)
		got := []ident.Offset{}

		for range want {
			got = append(got, s.next().Update.Transaction.Value.Offset)
		}

		require.Equal(t, want, got)
		s.ends()
	}
}

// TestContractsUnderWay looks at the moment between the two halves of a reassignment.
func TestContractsUnderWay(t *testing.T) {
	t.Parallel()

	n := eventful(t, sandbox.Config{})

	type entries []struct {
		Entry map[string]struct {
			Created body `json:"createdEvent"`
			Home    ident.SynchronizerID
			Counter int64 `json:"reassignmentCounter"`
			Leaving struct {
				ContractID ident.ContractID `json:"contractId"`
			} `json:"unassignedEvent"`
		} `json:"contractEntry"`
	}

	at := func(offset ident.Offset) (leaving []ident.ContractID, moved int) {
		t.Helper()

		for _, e := range ok[entries](n, http.MethodPost, "/v2/state/active-contracts", map[string]any{
			"activeAtOffset": offset, "eventFormat": standardFormat(n.treasury),
		}) {
			if c, under := e.Entry["JsIncompleteUnassigned"]; under {
				require.Equal(t, c.Created.ContractID, c.Leaving.ContractID)
				leaving = append(leaving, c.Created.ContractID)
			}

			moved += int(e.Entry["JsActiveContract"].Counter)
		}

		return leaving, moved
	}

	leaving, moved := at(n.LedgerEnd() - 1)
	require.Len(t, leaving, 1)
	require.Zero(t, moved)

	leaving, moved = at(n.LedgerEnd())
	require.Empty(t, leaving)
	require.Equal(t, 1, moved)
}

// TestTransactionsThatChangeNothing: a contract that lives inside one transaction only. Such a transaction is told
// without events by 3.3, and not at all later.
func TestTransactionsThatChangeNothing(t *testing.T) {
	t.Parallel()

	const party = "owner::1220aa"

	update := json.RawMessage(`{"update":{"Transaction":{"value":{"updateId":"1220aa","offset":5,"synchronizerId":"s::1",
		"effectiveAt":"2026-01-01T00:00:00Z","recordTime":"2026-01-01T00:00:00Z","events":[
		{"CreatedEvent":{"offset":5,"nodeId":0,"contractId":"00aa","templateId":"ab:M:T","createArgument":{},
			"witnessParties":["owner::1220aa"],"signatories":["owner::1220aa"],"observers":[],
			"createdAt":"2026-01-01T00:00:00Z","packageName":"p"}},
		{"ExercisedEvent":{"offset":5,"nodeId":1,"lastDescendantNodeId":1,"contractId":"00aa","templateId":"ab:M:T",
			"choice":"Archive","choiceArgument":{},"exerciseResult":{},"actingParties":["owner::1220aa"],"consuming":true,
			"witnessParties":["owner::1220aa"],"packageName":"p"}}]}}}}`)

	for version, told := range map[sandbox.Version]int{sandbox.V33: 1, sandbox.V34: 0, sandbox.V36: 0} {
		s, err := sandbox.NewReplay([]json.RawMessage{update}, party, sandbox.ReplayConfig{Config: sandbox.Config{
			Version: version, Inspect: published.Inspect(t, string(version)), CheckpointInterval: -1,
		}})
		require.NoError(t, err)

		n := &network{t: t}
		n.serve(s)

		for shape, want := range map[string]int{
			"TRANSACTION_SHAPE_ACS_DELTA": told, "TRANSACTION_SHAPE_LEDGER_EFFECTS": 1,
		} {
			got := ok[[]item](n, http.MethodPost, "/v2/updates", map[string]any{
				"beginExclusive": 0, "endInclusive": 5, "updateFormat": map[string]any{"includeTransactions": map[string]any{
					"eventFormat": eventFormat(party), "transactionShape": shape,
				}},
			})
			require.Len(t, got, want, "%s %s", version, shape)
		}

		// Nobody else is told of it, not even that there was something.
		require.Empty(t, ok[[]item](n, http.MethodPost, "/v2/updates", map[string]any{
			"beginExclusive": 0, "endInclusive": 5, "updateFormat": map[string]any{"includeTransactions": map[string]any{
				"eventFormat": eventFormat("other::1220bb"), "transactionShape": "TRANSACTION_SHAPE_ACS_DELTA",
			}},
		}))
	}
}
