package txhistory_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// TestAChainGoesOnWithWhatIsKeptOfItsMemo: of a memo beyond what the database keeps, or with the one character that it cannot
// hold, the offer that is known has a part. It is the same transfer all the same.
func TestAChainGoesOnWithWhatIsKeptOfItsMemo(t *testing.T) {
	t.Parallel()

	problems := func(known, told string) []txhistory.Unrecognized {
		e, err := parse(t, knowing(t, offer("00t0", transferValue(bob, treasury, "70", known))),
			choose(token.ChoiceAccept, "00t0", pending("00t1"), offer("00t1", transferValue(bob, treasury, "70", told)).continues("00t0")))
		require.NoError(t, err)

		return e.Unrecognized
	}

	for _, told := range []string{strings.Repeat("ACC-1 ", 4000), "ACC-1\x00"} {
		require.Empty(t, problems(memo.Stored(told), told))
		require.Len(t, problems("another", told), 1)
	}
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
			nodes: []*node{choose(token.ChoiceAccept, "00t", completed("00b"),
				unlock(), archive("00free"), hold("00b", bob, "20"))},
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
			name:  "ours, said to have failed while the whole amount left: it counts as sent, never as refundable",
			known: []*node{offer("00t", outgoing), hold("00lock", treasury, "20").locked()},
			nodes: []*node{choose(token.ChoiceReject, "00t", failed(), unlock(), archive("00free"))},
			want: `+ 2 00free 20 Amulet
				- 1 00lock 20 Amulet locked
				- 3 00free 20 Amulet
				close 0 00t completed by TransferInstruction_Reject
				out 0.0 completed by instruction: treasury -> bob 20 Amulet memo "W-1" chain 00t of 00t
				transfer 0 -20 Amulet #0
				! 0 instruction_mismatch`,
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
			nodes: []*node{factory(transferValue(treasury, bob, "5"), failed()).on("00t").
				consuming(token.TransferInstructionV1)},
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
