package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
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
	maxRefill        = 20_000 // holdings at once
)

// text is a JSON string that is passed on as it came.
type text = strictjson.Raw

// sender is a party that pays, as often as it has holdings: an external one with a key of its own, or one for which the
// node signs.
type sender struct {
	c        *connection
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

// preapprove lets the party be paid in one step.
func (s *sender) preapprove(ctx context.Context) error {
	if s.key == nil {
		return s.c.call(ctx, http.MethodPost, s.wallet("preapproval"), nil, nil)
	}

	command, err := strictjson.Encode(map[string]any{"CreateCommand": map[string]any{
		"templateId": proposalTemplate,
		"createArguments": map[string]any{
			"receiver": s.party, "provider": s.network.provider, "expectedDso": s.network.dso,
		},
	}})
	if err != nil {
		return fmt.Errorf("preapproval: %w", err)
	}

	return s.interactive(ctx, string(command), text("[]"))
}

// tap gives the party holdings to spend.
func (s *sender) tap(ctx context.Context, count int) error {
	for range count {
		var receipt struct {
			Holdings []ident.ContractID `json:"holdings"`
		}

		if err := s.c.call(ctx, http.MethodPost, s.wallet("tap"), []byte(`{"amount":"10"}`), &receipt); err != nil {
			return err
		}

		s.holdings = append(s.holdings, receipt.Holdings...)
	}

	return nil
}

var errNoHoldings = errors.New("nothing is left to spend: raise -holdings-each")

// payment is what each transfer of one holding pays.
func payment() amount.Amount { return amount.FromInt(1) }

// refill looks up what the party has by now: the change of what it spent, and what it was paid. So a run can last.
func (s *sender) refill(ctx context.Context) error {
	var answer struct {
		Holdings []struct {
			ID     ident.ContractID `json:"contractId"`
			Amount amount.Amount    `json:"amount"`
		} `json:"holdings"`
	}

	if err := s.c.get(ctx, s.wallet("holdings"), &answer); err != nil {
		return err
	}

	for _, h := range answer.Holdings {
		if h.Amount.Cmp(payment()) >= 0 && len(s.holdings) < maxRefill {
			s.holdings = append(s.holdings, h.ID)
		}
	}

	if len(s.holdings) == 0 {
		return errNoHoldings
	}

	return nil
}

// spend takes the next holding.
func (s *sender) spend(ctx context.Context) (ident.ContractID, error) {
	if len(s.holdings) == 0 {
		if err := s.refill(ctx); err != nil {
			return "", err
		}
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

// arguments are those of a transfer out of one holding, with change. Everything in it is plain ASCII without quotes.
func (s *sender) arguments(input ident.ContractID, values text) string {
	now := time.Now().UTC()

	return `{"expectedAdmin":"` + string(s.network.dso) + `","transfer":{"sender":"` + string(s.party) +
		`","receiver":"` + string(s.receiver) + `","amount":"` + payment().Short() +
		`","instrumentId":{"admin":"` + string(s.network.dso) +
		`","id":"` + coin + `"},"requestedAt":"` + now.Add(-time.Minute).Format(time.RFC3339) +
		`","executeBefore":"` + now.Add(time.Hour).Format(time.RFC3339) + `","inputHoldingCids":["` + string(input) +
		`"],"meta":{"values":{"splice.lfdecentralizedtrust.org/reason":"` + s.memo +
		`"}}},"extraArgs":{"context":` + string(values) + `,"meta":{"values":{}}}}`
}

// ask asks the registry how a transfer goes.
func (s *sender) ask(ctx context.Context, input ident.ContractID) error {
	s.factory = &factory{}
	body := `{"choiceArguments":` + s.arguments(input, text(`{"values":{}}`)) + `,"excludeDebugFields":true}`

	return s.c.call(ctx, http.MethodPost, "/registry/transfer-instruction/v1/transfer-factory", []byte(body), s.factory)
}

// command is the transfer as the ledger API has it.
func (s *sender) command(input ident.ContractID) string {
	return `{"ExerciseCommand":{"templateId":"` + factoryTemplate + `","contractId":"` + string(s.factory.ID) +
		`","choice":"TransferFactory_Transfer","choiceArgument":` + s.arguments(input, s.factory.Context.Data) + `}}`
}

// submission is what prepare and the commands of local parties have in common, with a command id that is new.
func (s *sender) submission(command string, disclosed text) string {
	s.sent++

	return `"userId":"` + userID + `","commandId":"` + s.memo + "-" + strconv.Itoa(s.sent) + `","actAs":["` +
		string(s.party) + `"],"readAs":[],"commands":[` + command + `],"disclosedContracts":` + string(disclosed)
}

// interactive prepares, signs and executes a command of an external party, and waits until it is on the ledger.
func (s *sender) interactive(ctx context.Context, command string, disclosed text) error {
	var prepared struct {
		Transaction text   `json:"preparedTransaction"`
		Hash        []byte `json:"preparedTransactionHash"`
		Scheme      text   `json:"hashingSchemeVersion"`
	}

	body := `{` + s.submission(command, disclosed) +
		`,"synchronizerId":"","packageIdSelectionPreference":[],"verboseHashing":false}`

	err := s.c.call(ctx, http.MethodPost, "/v2/interactive-submission/prepare", []byte(body), &prepared)
	if err != nil {
		return err
	}

	body = `{"userId":"` + userID + `","preparedTransaction":` + string(prepared.Transaction) +
		`,"hashingSchemeVersion":` + string(prepared.Scheme) +
		`,"submissionId":"","deduplicationPeriod":{"Empty":{}},"partySignatures":{"signatures":[{"party":"` +
		string(s.party) + `","signatures":[{"format":"` + string(signing.FormatConcat) + `","signature":"` +
		base64.StdEncoding.EncodeToString(ed25519.Sign(s.key, prepared.Hash)) + `","signedBy":"` + string(s.signedBy) +
		`","signingAlgorithmSpec":"` + string(signing.AlgorithmEd25519) + `"}]}]}}`

	return s.c.call(ctx, http.MethodPost, "/v2/interactive-submission/executeAndWait", []byte(body), nil)
}

// transfer is one whole transfer of an external party: it asks the registry, prepares, signs and executes.
func (s *sender) transfer(ctx context.Context) error {
	input, err := s.spend(ctx)
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

	input, err := s.spend(ctx)
	if err != nil {
		return err
	}

	return s.interactive(ctx, s.command(input), s.factory.Context.Disclosed)
}

// submit is a transfer of a party for which the node signs.
func (s *sender) submit(ctx context.Context) error {
	input, err := s.spend(ctx)
	if err != nil {
		return err
	}

	if err := s.ask(ctx, input); err != nil {
		return err
	}

	body := `{` + s.submission(s.command(input), s.factory.Context.Disclosed) + `}`

	return s.c.call(ctx, http.MethodPost, "/v2/commands/submit-and-wait", []byte(body), nil)
}

// pay is a transfer by the sandbox's own wallet, which chooses the input itself.
func (s *sender) pay(ctx context.Context) error {
	body := `{"receiver":"` + string(s.receiver) + `","amount":"0.25","instrument":"` + coin + `","memo":"` + s.memo + `"}`

	return s.c.call(ctx, http.MethodPost, s.wallet("transfers"), []byte(body), nil)
}

// wallet is the path of a resource of the sandbox's own wallet of the party.
func (s *sender) wallet(resource string) string {
	return "/sandbox/v1/wallets/" + url.PathEscape(string(s.party)) + "/" + resource
}
