package txhistory_test

import (
	"testing"

	"github.com/canton-exchange/suite/internal/token"
)

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
			nodes: []*node{execute("00a", said(token.KindBurn, token.KeyReason, "Debit for settlement x"),
				archive("00in"), hold("x", bob, "100"))},
			want: `- 1 00in 100 Amulet
				out 0.0 completed by settlement: treasury -> bob 100 Amulet
				transfer 0 -100 Amulet #0`,
		},
	})
}
