package txhistory_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// parseCase is a transaction and what it did. Known are transactions before it.
type parseCase struct {
	name  string
	known []*node
	nodes []*node
	want  string
}

func runCases(t *testing.T, cases []parseCase) {
	t.Helper()

	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			e, err := parse(t, knowing(t, c.known...), c.nodes...)
			require.NoError(t, err)
			require.Equal(t, unindented(c.want), lines(e))
		})
	}
}

// deposit is what the receiver of a pre-approved transfer sees.
func deposit(choice string, result m, children ...*node) *node {
	return exercise(choice, children...).on("00pre").result(result)
}

func sendOf(sender, memo string) m {
	return said(token.KindTransfer, token.KeySender, sender, token.KeyReason, memo)
}

func TestOneStepDeposits(t *testing.T) {
	t.Parallel()

	runCases(t, []parseCase{
		{
			name: "the older shape, with a nested transfer that says the same again",
			nodes: []*node{deposit("TransferPreapproval_Send", sendOf(bob, "ACC-1"),
				exercise("AmuletRules_Transfer",
					archive("bobs").after(2), create("coupon"), hold("00h1", treasury, "25"), hold("00h2", bob, "74"),
				).result(said(token.KindTransfer, token.KeySender, bob)),
			).after(4)},
			want: `+ 10 00h1 25 Amulet
				in 4.0 completed by result_meta: bob -> treasury 25 Amulet memo "ACC-1"
				transfer 4 25 Amulet #0`,
		},
		{
			name: "the newer shape, and a choice that nobody has heard of: the name decides nothing",
			nodes: []*node{
				deposit("TransferPreapproval_SendV2", sendOf(bob, "ACC-1"), archive("bobs"), hold("00h1", treasury, "25")),
				deposit("Sideways", sendOf(carol, "ACC-2"), hold("00h2", treasury, "5")),
			},
			want: `+ 2 00h1 25 Amulet
				+ 4 00h2 5 Amulet
				in 0.0 completed by result_meta: bob -> treasury 25 Amulet memo "ACC-1"
				in 3.0 completed by result_meta: carol -> treasury 5 Amulet memo "ACC-2"
				transfer 0 25 Amulet #0
				transfer 3 5 Amulet #1`,
		},
		{
			name: "no memo and no sender",
			nodes: []*node{deposit("TransferPreapproval_SendV2", said(token.KindTransfer),
				hold("00h1", treasury, "25"))},
			want: `+ 1 00h1 25 Amulet
				in 0.0 completed by result_meta: ? -> treasury 25 Amulet
				transfer 0 25 Amulet #0`,
		},
		{
			name: "an empty memo is not the same as none",
			nodes: []*node{deposit("TransferPreapproval_SendV2", sendOf(bob, ""),
				hold("00h1", treasury, "25"))},
			want: `+ 1 00h1 25 Amulet
				in 0.0 completed by result_meta: bob -> treasury 25 Amulet memo ""
				transfer 0 25 Amulet #0`,
		},
		{
			name: "what is burned and what arguments say count for nothing",
			nodes: []*node{deposit("TransferPreapproval_SendV2",
				said(token.KindTransfer, token.KeySender, bob, token.KeyBurned, "-1e400 NaN"),
				hold("00h1", treasury, "25"),
			).argument(m{
				"amount": "999", "sender": mallory, "description": "ACC-9",
				"extraArgs": m{"meta": meta(token.KeyTxKind, "mint", token.KeySender, mallory, token.KeyReason, "ACC-9")},
				"transfer":  m{"meta": meta(token.KeyReason, "ACC-9")},
			})},
			want: `+ 1 00h1 25 Amulet
				in 0.0 completed by result_meta: bob -> treasury 25 Amulet
				transfer 0 25 Amulet #0`,
		},
		{
			name:  "a deposit that merges with what is there already: the net change counts",
			known: []*node{hold("00old", treasury, "10")},
			nodes: []*node{deposit("Send", sendOf(bob, "ACC-1"), archive("00old"), hold("00h1", treasury, "35"))},
			want: `+ 2 00h1 35 Amulet
				- 1 00old 10 Amulet
				in 0.0 completed by result_meta: bob -> treasury 25 Amulet memo "ACC-1"
				transfer 0 25 Amulet #0`,
		},
		{
			name: "several instruments under one result, and a look-alike of another admin",
			nodes: []*node{deposit("Send", sendOf(bob, "ACC-1"),
				hold("00h1", treasury, "25"), hold("00h2", treasury, "7").of(mallory, "Amulet"),
				hold("00h3", treasury, "3").of(dso, "USD"))},
			want: `+ 1 00h1 25 Amulet
				+ 2 00h2 7 Amulet@mallory
				+ 3 00h3 3 USD
				in 0.0 completed by result_meta: bob -> treasury 25 Amulet memo "ACC-1"
				in 0.1 completed by result_meta: bob -> treasury 7 Amulet@mallory memo "ACC-1"
				in 0.2 completed by result_meta: bob -> treasury 3 USD memo "ACC-1"
				transfer 0 25 Amulet #0
				transfer 0 7 Amulet@mallory #1
				transfer 0 3 USD #2`,
		},
		{
			name: "nested in a batch whose own result says nothing",
			nodes: []*node{exercise("Batch_Execute",
				deposit("Send", sendOf(bob, "ACC-1"), hold("00h1", treasury, "1")),
				exercise("Log"),
				deposit("Send", sendOf(bob, "ACC-2"), hold("00h2", treasury, "2")),
			).result(m{"meta": "surprise"})},
			want: `+ 2 00h1 1 Amulet
				+ 5 00h2 2 Amulet
				in 1.0 completed by result_meta: bob -> treasury 1 Amulet memo "ACC-1"
				in 4.0 completed by result_meta: bob -> treasury 2 Amulet memo "ACC-2"
				transfer 1 1 Amulet #0
				transfer 4 2 Amulet #1`,
		},
		{
			name:  "a swap under the other side's result: what is inside explains it better",
			known: []*node{hold("00usd", treasury, "50").of(dso, "USD")},
			nodes: []*node{exercise("Swap",
				exercise("One", hold("00h1", treasury, "100")).result(sendOf(bob, "swap")),
				exercise("Two", archive("00usd"), hold("00b", bob, "50").of(dso, "USD")).result(sendOf(treasury, "swap")),
			).result(sendOf(bob, "outer"))},
			want: `+ 2 00h1 100 Amulet
				- 4 00usd 50 USD
				in 1.0 completed by result_meta: bob -> treasury 100 Amulet memo "swap"
				out 3.0 completed by result_meta: treasury -> bob 50 USD memo "swap"
				transfer 1 100 Amulet #0
				transfer 3 -50 USD #1`,
		},
		{
			name:  "the same with nothing inside: what came is credited, what left is shown",
			known: []*node{hold("00usd", treasury, "50").of(dso, "USD")},
			nodes: []*node{exercise("Swap", archive("00usd"), hold("00h1", treasury, "100")).result(sendOf(bob, "x"))},
			want: `+ 2 00h1 100 Amulet
				- 1 00usd 50 USD
				in 0.0 completed by result_meta: bob -> treasury 100 Amulet memo "x"
				unrecognized 0 -50 USD #-1
				transfer 0 100 Amulet #0
				! 0 unrecognized_choice`,
		},
		{
			name: "gaps, and a subtree that ends at its last node exactly",
			nodes: []*node{
				deposit("Send", sendOf(bob, "in"), hold("00h1", treasury, "1").after(6)).after(3),
				hold("00h2", treasury, "2"),
			},
			want: `+ 10 00h1 1 Amulet
				+ 11 00h2 2 Amulet
				in 3.0 completed by result_meta: bob -> treasury 1 Amulet memo "in"
				transfer 3 1 Amulet #0
				unrecognized 11 2 Amulet #-1
				! 11 bare_create`,
		},
		{
			name: "a subtree that ends after the last node that can be seen",
			nodes: []*node{
				deposit("Send", sendOf(bob, "in"), hold("00h1", treasury, "1")).with("lastDescendantNodeId", 17),
				hold("00h2", treasury, "2").after(16),
			},
			want: `+ 1 00h1 1 Amulet
				+ 18 00h2 2 Amulet
				in 0.0 completed by result_meta: bob -> treasury 1 Amulet memo "in"
				transfer 0 1 Amulet #0
				unrecognized 18 2 Amulet #-1
				! 18 bare_create`,
		},
		{
			name: "somebody else's holdings are nobody's business",
			nodes: []*node{
				hold("00b", bob, "7").locked(), archive("00b"), archive("unseen"),
				exercise("Send", hold("00c", carol, "5")).result(sendOf(bob, "x")),
				factory(transferValue(bob, carol, "5"), completed("00d"), hold("00d", carol, "5")),
				offer("00o", transferValue(bob, carol, "5")),
			},
			want: ``,
		},
	})
}

func TestHostileMemos(t *testing.T) {
	t.Parallel()

	for _, memo := range []string{
		strings.Repeat("ä", 5<<10), "line\nbreak \x00 \u202e right to left", " padded ", "'; drop table", strings.Repeat("x", 64<<10),
	} {
		e, err := parse(t, newLedger(), deposit("Send", sendOf(bob, memo), hold("00h1", treasury, "25")))
		require.NoError(t, err)
		require.Equal(t, memo, *e.Transfers[0].Memo, "kept exactly")

		e, err = parse(t, newLedger(), offer("00t", transferValue(bob, treasury, "5", memo)))
		require.NoError(t, err)
		require.Equal(t, memo, *e.Transfers[0].Memo)
		require.Equal(t, memo, *e.Opened[0].Instruction.Transfer.Meta.Memo())
	}

	e, err := parse(t, newLedger(),
		deposit("Send", sendOf(bob, strings.Repeat("x", 64<<10+1)), hold("00h1", treasury, "25")))
	require.NoError(t, err)
	require.Nil(t, e.Transfers[0].Memo, "no account has a memo as long as this")

	flood := []string{token.KeyTxKind, "transfer", token.KeyReason, "ACC-1", token.KeySender, bob}
	for i := range 5000 {
		flood = append(flood, strings.Repeat("k", i%300)+"/x"+strings.Repeat("y", i%7), "v")
	}

	e, err = parse(t, newLedger(), deposit("Send", m{"meta": meta(flood...)}, hold("00h1", treasury, "25")))
	require.NoError(t, err)
	require.Equal(t, "ACC-1", *e.Transfers[0].Memo, "a flood of keys hides no memo")
}

func TestFactory(t *testing.T) {
	t.Parallel()

	outgoing := transferValue(treasury, bob, "20", "W-1")

	runCases(t, []parseCase{
		{
			name:  "a withdrawal in one step, with what it says nested again",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(outgoing, completed("00b"),
				deposit("TransferPreapproval_SendV2", sendOf(treasury, "W-1"),
					archive("00in"), hold("00b", bob, "20"), hold("00chg", treasury, "80")))},
			want: `+ 4 00chg 80 Amulet
				- 2 00in 100 Amulet
				out 0.0 completed by factory: treasury -> bob 20 Amulet memo "W-1"
				transfer 0 -20 Amulet #0`,
		},
		{
			name:  "history with fees",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(outgoing, completed("00b"),
				archive("00in"), hold("00b", bob, "20"), hold("00chg", treasury, "67"))},
			want: `+ 3 00chg 67 Amulet
				- 1 00in 100 Amulet
				out 0.0 completed by factory: treasury -> bob 20 Amulet memo "W-1"
				transfer 0 -20 Amulet #0
				fee 0 -13 Amulet #0`,
		},
		{
			name:  "less leaves than the transfer says",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(outgoing, completed("00b"), archive("00in"), hold("00chg", treasury, "85"))},
			want: `+ 2 00chg 85 Amulet
				- 1 00in 100 Amulet
				out 0.0 completed by factory: treasury -> bob 20 Amulet memo "W-1"
				transfer 0 -15 Amulet #0
				! 0 amount_mismatch`,
		},
		{
			name:  "nothing leaves",
			nodes: []*node{factory(outgoing, completed("00b"))},
			want: `out 0.0 completed by factory: treasury -> bob 20 Amulet memo "W-1"
				! 0 amount_mismatch`,
		},
		{
			name: "incoming: the receiver's own pre-approval is a factory too",
			nodes: []*node{factory(transferValue(bob, treasury, "20", "ACC-1"), completed("00h"),
				archive("bobs"), hold("00h", treasury, "20"))},
			want: `+ 2 00h 20 Amulet
				in 0.0 completed by factory: bob -> treasury 20 Amulet memo "ACC-1"
				transfer 0 20 Amulet #0`,
		},
		{
			name:  "incoming, less than announced: credited for what arrived",
			nodes: []*node{factory(transferValue(bob, treasury, "20", "ACC-1"), completed("00h"), hold("00h", treasury, "19"))},
			want: `+ 1 00h 19 Amulet
				in 0.0 completed by factory: bob -> treasury 19 Amulet memo "ACC-1"
				transfer 0 19 Amulet #0
				! 0 amount_mismatch`,
		},
		{
			name: "incoming, announced as one token and paid in another admin's",
			nodes: []*node{factory(transferValue(bob, treasury, "20", "ACC-1"), completed("00h"),
				hold("00h", treasury, "20").of(mallory, "Amulet"))},
			want: `+ 1 00h 20 Amulet@mallory
				in 0.0 failed by factory: bob -> treasury 20 Amulet memo "ACC-1"
				unrecognized 0 20 Amulet@mallory #-1
				! 0 amount_mismatch
				! 0 amount_mismatch`,
		},
		{
			name:  "to itself: merging",
			known: []*node{hold("00a", treasury, "1"), hold("00b", treasury, "2")},
			nodes: []*node{factory(transferValue(treasury, treasury, "3"), completed("00c"),
				exercise("AmuletRules_Transfer", archive("00a"), archive("00b"), hold("00c", treasury, "3")).
					result(said(token.KindMergeSplit)))},
			want: `+ 4 00c 3 Amulet
				- 2 00a 1 Amulet
				- 3 00b 2 Amulet
				self 0.0 completed by factory: treasury -> treasury 3 Amulet`,
		},
		{
			name:  "an offer: the money is locked, and the surplus for fees with it",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(outgoing, pending("00t"),
				archive("00in"), hold("00lock", treasury, "24").locked(), hold("00chg", treasury, "63"), offer("00t", outgoing))},
			want: `+ 2 00lock 24 Amulet locked
				+ 3 00chg 63 Amulet
				- 1 00in 100 Amulet
				open 4 00t
				out 0.0 pending by factory: treasury -> bob 20 Amulet memo "W-1" chain 00t next 00t
				fee 0 -13 Amulet #0`,
		},
		{
			name:  "an offer of less than it costs: a fee all the same, because the money is locked",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(transferValue(treasury, bob, "0.5"), pending("00t"), archive("00in"),
				hold("00lock", treasury, "1").locked(), hold("00chg", treasury, "86"),
				offer("00t", transferValue(treasury, bob, "0.5")))},
			want: `+ 2 00lock 1 Amulet locked
				+ 3 00chg 86 Amulet
				- 1 00in 100 Amulet
				open 4 00t
				out 0.0 pending by factory: treasury -> bob 0.5 Amulet chain 00t next 00t
				fee 0 -13 Amulet #0`,
		},
		{
			name:  "an offer of a registry that takes the money instead of locking it",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(outgoing, pending("00t"), archive("00in"), hold("00chg", treasury, "80"), offer("00t", outgoing))},
			want: `+ 2 00chg 80 Amulet
				- 1 00in 100 Amulet
				open 3 00t
				out 0.0 pending by factory: treasury -> bob 20 Amulet memo "W-1" chain 00t next 00t
				transfer 0 -20 Amulet #0`,
		},
		{
			name:  "failed: nothing but a fee is gone",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(outgoing, failed(), archive("00in"), hold("00chg", treasury, "99"))},
			want: `+ 2 00chg 99 Amulet
				- 1 00in 100 Amulet
				out 0.0 failed by factory: treasury -> bob 20 Amulet memo "W-1"
				fee 0 -1 Amulet #0`,
		},
		{
			name:  "an offer that cannot be seen",
			nodes: []*node{factory(outgoing, pending("00t"))},
			want: `out 0.0 pending by factory: treasury -> bob 20 Amulet memo "W-1" chain 00t next 00t
				! 0 instruction_mismatch`,
		},
		{
			name:  "an offer that says something else than was sent",
			nodes: []*node{factory(outgoing, pending("00t"), offer("00t", transferValue(treasury, mallory, "20", "W-1")))},
			want: `open 1 00t
				out 0.0 pending by factory: treasury -> bob 20 Amulet memo "W-1" chain 00t next 00t
				! 0 instruction_mismatch`,
		},
		{
			name:  "the version 2 factory, calling version 1's: one transfer",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{exercise(token.ChoiceTransfer,
				factory(outgoing, completed("00b"), archive("00in"), hold("00b", bob, "20"), hold("00chg", treasury, "80")),
			).iface(token.TransferFactoryV2).result(completed("00b")).argument(m{
				"actors": []string{treasury}, "extraArgs": m{}, "transfer": func() m {
					v2 := transferValue(treasury, bob, "20", "W-1")
					v2["sender"] = m{"owner": treasury, "provider": nil, "id": ""}
					v2["receiver"] = m{"owner": bob, "id": "sub-7"}

					return v2
				}(),
			})},
			want: `+ 4 00chg 80 Amulet
				- 2 00in 100 Amulet
				out 0.0 completed by factory: treasury -> bob 20 Amulet memo "W-1"
				transfer 0 -20 Amulet #0`,
		},
		{
			name:  "in a proxy, two of them, next to a deposit",
			known: []*node{hold("00a", treasury, "20"), hold("00b", treasury, "21")},
			nodes: []*node{exercise("DelegateProxy_TransferFactory_Transfer",
				factory(outgoing, completed("x"), archive("00a"), hold("x", bob, "20")),
				factory(transferValue(treasury, carol, "21", "W-2"), completed("y"), archive("00b"), hold("y", carol, "21")),
				deposit("Send", sendOf(bob, "ACC-1"), hold("00c", treasury, "4")),
			).result(sendOf(mallory, "outer"))},
			want: `+ 8 00c 4 Amulet
				- 2 00a 20 Amulet
				- 5 00b 21 Amulet
				out 1.0 completed by factory: treasury -> bob 20 Amulet memo "W-1"
				out 4.0 completed by factory: treasury -> carol 21 Amulet memo "W-2"
				in 7.0 completed by result_meta: bob -> treasury 4 Amulet memo "ACC-1"
				transfer 1 -20 Amulet #0
				transfer 4 -21 Amulet #1
				transfer 7 4 Amulet #2`,
		},
		{
			name:  "a result in words that we do not know: the holdings tell, and somebody should look",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{factory(outgoing, m{"output": m{"tag": "Later"}}, archive("00in"), hold("00chg", treasury, "80"))},
			want: `+ 2 00chg 80 Amulet
				- 1 00in 100 Amulet
				out 0.0 completed by factory: treasury -> bob 20 Amulet memo "W-1"
				transfer 0 -20 Amulet #0
				! 0 instruction_mismatch`,
		},
		{
			name:  "an argument that cannot be read, exercised by the party",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{exercise(token.ChoiceTransfer, archive("00in")).iface(token.TransferFactoryV1).
				argument(m{"transfer": m{"sender": 7}}).actors(treasury)},
			want: `- 1 00in 100 Amulet
				unrecognized 0 -100 Amulet #-1
				! 0 instruction_mismatch
				! 0 unrecognized_choice`,
		},
	})
}

func TestOffers(t *testing.T) {
	t.Parallel()

	incoming := transferValue(bob, treasury, "70", "ACC-1")
	outgoing := transferValue(treasury, bob, "20", "W-1")
	unlock := func() *node {
		return exercise("LockedAmulet_Unlock", hold("00free", treasury, "20")).on("00lock").consuming(token.HoldingV1).
			result(said(token.KindUnlock, token.KeyReason, "holders released lock"))
	}

	runCases(t, []parseCase{
		{
			name:  "seen by the receiver as a bare creation: the memo is the offer's own",
			nodes: []*node{offer("00t", incoming)},
			want: `open 0 00t
				in 0.0 pending by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t next 00t`,
		},
		{
			name:  "accepted by us",
			known: []*node{offer("00t", incoming)},
			nodes: []*node{choose(token.ChoiceAccept, "00t", completed("00h"),
				exercise("LockedAmulet_Unlock", hold("00u", bob, "70")).on("bobs").consuming(token.HoldingV1).
					result(said(token.KindUnlock, token.KeyReason, "holders released lock")),
				exercise("AmuletRules_Transfer", archive("00u"), hold("00h", treasury, "70")).
					result(said(token.KindTransfer, token.KeySender, bob)),
			)},
			want: `+ 5 00h 70 Amulet
				close 0 00t completed by TransferInstruction_Accept
				in 0.0 completed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t
				transfer 0 70 Amulet #0`,
		},
		{
			name:  "accepted, and nothing arrives: nothing is credited",
			known: []*node{offer("00t", incoming)},
			nodes: []*node{choose(token.ChoiceAccept, "00t", completed())},
			want: `close 0 00t failed by TransferInstruction_Accept
				in 0.0 failed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t
				! 0 amount_mismatch`,
		},
		{
			name:  "rejected by us, withdrawn by the sender, failed for another reason",
			known: []*node{offer("00r", incoming), offer("00w", incoming), offer("00f", incoming)},
			nodes: []*node{
				choose(token.ChoiceReject, "00r", failed()), choose(token.ChoiceWithdraw, "00w", failed()),
				choose(token.ChoiceAccept, "00f", failed()),
			},
			want: `close 0 00r rejected by TransferInstruction_Reject
				close 1 00w withdrawn by TransferInstruction_Withdraw
				close 2 00f failed by TransferInstruction_Accept
				in 0.0 rejected by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00r of 00r
				in 1.0 withdrawn by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00w of 00w
				in 2.0 failed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00f of 00f`,
		},
		{
			name:  "ours, accepted by the receiver",
			known: []*node{offer("00t", outgoing), hold("00lock", treasury, "20").locked()},
			nodes: []*node{choose(token.ChoiceAccept, "00t", completed("00b"), unlock(), archive("00free"), hold("00b", bob, "20"))},
			want: `+ 2 00free 20 Amulet
				- 1 00lock 20 Amulet locked
				- 3 00free 20 Amulet
				close 0 00t completed by TransferInstruction_Accept
				out 0.0 completed by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00t of 00t
				transfer 0 -20 Amulet #0`,
		},
		{
			name:  "ours, rejected: the money is free again",
			known: []*node{offer("00t", outgoing), hold("00lock", treasury, "20").locked()},
			nodes: []*node{choose(token.ChoiceReject, "00t", failed(), unlock())},
			want: `+ 2 00free 20 Amulet
				- 1 00lock 20 Amulet locked
				close 0 00t rejected by TransferInstruction_Reject
				out 0.0 rejected by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00t of 00t`,
		},
		{
			name:  "ours, withdrawn: a registry that had taken the money gives it back",
			known: []*node{offer("00t", outgoing)},
			nodes: []*node{choose(token.ChoiceWithdraw, "00t", failed(), hold("00back", treasury, "20"))},
			want: `+ 1 00back 20 Amulet
				close 0 00t withdrawn by TransferInstruction_Withdraw
				out 0.0 withdrawn by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00t of 00t
				transfer 0 20 Amulet #0`,
		},
		{
			name:  "the expired lock is spent, the offer stays; its later rejection gives nothing back",
			known: []*node{offer("00t", outgoing), hold("00lock", treasury, "20").locked()},
			nodes: []*node{
				factory(transferValue(treasury, treasury, "20"), completed("00m"),
					exercise("LockedAmulet_OwnerExpireLockV2", hold("00free", treasury, "20")).on("00lock").
						consuming(token.HoldingV1).result(said(token.KindUnlock, token.KeyReason, "lock expired")),
					archive("00free"), hold("00m", treasury, "20")),
				choose(token.ChoiceReject, "00t", failed()),
			},
			want: `+ 2 00free 20 Amulet
				+ 4 00m 20 Amulet
				- 1 00lock 20 Amulet locked
				- 3 00free 20 Amulet
				close 5 00t rejected by TransferInstruction_Reject
				self 0.0 completed by factory: treasury -> treasury 20 Amulet
				out 5.0 rejected by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00t of 00t`,
		},
		{
			name:  "a chain: accepted, then the registry works on it, then it completes",
			known: []*node{offer("00t0", incoming)},
			nodes: []*node{
				choose(token.ChoiceAccept, "00t0", pending("00t1"), offer("00t1", incoming).continues("00t0")),
				choose(token.ChoiceUpdate, "00t1", pending("00t2"), offer("00t2", incoming).continues("00t0")),
				choose(token.ChoiceUpdate, "00t2", completed("00h"), hold("00h", treasury, "70")),
			},
			want: `+ 5 00h 70 Amulet
				open 1 00t1
				open 3 00t2
				close 0 00t0 pending by TransferInstruction_Accept next 00t1
				close 2 00t1 pending by TransferInstruction_Update next 00t2
				close 4 00t2 completed by TransferInstruction_Update
				in 0.0 pending by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t0 of 00t0 next 00t1
				in 2.0 pending by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t0 of 00t1 next 00t2
				in 4.0 completed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t0 of 00t2
				transfer 4 70 Amulet #2`,
		},
		{
			name:  "a chain that changes the money on its way",
			known: []*node{offer("00t0", incoming)},
			nodes: []*node{choose(token.ChoiceUpdate, "00t0", pending("00t1"),
				offer("00t1", transferValue(bob, treasury, "7000", "ACC-1")).continues("00t0"))},
			want: `open 1 00t1
				close 0 00t0 pending by TransferInstruction_Update next 00t1
				in 0.0 pending by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t0 of 00t0 next 00t1
				! 0 instruction_mismatch
				! 1 instruction_mismatch`,
		},
		{
			name:  "a stranger's offer that claims to continue our withdrawal",
			known: []*node{offer("00t", outgoing)},
			nodes: []*node{offer("00evil", outgoing).continues("00t")},
			want: `open 0 00evil
				out 0.0 pending by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00evil next 00evil
				! 0 instruction_mismatch`,
		},
		{
			name:  "consumed by its template's Archive: closed, and nothing moved",
			known: []*node{offer("00t", incoming), offer("00o", outgoing)},
			nodes: []*node{
				exercise("Archive").on("00t").consuming(token.TransferInstructionV1),
				exercise("Archive").on("00o").consuming(token.TransferInstructionV1),
			},
			want: `close 0 00t failed by Archive
				close 1 00o failed by Archive
				in 0.0 failed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t
				out 1.0 failed by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00o of 00o`,
		},
		{
			name:  "accepted by a choice of its template: what arrives is credited",
			known: []*node{offer("00t", incoming)},
			nodes: []*node{exercise("TransferOffer_Accept", hold("00h", treasury, "70")).on("00t").
				consuming(token.TransferInstructionV1)},
			want: `+ 1 00h 70 Amulet
				close 0 00t completed by TransferOffer_Accept
				in 0.0 completed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t
				transfer 0 70 Amulet #0`,
		},
		{
			name:  "archived beside the payment: what left counts as sent, never as refundable",
			known: []*node{offer("00t", outgoing), hold("00in", treasury, "20")},
			nodes: []*node{exercise("Registry_Settle",
				exercise("Archive").on("00t").consuming(token.TransferInstructionV1),
				archive("00in"), hold("00b", bob, "20"))},
			want: `- 2 00in 20 Amulet
				close 1 00t completed by Archive
				out 1.0 completed by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00t of 00t
				unrecognized 0 -20 Amulet #-1
				! 0 unrecognized_choice
				! 1 instruction_mismatch
				! 1 amount_mismatch`,
		},
		{
			name:  "a template's choice that goes on with the chain",
			known: []*node{offer("00t0", incoming)},
			nodes: []*node{exercise("Registry_Step",
				exercise("Archive").on("00t0").consuming(token.TransferInstructionV1),
				offer("00t1", incoming).continues("00t0"))},
			want: `open 2 00t1
				close 1 00t0 pending by Archive next 00t1
				in 1.0 pending by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t0 of 00t0 next 00t1`,
		},
		{
			name:  "version 2 calling version 1",
			known: []*node{offer("00t", incoming)},
			nodes: []*node{exercise(token.ChoiceAccept,
				choose(token.ChoiceAccept, "00t", completed("00h"), hold("00h", treasury, "70")),
			).on("00t").iface(token.TransferInstructionV2).result(completed("00h"))},
			want: `+ 2 00h 70 Amulet
				close 1 00t completed by TransferInstruction_Accept
				in 0.0 completed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t
				transfer 0 70 Amulet #0`,
		},
		{
			name:  "version 2 alone: the choice does not consume the offer itself",
			known: []*node{offer("00t", incoming)},
			nodes: []*node{exercise(token.ChoiceReject,
				exercise("Archive").on("00t").consuming(token.TransferInstructionV1),
			).on("00t").iface(token.TransferInstructionV2).result(failed())},
			want: `close 1 00t rejected by TransferInstruction_Reject
				in 0.0 rejected by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t`,
		},
		{
			name:  "many expired by the registry in one batch, and one deposit with it",
			known: []*node{offer("00a", incoming), offer("00b", outgoing)},
			nodes: []*node{exercise("AmuletRules_Amulet_ExpireTransferInstructions",
				choose(token.ChoiceUpdate, "00a", failed()), choose(token.ChoiceUpdate, "00b", failed()),
				deposit("Send", sendOf(bob, "x"), hold("00h", treasury, "1")))},
			want: `+ 4 00h 1 Amulet
				close 1 00a failed by TransferInstruction_Update
				close 2 00b failed by TransferInstruction_Update
				in 1.0 failed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00a of 00a
				out 2.0 failed by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00b of 00b
				in 3.0 completed by result_meta: bob -> treasury 1 Amulet memo "x"
				transfer 3 1 Amulet #2`,
		},
		{
			name: "offered and accepted in one transaction",
			nodes: []*node{
				offer("00t", incoming),
				choose(token.ChoiceAccept, "00t", completed("00h"), hold("00h", treasury, "70")),
			},
			want: `+ 2 00h 70 Amulet
				open 0 00t
				close 1 00t completed by TransferInstruction_Accept
				in 0.0 pending by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t next 00t
				in 1.0 completed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t
				transfer 1 70 Amulet #1`,
		},
		{
			name: "the end of an instruction that the ledger says we had a stake in",
			nodes: []*node{
				choose(token.ChoiceAccept, "00t", completed()).with("acsDelta", true),
				choose(token.ChoiceAccept, "00u", completed()).with("acsDelta", false),
				choose(token.ChoiceAccept, "00v", completed()).actors(treasury),
			},
			want: `! 0 unknown_instruction
				! 2 unknown_instruction`,
		},
		{
			name:  "a chain that runs to its end at once",
			known: []*node{offer("00t0", incoming)},
			nodes: []*node{choose(token.ChoiceAccept, "00t0", completed("00h"),
				offer("00t1", incoming).continues("00t0"),
				choose(token.ChoiceUpdate, "00t1", completed("00h"), hold("00h", treasury, "70")))},
			want: `+ 3 00h 70 Amulet
				open 1 00t1
				close 0 00t0 completed by TransferInstruction_Accept
				close 2 00t1 completed by TransferInstruction_Update
				in 0.0 completed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t0 of 00t0
				transfer 0 70 Amulet #0`,
		},
		{
			name:  "a contract that is an offer and a factory at once",
			known: []*node{offer("00t", incoming)},
			nodes: []*node{factory(transferValue(treasury, bob, "5"), failed()).on("00t").consuming(token.TransferInstructionV1)},
			want: `close 0 00t failed by TransferFactory_Transfer
				out 0.0 failed by factory: treasury -> bob 5 Amulet`,
		},
		{
			name:  "an unreadable result next to an offer of the same",
			nodes: []*node{factory(incoming, m{}), offer("00t", incoming), factory(incoming, m{}, offer("00u", incoming))},
			want: `open 1 00t
				open 3 00u
				in 0.0 failed by factory: bob -> treasury 70 Amulet memo "ACC-1"
				in 1.0 pending by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t next 00t
				in 2.0 pending by factory: bob -> treasury 70 Amulet memo "ACC-1" chain 00u next 00u
				! 0 instruction_mismatch
				! 2 instruction_mismatch`,
		},
		{
			name:  "an accept that also takes another token",
			known: []*node{offer("00t", incoming), hold("00usd", treasury, "5").of(dso, "USD")},
			nodes: []*node{choose(token.ChoiceAccept, "00t", completed("00h"), archive("00usd"), hold("00h", treasury, "70"))},
			want: `+ 2 00h 70 Amulet
				- 1 00usd 5 USD
				close 0 00t completed by TransferInstruction_Accept
				in 0.0 completed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t
				transfer 0 70 Amulet #0
				unrecognized 0 -5 USD #-1
				! 0 amount_mismatch`,
		},
		{
			name:  "an accept inside of which another of our transfers happens",
			known: []*node{offer("00t", incoming), hold("00usd", treasury, "5").of(dso, "USD")},
			nodes: []*node{choose(token.ChoiceAccept, "00t", completed("00h"),
				func() *node {
					fee := transferValue(treasury, carol, "5", "service")
					fee["instrumentId"] = m{"admin": dso, "id": "USD"}

					return factory(fee, completed("x"), archive("00usd"), hold("x", carol, "5").of(dso, "USD"))
				}(),
				hold("00h", treasury, "70"))},
			want: `+ 4 00h 70 Amulet
				- 2 00usd 5 USD
				close 0 00t completed by TransferInstruction_Accept
				in 0.0 completed by instruction: bob -> treasury 70 Amulet memo "ACC-1" chain 00t of 00t
				out 1.0 completed by factory: treasury -> carol 5 USD memo "service"
				transfer 0 70 Amulet #0
				transfer 1 -5 USD #1`,
		},
	})
}

func TestExpiryIsToldByRecordTime(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		recordTime string
		choice     string
		want       txhistory.Status
	}{
		{"2026-08-29T09:59:59.999999Z", token.ChoiceUpdate, txhistory.Failed},
		{"2026-08-29T10:00:00Z", token.ChoiceUpdate, txhistory.Expired},
		{"2026-08-30T10:00:00Z", token.ChoiceUpdate, txhistory.Expired},
		{"2026-08-30T10:00:00Z", token.ChoiceReject, txhistory.Rejected},
		{"0001-01-01T00:00:00Z", token.ChoiceUpdate, txhistory.Failed},
	} {
		l := knowing(t, offer("00t", transferValue(treasury, bob, "20", "W-1")))
		e, err := parseWith(t, txhistory.Options{}, l, []*node{choose(c.choice, "00t", failed())},
			func(value m) { value["recordTime"] = c.recordTime })
		require.NoError(t, err)
		require.Equal(t, c.want, e.Transfers[0].Status)
		require.Equal(t, c.want, e.Closed[0].Status)
	}
}

func TestOtherMovements(t *testing.T) {
	t.Parallel()

	runCases(t, []parseCase{
		{
			name: "a tap, a mint, a burn, dust",
			known: []*node{
				hold("00burn", treasury, "5"), hold("00dust", treasury, "0.0000000002"), hold("00plain", treasury, "3"),
			},
			nodes: []*node{
				exercise("Batch", exercise("AmuletRules_DevNet_Tap", exercise("AmuletRules_Mint", hold("00t", treasury, "6000"))).
					result(said(token.KindMint, token.KeyReason, "tapped faucet"))),
				exercise("BurnRequest_Accept", archive("00burn"), hold("00rest", treasury, "1")).result(said(token.KindBurn)),
				exercise("Amulet_Expire").on("00dust").consuming(token.HoldingV1).
					result(said(token.KindExpireDust, token.KeyBurned, "77")),
				exercise(token.ChoiceBurnMint, archive("00plain"), hold("00m", treasury, "9").of(dso, "USD")).
					iface(token.BurnMintFactoryV1).result(m{"outputCids": []string{"00m"}}),
			},
			want: `+ 3 00t 6000 Amulet
				+ 6 00rest 1 Amulet
				+ 10 00m 9 USD
				- 5 00burn 5 Amulet
				- 7 00dust 0.0000000002 Amulet
				- 9 00plain 3 Amulet
				mint 1 6000 Amulet #-1
				burn 4 -4 Amulet #-1
				expire_dust 7 -0.0000000002 Amulet #-1
				burn 8 -3 Amulet #-1
				mint 8 9 USD #-1`,
		},
		{
			name:  "locks, unlocks and merges: nothing, or a hidden fee",
			known: []*node{hold("00a", treasury, "5"), hold("00b", treasury, "6"), hold("00c", treasury, "7")},
			nodes: []*node{
				exercise("Lock", archive("00a"), hold("00l", treasury, "5").locked()),
				exercise("Unlock", hold("00u", treasury, "6")).on("00b").consuming(token.HoldingV1).result(said(token.KindUnlock)),
				exercise("Merge", archive("00c"), hold("00m", treasury, "6.5")).result(said(token.KindMergeSplit)),
			},
			want: `+ 2 00l 5 Amulet locked
				+ 4 00u 6 Amulet
				+ 7 00m 6.5 Amulet
				- 1 00a 5 Amulet
				- 3 00b 6 Amulet
				- 6 00c 7 Amulet
				merge_split 5 -0.5 Amulet #-1`,
		},
		{
			name: "a merge that makes money is none",
			nodes: []*node{
				exercise("Merge", hold("00m", treasury, "6.5")).result(said(token.KindMergeSplit)),
				exercise("Burn", hold("00n", treasury, "1")).result(said(token.KindBurn)),
			},
			want: `+ 1 00m 6.5 Amulet
				+ 3 00n 1 Amulet
				unrecognized 0 6.5 Amulet #-1
				unrecognized 2 1 Amulet #-1
				! 0 unrecognized_choice
				! 2 unrecognized_choice`,
		},
		{
			name: "a merge around a deposit: the deposit explains it",
			nodes: []*node{exercise("Tidy", deposit("Send", sendOf(bob, "ACC-1"), hold("00m", treasury, "6.5"))).
				result(said(token.KindMergeSplit))},
			want: `+ 2 00m 6.5 Amulet
				in 1.0 completed by result_meta: bob -> treasury 6.5 Amulet memo "ACC-1"
				transfer 1 6.5 Amulet #0`,
		},
		{
			name: "an unknown kind explains nothing and hides nothing",
			nodes: []*node{
				exercise("Odd", hold("00a", treasury, "1")).result(said("teleport")),
				exercise("Odd", deposit("Send", sendOf(bob, "ACC-1"), hold("00b", treasury, "2"))).result(said("teleport")),
			},
			want: `+ 1 00a 1 Amulet
				+ 4 00b 2 Amulet
				in 3.0 completed by result_meta: bob -> treasury 2 Amulet memo "ACC-1"
				unrecognized 0 1 Amulet #-1
				transfer 3 2 Amulet #0
				! 0 unrecognized_choice`,
		},
		{
			name:  "bare creations and archives",
			known: []*node{hold("00old", treasury, "9")},
			nodes: []*node{hold("00new", treasury, "4"), archive("00old"), create("coupon")},
			want: `+ 0 00new 4 Amulet
				- 1 00old 9 Amulet
				unrecognized 0 4 Amulet #-1
				unrecognized 1 -9 Amulet #-1
				! 0 bare_create
				! 1 bare_archive`,
		},
		{
			name: "created and archived at once",
			nodes: []*node{deposit("Send", sendOf(bob, "ACC-1"),
				hold("00x", treasury, "5"), archive("00x"), hold("00y", treasury, "5"))},
			want: `+ 1 00x 5 Amulet
				+ 3 00y 5 Amulet
				- 2 00x 5 Amulet
				in 0.0 completed by result_meta: bob -> treasury 5 Amulet memo "ACC-1"
				transfer 0 5 Amulet #0`,
		},
		{
			name:  "a holding of nothing, and nothing of a holding",
			known: []*node{hold("00z", treasury, "0")},
			nodes: []*node{hold("00n", treasury, "0.0000000000"), archive("00z")},
			want: `+ 0 00n 0 Amulet
				- 1 00z 0 Amulet`,
		},
		{
			name:  "sent without a factory: to two receivers, with a fee",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{exercise("WalletAppInstall_ExecuteBatch",
				deposit("TransferPreapproval_Send", sendOf(treasury, "gift"), archive("00in"), hold("x", bob, "10"),
					hold("y", carol, "20"), archive("y"), hold("z", carol, "21"), hold("00chg", treasury, "67")))},
			want: `+ 7 00chg 67 Amulet
				- 2 00in 100 Amulet
				out 1.0 completed by result_meta: treasury -> bob 10 Amulet memo "gift"
				out 1.1 completed by result_meta: treasury -> carol 21 Amulet memo "gift"
				transfer 1 -10 Amulet #0
				transfer 1 -21 Amulet #1
				fee 1 -2 Amulet #1`,
		},
		{
			name:  "sent, and nobody got it: burned",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{deposit("Send", sendOf(treasury, "gift"), archive("00in"), hold("00chg", treasury, "98"))},
			want: `+ 2 00chg 98 Amulet
				- 1 00in 100 Amulet
				fee 0 -2 Amulet #-1`,
		},
		{
			name:  "sent, and what the other got cannot be told apart from what it had",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{deposit("Send", sendOf(treasury, "gift"), archive("00in"), archive("bobs"), hold("x", bob, "60"))},
			want: `- 1 00in 100 Amulet
				out 0.0 completed by result_meta: treasury -> bob 100 Amulet memo "gift"
				transfer 0 -100 Amulet #0`,
		},
		{
			name:  "gained by sending",
			nodes: []*node{deposit("Send", sendOf(treasury, "gift"), hold("00h", treasury, "1"))},
			want: `+ 1 00h 1 Amulet
				unrecognized 0 1 Amulet #-1
				! 0 unrecognized_choice`,
		},
		{
			name: "the end of a holding that the ledger says we had a stake in, and of one it does not",
			nodes: []*node{
				archive("00x").with("acsDelta", true), archive("00y").with("acsDelta", false), archive("00z"),
				exercise("Archive").on("00coupon").consuming().with("acsDelta", true),
			},
			want: `! 0 unknown_holding`,
		},
		{
			name: "named as the owner of what the ledger does not hold for us",
			nodes: []*node{
				hold("00w", treasury, "5").with("acsDelta", false).with("signatories", []string{dso}),
				offer("00t", transferValue(bob, treasury, "5")).with("acsDelta", false).with("observers", []string{}),
				exercise("Send", hold("00x", treasury, "6").with("acsDelta", false).with("signatories", []string{dso}),
					archive("00x")).result(sendOf(bob, "x")),
			},
			want: `+ 3 00x 6 Amulet
				- 4 00x 6 Amulet
				! 0 unreadable_view
				! 1 unreadable_view`,
		},
		{
			name: "sums that are no amounts",
			nodes: []*node{
				deposit("Send", sendOf(bob, "x"), hold("00a", treasury, "9999999999999999999999999999"),
					hold("00b", treasury, "9999999999999999999999999999"), hold("00c", treasury, "1").of(dso, "USD")),
				hold("00d", treasury, "9999999999999999999999999999"),
			},
			want: `+ 1 00a 9999999999999999999999999999 Amulet
				+ 2 00b 9999999999999999999999999999 Amulet
				+ 3 00c 1 USD
				+ 4 00d 9999999999999999999999999999 Amulet
				in 0.0 completed by result_meta: bob -> treasury 1 USD memo "x"
				unrecognized 0 9999999999999999999999999999 Amulet #-1
				unrecognized 0 9999999999999999999999999999 Amulet #-1
				transfer 0 1 USD #0
				unrecognized 4 9999999999999999999999999999 Amulet #-1
				! 0 amount_mismatch
				! 4 bare_create`,
		},
	})
}

func TestSettlements(t *testing.T) {
	t.Parallel()

	execute := func(contract string, result m, children ...*node) *node {
		return exercise(token.ChoiceExecute, children...).on(contract).iface(token.AllocationV1).
			consuming(token.AllocationV1).result(result)
	}

	runCases(t, []parseCase{
		{
			name:  "the older registry: both legs of a trade",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{exercise("Trade_Settle",
				execute("00a1", m{"meta": meta(token.KeyBurned, "1")},
					exercise("AmuletRules_Transfer", archive("00in"), hold("x", bob, "99")).
						result(said(token.KindTransfer, token.KeySender, treasury))),
				execute("00a2", m{"senderHoldingCids": []string{}},
					exercise("AmuletRules_Transfer", hold("00usd", treasury, "7").of(dso, "USD")).
						result(said(token.KindTransfer, token.KeySender, bob))),
			)},
			want: `+ 7 00usd 7 USD
				- 3 00in 100 Amulet
				out 1.0 completed by settlement: treasury -> bob 99 Amulet
				in 5.0 completed by settlement: bob -> treasury 7 USD
				transfer 1 -99 Amulet #0
				fee 1 -1 Amulet #0
				transfer 5 7 USD #1`,
		},
		{
			name:  "the newer registry says it in its result",
			nodes: []*node{execute("00a", sendOf(bob, "trade 7"), hold("00h", treasury, "5"))},
			want: `+ 1 00h 5 Amulet
				in 0.0 completed by result_meta: bob -> treasury 5 Amulet memo "trade 7"
				transfer 0 5 Amulet #0`,
		},
		{
			name:  "a debit that version 1 calls a burn is a settlement all the same",
			known: []*node{hold("00in", treasury, "100")},
			nodes: []*node{execute("00a", said(token.KindBurn, token.KeyReason, "Debit for settlement x"), archive("00in"), hold("x", bob, "100"))},
			want: `- 1 00in 100 Amulet
				out 0.0 completed by settlement: treasury -> bob 100 Amulet
				transfer 0 -100 Amulet #0`,
		},
	})
}
