package ledger_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

var preapprovalName = ident.Name{Package: "#splice-amulet", Module: "Splice.AmuletRules", Entity: "TransferPreapproval"}

// ofTemplate is what the treasury has of a template.
func (n network) ofTemplate(t *testing.T, name ident.Name) []ledger.ActiveContract {
	t.Helper()

	end, err := n.client.LedgerEnd(within(t))
	require.NoError(t, err)

	var list []ledger.ActiveContract

	require.NoError(t, n.client.ActiveContractsOf(within(t), n.treasury, name, end, func(c ledger.ActiveContract) error {
		list = append(list, c)

		return nil
	}))

	return list
}

// TestContractsOfOneTemplate are those alone, over sockets and without; of a template that the node does not know there
// are none.
func TestContractsOfOneTemplate(t *testing.T) {
	t.Parallel()

	for _, version := range []sandbox.Version{sandbox.V33, sandbox.V34, sandbox.V35} {
		for _, sockets := range []bool{true, false} {
			n := newNetwork(t, sandbox.Config{Version: version}, sockets)
			_, err := n.Tap(n.treasury, amount.FromInt(1))
			require.NoError(t, err)

			list := n.ofTemplate(t, preapprovalName)
			require.Len(t, list, 1)
			require.Equal(t, "TransferPreapproval", list[0].Created.Template.Entity)

			argument, err := list[0].Argument()
			require.NoError(t, err)

			var says struct {
				Receiver ident.Party `json:"receiver"`
				Ends     time.Time   `json:"expiresAt"`
			}
			require.NoError(t, json.Unmarshal(argument, &says))
			require.Equal(t, n.treasury, says.Receiver)
			require.True(t, says.Ends.After(time.Now()))

			for _, unknown := range []ident.Name{
				{Package: "#splice-amulet", Module: "Splice.AmuletRules", Entity: "Nothing"},
				{Package: "#nowhere", Module: "No.Where", Entity: "Nothing"},
			} {
				require.Empty(t, n.ofTemplate(t, unknown))
			}
		}
	}
}

// TestALocalPartysCommandIsSubmittedOnce, also when its answer is lost.
func TestALocalPartysCommandIsSubmittedOnce(t *testing.T) {
	t.Parallel()

	for _, version := range []sandbox.Version{sandbox.V33, sandbox.V34, sandbox.V35} {
		n := newNetwork(t, sandbox.Config{Version: version}, true)
		cancel := func(of ident.ContractID) ledger.SubmitRequest {
			return ledger.SubmitRequest{
				UserID: "ledger-api-user", CommandID: "cancel-" + string(of), ActAs: []ident.Party{n.treasury},
				Command: ledger.Exercise{
					On: preapprovalName, Contract: of, Choice: "TransferPreapproval_Cancel",
					Argument: map[string]any{"p": n.treasury},
				},
				Deduplication: ledger.DeduplicateFor(time.Hour),
			}
		}

		first := n.ofTemplate(t, preapprovalName)[0].Created.Contract

		_, err := n.Faults().Add(fault.Rule{Kind: fault.ReplyLost, Times: 1, Match: fault.Match{Path: "/v2/commands/"}})
		require.NoError(t, err)

		_, err = n.client.SubmitAndWait(within(t), cancel(first))
		require.Equal(t, ledger.OutcomeUnknown, ledger.OutcomeOf(err), "%v", err)
		require.Empty(t, n.ofTemplate(t, preapprovalName), "it is on the ledger all the same")

		_, err = n.client.SubmitAndWait(within(t), cancel(first))
		require.Equal(t, ledger.OutcomeCommitted, ledger.OutcomeOf(err), "%v", err)

		again := cancel(first)
		again.CommandID = "another"
		_, err = n.client.SubmitAndWait(within(t), again)
		require.Equal(t, ledger.OutcomePrepareAgain, ledger.OutcomeOf(err), "%v", err)

		_, err = n.Preapprove(n.treasury)
		require.NoError(t, err)

		second := n.ofTemplate(t, preapprovalName)[0].Created.Contract
		wrong := cancel(second)
		wrong.Command = ledger.Exercise{
			On: preapprovalName, Contract: second, Choice: "TransferPreapproval_Cancel",
			Argument: map[string]any{"p": n.DSO()},
		}
		_, err = n.client.SubmitAndWait(within(t), wrong)
		require.Equal(t, ledger.OutcomeRejected, ledger.OutcomeOf(err), "%v", err)

		made, err := n.client.SubmitAndWait(within(t), cancel(second))
		require.NoError(t, err)
		require.Equal(t, n.LedgerEnd(), made.Offset)
		require.NotEmpty(t, made.Update)
	}
}

// TestLocalCommandsThatAreNotSent would be taken by no node.
func TestLocalCommandsThatAreNotSent(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{}, true)

	for name, change := range map[string]func(*ledger.SubmitRequest){
		"no command id":     func(r *ledger.SubmitRequest) { r.CommandID = "" },
		"a long command id": func(r *ledger.SubmitRequest) { r.CommandID = string(make([]byte, 256)) },
		"no command":        func(r *ledger.SubmitRequest) { r.Command = nil },
		"nobody acts":       func(r *ledger.SubmitRequest) { r.ActAs = nil },
		"backwards":         func(r *ledger.SubmitRequest) { r.Deduplication = ledger.DeduplicateFor(-1) },
		"no JSON":           func(r *ledger.SubmitRequest) { r.Command = ledger.RawCommand(`{"a":1,"a":2}`) },
	} {
		r := ledger.SubmitRequest{
			CommandID: "c", Command: ledger.RawCommand(`{}`), ActAs: []ident.Party{n.treasury},
		}
		change(&r)

		_, err := n.client.SubmitAndWait(within(t), r)
		require.Equal(t, ledger.CodeInvalid, asError(t, err).Code, name)
		require.Equal(t, ledger.OutcomeRejected, ledger.OutcomeOf(err), name)
	}
}
