package sandbox

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/canton-exchange/suite/internal/ident"
)

// Package names that the sandbox's node has "uploaded". Filters name packages like this (#package-name).
const (
	pkgHoldingV1     = "splice-api-token-holding-v1"
	pkgInstructionV1 = "splice-api-token-transfer-instruction-v1"
	pkgBurnMintV1    = "splice-api-token-burn-mint-v1"
	pkgHoldingV2     = "splice-api-token-holding-v2"
	pkgEventsV2      = "splice-api-token-transfer-events-v2"
	pkgAmulet        = "splice-amulet"
	pkgWallet        = "splice-wallet"
	pkgAcme          = "acme-token"
	pkgBare          = "bare-holding"
	pkgAllocation    = "splice-api-token-allocation-v1"
	pkgAllocFactory  = "splice-api-token-allocation-instruction-v1"
	pkgAllocRequest  = "splice-api-token-allocation-request-v1"
	pkgSettlement    = "sandbox-settlement"
	pkgPing          = "canton-builtin-admin-workflow-ping"
)

// Hashes of the published interface packages, version 1.0.0 (token-standard release, daml/dars.lock).
const (
	hashHoldingV1     = "718a0f77e505a8de22f188bd4c87fe74101274e9d4cb1bfac7d09aec7158d35b"
	hashInstructionV1 = "55ba4deb0ad4662c4168b39859738a0e91388d252286480c7331b3f71a517281"
	hashBurnMintV1    = "9cc2cbc838ef38dc2c7f34014c9c452bcf71b8e2a4f939235fc0b5d0924b185e"
	hashHoldingV2     = "4b7ecfc366d79ccc5ed07c80f26fe489cf2dfd43ce2856c06a78e6a048db7032"
	hashAllocation    = "93c942ae2b4c2ba674fb152fe38473c507bda4e82b4e4c5da55a552a9d8cce1d"
	hashAllocFactory  = "275064aacfe99cea72ee0c80563936129563776f67415ef9f13e4297eecbc520"
	hashAllocRequest  = "6fe848530b2404017c4a12874c956ad7d5c8a419ee9b040f96b5c13172d2e193"
	hashEventsV2      = "5c1097a9bad0af4bcfe6d3fb0fe55112d3d11f18eae57ddfb14c20836fee226c"
)

// Modules of the interfaces and templates.
const (
	modHoldingV1     = "Splice.Api.Token.HoldingV1"
	modInstructionV1 = "Splice.Api.Token.TransferInstructionV1"
	modBurnMintV1    = "Splice.Api.Token.BurnMintV1"
	modHoldingV2     = "Splice.Api.Token.HoldingV2"
	modEventsV2      = "Splice.Api.Token.TransferEventsV2"
	modAmulet        = "Splice.Amulet"
	modAmuletRules   = "Splice.AmuletRules"
	modExternalRules = "Splice.ExternalPartyAmuletRules"
	modAmuletOffer   = "Splice.AmuletTransferInstruction"
	modExternalCfg   = "Splice.ExternalPartyConfigState"
	modRound         = "Splice.Round"
	modWalletApprove = "Splice.Wallet.TransferPreapproval"
	modAcme          = "Acme.Token"
	modBare          = "Bare.Holding"

	modAllocation        = "Splice.Api.Token.AllocationV1"
	modAllocationFactory = "Splice.Api.Token.AllocationInstructionV1"
	modAllocationRequest = "Splice.Api.Token.AllocationRequestV1"
	modAmuletAllocation  = "Splice.AmuletAllocation"
	modSettlement        = "Sandbox.Settlement"
	modPing              = "Canton.Internal.Ping"
)

func ifaceHolding() ident.Name {
	return ident.Name{Package: hashHoldingV1, Module: modHoldingV1, Entity: "Holding"}
}

func ifaceFactory() ident.Name {
	return ident.Name{Package: hashInstructionV1, Module: modInstructionV1, Entity: "TransferFactory"}
}

func ifaceInstruction() ident.Name {
	return ident.Name{Package: hashInstructionV1, Module: modInstructionV1, Entity: "TransferInstruction"}
}

func ifaceAllocation() ident.Name {
	return ident.Name{Package: hashAllocation, Module: modAllocation, Entity: "Allocation"}
}

func ifaceAllocationFactory() ident.Name {
	return ident.Name{Package: hashAllocFactory, Module: modAllocationFactory, Entity: "AllocationFactory"}
}

func ifaceAllocationRequest() ident.Name {
	return ident.Name{Package: hashAllocRequest, Module: modAllocationRequest, Entity: "AllocationRequest"}
}

func ifaceBurnMint() ident.Name {
	return ident.Name{Package: hashBurnMintV1, Module: modBurnMintV1, Entity: "BurnMintFactory"}
}

func ifaceHoldingV2() ident.Name {
	return ident.Name{Package: hashHoldingV2, Module: modHoldingV2, Entity: "Holding"}
}

func ifaceEventLog() ident.Name {
	return ident.Name{Package: hashEventsV2, Module: modEventsV2, Entity: "EventLog"}
}

// packageHash is the made-up hash of a package whose real hash changes with every release: clients must not
// know it, so the sandbox's differs from every published one.
func packageHash(name string) string {
	sum := sha256.Sum256([]byte("sandbox package " + name))

	return hex.EncodeToString(sum[:])
}

func templateName(pkg, module, entity string) ident.Name {
	return ident.Name{Package: packageHash(pkg), Module: module, Entity: entity}
}

// knownPackages lists what a filter may name, by package name: the entities are module:entity.
func knownPackages(withV2 bool) map[string]map[string]bool {
	known := map[string]map[string]bool{
		pkgHoldingV1:     entities(modHoldingV1 + ":Holding"),
		pkgInstructionV1: entities(modInstructionV1+":TransferFactory", modInstructionV1+":TransferInstruction"),
		pkgBurnMintV1:    entities(modBurnMintV1 + ":BurnMintFactory"),
		pkgAmulet: entities(modAmulet+":Amulet", modAmulet+":LockedAmulet", modAmuletRules+":AmuletRules",
			modAmuletRules+":TransferPreapproval", modExternalRules+":ExternalPartyAmuletRules",
			modAmuletOffer+":AmuletTransferInstruction", modAmulet+":ValidatorRewardCoupon",
			modAmulet+":FeaturedAppRight", modAmuletAllocation+":AmuletAllocation",
			modAmulet+":AppRewardCoupon", modExternalCfg+":ExternalPartyConfigState", modRound+":OpenMiningRound"),
		pkgWallet: entities(modWalletApprove + ":TransferPreapprovalProposal"),
		pkgAcme: entities(modAcme+":AcmeHolding", modAcme+":AcmeTransferInstruction", modAcme+":AcmeRegistry",
			modAcme+":AcmeAllocation", modAcme+":AcmePermission"),
		pkgBare: entities(modBare + ":BareHolding"),

		pkgAllocation: entities(modAllocation + ":Allocation"),
		pkgAllocFactory: entities(
			modAllocationFactory+":AllocationFactory", modAllocationFactory+":AllocationInstruction"),
		pkgAllocRequest: entities(modAllocationRequest + ":AllocationRequest"),
		pkgSettlement:   entities(modSettlement + ":SettlementRequest"),
		pkgPing:         entities(modPing + ":Ping"),
	}

	if withV2 {
		known[pkgHoldingV2] = entities(modHoldingV2 + ":Holding")
		known[pkgEventsV2] = entities(modEventsV2 + ":EventLog")
	}

	return known
}

func entities(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}

	return set
}
