package sandbox

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
)

// amuletState is what the DSO runs: the contracts every Canton Coin transaction refers to.
type amuletState struct {
	dso           ident.Party
	provider      ident.Party // the validator operator: provider of every preapproval
	startedAt     time.Time
	rules         *contract   // AmuletRules
	externalRules *contract   // ExternalPartyAmuletRules: the transfer factory
	config        *contract   // the newest ExternalPartyConfigState
	round         *contract   // the newest OpenMiningRound
	configs       []*contract // all active ones, oldest first
	rounds        []*contract
	proposals     []*contract               // to the validator operator, waiting for its automation
	featured      map[ident.Party]*contract // FeaturedAppRight by provider
	nextConfig    time.Time
	nextRound     time.Time
}

const (
	ratePerRound  = "0.0038051800" // the recorded holding fee per round
	rateShort     = "0.00380518"
	keyCreatedIn  = "amulet.splice.lfdecentralizedtrust.org/created-in-round"
	keyRate       = "amulet.splice.lfdecentralizedtrust.org/rate-per-round"
	memoDelimiter = "'"
)

// startOperator allocates the party of the validator's operator. The validator app's user acts for it, as its clients
// do that renew preapprovals or feature the operator's app.
func (s *Sandbox) startOperator() (ident.Party, error) {
	operator, err := s.allocate("validator-operator")
	if err != nil {
		return "", err
	}

	right := admin.Right{Kind: admin.CanActAs, Party: operator}
	if err := s.first().admin.Grant(admin.DefaultUser, right); err != nil {
		return "", fmt.Errorf("let %s act for the validator's operator: %w", admin.DefaultUser, err)
	}

	return operator, nil
}

// startAmulet puts the DSO's own contracts on the ledger. Only the DSO sees them.
func (s *Sandbox) startAmulet(dso string) error {
	s.amulet.dso = ident.Party(dso)
	s.amulet.startedAt = s.ledgerTime()
	s.amulet.featured = map[ident.Party]*contract{}

	if err := s.host(s.amulet.dso, localParty(s.first())); err != nil {
		return err
	}

	provider, err := s.startOperator()
	if err != nil {
		return err
	}

	s.amulet.provider = provider

	t := s.begin(s.primary(), s.amulet.dso)
	record := func(module, entity string, argument any, views map[ident.Name]any) *contract {
		if err != nil {
			return nil
		}

		var c *contract

		c, err = t.create(creation{
			template: templateName(pkgAmulet, module, entity), packageName: pkgAmulet, argument: argument,
			signatories: []ident.Party{s.amulet.dso}, views: views,
		})
		if c != nil {
			c.anywhere = true
		}

		return c
	}

	dsoOnly := obj{"dso": dso}
	s.amulet.rules = record(modAmuletRules, "AmuletRules", s.rulesArgument(), s.eventLogViews(s.amulet.dso))
	s.amulet.externalRules = record(modExternalRules, "ExternalPartyAmuletRules", dsoOnly, s.factoryViews(s.amulet.dso))

	if err != nil {
		return err
	}

	if _, err = t.commit(); err != nil {
		return err
	}

	return s.rotate()
}

// factoryViews are the views of a contract that is a registry's transfer factory.
func (s *Sandbox) factoryViews(of ident.Party) map[ident.Name]any {
	about := obj{"admin": of, "meta": meta()}
	views := map[ident.Name]any{ifaceFactory(): about, ifaceAllocationFactory(): about}
	maps.Copy(views, s.eventLogViews(of))

	return views
}

// eventLogViews are the views of a contract on which an admin tells changes of holdings (token standard V2).
func (s *Sandbox) eventLogViews(of ident.Party) map[ident.Name]any {
	if !s.cfg.EventsV2 {
		return nil
	}

	return map[ident.Name]any{ifaceEventLog(): obj{"admin": of, "meta": meta()}}
}

// amuletValue is the record Amulet, as an argument and inside LockedAmulet.
func (t *transaction) amuletValue(owner ident.Party, value amount.Amount) obj {
	return obj{
		"dso": t.s.amulet.dso, "owner": owner,
		"amount": obj{
			"initialAmount": value, "createdAt": obj{"number": t.roundNumber()},
			"ratePerRound": obj{"rate": ratePerRound},
		},
	}
}

func (t *transaction) createAmulet(owner ident.Party, value amount.Amount) (*contract, error) {
	c := &coin{holding: holding{instrument: t.s.Amulet(), owner: owner, amount: value}, round: t.roundNo()}

	return t.create(creation{
		species: t.s.holdings(pkgAmulet, modAmulet, "Amulet"), content: c, payload: &c.holding,
		signatories: t.signers(t.s.amulet.dso, owner),
	})
}

// createLockedAmulet locks value for an offer: it stays the sender's, held by the DSO until the offer ends.
func (t *transaction) createLockedAmulet(
	owner, receiver ident.Party, value amount.Amount, expiresAt time.Time,
) (*contract, error) {
	reason := "transfer to " + memoDelimiter + string(receiver) + memoDelimiter

	return t.lockAmulet(owner, value, &lock{
		Holders: []ident.Party{t.s.amulet.dso}, ExpiresAt: optionalTime(expiresAt), Context: &reason,
	}, expiresAt)
}

// lockAmulet creates a locked coin.
func (t *transaction) lockAmulet(owner ident.Party, value amount.Amount, l *lock, until time.Time) (*contract, error) {
	dso := t.s.amulet.dso
	h := &holding{instrument: t.s.Amulet(), owner: owner, amount: value, locked: true, expiresAt: until}

	return t.create(creation{
		template: templateName(pkgAmulet, modAmulet, "LockedAmulet"), packageName: pkgAmulet,
		argument: obj{
			"amulet": t.amuletValue(owner, value),
			"lock":   obj{"holders": l.Holders, "expiresAt": l.ExpiresAt, "optContext": l.Context},
		},
		signatories: []ident.Party{dso, owner}, views: t.amuletViews(h, l), payload: h,
	})
}

func (t *transaction) amuletViews(h *holding, l *lock) map[ident.Name]any {
	return t.s.holdingViews(h, l, meta(keyCreatedIn, t.roundNumber(), keyRate, rateShort))
}

// holdingViews are the views of any holding: version 1, and version 2 where it is switched on.
func (s *Sandbox) holdingViews(h *holding, l *lock, m metadata) map[ident.Name]any {
	views := map[ident.Name]any{ifaceHolding(): holdingView{
		Owner: h.owner, Instrument: instrumentOf(h.instrument), Amount: h.amount, Lock: l, Meta: m,
	}}

	if s.cfg.EventsV2 {
		views[ifaceHoldingV2()] = holdingViewV2{
			Account: accountOf(h.owner), Instrument: instrumentOf(h.instrument), Amount: h.amount, Lock: l, Meta: m,
		}
	}

	return views
}

// amuletContext is the choice context that the DSO's registry gives for a factory or an instruction choice.
func (t *transaction) amuletContext(extra obj) extraArgs {
	context := obj{}

	if t.s.cfg.Shape == ShapeRecorded {
		context[contextRules] = avContract(t.s.amulet.rules.id)
		context[contextRound] = avContract(t.round.id)
	} else {
		context[contextConfig] = avContract(t.config.id)
	}

	maps.Copy(context, extra)

	return choiceArgs(context)
}

// inputsOf is the Canton Coin form of a list of inputs.
func inputsOf(contracts []*contract) []variant {
	list := make([]variant, 0, len(contracts))
	for _, c := range contracts {
		list = append(list, variant{Tag: "InputAmulet", Value: c.id})
	}

	return list
}

// spend archives inputs, each behind the fetch that the choice makes first.
func (t *transaction) spend(inputs []*contract) error {
	for _, c := range inputs {
		t.fetch(c)

		if err := t.archive(c); err != nil {
			return err
		}
	}

	return nil
}

// mergeMeta merges what the sender wrote with what the registry says; the registry's keys win.
func mergeMeta(sent map[string]string, own ...string) metadata {
	m := meta()
	maps.Copy(m.Values, sent)

	for i := 0; i+1 < len(own); i += 2 {
		m.Values[own[i]] = own[i+1]
	}

	return m
}

// trimmed is a decimal as the Amulet code writes it into metadata ("12.0", "0.5").
func trimmed(a amount.Amount) string {
	if text := a.Short(); strings.Contains(text, ".") {
		return text
	}

	return a.Short() + ".0"
}

// Figures of AmuletConfig that clients read.
const (
	maxOutputs     = "100"
	maxLockHolders = "50"
)

// rulesArgument is the argument of AmuletRules: the part of the DSO's configuration that clients and the sandbox read.
func (s *Sandbox) rulesArgument() obj {
	home := s.primary().id

	return obj{
		"dso": s.amulet.dso, "isDevNet": true,
		"configSchedule": obj{
			"initialValue": obj{
				"transferConfig": obj{
					"maxNumInputs": strconv.Itoa(maxInputs), "maxNumOutputs": maxOutputs, "maxNumLockHolders": maxLockHolders,
				},
				"decentralizedSynchronizer": obj{
					"requiredSynchronizers": obj{"map": [][]any{{home, obj{}}}}, "activeSynchronizer": home,
				},
				"tokenStandardMaxTTL": relTime(maxOfferLife),
			},
			"futureValues": []any{},
		},
	}
}
