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
)

// Hashes of the published interface packages, version 1.0.0 (token-standard release, daml/dars.lock).
const (
	hashHoldingV1     = "718a0f77e505a8de22f188bd4c87fe74101274e9d4cb1bfac7d09aec7158d35b"
	hashInstructionV1 = "55ba4deb0ad4662c4168b39859738a0e91388d252286480c7331b3f71a517281"
	hashBurnMintV1    = "9cc2cbc838ef38dc2c7f34014c9c452bcf71b8e2a4f939235fc0b5d0924b185e"
	hashHoldingV2     = "4b7ecfc366d79ccc5ed07c80f26fe489cf2dfd43ce2856c06a78e6a048db7032"
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
			modAmulet+":AppRewardCoupon", modExternalCfg+":ExternalPartyConfigState", modRound+":OpenMiningRound"),
		pkgWallet: entities(modWalletApprove + ":TransferPreapprovalProposal"),
		pkgAcme:   entities(modAcme+":AcmeHolding", modAcme+":AcmeTransferInstruction", modAcme+":AcmeRegistry"),
		pkgBare:   entities(modBare + ":BareHolding"),
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
