package sandbox_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// signers are external parties that do at random what the API lets them do.
type signers struct {
	*network

	rt      *rapid.T
	members []*external
	signed  []map[string]any // executions that were sent, to be sent again
}

func (c *signers) anyone(label string) *external {
	return rapid.SampledFrom(c.members).Draw(c.rt, label)
}

func (c *signers) value() string {
	return fmt.Sprintf("%d.%s", rapid.IntRange(0, 90).Draw(c.rt, "units"),
		rapid.SampledFrom([]string{"0", "5", "0000000001"}).Draw(c.rt, "fraction"))
}

func (c *signers) token() ident.Instrument {
	return rapid.SampledFrom([]ident.Instrument{c.Amulet(), c.AcmeToken()}).Draw(c.rt, "token")
}

// try asks for something that may be refused, with a published error and never with a fault of the node's.
func (c *signers) try(path string, body, into any) bool {
	c.t.Helper()

	status, _, raw := c.call(http.MethodPost, path, body)
	if status == http.StatusOK {
		require.NoError(c.t, json.Unmarshal(raw, into), "%s", raw)

		return true
	}

	var r refusal

	require.NoError(c.t, json.Unmarshal(raw, &r), "%s", raw)
	require.Less(c.t, status, http.StatusInternalServerError, "%s", raw)
	require.NotEqual(c.t, "NA", r.Code, "%s", raw)

	return false
}

// submit prepares and executes, now or later than something else.
func (c *signers) submit(e *external, command any, disclosed []any) {
	c.t.Helper()

	var (
		p    prepared
		done map[string]any
	)

	if !c.try(preparePath, e.prepareRequest(command, disclosed), &p) {
		return
	}

	request := e.executeRequest(p)
	c.signed = append(c.signed, request)

	if rapid.IntRange(0, 3).Draw(c.rt, "kept back") > 0 {
		c.try(waitPath, request, &done)
	}
}

func (c *signers) transferSome() {
	from, to, token := c.anyone("sender"), c.anyone("receiver"), c.token()
	inputs := from.inputs(token)

	if n := len(inputs); n > 1 && rapid.Bool().Draw(c.rt, "some inputs") {
		inputs = inputs[:1+rapid.IntRange(0, n-2).Draw(c.rt, "inputs")]
	}

	arguments := from.transferArguments(to.party, token, c.value(), "memo", inputs)

	var factory struct {
		ID      ident.ContractID `json:"factoryId"`
		Context registryContext  `json:"choiceContext"`
	}

	c.must(http.MethodPost, c.registry(token.Admin)+"/transfer-instruction/v1/transfer-factory",
		map[string]any{"choiceArguments": arguments}, &factory)

	arguments["extraArgs"] = map[string]any{"context": factory.Context.Data, "meta": emptyMeta()}
	c.submit(from, exerciseCommand(factoryV1, factory.ID, "TransferFactory_Transfer", arguments), factory.Context.Disclosed)
}

func (c *signers) endSome() {
	who := c.anyone("actor")

	offers, err := c.Offers(who.party)
	require.NoError(c.t, err)

	if len(offers) == 0 {
		return
	}

	offer := rapid.SampledFrom(offers).Draw(c.rt, "offer")
	choice := rapid.SampledFrom([]string{"Accept", "Reject", "Withdraw"}).Draw(c.rt, "choice")
	admin := offer.Instrument.Ident().Admin
	context := ok[registryContext](c.network, http.MethodPost, c.registry(admin)+"/transfer-instruction/v1/"+
		string(offer.ContractID)+"/choice-contexts/"+lower(choice), map[string]any{})

	c.submit(who, exerciseCommand(instructionV1, offer.ContractID, "TransferInstruction_"+choice, map[string]any{
		"extraArgs": map[string]any{"context": context.Data, "meta": emptyMeta()},
	}), context.Disclosed)
}

func (c *signers) tapSome() {
	who := c.anyone("owner")
	command, disclosed := who.tapCommand(c.value())
	c.submit(who, command, disclosed)
}

func (c *signers) preapproveSome() {
	who := c.anyone("receiver")

	if ids := c.all(who.party, "TransferPreapproval"); len(ids) > 0 {
		c.submit(who, cancelCommand(ids[0], who.party), []any{})

		return
	}

	who.preapprove()
}

func (c *signers) executeAgain() {
	var done map[string]any

	if len(c.signed) > 0 {
		c.try(waitPath, rapid.SampledFrom(c.signed).Draw(c.rt, "again"), &done)
	}
}

func (c *signers) wait() {
	c.clock.Advance(time.Duration(rapid.IntRange(1, 20).Draw(c.rt, "hours")) * time.Hour)

	if rapid.Bool().Draw(c.rt, "sweep") {
		_, err := c.ExpireOffers()
		require.NoError(c.t, err)
	}
}

// checkSupply: what was minted and not burned is what everybody has, and nobody has less than nothing.
func (c *signers) checkSupply() {
	for _, token := range []ident.Instrument{c.Amulet(), c.AcmeToken()} {
		minted, burned := c.Supply(token)
		left, err := minted.Sub(burned)
		require.NoError(c.t, err)

		sum := amount.Zero()

		for _, e := range c.members {
			holdings, err := c.Holdings(e.party)
			require.NoError(c.t, err)

			for _, h := range holdings {
				require.Positive(c.t, h.Amount.Sign())

				if h.Instrument.Ident() == token {
					sum, err = sum.Add(h.Amount)
					require.NoError(c.t, err)
				}
			}
		}

		require.Equal(c.t, left.String(), sum.String(), token)
	}
}

// checkBooks: the transfers in the sandbox's books are those that the ledger's updates show, each offer ends once, and
// as the books have it.
func (c *signers) checkBooks() {
	made, ends := map[ident.UpdateID]body{}, map[ident.ContractID]string{}

	for _, e := range c.members {
		for _, tx := range c.transactions(e.party) {
			for _, event := range tx.Events {
				x := event.Exercised
				if x == nil {
					continue
				}

				if x.Choice == "TransferFactory_Transfer" && x.Acting[0] == e.party {
					require.NotContains(c.t, made, tx.UpdateID)
					made[tx.UpdateID] = *x
				}

				if x.Consuming && len(x.Choice) > 20 && x.Choice[:20] == "TransferInstruction_" {
					end := string(tx.UpdateID) + " " + x.Choice[20:]
					if before, ended := ends[x.ContractID]; ended {
						require.Equal(c.t, before, end, "an offer ends once")
					}

					ends[x.ContractID] = end
				}
			}
		}
	}

	require.Len(c.t, c.Transfers(), len(made))

	states := map[sandbox.TransferState]string{
		sandbox.TransferCompleted: "Accept", sandbox.TransferRejected: "Reject", sandbox.TransferWithdrawn: "Withdraw",
		sandbox.TransferExpired: "Update",
	}

	for _, transfer := range c.Transfers() {
		told := at(made[transfer.UpdateID].Argument, "transfer")
		require.Equal(c.t, string(transfer.Sender), told["sender"])
		require.Equal(c.t, string(transfer.Receiver), told["receiver"])
		require.Equal(c.t, transfer.Amount.String(), told["amount"])

		switch end, ended := ends[transfer.Instruction]; {
		case transfer.Instruction == "":
			require.Equal(c.t, sandbox.TransferCompleted, transfer.State)
		case ended:
			require.Equal(c.t, string(transfer.EndedBy)+" "+states[transfer.State], end)
		default:
			require.Equal(c.t, sandbox.TransferOffered, transfer.State)
		}
	}
}

func TestExternalPartiesAtRandom(t *testing.T) {
	t.Parallel()

	for _, shape := range []sandbox.AmuletShape{sandbox.ShapeCurrent, sandbox.ShapeRecorded} {
		t.Run(string(shape), func(t *testing.T) {
			t.Parallel()

			rapid.Check(t, func(rt *rapid.T) {
				c := &signers{network: newBare(t, sandbox.Config{Shape: shape, ListLimit: 1000}), rt: rt}
				for _, name := range []string{"alice", "bob", "carol"} {
					c.members = append(c.members, c.onboard(name))
					c.tap(c.members[len(c.members)-1].party, "100")

					_, err := c.Mint(c.members[len(c.members)-1].party, c.AcmeToken(), amt("100"))
					require.NoError(t, err)
				}

				for range rapid.IntRange(1, 12).Draw(rt, "steps") {
					rapid.SampledFrom([]func(){
						c.transferSome, c.transferSome, c.transferSome, c.endSome, c.endSome, c.tapSome, c.preapproveSome,
						c.executeAgain, c.wait,
					}).Draw(rt, "step")()
					c.checkSupply()
				}

				c.checkBooks()
				c.Close()
			})
		})
	}
}
