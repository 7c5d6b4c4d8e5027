package ledger_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

const (
	ledgerUser  = "ledger-api-user"
	executePath = "/v2/interactive-submission/execute" // and what begins with it
)

// payer is an external party that does everything through the client, and pays the network's treasury, which takes
// payments in one step.
type payer struct {
	network

	t        *testing.T
	url      string
	clock    *clock.Manual
	version  ledger.Version
	home     ident.SynchronizerID
	party    ident.Party
	key      ed25519.PrivateKey
	public   signing.PublicKey
	commands int
	// sent counts requests to execute.
	sent *atomic.Int64
}

func newPayer(t *testing.T, cfg sandbox.Config) *payer {
	t.Helper()

	p := &payer{t: t, sent: &atomic.Int64{}, clock: clock.NewManual(time.Date(2026, 11, 22, 10, 0, 0, 123_456_000, time.UTC))}
	cfg.Clock = p.clock

	p.network = newNetwork(t, cfg, true, func(c *ledger.Config) {
		p.url = c.URL
		c.HTTPClient = &http.Client{Transport: counting{p.sent}}
	})

	seed := sha256.Sum256([]byte("payer"))
	p.key = ed25519.NewKeyFromSeed(seed[:])

	var err error
	p.public, err = signing.NewPublicKey(p.key.Public())
	require.NoError(t, err)

	connected, err := p.client.ConnectedSynchronizers(within(t), "")
	require.NoError(t, err)

	p.home = connected[0].ID

	p.version, err = p.client.Version(within(t))
	require.NoError(t, err)

	p.onboard()

	_, err = p.Tap(p.party, amounttest.Of("1000"))
	require.NoError(t, err)

	return p
}

// counting counts requests to execute on their way, each over a connection of its own.
type counting struct{ sent *atomic.Int64 }

func (c counting) RoundTrip(r *http.Request) (*http.Response, error) {
	if len(r.URL.Path) >= len(executePath) && r.URL.Path[:len(executePath)] == executePath {
		c.sent.Add(1)
	}

	return (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
}

func (p *payer) onboard() {
	p.t.Helper()

	topology, err := p.client.GenerateTopology(within(p.t), ledger.TopologyRequest{
		Synchronizer: p.home, Hint: "payer", Key: p.public,
	})
	require.NoError(p.t, err)

	p.party = topology.Party

	signature, err := signing.Sign(nil, p.key, p.public, topology.MultiHash)
	require.NoError(p.t, err)

	require.NoError(p.t, p.client.AllocateParty(within(p.t), ledger.AllocateRequest{
		Synchronizer: p.home, Party: topology.Party, Transactions: topology.Transactions,
		Signatures: []signing.Signature{signature},
	}))
}

// registryAnswer is what a registry tells about a transfer.
type registryAnswer struct {
	Factory ident.ContractID `json:"factoryId"`
	Context struct {
		Data      json.RawMessage `json:"choiceContextData"`
		Disclosed []struct {
			Template     string               `json:"templateId"`
			Contract     ident.ContractID     `json:"contractId"`
			Blob         []byte               `json:"createdEventBlob"`
			Synchronizer ident.SynchronizerID `json:"synchronizerId"`
		} `json:"disclosedContracts"`
	} `json:"choiceContext"`
}

func (p *payer) registry(argument any) registryAnswer {
	p.t.Helper()

	raw, err := json.Marshal(map[string]any{"choiceArguments": argument})
	require.NoError(p.t, err)

	req, err := http.NewRequestWithContext(within(p.t), http.MethodPost,
		p.url+"/registry/transfer-instruction/v1/transfer-factory", bytes.NewReader(raw))
	require.NoError(p.t, err)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	resp, err := client.Do(req)
	require.NoError(p.t, err)

	defer func() { require.NoError(p.t, resp.Body.Close()) }()

	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	require.Equal(p.t, http.StatusOK, resp.StatusCode, string(body))

	var answer registryAnswer

	require.NoError(p.t, json.Unmarshal(body, &answer))

	return answer
}

// transfer is the request for a payment of one coin with all that the payer has.
func (p *payer) transfer() ledger.PrepareRequest {
	p.t.Helper()
	p.commands++

	holdings, err := p.Holdings(p.party)
	require.NoError(p.t, err)

	inputs := []ident.ContractID{}
	for _, h := range holdings {
		inputs = append(inputs, h.ContractID)
	}

	now, coin := p.clock.Now(), p.Amulet()
	extra := func(context any) map[string]any {
		return map[string]any{"context": context, "meta": map[string]any{"values": map[string]any{}}}
	}
	argument := map[string]any{
		"expectedAdmin": coin.Admin, "extraArgs": extra(map[string]any{"values": map[string]any{}}),
		"transfer": map[string]any{
			"sender": p.party, "receiver": p.treasury, "amount": "1",
			"instrumentId": map[string]any{"admin": coin.Admin, "id": coin.ID},
			"requestedAt":  now.Add(-time.Minute), "executeBefore": now.Add(48 * time.Hour), "inputHoldingCids": inputs,
			"meta": map[string]any{"values": map[string]any{}},
		},
	}
	answer := p.registry(argument)
	argument["extraArgs"] = extra(answer.Context.Data)

	r := ledger.PrepareRequest{
		UserID: ledgerUser, CommandID: "command-" + strconv.Itoa(p.commands), ActAs: []ident.Party{p.party},
		Synchronizer: p.home, Schemes: p.version.Schemes(), MaxRecordTime: now.Add(10 * time.Minute),
		Command: ledger.Exercise{
			On: token.TransferFactoryV1, Contract: answer.Factory, Choice: token.ChoiceTransfer, Argument: argument,
		},
	}

	for _, d := range answer.Context.Disclosed {
		template, err := ident.ParseName(d.Template)
		require.NoError(p.t, err)

		r.Disclosed = append(r.Disclosed, ledger.DisclosedContract{
			Template: template, Contract: d.Contract, EventBlob: d.Blob, Synchronizer: d.Synchronizer,
		})
	}

	return r
}

// proposal asks for a preapproval: a transaction without bounds of ledger time.
func (p *payer) proposal() ledger.PrepareRequest {
	p.commands++

	return ledger.PrepareRequest{
		UserID: ledgerUser, CommandID: "command-" + strconv.Itoa(p.commands), ActAs: []ident.Party{p.party},
		Command: ledger.Create{
			Template: ident.Name{
				Package: "#splice-wallet", Module: "Splice.Wallet.TransferPreapproval", Entity: "TransferPreapprovalProposal",
			},
			Arguments: map[string]any{"receiver": p.party, "provider": p.party, "expectedDso": p.DSO()},
		},
	}
}

// signed is a prepared transaction, held against its hash and signed.
func (p *payer) signed(r ledger.PrepareRequest) ledger.ExecuteRequest {
	p.t.Helper()

	prepared, err := p.client.Prepare(within(p.t), r)
	require.NoError(p.t, err)

	own, err := signing.HashBytes(prepared.Transaction, prepared.Scheme)
	require.NoError(p.t, err)
	require.Equal(p.t, own, prepared.Hash)

	signature, err := signing.Sign(nil, p.key, p.public, own)
	require.NoError(p.t, err)

	return ledger.ExecuteRequest{
		UserID: ledgerUser, Transaction: prepared.Transaction, Scheme: prepared.Scheme,
		SubmissionID: "submission of " + r.CommandID,
		Signatures:   []ledger.PartySignatures{{Party: p.party, Signatures: []signing.Signature{signature}}},
	}
}

// submits executes and tells the end: by waiting where the version does, and by the completion where it does not.
func (p *payer) submits(r ledger.ExecuteRequest) error {
	p.t.Helper()

	if p.version.AtLeast(3, 4) {
		_, err := p.client.ExecuteAndWait(within(p.t), r)

		return err
	}

	begin := p.LedgerEnd()
	if err := p.client.Execute(within(p.t), r); err != nil {
		return err
	}

	if end := p.completion(begin, r.SubmissionID); end.Err != nil {
		return end.Err
	}

	return nil
}

// completion waits for that of a submission after begin.
func (p *payer) completion(begin ident.Offset, submission string) *ledger.Completion {
	p.t.Helper()

	s, err := p.client.OpenCompletions(within(p.t), p.completions(begin))
	require.NoError(p.t, err)

	defer func() { require.NoError(p.t, s.Close()) }()

	for {
		item, err := s.Next(within(p.t))
		require.NoError(p.t, err)

		if item.Completion != nil && item.Completion.SubmissionID == submission {
			return item.Completion
		}
	}
}

func (p *payer) completions(begin ident.Offset) ledger.CompletionsRequest {
	return ledger.CompletionsRequest{UserID: ledgerUser, Parties: []ident.Party{p.party}, Begin: begin}
}

// paid is how many payments are on the ledger, by the sandbox's own books and by what the receiver has.
func (p *payer) paid() int {
	p.t.Helper()

	holdings, err := p.Holdings(p.treasury)
	require.NoError(p.t, err)
	require.Len(p.t, p.Transfers(), len(holdings), "every payment is one holding of the receiver")

	return len(holdings)
}

func (p *payer) fails(rules ...fault.Rule) {
	p.t.Helper()

	_, err := p.Faults().Replace(rules)
	require.NoError(p.t, err)
}

// strikes puts a rule in force that strikes by time, and waits until it has. What is due together strikes in order, so
// that a garbled answer shows that the rule before it struck.
func (p *payer) strikes(rule fault.Rule) {
	p.t.Helper()

	rule.Every, rule.Times = 10*time.Millisecond, 1
	p.fails(rule, fault.Rule{Kind: fault.GarbledAnswer, Every: 10 * time.Millisecond, Times: 1})

	require.Eventually(p.t, func() bool {
		_, err := p.client.LedgerEnd(within(p.t))

		return err != nil
	}, patience, time.Millisecond)
	p.Faults().Clear()
}

// eachVersion runs a test for every version of node that is in use.
func eachVersion(t *testing.T, test func(t *testing.T, version sandbox.Version)) {
	t.Helper()

	for _, version := range []sandbox.Version{sandbox.V33, sandbox.V34, sandbox.V35} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()
			test(t, version)
		})
	}
}
