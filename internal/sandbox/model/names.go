package model

import (
	"crypto/sha256"
	"encoding/hex"
)

// Packages of the token standard, with the hashes of their published versions 1.0.0 (token-standard release,
// daml/dars.lock).
const (
	pkgMetadataV1 = "splice-api-token-metadata-v1"
	pkgHoldingV1  = "splice-api-token-holding-v1"
	pkgTransferV1 = "splice-api-token-transfer-instruction-v1"
	pkgAllocV1    = "splice-api-token-allocation-v1"
	pkgAllocInsV1 = "splice-api-token-allocation-instruction-v1"
	pkgAllocReqV1 = "splice-api-token-allocation-request-v1"
	pkgBurnMintV1 = "splice-api-token-burn-mint-v1"
	pkgHoldingV2  = "splice-api-token-holding-v2"
	pkgEventsV2   = "splice-api-token-transfer-events-v2"

	hashMetadataV1 = "4ded6b668cb3b64f7a88a30874cd41c75829f5e064b3fbbadf41ec7e8363354f"
	hashHoldingV1  = "718a0f77e505a8de22f188bd4c87fe74101274e9d4cb1bfac7d09aec7158d35b"
	hashTransferV1 = "55ba4deb0ad4662c4168b39859738a0e91388d252286480c7331b3f71a517281"
	hashAllocV1    = "93c942ae2b4c2ba674fb152fe38473c507bda4e82b4e4c5da55a552a9d8cce1d"
	hashAllocInsV1 = "275064aacfe99cea72ee0c80563936129563776f67415ef9f13e4297eecbc520"
	hashAllocReqV1 = "6fe848530b2404017c4a12874c956ad7d5c8a419ee9b040f96b5c13172d2e193"
	hashBurnMintV1 = "9cc2cbc838ef38dc2c7f34014c9c452bcf71b8e2a4f939235fc0b5d0924b185e"
	hashHoldingV2  = "4b7ecfc366d79ccc5ed07c80f26fe489cf2dfd43ce2856c06a78e6a048db7032"
	hashEventsV2   = "5c1097a9bad0af4bcfe6d3fb0fe55112d3d11f18eae57ddfb14c20836fee226c"

	// versionStandard is the version that these hashes are of, and the one of packages that have no published one.
	versionStandard = "1.0.0"
)

// Packages whose hash changes with every release, or is not known here. Clients must not know it, so that the sandbox's
// differs from every published one.
const (
	pkgAmulet     = "splice-amulet"
	pkgWallet     = "splice-wallet"
	pkgAcme       = "acme-token"
	pkgBare       = "bare-holding"
	pkgSettlement = "sandbox-settlement"
	pkgPing       = "canton-builtin-admin-workflow-ping"

	// Daml's own types, each in a package of its own.
	pkgTuple    = "daml-prim-DA-Types"
	pkgTemplate = "daml-prim-DA-Internal-Template"
	pkgTime     = "daml-stdlib-DA-Time-Types"
	pkgSet      = "daml-stdlib-DA-Set-Types"

	// versionAmulet is the first one with the token standard's version 2 (Splice 0.6.11), which the declared optional
	// fields are of.
	versionAmulet = "0.1.21"
	// versionWallet is a guess: the package is released with the one above.
	versionWallet = "0.1.21"
)

// Modules.
const (
	modMetadataV1 = "Splice.Api.Token.MetadataV1"
	modHoldingV1  = "Splice.Api.Token.HoldingV1"
	modTransferV1 = "Splice.Api.Token.TransferInstructionV1"
	modAllocV1    = "Splice.Api.Token.AllocationV1"
	modAllocInsV1 = "Splice.Api.Token.AllocationInstructionV1"
	modAllocReqV1 = "Splice.Api.Token.AllocationRequestV1"
	modBurnMintV1 = "Splice.Api.Token.BurnMintV1"
	modHoldingV2  = "Splice.Api.Token.HoldingV2"
	modEventsV2   = "Splice.Api.Token.TransferEventsV2"

	modAmulet        = "Splice.Amulet"
	modAmuletRules   = "Splice.AmuletRules"
	modAmuletConfig  = "Splice.AmuletConfig" // this and the next three are where a guess puts plain records
	modExpiry        = "Splice.Expiry"
	modFees          = "Splice.Fees"
	modTypes         = "Splice.Types"
	modExternalRules = "Splice.ExternalPartyAmuletRules"
	modAmuletOffer   = "Splice.AmuletTransferInstruction"
	modAmuletAlloc   = "Splice.AmuletAllocation"
	modExternalCfg   = "Splice.ExternalPartyConfigState"
	modRound         = "Splice.Round"
	modSchedule      = "Splice.Schedule"
	modWalletApprove = "Splice.Wallet.TransferPreapproval"
	modAcme          = "Acme.Token"
	modBare          = "Bare.Holding"
	modSettlement    = "Sandbox.Settlement"
	modPing          = "Canton.Internal.Ping"

	modTuple    = "DA.Types"
	modTemplate = "DA.Internal.Template"
	modTime     = "DA.Time.Types"
	modSet      = "DA.Set.Types"
)

// madeUpHash is the hash of a package that has none to go by.
func madeUpHash(name string) string {
	sum := sha256.Sum256([]byte("sandbox package " + name))

	return hex.EncodeToString(sum[:])
}
