package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
	"github.com/canton-exchange/suite/internal/sandbox/scan"
)

// scanView is what scan, and the validator app before this node, tell of the network.
type scanView struct{ v *Validator }

// roundsFresh is how long clients may keep the open rounds.
const roundsFresh = 10 * time.Second

// locked runs f on an up-to-date ledger. A ledger that cannot be brought up to date is shown as it stands.
func (x scanView) locked(f func()) {
	x.v.mu.Lock()
	defer x.v.mu.Unlock()

	if err := x.v.ready(); err != nil && !errors.Is(err, ErrReplay) && !errors.Is(err, ErrClosed) {
		x.v.cfg.Logger.Error("bring the ledger up to date", slog.Any("error", err))
	}

	f()
}

// Network implements scan.Ledger.
func (x scanView) Network() scan.Network {
	return scan.Network{
		DSO: x.v.amulet.dso, SV: x.v.amulet.dso, Validator: x.v.amulet.provider, User: admin.DefaultUser,
		Synchronizer: x.v.primary().id,
	}
}

// Rules implements scan.Ledger.
func (x scanView) Rules() (rules scan.Rules) {
	x.locked(func() {
		rules.Amulet = x.v.disclosure(x.v.amulet.rules)
		rules.ExternalParty = x.v.disclosure(x.v.amulet.externalRules)
		// The sandbox has no governance: clients that ask for DsoRules get a contract that says who the DSO is.
		rules.DSO = rules.ExternalParty
	})

	return rules
}

// Rounds implements scan.Ledger.
func (x scanView) Rounds() (rounds scan.Rounds) {
	x.locked(func() {
		for _, c := range x.v.amulet.rounds {
			rounds.Open = append(rounds.Open, x.v.disclosure(c))
		}

		if open := x.v.amulet.rounds; len(open) > 0 {
			rounds.Earliest = eraOf(open[0]).number
		}
	})

	rounds.Fresh = roundsFresh

	return rounds
}

// Preapproval implements scan.Ledger.
func (x scanView) Preapproval(receiver ident.Party) (found scan.Contract, ok bool) {
	x.locked(func() {
		if c := x.v.livePreapproval(receiver, x.v.ledgerTime()); c != nil {
			found, ok = x.v.disclosure(c), true
		}
	})

	return found, ok
}

// Preapprovals implements scan.Ledger.
func (x scanView) Preapprovals(limit int) []scan.Contract {
	list := []scan.Contract{}

	x.locked(func() {
		for _, party := range x.v.partyOrder {
			c := x.v.livePreapproval(party, x.v.ledgerTime())
			if c == nil || len(list) >= limit {
				continue
			}

			if preapprovalOf(c).provider == x.v.amulet.provider {
				list = append(list, x.v.disclosure(c))
			}
		}
	})

	return list
}

// CancelPreapproval implements scan.Ledger: the validator operator, as provider, takes a preapproval back.
func (x scanView) CancelPreapproval(receiver ident.Party) error {
	err := x.v.cancelAsProvider(receiver)
	if errors.Is(err, ErrUnknown) {
		return offledger.Errorf(offledger.ErrUnknown, "No TransferPreapproval found for party: %s", receiver)
	}

	return err
}

func (s *Sandbox) cancelAsProvider(receiver ident.Party) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	_, err := s.act(s.amulet.provider, s.primary(), func(t *transaction) error {
		return t.cancelPreapprovals(receiver, s.amulet.provider)
	})

	return err
}

// FeaturedApp implements scan.Ledger.
func (x scanView) FeaturedApp(provider ident.Party) (found scan.Contract, ok bool) {
	x.locked(func() {
		if c := x.v.amulet.featured[provider]; c != nil && c.active() {
			found, ok = x.v.disclosure(c), true
		}
	})

	return found, ok
}

// FeaturedApps implements scan.Ledger.
func (x scanView) FeaturedApps(limit int) []scan.Contract {
	list := []scan.Contract{}

	x.locked(func() {
		for _, party := range x.v.partyOrder {
			if c := x.v.amulet.featured[party]; c != nil && c.active() && len(list) < limit {
				list = append(list, x.v.disclosure(c))
			}
		}
	})

	return list
}

// Holdings implements scan.Ledger. The sandbox keeps no snapshots: it tells the present, if asked for a time that is
// not before the last update.
func (x scanView) Holdings(owners []ident.Party, at time.Time, before bool) (out scan.Holdings, err error) {
	x.locked(func() {
		last := x.v.primary().last
		if at.Before(last) || (!before && !at.Equal(last)) {
			err = offledger.Errorf(offledger.ErrUnknown, "No holdings summary at %s", instantText(at))

			return
		}

		out.RecordTime = last
		for _, owner := range slices.Compact(slices.Clone(owners)) {
			var sum scan.OwnerHoldings
			if sum, err = x.v.coinsOf(owner); err != nil {
				return
			}

			out.Owners = append(out.Owners, sum)
		}
	})

	return out, err
}

func (s *Sandbox) coinsOf(owner ident.Party) (scan.OwnerHoldings, error) {
	out := scan.OwnerHoldings{Owner: owner, Unlocked: amount.Zero(), Locked: amount.Zero()}

	state, ok := s.parties[owner]
	if !ok {
		return out, nil
	}

	for c := range state.holdings.all() {
		h := holdingOf(c)
		if h.instrument != s.Amulet() {
			continue
		}

		into := &out.Unlocked
		if h.locked {
			into = &out.Locked
		}

		sum, err := into.Add(h.amount)
		if err != nil {
			return out, fmt.Errorf("holdings of %s: %w", owner, err)
		}

		*into = sum
	}

	return out, nil
}

// trafficLimit is what every node of the sandbox may send, in bytes: traffic is not metered, it runs out by a fault.
const trafficLimit = 1 << 40

// Traffic implements scan.Ledger.
func (x scanView) Traffic(on ident.SynchronizerID, member ident.ParticipantID) (out scan.Traffic, err error) {
	x.locked(func() {
		_, known := x.v.synchronizerOf(on)
		i := slices.IndexFunc(x.v.validators, func(v *Validator) bool { return v.participant == string(member) })

		if !known || i < 0 {
			err = offledger.Errorf(offledger.ErrUnknown, "no traffic of %s on %s", member, on)

			return
		}

		out = scan.Traffic{Consumed: x.v.validators[i].traffic, Limit: trafficLimit, Purchased: trafficLimit}
	})

	return out, err
}
