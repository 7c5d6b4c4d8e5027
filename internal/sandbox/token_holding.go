package sandbox

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// maxInputs is how many holdings one Canton Coin transfer may spend (AmuletConfig maxNumInputs). The sandbox
// keeps every token to it.
const maxInputs = 100

// holding is what the token logic knows of a holding contract.
type holding struct {
	instrument ident.Instrument
	owner      ident.Party
	amount     amount.Amount
	locked     bool
	expiresAt  time.Time // of the lock
}

// lookAlike is a contract that calls itself a holding, with no registry behind it. It is no holding, so that nothing
// which spends or counts money can take it for some.
type lookAlike struct{ claim holding }

// offer is what the token logic knows of a transfer instruction.
type offer struct {
	transfer transferRecord
	locked   *contract
	original *contract // the first instruction of its chain; nil when it is the first itself
	waiting  bool      // for its registry rather than for the receiver
	record   *Transfer
}

func (o *offer) instrument() ident.Instrument {
	return o.transfer.Instrument.Ident()
}

func holdingOf(c *contract) *holding {
	h, _ := c.payload.(*holding)

	return h
}

// claimOf is what a contract says that it is worth, true or not; nil when it does not call itself a holding.
func claimOf(c *contract) (claim *holding, bare bool) {
	if fake, ok := c.payload.(*lookAlike); ok {
		return &fake.claim, true
	}

	return holdingOf(c), false
}

func offerOf(c *contract) *offer {
	o, _ := c.payload.(*offer)

	return o
}

// indexPayloads keeps the wallets' view and the books in step with a transaction that was just committed.
func (s *Sandbox) indexPayloads(t *transaction) {
	for c := range t.consumed {
		s.unindex(c)
	}

	for _, c := range t.created {
		if t.consumed[c] == nil {
			s.index(c)
		}
	}
}

func (s *Sandbox) index(c *contract) {
	switch p := c.payload.(type) {
	case *holding:
		if state, ok := s.parties[p.owner]; ok {
			state.holdings.add(c)
		}
	case *lookAlike:
		if state, ok := s.parties[p.claim.owner]; ok {
			state.lookAlikes.add(c)
		}
	case *offer:
		for _, party := range []ident.Party{p.transfer.Sender, p.transfer.Receiver} {
			if state, ok := s.parties[party]; ok {
				state.offers = append(state.offers, c)
			}
		}
	case *preapproval:
		state := s.parties[p.receiver]
		state.preapprovals = append(state.preapprovals, c)
	}
}

func (s *Sandbox) unindex(c *contract) {
	same := func(other *contract) bool { return other == c }

	switch p := c.payload.(type) {
	case *holding:
		if state, ok := s.parties[p.owner]; ok {
			state.holdings.take(c)
		}
	case *lookAlike:
		if state, ok := s.parties[p.claim.owner]; ok {
			state.lookAlikes.take(c)
		}
	case *offer:
		for _, party := range []ident.Party{p.transfer.Sender, p.transfer.Receiver} {
			if state, ok := s.parties[party]; ok {
				state.offers = slices.DeleteFunc(state.offers, same)
			}
		}
	case *preapproval:
		state := s.parties[p.receiver]
		state.preapprovals = slices.DeleteFunc(state.preapprovals, same)
	case *permit:
		if s.acme.permits[p.holder] == c {
			delete(s.acme.permits, p.holder)
		}
	}
}

// spendable lists what a wallet may spend of an instrument on one synchronizer: unlocked holdings, and with
// expired set also those whose lock has run out.
func (t *transaction) spendable(owner ident.Party, instrument ident.Instrument, expired bool) []*contract {
	var list []*contract

	for c := range t.s.parties[owner].holdings.all() {
		h := holdingOf(c)
		if h.instrument != instrument || c.home != t.home || t.consumed[c] != nil {
			continue
		}

		if !h.locked || (expired && t.at.After(h.expiresAt)) {
			list = append(list, c)
		}
	}

	return list
}

// compareHoldings orders holdings from the largest on, ties by contract id.
func compareHoldings(a, b *contract) int {
	if order := holdingOf(b).amount.Cmp(holdingOf(a).amount); order != 0 {
		return order
	}

	return strings.Compare(string(a.id), string(b.id))
}

// selectInputs takes the largest holdings first until need is covered.
func (t *transaction) selectInputs(
	owner ident.Party, instrument ident.Instrument, need amount.Amount,
) ([]*contract, amount.Amount, error) {
	var picked []*contract

	total := amount.Zero()

	for c := range inOrder(t.spendable(owner, instrument, false)) {
		if len(picked) > 0 && total.Cmp(need) >= 0 {
			break
		}

		sum, err := total.Add(holdingOf(c).amount)
		if err != nil {
			return nil, total, fmt.Errorf("add up inputs: %w", err)
		}

		picked, total = append(picked, c), sum
	}

	switch {
	case len(picked) == 0 || total.Cmp(need) < 0:
		return nil, total, fmt.Errorf("%s of %s has %s unlocked, needs %s: %w",
			owner, instrument, total.Short(), need.Short(), ErrFunds)
	case len(picked) > maxInputs:
		return nil, total, fmt.Errorf("%d inputs, at most %d: %w", len(picked), maxInputs, ErrTooManyInputs)
	}

	return picked, total, nil
}

// home picks the synchronizer on which owner holds most of an instrument: a transaction happens on one only.
func (s *Sandbox) home(owner ident.Party, instrument ident.Instrument) *synchronizer {
	best, most := s.primary(), amount.Zero()
	state, ok := s.parties[owner]

	if !ok || len(s.synchronizers) == 1 {
		return best
	}

	for _, candidate := range s.synchronizers {
		total := amount.Zero()

		for c := range state.holdings.all() {
			if h := holdingOf(c); h.instrument == instrument && !h.locked && c.home == candidate {
				if sum, err := total.Add(h.amount); err == nil {
					total = sum
				}
			}
		}

		if total.Cmp(most) > 0 {
			best, most = candidate, total
		}
	}

	return best
}
