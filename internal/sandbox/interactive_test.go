package sandbox_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/signing"
)

// at finds a member of nested objects, to be changed.
func at(object any, path ...string) map[string]any {
	found, _ := object.(map[string]any)
	for _, name := range path {
		found, _ = found[name].(map[string]any)
	}

	return found
}

// copied is a deep copy of a request.
func copied(t *testing.T, request any) map[string]any {
	t.Helper()

	raw, err := json.Marshal(request)
	require.NoError(t, err)

	var out map[string]any

	require.NoError(t, json.Unmarshal(raw, &out))

	return out
}

func exerciseOf(request map[string]any) map[string]any {
	list, _ := request["commands"].([]any)

	return at(list[0], "ExerciseCommand")
}

func transferOf(request map[string]any) map[string]any {
	return at(exerciseOf(request), "choiceArgument", "transfer")
}

// trial changes a request that could be prepared.
type trial struct {
	change func(request map[string]any)
	want   outcome
}

func bad(code string) outcome { return outcome{http.StatusBadRequest, code} }

func missing(code string) outcome { return outcome{http.StatusNotFound, code} }

// tryAll prepares every change of a request, and then the request itself.
func (e *external) tryAll(request map[string]any, trials map[string]trial) {
	e.n.t.Helper()

	for name, c := range trials {
		changed := copied(e.n.t, request)
		c.change(changed)

		status, kind, raw := e.n.call(http.MethodPost, preparePath, changed)
		require.Equal(e.n.t, c.want.status, status, "%s: %s", name, raw)

		switch {
		case c.want.code == "":
			require.Contains(e.n.t, kind, "text/plain", name)
		case c.want.status != http.StatusOK:
			var r refusal

			require.NoError(e.n.t, json.Unmarshal(raw, &r), "%s: %s", name, raw)
			require.Equal(e.n.t, c.want.code, r.Code, "%s: %s", name, raw)
		}
	}

	e.n.must(http.MethodPost, preparePath, request, nil)
}

func (e *external) transferRequest(to ident.Party, instrument ident.Instrument, value string) map[string]any {
	e.n.t.Helper()

	command, disclosed, _ := e.transferCommand(to, instrument, value, "memo")

	return copied(e.n.t, e.prepareRequest(command, disclosed))
}

func TestRequestsThatCannotBePrepared(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	request := alice.transferRequest(bob.party, alice.n.Amulet(), "10")
	set := func(key string, value any) func(map[string]any) {
		return func(r map[string]any) { r[key] = value }
	}
	exercise := func(key string, value any) func(map[string]any) {
		return func(r map[string]any) { exerciseOf(r)[key] = value }
	}

	alice.tryAll(request, map[string]trial{
		"no command id":          {set("commandId", ""), bad("MISSING_FIELD")},
		"long command id":        {set("commandId", strings.Repeat("x", 256)), bad("INVALID_FIELD")},
		"long user id":           {set("userId", strings.Repeat("x", 129)), bad("INVALID_FIELD")},
		"nobody acts":            {set("actAs", []any{}), bad("MISSING_FIELD")},
		"no party acts":          {set("actAs", []any{"alice"}), bad("INVALID_FIELD")},
		"unknown party acts":     {set("actAs", []any{"nobody::1220aa"}), missing("UNKNOWN_SUBMITTERS")},
		"the network acts":       {set("actAs", []any{alice.n.DSO()}), missing("UNKNOWN_SUBMITTERS")},
		"too many parties":       {set("readAs", slices.Repeat([]any{alice.party}, 200)), bad("INVALID_ARGUMENT")},
		"acts as a number":       {set("actAs", []any{5}), bad("")},
		"acts as one text":       {set("actAs", alice.party), bad("")},
		"no command":             {set("commands", []any{}), bad("INVALID_ARGUMENT")},
		"two commands":           {func(r map[string]any) { r["commands"] = slices.Repeat(r["commands"].([]any), 2) }, bad("INVALID_ARGUMENT")},
		"empty command":          {set("commands", []any{map[string]any{}}), bad("MISSING_FIELD")},
		"unknown command":        {set("commands", []any{map[string]any{"BurnCommand": map[string]any{}}}), bad("MISSING_FIELD")},
		"command of another":     {set("commands", []any{map[string]any{"ExerciseByKeyCommand": map[string]any{}}}), outcome{http.StatusNotImplemented, "UNIMPLEMENTED"}},
		"unknown synchronizer":   {set("synchronizerId", "other::1220aa"), bad("NO_SYNCHRONIZER_FOR_SUBMISSION")},
		"unknown scheme":         {set("hashingSchemeVersion", "HASHING_SCHEME_VERSION_V9"), bad("INVALID_FIELD")},
		"far future":             {set("minLedgerTime", minTime("MinLedgerTimeAbs", start().Add(2*day))), bad("INVALID_ARGUMENT")},
		"endless delay":          {set("minLedgerTime", minTime("MinLedgerTimeRel", map[string]any{"seconds": int64(1) << 62})), bad("INVALID_ARGUMENT")},
		"backwards":              {set("minLedgerTime", minTime("MinLedgerTimeRel", map[string]any{"seconds": -1})), bad("INVALID_FIELD")},
		"record time as text":    {set("maxRecordTime", "soon"), bad("")},
		"template without parts": {exercise("templateId", "Amulet"), bad("INVALID_FIELD")},
		"unknown package":        {exercise("templateId", "#nonsense:A:B"), missing("PACKAGE_NAMES_NOT_FOUND")},
		"unknown template":       {exercise("templateId", "#splice-amulet:Splice.Amulet:Nonsense"), missing("TEMPLATES_OR_INTERFACES_NOT_FOUND")},
		"of another package":     {exercise("templateId", "#splice-amulet:Splice.Api.Token.TransferInstructionV1:TransferFactory"), missing("TEMPLATES_OR_INTERFACES_NOT_FOUND")},
		"unknown choice":         {exercise("choice", "TransferFactory_Steal"), bad("COMMAND_PREPROCESSING_FAILED")},
		"no contract":            {exercise("contractId", ""), bad("MISSING_FIELD")},
		"contract not in hex":    {exercise("contractId", "00zz"), bad("INVALID_FIELD")},
		"unknown contract":       {exercise("contractId", "00"+strings.Repeat("ab", 68)), missing("CONTRACT_NOT_FOUND")},
		"another interface": {func(r map[string]any) {
			exerciseOf(r)["templateId"], exerciseOf(r)["choice"] = instructionV1, "TransferInstruction_Accept"
			delete(at(exerciseOf(r), "choiceArgument"), "expectedAdmin")
			delete(at(exerciseOf(r), "choiceArgument"), "transfer")
		}, bad("WRONGLY_TYPED_CONTRACT")},
		"a number as contract": {exercise("contractId", 7), bad("")},
	})
}

func minTime(kind string, value any) map[string]any {
	return map[string]any{"time": map[string]any{kind: map[string]any{"value": value}}}
}

func TestTransfersThatTheFactoryRefuses(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	bob.tap("5")

	request := alice.transferRequest(bob.party, n.Amulet(), "10")
	transfer := func(key string, value any) func(map[string]any) {
		return func(r map[string]any) { transferOf(r)[key] = value }
	}
	meta := func(key, value string) func(map[string]any) {
		return func(r map[string]any) { at(transferOf(r), "meta", "values")[key] = value }
	}
	failure, untyped := bad("DAML_FAILURE"), bad("COMMAND_PREPROCESSING_FAILED")
	fine := outcome{http.StatusOK, "-"}

	alice.tryAll(request, map[string]trial{
		"nothing":               {transfer("amount", "0"), failure},
		"less than nothing":     {transfer("amount", "-10"), failure},
		"more than there is":    {transfer("amount", "1000.0000000001"), failure},
		"all there is":          {transfer("amount", "1000"), fine},
		"the smallest amount":   {transfer("amount", "0.0000000001"), fine},
		"too precise":           {transfer("amount", "1.00000000001"), untyped},
		"too large":             {transfer("amount", "1"+strings.Repeat("0", 28)), untyped},
		"not a number":          {transfer("amount", "NaN"), untyped},
		"with an exponent":      {transfer("amount", "1e1"), untyped},
		"a record":              {transfer("amount", map[string]any{}), untyped},
		"to nobody known":       {transfer("receiver", "nobody::1220aa"), missing("UNKNOWN_INFORMEES")},
		"to no party":           {transfer("receiver", "bob"), untyped},
		"of another's":          {transfer("sender", bob.party), failure},
		"requested ahead":       {transfer("requestedAt", n.clock.Now().Add(time.Second)), failure},
		"too late":              {transfer("executeBefore", n.clock.Now()), failure},
		"for 90 days":           {transfer("executeBefore", n.clock.Now().Add(90*day-time.Minute)), fine},
		"for more than 90 days": {transfer("executeBefore", n.clock.Now().Add(90*day)), failure},
		"no time at all":        {transfer("executeBefore", "tomorrow"), untyped},
		"no inputs":             {transfer("inputHoldingCids", []any{}), failure},
		"the same input twice": {func(r map[string]any) {
			transferOf(r)["inputHoldingCids"] = slices.Repeat(transferOf(r)["inputHoldingCids"].([]any), 2)
		}, failure},
		"101 inputs":              {transfer("inputHoldingCids", slices.Repeat([]any{"00" + strings.Repeat("ab", 68)}, 101)), failure},
		"an unknown input":        {transfer("inputHoldingCids", []any{"00" + strings.Repeat("ab", 68)}), missing("CONTRACT_NOT_FOUND")},
		"somebody else's input":   {transfer("inputHoldingCids", bob.inputs(n.Amulet())), missing("CONTRACT_NOT_FOUND")},
		"an input that is none":   {func(r map[string]any) { transferOf(r)["inputHoldingCids"] = []any{exerciseOf(r)["contractId"]} }, failure},
		"another instrument":      {func(r map[string]any) { at(transferOf(r), "instrumentId")["id"] = "Emulet" }, failure},
		"another's instrument":    {func(r map[string]any) { at(transferOf(r), "instrumentId")["admin"] = n.AcmeToken().Admin }, failure},
		"expecting another admin": {func(r map[string]any) { at(exerciseOf(r), "choiceArgument")["expectedAdmin"] = bob.party }, failure},
		"no context": {func(r map[string]any) {
			at(exerciseOf(r), "choiceArgument", "extraArgs")["context"] = map[string]any{"values": map[string]any{}}
		}, failure},
		"a field more":             {transfer("tip", "1"), bad("INVALID_ARGUMENT")},
		"a field more, null":       {transfer("tip", nil), fine},
		"a field less":             {func(r map[string]any) { delete(transferOf(r), "receiver") }, untyped},
		"no arguments":             {func(r map[string]any) { delete(exerciseOf(r), "choiceArgument") }, untyped},
		"a list of arguments":      {func(r map[string]any) { exerciseOf(r)["choiceArgument"] = []any{} }, untyped},
		"a memo of 10 kB":          {meta(reasonKey, strings.Repeat("m", 10<<10)), fine},
		"a memo of 100 kB":         {meta(reasonKey, strings.Repeat("m", 100<<10)), failure},
		"control characters":       {meta(reasonKey, "a\nb\tc\u2028\u0007"), fine},
		"accounts of version 2":    {meta("splice.lfdecentralizedtrust.org/cip-112/sender.provider", "x"), failure},
		"accounts, as the V2 text": {meta("cip-112/receiver.id", "x"), failure},
		"a memo that is a number":  {func(r map[string]any) { at(transferOf(r), "meta", "values")[reasonKey] = 7 }, untyped},
	})
}

func TestContractsThatNobodyShowed(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n, other := alice.n, newBare(t, sandbox.Config{Seed: 99})
	stranger := other.onboard("stranger")
	stranger.tap("7")

	request := alice.transferRequest(bob.party, n.Amulet(), "10")
	foreign := stranger.transferRequest(stranger.party, other.Amulet(), "1")["disclosedContracts"].([]any)
	disclosure := func(change func(map[string]any)) func(map[string]any) {
		return func(r map[string]any) {
			for _, d := range r["disclosedContracts"].([]any) {
				change(d.(map[string]any))
			}
		}
	}
	forged := bad("DISCLOSED_CONTRACT_AUTHENTICATION_FAILED")

	trials := map[string]trial{
		"none at all":        {func(r map[string]any) { r["disclosedContracts"] = []any{} }, missing("CONTRACT_NOT_FOUND")},
		"no blob":            {disclosure(func(d map[string]any) { delete(d, "createdEventBlob") }), bad("MISSING_FIELD")},
		"a blob of nothing":  {disclosure(func(d map[string]any) { d["createdEventBlob"] = "AAAA" }), forged},
		"not base64":         {disclosure(func(d map[string]any) { d["createdEventBlob"] = "?" }), bad("")},
		"a damaged blob":     {disclosure(func(d map[string]any) { d["createdEventBlob"] = damaged(d["createdEventBlob"].(string)) }), forged},
		"a damaged seal":     {disclosure(func(d map[string]any) { d["createdEventBlob"] = lastByteDamaged(t, d["createdEventBlob"].(string)) }), forged},
		"of another network": {func(r map[string]any) { r["disclosedContracts"] = foreign }, forged},
		"another id":         {disclosure(func(d map[string]any) { d["contractId"] = "00" + strings.Repeat("ab", 68) }), bad("INVALID_DISCLOSED_CONTRACT")},
		"another template":   {disclosure(func(d map[string]any) { d["templateId"] = "#splice-amulet:Splice.Amulet:Amulet" }), bad("INVALID_DISCLOSED_CONTRACT")},
		"ids left out": {disclosure(func(d map[string]any) {
			delete(d, "contractId")
			delete(d, "templateId")
			delete(d, "synchronizerId")
		}), outcome{http.StatusOK, "-"}},
		"too many": {func(r map[string]any) {
			r["disclosedContracts"] = slices.Repeat(r["disclosedContracts"].([]any)[:1], 1001)
		}, bad("INVALID_ARGUMENT")},
	}

	for i, d := range request["disclosedContracts"].([]any) {
		name := d.(map[string]any)["templateId"].(string)
		if strings.Contains(name, "ExternalParty") {
			trials["without "+name] = trial{func(r map[string]any) {
				r["disclosedContracts"] = slices.Delete(r["disclosedContracts"].([]any), i, i+1)
			}, missing("CONTRACT_NOT_FOUND")}
		}
	}

	require.Len(t, trials, 13, "the factory and the configuration are both needed")
	alice.tryAll(request, trials)

	// Who is shown somebody else's holding can name it, and still not spend it.
	holding := bob.holdingBlob()
	changed := copied(t, request)
	changed["disclosedContracts"] = append(changed["disclosedContracts"].([]any), holding)
	transferOf(changed)["inputHoldingCids"] = []any{holding["contractId"]}
	n.refusedWith(preparePath, changed, bad("DAML_FAILURE"))

	transferOf(changed)["sender"], transferOf(changed)["amount"] = bob.party, "5"
	n.refusedWith(preparePath, changed, bad("DAML_AUTHORIZATION_ERROR"))
}

func damaged(blob string) string {
	letter := "A"
	if strings.HasSuffix(strings.TrimRight(blob, "="), letter) {
		letter = "Q"
	}

	return blob[:len(blob)/2] + letter + blob[len(blob)/2+1:]
}

// lastByteDamaged leaves the contract that the blob names as it is.
func lastByteDamaged(t *testing.T, blob string) string {
	t.Helper()

	raw, err := base64.StdEncoding.DecodeString(blob)
	require.NoError(t, err)

	raw[len(raw)-1] ^= 1

	return base64.StdEncoding.EncodeToString(raw)
}

// holdingBlob is one of the party's holdings as it would disclose it.
func (e *external) holdingBlob() map[string]any {
	e.n.t.Helper()
	e.tap("5")

	id := e.inputs(e.n.Amulet())[0]
	events := ok[map[string]any](e.n, http.MethodPost, "/v2/events/events-by-contract-id", map[string]any{
		"contractId": id, "eventFormat": withBlobs(e.party),
	})

	return map[string]any{"contractId": id, "createdEventBlob": at(events, "created", "createdEvent")["createdEventBlob"]}
}

func TestLockedCoinsAreInputsOnceTheLockIsOver(t *testing.T) {
	t.Parallel()

	for _, shape := range []sandbox.AmuletShape{sandbox.ShapeCurrent, sandbox.ShapeRecorded} {
		for kind, to := range map[string]func(alice, bob *external) ident.Party{
			"self":  func(alice, _ *external) ident.Party { return alice.party },
			"offer": func(_, bob *external) ident.Party { return bob.party },
			"direct": func(_, bob *external) ident.Party {
				bob.preapprove()

				return bob.party
			},
		} {
			t.Run(string(shape)+" "+kind, func(t *testing.T) {
				t.Parallel()

				alice, bob := funded(t, sandbox.Config{Shape: shape, EventsV2: shape == sandbox.ShapeCurrent})
				n := alice.n
				alice.transfer(bob.party, n.Amulet(), "900", "")

				holdings, err := n.Holdings(alice.party)
				require.NoError(t, err)

				locked := slices.IndexFunc(holdings, func(h sandbox.Holding) bool { return h.Locked })
				require.GreaterOrEqual(t, locked, 0)

				inputs := []ident.ContractID{holdings[locked].ContractID}
				receiver := to(alice, bob)
				request := func() map[string]any {
					r := alice.transferRequest(receiver, n.Amulet(), "800")
					transferOf(r)["inputHoldingCids"] = inputs

					return r
				}

				n.refusedWith(preparePath, request(), bad("DAML_FAILURE"))
				n.clock.Advance(day)

				var p prepared

				n.must(http.MethodPost, preparePath, request(), &p)
				n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)

				name := "LockedAmulet_OwnerExpireLock"
				if shape == sandbox.ShapeCurrent {
					name += "V2"
				}

				require.Equal(t, map[string]string{txKindKey: "unlock", reasonKey: "lock expired"},
					resultOf(t, find(t, n.last(alice.party), name)).Meta.Values)
			})
		}
	}
}

// TestTransactionsHaveTheirShapes holds what is prepared to an outline: nodes, choices and who is to sign.
func TestTransactionsHaveTheirShapes(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n

	require.Equal(t, []string{
		"exercise ExternalPartyAmuletRules TransferFactory_Transfer",
		"  fetch ExternalPartyConfigState", "  fetch Amulet", "  fetch Amulet", "  exercise Amulet Archive",
		"  create LockedAmulet", "  create Amulet", "  create AmuletTransferInstruction",
	}, shapeOf(t, alice.prepareTransfer(bob.party, "10")))

	bob.preapprove()

	require.Equal(t, []string{
		"exercise ExternalPartyAmuletRules TransferFactory_Transfer",
		"  fetch ExternalPartyConfigState", "  fetch Amulet", "  fetch TransferPreapproval",
		"  exercise TransferPreapproval TransferPreapproval_SendV2",
		"    fetch ExternalPartyConfigState", "    fetch Amulet", "    exercise Amulet Archive",
		"    create Amulet", "    create Amulet",
	}, shapeOf(t, alice.prepareTransfer(bob.party, "10")))

	command, disclosed := alice.tapCommand("5")
	require.Equal(t, []string{
		"exercise AmuletRules AmuletRules_DevNet_Tap", "  exercise AmuletRules AmuletRules_Mint",
		"    fetch OpenMiningRound", "    create Amulet",
	}, shapeOf(t, alice.prepare(command, disclosed)))

	decoded, err := signing.Decode(alice.prepareTransfer(bob.party, "10").Transaction)
	require.NoError(t, err)

	m := decoded.Metadata
	require.Equal(t, []ident.Party{alice.party}, m.ActAs)
	require.Equal(t, n.command(), m.CommandID)
	require.Equal(t, string(n.synchronizer())+"::35-1", string(m.SynchronizerID))
	require.Equal(t, signing.TimestampOf(n.clock.Now()), m.PreparationTime)
	require.Equal(t, signing.TimestampOf(n.clock.Now().Add(-minute)), *m.MinLedgerTime, "requestedAt")
	require.Equal(t, signing.TimestampOf(n.clock.Now().Add(day))-1, *m.MaxLedgerTime, "the last moment before executeBefore")
	require.Nil(t, m.MaxRecordTime)
	require.Len(t, m.InputContracts, 4, "the factory, the configuration, the preapproval and the input")
	require.True(t, slices.IsSortedFunc(m.InputContracts, func(a, b signing.InputContract) int {
		return strings.Compare(string(a.Create.ContractID), string(b.Create.ContractID))
	}))
	require.NoError(t, decoded.CheckInputs())

	for _, c := range decoded.Transaction.Creates() {
		require.Len(t, c.ContractID, 66, "made here, so without a suffix")
	}
}

func shapeOf(t *testing.T, p prepared) []string {
	t.Helper()

	decoded, err := signing.Decode(p.Transaction)
	require.NoError(t, err)

	depths, lines := map[*signing.Node]int{}, []string{}

	decoded.Transaction.Walk(func(s signing.Step) bool {
		if s.Parent != nil {
			depths[s.Node] = depths[s.Parent] + 1
		}

		line := strings.Repeat("  ", depths[s.Node])

		switch action := s.Node.Action.(type) {
		case signing.Create:
			line += "create " + action.Template.Entity
		case signing.Exercise:
			line += "exercise " + action.Template.Entity + " " + action.Choice
		case signing.Fetch:
			line += "fetch " + action.Template.Entity
		}

		lines = append(lines, line)

		return true
	})

	return lines
}

func TestCostIsEstimatedUnlessNotWanted(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	p := alice.prepareTransfer(bob.party, "10")
	require.InDelta(t, 16_000, p.Cost["confirmationRequestTrafficCostEstimation"], 10_000)

	request := alice.prepareRequest(pingCommand(alice.party, bob.party), []any{})
	request["estimateTrafficCost"] = map[string]any{"disabled": true, "expectedSignatures": []any{}}
	p = prepared{}
	alice.n.must(http.MethodPost, preparePath, request, &p)
	require.Nil(t, p.Cost)

	request = maps.Clone(request)
	request["prefetchContractKeys"], request["tapsMaxPasses"], request["nonsense"] = []any{}, 3, 7
	alice.n.must(http.MethodPost, preparePath, request, nil)
}

// TestAHundredInputs is the largest transfer there is: it fits through the API.
func TestAHundredInputs(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{EventsV2: true})
	alice, bob := n.onboard("alice"), n.onboard("bob")

	for i := range 101 {
		n.tap(alice.party, fmt.Sprint(1+i%9))
	}

	all := alice.inputs(n.Amulet())
	request := alice.transferRequest(bob.party, n.Amulet(), "10")
	require.Len(t, transferOf(request)["inputHoldingCids"], 101)
	n.refusedWith(preparePath, request, bad("DAML_FAILURE"))

	transferOf(request)["inputHoldingCids"] = all[:100]

	var p prepared

	n.must(http.MethodPost, preparePath, request, &p)
	n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)
	require.Len(t, n.Transfers(), 1)
}
