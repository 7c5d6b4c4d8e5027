package registry_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/token"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is far above what anything takes that is not stuck.
const patience = 20 * time.Second

const (
	scanProxy  = "/api/validator/v0/scan-proxy"
	registrars = "/api/token-standard/v0/registrars/{admin}"
)

// tokens is a source whose token can be replaced.
type tokens struct {
	current, next string
	asked         atomic.Int32
	invalidated   atomic.Int32
}

func (s *tokens) Token(t ctx) (secret.String, error) {
	s.asked.Add(1)

	if s.invalidated.Load() > 0 && s.next != "" {
		return secret.New(s.next), t.Err()
	}

	return secret.New(s.current), t.Err()
}

func (s *tokens) Invalidate() { s.invalidated.Add(1) }

// network is a sandbox behind a real socket, with two customers for whom the node signs.
type network struct {
	*sandbox.Sandbox

	t          *testing.T
	url        string
	token      string
	alice, bob ident.Party
	commands   int
}

func newNetwork(t *testing.T, cfg sandbox.Config) *network {
	t.Helper()

	cfg.Token = secret.New("sandbox-token")
	cfg.Inspect = published.Inspect(t, string(cfg.Version))
	cfg.CheckpointInterval = -1

	s, err := sandbox.New(cfg)
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.CloseClientConnections()
		server.Close()
	})

	n := &network{Sandbox: s, t: t, url: server.URL, token: "sandbox-token"}
	n.alice, n.bob = n.party("alice"), n.party("bob")

	_, err = s.Tap(n.alice, amt("100"))
	require.NoError(t, err)

	if cfg.AcmePermissioned {
		_, err = s.Permit(n.alice, true)
		require.NoError(t, err)
	}

	_, err = s.Mint(n.alice, s.AcmeToken(), amt("100"))
	require.NoError(t, err)

	return n
}

func (n *network) party(name string) ident.Party {
	n.t.Helper()

	party, err := n.AllocateParty(name)
	require.NoError(n.t, err)

	return party
}

func amt(text string) amount.Amount {
	a, err := amount.Parse(text)
	if err != nil {
		panic(err)
	}

	return a
}

// client knows Canton Coin at the given places, and AcmeToken where registrars are.
func (n *network) client(endpoints ...registry.Endpoint) *registry.Client {
	n.t.Helper()

	return newClient(n.t, registry.Config{Registries: []registry.Registry{
		{Admin: n.DSO(), Endpoints: endpoints},
		{Admin: n.AcmeToken().Admin, Endpoints: []registry.Endpoint{{URL: n.url + registrars}}},
	}})
}

func newClient(t *testing.T, cfg registry.Config) *registry.Client {
	t.Helper()

	if cfg.RequestTimeout == 0 {
		cfg.RequestTimeout = patience
	}

	if cfg.Retry == (registry.Retry{}) {
		cfg.Retry = registry.Retry{Rounds: 1, Initial: time.Millisecond, Max: 5 * time.Millisecond}
	}

	c, err := registry.New(cfg)
	require.NoError(t, err)
	t.Cleanup(c.CloseIdle)

	return c
}

func (n *network) proxy() registry.Endpoint {
	return registry.Endpoint{URL: n.url + scanProxy, Tokens: &tokens{current: n.token}}
}

// transfer is one of alice's, with all she has of the token.
func (n *network) transfer(to ident.Party, instrument ident.Instrument, value string) token.Transfer {
	n.t.Helper()

	now := time.Now().Truncate(time.Microsecond)
	out := token.Transfer{
		Sender: n.alice, Receiver: to, Instrument: instrument, Amount: amt(value),
		RequestedAt: now.Add(-time.Minute), ExecuteBefore: now.Add(time.Hour),
		Meta: token.Metadata{token.KeyReason: `memo "ü" & more`},
	}

	holdings, err := n.Holdings(n.alice)
	require.NoError(n.t, err)

	for _, h := range holdings {
		if h.Instrument.Ident() == instrument && !h.Locked {
			out.Inputs = append(out.Inputs, h.ContractID)
		}
	}

	require.NotEmpty(n.t, out.Inputs)

	return out
}

// exercise submits a choice of a party with what a registry disclosed, and returns the status and the answer.
func (n *network) exercise(
	by ident.Party, on ident.Name, id ident.ContractID, choice string, argument strictjson.Raw, c registry.Context,
) (int, string) {
	n.t.Helper()

	disclosed := []any{}
	for _, d := range c.Disclosed {
		disclosed = append(disclosed, map[string]any{
			"templateId": d.Template.String(), "contractId": d.Contract, "createdEventBlob": d.Blob,
			"synchronizerId": d.Synchronizer,
		})
	}

	n.commands++

	body, err := json.Marshal(map[string]any{
		"commands": []any{map[string]any{"ExerciseCommand": map[string]any{
			"templateId": on.String(), "contractId": id, "choice": choice, "choiceArgument": json.RawMessage(argument),
		}}},
		"commandId": fmt.Sprintf("command-%d", n.commands), "actAs": []any{by}, "userId": "ledger-api-user",
		"readAs": []any{}, "disclosedContracts": disclosed, "synchronizerId": "",
		"packageIdSelectionPreference": []any{},
	})
	require.NoError(n.t, err)

	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.url+"/v2/commands/submit-and-wait",
		bytes.NewReader(body))
	require.NoError(n.t, err)
	req.Header.Set("Authorization", "Bearer "+n.token)
	req.Header.Set("Content-Type", "application/json")

	resp, err := http.DefaultClient.Do(req)
	require.NoError(n.t, err)

	defer func() { _ = resp.Body.Close() }()
	defer http.DefaultClient.CloseIdleConnections()

	said, err := io.ReadAll(resp.Body)
	require.NoError(n.t, err)

	return resp.StatusCode, string(said)
}

// pay commands a transfer with its factory.
func (n *network) pay(t token.Transfer, f registry.TransferFactory) (int, string) {
	n.t.Helper()

	argument, err := registry.TransferArgument(t, f.Context.Data, nil)
	require.NoError(n.t, err)

	return n.exercise(t.Sender, token.TransferFactoryV1, f.ID, token.ChoiceTransfer, argument, f.Context)
}

// answer exercises a choice on an instruction.
func (n *network) answer(by ident.Party, id ident.ContractID, choice string, c registry.Context) (int, string) {
	n.t.Helper()

	argument := strictjson.Raw(`{"extraArgs":{"context":` + string(c.Data) + `,"meta":{"values":{}}}}`)

	return n.exercise(by, token.TransferInstructionV1, id, choice, argument, c)
}

func (n *network) total(party ident.Party, instrument ident.Instrument) string {
	n.t.Helper()

	total, err := n.Total(party, instrument)
	require.NoError(n.t, err)

	return total.Short()
}

// offer is bob's only open offer.
func (n *network) offer() ident.ContractID {
	n.t.Helper()

	offers, err := n.Offers(n.bob)
	require.NoError(n.t, err)
	require.Len(n.t, offers, 1)

	return offers[0].ContractID
}
