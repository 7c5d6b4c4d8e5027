package sandbox

import (
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// How long the DSO's figures are valid. A mining round opens every ten minutes and closes after twenty; an
// ExternalPartyConfigState comes every 24 hours and lives for 48 (CIP-0107), so that a prepared transfer has a day.
const (
	roundEvery  = 10 * time.Minute
	roundLife   = 20 * time.Minute
	configEvery = 24 * time.Hour
	configLife  = 48 * time.Hour
)

// era is what the token logic knows of an OpenMiningRound or an ExternalPartyConfigState: figures of the DSO by which
// Canton Coin goes for some time.
type era struct {
	number int64
	opens  time.Time
	closes time.Time
}

func eraOf(c *contract) *era {
	if c == nil {
		return nil
	}

	e, _ := c.payload.(*era)

	return e
}

// rotate brings the DSO's figures up to date, as its automation does: what is too old to begin with is followed by a
// new one, what has run out is archived. Who still holds a context of the old ones finds them inactive.
func (s *Sandbox) rotate() error {
	now := s.ledgerTime()
	if s.replay || (now.Before(s.amulet.nextRound) && now.Before(s.amulet.nextConfig)) {
		return nil
	}

	t := s.begin(s.primary(), s.amulet.dso)

	for _, open := range []*[]*contract{&s.amulet.rounds, &s.amulet.configs} {
		if err := t.closeEras(*open); err != nil {
			return err
		}
	}

	if !now.Before(s.amulet.nextRound) {
		if err := t.openRound(); err != nil {
			return err
		}
	}

	if !now.Before(s.amulet.nextConfig) {
		if err := t.openConfig(); err != nil {
			return err
		}
	}

	_, err := t.commit()

	return err
}

func (t *transaction) closeEras(open []*contract) error {
	for _, c := range open {
		if t.at.Before(eraOf(c).closes) {
			continue
		}

		if err := t.archive(c); err != nil {
			return err
		}
	}

	return nil
}

func (t *transaction) openRound() error {
	e := &era{number: t.s.roundAt(t.at), opens: t.at, closes: t.at.Add(roundLife)}
	dso := t.s.amulet.dso

	c, err := t.create(creation{
		template: templateName(pkgAmulet, modRound, "OpenMiningRound"), packageName: pkgAmulet,
		argument: obj{
			"dso": dso, "round": roundOf(e.number), "amuletPrice": amuletPrice, "opensAt": damlTime(e.opens),
			"targetClosesAt": damlTime(e.closes), "tickDuration": relTime(roundEvery),
		},
		signatories: []ident.Party{dso}, payload: e,
	})
	if err != nil {
		return err
	}

	c.anywhere = true
	t.onCommit = append(t.onCommit, func(*update) {
		t.s.amulet.round, t.s.amulet.nextRound = c, e.opens.Add(roundEvery)
		t.s.amulet.rounds = live(append(t.s.amulet.rounds, c))
	})

	return nil
}

func (t *transaction) openConfig() error {
	e := &era{number: t.s.roundAt(t.at), opens: t.at, closes: t.at.Add(configLife)}
	dso := t.s.amulet.dso

	c, err := t.create(creation{
		template: templateName(pkgAmulet, modExternalCfg, "ExternalPartyConfigState"), packageName: pkgAmulet,
		argument: obj{
			"dso": dso, "round": roundOf(e.number), "validFrom": damlTime(e.opens), "expiresAt": damlTime(e.closes),
		},
		signatories: []ident.Party{dso}, payload: e,
	})
	if err != nil {
		return err
	}

	c.anywhere = true
	t.onCommit = append(t.onCommit, func(*update) {
		t.s.amulet.config, t.s.amulet.nextConfig = c, e.opens.Add(configEvery)
		t.s.amulet.configs = live(append(t.s.amulet.configs, c))
	})

	return nil
}

// live are the contracts that are still active.
func live(contracts []*contract) []*contract {
	kept := make([]*contract, 0, len(contracts))

	for _, c := range contracts {
		if c.active() {
			kept = append(kept, c)
		}
	}

	return kept
}

// roundAt is the number of the mining round that opens at a time.
func (s *Sandbox) roundAt(at time.Time) int64 {
	return 1 + int64(at.Sub(s.amulet.startedAt)/roundEvery)
}

func roundOf(number int64) obj { return obj{"number": strconv.FormatInt(number, 10)} }

// relTime is a Daml RelTime.
func relTime(d time.Duration) obj {
	return obj{"microseconds": strconv.FormatInt(d.Microseconds(), 10)}
}

// roundNo is the round that a coin made here counts from.
func (t *transaction) roundNo() int64 {
	by := t.config
	if t.byRound || t.s.cfg.Shape == ShapeRecorded {
		by = t.round
	}

	if e := eraOf(by); e != nil {
		return e.number
	}

	return 0
}

// roundNumber is the same as the ledger writes it.
func (t *transaction) roundNumber() string { return strconv.FormatInt(t.roundNo(), 10) }
