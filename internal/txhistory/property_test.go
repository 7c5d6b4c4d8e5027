package txhistory_test

import (
	"fmt"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// forest draws a transaction in which everything may be around everything, as long as contracts are created and
// consumed in order.
type forest struct {
	t *rapid.T
	// spendable are contracts that can be consumed, ours and others', offers those of instructions.
	spendable, offers []string
	next              int
	foreign           map[string]bool
	// ownSends allows results that name the treasury as the sender.
	ownSends bool
}

func (f *forest) id(kind string) string {
	f.next++

	return fmt.Sprintf("00%s%d", kind, f.next)
}

func (f *forest) amount() string {
	amounts := []string{"0", "0.0000000001", "1", "2.5", "100", "9999999999999999999999999999"}

	return rapid.SampledFrom(amounts).Draw(f.t, "amount")
}

func (f *forest) positive() string {
	return rapid.SampledFrom([]string{"1", "2.5", "100"}).Draw(f.t, "transfer")
}

func (f *forest) holding() *node {
	owner := rapid.SampledFrom([]string{treasury, treasury, bob, carol}).Draw(f.t, "owner")
	id := f.id("h")
	n := hold(id, owner, f.amount())

	if rapid.IntRange(0, 3).Draw(f.t, "token") == 0 {
		n.of(mallory, "Amulet")
	}

	if rapid.IntRange(0, 3).Draw(f.t, "locked") == 0 {
		n.locked()
	}

	f.foreign[id] = owner != treasury
	f.spendable = append(f.spendable, id)

	return n
}

func (f *forest) transfer() m {
	pairs := [][2]string{{bob, treasury}, {treasury, bob}, {treasury, treasury}, {bob, carol}}
	pair := rapid.SampledFrom(pairs).Draw(f.t, "pair")

	return transferValue(pair[0], pair[1], f.positive(), "memo")
}

// take removes one element, so that no contract is consumed twice.
func (f *forest) take(list *[]string) string {
	if len(*list) == 0 {
		return f.id("unknown")
	}

	at := rapid.IntRange(0, len(*list)-1).Draw(f.t, "take")
	id := (*list)[at]
	*list = slices.Delete(slices.Clone(*list), at, at+1)

	return id
}

func (f *forest) children(depth int) []*node {
	var nodes []*node
	for range rapid.IntRange(0, 4).Draw(f.t, "children") {
		nodes = append(nodes, f.node(depth))
	}

	return nodes
}

func (f *forest) result() m {
	kinds := []token.TxKind{
		token.KindTransfer, token.KindTransfer, token.KindMint, token.KindBurn, token.KindMergeSplit, token.KindUnlock,
		token.KindExpireDust, "teleport",
	}
	senders := []string{bob, mallory, "nobody"}

	if f.ownSends {
		senders = append(senders, treasury)
	}

	kind := rapid.SampledFrom(kinds).Draw(f.t, "kind")

	return said(kind, token.KeySender, rapid.SampledFrom(senders).Draw(f.t, "sender"))
}

func (f *forest) outcome() m {
	return rapid.SampledFrom([]m{completed("00r"), failed(), pending("00invisible"), {"output": 7}}).Draw(f.t, "outcome")
}

func (f *forest) node(depth int) *node {
	const kinds = 11

	gap := rapid.IntRange(0, 2).Draw(f.t, "gap")
	choice := rapid.IntRange(0, kinds).Draw(f.t, "event")

	if depth == 0 && choice > 4 {
		choice = 0
	}

	switch choice {
	case 0, 1, 2:
		return f.holding().after(gap)
	case 3:
		return archive(f.take(&f.spendable)).after(gap)
	case 4:
		id := f.id("t")
		f.offers = append(f.offers, id)

		return offer(id, f.transfer()).after(gap)
	case 5, 6:
		result := f.result()

		return exercise("Do", f.children(depth-1)...).result(result).after(gap)
	case 7:
		transfer, result := f.transfer(), f.outcome()

		return factory(transfer, result, f.children(depth-1)...).after(gap)
	case 8:
		id, result := f.take(&f.offers), f.outcome()
		name := rapid.SampledFrom([]string{token.ChoiceAccept, token.ChoiceReject, token.ChoiceUpdate}).Draw(f.t, "choice")

		return choose(name, id, result, f.children(depth-1)...).after(gap)
	case 9:
		id := f.take(&f.offers) // before the children: what is consumed must have been created before

		return exercise("TemplateChoice", f.children(depth-1)...).on(id).
			consuming(token.TransferInstructionV1).after(gap)
	case 10:
		id := f.take(&f.spendable)

		return exercise("Consume", f.children(depth-1)...).on(id).consuming(token.HoldingV1).after(gap)
	default:
		out := list(slices.Clone(f.spendable)...)
		if len(out) > 2 {
			out = out[len(out)-2:]
		}

		return change(dso, nil, out, leg("l", "ReceiverSide", account(bob, ""), f.positive())).after(gap)
	}
}

func (f *forest) trees() []*node {
	var nodes []*node
	for range rapid.IntRange(1, 4).Draw(f.t, "trees") {
		nodes = append(nodes, f.node(4))
	}

	return nodes
}

// TestForests throws random transactions at the parser, several after another, and checks what must hold for each
// and for all of them: nothing is refused, every change is explained once, shape and order do not matter, what is
// known at the end is what the movements sum to.
func TestForests(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(r *rapid.T) {
		l := newLedger()
		f := &forest{t: r, foreign: map[string]bool{}, ownSends: true}
		sums := map[ident.Instrument]*big.Rat{}

		for range rapid.IntRange(1, 3).Draw(r, "transactions") {
			e, err := parse(r, l, f.trees()...)
			require.NoError(r, err)
			requireExplained(r, e)
			l.apply(e)

			for _, movement := range e.Movements {
				add(r, sums, movement.Instrument, movement.Change.String())
			}
		}

		for _, h := range l.holdings {
			require.Equal(r, ident.Party(treasury), h.Owner)
			add(r, sums, h.Instrument, h.Amount.Neg().String())
		}

		for instrument, sum := range sums {
			require.Zero(r, sum.Sign(), "%s: holdings and movements part by %s", instrument, sum)
		}
	})
}

func add(t require.TestingT, sums map[ident.Instrument]*big.Rat, i ident.Instrument, text string) {
	value, ok := new(big.Rat).SetString(text)
	require.True(t, ok)

	if sums[i] == nil {
		sums[i] = new(big.Rat)
	}

	sums[i].Add(sums[i], value)
}

// requireExplained checks that what is credited is what moved, and that every unexplained change is shown.
func requireExplained(t require.TestingT, e txhistory.Effects) {
	moved := make(map[int]*big.Rat)
	shown := map[ident.NodeID]bool{}

	for _, u := range e.Unrecognized {
		shown[u.Node] = true
	}

	for _, movement := range e.Movements {
		switch movement.Kind {
		case txhistory.MoveTransfer:
			value, _ := new(big.Rat).SetString(movement.Change.String())
			require.Nil(t, moved[movement.Transfer], "two movements of one transfer")

			moved[movement.Transfer] = value
		case txhistory.MoveUnrecognized:
			require.True(t, shown[movement.Node], "an unexplained change that nobody sees")
			require.Equal(t, -1, movement.Transfer)
		case txhistory.MoveFee, txhistory.MoveBurn, txhistory.MoveExpireDust, txhistory.MoveMergeSplit:
			require.Negative(t, movement.Change.Sign())
		case txhistory.MoveMint:
			require.Positive(t, movement.Change.Sign())
		}
	}

	for i, transfer := range e.Transfers {
		if transfer.Direction == txhistory.In && transfer.Status == txhistory.Completed {
			value, _ := new(big.Rat).SetString(transfer.Amount.String())
			require.NotNil(t, moved[i], "credited without any money")
			require.Zero(t, value.Cmp(moved[i]), "credited for another amount than arrived")
		}
	}
}

// TestStrangersHoldingsChangeNothing removes other parties' holdings from what can be seen.
func TestStrangersHoldingsChangeNothing(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(r *rapid.T) {
		f := &forest{t: r, foreign: map[string]bool{}}
		nodes := f.trees()
		number(nodes, 0)

		all := flatten(nodes)
		visible := slices.DeleteFunc(slices.Clone(all), func(n *node) bool {
			return n.kind == "Created" && f.foreign[n.body["contractId"].(string)]
		})

		with, err := txhistory.Parse(treasury, decoded(r, asList(r, all)), newLedger(), txhistory.Options{})
		require.NoError(r, err)

		without, err := txhistory.Parse(treasury, decoded(r, asList(r, visible)), newLedger(), txhistory.Options{})
		require.NoError(r, err)
		require.Equal(r, lines(without), lines(with))
	})
}
