package model_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
	"github.com/canton-exchange/suite/internal/sandbox/model"
	"github.com/canton-exchange/suite/internal/sandbox/published"
)

// known are what the network still says otherwise than declared; an entry goes when the network is mended.
func known() []string {
	return []string{
		// Its configuration, and whether the network is a DevNet.
		"Splice.AmuletRules:AmuletRules: configSchedule: a required field is missing",
	}
}

// network is a sandbox whose wallets have done everything that they can do.
type network struct {
	*sandbox.Sandbox

	t     *testing.T
	url   string
	clock *clock.Manual
}

func newNetwork(t *testing.T, cfg sandbox.Config) *network {
	t.Helper()

	n := &network{t: t, clock: clock.NewManual(time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC))}
	cfg.Clock, cfg.CheckpointInterval, cfg.ListLimit = n.clock, -1, 10_000

	cfg.Inspect = published.Inspect(t, string(cfg.Version))

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

func (n *network) party(hint string) ident.Party {
	p, err := n.AllocateParty(hint)
	require.NoError(n.t, err)

	return p
}

// done passes the receipt of what must work.
func (n *network) done(r sandbox.Receipt, err error) sandbox.Receipt {
	n.t.Helper()
	require.NoError(n.t, err)

	return r
}

func (n *network) send(from, to ident.Party, instrument ident.Instrument, value string) sandbox.Receipt {
	n.t.Helper()

	return n.done(n.Transfer(sandbox.TransferRequest{
		Sender: from, Receiver: to, Instrument: instrument, Amount: amounttest.Of(value), Memo: new("a memo"),
		ExecuteBefore: n.clock.Now().Add(time.Hour),
	}))
}

// offer makes an offer and returns its instruction.
func (n *network) offer(from, to ident.Party, instrument ident.Instrument) ident.ContractID {
	n.t.Helper()

	made := n.send(from, to, instrument, "7.25").Instructions
	require.Len(n.t, made, 1)

	return made[0]
}

// live uses every way that wallets, registries and the DSO have to change the ledger.
func (n *network) live(cfg sandbox.Config) {
	treasury, alice, bob := n.party("treasury"), n.party("alice"), n.party("bob")
	coin, acme := n.Amulet(), n.AcmeToken()

	n.done(n.Preapprove(treasury))

	for _, owner := range []ident.Party{treasury, alice, bob} {
		n.done(n.Tap(owner, amounttest.Of("10000")))
		n.done(n.Mint(owner, acme, amounttest.Of("1000")))
	}

	n.send(alice, treasury, coin, "25")
	n.done(n.Merge(alice, coin, amounttest.Of("5")))
	n.done(n.Merge(alice, acme, amounttest.Of("5")))
	n.done(n.Batch([]sandbox.TransferRequest{
		{Sender: bob, Receiver: treasury, Instrument: coin, Amount: amounttest.Of("3")},
	}))

	for _, instrument := range []ident.Instrument{coin, acme} {
		n.done(n.Reject(bob, n.offer(alice, bob, instrument)))
		n.done(n.Withdraw(alice, n.offer(alice, bob, instrument)))
		n.offer(alice, bob, instrument)
		n.clock.Advance(2 * time.Hour)

		_, err := n.ExpireOffers()
		require.NoError(n.t, err)
	}

	n.done(n.Accept(bob, n.offer(alice, bob, coin)))
	n.workflow(cfg, alice, bob)

	// A lock that has run out is spent by its owner.
	n.offer(treasury, bob, coin)
	n.clock.Advance(2 * time.Hour)
	n.done(n.Merge(treasury, coin, amounttest.Of("1")))

	n.done(n.Burn(alice, coin, amounttest.Of("2")))
	n.done(n.Burn(alice, acme, amounttest.Of("2")))
	n.done(n.ExpireDust(n.done(n.Tap(bob, amounttest.Of("0.5"))).Holdings[0]))
	n.done(n.RawBareHolding(sandbox.BareHolding{
		Issuer: bob, Owner: treasury, Instrument: coin, Amount: amounttest.Of("9"),
	}))
	n.done(n.CancelPreapproval(treasury))
	n.done(n.Permit(alice, true))
	n.done(n.Permit(alice, false))
	n.clock.Advance(25 * time.Hour)
	n.send(alice, bob, coin, "1")
}

func (n *network) workflow(cfg sandbox.Config, alice, bob ident.Party) {
	first := n.done(n.Accept(bob, n.offer(alice, bob, n.AcmeToken())))
	if cfg.Workflow != sandbox.AcmePending {
		return
	}

	n.done(n.CompleteWorkflow(first.Instructions[0]))

	second := n.done(n.Accept(bob, n.offer(alice, bob, n.AcmeToken())))
	n.done(n.FailWorkflow(second.Instructions[0]))
}

type event struct {
	Created *struct {
		TemplateID string          `json:"templateId"`
		Argument   json.RawMessage `json:"createArgument"`
		Views      []struct {
			InterfaceID string          `json:"interfaceId"`
			Value       json.RawMessage `json:"viewValue"`
		} `json:"interfaceViews"`
	} `json:"CreatedEvent"`
	Exercised *struct {
		TemplateID  string          `json:"templateId"`
		InterfaceID string          `json:"interfaceId"`
		Choice      string          `json:"choice"`
		Argument    json.RawMessage `json:"choiceArgument"`
		Result      json.RawMessage `json:"exerciseResult"`
		Consuming   bool            `json:"consuming"`
		PackageName string          `json:"packageName"`
	} `json:"ExercisedEvent"`
}

// events are what a party sees, with the views of all given interfaces.
func (n *network) events(party ident.Party, interfaces []string) []event {
	n.t.Helper()

	filters := []any{filterOf("WildcardFilter", map[string]any{"includeCreatedEventBlob": false})}
	for _, name := range interfaces {
		filters = append(filters, filterOf("InterfaceFilter", map[string]any{
			"interfaceId": name, "includeInterfaceView": true, "includeCreatedEventBlob": false,
		}))
	}

	body, err := json.Marshal(map[string]any{
		"beginExclusive": 0, "endInclusive": n.LedgerEnd(),
		"updateFormat": map[string]any{"includeTransactions": map[string]any{
			"transactionShape": "TRANSACTION_SHAPE_LEDGER_EFFECTS",
			"eventFormat": map[string]any{
				"verbose":        true,
				"filtersByParty": map[ident.Party]any{party: map[string]any{"cumulative": filters}},
			},
		}},
	})
	require.NoError(n.t, err)

	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodPost, n.url+"/v2/updates", bytes.NewReader(body))
	require.NoError(n.t, err)
	req.Header.Set("Content-Type", "application/json")

	resp, err := http.DefaultClient.Do(req)
	require.NoError(n.t, err)

	defer resp.Body.Close()

	require.Equal(n.t, http.StatusOK, resp.StatusCode)

	var items []struct {
		Update struct {
			Transaction *struct {
				Value struct {
					Events []event `json:"events"`
				} `json:"value"`
			} `json:"Transaction"`
		} `json:"update"`
	}

	require.NoError(n.t, json.NewDecoder(resp.Body).Decode(&items))

	var list []event

	for _, item := range items {
		if item.Update.Transaction != nil {
			list = append(list, item.Update.Transaction.Value.Events...)
		}
	}

	return list
}

func filterOf(kind string, value map[string]any) map[string]any {
	return map[string]any{"identifierFilter": map[string]any{kind: map[string]any{"value": value}}}
}

// check compares events with declarations and collects what does not fit.
type check struct {
	t       *testing.T
	catalog *model.Catalog
	faults  map[string]bool
	seen    map[string]bool
}

func (c *check) faultf(format string, args ...any) { c.faults[fmt.Sprintf(format, args...)] = true }

func (c *check) entity(id string) (*model.Entity, string) {
	name, err := ident.ParseName(id)
	require.NoError(c.t, err)

	short := name.Module + ":" + name.Entity

	e, ok := c.catalog.Lookup(name.Module, name.Entity)
	if !ok {
		c.faultf("%s: not declared", short)

		return nil, short
	}

	if e.Name != name {
		c.faultf("%s: declared with another package", short)
	}

	return e, short
}

// value reads raw as declared. What is written again must say the same, None and absence being the same.
func (c *check) value(where string, t *daml.Type, raw json.RawMessage) {
	c.seen[where] = true

	v, err := t.Decode(raw)
	if err != nil {
		c.faultf("%s: %v", where, err)

		return
	}

	out, err := daml.JSON(v)
	require.NoError(c.t, err)
	require.Equal(c.t, withoutNulls(c.t, raw), withoutNulls(c.t, out), where)
}

func withoutNulls(t *testing.T, raw []byte) any {
	t.Helper()

	var v any

	require.NoError(t, json.Unmarshal(raw, &v))

	return strip(v)
}

func strip(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if x == nil {
				delete(v, k)
			} else {
				v[k] = strip(x)
			}
		}
	case []any:
		for i, x := range v {
			v[i] = strip(x)
		}
	}

	return v
}

func (c *check) event(e event) {
	if created := e.Created; created != nil {
		template, short := c.entity(created.TemplateID)
		if template != nil {
			c.value(short, template.Argument, created.Argument)
		}

		for _, view := range created.Views {
			iface, name := c.entity(view.InterfaceID)
			if iface == nil || template == nil {
				continue
			}

			if !slices.Contains(template.Implements, iface.Name) {
				c.faultf("%s: does not implement %s", short, name)
			}

			c.value(short+" as "+name, iface.View, view.Value)
		}

		return
	}

	template, short := c.entity(e.Exercised.TemplateID)
	if template == nil {
		return
	}

	var iface ident.Name

	if id := e.Exercised.InterfaceID; id != "" {
		parsed, err := ident.ParseName(id)
		require.NoError(c.t, err)

		iface = parsed
	}

	where := short + " " + e.Exercised.Choice

	choice, ok := c.catalog.Choice(template, iface, e.Exercised.Choice)
	if !ok {
		c.faultf("%s: not declared", where)

		return
	}

	if choice.Consuming != e.Exercised.Consuming {
		c.faultf("%s: consuming is %t", where, e.Exercised.Consuming)
	}

	c.value(where, choice.Argument, e.Exercised.Argument)
	c.value(where+" result", choice.Result, e.Exercised.Result)
}

func TestTheNetworkSpeaksAsDeclared(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		cfg sandbox.Config
		// least is how many different arguments, results and views there are at least.
		least int
	}{
		"current":           {sandbox.Config{}, 50},
		"version 2":         {sandbox.Config{EventsV2: true}, 55},
		"recorded":          {sandbox.Config{Shape: sandbox.ShapeRecorded}, 55},
		"internal workflow": {sandbox.Config{Workflow: sandbox.AcmePending}, 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			n := newNetwork(t, c.cfg)
			n.live(c.cfg)

			checks := &check{
				t: t, catalog: model.New(c.cfg.EventsV2), faults: map[string]bool{}, seen: map[string]bool{},
			}

			for _, party := range n.Parties() {
				for _, e := range n.events(party, interfaces(c.cfg)) {
					checks.event(e)
				}
			}

			require.GreaterOrEqual(t, len(checks.seen), c.least)

			for fault := range checks.faults {
				if !slices.Contains(known(), fault) {
					t.Error(fault)
				}
			}
		})
	}
}

// interfaces are those that the network's holdings, offers and registries have.
func interfaces(cfg sandbox.Config) []string {
	list := []string{
		"#splice-api-token-holding-v1:Splice.Api.Token.HoldingV1:Holding",
		"#splice-api-token-transfer-instruction-v1:Splice.Api.Token.TransferInstructionV1:TransferFactory",
		"#splice-api-token-transfer-instruction-v1:Splice.Api.Token.TransferInstructionV1:TransferInstruction",
		"#splice-api-token-burn-mint-v1:Splice.Api.Token.BurnMintV1:BurnMintFactory",
	}
	if cfg.EventsV2 {
		list = append(list, "#splice-api-token-holding-v2:Splice.Api.Token.HoldingV2:Holding",
			"#splice-api-token-transfer-events-v2:Splice.Api.Token.TransferEventsV2:EventLog")
	}

	return list
}
