package model_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
	"github.com/canton-exchange/suite/internal/sandbox/model"
	"github.com/canton-exchange/suite/internal/signing"
)

const standardModules = "Splice.Api.Token."

func lookup(t *testing.T, c *model.Catalog, module, entity string) *model.Entity {
	t.Helper()

	e, ok := c.Lookup(module, entity)
	require.True(t, ok, module+":"+entity)

	return e
}

func TestEveryEntityIsWhole(t *testing.T) {
	t.Parallel()

	for _, withV2 := range []bool{false, true} {
		c := model.New(withV2)
		require.NotEmpty(t, c.Entities())

		for _, e := range c.Entities() {
			p, ok := c.Package(e.Package.Name)
			require.True(t, ok, e.Name)
			require.Equal(t, e.Package, p)
			require.Equal(t, p.ID, e.Name.Package)
			require.Equal(t, e.IsInterface, e.View != nil, e.Name)
			require.Equal(t, e.IsInterface, e.Argument == nil, e.Name)

			_, archive := e.Choices[model.ChoiceArchive]
			require.Equal(t, !e.IsInterface, archive, e.Name)

			for _, name := range e.Implements {
				found := lookup(t, c, name.Module, name.Entity)
				require.True(t, found.IsInterface)
				require.Equal(t, found.Name, name)
			}

			for name, choice := range e.Choices {
				require.Equal(t, name, choice.Name)
				require.NotNil(t, choice.Argument, name)
				require.NotNil(t, choice.Result, name)
			}
		}
	}
}

func TestPackages(t *testing.T) {
	t.Parallel()

	ids := map[string]bool{}
	names := map[string]bool{}

	for _, p := range model.New(true).Packages() {
		require.Regexp(t, `^[0-9a-f]{64}$`, p.ID, p.Name)
		require.NotEmpty(t, p.Version)
		require.False(t, ids[p.ID] || names[p.Name], p.Name)

		ids[p.ID], names[p.Name] = true, true
	}

	c := model.New(false)
	holding, ok := c.Package("718a0f77e505a8de22f188bd4c87fe74101274e9d4cb1bfac7d09aec7158d35b")
	require.True(t, ok)
	require.Equal(t, "splice-api-token-holding-v1", holding.Name)
	require.Equal(t, holding, lookup(t, c, standardModules+"HoldingV1", "Holding").Package)

	for _, name := range []string{
		"splice-api-token-metadata-v1", "splice-api-token-transfer-instruction-v1", "splice-api-token-allocation-v1",
		"splice-api-token-allocation-instruction-v1", "splice-api-token-allocation-request-v1",
		"splice-api-token-burn-mint-v1", "splice-amulet", "splice-wallet", "acme-token", "bare-holding",
		"sandbox-settlement", "canton-builtin-admin-workflow-ping",
	} {
		_, ok := c.Package(name)
		require.True(t, ok, name)
	}

	for _, name := range []string{"splice-api-token-holding-v2", "splice-api-token-transfer-events-v2"} {
		_, ok := c.Package(name)
		require.False(t, ok, name)

		_, ok = model.New(true).Package(name)
		require.True(t, ok, name)
	}
}

func TestPackagesAreTheCallersOwn(t *testing.T) {
	t.Parallel()

	c := model.New(false)
	c.Packages()[0].Name = "changed"
	require.NotEqual(t, "changed", c.Packages()[0].Name)
}

func TestChoicesAreFoundWhereTheyAre(t *testing.T) {
	t.Parallel()

	c := model.New(false)
	offer := lookup(t, c, "Splice.AmuletTransferInstruction", "AmuletTransferInstruction")
	instruction := lookup(t, c, standardModules+"TransferInstructionV1", "TransferInstruction").Name
	allocation := lookup(t, c, standardModules+"AllocationV1", "Allocation").Name

	accept, ok := c.Choice(offer, instruction, "TransferInstruction_Accept")
	require.True(t, ok)
	require.True(t, accept.Consuming)

	byName := ident.Name{Package: "#splice-api-token-transfer-instruction-v1", Module: instruction.Module, Entity: instruction.Entity}
	_, ok = c.Choice(offer, byName, "TransferInstruction_Accept")
	require.True(t, ok)

	archive, ok := c.Choice(offer, ident.Name{}, model.ChoiceArchive)
	require.True(t, ok)
	require.True(t, archive.Consuming)

	for _, wrong := range []struct {
		iface  ident.Name
		choice string
	}{
		{ident.Name{}, "TransferInstruction_Accept"},
		{instruction, model.ChoiceArchive},
		{instruction, "TransferInstruction_Nothing"},
		{allocation, "Allocation_Cancel"},
		{ident.Name{Package: "x", Module: "No.Such", Entity: "Thing"}, "TransferInstruction_Accept"},
	} {
		_, ok := c.Choice(offer, wrong.iface, wrong.choice)
		require.False(t, ok, wrong)
	}
}

// TestWhatClientsSendIsRead has one command of each kind that clients submit, as the wallet SDK writes it.
func TestWhatClientsSendIsRead(t *testing.T) {
	t.Parallel()

	const (
		payment    = `"context":{"context":{"openMiningRound":"00aa","issuingMiningRounds":[],"validatorRights":[],"featuredAppRight":null},"amuletRules":"00ab"}`
		inputs     = `"inputs":[{"tag":"InputAmulet","value":"00ac"}]`
		instrument = `"instrumentId":{"admin":"DSO::1220","id":"Amulet"}`
		extra      = `"extraArgs":{"context":{"values":{"external-party-config-state":{"tag":"AV_ContractId","value":"00ad"},"list":{"tag":"AV_List","value":[{"tag":"AV_Bool","value":true},{"tag":"AV_RelTime","value":{"microseconds":"5"}}]}}},"meta":{"values":{}}}`
		settlement = `"settlement":{"executor":"x::1","settlementRef":{"id":"s","cid":null},"requestedAt":"2026-01-01T00:00:00Z","allocateBefore":"2026-01-01T01:00:00Z","settleBefore":"2026-01-01T02:00:00Z","meta":{"values":{}}}`
		leg        = `{"sender":"a::1","receiver":"b::1","amount":"1.5",` + instrument + `,"meta":{"values":{}}}`
	)

	c := model.New(true)

	for _, command := range []struct{ module, entity, choice, argument string }{
		{standardModules + "TransferInstructionV1", "TransferFactory", "TransferFactory_Transfer", `{"expectedAdmin":"DSO::1220","transfer":{"sender":"a::1","receiver":"b::1","amount":100.5,` + instrument + `,"lock":null,"requestedAt":"2026-01-01T00:00:00.123Z","executeBefore":"2026-01-02T00:00:00.000Z","inputHoldingCids":["00aa"],"meta":{"values":{"splice.lfdecentralizedtrust.org/reason":"ü"}}},` + extra + `}`},
		{standardModules + "TransferInstructionV1", "TransferFactory", "TransferFactory_PublicFetch", `{"expectedAdmin":"DSO::1220","actor":"a::1"}`},
		{standardModules + "TransferInstructionV1", "TransferInstruction", "TransferInstruction_Accept", `{` + extra + `}`},
		{standardModules + "TransferInstructionV1", "TransferInstruction", "TransferInstruction_Reject", `{` + extra + `}`},
		{standardModules + "TransferInstructionV1", "TransferInstruction", "TransferInstruction_Withdraw", `{` + extra + `}`},
		{standardModules + "TransferInstructionV1", "TransferInstruction", "TransferInstruction_Update", `{"extraActors":[],` + extra + `}`},
		{standardModules + "AllocationInstructionV1", "AllocationFactory", "AllocationFactory_Allocate", `{"expectedAdmin":"DSO::1220","allocation":{` + settlement + `,"transferLegId":"l","transferLeg":` + leg + `},"requestedAt":"2026-01-01T00:00:00Z","inputHoldingCids":[],` + extra + `}`},
		{standardModules + "AllocationV1", "Allocation", "Allocation_ExecuteTransfer", `{` + extra + `}`},
		{standardModules + "AllocationRequestV1", "AllocationRequest", "AllocationRequest_Reject", `{"actor":"a::1",` + extra + `}`},
		{"Splice.AmuletRules", "AmuletRules", "AmuletRules_DevNet_Tap", `{"receiver":"a::1","amount":"100","openRound":"00aa"}`},
		{"Splice.AmuletRules", "AmuletRules", "AmuletRules_DevNet_FeatureApp", `{"provider":"a::1"}`},
		{"Splice.AmuletRules", "AmuletRules", "AmuletRules_BuyMemberTraffic", `{"context":{"openMiningRound":"00aa","issuingMiningRounds":[[{"number":"1"},"00ae"]],"validatorRights":[],"featuredAppRight":null},` + inputs + `,"provider":"a::1","memberId":"PAR::p::1","synchronizerId":"s::1","migrationId":"0","trafficAmount":"200000","expectedDso":"DSO::1220"}`},
		{"Splice.AmuletRules", "TransferPreapproval", "TransferPreapproval_Cancel", `{"p":"a::1"}`},
		{"Splice.AmuletRules", "TransferPreapproval", "TransferPreapproval_Renew", `{` + payment + `,` + inputs + `,"newExpiresAt":"2026-01-01T00:00:00.000Z"}`},
		{"Splice.Wallet.TransferPreapproval", "TransferPreapprovalProposal", "", `{"provider":"p::1","receiver":"a::1","expectedDso":"DSO::1220"}`},
		{"Splice.Wallet.TransferPreapproval", "TransferPreapprovalProposal", "", `{"provider":"p::1","receiver":"a::1"}`},
		{"Splice.Wallet.TransferPreapproval", "TransferPreapprovalProposal", "TransferPreapprovalProposal_Accept", `{` + payment + `,"inputs":[],"expiresAt":"2026-01-01T00:00:00Z"}`},
		{"Splice.AmuletRules", "AmuletRules", "", `{"dso":"DSO::1220","isDevNet":true,"configSchedule":{"initialValue":{"transferConfig":{"maxNumInputs":"100","maxNumOutputs":"100","maxNumLockHolders":"50"},"decentralizedSynchronizer":{"requiredSynchronizers":{"map":[["s::1",{}]]},"activeSynchronizer":"s::1"},"tokenStandardMaxTTL":{"microseconds":"7776000000000"}},"futureValues":[]}}`},
		{"Acme.Token", "AcmePermission", "", `{"admin":"a::1","holder":"b::1"}`},
		{"Acme.Token", "AcmePermission", "Archive", `{}`},
		{"Acme.Token", "AcmeAllocation", "", `{"lockedHolding":"00aa","allocation":{` + settlement + `,"transferLegId":"l","transferLeg":` + leg + `}}`},
		{"Sandbox.Settlement", "SettlementRequest", "", `{"executor":"x::1",` + settlement + `,"transferLegs":{"l":` + leg + `},"traders":["a::1","b::1"]}`},
		{"Canton.Internal.Ping", "Ping", "", `{"id":"1","initiator":"a::1","responder":"a::1"}`},
		{"Canton.Internal.Ping", "Ping", "Respond", `{}`},
	} {
		e := lookup(t, c, command.module, command.entity)
		kind := e.Argument

		if command.choice != "" {
			kind = e.Choices[command.choice].Argument
		}

		require.NotNil(t, kind, command.choice)

		v, err := kind.Decode([]byte(command.argument))
		require.NoError(t, err, command.entity+" "+command.choice)
		require.IsType(t, signing.Record{}, v)

		for _, required := range v.(signing.Record).Fields {
			if _, optional := required.Value.(signing.Optional); !optional {
				short := strings.Replace(command.argument, `"`+required.Label+`"`, `"other"`, 1)
				_, err = kind.Decode([]byte(short))

				var failed *daml.Error

				require.ErrorAs(t, err, &failed, short)
			}
		}
	}
}
