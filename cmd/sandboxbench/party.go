package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Names of Canton and of the token standard.
const (
	factoryTemplate  = "#splice-api-token-transfer-instruction-v1:Splice.Api.Token.TransferInstructionV1:TransferFactory"
	proposalTemplate = "#splice-wallet:Splice.Wallet.TransferPreapproval:TransferPreapprovalProposal"
	coin             = "Amulet"
	userID           = "ledger-api-user"
)

// text is a JSON string that is passed on as it came.
type text = strictjson.Raw

// sender is a party that pays, as often as it has holdings: an external one with a key of its own, or one for which the
// node signs.
type sender struct {
	n        *node
	network  network
	party    ident.Party
	receiver ident.Party
	key      ed25519.PrivateKey
	signedBy signing.Fingerprint
	holdings []ident.ContractID
	sent     int
	factory  *factory // the registry's last answer
	memo     string
}

// network is what a client finds out first.
type network struct {
	synchronizer ident.SynchronizerID
	dso          ident.Party
	provider     ident.Party
}

func (n *node) discover(ctx context.Context) (network, error) {
	var out network

	var connected struct {
		List []struct {
			ID ident.SynchronizerID `json:"synchronizerId"`
		} `json:"connectedSynchronizers"`
	}

	if err := n.get(ctx, "/v2/state/connected-synchronizers", &connected); err != nil {
		return out, err
	}

	if len(connected.List) == 0 {
		return out, errors.New("the node is connected to no synchronizer")
	}

	out.synchronizer = connected.List[0].ID

	var info struct {
		Admin ident.Party `json:"adminId"`
	}

	if err := n.get(ctx, "/registry/metadata/v1/info", &info); err != nil {
		return out, err
	}

	out.dso = info.Admin

	var user struct {
		Party ident.Party `json:"party_id"`
	}

	err := n.get(ctx, "/api/validator/v0/validator-user", &user)
	out.provider = user.Party

	return out, err
}

// onboard makes an external party the way a client does.
func (n *node) onboard(ctx context.Context, on network, hint string) (*sender, error) {
	seed := sha256.Sum256([]byte(hint))
	s := &sender{n: n, network: on, key: ed25519.NewKeyFromSeed(seed[:])}

	public, err := signing.NewPublicKey(s.key.Public())
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", hint, err)
	}

	raw, _ := public.Raw()

	var generated struct {
		Party        ident.Party         `json:"partyId"`
		Fingerprint  signing.Fingerprint `json:"publicKeyFingerprint"`
		Transactions [][]byte            `json:"topologyTransactions"`
		MultiHash    []byte              `json:"multiHash"`
	}

	err = n.post(ctx, "/v2/parties/external/generate-topology", map[string]any{
		"synchronizer": on.synchronizer, "partyHint": hint, "confirmationThreshold": 1,
		"publicKey": map[string]any{
			"format": signing.KeyFormatRaw, "keyData": raw, "keySpec": signing.KeyEd25519,
		},
	}, &generated)
	if err != nil {
		return nil, err
	}

	s.party, s.signedBy = generated.Party, generated.Fingerprint

	transactions := []any{}
	for _, tx := range generated.Transactions {
		transactions = append(transactions, map[string]any{"transaction": tx})
	}

	err = n.post(ctx, "/v2/parties/external/allocate", map[string]any{
		"synchronizer": on.synchronizer, "identityProviderId": "", "onboardingTransactions": transactions,
		"multiHashSignatures": []any{map[string]any{
			"format": signing.FormatConcat, "signature": ed25519.Sign(s.key, generated.MultiHash), "signedBy": s.signedBy,
			"signingAlgorithmSpec": signing.AlgorithmEd25519,
		}},
	}, nil)

	return s, err
}

// local makes a party for which the node signs.
func (n *node) local(ctx context.Context, on network, hint string) (*sender, error) {
	var made struct {
		Party ident.Party `json:"party"`
	}

	err := n.post(ctx, "/sandbox/v1/parties", map[string]any{"hint": hint}, &made)

	return &sender{n: n, network: on, party: made.Party}, err
}

// preapprove lets the party be paid in one step.
func (s *sender) preapprove(ctx context.Context) error {
	command, err := strictjson.Encode(map[string]any{"CreateCommand": map[string]any{
		"templateId": proposalTemplate,
		"createArguments": map[string]any{
			"receiver": s.party, "provider": s.network.provider, "expectedDso": s.network.dso,
		},
	}})
	if err != nil {
		return fmt.Errorf("preapproval: %w", err)
	}

	return s.interactive(ctx, command, text("[]"))
}

// tap gives the party holdings to spend.
func (s *sender) tap(ctx context.Context, count int) error {
	path := "/sandbox/v1/wallets/" + url.PathEscape(string(s.party)) + "/tap"

	for range count {
		var receipt struct {
			Holdings []ident.ContractID `json:"holdings"`
		}

		if err := s.n.call(ctx, "POST", path, []byte(`{"amount":"10"}`), &receipt); err != nil {
			return err
		}

		s.holdings = append(s.holdings, receipt.Holdings...)
	}

	return nil
}

var errNoHoldings = errors.New("the holdings are spent before the time is over: raise -holdings-each")

// spend takes the next holding.
func (s *sender) spend() (ident.ContractID, error) {
	if len(s.holdings) == 0 {
		return "", errNoHoldings
	}

	id := s.holdings[0]
	s.holdings = s.holdings[1:]

	return id, nil
}

// factory is the registry's answer: where to exercise the transfer, and with what.
type factory struct {
	ID      ident.ContractID `json:"factoryId"`
	Context struct {
		Data      text `json:"choiceContextData"`
		Disclosed text `json:"disclosedContracts"`
	} `json:"choiceContext"`
}

// arguments are those of a transfer out of one holding, with change; everything in it is plain ASCII without quotes.
func (s *sender) arguments(input ident.ContractID, context text) []byte {
	now := time.Now().UTC()

	return fmt.Appendf(nil, `{"expectedAdmin":%q,"transfer":{"sender":%q,"receiver":%q,"amount":"1.25",`+
		`"instrumentId":{"admin":%q,"id":%q},"requestedAt":%q,"executeBefore":%q,"inputHoldingCids":[%q],`+
		`"meta":{"values":{"splice.lfdecentralizedtrust.org/reason":%q}}},`+
		`"extraArgs":{"context":%s,"meta":{"values":{}}}}`,
		s.network.dso, s.party, s.receiver, s.network.dso, coin,
		now.Add(-time.Minute).Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339), input, s.memo, context)
}

// ask asks the registry how a transfer goes.
func (s *sender) ask(ctx context.Context, input ident.ContractID) error {
	s.factory = &factory{}
	body := fmt.Appendf(nil, `{"choiceArguments":%s,"excludeDebugFields":true}`,
		s.arguments(input, text(`{"values":{}}`)))

	return s.n.call(ctx, "POST", "/registry/transfer-instruction/v1/transfer-factory", body, s.factory)
}

// command is the transfer as the ledger API has it.
func (s *sender) command(input ident.ContractID) []byte {
	return fmt.Appendf(nil, `{"ExerciseCommand":{"templateId":%q,"contractId":%q,"choice":"TransferFactory_Transfer",`+
		`"choiceArgument":%s}}`, factoryTemplate, s.factory.ID, s.arguments(input, s.factory.Context.Data))
}

// interactive prepares, signs and executes a command of an external party, and waits until it is on the ledger.
func (s *sender) interactive(ctx context.Context, command []byte, disclosed text) error {
	s.sent++

	var prepared struct {
		Transaction text   `json:"preparedTransaction"`
		Hash        []byte `json:"preparedTransactionHash"`
		Scheme      text   `json:"hashingSchemeVersion"`
	}

	body := fmt.Appendf(nil, `{"userId":%q,"commandId":"%.20s-%d","actAs":[%q],"readAs":[],"commands":[%s],`+
		`"disclosedContracts":%s,"synchronizerId":"","packageIdSelectionPreference":[],"verboseHashing":false}`,
		userID, s.party, s.sent, s.party, command, disclosed)

	if err := s.n.call(ctx, "POST", "/v2/interactive-submission/prepare", body, &prepared); err != nil {
		return err
	}

	signature := base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, prepared.Hash))
	body = fmt.Appendf(nil, `{"userId":%q,"preparedTransaction":%s,"hashingSchemeVersion":%s,"submissionId":"",`+
		`"deduplicationPeriod":{"Empty":{}},"partySignatures":{"signatures":[{"party":%q,"signatures":[`+
		`{"format":%q,"signature":%q,"signedBy":%q,"signingAlgorithmSpec":%q}]}]}}`,
		userID, prepared.Transaction, prepared.Scheme, s.party, signing.FormatConcat, signature, s.signedBy,
		signing.AlgorithmEd25519)

	return s.n.call(ctx, "POST", "/v2/interactive-submission/executeAndWait", body, nil)
}

// transfer is one whole transfer of an external party: it asks the registry, prepares, signs and executes.
func (s *sender) transfer(ctx context.Context) error {
	input, err := s.spend()
	if err != nil {
		return err
	}

	if err := s.ask(ctx, input); err != nil {
		return err
	}

	return s.interactive(ctx, s.command(input), s.factory.Context.Disclosed)
}

// transferKnown is a transfer with the registry's last answer.
func (s *sender) transferKnown(ctx context.Context) error {
	if s.factory == nil {
		return s.transfer(ctx)
	}

	input, err := s.spend()
	if err != nil {
		return err
	}

	return s.interactive(ctx, s.command(input), s.factory.Context.Disclosed)
}

// submit is a transfer of a party for which the node signs.
func (s *sender) submit(ctx context.Context) error {
	input, err := s.spend()
	if err != nil {
		return err
	}

	if err := s.ask(ctx, input); err != nil {
		return err
	}

	s.sent++
	body := fmt.Appendf(nil, `{"userId":%q,"commandId":"%.20s-%d","actAs":[%q],"readAs":[],"commands":[%s],`+
		`"disclosedContracts":%s}`, userID, s.party, s.sent, s.party, s.command(input), s.factory.Context.Disclosed)

	return s.n.call(ctx, "POST", "/v2/commands/submit-and-wait", body, nil)
}

// pay is a transfer by the sandbox's own wallet, which chooses the input itself.
func (s *sender) pay(ctx context.Context) error {
	path := "/sandbox/v1/wallets/" + url.PathEscape(string(s.party)) + "/transfers"
	body := fmt.Appendf(nil, `{"receiver":%q,"amount":"0.25","instrument":%q,"memo":%q}`, s.receiver, coin, s.memo)

	return s.n.call(ctx, "POST", path, body, nil)
}
