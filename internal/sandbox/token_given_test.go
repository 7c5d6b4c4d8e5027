package sandbox_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// cause is why the token logic refuses a request.
func (n *network) cause(path string, body any) string {
	n.t.Helper()

	status, _, raw := n.call(http.MethodPost, path, body)
	require.Equal(n.t, http.StatusBadRequest, status, "%s", raw)

	var said struct {
		Code  string `json:"code"`
		Cause string `json:"cause"`
	}

	require.NoError(n.t, json.Unmarshal(raw, &said))
	require.Equal(n.t, "DAML_FAILURE", said.Code, said.Cause)

	return said.Cause
}

// claims makes a contract by which somebody says that it owns so much of an instrument.
func (n *network) claims(owner ident.Party, instrument ident.Instrument, value string) ident.ContractID {
	n.t.Helper()

	made, err := n.RawBareHolding(sandbox.BareHolding{
		Issuer: owner, Owner: owner, Instrument: instrument, Amount: amt(value),
	})
	require.NoError(n.t, err)

	return made.Holdings[0]
}

// TestLookAlikesBuyNothing tries to spend what only calls itself money, on every way that spends.
func TestLookAlikesBuyNothing(t *testing.T) {
	t.Parallel()

	for name, instrument := range map[string]func(n *network) ident.Instrument{
		"Amulet": (*network).Amulet, "AcmeToken": (*network).AcmeToken,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := newTrade(t, sandbox.Config{})
			n, mallory, token := d.network, d.onboard("mallory"), instrument(d.network)
			fake := n.claims(mallory.party, token, "5000")
			refused := "input " + string(fake) + " is no " + name

			request := mallory.transferRequest(d.bob.party, token, "10")
			require.Equal(t, []any{string(fake)}, transferOf(request)["inputHoldingCids"])
			require.Contains(t, n.cause(preparePath, request), refused)

			// Not even together with real money, nor to oneself.
			if name == "Amulet" {
				n.tap(mallory.party, "100")
			} else {
				_, err := n.Mint(mallory.party, token, amt("100"))
				require.NoError(t, err)
			}

			for _, to := range []ident.Party{d.bob.party, mallory.party} {
				request = mallory.transferRequest(to, token, "10")
				require.Len(t, transferOf(request)["inputHoldingCids"], 2)
				require.Contains(t, n.cause(preparePath, request), refused)
			}

			// As a party for which the node signs.
			eve := n.local(n.party("eve"))
			forged := n.claims(eve.party, token, "5000")
			command, disclosed, _ := eve.transferCommand(d.bob.party, token, "10", "")
			commands := n.commandsOf(eve.party, command)
			commands["disclosedContracts"] = disclosed
			require.Contains(t, n.cause(submitPath, commands), "input "+string(forged)+" is no "+name)

			// Set aside for a settlement.
			d.legs["fake"] = leg(mallory.party, d.bob.party, token, "10")
			command, disclosed = d.allocateCommand(mallory, "fake", token)
			require.Contains(t, n.cause(preparePath, mallory.prepareRequest(command, disclosed)), refused)

			// By a wallet: it has what is real and no more.
			pay := map[string]any{"receiver": d.bob.party, "amount": "100.5", "instrument": name}
			status, _, raw := n.call(http.MethodPost, wallet(mallory.party, "/transfers"), pay)
			require.Equal(t, http.StatusConflict, status, "%s", raw)

			for _, way := range []string{"/merge", "/burn"} {
				body := map[string]any{"amount": "100.5", "instrument": name}
				status, _, raw = n.call(http.MethodPost, wallet(mallory.party, way), body)
				require.Equal(t, http.StatusConflict, status, "%s: %s", way, raw)
			}

			require.Equal(t, "100", n.total(mallory.party, token))

			holdings, err := n.Holdings(mallory.party)
			require.NoError(t, err)
			require.Len(t, holdings, 2)
			require.Equal(t, fake, holdings[1].ContractID)
			require.True(t, holdings[1].Bare)
		})
	}
}

// preapprovedTransfer is a request of alice's to pay bob in one step.
func preapprovedTransfer(t *testing.T) (alice, bob *external, request map[string]any) {
	t.Helper()

	alice, bob = funded(t, sandbox.Config{})
	bob.preapprove()
	request = alice.transferRequest(bob.party, alice.n.Amulet(), "10")

	return alice, bob, request
}

func contextOf(request map[string]any) map[string]any {
	return at(exerciseOf(request), "choiceArgument", "extraArgs", "context", "values")
}

const preapprovalKey = "transfer-preapproval"

func TestAPreapprovalThatHasRunOutIsNoPreapproval(t *testing.T) {
	t.Parallel()

	alice, bob, direct := preapprovedTransfer(t)
	old := contextOf(direct)[preapprovalKey]
	require.NotNil(t, old)

	// The registry does not name it any more, and nobody has taken it away yet.
	alice.n.clock.Advance(91 * day)

	offer := alice.transferRequest(bob.party, alice.n.Amulet(), "10")
	require.NotContains(t, contextOf(offer), preapprovalKey)
	require.Len(t, alice.n.all(bob.party, "TransferPreapproval"), 1)

	byHand := copied(t, offer)
	contextOf(byHand)[preapprovalKey] = old
	byHand["disclosedContracts"] = append(byHand["disclosedContracts"].([]any), disclosureOf(t, direct, old))
	require.Contains(t, alice.n.cause(preparePath, byHand), "preapproval of "+string(bob.party))

	alice.n.must(http.MethodPost, preparePath, offer, nil)
}

func TestAPreapprovalIsOfTheReceiver(t *testing.T) {
	t.Parallel()

	alice, bob, toBob := preapprovedTransfer(t)
	eve := alice.n.onboard("eve")
	toEve := alice.transferRequest(eve.party, alice.n.Amulet(), "10")
	bobs := contextOf(toBob)[preapprovalKey]

	contextOf(toEve)[preapprovalKey] = bobs
	toEve["disclosedContracts"] = append(toEve["disclosedContracts"].([]any), disclosureOf(t, toBob, bobs))
	require.Contains(t, alice.n.cause(preparePath, toEve), "the preapproval given is not that of "+string(eve.party))

	// Nor is it the receiver's because it is a contract that the receiver sees.
	contextOf(toBob)[preapprovalKey] = map[string]any{"tag": "AV_ContractId", "value": exerciseOf(toBob)["contractId"]}
	require.Contains(t, alice.n.cause(preparePath, toBob), "the preapproval given is not that of "+string(bob.party))
}

// disclosureOf is how a request discloses the contract that an entry of its context names.
func disclosureOf(t *testing.T, request map[string]any, entry any) any {
	t.Helper()

	for _, d := range request["disclosedContracts"].([]any) {
		if at(d)["contractId"] == at(entry)["value"] {
			return d
		}
	}

	require.Fail(t, "not disclosed")

	return nil
}
