package txhistory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/token"
)

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
			nodes: []*node{factory(outgoing, pending("00t"),
				archive("00in"), hold("00chg", treasury, "80"), offer("00t", outgoing))},
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

// TestReference: the withdrawal's id is read from the record that the sender wrote, and from nowhere else.
func TestReference(t *testing.T) {
	t.Parallel()

	outgoing := transferValue(treasury, bob, "20")
	outgoing["meta"] = meta(token.KeyReason, "invoice 7", token.KeyWithdrawal, "w-1")

	said := completed("00b")
	said["meta"] = meta(token.KeyWithdrawal, "w-2")

	spent := func() []*node {
		return []*node{archive("00in"), hold("00b", bob, "20"), hold("00chg", treasury, "80")}
	}
	locked := func() []*node {
		return []*node{
			archive("00in"), hold("00lock", treasury, "20").locked(), hold("00chg", treasury, "80"), offer("00t", outgoing),
		}
	}

	for name, tc := range map[string]struct {
		step *node
		want *string
	}{
		"in one step":             {factory(outgoing, said, spent()...), new("w-1")},
		"an offer":                {factory(outgoing, pending("00t"), locked()...), new("w-1")},
		"an offer without a step": {exercise("Propose", locked()...), new("w-1")},
		"no key":                  {factory(transferValue(treasury, bob, "20", "w-1"), said, spent()...), nil},
	} {
		e, err := parse(t, knowing(t, hold("00in", treasury, "100")), tc.step)
		require.NoError(t, err, name)
		require.Len(t, e.Transfers, 1, name)
		require.Equal(t, tc.want, e.Transfers[0].Reference, name)
	}

	// A later step is known by its chain, the same in whatever batch it comes.
	open := knowing(t, hold("00lock", treasury, "20").locked(), offer("00t", outgoing))
	e, err := parse(t, open, choose(token.ChoiceAccept, "00t", said, archive("00lock"), hold("00b", bob, "20")))
	require.NoError(t, err)
	require.Nil(t, e.Transfers[0].Reference)
}
