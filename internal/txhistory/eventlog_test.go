package txhistory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
)

func account(owner any, id string) m { return m{"owner": owner, "provider": nil, "id": id} }

func leg(id, side string, other any, worth string, memo ...string) m {
	l := m{
		"transferLegId": id, "side": side, "otherside": other, "amount": worth, "instrumentId": "Amulet", "meta": meta(),
	}
	if len(memo) > 0 {
		l["meta"] = meta(token.KeyReason, memo[0])
	}

	return l
}

// change is a holdings-change event about the treasury.
func change(admin string, inputs, outputs []string, legs ...m) *node {
	return exercise(token.ChoiceHoldingsChange).iface(token.EventLogV2).on("00log").actors(admin).argument(m{
		"admin": admin, "account": account(treasury, ""), "inputHoldingCids": inputs, "outputHoldingCids": outputs,
		"transferLegSides": legs, "observers": []string{treasury}, "extraArgs": m{},
	})
}

func list(ids ...string) []string { return ids }

func TestHoldingsChangeEvents(t *testing.T) {
	t.Parallel()

	runCases(t, []parseCase{
		{
			name: "a deposit described three times, by both versions: counted once, by its leg",
			nodes: []*node{deposit("TransferPreapproval_SendV2", sendOf(bob, "ACC-1"),
				archive("bobs"), hold("00h", treasury, "25"),
				change(dso, nil, list("00h"), leg("leg0", "ReceiverSide", account(bob, ""), "25.0", "ACC-1")))},
			want: `+ 2 00h 25 Amulet
				in 3.0 completed by event_log: bob -> treasury 25 Amulet memo "ACC-1"
				transfer 3 25 Amulet #0`,
		},
		{
			name: "several memos for one holding",
			nodes: []*node{exercise("SettlementFactory_SettleBatch", hold("00h", treasury, "30"),
				change(dso, nil, list("00h"), leg("l0", "ReceiverSide", account(bob, ""), "25", "ACC-1"),
					leg("l1", "ReceiverSide", account(carol, "7"), "5", "ACC-2")))},
			want: `+ 1 00h 30 Amulet
				in 2.0 completed by event_log: bob -> treasury 25 Amulet memo "ACC-1"
				in 2.1 completed by event_log: carol -> treasury 5 Amulet memo "ACC-2"
				transfer 2 25 Amulet #0
				transfer 2 5 Amulet #1`,
		},
		{
			name:  "in and out in one, with other holdings in and out",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{exercise("Batch",
				archive("00in"), hold("00x", treasury, "1"), archive("00x"), hold("00h", treasury, "95"),
				change(dso, list("00in", "00x"), list("00x", "00h"), leg("l0", "ReceiverSide", account(bob, ""), "5", "ACC-1"),
					leg("l1", "SenderSide", account(carol, ""), "10")))},
			want: `+ 2 00x 1 Amulet
				+ 4 00h 95 Amulet
				- 1 00in 100 Amulet
				- 3 00x 1 Amulet
				in 5.0 completed by event_log: bob -> treasury 5 Amulet memo "ACC-1"
				out 5.1 completed by event_log: treasury -> carol 10 Amulet
				transfer 5 5 Amulet #0
				transfer 5 -10 Amulet #1`,
		},
		{
			name: "legs that cancel out change no holding at all",
			nodes: []*node{change(dso, nil, nil, leg("l0", "ReceiverSide", account(bob, ""), "5", "ACC-1"),
				leg("l1", "SenderSide", account(carol, ""), "5"))},
			want: `in 0.0 completed by event_log: bob -> treasury 5 Amulet memo "ACC-1"
				out 0.1 completed by event_log: treasury -> carol 5 Amulet
				transfer 0 5 Amulet #0
				transfer 0 -5 Amulet #1`,
		},
		{
			name:  "merges, mints, burns, transfers to itself, a variant for an enum",
			known: []*node{hold("00a", treasury, "5"), hold("00b", treasury, "6"), hold("00c", treasury, "7")},
			nodes: []*node{
				exercise("Merge", archive("00a"), hold("00a2", treasury, "5"), change(dso, list("00a"), list("00a2"))),
				exercise("Mint", hold("00m", treasury, "9"),
					change(dso, nil, list("00m"), leg("mint", "ReceiverSide", account(nil, "cip-112/mint"), "9"))),
				exercise("Burn", archive("00b"),
					change(dso, list("00b"), nil, leg("burn", "SenderSide", account(nil, "cip-112/burn"), "6"))),
				exercise("Self", archive("00c"), hold("00d", treasury, "7"), change(dso, list("00c"), list("00d"),
					leg("l0", "SenderSide", account(treasury, ""), "7"), leg("l0", "ReceiverSide", account(treasury, ""), "7"))),
				exercise("Odd", hold("00o", treasury, "1"), change(dso, nil, list("00o"), func() m {
					l := leg("l0", "", account(nil, "other"), "1")
					l["side"] = m{"tag": "ReceiverSide", "value": m{}}

					return l
				}())),
			},
			want: `+ 2 00a2 5 Amulet
				+ 5 00m 9 Amulet
				+ 12 00d 7 Amulet
				+ 15 00o 1 Amulet
				- 1 00a 5 Amulet
				- 8 00b 6 Amulet
				- 11 00c 7 Amulet
				self 13.0 completed by event_log: treasury -> treasury 7 Amulet
				in 16.0 completed by event_log: ? -> treasury 1 Amulet
				mint 6 9 Amulet #-1
				burn 9 -6 Amulet #-1
				transfer 16 1 Amulet #1`,
		},
		{
			name:  "a settlement's debit that version 1 calls a burn",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{exercise(token.ChoiceExecute, archive("00in"), hold("x", bob, "100"),
				change(dso, list("00in"), nil, leg("l0", "SenderSide", account(bob, ""), "100")),
			).iface(token.AllocationV1).result(said(token.KindBurn, token.KeyReason, "Debit for settlement 7"))},
			want: `- 1 00in 100 Amulet
				out 3.0 completed by event_log: treasury -> bob 100 Amulet
				transfer 3 -100 Amulet #0`,
		},
		{
			name:  "a withdrawal: the factory says more, and says it once",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(transferValue(treasury, bob, "20", "W-1"), completed("00b"),
				archive("00in"), hold("00b", bob, "20"), hold("00chg", treasury, "80"),
				change(dso, list("00in"), list("00chg"), leg("leg0", "SenderSide", account(bob, ""), "20", "W-1")))},
			want: `+ 3 00chg 80 Amulet
				- 1 00in 100 Amulet
				out 0.0 completed by factory: treasury -> bob 20 Amulet memo "W-1"
				transfer 0 -20 Amulet #0`,
		},
		{
			name: "an event beside the step that it repeats",
			nodes: []*node{
				factory(transferValue(bob, treasury, "20", "ACC-1"), completed("00h"), hold("00h", treasury, "20")),
				change(dso, nil, list("00h"), leg("leg0", "ReceiverSide", account(bob, ""), "20", "ACC-1")),
			},
			want: `+ 1 00h 20 Amulet
				in 0.0 completed by factory: bob -> treasury 20 Amulet memo "ACC-1"
				transfer 0 20 Amulet #0`,
		},
		{
			name: "events about others",
			nodes: []*node{
				change(dso, nil, nil).argument(m{"admin": dso, "account": account(bob, ""), "transferLegSides": "?"}),
				change(dso, nil, nil).argument(m{"account": 7}),
				change(dso, nil, nil).argument(m{"admin": dso, "account": account(nil, "")}),
			},
			want: ``,
		},
	})
}

func TestHoldingsChangeEventsThatAreNotBelieved(t *testing.T) {
	t.Parallel()

	to := func(worth string) m { return leg("l0", "ReceiverSide", account(bob, ""), worth, "ACC-1") }

	for name, log := range map[string]func() *node{
		"a foreign admin claims the holding as its own": func() *node { return change(mallory, nil, list("00h"), to("25")) },
		"a foreign admin claims a credit for nothing":   func() *node { return change(mallory, nil, nil, to("25")) },
		"not exercised by its admin": func() *node {
			return change(dso, nil, list("00h"), to("25")).actors(mallory)
		},
		"more than arrived":  func() *node { return change(dso, nil, list("00h"), to("26")) },
		"less than arrived":  func() *node { return change(dso, nil, list("00h"), to("24")) },
		"nothing listed":     func() *node { return change(dso, nil, nil, to("25")) },
		"listed twice":       func() *node { return change(dso, nil, list("00h", "00h"), to("50")) },
		"listed as an input": func() *node { return change(dso, list("00h"), nil, to("25")) },
		"not ours":           func() *node { return change(dso, nil, list("00h", "00b"), to("32")) },
		"never seen":         func() *node { return change(dso, list("00never"), list("00h"), to("25")) },
		"a leg twice":        func() *node { return change(dso, nil, list("00h"), to("12.5"), to("12.5")) },
		"another token": func() *node {
			l := to("25")
			l["instrumentId"] = "USD"

			return change(dso, nil, list("00h"), l)
		},
		"a negative leg": func() *node { return change(dso, nil, list("00h"), to("-25")) },
		"a broken leg": func() *node {
			l := to("25")
			l["side"] = "Inside"

			return change(dso, nil, list("00h"), l)
		},
		"no legs": func() *node { return change(dso, nil, list("00h")) },
		"garbage": func() *node {
			n := change(dso, nil, list("00h"))
			n.body["choiceArgument"].(m)["inputHoldingCids"] = []string{""}

			return n
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			e, err := parse(t, newLedger(), deposit("TransferPreapproval_SendV2", sendOf(bob, "ACC-2"),
				hold("00h", treasury, "25"), hold("00b", bob, "7"), log()))
			require.NoError(t, err)
			require.Equal(t, unindented(`
				+ 1 00h 25 Amulet
				in 0.0 completed by result_meta: bob -> treasury 25 Amulet memo "ACC-2"
				transfer 0 25 Amulet #0
				! 3 event_log_mismatch`), lines(e), "version 1 tells what happened, and somebody should look")
		})
	}

	t.Run("a foreign admin calls a deposit and a burn a merge", func(t *testing.T) {
		t.Parallel()

		e, err := parse(t, knowing(t, hold("00in", treasury, "25")),
			deposit("Send", sendOf(bob, "ACC-1"), hold("00h", treasury, "25")),
			exercise("Burn", archive("00in")).result(said(token.KindBurn)),
			change(mallory, list("00in"), list("00h")))
		require.NoError(t, err)
		require.Equal(t, unindented(`
			+ 1 00h 25 Amulet
			- 3 00in 25 Amulet
			in 0.0 completed by result_meta: bob -> treasury 25 Amulet memo "ACC-1"
			transfer 0 25 Amulet #0
			burn 2 -25 Amulet #-1
			! 4 event_log_mismatch`), lines(e))
	})

	t.Run("two events for one holding", func(t *testing.T) {
		t.Parallel()

		e, err := parse(t, newLedger(), hold("00h", treasury, "25"), hold("00i", treasury, "1"),
			change(dso, nil, list("00h"), to("25")), change(dso, nil, list("00h", "00i"), to("26")))
		require.NoError(t, err)
		require.Len(t, e.Transfers, 1)
		require.Equal(t, txhistory.ProblemBareCreate, e.Unrecognized[0].Problem)
		require.Equal(t, txhistory.ProblemEventLog, e.Unrecognized[1].Problem)
	})
}
