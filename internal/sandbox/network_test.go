package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
)

const (
	holdingV1     = "#splice-api-token-holding-v1:Splice.Api.Token.HoldingV1:Holding"
	holdingV2     = "#splice-api-token-holding-v2:Splice.Api.Token.HoldingV2:Holding"
	instructionV1 = "#splice-api-token-transfer-instruction-v1:Splice.Api.Token.TransferInstructionV1:TransferInstruction"
	factoryV1     = "#splice-api-token-transfer-instruction-v1:Splice.Api.Token.TransferInstructionV1:TransferFactory"
	reasonKey     = "splice.lfdecentralizedtrust.org/reason"
	txKindKey     = "splice.lfdecentralizedtrust.org/tx-kind"
	senderKey     = "splice.lfdecentralizedtrust.org/sender"
	waitAtMost    = 20 * time.Second
)

// network is a sandbox behind a real socket, with a preapproved treasury and two customers with money.
type network struct {
	*sandbox.Sandbox

	t        *testing.T
	url      string
	clock    *clock.Manual
	token    string
	treasury ident.Party
	alice    ident.Party
	bob      ident.Party
	commands int
}

// command is a command id that was not used before.
func (n *network) command() string { return "command-" + strconv.Itoa(n.commands) }

const (
	minute = time.Minute
	day    = 24 * time.Hour
)

func lower(text string) string { return strings.ToLower(text) }

func start() time.Time { return time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC) }

// newBare starts a sandbox without any customer. Checkpoints come only when the test calls Tick.
func newBare(t *testing.T, cfg sandbox.Config) *network {
	t.Helper()

	n := &network{t: t, clock: clock.NewManual(start()), token: cfg.Token.Reveal()}
	cfg.Clock = n.clock

	if cfg.CheckpointInterval == 0 {
		cfg.CheckpointInterval = -1
	}

	if cfg.ListWait == 0 {
		cfg.ListWait = 20 * time.Millisecond
	}

	cfg.Inspect = published.Inspect(t, string(cfg.Version))

	s, err := sandbox.New(cfg)
	require.NoError(t, err)

	n.serve(s)

	return n
}

func (n *network) serve(s *sandbox.Sandbox) {
	server := httptest.NewServer(s.Handler())
	n.t.Cleanup(func() {
		s.Close()
		server.CloseClientConnections()
		server.Close()
	})

	n.Sandbox, n.url = s, server.URL
}

func newNetwork(t *testing.T, cfg sandbox.Config) *network {
	t.Helper()

	n := newBare(t, cfg)
	n.treasury, n.alice, n.bob = n.party("treasury"), n.party("alice"), n.party("bob")

	_, err := n.Preapprove(n.treasury)
	require.NoError(t, err)

	for _, owner := range []ident.Party{n.treasury, n.alice, n.bob} {
		n.tap(owner, "1000")

		_, err := n.Mint(owner, n.AcmeToken(), amt("1000"))
		require.NoError(t, err)
	}

	return n
}

func (n *network) party(hint string) ident.Party {
	p, err := n.AllocateParty(hint)
	require.NoError(n.t, err)

	return p
}

func (n *network) tap(owner ident.Party, value string) sandbox.Receipt {
	r, err := n.Tap(owner, amt(value))
	require.NoError(n.t, err)

	return r
}

func amt(text string) amount.Amount { return amounttest.Of(text) }

func (n *network) send(from, to ident.Party, value, memo string) sandbox.Receipt {
	return n.transfer(from, to, n.Amulet(), value, memo)
}

func (n *network) transfer(
	from, to ident.Party, instrument ident.Instrument, value, memo string,
) sandbox.Receipt {
	n.t.Helper()

	r, err := n.Transfer(sandbox.TransferRequest{
		Sender: from, Receiver: to, Instrument: instrument, Amount: amt(value), Memo: new(memo),
	})
	require.NoError(n.t, err)

	return r
}

func (n *network) total(p ident.Party, i ident.Instrument) string {
	total, err := n.Total(p, i)
	require.NoError(n.t, err)

	return total.Short()
}

// eventFormat is what a careful ingester asks for: everything, with views of the standard's interfaces.
func eventFormat(party ident.Party, interfaces ...string) map[string]any {
	filters := []any{filterOf("WildcardFilter", map[string]any{"includeCreatedEventBlob": false})}

	for _, name := range interfaces {
		filters = append(filters, filterOf("InterfaceFilter", map[string]any{
			"interfaceId": name, "includeInterfaceView": true, "includeCreatedEventBlob": false,
		}))
	}

	return map[string]any{
		"verbose":        false,
		"filtersByParty": map[string]any{string(party): map[string]any{"cumulative": filters}},
	}
}

// withBlobs asks for everything, and for the blobs to disclose it with.
func withBlobs(party any) map[string]any {
	return map[string]any{"filtersByParty": map[string]any{fmt.Sprint(party): map[string]any{"cumulative": []any{
		filterOf("WildcardFilter", map[string]any{"includeCreatedEventBlob": true}),
	}}}}
}

func filterOf(kind string, value map[string]any) map[string]any {
	return map[string]any{"identifierFilter": map[string]any{kind: map[string]any{"value": value}}}
}

func standardFormat(party ident.Party) map[string]any {
	return eventFormat(party, holdingV1, instructionV1, factoryV1)
}

func updateFormat(party ident.Party) map[string]any {
	return map[string]any{
		"includeTransactions": map[string]any{
			"eventFormat": standardFormat(party), "transactionShape": "TRANSACTION_SHAPE_LEDGER_EFFECTS",
		},
		"includeReassignments": standardFormat(party),
		"includeTopologyEvents": map[string]any{
			"includeParticipantAuthorizationEvents": map[string]any{"parties": []ident.Party{party}},
		},
	}
}

func updatesRequest(party ident.Party, begin ident.Offset) map[string]any {
	return map[string]any{"beginExclusive": begin, "updateFormat": updateFormat(party)}
}

// call does one request and returns the status, the content type and the body.
func (n *network) call(method, path string, body any) (int, string, []byte) {
	n.t.Helper()

	var reader io.Reader

	switch b := body.(type) {
	case nil:
	case string:
		reader = bytes.NewBufferString(b)
	default:
		raw, err := json.Marshal(b)
		require.NoError(n.t, err)

		reader = bytes.NewReader(raw)
	}

	req, err := http.NewRequestWithContext(n.t.Context(), method, n.url+path, reader)
	require.NoError(n.t, err)
	req.Header.Set("Content-Type", "application/json")

	if n.token != "" {
		req.Header.Set("Authorization", "Bearer "+n.token)
	}

	resp, err := http.DefaultClient.Do(req)
	require.NoError(n.t, err)

	defer func() { require.NoError(n.t, resp.Body.Close()) }()

	raw, err := io.ReadAll(resp.Body)
	require.NoError(n.t, err)

	return resp.StatusCode, resp.Header.Get("Content-Type"), raw
}

// ok does a request that must succeed, and decodes the answer.
func ok[T any](n *network, method, path string, body any) T {
	n.t.Helper()

	status, _, raw := n.call(method, path, body)
	require.Equal(n.t, http.StatusOK, status, string(raw))

	var out T

	require.NoError(n.t, json.Unmarshal(raw, &out), string(raw))

	return out
}

// item is one element of a list of updates, as much of it as tests look at.
type item struct {
	Update struct {
		Transaction *struct {
			Value transaction `json:"value"`
		} `json:"Transaction"`
		TransactionTree *struct {
			Value tree `json:"value"`
		} `json:"TransactionTree"`
		Reassignment *struct {
			Value reassignment `json:"value"`
		} `json:"Reassignment"`
		OffsetCheckpoint *struct {
			Value checkpoint `json:"value"`
		} `json:"OffsetCheckpoint"`
		TopologyTransaction *struct {
			Value struct {
				Offset ident.Offset     `json:"offset"`
				Events []map[string]any `json:"events"`
			} `json:"value"`
		} `json:"TopologyTransaction"`
	} `json:"update"`
	Code string `json:"code"` // of an error message
}

type transaction struct {
	UpdateID   ident.UpdateID `json:"updateId"`
	CommandID  string         `json:"commandId"`
	Offset     ident.Offset   `json:"offset"`
	RecordTime time.Time      `json:"recordTime"`
	Cost       *int64         `json:"paidTrafficCost"`
	Events     []event        `json:"events"`
}

type tree struct {
	UpdateID ident.UpdateID       `json:"updateId"`
	Offset   ident.Offset         `json:"offset"`
	Events   map[string]treeEvent `json:"eventsById"`
}

type treeEvent struct {
	Created *struct {
		Value body `json:"value"`
	} `json:"CreatedTreeEvent"`
	Exercised *struct {
		Value body `json:"value"`
	} `json:"ExercisedTreeEvent"`
}

type reassignment struct {
	UpdateID   ident.UpdateID   `json:"updateId"`
	Offset     ident.Offset     `json:"offset"`
	RecordTime time.Time        `json:"recordTime"`
	Events     []map[string]any `json:"events"`
}

type checkpoint struct {
	Offset ident.Offset `json:"offset"`
	Times  []struct {
		SynchronizerID ident.SynchronizerID `json:"synchronizerId"`
		RecordTime     time.Time            `json:"recordTime"`
	} `json:"synchronizerTimes"`
}

type event struct {
	Created   *body `json:"CreatedEvent"`
	Exercised *body `json:"ExercisedEvent"`
	Archived  *body `json:"ArchivedEvent"`
}

func (e event) body() body {
	for _, b := range []*body{e.Created, e.Exercised, e.Archived} {
		if b != nil {
			return *b
		}
	}

	return body{}
}

// body is any event's members.
type body struct {
	Offset      ident.Offset     `json:"offset"`
	NodeID      ident.NodeID     `json:"nodeId"`
	Last        ident.NodeID     `json:"lastDescendantNodeId"`
	ContractID  ident.ContractID `json:"contractId"`
	TemplateID  string           `json:"templateId"`
	InterfaceID string           `json:"interfaceId"`
	Choice      string           `json:"choice"`
	Consuming   bool             `json:"consuming"`
	Delta       bool             `json:"acsDelta"`
	Witnesses   []ident.Party    `json:"witnessParties"`
	Acting      []ident.Party    `json:"actingParties"`
	Interfaces  []string         `json:"implementedInterfaces"`
	Argument    map[string]any   `json:"choiceArgument"`
	Result      json.RawMessage  `json:"exerciseResult"`
	Views       []struct {
		InterfaceID string         `json:"interfaceId"`
		Value       map[string]any `json:"viewValue"`
	} `json:"interfaceViews"`
}

// transactions reads every transaction that party sees.
func (n *network) transactions(party ident.Party) []transaction {
	n.t.Helper()

	req := updatesRequest(party, 0)
	req["endInclusive"] = n.LedgerEnd()

	var list []transaction

	for _, i := range ok[[]item](n, http.MethodPost, "/v2/updates", req) {
		if i.Update.Transaction != nil {
			list = append(list, i.Update.Transaction.Value)
		}
	}

	return list
}

// last is what party sees of the last update, which must be one it sees something of.
func (n *network) last(party ident.Party) transaction {
	n.t.Helper()

	answer := ok[item](n, http.MethodPost, "/v2/updates/update-by-offset", map[string]any{
		"offset": n.LedgerEnd(), "updateFormat": updateFormat(party),
	})
	require.NotNil(n.t, answer.Update.Transaction)

	return answer.Update.Transaction.Value
}

// shared finds a folder of recorded or published data beside the project, or skips the test.
func shared(t *testing.T, path string) string {
	t.Helper()

	dir, err := os.Getwd()
	require.NoError(t, err)

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}

		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the test")

		dir = parent
	}

	full := filepath.Join(dir, "..", "shared", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("%s is not on this machine", path)
	}

	return full
}
