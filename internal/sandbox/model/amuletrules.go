package model

import "github.com/canton-exchange/suite/internal/sandbox/daml"

// declareRules is AmuletRules, which the DSO's and the older choices are exercised on. Of its configuration, only the
// part is declared that clients and the sandbox read; the real one has many more fields.
func (b *builder) declareRules() {
	m := module{b.amulet.pkg, modAmuletRules}
	argument := m.record(
		"AmuletRules", field("dso", daml.Party()), field("configSchedule", b.configSchedule()),
		field("isDevNet", daml.Bool()),
	)

	b.template(m, argument, b.eventInterfaces(), append(b.rulesTransfers(m), b.rulesSupply(m)...)...)
}

// configSchedule is the configuration in force and the changes to come. requiredSynchronizers is a guess in that it is
// a Set, and tokenStandardMaxTTL in that it is optional: it was added in 0.1.21 and has a default.
func (b *builder) configSchedule() *daml.Type {
	m := module{b.amulet.pkg, modAmuletConfig}
	config := m.record(
		"AmuletConfig",
		field("transferConfig", m.record(
			"TransferConfig", field("maxNumInputs", daml.Int64()), field("maxNumOutputs", daml.Int64()),
			field("maxNumLockHolders", daml.Int64()),
		)),
		field("decentralizedSynchronizer", m.record(
			"AmuletDecentralizedSynchronizerConfig", field("requiredSynchronizers", b.stdlib.setOf(daml.Text())),
			field("activeSynchronizer", daml.Text()),
		)),
		field("tokenStandardMaxTTL", daml.Optional(b.stdlib.relTime)),
	)

	return module{b.amulet.pkg, modSchedule}.record(
		"Schedule", field("initialValue", config),
		field("futureValues", daml.List(b.stdlib.pair(daml.Timestamp(), config))),
	)
}

// expectedDso is optional only because it was added in an upgrade.
func (b *builder) expectedDso() daml.Field { return field("expectedDso", daml.Optional(daml.Party())) }

func (b *builder) rulesTransfers(m module) []Choice {
	beneficiary := m.record(
		"AppRewardBeneficiary", field("beneficiary", daml.Party()), field("weight", daml.Numeric()),
	)
	transfer := m.record(
		"Transfer", field("sender", daml.Party()), field("provider", daml.Party()), field("inputs", b.amulet.inputs),
		field("outputs", b.amulet.outputs), field("beneficiaries", daml.Optional(daml.List(beneficiary))),
	)

	return []Choice{
		m.nonconsuming("AmuletRules_Transfer", b.amulet.result,
			field("transfer", transfer), field("context", b.amulet.context), b.expectedDso()),
		m.nonconsuming("AmuletRules_ComputeFees",
			m.record("AmuletRules_ComputeFeesResult", field("fees", daml.List(daml.Numeric()))),
			field("context", b.amulet.context), field("sender", daml.Party()), field("outputs", b.amulet.outputs),
			b.expectedDso()),
		m.nonconsuming("AmuletRules_CreateTransferPreapproval",
			b.preapproved(m, "AmuletRules_CreateTransferPreapprovalResult", b.optionalMeta()),
			field("context", b.amulet.payment), field("inputs", b.amulet.inputs), field("receiver", daml.Party()),
			field("provider", daml.Party()), field("expiresAt", daml.Timestamp()), b.expectedDso()),
		// The argument and the result of the DSO's sweep are a guess.
		m.nonconsuming("AmuletRules_Amulet_ExpireTransferInstructions",
			m.record("AmuletRules_Amulet_ExpireTransferInstructionsResult"), field("instructionCids", contracts())),
	}
}

// rulesSupply: the result of buying traffic is a guess but for its meta.
func (b *builder) rulesSupply(m module) []Choice {
	minted := []daml.Field{
		field("receiver", daml.Party()), field("amount", daml.Numeric()), field("openRound", daml.ContractID()),
	}

	return []Choice{
		m.nonconsuming("AmuletRules_DevNet_Tap",
			m.record("AmuletRules_DevNet_TapResult", field("amuletSum", b.createSummary()), b.optionalMeta()), minted...),
		m.nonconsuming("AmuletRules_Mint",
			m.record("AmuletRules_MintResult", field("amuletSum", b.createSummary()), b.optionalMeta()), minted...),
		m.nonconsuming("AmuletRules_DevNet_FeatureApp",
			m.record("AmuletRules_DevNet_FeatureAppResult", field("featuredAppRightCid", daml.ContractID())),
			field("provider", daml.Party())),
		m.nonconsuming("AmuletRules_BuyMemberTraffic",
			m.record("AmuletRules_BuyMemberTrafficResult", field("round", b.amulet.round),
				field("amuletPaid", daml.Numeric()), b.senderChange(), b.optionalMeta()),
			field("inputs", b.amulet.inputs), field("context", b.amulet.context), field("provider", daml.Party()),
			field("memberId", daml.Text()), field("synchronizerId", daml.Text()), field("migrationId", daml.Int64()),
			field("trafficAmount", daml.Int64()), b.expectedDso()),
	}
}

// declareRounds: recorded rounds have issuingFor, transferConfigUsd and issuanceConfig too, which nothing here reads.
// All of ExternalPartyConfigState but its name, its 24 hours and its 48 hours is a guess.
func (b *builder) declareRounds() {
	m := module{b.amulet.pkg, modRound}
	round := m.record(
		"OpenMiningRound", field("dso", daml.Party()), field("round", b.amulet.round),
		field("amuletPrice", daml.Numeric()), field("opensAt", daml.Timestamp()),
		field("targetClosesAt", daml.Timestamp()), field("tickDuration", b.stdlib.relTime),
	)

	b.template(m, round, nil, m.nonconsuming("OpenMiningRound_Fetch", round, field("p", daml.Party())))

	config := module{b.amulet.pkg, modExternalCfg}
	b.template(config, config.record(
		"ExternalPartyConfigState", field("dso", daml.Party()), field("round", daml.Optional(b.amulet.round)),
		field("validFrom", daml.Timestamp()), field("expiresAt", daml.Timestamp()),
	), nil)
}

func (b *builder) declareWallet() {
	m := module{b.own(pkgWallet, versionWallet), modWalletApprove}

	b.template(
		m, m.record("TransferPreapprovalProposal", field("receiver", daml.Party()), field("provider", daml.Party()),
			b.expectedDso()),
		nil,
		m.consuming("TransferPreapprovalProposal_Accept", b.preapproved(m, "TransferPreapprovalProposal_AcceptResult"),
			field("context", b.amulet.payment), field("inputs", b.amulet.inputs), field("expiresAt", daml.Timestamp())),
	)
}
