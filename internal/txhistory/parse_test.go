package txhistory_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/token"
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
		strings.Repeat("ä", 5<<10), "line\nbreak \x00 \u202e right to left", " padded ",
		"'; drop table", strings.Repeat("x", 64<<10),
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
