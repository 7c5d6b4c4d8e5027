package txhistory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

func FuzzParse(f *testing.F) {
	outgoing := transferValue(treasury, bob, "20", "W-1")

	for _, nodes := range [][]*node{
		{deposit("Send", sendOf(bob, "ACC-1"), archive("00in"), hold("00h", treasury, "25"), hold("00b", bob, "3"))},
		{factory(outgoing, completed("x"), archive("00in"), hold("x", bob, "20"), hold("00c", treasury, "80"))},
		{factory(outgoing, pending("00o"), archive("00in"), hold("00l", treasury, "20").locked(), offer("00o", outgoing))},
		{choose(token.ChoiceAccept, "00t", completed("00h"), hold("00h", treasury, "70"))},
		{exercise("Archive").on("00t").consuming(token.TransferInstructionV1)},
		{exercise("Batch", hold("00h", treasury, "30"), change(dso, list("00in"), list("00h"),
			leg("l0", "ReceiverSide", account(bob, ""), "25", "ACC-1"), leg("l1", "SenderSide", account(carol, "7"), "95")))},
		{create("00h", view(token.HoldingV2, valueV2(treasury, "5")), failedView(token.HoldingV1))},
		{exercise("Burn", archive("00in")).result(said(token.KindBurn)), hold("00h", treasury, "1")},
	} {
		number(nodes, 0)
		f.Add(asList(f, flatten(nodes)), false)
		f.Add(asTree(f, flatten(nodes)), true)
	}

	f.Fuzz(func(t *testing.T, raw []byte, quarantine bool) {
		u, err := update.Decode(raw)
		if err != nil {
			return
		}

		l := knowing(t, hold("00in", treasury, "100"), offer("00t", transferValue(bob, treasury, "70", "ACC-1")))
		l.asked = nil

		if _, _, err := txhistory.Moves(treasury, u, txhistory.Options{QuarantineFailedViews: quarantine}); err != nil {
			require.Empty(t, l.asked)
		}

		e, err := txhistory.Parse(treasury, u, l, txhistory.Options{QuarantineFailedViews: quarantine})
		require.NotErrorIs(t, err, txhistory.ErrUnbalanced)
		requireReferenced(t, treasury, u, l)

		if err != nil {
			require.True(t, e.IsEmpty())

			return
		}

		requireBalanced(t, e)
		requireExplained(t, e)

		for _, c := range e.Created {
			require.Equal(t, ident.Party(treasury), c.Holding.Owner)
		}

		for _, u := range e.Unrecognized {
			require.LessOrEqual(t, len(u.Detail), 1500)
		}
	})
}
