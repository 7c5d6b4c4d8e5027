package intent_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/sandbox"
	conformance "github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

const (
	preparePath = "/v2/interactive-submission/prepare"
	executePath = "/v2/interactive-submission/executeAndWait"
)

// network is a sandbox behind a real socket.
type network struct {
	*sandbox.Sandbox

	t        testing.TB
	url      string
	clock    *clock.Manual
	commands int
}

func newNetwork(t testing.TB, cfg sandbox.Config) *network {
	t.Helper()

	n := &network{t: t, clock: clock.NewManual(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))}
	cfg.Clock, cfg.CheckpointInterval = n.clock, -1

	cfg.Inspect = conformance.Inspect(t, string(cfg.Version))

	s, err := sandbox.New(cfg)
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.CloseClientConnections()
		server.Close()
	})

	n.Sandbox, n.url = s, server.URL

	return n
}

// call does a request that must succeed.
func (n *network) call(method, path string, body, into any) {
	n.t.Helper()

	raw, err := json.Marshal(body)
	require.NoError(n.t, err)

	req, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, bytes.NewReader(raw))
	require.NoError(n.t, err)
	req.Header.Set("Content-Type", "application/json")

	resp, err := http.DefaultClient.Do(req)
	require.NoError(n.t, err)

	defer func() { require.NoError(n.t, resp.Body.Close()) }()

	var answer bytes.Buffer

	_, err = answer.ReadFrom(resp.Body)
	require.NoError(n.t, err)
	require.Equal(n.t, http.StatusOK, resp.StatusCode, "%s %s: %s", method, path, answer.String())

	if into != nil {
		require.NoError(n.t, json.Unmarshal(answer.Bytes(), into), answer.String())
	}
}

func (n *network) synchronizer() ident.SynchronizerID {
	var answer struct {
		List []struct {
			ID ident.SynchronizerID `json:"synchronizerId"`
		} `json:"connectedSynchronizers"`
	}

	n.call(http.MethodGet, "/v2/state/connected-synchronizers", nil, &answer)

	return answer.List[0].ID
}

// wallet is an external party with a key of its own.
type wallet struct {
	n     *network
	party ident.Party
	key   ed25519.PrivateKey
}

func (n *network) onboard(hint string) *wallet {
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

	n.call(http.MethodPost, "/v2/parties/external/generate-topology", map[string]any{
		"synchronizer": n.synchronizer(), "partyHint": hint, "confirmationThreshold": 1,
		"publicKey": map[string]any{
			"format": "CRYPTO_KEY_FORMAT_RAW", "keyData": []byte(public), "keySpec": "SIGNING_KEY_SPEC_EC_CURVE25519",
		},
	}, &generated)

	transactions := []any{}
	for _, tx := range generated.Transactions {
		transactions = append(transactions, map[string]any{"transaction": tx})
	}

	n.call(http.MethodPost, "/v2/parties/external/allocate", map[string]any{
		"synchronizer": n.synchronizer(), "identityProviderId": "", "onboardingTransactions": transactions,
		"multiHashSignatures": []any{signature(key, generated.MultiHash, generated.Fingerprint)},
	}, nil)

	return &wallet{n: n, party: generated.Party, key: key}
}

func signature(key ed25519.PrivateKey, message []byte, by signing.Fingerprint) map[string]any {
	return map[string]any{
		"format": "SIGNATURE_FORMAT_CONCAT", "signature": ed25519.Sign(key, message), "signedBy": by,
		"signingAlgorithmSpec": "SIGNING_ALGORITHM_SPEC_ED25519",
	}
}

// job is a transaction that was asked for: what the node prepared, and the request that it must match.
type job struct {
	raw      []byte
	hash     []byte
	scheme   string
	prepared signing.Prepared
	want     intent.Request
	request  map[string]any // to the node
}

func (j job) check() error { return intent.Check(j.prepared, j.want) }

// prepare has a command prepared, under V3 where the node offers it.
func (w *wallet) prepare(command any, disclosed []any, action intent.Action) job {
	w.n.t.Helper()
	w.n.commands++

	want := intent.Request{
		Party: w.party, CommandID: "command-" + strconv.Itoa(w.n.commands), Synchronizer: w.n.synchronizer(),
		MaxRecordTime: w.n.clock.Now().Add(10 * time.Minute), Now: w.n.clock.Now(), Tolerance: time.Minute,
		Action: action,
	}

	if disclosed == nil {
		disclosed = []any{}
	}

	j := job{want: want, request: map[string]any{
		"userId": "ledger-api-user", "commandId": want.CommandID, "actAs": []any{w.party}, "readAs": []any{},
		"commands": []any{command}, "disclosedContracts": disclosed, "synchronizerId": "",
		"packageIdSelectionPreference": []any{}, "verboseHashing": false, "maxRecordTime": want.MaxRecordTime,
		"hashingSchemeVersion": "HASHING_SCHEME_VERSION_V3",
	}}

	return w.n.prepareAgain(j)
}

// prepareAgain asks the node once more for the same.
func (n *network) prepareAgain(j job) job {
	n.t.Helper()

	var answer struct {
		Transaction []byte `json:"preparedTransaction"`
		Hash        []byte `json:"preparedTransactionHash"`
		Scheme      string `json:"hashingSchemeVersion"`
	}

	n.call(http.MethodPost, preparePath, j.request, &answer)

	decoded, err := signing.Decode(answer.Transaction)
	require.NoError(n.t, err)

	j.raw, j.hash, j.scheme, j.prepared = answer.Transaction, answer.Hash, answer.Scheme, decoded

	return j
}

// hashed reports whether the node's hash is the transaction's.
func (j job) hashed(t testing.TB) bool {
	t.Helper()

	scheme, err := signing.ParseScheme(j.scheme)
	require.NoError(t, err)

	hash, err := j.prepared.Hash(scheme)
	require.NoError(t, err)

	return bytes.Equal(hash[:], j.hash)
}

// execute signs the job and has it executed.
func (w *wallet) execute(j job) {
	w.n.t.Helper()

	namespace, err := signing.Namespace(w.party)
	require.NoError(w.n.t, err)

	w.n.call(http.MethodPost, executePath, map[string]any{
		"userId": "ledger-api-user", "preparedTransaction": j.raw, "hashingSchemeVersion": j.scheme,
		"submissionId": "", "deduplicationPeriod": map[string]any{"Empty": map[string]any{}},
		"partySignatures": map[string]any{"signatures": []any{map[string]any{
			"party": w.party, "signatures": []any{signature(w.key, j.hash, namespace)},
		}}},
	}, nil)
}

func exerciseCommand(on ident.Name, contract ident.ContractID, choice string, argument any) map[string]any {
	return map[string]any{"ExerciseCommand": map[string]any{
		"templateId": on.String(), "contractId": contract, "choice": choice, "choiceArgument": argument,
	}}
}

type choiceContext struct {
	Data      json.RawMessage `json:"choiceContextData"`
	Disclosed []any           `json:"disclosedContracts"`
}

func (n *network) registry(admin ident.Party) string {
	return "/api/token-standard/v0/registrars/" + string(admin) + "/registry/transfer-instruction/v1/"
}

func extraArgs(context any) map[string]any {
	return map[string]any{"context": context, "meta": map[string]any{"values": map[string]any{}}}
}

// maxFee is more than the recorded generation burns of what the tests pay.
func (n *network) maxFee(instrument ident.Instrument, shape sandbox.AmuletShape) amount.Amount {
	if shape == sandbox.ShapeRecorded && instrument == n.Amulet() {
		return amounttest.Of("40")
	}

	return amount.Zero()
}

// pay has a transfer prepared of what the given holdings are worth, with the registry's answer taken at face value.
func (w *wallet) pay(
	to ident.Party, instrument ident.Instrument, value string, shape sandbox.AmuletShape, from ...ident.ContractID,
) job {
	w.n.t.Helper()

	now := w.n.clock.Now()
	inputs, total := w.holdings(instrument, from...)
	transfer := token.Transfer{
		Sender: w.party, Receiver: to, Instrument: instrument, Amount: amounttest.Of(value),
		RequestedAt: now.Add(-time.Minute), ExecuteBefore: now.Add(24 * time.Hour), Inputs: inputs,
		Meta: token.Metadata{token.KeyReason: "ACC-1", "example.com/order": "4711"},
	}
	argument := map[string]any{
		"expectedAdmin": instrument.Admin, "transfer": map[string]any{
			"sender": transfer.Sender, "receiver": transfer.Receiver, "amount": value,
			"instrumentId": map[string]any{"admin": instrument.Admin, "id": instrument.ID},
			"requestedAt":  transfer.RequestedAt, "executeBefore": transfer.ExecuteBefore,
			"inputHoldingCids": inputs, "meta": map[string]any{"values": transfer.Meta},
		},
		"extraArgs": extraArgs(map[string]any{"values": map[string]any{}}),
	}

	var factory struct {
		ID      ident.ContractID `json:"factoryId"`
		Kind    intent.Kind      `json:"transferKind"`
		Context choiceContext    `json:"choiceContext"`
	}

	w.n.call(http.MethodPost, w.n.registry(instrument.Admin)+"transfer-factory",
		map[string]any{"choiceArguments": argument, "excludeDebugFields": true}, &factory)

	argument["extraArgs"] = extraArgs(factory.Context.Data)

	return w.prepare(exerciseCommand(token.TransferFactoryV1, factory.ID, token.ChoiceTransfer, argument),
		factory.Context.Disclosed, intent.Transfer{
			Transfer: transfer, Total: total, Factory: factory.ID, Kind: factory.Kind,
			MaxFee: w.n.maxFee(instrument, shape),
		})
}

// holdings are the party's free holdings of a token, or some of them, and what they are worth.
func (w *wallet) holdings(instrument ident.Instrument, only ...ident.ContractID) ([]ident.ContractID, amount.Amount) {
	w.n.t.Helper()

	list, err := w.n.Holdings(w.party)
	require.NoError(w.n.t, err)

	var ids []ident.ContractID

	total := amount.Zero()

	for _, h := range list {
		wanted := len(only) == 0 && !h.Locked

		for _, id := range only {
			wanted = wanted || id == h.ContractID
		}

		if h.Instrument.Ident() == instrument && wanted {
			ids = append(ids, h.ContractID)

			total, err = total.Add(h.Amount)
			require.NoError(w.n.t, err)
		}
	}

	return ids, total
}

// answer has a choice on the party's only offer prepared.
func (w *wallet) answer(choice intent.Choice, shape sandbox.AmuletShape) job {
	w.n.t.Helper()

	instruction, transfer := w.offer()

	var context choiceContext

	w.n.call(http.MethodPost, w.n.registry(transfer.Instrument.Admin)+string(instruction)+"/choice-contexts/"+
		strings.ToLower(strings.TrimPrefix(string(choice), "TransferInstruction_")), map[string]any{}, &context)

	return w.prepare(exerciseCommand(token.TransferInstructionV1, instruction, string(choice),
		map[string]any{"extraArgs": extraArgs(context.Data)}), context.Disclosed, intent.Answer{
		Choice: choice, Instruction: instruction, Transfer: transfer, MaxFee: w.n.maxFee(transfer.Instrument, shape),
	})
}

// offer is the party's only open offer, as its node shows it.
func (w *wallet) offer() (ident.ContractID, token.Transfer) {
	w.n.t.Helper()

	var end struct {
		Offset int64 `json:"offset"`
	}

	w.n.call(http.MethodGet, "/v2/state/ledger-end", nil, &end)

	var list []struct {
		Entry struct {
			Active struct {
				Created struct {
					ID    ident.ContractID `json:"contractId"`
					Views []struct {
						Value json.RawMessage `json:"viewValue"`
					} `json:"interfaceViews"`
				} `json:"createdEvent"`
			} `json:"JsActiveContract"`
		} `json:"contractEntry"`
	}

	w.n.call(http.MethodPost, "/v2/state/active-contracts", map[string]any{
		"activeAtOffset": end.Offset, "eventFormat": map[string]any{
			"verbose": false, "filtersByParty": map[string]any{string(w.party): map[string]any{"cumulative": []any{
				map[string]any{"identifierFilter": map[string]any{"InterfaceFilter": map[string]any{"value": map[string]any{
					"interfaceId": token.TransferInstructionV1.String(), "includeInterfaceView": true,
					"includeCreatedEventBlob": false,
				}}}},
			}}},
		},
	}, &list)
	require.Len(w.n.t, list, 1)

	created := list[0].Entry.Active.Created
	view, err := token.DecodeInstruction(token.TransferInstructionV1, []byte(created.Views[0].Value))
	require.NoError(w.n.t, err)

	return created.ID, view.Transfer
}

// propose has a proposal to be preapproved prepared.
func (w *wallet) propose() job {
	w.n.t.Helper()

	var user struct {
		Party ident.Party `json:"party_id"`
	}

	w.n.call(http.MethodGet, "/api/validator/v0/validator-user", nil, &user)

	return w.prepare(map[string]any{"CreateCommand": map[string]any{
		"templateId": "#splice-wallet:Splice.Wallet.TransferPreapproval:TransferPreapprovalProposal",
		"createArguments": map[string]any{
			"receiver": w.party, "provider": user.Party, "expectedDso": w.n.DSO(),
		},
	}}, nil, intent.PreapprovalProposal{Provider: user.Party, DSO: w.n.DSO()})
}

// cancel has the end of the party's preapproval prepared.
func (w *wallet) cancel() job {
	w.n.t.Helper()

	var answer struct {
		Preapproval struct {
			Contract struct {
				ID ident.ContractID `json:"contract_id"`
			} `json:"contract"`
		} `json:"transfer_preapproval"`
	}

	w.n.call(http.MethodGet, "/api/validator/v0/scan-proxy/transfer-preapprovals/by-party/"+string(w.party), nil, &answer)

	id := answer.Preapproval.Contract.ID
	template := ident.Name{Package: "#splice-amulet", Module: "Splice.AmuletRules", Entity: "TransferPreapproval"}

	return w.prepare(exerciseCommand(template, id, "TransferPreapproval_Cancel", map[string]any{"p": w.party}), nil,
		intent.PreapprovalCancel{Preapproval: id, DSO: w.n.DSO()})
}
