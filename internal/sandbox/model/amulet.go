package model

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
)

// amuletTypes are the records that several modules of Canton Coin use. They are as recorded, optional fields that later
// versions added included; where TransferInput and TransferContext have more constructors or fields is not known here.
type amuletTypes struct {
	pkg      Package
	round    *daml.Type // Round
	timeLock *daml.Type
	amulet   *daml.Type // the record Amulet, which is the template's argument and is inside LockedAmulet
	context  *daml.Type // TransferContext
	payment  *daml.Type // PaymentTransferContext
	inputs   *daml.Type // a list of TransferInput
	result   *daml.Type // TransferResult
	outputs  *daml.Type // a list of TransferOutput
	created  *daml.Type // a list of CreatedAmulet
}

func (b *builder) declareAmulet() {
	b.amulet.pkg = b.own(pkgAmulet, versionAmulet)
	expiry := module{b.amulet.pkg, modExpiry}
	fees := module{b.amulet.pkg, modFees}

	b.amulet.round = module{b.amulet.pkg, modTypes}.record("Round", field("number", daml.Int64()))
	b.amulet.timeLock = expiry.record(
		"TimeLock", field("holders", daml.List(daml.Party())), field("expiresAt", daml.Timestamp()),
		field("optContext", daml.Optional(daml.Text())),
	)
	b.amulet.amulet = module{b.amulet.pkg, modAmulet}.record(
		"Amulet", field("dso", daml.Party()), field("owner", daml.Party()), field("amount", expiry.record(
			"ExpiringAmount", field("initialAmount", daml.Numeric()), field("createdAt", b.amulet.round),
			field("ratePerRound", fees.record("RatePerRound", field("rate", daml.Numeric()))),
		)),
	)

	b.declareAmuletTransfers()
	b.declareHoldings()
	b.declareCoupons()
	b.declareRules()
	b.declarePreapproval()
	b.declareRounds()
	b.declareExternalRules()
}

// declareAmuletTransfers are the arguments and results of Canton Coin's own transfer.
func (b *builder) declareAmuletTransfers() {
	m := module{b.amulet.pkg, modAmuletRules}
	change := m.record(
		"BalanceChange", field("changeToInitialAmountAsOfRoundZero", daml.Numeric()),
		field("changeToHoldingFeesRate", daml.Numeric()),
	)
	summary := m.record(
		"TransferSummary", field("inputAppRewardAmount", daml.Numeric()),
		field("inputValidatorRewardAmount", daml.Numeric()), field("inputSvRewardAmount", daml.Numeric()),
		field("inputAmuletAmount", daml.Numeric()), field("balanceChanges", daml.GenMap(daml.Party(), change)),
		field("holdingFees", daml.Numeric()), field("outputFees", daml.List(daml.Numeric())),
		field("senderChangeFee", daml.Numeric()), field("senderChangeAmount", daml.Numeric()),
		field("amuletPrice", daml.Numeric()), field("inputValidatorFaucetAmount", daml.Optional(daml.Numeric())),
		field("inputUnclaimedActivityRecordAmount", daml.Optional(daml.Numeric())),
	)

	b.amulet.created = daml.List(m.variant(
		"CreatedAmulet", field("TransferResultAmulet", daml.ContractID()),
		field("TransferResultLockedAmulet", daml.ContractID()),
	))
	b.amulet.result = m.record(
		"TransferResult", field("round", b.amulet.round), field("summary", summary),
		field("createdAmulets", b.amulet.created), b.senderChange(), b.optionalMeta(),
	)
	b.amulet.inputs = daml.List(m.variant(
		"TransferInput", field("InputAppRewardCoupon", daml.ContractID()),
		field("InputValidatorRewardCoupon", daml.ContractID()), field("InputAmulet", daml.ContractID()),
	))
	b.amulet.outputs = daml.List(m.record(
		"TransferOutput", field("receiver", daml.Party()), field("receiverFeeRatio", daml.Numeric()),
		field("amount", daml.Numeric()), field("lock", daml.Optional(b.amulet.timeLock)), b.optionalMeta(),
	))
	b.amulet.context = m.record(
		"TransferContext", field("openMiningRound", daml.ContractID()),
		field("issuingMiningRounds", daml.GenMap(b.amulet.round, daml.ContractID())),
		field("validatorRights", daml.GenMap(daml.Party(), daml.ContractID())), b.featuredAppRight(),
	)
	b.amulet.payment = m.record(
		"PaymentTransferContext", field("amuletRules", daml.ContractID()), field("context", b.amulet.context),
	)
}

func (b *builder) optionalMeta() daml.Field { return field("meta", daml.Optional(b.metadata.metadata)) }

func (b *builder) senderChange() daml.Field {
	return field("senderChangeAmulet", daml.Optional(daml.ContractID()))
}

func (b *builder) featuredAppRight() daml.Field {
	return field("featuredAppRight", daml.Optional(daml.ContractID()))
}

// declareHoldings: the results of the V2 choices, which know no round, and what the dust's expiry sums up are a guess.
func (b *builder) declareHoldings() {
	m := module{b.amulet.pkg, modAmulet}
	expired := m.record(
		"AmuletExpireSummary", field("owner", daml.Party()), field("round", b.amulet.round),
	)
	expire := func(entity, choice string) Choice {
		return m.consuming(choice,
			m.record(entity+"_ExpireResult", field("expireSum", expired), b.optionalMeta()),
			field("roundCid", daml.ContractID()))
	}
	unlock := func(choice string) Choice {
		return m.consuming(choice,
			m.record(choice+"Result", field("amuletSum", b.createSummary()), b.optionalMeta()),
			field("openRoundCid", daml.ContractID()))
	}
	unlockV2 := func(choice string) Choice {
		sum := m.record("AmuletCreateSummaryV2", field("amulet", daml.ContractID()))

		return m.consuming(choice, m.record(choice+"Result", field("amuletSum", sum), b.optionalMeta()))
	}

	b.template(
		m, b.amulet.amulet, b.holdingInterfaces(), expire("Amulet", "Amulet_Expire"), expire("Amulet", "Amulet_ExpireV2"),
	)
	b.template(
		m, m.record("LockedAmulet", field("amulet", b.amulet.amulet), field("lock", b.amulet.timeLock)),
		b.holdingInterfaces(),
		unlock("LockedAmulet_Unlock"), unlock("LockedAmulet_OwnerExpireLock"),
		unlockV2("LockedAmulet_UnlockV2"), unlockV2("LockedAmulet_OwnerExpireLockV2"),
		expire("LockedAmulet", "LockedAmulet_ExpireAmulet"), expire("LockedAmulet", "LockedAmulet_ExpireAmuletV2"),
	)
}

// createSummary is what creating one holding has in its result.
func (b *builder) createSummary() *daml.Type {
	return module{b.amulet.pkg, modAmulet}.record(
		"AmuletCreateSummary", field("amulet", daml.ContractID()), field("amuletPrice", daml.Numeric()),
		field("round", b.amulet.round),
	)
}

func (b *builder) declareCoupons() {
	m := module{b.amulet.pkg, modAmulet}

	b.template(m, m.record(
		"ValidatorRewardCoupon", field("dso", daml.Party()), field("user", daml.Party()),
		field("amount", daml.Numeric()), field("round", b.amulet.round),
	), nil)
	b.template(m, m.record(
		"AppRewardCoupon", field("dso", daml.Party()), field("provider", daml.Party()), field("featured", daml.Bool()),
		field("amount", daml.Numeric()), field("round", b.amulet.round),
		field("beneficiary", daml.Optional(daml.Party())),
	), nil)
	b.template(m, m.record("FeaturedAppRight", field("dso", daml.Party()), field("provider", daml.Party())), nil)
}

// declarePreapproval: the context and the result of SendV2, and the results of Renew and Expire, are a guess.
func (b *builder) declarePreapproval() {
	m := module{b.amulet.pkg, modAmuletRules}
	preapproval := m.record(
		"TransferPreapproval", field("dso", daml.Party()), field("receiver", daml.Party()),
		field("provider", daml.Party()), field("validFrom", daml.Timestamp()),
		field("lastRenewedAt", daml.Timestamp()), field("expiresAt", daml.Timestamp()),
	)
	sent := []daml.Field{
		field("inputs", b.amulet.inputs), field("amount", daml.Numeric()), field("sender", daml.Party()),
		field("description", daml.Optional(daml.Text())),
	}
	contextV2 := m.record(
		"TransferContextV2", field("externalPartyConfigState", daml.ContractID()), b.featuredAppRight(),
	)
	resultV2 := m.record("TransferResultV2", field("createdAmulets", b.amulet.created), b.senderChange())

	b.template(
		m, preapproval, nil,
		m.nonconsuming("TransferPreapproval_Fetch", preapproval, field("p", daml.Party())),
		m.nonconsuming("TransferPreapproval_Send",
			m.record("TransferPreapproval_SendResult", field("result", b.amulet.result), b.optionalMeta()),
			append([]daml.Field{field("context", b.amulet.payment)}, sent...)...),
		m.nonconsuming("TransferPreapproval_SendV2",
			m.record("TransferPreapproval_SendV2Result", field("result", resultV2), b.optionalMeta()),
			append(append([]daml.Field{field("context", contextV2)}, sent...), b.optionalMeta())...),
		m.consuming("TransferPreapproval_Renew", b.preapproved(m, "TransferPreapproval_RenewResult", b.optionalMeta()),
			field("context", b.amulet.payment), field("inputs", b.amulet.inputs),
			field("newExpiresAt", daml.Timestamp())),
		m.consuming("TransferPreapproval_Cancel",
			m.enum("TransferPreapproval_CancelResult", "TransferPreapproval_CancelResult"), field("p", daml.Party())),
		m.consuming("TransferPreapproval_Expire",
			m.enum("TransferPreapproval_ExpireResult", "TransferPreapproval_ExpireResult")),
	)
}

// preapproved is the result of every choice that makes a preapproval. What its fee's transfer made is there only if a
// fee was paid, which is a guess: recorded ones all paid.
func (b *builder) preapproved(m module, entity string, more ...daml.Field) *daml.Type {
	return m.record(entity, append([]daml.Field{
		field("transferPreapprovalCid", daml.ContractID()), field("transferResult", daml.Optional(b.amulet.result)),
		field("amuletPaid", daml.Numeric()),
	}, more...)...)
}

func (b *builder) declareExternalRules() {
	rules := module{b.amulet.pkg, modExternalRules}
	offer := module{b.amulet.pkg, modAmuletOffer}
	allocation := module{b.amulet.pkg, modAmuletAlloc}

	b.template(rules, rules.record("ExternalPartyAmuletRules", field("dso", daml.Party())), b.factoryInterfaces())
	b.template(offer, offer.record(
		"AmuletTransferInstruction", field("lockedAmulet", daml.ContractID()), field("transfer", b.transfer.transfer),
	), []ident.Name{b.transfer.instruction})
	b.template(allocation, allocation.record(
		"AmuletAllocation", field("lockedAmulet", daml.ContractID()), field("allocation", b.allocation.specification),
	), []ident.Name{b.allocation.iface})
}
