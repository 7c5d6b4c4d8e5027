package sandbox

import (
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Preapprove lets receiver be paid Canton Coin in one step: it proposes, and the validator operator accepts, in
// two updates. The receipt is the second one's.
func (s *Sandbox) Preapprove(receiver ident.Party) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	_, err := s.act(receiver, s.primary(), func(t *transaction) error {
		if s.livePreapproval(receiver, t.at) != nil {
			return fmt.Errorf("preapprove %s: it has a preapproval: %w", receiver, ErrConflict)
		}

		return t.proposePreapproval(receiver, s.amulet.provider)
	})
	if err != nil {
		return Receipt{}, err
	}

	return s.automate()
}

// CancelPreapproval makes transfers to receiver offers again.
func (s *Sandbox) CancelPreapproval(receiver ident.Party) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.act(receiver, s.primary(), func(t *transaction) error {
		return t.cancelPreapprovals(receiver, receiver)
	})
}

// PreapprovalRequest is a preapproval to somebody's taste.
type PreapprovalRequest struct {
	Receiver ident.Party
	// Provider is the validator's operator if empty. Only the operator's are accepted, and renewed, by automation.
	Provider ident.Party
	// Life is how long it lasts; the operator's 90 days if 0.
	Life time.Duration
}

// PreapproveWith makes a preapproval with the provider and the life that are asked for, beside those that the receiver
// has: as Preapprove in two updates, the provider's acceptance being the second. It lapses like any other when its
// time has come.
func (s *Sandbox) PreapproveWith(r PreapprovalRequest) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if r.Provider == "" {
		r.Provider = s.amulet.provider
	}

	if r.Life == 0 {
		r.Life = preapprovalLife
	}

	if r.Life < 0 || r.Life > maxPreapprovalLife {
		return Receipt{}, fmt.Errorf("%w: a preapproval for %s: want at most %s", ErrInvalid, r.Life, maxPreapprovalLife)
	}

	if _, err := s.party(r.Provider); err != nil {
		return Receipt{}, err
	}

	var asked *contract

	_, err := s.act(r.Receiver, s.primary(), func(t *transaction) error {
		var err error
		asked, err = t.createProposal(r.Receiver, r.Provider)

		return err
	})
	if err != nil {
		return Receipt{}, err
	}

	return s.act(r.Provider, asked.home, func(t *transaction) error {
		return t.acceptPreapproval(asked, &proposal{receiver: r.Receiver, provider: r.Provider}, t.at.Add(r.Life), nil)
	})
}

// Tap mints Canton Coin from the DevNet faucet: more than 0, at most 100 000 000.
func (s *Sandbox) Tap(owner ident.Party, value amount.Amount) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.act(owner, s.primary(), func(t *transaction) error {
		return t.tapAmulet(s.amulet.rules, nil, owner, value)
	})
}

// Mint creates tokens of any instrument but Canton Coin. The admin must be a party here; it runs the same
// registry software as AcmeToken, so a look-alike {admin: mallory, id: "Amulet"} behaves like a real token.
func (s *Sandbox) Mint(owner ident.Party, instrument ident.Instrument, value amount.Amount) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if instrument.Admin == s.amulet.dso {
		return Receipt{}, fmt.Errorf("%w: Canton Coin is minted by Tap", ErrInvalid)
	}

	if _, err := ident.ParseInstrument(string(instrument.Admin), instrument.ID); err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}

	for _, party := range []ident.Party{instrument.Admin, owner} {
		if _, err := s.party(party); err != nil {
			return Receipt{}, err
		}
	}

	if value.Sign() <= 0 {
		return Receipt{}, fmt.Errorf("%w: mint %s", ErrInvalid, value.Short())
	}

	// Before a registry is opened for what will be refused.
	if _, err := s.books.minted[instrument].Add(value); err != nil {
		return Receipt{}, fmt.Errorf("%w: mint %s: %w", ErrInvalid, value.Short(), err)
	}

	if err := s.openRegistry(instrument.Admin); err != nil {
		return Receipt{}, err
	}

	return s.actTogether([]ident.Party{instrument.Admin, owner}, s.primary(), func(t *transaction) error {
		return t.mintAcme(instrument, owner, value)
	})
}

// Burn destroys tokens of owner; Canton Coin by buying traffic.
func (s *Sandbox) Burn(owner ident.Party, instrument ident.Instrument, value amount.Amount) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if value.Sign() <= 0 {
		return Receipt{}, fmt.Errorf("%w: burn %s", ErrInvalid, value.Short())
	}

	submitters := []ident.Party{owner}
	if instrument != s.Amulet() {
		submitters = append(submitters, instrument.Admin) // burning takes the registry's agreement too
	}

	return s.actTogether(submitters, s.home(owner, instrument), func(t *transaction) error {
		inputs, total, err := t.selectInputs(owner, instrument, value)
		if err != nil {
			return err
		}

		left, err := total.Sub(value)
		if err != nil {
			return fmt.Errorf("burn: %w", err)
		}

		t.onCommit = append(t.onCommit, func(*update) { count(s.books.burned, instrument, value) })

		if instrument == s.Amulet() {
			return t.burnAmulet(owner, value, inputs, left)
		}

		return t.burnAcme(instrument, owner, value, inputs, left)
	})
}

// ExpireDust takes a Canton Coin holding away from its owner, as the DSO may once fees have eaten it up.
func (s *Sandbox) ExpireDust(id ident.ContractID) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	c, ok := s.contracts[id]
	if !ok || holdingOf(c) == nil {
		return Receipt{}, fmt.Errorf("holding %.150q: %w", string(id), ErrUnknown)
	}

	h := holdingOf(c)
	if h.instrument != s.Amulet() || h.locked {
		return Receipt{}, fmt.Errorf("%w: only an unlocked Canton Coin holding expires", ErrInvalid)
	}

	return s.act(s.amulet.dso, c.home, func(t *transaction) error {
		t.onCommit = append(t.onCommit, func(*update) { count(s.books.burned, s.Amulet(), h.amount) })

		return t.expireDust(c)
	})
}

// BareHolding is a contract that calls itself a holding without any registry behind it.
type BareHolding struct {
	Issuer     ident.Party      // who creates and signs it
	Owner      ident.Party      // who it says owns it
	Instrument ident.Instrument // what it says it is: the admin may be anyone, the DSO too
	Amount     amount.Amount
}

// RawBareHolding creates a look-alike: a bare create, signed by its issuer alone, whose Holding view claims
// whatever the issuer likes. It is worth nothing.
func (s *Sandbox) RawBareHolding(b BareHolding) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, err := s.party(b.Owner); err != nil {
		return Receipt{}, err
	}

	return s.act(b.Issuer, s.primary(), func(t *transaction) error {
		fake := &lookAlike{claim: holding{instrument: b.Instrument, owner: b.Owner, amount: b.Amount}}
		_, err := t.create(creation{
			template: templateName(pkgBare, modBare, "BareHolding"), packageName: pkgBare,
			argument:    obj{"issuer": b.Issuer, "owner": b.Owner, "amount": b.Amount},
			signatories: []ident.Party{b.Issuer}, observers: []ident.Party{b.Owner},
			views: s.holdingViews(&fake.claim, nil, meta()), payload: fake,
		})

		return err
	})
}
