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
	preapprovalTemplate = "#splice-amulet:Splice.AmuletRules:TransferPreapproval"
	proposalTemplate    = "#splice-wallet:Splice.Wallet.TransferPreapproval:TransferPreapprovalProposal"
	rulesTemplate       = "#splice-amulet:Splice.AmuletRules:AmuletRules"
)

func noContext() map[string]any {
	return map[string]any{"extraArgs": map[string]any{"context": emptyMeta(), "meta": emptyMeta()}}
}

// paymentContext is what choices of Canton Coin other than the standard's go by, with what they must disclose.
func (e *external) paymentContext() (map[string]any, []any) {
	e.n.t.Helper()

	command, disclosed := e.tapCommand("1")
	exercise := at(command, "ExerciseCommand")
	round := at(command, "ExerciseCommand", "choiceArgument")["openRound"]

	return map[string]any{
		"amuletRules": exercise["contractId"],
		"context": map[string]any{
			"openMiningRound": round, "issuingMiningRounds": []any{}, "validatorRights": []any{}, "featuredAppRight": nil,
		},
	}, disclosed
}

func (e *external) propose(provider ident.Party, dso any) map[string]any {
	return map[string]any{"CreateCommand": map[string]any{
		"templateId":      proposalTemplate,
		"createArguments": map[string]any{"receiver": e.party, "provider": provider, "expectedDso": dso},
	}}
}

// TestPreapprovalsLive goes through the life of a preapproval whose provider is not the validator's operator.
func TestPreapprovalsLive(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n, provider := alice.n, alice.n.onboard("provider")
	kind := func() string {
		_, _, kind := alice.transferCommand(bob.party, n.Amulet(), "1", "")

		return kind
	}

	for _, dso := range []any{nil, bob.party} {
		n.refusedWith(preparePath, bob.prepareRequest(bob.propose(provider.party, dso), []any{}), bad("DAML_FAILURE"))
	}

	n.refusedWith(preparePath, alice.prepareRequest(bob.propose(provider.party, n.DSO()), []any{}),
		bad("DAML_AUTHORIZATION_ERROR"))
	bob.submit(bob.propose(provider.party, n.DSO()), []any{})
	require.Equal(t, "offer", kind(), "nobody has accepted")

	context, disclosed := provider.paymentContext()
	accept := func(until time.Time) map[string]any {
		return exerciseCommand(proposalTemplate, n.only(bob.party, "TransferPreapprovalProposal"),
			"TransferPreapprovalProposal_Accept", map[string]any{"context": context, "inputs": []any{}, "expiresAt": until})
	}

	n.refusedWith(preparePath, bob.prepareRequest(accept(n.clock.Now().Add(day)), disclosed), bad("DAML_AUTHORIZATION_ERROR"))
	n.refusedWith(preparePath, provider.prepareRequest(accept(n.clock.Now()), disclosed), bad("DAML_FAILURE"))

	// The round that it names is good for twenty minutes, whatever opens in between.
	p := provider.prepare(accept(n.clock.Now().Add(2*day)), disclosed)
	n.clock.Advance(11 * time.Minute)
	n.must(http.MethodPost, waitPath, provider.executeRequest(p), nil)
	require.Equal(t, "direct", kind())

	id := n.only(bob.party, "TransferPreapproval")
	context, disclosed = provider.paymentContext()
	renew := func(until time.Time) map[string]any {
		return exerciseCommand(preapprovalTemplate, id, "TransferPreapproval_Renew",
			map[string]any{"context": context, "inputs": []any{}, "newExpiresAt": until})
	}

	n.refusedWith(preparePath, provider.prepareRequest(renew(n.clock.Now().Add(day)), disclosed), bad("DAML_FAILURE"))
	n.refusedWith(preparePath, bob.prepareRequest(renew(n.clock.Now().Add(9*day)), disclosed), bad("DAML_AUTHORIZATION_ERROR"))
	late := provider.prepareRequest(renew(n.clock.Now().Add(9*day)), disclosed)
	provider.submit(renew(n.clock.Now().Add(4*day)), disclosed)
	n.refusedWith(preparePath, late, missing("CONTRACT_NOT_FOUND"))

	n.clock.Advance(3 * day)
	require.Equal(t, "direct", kind(), "renewed")

	command, shown, _ := alice.transferCommand(bob.party, n.Amulet(), "1", "")
	early := alice.prepareRequest(command, shown)

	n.clock.Advance(day)
	require.Equal(t, "offer", kind(), "run out, deposits silently become offers")
	n.refusedWith(preparePath, early, bad("DAML_FAILURE"))

	// What ran out is the DSO's to take away; it cannot be cancelled any more, nor renewed.
	id = n.only(bob.party, "TransferPreapproval")
	context, disclosed = provider.paymentContext()
	n.refusedWith(preparePath, provider.prepareRequest(renew(n.clock.Now().Add(9*day)), disclosed), bad("DAML_FAILURE"))
	n.refusedWith(preparePath, bob.prepareRequest(cancelCommand(id, bob.party), []any{}), bad("DAML_FAILURE"))

	_, err := n.ExpireOffers()
	require.NoError(t, err)
	require.Empty(t, n.all(bob.party, "TransferPreapproval"))
}

func holdingsOf(t *testing.T, n *network, party ident.Party) []sandbox.Holding {
	t.Helper()

	list, err := n.Holdings(party)
	require.NoError(t, err)

	return list
}

// TestARenewalBeyondTheFreeDaysIsPaid by its provider, who gets the rest back.
func TestARenewalBeyondTheFreeDaysIsPaid(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{EventsV2: true})
	n, provider := alice.n, alice.n.onboard("provider")

	_, err := n.PreapproveWith(sandbox.PreapprovalRequest{Receiver: bob.party, Provider: provider.party, Life: day})
	require.NoError(t, err)

	end := n.clock.Now().Add(day)
	context, disclosed := provider.paymentContext()
	renew := func(by time.Duration, inputs ...any) map[string]any {
		return exerciseCommand(preapprovalTemplate, n.only(bob.party, "TransferPreapproval"), "TransferPreapproval_Renew",
			map[string]any{"context": context, "inputs": append([]any{}, inputs...), "newExpiresAt": end.Add(by)})
	}

	provider.submit(renew(90*day), disclosed)
	require.Empty(t, holdingsOf(t, n, provider.party), "free")

	end = end.Add(90 * day)
	n.refusedWith(preparePath, provider.prepareRequest(renew((90+365)*day), disclosed), bad("DAML_FAILURE"))

	coin := func(value string) map[string]any {
		got := n.tap(provider.party, value)

		return map[string]any{"tag": "InputAmulet", "value": got.Holdings[0]}
	}

	little := coin("199")
	n.refusedWith(preparePath, provider.prepareRequest(renew((90+365)*day, little), disclosed), bad("DAML_FAILURE"))

	// A year is 200 coins at the sandbox's price.
	provider.submit(renew((90+365)*day, little, coin("11")), disclosed)
	left := holdingsOf(t, n, provider.party)
	require.Len(t, left, 1)
	require.Equal(t, "10", left[0].Amount.Short())

	_, burned := n.Supply(n.Amulet())
	require.Equal(t, "200", burned.Short())
}

func cancelCommand(id ident.ContractID, by ident.Party) map[string]any {
	return exerciseCommand(preapprovalTemplate, id, "TransferPreapproval_Cancel", map[string]any{"p": by})
}

func TestPreapprovalsAreCancelledByEitherSide(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	bob.preapprove() // which the operator's automation accepts
	require.Empty(t, n.all(bob.party, "TransferPreapprovalProposal"))

	id := n.only(bob.party, "TransferPreapproval")

	// Prepared while it stood, it cannot be executed when it is gone.
	command, disclosed, kind := alice.transferCommand(bob.party, n.Amulet(), "1", "")
	require.Equal(t, "direct", kind)

	p := alice.prepare(command, disclosed)

	n.refusedWith(preparePath, alice.prepareRequest(cancelCommand(id, alice.party), disclosed), bad("DAML_FAILURE"))
	n.refusedWith(preparePath, alice.prepareRequest(cancelCommand(id, bob.party), disclosed), bad("DAML_AUTHORIZATION_ERROR"))
	bob.submit(cancelCommand(id, bob.party), []any{})
	n.refusedWith(waitPath, alice.executeRequest(p), missing("LOCAL_VERDICT_INACTIVE_CONTRACTS"))

	kind, _ = alice.transfer(bob.party, n.Amulet(), "1", "")
	require.Equal(t, "offer", kind)

	bob.preapprove()

	var user struct {
		Party ident.Party `json:"party_id"`
	}

	n.must(http.MethodGet, "/api/validator/v0/validator-user", nil, &user)
	n.must(http.MethodPost, submitPath,
		n.commandsOf(user.Party, cancelCommand(n.only(bob.party, "TransferPreapproval"), user.Party)), nil)
	require.Empty(t, n.all(bob.party, "TransferPreapproval"))
}

func TestPermissionsOfAToken(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{AcmePermissioned: true})
	alice, bob := n.onboard("alice"), n.onboard("bob")
	token := n.AcmeToken()

	permit := func(party ident.Party, allowed bool) {
		_, err := n.Permit(party, allowed)
		require.NoError(t, err)
	}

	_, err := n.Mint(alice.party, token, amt("100"))
	require.ErrorIs(t, err, sandbox.ErrForbidden)
	permit(alice.party, true)

	_, err = n.Mint(alice.party, token, amt("100"))
	require.NoError(t, err)
	permit(alice.party, false)

	factory := n.registry(token.Admin) + "/transfer-instruction/v1/transfer-factory"
	body := map[string]any{"choiceArguments": alice.transferArguments(bob.party, token, "5", "", alice.inputs(token))}

	status, _, _ := n.call(http.MethodPost, factory, body)
	require.Equal(t, http.StatusBadRequest, status)
	permit(alice.party, true)
	status, _, _ = n.call(http.MethodPost, factory, body)
	require.Equal(t, http.StatusBadRequest, status)
	permit(bob.party, true)

	command, disclosed, kind := alice.transferCommand(bob.party, token, "5", "")
	require.Equal(t, "offer", kind)

	// The context names both permissions; each must be there, be in force, and be of the right party.
	context := at(command, "ExerciseCommand", "choiceArgument", "extraArgs")
	request := copied(t, alice.prepareRequest(command, disclosed))
	values := func(r map[string]any) map[string]any {
		return at(exerciseOf(r), "choiceArgument", "extraArgs", "context", "values")
	}

	require.NotNil(t, context)
	alice.tryAll(request, map[string]trial{
		"none": {func(r map[string]any) { clear(values(r)) }, bad("DAML_FAILURE")},
		"one":  {func(r map[string]any) { delete(values(r), "acme-token/receiver-permission") }, bad("DAML_FAILURE")},
		"the same": {func(r map[string]any) {
			values(r)["acme-token/receiver-permission"] = values(r)["acme-token/sender-permission"]
		}, bad("DAML_FAILURE")},
		"no contract": {func(r map[string]any) {
			values(r)["acme-token/receiver-permission"] = map[string]any{"tag": "AV_Text", "value": "x"}
		}, bad("DAML_FAILURE")},
		"no such tag": {func(r map[string]any) {
			values(r)["acme-token/receiver-permission"] = map[string]any{"tag": "AV_X", "value": "x"}
		}, bad("COMMAND_PREPROCESSING_FAILED")},
		"undisclosed":  {func(r map[string]any) { r["disclosedContracts"] = r["disclosedContracts"].([]any)[:1] }, missing("CONTRACT_NOT_FOUND")},
		"one too many": {func(r map[string]any) { values(r)["other"] = map[string]any{"tag": "AV_Bool", "value": true} }, outcome{http.StatusOK, "-"}},
	})

	p := alice.prepare(command, disclosed)
	permit(bob.party, false)
	n.refusedWith(waitPath, alice.executeRequest(p), missing("LOCAL_VERDICT_INACTIVE_CONTRACTS"))

	permit(bob.party, true)
	alice.transfer(bob.party, token, "5", "")

	offers, err := n.Offers(bob.party)
	require.NoError(t, err)
	bob.onOffer(token, offers[0].ContractID, "Accept")
	require.Equal(t, "5", n.total(bob.party, token))

	// To burn is allowed to those who may not receive any more.
	permit(alice.party, false)

	_, err = n.Burn(alice.party, token, amt("1"))
	require.NoError(t, err)
	permit(alice.party, true)

	// A registrar that archives a permission by itself takes it away too.
	n.must(http.MethodPost, submitPath, n.commandsOf(token.Admin, exerciseCommand("#acme-token:Acme.Token:AcmePermission",
		n.only(bob.party, "AcmePermission"), "Archive", map[string]any{})), nil)
	status, _, _ = n.call(http.MethodPost, factory, body)
	require.Equal(t, http.StatusBadRequest, status)
	permit(bob.party, true)
}

func TestAcceptedOffersWaitForTheirRegistrar(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{Workflow: sandbox.AcmePending})
	alice, bob := n.onboard("alice"), n.onboard("bob")
	token := n.AcmeToken()

	_, err := n.Mint(alice.party, token, amt("100"))
	require.NoError(t, err)

	alice.transfer(bob.party, token, "5", "ACC-1")

	first := n.only(bob.party, "AcmeTransferInstruction")
	choice := func(id ident.ContractID, name string, arguments map[string]any) map[string]any {
		return exerciseCommand(instructionV1, id, "TransferInstruction_"+name, arguments)
	}
	update := func(id ident.ContractID, actors ...any) map[string]any {
		arguments := noContext()
		arguments["extraActors"] = append([]any{}, actors...)

		return choice(id, "Update", arguments)
	}

	n.refusedWith(submitPath, n.commandsOf(token.Admin, update(first)), bad("DAML_FAILURE")) // it is the receiver's turn
	bob.onOffer(token, first, "Accept")
	require.Equal(t, "pending", string(n.Transfers()[0].State))
	require.Equal(t, "0", n.total(bob.party, token))

	second := n.only(bob.party, "AcmeTransferInstruction")
	require.NotEqual(t, first, second)

	for _, e := range []*external{alice, bob} {
		n.refusedWith(preparePath, e.prepareRequest(update(second), []any{}), bad("DAML_AUTHORIZATION_ERROR"))
	}

	n.refusedWith(preparePath, bob.prepareRequest(choice(second, "Accept", noContext()), []any{}), bad("DAML_FAILURE"))
	n.refusedWith(preparePath, bob.prepareRequest(choice(second, "Reject", noContext()), []any{}), bad("DAML_FAILURE"))
	n.refusedWith(submitPath, n.commandsOf(token.Admin, update(second, bob.party)), bad("DAML_FAILURE"))

	n.must(http.MethodPost, submitPath, n.commandsOf(token.Admin, update(second)), nil)
	require.Equal(t, sandbox.TransferCompleted, n.Transfers()[0].State)
	require.Equal(t, "5", n.total(bob.party, token))
	require.Empty(t, n.all(bob.party, "AcmeTransferInstruction"))

	// Past the deadline the registrar's Update can only give the money back.
	alice.transfer(bob.party, token, "7", "ACC-2")
	bob.onOffer(token, n.only(bob.party, "AcmeTransferInstruction"), "Accept")
	n.clock.Advance(29 * day)

	n.must(http.MethodPost, submitPath, n.commandsOf(token.Admin, update(n.only(bob.party, "AcmeTransferInstruction"))), nil)
	require.Equal(t, sandbox.TransferExpired, n.Transfers()[1].State)
	require.Equal(t, "TransferInstructionResult_Failed",
		resultOf(t, find(t, n.last(alice.party), "TransferInstruction_Update")).Output.Tag)
	require.Equal(t, "5", n.total(bob.party, token))
	require.Equal(t, "95", n.total(alice.party, token))
	require.Len(t, alice.inputs(token), 2, "all of it free again")
}

func TestPermissionsAtTheAcceptance(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{AcmePermissioned: true})
	alice, bob := n.onboard("alice"), n.onboard("bob")
	token := n.AcmeToken()

	for _, e := range []*external{alice, bob} {
		_, err := n.Permit(e.party, true)
		require.NoError(t, err)
	}

	_, err := n.Mint(alice.party, token, amt("100"))
	require.NoError(t, err)
	alice.transfer(bob.party, token, "5", "")

	id := n.only(bob.party, "AcmeTransferInstruction")
	ask := func(choice string) registryContext {
		return ok[registryContext](n, http.MethodPost, n.registry(token.Admin)+"/transfer-instruction/v1/"+string(id)+
			"/choice-contexts/"+choice, map[string]any{})
	}
	given := ask("accept")
	request := copied(t, bob.prepareRequest(exerciseCommand(instructionV1, id, "TransferInstruction_Accept",
		map[string]any{"extraArgs": map[string]any{"context": given.Data, "meta": emptyMeta()}}), given.Disclosed))

	require.NotContains(t, string(ask("reject").Data), "permission", "nobody needs leave to say no")
	require.Len(t, contextOf(request), 2)

	bob.tryAll(request, map[string]trial{
		"none":        {func(r map[string]any) { clear(contextOf(r)) }, bad("DAML_FAILURE")},
		"one":         {func(r map[string]any) { delete(contextOf(r), "acme-token/sender-permission") }, bad("DAML_FAILURE")},
		"undisclosed": {func(r map[string]any) { r["disclosedContracts"] = []any{} }, missing("CONTRACT_NOT_FOUND")},
		"exchanged": {func(r map[string]any) {
			c := contextOf(r)
			c["acme-token/sender-permission"], c["acme-token/receiver-permission"] =
				c["acme-token/receiver-permission"], c["acme-token/sender-permission"]
		}, bad("DAML_FAILURE")},
	})

	_, err = n.Permit(alice.party, false)
	require.NoError(t, err)
	n.refusedWith(preparePath, request, missing("CONTRACT_NOT_FOUND"))
}

// TestContextsThatNobodyReads: a choice reads of a context what it needs. What a registry writes there besides is no
// input of the transaction, and does not keep it from committing.
func TestContextsThatNobodyReads(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{AcmePermissioned: true})
	alice, bob, carol := n.onboard("alice"), n.onboard("bob"), n.onboard("carol")
	other := ident.Instrument{Admin: n.party("issuer"), ID: "NewToken"}

	for _, e := range []*external{alice, carol} {
		_, err := n.Permit(e.party, true)
		require.NoError(t, err)
	}

	for _, token := range []ident.Instrument{n.AcmeToken(), other} {
		_, err := n.Mint(alice.party, token, amt("100"))
		require.NoError(t, err)
	}

	alice.transfer(carol.party, n.AcmeToken(), "5", "")
	alice.transfer(bob.party, other, "5", "")

	offered := n.only(bob.party, "AcmeTransferInstruction")
	ask := func(admin ident.Party, id ident.ContractID) registryContext {
		return ok[registryContext](n, http.MethodPost, n.registry(admin)+"/transfer-instruction/v1/"+string(id)+
			"/choice-contexts/accept", map[string]any{})
	}
	own, ofAcme := ask(other.Admin, offered), ask(n.AcmeToken().Admin, n.only(carol.party, "AcmeTransferInstruction"))
	require.NotContains(t, string(own.Data), "permission")
	require.Contains(t, string(ofAcme.Data), "permission")

	prepared := bob.prepare(exerciseCommand(instructionV1, offered, "TransferInstruction_Accept", map[string]any{
		"extraArgs": map[string]any{"context": ofAcme.Data, "meta": emptyMeta()},
	}), slices.Concat(own.Disclosed, ofAcme.Disclosed))

	n.must(http.MethodPost, waitPath, bob.executeRequest(prepared), nil)
	require.Equal(t, "5", n.total(bob.party, other))
}

// TestChoicesTakeExactlyTheirParties tries every choice of an offer as everybody.
func TestChoicesTakeExactlyTheirParties(t *testing.T) {
	t.Parallel()

	for _, token := range []string{"Amulet", "AcmeToken"} {
		for _, choice := range []string{"Accept", "Reject", "Withdraw"} {
			t.Run(token+" "+choice, func(t *testing.T) {
				t.Parallel()

				alice, bob := funded(t, sandbox.Config{})
				n, eve := alice.n, alice.n.onboard("eve")
				instrument := n.Amulet()

				if token == "AcmeToken" {
					instrument = n.AcmeToken()
					_, err := n.Mint(alice.party, instrument, amt("1000"))
					require.NoError(t, err)
				}

				alice.transfer(bob.party, instrument, "10", "")

				offers, err := n.Offers(bob.party)
				require.NoError(t, err)

				id := offers[0].ContractID
				context := ok[registryContext](n, http.MethodPost, n.registry(instrument.Admin)+
					"/transfer-instruction/v1/"+string(id)+"/choice-contexts/"+lower(choice), map[string]any{})
				command := exerciseCommand(instructionV1, id, "TransferInstruction_"+choice, map[string]any{
					"extraArgs": map[string]any{"context": context.Data, "meta": emptyMeta()},
				})

				who, other := bob, alice
				if choice == "Withdraw" {
					who, other = alice, bob
				}

				n.refusedWith(preparePath, other.prepareRequest(command, context.Disclosed), bad("DAML_AUTHORIZATION_ERROR"))
				n.refusedWith(preparePath, eve.prepareRequest(command, context.Disclosed), missing("CONTRACT_NOT_FOUND"))

				if token == "Amulet" {
					bare := copied(t, command)
					at(bare, "ExerciseCommand", "choiceArgument")["extraArgs"] = noContext()["extraArgs"]
					n.refusedWith(preparePath, who.prepareRequest(bare, context.Disclosed), bad("DAML_FAILURE"))
				}

				who.submit(command, context.Disclosed)
				n.refusedWith(preparePath, who.prepareRequest(command, context.Disclosed), missing("CONTRACT_NOT_FOUND"))

				status, _, _ := n.call(http.MethodPost, n.registry(instrument.Admin)+
					"/transfer-instruction/v1/"+string(id)+"/choice-contexts/"+lower(choice), map[string]any{})
				require.Equal(t, http.StatusNotFound, status, "the registry knows it no more")
			})
		}
	}
}

func TestOffersAtTheirDeadline(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	alice.transfer(bob.party, n.Amulet(), "10", "")

	id := n.only(bob.party, "AmuletTransferInstruction")
	context := ok[registryContext](n, http.MethodPost,
		n.registry(n.DSO())+"/transfer-instruction/v1/"+string(id)+"/choice-contexts/accept", map[string]any{})
	accept := exerciseCommand(instructionV1, id, "TransferInstruction_Accept", map[string]any{
		"extraArgs": map[string]any{"context": context.Data, "meta": emptyMeta()},
	})

	p := bob.prepare(accept, context.Disclosed)

	n.clock.Advance(day - time.Second)
	late := bob.prepare(accept, context.Disclosed)
	n.clock.Advance(time.Second)

	n.refusedWith(preparePath, bob.prepareRequest(accept, context.Disclosed), bad("DAML_FAILURE"))

	// Within the tolerance a node may say that it is still earlier; the ledger time is then the last moment.
	n.must(http.MethodPost, waitPath, bob.executeRequest(late), nil)
	require.Equal(t, start().Add(day-time.Microsecond), effectiveAt(n, bob.party))
	n.refusedWith(waitPath, bob.executeRequest(p), missing("LOCAL_VERDICT_INACTIVE_CONTRACTS"))
}

func TestTapsAndTraffic(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	command, disclosed := alice.tapCommand("5")
	request := copied(t, alice.prepareRequest(command, disclosed))
	set := func(key string, value any) func(map[string]any) {
		return func(r map[string]any) { at(exerciseOf(r), "choiceArgument")[key] = value }
	}
	rules := exerciseOf(request)["contractId"]

	alice.tryAll(request, map[string]trial{
		"for another":    {set("receiver", bob.party), bad("DAML_AUTHORIZATION_ERROR")},
		"nothing":        {set("amount", "0"), bad("DAML_FAILURE")},
		"all there is":   {set("amount", "100000000"), outcome{http.StatusOK, "-"}},
		"more than that": {set("amount", "100000000.1"), bad("DAML_FAILURE")},
		"no round":       {set("openRound", "00"+"ab"), missing("CONTRACT_NOT_FOUND")},
		"not a round":    {set("openRound", rules), bad("DAML_FAILURE")},
	})

	context, disclosed := alice.paymentContext()
	inputs := []any{map[string]any{"tag": "InputAmulet", "value": alice.inputs(n.Amulet())[0]}}
	buy := map[string]any{
		"inputs": inputs, "context": context["context"], "provider": alice.party, "memberId": "PAR::x::1220aa",
		"synchronizerId": n.synchronizer(), "migrationId": "0", "trafficAmount": "1000", "expectedDso": n.DSO(),
	}
	id, _ := rules.(string)
	command = exerciseCommand(rulesTemplate, ident.ContractID(id), "AmuletRules_BuyMemberTraffic", buy)
	request = copied(t, alice.prepareRequest(command, disclosed))

	alice.tryAll(request, map[string]trial{
		"for another":      {set("provider", bob.party), bad("DAML_FAILURE")},
		"no traffic":       {set("trafficAmount", "0"), bad("DAML_FAILURE")},
		"too much":         {set("trafficAmount", "1000000000"), bad("DAML_FAILURE")},
		"expecting others": {set("expectedDso", bob.party), bad("DAML_FAILURE")},
		"no inputs":        {set("inputs", []any{}), bad("DAML_FAILURE")},
		"a reward":         {set("inputs", []any{map[string]any{"tag": "InputAppRewardCoupon", "value": "00ab"}}), bad("DAML_FAILURE")},
	})

	alice.submit(command, disclosed)
	require.Equal(t, "988", n.total(alice.party, n.Amulet()), "a thousand bytes at 0.012")

	_, burned := n.Supply(n.Amulet())
	require.Equal(t, "12", burned.Short())

	feature := exerciseCommand(rulesTemplate, ident.ContractID(id), "AmuletRules_DevNet_FeatureApp", map[string]any{"provider": alice.party})
	n.refusedWith(preparePath, bob.prepareRequest(feature, disclosed), bad("DAML_AUTHORIZATION_ERROR"))
	alice.submit(feature, disclosed)
	n.only(alice.party, "FeaturedAppRight")
}

func TestFactoriesShowWhatTheyAre(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	command, disclosed, _ := alice.transferCommand(bob.party, n.Amulet(), "1", "")
	id, _ := at(command, "ExerciseCommand")["contractId"].(ident.ContractID)

	for template, choice := range map[string]string{
		factoryV1: "TransferFactory_PublicFetch", allocationFactoryV1: "AllocationFactory_PublicFetch",
	} {
		fetch := func(admin, actor ident.Party) map[string]any {
			return exerciseCommand(template, id, choice, map[string]any{"expectedAdmin": admin, "actor": actor})
		}

		n.refusedWith(preparePath, alice.prepareRequest(fetch(bob.party, alice.party), disclosed), bad("DAML_FAILURE"))
		n.refusedWith(preparePath, alice.prepareRequest(fetch(n.DSO(), bob.party), disclosed), bad("DAML_AUTHORIZATION_ERROR"))
		alice.submit(fetch(n.DSO(), alice.party), disclosed)
		require.Contains(t, string(n.last(alice.party).Events[0].Exercised.Result), string(n.DSO()))
	}
}
