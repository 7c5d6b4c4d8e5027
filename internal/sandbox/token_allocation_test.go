package sandbox_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

const (
	allocationV1        = "#splice-api-token-allocation-v1:Splice.Api.Token.AllocationV1:Allocation"
	allocationFactoryV1 = "#splice-api-token-allocation-instruction-v1:Splice.Api.Token.AllocationInstructionV1:AllocationFactory"
	allocationRequestV1 = "#splice-api-token-allocation-request-v1:Splice.Api.Token.AllocationRequestV1:AllocationRequest"
	settlementRequest   = "#sandbox-settlement:Sandbox.Settlement:SettlementRequest"
)

// trade is a settlement of 100 Canton Coin of alice against 5 AcmeToken of bob, by an exchange.
type trade struct {
	*network

	alice, bob, exchange *external
	settlement           map[string]any
	legs                 map[string]any
}

func emptyMeta() map[string]any { return map[string]any{"values": map[string]any{}} }

func newTrade(t *testing.T, cfg sandbox.Config) *trade {
	t.Helper()

	n := newBare(t, cfg)
	d := &trade{network: n, alice: n.onboard("alice"), bob: n.onboard("bob"), exchange: n.onboard("exchange")}
	n.tap(d.alice.party, "1000")

	if cfg.AcmePermissioned {
		_, err := n.Permit(d.bob.party, true)
		require.NoError(t, err)
	}

	_, err := n.Mint(d.bob.party, n.AcmeToken(), amt("50"))
	require.NoError(t, err)

	now := n.clock.Now()
	d.settlement = map[string]any{
		"executor": d.exchange.party, "settlementRef": map[string]any{"id": "trade-1", "cid": nil},
		"requestedAt": now.Add(-minute), "allocateBefore": now.Add(time.Hour), "settleBefore": now.Add(2 * time.Hour),
		"meta": emptyMeta(),
	}
	d.legs = map[string]any{
		"coin": leg(d.alice.party, d.bob.party, n.Amulet(), "100"),
		"acme": leg(d.bob.party, d.alice.party, n.AcmeToken(), "5"),
	}

	return d
}

func leg(from, to ident.Party, instrument ident.Instrument, value string) map[string]any {
	return map[string]any{
		"sender": from, "receiver": to, "amount": value, "meta": emptyMeta(),
		"instrumentId": map[string]any{"admin": instrument.Admin, "id": instrument.ID},
	}
}

// request is the exchange's: it asks both to allocate.
func (d *trade) request() ident.ContractID {
	d.t.Helper()
	d.exchange.submit(map[string]any{"CreateCommand": map[string]any{
		"templateId": settlementRequest,
		"createArguments": map[string]any{
			"executor": d.exchange.party, "settlement": d.settlement, "transferLegs": d.legs,
			"traders": []any{d.alice.party, d.bob.party},
		},
	}}, []any{})

	return d.only(d.alice.party, "SettlementRequest")
}

// only is the one contract of a template that a party sees.
func (n *network) only(party ident.Party, entity string) ident.ContractID {
	n.t.Helper()

	list := n.all(party, entity)
	require.Len(n.t, list, 1)

	return list[0]
}

func (n *network) all(party ident.Party, entity string) []ident.ContractID {
	var found []ident.ContractID

	for _, c := range n.ActiveContracts(party) {
		if c.Template.Entity == entity {
			found = append(found, c.ContractID)
		}
	}

	return found
}

// allocateCommand builds the allocation of a leg by its sender.
func (d *trade) allocateCommand(by *external, name string, instrument ident.Instrument) (map[string]any, []any) {
	d.t.Helper()

	arguments := map[string]any{
		"expectedAdmin": instrument.Admin, "requestedAt": d.clock.Now().Add(-time.Second),
		"inputHoldingCids": by.inputs(instrument),
		"allocation": map[string]any{
			"settlement": d.settlement, "transferLegId": name, "transferLeg": d.legs[name],
		},
		"extraArgs": map[string]any{"context": emptyMeta(), "meta": emptyMeta()},
	}

	var factory struct {
		ID      ident.ContractID `json:"factoryId"`
		Context registryContext  `json:"choiceContext"`
	}

	d.must(http.MethodPost, d.registry(instrument.Admin)+"/allocation-instruction/v1/allocation-factory",
		map[string]any{"choiceArguments": arguments}, &factory)

	arguments["extraArgs"] = map[string]any{"context": factory.Context.Data, "meta": emptyMeta()}

	return exerciseCommand(allocationFactoryV1, factory.ID, "AllocationFactory_Allocate", arguments), factory.Context.Disclosed
}

func (d *trade) allocate(by *external, name string, instrument ident.Instrument) {
	d.t.Helper()

	command, disclosed := d.allocateCommand(by, name, instrument)
	by.submit(command, disclosed)
}

// context is the registry's for a choice on an allocation.
func (d *trade) context(instrument ident.Instrument, id ident.ContractID, choice string) registryContext {
	d.t.Helper()

	return ok[registryContext](d.network, http.MethodPost,
		d.registry(instrument.Admin)+"/allocations/v1/"+string(id)+"/choice-contexts/"+choice, map[string]any{})
}

func (d *trade) choice(instrument ident.Instrument, id ident.ContractID, choice, path string) (map[string]any, []any) {
	d.t.Helper()

	context := d.context(instrument, id, path)

	return exerciseCommand(allocationV1, id, "Allocation_"+choice, map[string]any{
		"extraArgs": map[string]any{"context": context.Data, "meta": emptyMeta()},
	}), context.Disclosed
}

// prepareFor prepares a command of several parties.
func prepareFor(command any, disclosed []any, parties ...*external) map[string]any {
	request := parties[0].prepareRequest(command, disclosed)
	actors := []any{}

	for _, e := range parties {
		actors = append(actors, e.party)
	}

	request["actAs"] = actors

	return request
}

func (n *network) submitTogether(command any, disclosed []any, parties ...*external) {
	n.t.Helper()

	var p prepared

	n.must(http.MethodPost, preparePath, prepareFor(command, disclosed, parties...), &p)

	// With one signature short it does not go through.
	if len(parties) > 1 {
		n.refusedWith(waitPath, together(p, parties[1:]...), bad("INVALID_EXTERNAL_SIGNATURE"))
	}

	n.must(http.MethodPost, waitPath, together(p, parties...), nil)
}

func TestDeliveryVersusPayment(t *testing.T) {
	t.Parallel()

	for _, shape := range []sandbox.AmuletShape{sandbox.ShapeCurrent, sandbox.ShapeRecorded} {
		t.Run(string(shape), func(t *testing.T) {
			t.Parallel()

			d := newTrade(t, sandbox.Config{Shape: shape, EventsV2: shape == sandbox.ShapeCurrent})
			request := d.request()
			d.allocate(d.alice, "coin", d.Amulet())
			d.allocate(d.bob, "acme", d.AcmeToken())

			coin, acme := d.only(d.alice.party, "AmuletAllocation"), d.only(d.bob.party, "AcmeAllocation")
			require.Equal(t, "1000", d.total(d.alice.party, d.Amulet()), "set aside, and still alice's")
			require.Empty(t, d.all(d.bob.party, "AmuletAllocation"), "none of bob's business until it is his")

			legs, disclosed := map[string]any{}, []any{}

			for name, id := range map[string]ident.ContractID{"coin": coin, "acme": acme} {
				instrument := d.Amulet()
				if name == "acme" {
					instrument = d.AcmeToken()
				}

				context := d.context(instrument, id, "execute-transfer")
				disclosed = append(disclosed, context.Disclosed...)
				legs[name] = map[string]any{
					"allocationCid": id, "extraArgs": map[string]any{"context": context.Data, "meta": emptyMeta()},
				}
			}

			settle := exerciseCommand(settlementRequest, request, "SettlementRequest_Settle",
				map[string]any{"allocations": legs})
			everybody := []*external{d.exchange, d.alice, d.bob}

			for i := range everybody {
				short := slices.Delete(slices.Clone(everybody), i, i+1)
				d.refusedWith(preparePath, prepareFor(settle, disclosed, short...), bad("DAML_AUTHORIZATION_ERROR"))
			}

			swapped := copied(t, settle)
			given := at(swapped, "ExerciseCommand", "choiceArgument", "allocations")
			given["coin"], given["acme"] = given["acme"], given["coin"]
			d.refusedWith(preparePath, prepareFor(swapped, disclosed, everybody...), bad("DAML_FAILURE"))

			d.submitTogether(settle, disclosed, everybody...)

			require.Equal(t, "900", d.total(d.alice.party, d.Amulet()))
			require.Equal(t, "100", d.total(d.bob.party, d.Amulet()))
			require.Equal(t, "5", d.total(d.alice.party, d.AcmeToken()))
			require.Equal(t, "45", d.total(d.bob.party, d.AcmeToken()))
			require.Empty(t, d.all(d.alice.party, "SettlementRequest"))

			tx := d.last(d.bob.party)
			require.Equal(t, "SettlementRequest_Settle", tx.Events[0].Exercised.Choice)

			executed := resultOf(t, find(t, tx, "Allocation_ExecuteTransfer"))
			require.Equal(t, "transfer", executed.Meta.Values[txKindKey])
		})
	}
}

func TestAllocationsAreReleased(t *testing.T) {
	t.Parallel()

	for _, token := range []string{"coin", "acme"} {
		for name, c := range map[string]struct {
			choice, path string
			parties      func(d *trade, sender, receiver *external) []*external
			together     bool // of executor, sender and receiver
		}{
			"cancel": {"Cancel", "cancel", func(d *trade, sender, receiver *external) []*external {
				return []*external{d.exchange, sender, receiver}
			}, true},
			"withdraw": {"Withdraw", "withdraw", func(_ *trade, sender, _ *external) []*external {
				return []*external{sender}
			}, false},
			"execute": {"ExecuteTransfer", "execute-transfer", func(d *trade, sender, receiver *external) []*external {
				return []*external{d.exchange, sender, receiver}
			}, true},
		} {
			t.Run(token+" "+name, func(t *testing.T) {
				t.Parallel()

				d := newTrade(t, sandbox.Config{})
				sender, receiver, instrument, entity, owned := d.alice, d.bob, d.Amulet(), "AmuletAllocation", "1000"

				if token == "acme" {
					sender, receiver, instrument, entity, owned = d.bob, d.alice, d.AcmeToken(), "AcmeAllocation", "50"
				}

				d.allocate(sender, token, instrument)
				id := d.only(sender.party, entity)
				command, disclosed := d.choice(instrument, id, c.choice, c.path)

				if c.together {
					d.refusedWith(preparePath, prepareFor(command, disclosed, sender, d.exchange), bad("DAML_AUTHORIZATION_ERROR"))
				} else {
					d.refusedWith(preparePath, prepareFor(command, disclosed, d.exchange), bad("DAML_AUTHORIZATION_ERROR"))
				}

				d.submitTogether(command, disclosed, c.parties(d, sender, receiver)...)
				require.Empty(t, d.all(sender.party, entity))

				if c.choice != "ExecuteTransfer" {
					require.Equal(t, owned, d.total(sender.party, instrument))
					require.NotEmpty(t, sender.inputs(instrument))
				} else {
					require.NotEqual(t, owned, d.total(sender.party, instrument))
				}

				d.refusedWith(preparePath, prepareFor(command, disclosed, c.parties(d, sender, receiver)...),
					missing("CONTRACT_NOT_FOUND"))
			})
		}
	}
}

func TestAllocationsHaveDeadlines(t *testing.T) {
	t.Parallel()

	d := newTrade(t, sandbox.Config{})
	command, disclosed := d.allocateCommand(d.alice, "coin", d.Amulet())
	request := copied(t, d.alice.prepareRequest(command, disclosed))
	set := func(name string, value any) func(map[string]any) {
		return func(r map[string]any) {
			at(exerciseOf(r), "choiceArgument", "allocation", "settlement")[name] = value
		}
	}
	amount := func(value string) func(map[string]any) {
		return func(r map[string]any) {
			at(exerciseOf(r), "choiceArgument", "allocation", "transferLeg")["amount"] = value
		}
	}

	d.alice.tryAll(request, map[string]trial{
		"too late":           {set("allocateBefore", d.clock.Now()), bad("DAML_FAILURE")},
		"settled first":      {set("settleBefore", d.clock.Now().Add(minute)), bad("DAML_FAILURE")},
		"requested ahead":    {set("requestedAt", d.clock.Now().Add(minute)), bad("DAML_FAILURE")},
		"executor unknown":   {set("executor", "nobody::1220aa"), missing("UNKNOWN_INFORMEES")},
		"nothing":            {amount("0"), bad("DAML_FAILURE")},
		"more than there is": {amount("1000.1"), bad("DAML_FAILURE")},
		"another's leg": {func(r map[string]any) {
			at(exerciseOf(r), "choiceArgument", "allocation", "transferLeg")["sender"] = d.bob.party
		}, bad("DAML_FAILURE")},
		"another's instrument": {func(r map[string]any) {
			at(exerciseOf(r), "choiceArgument", "allocation", "transferLeg", "instrumentId")["admin"] = d.bob.party
		}, bad("DAML_FAILURE")},
		"an instrument unknown": {func(r map[string]any) {
			at(exerciseOf(r), "choiceArgument", "allocation", "transferLeg", "instrumentId")["id"] = "Emulet"
		}, bad("DAML_FAILURE")},
	})

	late := d.alice.prepare(command, disclosed)

	d.clock.Advance(time.Hour + 2*minute)
	d.refusedWith(waitPath, d.alice.executeRequest(late), bad("LEDGER_TIME_OUTSIDE_BOUNDS"))
}

// TestALockThatIsOverLeavesItsAllocationEmpty: the owner takes the money back by spending it.
func TestALockThatIsOverLeavesItsAllocationEmpty(t *testing.T) {
	t.Parallel()

	d := newTrade(t, sandbox.Config{})
	d.allocate(d.alice, "coin", d.Amulet())

	id := d.only(d.alice.party, "AmuletAllocation")

	d.clock.Advance(2 * time.Hour)

	command, disclosed := d.choice(d.Amulet(), id, "ExecuteTransfer", "execute-transfer")
	d.refusedWith(preparePath, prepareFor(command, disclosed, d.exchange, d.alice, d.bob), bad("DAML_FAILURE"))

	locked := d.only(d.alice.party, "LockedAmulet")
	transfer := d.alice.transferRequest(d.alice.party, d.Amulet(), "1000")
	transferOf(transfer)["inputHoldingCids"] = append(d.alice.inputs(d.Amulet()), locked)

	var p prepared

	d.must(http.MethodPost, preparePath, transfer, &p)
	d.must(http.MethodPost, waitPath, d.alice.executeRequest(p), nil)
	require.Equal(t, "1000", d.total(d.alice.party, d.Amulet()))

	command, disclosed = d.choice(d.Amulet(), id, "Withdraw", "withdraw")
	d.alice.submit(command, disclosed)

	tx := d.last(d.alice.party)
	require.Len(t, tx.Events, 1)
	require.Contains(t, string(tx.Events[0].Exercised.Result), `"senderHoldingCids":[]`)
	require.Equal(t, "1000", d.total(d.alice.party, d.Amulet()))
}

func TestAllocationRequestsAreRefusedAndTakenBack(t *testing.T) {
	t.Parallel()

	d := newTrade(t, sandbox.Config{})
	id := d.request()
	extra := map[string]any{"context": emptyMeta(), "meta": emptyMeta()}
	reject := func(actor ident.Party) map[string]any {
		return exerciseCommand(allocationRequestV1, id, "AllocationRequest_Reject", map[string]any{"actor": actor, "extraArgs": extra})
	}
	withdraw := func() map[string]any {
		return exerciseCommand(allocationRequestV1, id, "AllocationRequest_Withdraw", map[string]any{"extraArgs": extra})
	}

	d.refusedWith(preparePath, d.alice.prepareRequest(withdraw(), []any{}), bad("DAML_AUTHORIZATION_ERROR"))
	d.refusedWith(preparePath, d.alice.prepareRequest(reject(d.bob.party), []any{}), bad("DAML_AUTHORIZATION_ERROR"))
	d.refusedWith(preparePath, d.exchange.prepareRequest(reject(d.exchange.party), []any{}), bad("DAML_FAILURE"))

	d.bob.submit(reject(d.bob.party), []any{})
	require.Empty(t, d.all(d.alice.party, "SettlementRequest"))

	id = d.request()
	d.exchange.submit(withdraw(), []any{})
	require.Empty(t, d.all(d.alice.party, "SettlementRequest"))

	// Somebody in a leg who is no trader would not see the request.
	d.legs["extra"] = leg(d.exchange.party, d.bob.party, d.Amulet(), "1")
	r := d.exchange.prepareRequest(map[string]any{"CreateCommand": map[string]any{
		"templateId": settlementRequest,
		"createArguments": map[string]any{
			"executor": d.exchange.party, "settlement": d.settlement, "transferLegs": d.legs,
			"traders": []any{d.alice.party, d.bob.party},
		},
	}}, []any{})
	d.refusedWith(preparePath, r, bad("DAML_FAILURE"))
}

func TestAllocationsOfAPermissionedToken(t *testing.T) {
	t.Parallel()

	d := newTrade(t, sandbox.Config{AcmePermissioned: true})
	_, err := d.Permit(d.bob.party, false)
	require.NoError(t, err)

	command, disclosed := d.allocateCommand(d.bob, "acme", d.AcmeToken())
	r := d.refusedWith(preparePath, d.bob.prepareRequest(command, disclosed), bad("DAML_FAILURE"))
	require.NotEmpty(t, r.Context["error_id"])

	for _, party := range []ident.Party{d.alice.party, d.bob.party} {
		_, err := d.Permit(party, true)
		require.NoError(t, err)
	}

	d.allocate(d.bob, "acme", d.AcmeToken())

	// Who is off the list when it is settled gets nothing; the context must name both permissions.
	everybody := []*external{d.exchange, d.alice, d.bob}
	id := d.only(d.bob.party, "AcmeAllocation")

	_, err = d.Permit(d.alice.party, false)
	require.NoError(t, err)

	settle, disclosed := d.choice(d.AcmeToken(), id, "ExecuteTransfer", "execute-transfer")
	cause := d.cause(preparePath, prepareFor(settle, disclosed, everybody...))
	require.Contains(t, cause, string(d.alice.party)+" is not permitted to hold AcmeToken")

	_, err = d.Permit(d.alice.party, true)
	require.NoError(t, err)

	settle, disclosed = d.choice(d.AcmeToken(), id, "ExecuteTransfer", "execute-transfer")
	d.submitTogether(settle, disclosed, everybody...)
	require.Equal(t, "5", d.total(d.alice.party, d.AcmeToken()))
}
