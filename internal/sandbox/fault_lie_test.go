package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/signing"
)

// told is a prepared transaction as its signer reads it.
type told struct {
	signing.Prepared

	t *testing.T
}

func (p prepared) read(t *testing.T) told {
	t.Helper()

	decoded, err := signing.Decode(p.Transaction)
	require.NoError(t, err)

	return told{decoded, t}
}

// argument is a part of the root action's argument.
func argument[T signing.Value](p told, labels ...string) T {
	p.t.Helper()

	root, ok := p.Transaction.RootExercise()
	require.True(p.t, ok)

	found, err := signing.At[T](root.Argument, labels...)
	require.NoError(p.t, err)

	return found
}

func (p told) memo() string {
	values := argument[signing.TextMap](p, "transfer", "meta", "values")

	value, ok := values.Get(reasonKey)
	if !ok {
		return ""
	}

	text, _ := value.(signing.Text)

	return string(text)
}

func (p told) inputs() []ident.ContractID {
	var ids []ident.ContractID

	for _, v := range argument[signing.List](p, "transfer", "inputHoldingCids") {
		id, _ := v.(signing.ContractID)
		ids = append(ids, ident.ContractID(id))
	}

	return ids
}

// mallory is the party that lies give to.
func (n *network) mallory() ident.Party {
	n.t.Helper()

	for _, party := range n.Parties() {
		if len(party) > 9 && party[:9] == "mallory::" {
			return party
		}
	}

	n.t.Fatal("nobody lied yet")

	return ""
}

// committed is how a lie shows: before it is signed to who reads it, and afterwards on the ledger.
type committed struct {
	kind  fault.Kind
	seen  func(honest, lied told)
	after func(n *network, alice, bob *external)
}

func liesThatCommit() []committed {
	return []committed{
		{fault.LieReceiver, func(_, lied told) {
			require.Contains(lied.t, argument[signing.Party](lied, "transfer", "receiver"), "mallory::")
		}, func(n *network, _, bob *external) {
			require.Equal(n.t, "0", n.total(bob.party, n.Amulet()))
			require.Equal(n.t, "10", n.total(n.mallory(), n.Amulet()), "paid in one step, as Bob would have been")
		}},
		{fault.LieAmount, func(honest, lied told) {
			require.NotEqual(lied.t, argument[signing.Numeric](honest, "transfer", "amount"),
				argument[signing.Numeric](lied, "transfer", "amount"))
		}, func(n *network, _, bob *external) {
			require.Equal(n.t, "505", n.total(bob.party, n.Amulet()), "half of the change too")
		}},
		{fault.LieMemo, func(honest, lied told) {
			require.NotEqual(lied.t, honest.memo(), lied.memo())
		}, func(n *network, _, _ *external) {
			require.Equal(n.t, "ACC-10", *n.Transfers()[0].Memo)
		}},
		{fault.LieMetadata, func(honest, lied told) {
			require.Len(lied.t, argument[signing.TextMap](lied, "transfer", "meta", "values"),
				1+len(argument[signing.TextMap](honest, "transfer", "meta", "values")))
			require.Equal(lied.t, honest.memo(), lied.memo())
		}, func(n *network, _, bob *external) {
			require.Equal(n.t, "10", n.total(bob.party, n.Amulet()))
		}},
		{fault.LieDeadline, func(honest, lied told) {
			require.Equal(lied.t, argument[signing.Timestamp](honest, "transfer", "executeBefore").Time().Add(time.Hour),
				argument[signing.Timestamp](lied, "transfer", "executeBefore").Time())
			require.Greater(lied.t, *lied.Metadata.MaxLedgerTime, *honest.Metadata.MaxLedgerTime)
		}, func(n *network, _, _ *external) {
			require.Equal(n.t, start().Add(day+time.Hour), n.Transfers()[0].ExecuteBefore)
		}},
		{fault.LieInput, func(honest, lied told) {
			require.Len(lied.t, lied.inputs(), 1+len(honest.inputs()))
		}, func(n *network, alice, _ *external) {
			require.Equal(n.t, "1490", n.total(alice.party, n.Amulet()), "it is her own money all the same")
			require.Len(n.t, alice.inputs(n.Amulet()), 1)
		}},
	}
}

// TestLiesThatCommit is about commands that the node changes before it interprets them: who signs what comes of them
// gets it.
func TestLiesThatCommit(t *testing.T) {
	t.Parallel()

	for _, c := range liesThatCommit() {
		t.Run(string(c.kind), func(t *testing.T) {
			t.Parallel()

			n, alice, bob := payers(t, sandbox.Config{})
			alice.tap("500")

			arguments := alice.transferArguments(bob.party, n.Amulet(), "10", "ACC-1",
				[]ident.ContractID{n.coinOf(alice, "1000")})
			honest := alice.preparesTransfer(n.Amulet(), arguments)

			n.fails(fault.Rule{Kind: c.kind, Match: fault.Match{Party: "bob::"}})
			n.fails(fault.Rule{Kind: c.kind, Times: 1, Match: fault.Match{Party: "alice::"}})

			lied := alice.preparesTransfer(n.Amulet(), arguments)
			require.Equal(t, 1, n.fired())
			c.seen(honest.read(t), lied.read(t))

			n.must(http.MethodPost, executeAndWait, alice.executeRequest(lied), nil)
			require.Len(t, n.Transfers(), 1)
			c.after(n, alice, bob)
		})
	}
}

// TestLieSpendsAnotherInputInstead takes a holding worth as much in the place of the one that was named.
func TestLieSpendsAnotherInputInstead(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	alice.tap("500")

	named := []ident.ContractID{n.coinOf(alice, "500")}

	n.fails(fault.Rule{Kind: fault.LieInput, Times: 1})

	lied := alice.preparesTransfer(n.Amulet(), alice.transferArguments(bob.party, n.Amulet(), "10", "", named))
	require.Equal(t, []ident.ContractID{n.coinOf(alice, "1000")}, lied.read(t).inputs())
	n.must(http.MethodPost, executeAndWait, alice.executeRequest(lied), nil)
	require.Equal(t, named[0], n.coinOf(alice, "500"))
}

// coinOf is a party's coin of a value.
func (n *network) coinOf(e *external, value string) ident.ContractID {
	n.t.Helper()

	holdings, err := n.Holdings(e.party)
	require.NoError(n.t, err)

	for _, h := range holdings {
		if h.Amount.Equal(amt(value)) {
			return h.ContractID
		}
	}

	n.t.Fatalf("no coin of %s", value)

	return ""
}

// preparesTransfer prepares a transfer with these arguments and the registry's context.
func (e *external) preparesTransfer(instrument ident.Instrument, arguments map[string]any) prepared {
	e.n.t.Helper()

	var factory struct {
		ID      ident.ContractID `json:"factoryId"`
		Context registryContext  `json:"choiceContext"`
	}

	e.n.must(http.MethodPost, e.n.registry(instrument.Admin)+factoryPath,
		map[string]any{"choiceArguments": arguments}, &factory)

	arguments["extraArgs"] = map[string]any{
		"context": factory.Context.Data, "meta": map[string]any{"values": map[string]any{}},
	}

	return e.prepare(exerciseCommand(factoryV1, factory.ID, choiceName, arguments), factory.Context.Disclosed)
}

const choiceName = "TransferFactory_Transfer"

// TestLiesThatAreRefused is about transactions that the node changes afterwards: other nodes do not confirm them.
func TestLiesThatAreRefused(t *testing.T) {
	t.Parallel()

	for kind, check := range map[fault.Kind]func(honest, lied told, mallory ident.Party){
		fault.LieExtraNode: func(honest, lied told, mallory ident.Party) {
			require.Len(lied.t, lied.Transaction.Consumed(), 1+len(honest.Transaction.Consumed()))
			require.Equal(lied.t, mallory, ownerOf(lied.t, lied.Transaction.Creates()[len(lied.Transaction.Creates())-1]))
		},
		fault.LieRecipientOfChange: func(honest, lied told, mallory ident.Party) {
			before, after := honest.Transaction.Creates(), lied.Transaction.Creates()
			require.Len(lied.t, after, len(before))
			require.NotEqual(lied.t, mallory, ownerOf(lied.t, before[len(before)-1]))
			require.Equal(lied.t, mallory, ownerOf(lied.t, after[len(after)-1]))
		},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()

			n, alice, bob := payers(t, sandbox.Config{})
			alice.tap("500")

			arguments := alice.transferArguments(bob.party, n.Amulet(), "10", "ACC-1",
				[]ident.ContractID{n.coinOf(alice, "1000")})
			honest := alice.preparesTransfer(n.Amulet(), arguments)
			roots := map[int]bool{}

			n.fails(fault.Rule{Kind: kind})

			for range 8 {
				lied := alice.preparesTransfer(n.Amulet(), arguments)
				check(honest.read(t), lied.read(t), n.mallory())
				roots[len(lied.read(t).Transaction.Roots)] = true

				require.Equal(t, "INVALID_EXTERNAL_TRANSACTION",
					n.code(http.StatusBadRequest, executeAndWait, alice.executeRequest(lied)))
			}

			require.Equal(t, kind == fault.LieExtraNode, roots[3], "what is given away and to whom, beside the root")
			require.True(t, roots[1], "below the root")
			require.Empty(t, n.Transfers())
			require.Equal(t, "1500", n.total(alice.party, n.Amulet()))

			n.must(http.MethodPost, executeAndWait, alice.executeRequest(honest), nil)
		})
	}
}

func ownerOf(t *testing.T, c signing.Create) ident.Party {
	t.Helper()

	owner, err := signing.At[signing.Party](c.Argument, "owner")
	require.NoError(t, err)

	return ident.Party(owner)
}

func TestLieAboutTheHash(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	command, disclosed, _ := alice.transferCommand(bob.party, n.Amulet(), "10", "ACC-1")

	n.fails(fault.Rule{Kind: fault.LieHash, Times: 1})

	var lied prepared

	n.must(http.MethodPost, prepareOnly, alice.prepareRequest(command, disclosed), &lied)

	own, err := signing.HashBytes(lied.Transaction, signing.V2)
	require.NoError(t, err)
	require.NotEqual(t, own[:], lied.Hash)
	require.Len(t, lied.Hash, len(own))

	require.Equal(t, "INVALID_EXTERNAL_SIGNATURE",
		n.code(http.StatusBadRequest, executeAndWait, alice.executeRequest(lied)))

	lied.Hash = own[:] // a client that hashes for itself
	n.must(http.MethodPost, executeAndWait, alice.executeRequest(lied), nil)
	require.Len(t, n.Transfers(), 1)
}

func TestLiesAboutOtherCommands(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})

	// Without a deadline or metadata of its own, a command has those of its submission.
	request := bob.prepareRequest(n.proposal(bob), []any{})
	deadline := n.clock.Now().Add(minute)
	request["maxRecordTime"] = deadline

	n.fails(fault.Rule{Kind: fault.LieDeadline, Times: 1})
	n.fails(fault.Rule{Kind: fault.LieMetadata, Times: 1})
	n.fails(fault.Rule{Kind: fault.LieReceiver}) // there is none

	var p prepared

	n.must(http.MethodPost, prepareOnly, request, &p)

	lied := p.read(t)
	require.Equal(t, deadline.Add(time.Hour), lied.Metadata.MaxRecordTime.Time())
	require.NotEqual(t, request["commandId"], lied.Metadata.CommandID)
	require.Equal(t, 2, n.fired())
	n.must(http.MethodPost, executeAndWait, bob.executeRequest(p), nil)

	// Who has nothing to give away is made to ask for a provider.
	n.Faults().Clear()
	n.fails(fault.Rule{Kind: fault.LieExtraNode})

	p = bob.prepare(n.proposal(bob), []any{})
	require.Len(t, p.read(t).Transaction.Creates(), 2)
	require.Equal(t, "INVALID_EXTERNAL_TRANSACTION",
		n.code(http.StatusBadRequest, executeAndWait, bob.executeRequest(p)))

	// A lie that cannot be told, here because there is no other holding, is not told.
	n.Faults().Clear()
	n.fails(fault.Rule{Kind: fault.LieInput})

	inputs := alice.inputs(n.Amulet())
	p = alice.pays(bob, "10")
	require.Equal(t, inputs, p.read(t).inputs())
	require.Equal(t, 1, n.fired())
}

// TestLiesAboutOffers are those of a token that knows offers only.
func TestLiesAboutOffers(t *testing.T) {
	t.Parallel()

	n, alice, bob := payers(t, sandbox.Config{})
	token := n.AcmeToken()

	_, err := n.Mint(alice.party, token, amt("100"))
	require.NoError(t, err)

	n.fails(fault.Rule{Kind: fault.LieReceiver, Times: 1})
	alice.transfer(bob.party, token, "30", "ACC-1")
	require.Equal(t, n.mallory(), n.Transfers()[0].Receiver)
	require.Equal(t, sandbox.TransferOffered, n.Transfers()[0].State)

	n.fails(fault.Rule{Kind: fault.LieAmount, Times: 1})
	alice.transfer(bob.party, token, "70", "everything")
	require.Equal(t, "35", n.Transfers()[1].Amount.Short(), "nothing is left to take, so less is moved")
}
