package books_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// hostileTexts are what strangers write where a memo is expected.
func hostileTexts() []string {
	return []string{
		"", "\x00", `"},"state":"credited`, "a\x00b\\u0000", strings.Repeat("🪙", 2500), strings.Repeat("\x01", 10<<10),
		"\u202Egnp.exe\u2066", `\ud800`, "\xed\xa0\x80", "\xff\xfe", "line\nbreak\r\t\v\u2028\u2029", "</script><!--", "\u007f\u0085",
	}
}

func TestEventsSurviveHostileMemos(t *testing.T) {
	t.Parallel()

	for _, text := range hostileTexts() {
		payload := depositEvent(t, text)
		require.Equal(t, "credited", payload["state"], "%q", text)
		require.Equal(t, "5.0000000000", payload["amount"])
		require.Equal(t, memo.Stored(text), payload["memo"])
		require.NotContains(t, payload["memo"], "\x00")
	}

	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOfN(rapid.Byte(), 0, 60).Draw(t, "memo"))
		require.Equal(t, memo.Stored(text), depositEvent(t, text)["memo"])
	})
}

// depositEvent is the payload of the event of a credited deposit, which a rebuild would give to any memo.
func depositEvent(t require.TestingT, text string) map[string]any {
	tr := txhistory.Transfer{
		Node: 3, Direction: txhistory.In, Status: txhistory.Completed, Sender: alice, Instrument: coin(), Amount: amount.FromInt(5), Memo: &text,
	}
	e := one(tr, tr.Amount)

	var q books.Questions

	q.Ask(treasury, at(1).ID, e)

	g := books.NewGrounds(treasury)
	g.Decided = map[uuid.UUID]books.Attribution{q.DepositIDs[0]: {State: books.Credited, Account: "c1"}}

	entries, err := books.Record(at(1), e, g)
	require.NoError(t, err)
	require.Len(t, entries.Events, 1)
	require.Equal(t, entries.Deposits[0].ID.String(), entries.Events[0].Subject)

	return decode(t, entries.Events[0].Payload)
}

func decode(t require.TestingT, raw []byte) map[string]any {
	require.True(t, utf8.Valid(raw))
	require.LessOrEqual(t, len(raw), 64<<10)
	require.NotContains(t, strings.ReplaceAll(string(raw), `\\`, ""), `\u0000`, "jsonb cannot hold it")

	var payload map[string]any
	require.NoError(t, json.Unmarshal(raw, &payload))

	return payload
}

func TestWithdrawalEventsSurviveHostileMemos(t *testing.T) {
	t.Parallel()

	for _, text := range hostileTexts() {
		tr := txhistory.Transfer{
			Direction: txhistory.Out, Status: txhistory.Completed, Receiver: bob, Instrument: coin(), Amount: amount.FromInt(5), Memo: &text,
		}

		entries, err := books.Record(at(1), one(tr, tr.Amount.Neg()), books.NewGrounds(treasury))
		require.NoError(t, err, "%q", text)
		require.Len(t, entries.Events, 1)
		require.Equal(t, entries.Recovered[0].ID, entries.Events[0].Subject)
		require.Equal(t, entries.Recovered[0].ID, decode(t, entries.Events[0].Payload)["withdrawalId"])
		require.NotContains(t, entries.Recovered[0].ID, "\x00")
		require.NotEmpty(t, entries.Recovered[0].ID)
		require.LessOrEqual(t, len(entries.Recovered[0].ID), 512, "the column's bound")
	}
}

func TestEventsCarryWholeAmountsAsText(t *testing.T) {
	t.Parallel()

	for _, text := range []string{"0.0000000001", "9999999999999999999999999999.9999999999", "123456789012345678.0000000001"} {
		for _, direction := range []txhistory.Direction{txhistory.In, txhistory.Out} {
			tr := txhistory.Transfer{Direction: direction, Status: txhistory.Completed, Instrument: coin(), Amount: amounttest.Of(text)}

			change := tr.Amount
			if direction == txhistory.Out {
				change = change.Neg()
			}

			entries, err := books.Record(at(1), one(tr, change), books.NewGrounds(treasury))
			require.NoError(t, err)
			require.Equal(t, text, decode(t, entries.Events[0].Payload)["amount"])
		}
	}
}

func TestEventsPointAtTheLedger(t *testing.T) {
	t.Parallel()

	tr := txhistory.Transfer{
		Node: 3, Direction: txhistory.In, Status: txhistory.Pending, Sender: alice, Instrument: coin(), Amount: amount.FromInt(5), Correlation: chain,
	}
	g := books.NewGrounds(treasury)

	offered, err := books.Record(at(1), one(tr, amount.Zero()), g)
	require.NoError(t, err)

	tr.Status, tr.Node = txhistory.Completed, 8

	settled, err := books.Record(at(2), one(tr, tr.Amount), g)
	require.NoError(t, err)
	require.Equal(t, []string{"deposit.offered", "deposit.unattributed"}, []string{offered.Events[0].Type, settled.Events[0].Type})
	require.Equal(t, offered.Events[0].Subject, settled.Events[0].Subject, "one deposit")
	require.NotEqual(t, offered.Events[0].ID, settled.Events[0].ID)
	require.Equal(t, map[string]any{"updateId": "update-2", "nodeId": float64(8), "recordTime": "2023-11-14T22:13:22Z"},
		decode(t, settled.Events[0].Payload)["evidence"])
}

// TestPartsOfOneUpdateHaveEventsOfTheirOwn: an opening snapshot is booked in parts that share its update id.
func TestPartsOfOneUpdateHaveEventsOfTheirOwn(t *testing.T) {
	t.Parallel()

	g := books.NewGrounds(treasury)

	var ids []uuid.UUID

	for part := range ident.NodeID(3) {
		entries, err := books.Record(at(0), txhistory.Effects{
			Transfers: []txhistory.Transfer{{
				Node: part * 1000, Direction: txhistory.In, Status: txhistory.Pending, Instrument: coin(), Amount: amount.FromInt(5),
				Correlation: chain + ident.ContractID('0'+part),
			}},
			Unrecognized: []txhistory.Unrecognized{{Node: part * 1000, Problem: txhistory.ProblemView}, {Node: part * 1000, Problem: txhistory.ProblemView}},
		}, g)
		require.NoError(t, err)
		require.Len(t, entries.Events, 3)

		for _, e := range entries.Events {
			ids = append(ids, e.ID)
		}
	}

	slices.SortFunc(ids, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
	require.Len(t, slices.Compact(ids), 9)
}

func TestUnrecognizedIsTold(t *testing.T) {
	t.Parallel()

	for _, text := range hostileTexts() {
		entries, err := books.Record(at(1), txhistory.Effects{
			Unrecognized: []txhistory.Unrecognized{{Node: 2, Problem: txhistory.ProblemChoice, Detail: text}},
		}, books.NewGrounds(treasury))
		require.NoError(t, err)
		require.Equal(t, "ledger.unrecognized", entries.Events[0].Type)
		require.Equal(t, "update-1/2", entries.Events[0].Subject)
		require.Equal(t, memo.Stored(text), decode(t, entries.Events[0].Payload)["detail"])
	}
}

// TestMoneyOfOtherKinds: where each kind of movement is booked when no transfer stands behind it.
func TestMoneyOfOtherKinds(t *testing.T) {
	t.Parallel()

	for kind, want := range map[txhistory.MovementKind]books.AccountKind{
		txhistory.MoveTransfer: books.UnrecognizedMoney, txhistory.MoveFee: books.Fees, txhistory.MoveMergeSplit: books.Fees,
		txhistory.MoveMint: books.Income, txhistory.MoveBurn: books.Losses, txhistory.MoveExpireDust: books.Losses,
		txhistory.MoveOpening: books.Opening, txhistory.MoveUnrecognized: books.UnrecognizedMoney, "new": books.UnrecognizedMoney,
	} {
		for _, transfer := range []int{-1, 5} {
			e := txhistory.Effects{Movements: []txhistory.Movement{
				{Kind: kind, Instrument: coin(), Change: amount.FromInt(-4), Transfer: transfer},
			}}

			entries, err := books.Record(at(1), e, books.NewGrounds(treasury))
			require.NoError(t, err)
			require.Equal(t, want, entries.Postings[1].Kind, "%s %d", kind, transfer)
			requireBalanced(t, e, entries)
		}
	}
}

// TestSumsOutOfRangeAreRefused: the parser never gives such effects, and nothing may be made of them.
func TestSumsOutOfRangeAreRefused(t *testing.T) {
	t.Parallel()

	most := amounttest.Of("9999999999999999999999999999.9999999999")
	tr := txhistory.Transfer{Direction: txhistory.In, Status: txhistory.Completed, Instrument: coin(), Amount: most}
	e := one(tr, most)
	e.Movements = append(e.Movements, e.Movements[0])

	entries, err := books.Record(at(1), e, books.NewGrounds(treasury))
	require.ErrorIs(t, err, amount.ErrRange)
	require.Equal(t, books.Entries{}, entries)
}

// TestPartsWithHoldingsHaveEventsOfTheirOwn, too: their holdings tell them apart.
func TestPartsWithHoldingsHaveEventsOfTheirOwn(t *testing.T) {
	t.Parallel()

	seen := map[uuid.UUID]bool{}

	for part := range 3 {
		node := ident.NodeID(part * 1000)
		entries, err := books.Record(at(0), txhistory.Effects{
			Created: []txhistory.HoldingCreated{{
				Node: node, Contract: ident.ContractID(fmt.Sprint("h", part)), Holding: token.Holding{Instrument: coin(), Amount: amount.FromInt(5)},
			}},
			Movements: []txhistory.Movement{{Node: node, Kind: txhistory.MoveOpening, Transfer: -1, Instrument: coin(), Change: amount.FromInt(5)}},
		}, books.NewGrounds(treasury))
		require.NoError(t, err)

		for _, e := range entries.Events {
			require.False(t, seen[e.ID], e.Subject)
			seen[e.ID] = true
		}
	}

	require.Len(t, seen, 3)
}
