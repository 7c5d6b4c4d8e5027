package sandbox_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/signing"
)

// external is a party with a key of its own, which does everything over the node's API.
type external struct {
	n     *network
	party ident.Party
	key   ed25519.PrivateKey
}

// onboard makes an external party the way a client does.
func (n *network) onboard(hint string) *external {
	n.t.Helper()

	seed := sha256.Sum256([]byte(hint))
	key := ed25519.NewKeyFromSeed(seed[:])
	public, _ := key.Public().(ed25519.PublicKey)

	var generated struct {
		Party        ident.Party         `json:"partyId"`
		Fingerprint  signing.Fingerprint `json:"publicKeyFingerprint"`
		Transactions [][]byte            `json:"topologyTransactions"`
		MultiHash    []byte              `json:"multiHash"`
	}

	n.must(http.MethodPost, "/v2/parties/external/generate-topology", map[string]any{
		"synchronizer": n.synchronizer(), "partyHint": hint, "confirmationThreshold": 1,
		"publicKey": map[string]any{
			"format": "CRYPTO_KEY_FORMAT_RAW", "keyData": []byte(public), "keySpec": "SIGNING_KEY_SPEC_EC_CURVE25519",
		},
	}, &generated)

	transactions := []any{}
	for _, tx := range generated.Transactions {
		transactions = append(transactions, map[string]any{"transaction": tx})
	}

	n.must(http.MethodPost, "/v2/parties/external/allocate", map[string]any{
		"synchronizer": n.synchronizer(), "identityProviderId": "", "onboardingTransactions": transactions,
		"multiHashSignatures": []any{signature(key, generated.MultiHash, generated.Fingerprint)},
	}, nil)

	return &external{n: n, party: generated.Party, key: key}
}

func signature(key ed25519.PrivateKey, message []byte, by signing.Fingerprint) map[string]any {
	return map[string]any{
		"format": "SIGNATURE_FORMAT_CONCAT", "signature": ed25519.Sign(key, message), "signedBy": by,
		"signingAlgorithmSpec": "SIGNING_ALGORITHM_SPEC_ED25519",
	}
}

func (n *network) synchronizer() ident.SynchronizerID {
	var answer struct {
		List []struct {
			ID ident.SynchronizerID `json:"synchronizerId"`
		} `json:"connectedSynchronizers"`
	}

	n.must(http.MethodGet, "/v2/state/connected-synchronizers", nil, &answer)

	return answer.List[0].ID
}

// must calls and decodes a good answer.
func (n *network) must(method, path string, body, into any) {
	n.t.Helper()

	status, _, raw := n.call(method, path, body)
	require.Equal(n.t, http.StatusOK, status, "%s %s: %s", method, path, raw)

	if into != nil {
		require.NoError(n.t, json.Unmarshal(raw, into), "%s", raw)
	}
}

// prepared is an answer of prepare.
type prepared struct {
	Transaction []byte         `json:"preparedTransaction"`
	Hash        []byte         `json:"preparedTransactionHash"`
	Scheme      string         `json:"hashingSchemeVersion"`
	Cost        map[string]any `json:"costEstimation"`
}

func (e *external) prepareRequest(command any, disclosed []any) map[string]any {
	e.n.commands++

	return map[string]any{
		"userId": "ledger-api-user", "commandId": e.n.command(), "actAs": []any{e.party}, "readAs": []any{},
		"commands": []any{command}, "disclosedContracts": disclosed, "synchronizerId": "",
		"packageIdSelectionPreference": []any{}, "verboseHashing": false,
	}
}

func (e *external) prepare(command any, disclosed []any) prepared {
	e.n.t.Helper()

	var p prepared

	e.n.must(http.MethodPost, "/v2/interactive-submission/prepare", e.prepareRequest(command, disclosed), &p)

	scheme, err := signing.ParseScheme(p.Scheme)
	require.NoError(e.n.t, err)

	own, err := signing.HashBytes(p.Transaction, scheme)
	require.NoError(e.n.t, err)
	require.Equal(e.n.t, own[:], p.Hash)

	decoded, err := signing.Decode(p.Transaction)
	require.NoError(e.n.t, err)
	require.NoError(e.n.t, decoded.CheckInputs(), "its inputs are the contracts that it uses, neither more nor fewer")

	return p
}

func (e *external) executeRequest(p prepared) map[string]any {
	namespace, err := signing.Namespace(e.party)
	require.NoError(e.n.t, err)

	return map[string]any{
		"userId": "ledger-api-user", "preparedTransaction": p.Transaction, "hashingSchemeVersion": p.Scheme,
		"submissionId": "", "deduplicationPeriod": map[string]any{"Empty": map[string]any{}},
		"partySignatures": map[string]any{"signatures": []any{map[string]any{
			"party": e.party, "signatures": []any{signature(e.key, p.Hash, namespace)},
		}}},
	}
}

// submit prepares, signs and executes a command, and returns its update id.
func (e *external) submit(command any, disclosed []any) ident.UpdateID {
	e.n.t.Helper()

	var done struct {
		UpdateID ident.UpdateID `json:"updateId"`
	}

	request := e.executeRequest(e.prepare(command, disclosed))

	// 3.3 does not wait, but the sandbox is done at once.
	if status, _, _ := e.n.call(http.MethodPost, waitPath, map[string]any{}); status == http.StatusNotFound {
		e.n.must(http.MethodPost, executePath, request, nil)

		list := e.completions(0)
		last := list[len(list)-1]
		require.Zero(e.n.t, last.Status.Code, last.Status.Message)

		return last.UpdateID
	}

	e.n.must(http.MethodPost, waitPath, request, &done)
	require.NotEmpty(e.n.t, done.UpdateID)

	return done.UpdateID
}

// registryContext is a choice context as a registry answers it.
type registryContext struct {
	Data      json.RawMessage `json:"choiceContextData"`
	Disclosed []any           `json:"disclosedContracts"`
}

func (n *network) registry(admin ident.Party) string {
	return "/api/token-standard/v0/registrars/" + string(admin) + "/registry"
}

// tapCommand is the faucet's command with what it must disclose.
func (e *external) tapCommand(value string) (any, []any) {
	e.n.t.Helper()

	var rules struct {
		Update struct {
			Contract scanned `json:"contract"`
		} `json:"amulet_rules"`
	}

	e.n.must(http.MethodGet, "/api/validator/v0/scan-proxy/amulet-rules", nil, &rules)

	var rounds struct {
		Open []struct {
			Contract scanned `json:"contract"`
		} `json:"open_mining_rounds"`
	}

	e.n.must(http.MethodGet, "/api/validator/v0/scan-proxy/open-and-issuing-mining-rounds", nil, &rounds)

	round := rounds.Open[len(rounds.Open)-1].Contract

	// Clients disclose what a transfer from the DSO would.
	arguments := e.transferArguments(e.party, e.n.Amulet(), value, "", []ident.ContractID{})

	var factory struct {
		Context registryContext `json:"choiceContext"`
	}

	e.n.must(http.MethodPost, "/registry/transfer-instruction/v1/transfer-factory",
		map[string]any{"choiceArguments": arguments}, &factory)

	return exerciseCommand(rules.Update.Contract.Template, rules.Update.Contract.ID, "AmuletRules_DevNet_Tap", map[string]any{
		"receiver": e.party, "amount": value, "openRound": round.ID,
	}), factory.Context.Disclosed
}

type scanned struct {
	Template string           `json:"template_id"`
	ID       ident.ContractID `json:"contract_id"`
}

func exerciseCommand(template string, on ident.ContractID, choice string, argument any) map[string]any {
	return map[string]any{"ExerciseCommand": map[string]any{
		"templateId": template, "contractId": on, "choice": choice, "choiceArgument": argument,
	}}
}

func (e *external) tap(value string) {
	e.n.t.Helper()

	command, disclosed := e.tapCommand(value)
	e.submit(command, disclosed)
}

// transferArguments are those of a transfer of everything that the inputs have to give.
func (e *external) transferArguments(
	to ident.Party, instrument ident.Instrument, value, memo string, inputs []ident.ContractID,
) map[string]any {
	now := e.n.clock.Now()

	return map[string]any{
		"expectedAdmin": instrument.Admin,
		"transfer": map[string]any{
			"sender": e.party, "receiver": to, "amount": value,
			"instrumentId": map[string]any{"admin": instrument.Admin, "id": instrument.ID},
			"requestedAt":  now.Add(-minute), "executeBefore": now.Add(day), "inputHoldingCids": inputs,
			"meta": map[string]any{"values": map[string]any{reasonKey: memo}},
		},
		"extraArgs": map[string]any{
			"context": map[string]any{"values": map[string]any{}}, "meta": map[string]any{"values": map[string]any{}},
		},
	}
}

// transferCommand asks the registry and builds the command.
func (e *external) transferCommand(
	to ident.Party, instrument ident.Instrument, value, memo string,
) (command any, disclosed []any, kind string) {
	e.n.t.Helper()

	arguments := e.transferArguments(to, instrument, value, memo, e.inputs(instrument))

	var factory struct {
		ID      ident.ContractID `json:"factoryId"`
		Kind    string           `json:"transferKind"`
		Context registryContext  `json:"choiceContext"`
	}

	e.n.must(http.MethodPost, e.n.registry(instrument.Admin)+"/transfer-instruction/v1/transfer-factory",
		map[string]any{"choiceArguments": arguments, "excludeDebugFields": true}, &factory)

	arguments["extraArgs"] = map[string]any{
		"context": factory.Context.Data, "meta": map[string]any{"values": map[string]any{}},
	}

	return exerciseCommand(factoryV1, factory.ID, "TransferFactory_Transfer", arguments),
		factory.Context.Disclosed, factory.Kind
}

// inputs are the party's free holdings of a token.
func (e *external) inputs(instrument ident.Instrument) []ident.ContractID {
	holdings, err := e.n.Holdings(e.party)
	require.NoError(e.n.t, err)

	ids := []ident.ContractID{}

	for _, h := range holdings {
		if h.Instrument.Ident() == instrument && !h.Locked {
			ids = append(ids, h.ContractID)
		}
	}

	return ids
}

func (e *external) transfer(to ident.Party, instrument ident.Instrument, value, memo string) (string, ident.UpdateID) {
	e.n.t.Helper()

	command, disclosed, kind := e.transferCommand(to, instrument, value, memo)

	return kind, e.submit(command, disclosed)
}

// onOffer exercises a choice of an instruction with the registry's context.
func (e *external) onOffer(instrument ident.Instrument, id ident.ContractID, choice string) {
	e.n.t.Helper()

	var context registryContext

	e.n.must(http.MethodPost, e.n.registry(instrument.Admin)+"/transfer-instruction/v1/"+string(id)+
		"/choice-contexts/"+lower(choice), map[string]any{}, &context)

	e.submit(exerciseCommand(instructionV1, id, "TransferInstruction_"+choice, map[string]any{
		"extraArgs": map[string]any{"context": context.Data, "meta": map[string]any{"values": map[string]any{}}},
	}), context.Disclosed)
}

func (e *external) preapprove() {
	e.n.t.Helper()

	var user struct {
		Party ident.Party `json:"party_id"`
	}

	e.n.must(http.MethodGet, "/api/validator/v0/validator-user", nil, &user)
	e.submit(map[string]any{"CreateCommand": map[string]any{
		"templateId":      "#splice-wallet:Splice.Wallet.TransferPreapproval:TransferPreapprovalProposal",
		"createArguments": map[string]any{"receiver": e.party, "provider": user.Party, "expectedDso": e.n.DSO()},
	}}, []any{})
}

// TestExternalPartiesDoEverythingThemselves goes through the whole life of coins over the node's API alone.
func TestExternalPartiesDoEverythingThemselves(t *testing.T) {
	t.Parallel()

	for _, shape := range []sandbox.AmuletShape{sandbox.ShapeCurrent, sandbox.ShapeRecorded} {
		t.Run(string(shape), func(t *testing.T) {
			t.Parallel()

			n := newBare(t, sandbox.Config{Shape: shape, EventsV2: shape == sandbox.ShapeCurrent})
			alice, bob := n.onboard("alice"), n.onboard("bob")
			coin := n.Amulet()

			alice.tap("1000")
			require.Equal(t, "1000", n.total(alice.party, coin))

			bob.preapprove()

			kind, update := alice.transfer(bob.party, coin, "300", "ACC-1")
			require.Equal(t, "direct", kind)
			require.Equal(t, "300", n.total(bob.party, coin))
			require.Equal(t, update, n.Transfers()[0].UpdateID)
			require.Equal(t, sandbox.TransferCompleted, n.Transfers()[0].State)

			kind, _ = bob.transfer(alice.party, coin, "1", "back")
			require.Equal(t, "offer", kind)

			offers, err := n.Offers(alice.party)
			require.NoError(t, err)
			alice.onOffer(coin, offers[0].ContractID, "Accept")
			require.Equal(t, sandbox.TransferCompleted, n.Transfers()[1].State)

			bob.transfer(alice.party, coin, "2", "no")

			offers, err = n.Offers(alice.party)
			require.NoError(t, err)
			alice.onOffer(coin, offers[0].ContractID, "Reject")
			require.Equal(t, sandbox.TransferRejected, n.Transfers()[2].State)

			bob.transfer(alice.party, coin, "2", "never mind")

			offers, err = n.Offers(bob.party)
			require.NoError(t, err)
			bob.onOffer(coin, offers[0].ContractID, "Withdraw")
			require.Equal(t, sandbox.TransferWithdrawn, n.Transfers()[3].State)
		})
	}
}
