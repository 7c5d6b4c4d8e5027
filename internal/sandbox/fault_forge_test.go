package sandbox_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/update"
)

// claimed is what an event says of a holding.
type claimed struct {
	ContractID ident.ContractID `json:"contractId"`
	Offset     ident.Offset     `json:"offset"`
	TemplateID string           `json:"templateId"`
	Signatory  []ident.Party    `json:"signatories"`
	Argument   struct {
		Owner  ident.Party `json:"owner"`
		Amount struct {
			Initial string `json:"initialAmount"`
		} `json:"amount"`
	} `json:"createArgument"`
	Views []struct {
		Value struct {
			Owner  ident.Party `json:"owner"`
			Amount string      `json:"amount"`
		} `json:"viewValue"`
	} `json:"interfaceViews"`
}

// shown is what a transaction of whatever shape says of an owner's holdings, and what it ends.
func shown(t *testing.T, raw []byte, owner ident.Party) (creates []claimed, ends []ident.ContractID) {
	t.Helper()

	var item struct {
		Update struct {
			Transaction struct {
				Value struct {
					Events []struct {
						Created   *claimed `json:"CreatedEvent"`
						Exercised *body    `json:"ExercisedEvent"`
						Archived  *body    `json:"ArchivedEvent"`
					} `json:"events"`
				} `json:"value"`
			} `json:"Transaction"`
			Tree struct {
				Value struct {
					Events map[string]struct {
						Created *struct {
							Value claimed `json:"value"`
						} `json:"CreatedTreeEvent"`
						Exercised *struct {
							Value body `json:"value"`
						} `json:"ExercisedTreeEvent"`
					} `json:"eventsById"`
				} `json:"value"`
			} `json:"TransactionTree"`
		} `json:"update"`
	}

	require.NoError(t, json.Unmarshal(raw, &item), string(raw))

	for _, e := range item.Update.Transaction.Value.Events {
		switch {
		case e.Created != nil:
			creates = append(creates, *e.Created)
		case e.Archived != nil:
			ends = append(ends, e.Archived.ContractID)
		case e.Exercised.Consuming:
			ends = append(ends, e.Exercised.ContractID)
		}
	}

	for _, e := range item.Update.Tree.Value.Events {
		switch {
		case e.Created != nil:
			creates = append(creates, e.Created.Value)
		case e.Exercised.Value.Consuming:
			ends = append(ends, e.Exercised.Value.ContractID)
		}
	}

	return slices.DeleteFunc(creates, func(c claimed) bool { return c.Argument.Owner != owner }), ends
}

// truth is the same transaction as the node tells it to who asks for it by its offset.
func (n *network) truth(party ident.Party, offset ident.Offset) ([]claimed, []ident.ContractID) {
	n.t.Helper()

	status, _, raw := n.call(http.MethodPost, "/v2/updates/update-by-offset", map[string]any{
		"offset": offset, "updateFormat": updateFormat(party),
	})
	require.Equal(n.t, http.StatusOK, status)

	return shown(n.t, raw, party)
}

// forgeries reads one payment to the treasury from a stream of some shape, while a rule forges it.
func forgeries(t *testing.T, kind fault.Kind, check func(n *network, offset ident.Offset, raw []byte)) {
	t.Helper()

	for name, ask := range map[string]func(n *network, begin ident.Offset) (path string, request map[string]any){
		"effects": func(n *network, begin ident.Offset) (string, map[string]any) {
			return updatesPath, updatesRequest(n.treasury, begin)
		},
		"delta": func(n *network, begin ident.Offset) (string, map[string]any) {
			return updatesPath, map[string]any{"beginExclusive": begin, "filter": standardFormat(n.treasury)}
		},
		"trees": func(n *network, begin ident.Offset) (string, map[string]any) {
			return updatesPath + "/trees", map[string]any{"beginExclusive": begin, "filter": standardFormat(n.treasury)}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			n := newNetwork(t, sandbox.Config{Version: sandbox.V34})
			begin := n.LedgerEnd()
			path, request := ask(n, begin)

			n.fails(fault.Rule{Kind: kind, Match: fault.Match{Party: string(n.alice)}})
			n.fails(fault.Rule{Kind: kind, Times: 1, Match: fault.Match{Path: path, Party: string(n.treasury)}})

			s := n.stream(path, request)
			sent := n.send(n.alice, n.treasury, "10", "ACC-1")

			raw, err := s.raw()
			require.NoError(t, err)
			require.Equal(t, 1, n.fired())
			check(n, sent.Offset, raw)

			// Whoever reads again reads the truth.
			s = n.stream(path, request)

			again, err := s.raw()
			require.NoError(t, err)

			creates, ends := shown(t, again, n.treasury)
			want, wantEnds := n.truth(n.treasury, sent.Offset)
			require.Len(t, creates, len(want))
			require.Subset(t, wantEnds, ends)
			require.Equal(t, "1010", n.total(n.treasury, n.Amulet()))
		})
	}
}

func TestForgedHolding(t *testing.T) {
	t.Parallel()

	forgeries(t, fault.ForgedHolding, func(n *network, offset ident.Offset, raw []byte) {
		creates, _ := shown(n.t, raw, n.treasury)
		honest, _ := n.truth(n.treasury, offset)

		forged := slices.IndexFunc(creates, func(c claimed) bool {
			return !slices.ContainsFunc(honest, func(h claimed) bool { return h.ContractID == c.ContractID })
		})
		require.GreaterOrEqual(n.t, forged, 0)

		c := creates[forged]
		require.Equal(n.t, n.treasury, c.Argument.Owner)
		require.Equal(n.t, n.treasury, c.Views[0].Value.Owner)
		require.Contains(n.t, c.Signatory, n.DSO())
		require.Equal(n.t, offset, c.Offset)

		for _, active := range n.ActiveContracts(n.treasury) {
			require.NotEqual(n.t, c.ContractID, active.ContractID)
		}

		require.Equal(n.t, "CONTRACT_EVENTS_NOT_FOUND", n.code(http.StatusNotFound, "/v2/events/events-by-contract-id",
			map[string]any{"contractId": c.ContractID, "eventFormat": standardFormat(n.treasury)}))
		n.decodes(raw)
	})
}

func TestForgedAmount(t *testing.T) {
	t.Parallel()

	forgeries(t, fault.ForgedAmount, func(n *network, offset ident.Offset, raw []byte) {
		creates, _ := shown(n.t, raw, n.treasury)
		honest, _ := n.truth(n.treasury, offset)
		require.Len(n.t, creates, len(honest))

		told, was := creates[0], honest[0]

		require.Equal(n.t, was.ContractID, told.ContractID)
		require.Equal(n.t, "10.0000000000", was.Argument.Amount.Initial)
		require.Equal(n.t, "20.0000000000", told.Argument.Amount.Initial)
		require.Equal(n.t, "20.0000000000", told.Views[0].Value.Amount)
		n.decodes(raw)
	})
}

func TestForgedArchive(t *testing.T) {
	t.Parallel()

	forgeries(t, fault.ForgedArchive, func(n *network, offset ident.Offset, raw []byte) {
		_, ends := shown(n.t, raw, n.treasury)
		_, honest := n.truth(n.treasury, offset)

		forged := slices.IndexFunc(ends, func(id ident.ContractID) bool { return !slices.Contains(honest, id) })
		require.GreaterOrEqual(n.t, forged, 0)

		active := slices.ContainsFunc(n.ActiveContracts(n.treasury), func(a sandbox.ActiveContract) bool {
			return a.ContractID == ends[forged] && a.Holding != nil
		})
		require.True(n.t, active, "it is still there")
		n.decodes(raw)
	})
}

// decodes expects a forged update to be one that a strict reader takes: its shape does not give it away. Readers take no
// changes of active contracts.
func (n *network) decodes(raw []byte) {
	n.t.Helper()

	if bytes.Contains(raw, []byte(`"ArchivedEvent"`)) {
		return
	}

	_, err := update.Decode(raw)
	require.NoError(n.t, err)
}

func TestForgeriesInLists(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	begin := n.LedgerEnd()
	sent := n.send(n.alice, n.treasury, "10", "ACC-1")

	for _, kind := range []fault.Kind{fault.ForgedHolding, fault.ForgedAmount, fault.ForgedArchive} {
		n.fails(fault.Rule{Kind: kind})
	}

	honest, honestEnds := n.truth(n.treasury, sent.Offset) // of one that was asked for alone, nothing is forged
	require.Zero(t, n.fired())

	request := updatesRequest(n.treasury, begin)
	request["endInclusive"] = n.LedgerEnd()

	list := ok[[]json.RawMessage](n, http.MethodPost, updatesPath, request)
	creates, ends := shown(t, list[0], n.treasury)
	require.Len(t, creates, 1+len(honest))
	require.Len(t, ends, 1+len(honestEnds))
	require.Equal(t, 3, n.fired())
}
