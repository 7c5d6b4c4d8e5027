package payout

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

const (
	// waitingRead is how many waiting withdrawals of a token one turn looks at, holdingsRead how many holdings of each
	// part of the pool: with more a turn takes longer than the choice gets better.
	waitingRead  = 500
	holdingsRead = 500
	// wholePool is how many holdings are read when a part of them cannot say why something cannot be paid.
	wholePool = 200_000
	// wholeEvery bounds how often that is done for a token.
	wholeEvery = 5 * time.Second
	// shapeEvery is how often the pool of a token is looked at when nothing waits.
	shapeEvery = 5 * time.Second
)

// dispatcher finds work until ctx ends.
func (s *Service) dispatcher(ctx context.Context) {
	d := dispatcher{
		Service: s, unexplained: map[ident.Instrument]bool{},
		whole: map[ident.Instrument]time.Time{}, shaped: map[ident.Instrument]time.Time{},
	}

	for ctx.Err() == nil {
		found, err := d.timely(ctx)
		if err != nil {
			s.trouble(ctx, "look for work", err)
			custody.Sleep(ctx, custody.Jittered(firstRetry*queue))

			continue
		}

		wrong := d.wrongClock()
		s.health.Set(wrong)

		switch {
		case wrong != nil: // others may do the work; this one is not to be in their way
			custody.Sleep(ctx, standstillPause)
		case !found:
			custody.Sleep(ctx, s.config.Poll)
		}
	}
}

// dispatcher is for one goroutine.
type dispatcher struct {
	*Service

	// whole and shaped are when the whole pool of a token was read, and when it was last shaped.
	whole, shaped map[ident.Instrument]time.Time
	// unexplained are tokens of which the last turn could not tell why something cannot be paid.
	unexplained map[ident.Instrument]bool
}

// wrongClock is why this instance does nothing although nothing else is wrong.
func (d *dispatcher) wrongClock() error {
	if differs := d.clockDiffers(d.view.Load()); differs != "" {
		return errors.New(differs)
	}

	return nil
}

// timely is a round that may not take for ever: a lock in the database that nobody gives back must be seen.
func (d *dispatcher) timely(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, d.config.RoundTimeout)
	defer cancel()

	return d.round(ctx)
}

// room is how many more jobs can be taken without any lying about: as many as the workers have hands for, and as may be
// submitted soon.
func (d *dispatcher) room() int {
	busy := int(d.busy.Load())

	return min(cap(d.jobs), d.pace.Allowance()) - busy
}

// round takes up what is due and plans what waits. It reports whether there was anything.
func (d *dispatcher) round(ctx context.Context) (bool, error) {
	v, err := d.look(ctx)
	if err != nil {
		return false, err
	}

	found := false

	if reason := d.clockDiffers(v); reason == "" {
		if found, err = d.claim(ctx); err != nil {
			return found, err
		}
	}

	now := d.Clock.Now()

	waiting, err := d.DB.WaitingInstruments(ctx, d.treasury, slices.Collect(maps.Keys(v.policies)), now)
	if err != nil {
		return found, err
	}

	for instrument, policy := range v.policies {
		if !waiting[instrument] && !d.shapes(instrument, policy, now) {
			continue
		}

		planned, err := d.turn(ctx, v, instrument, policy)
		if err != nil {
			return found, err
		}

		found = found || planned
	}

	return found, nil
}

func (d *dispatcher) claim(ctx context.Context) (bool, error) {
	room := d.room()
	if room <= 0 {
		return false, nil
	}

	now := d.Clock.Now()

	jobs, err := d.DB.ClaimWithdrawals(ctx, d.treasury, now, now.Add(d.config.Lease), room)
	if err != nil {
		return false, err
	}

	d.hand(ctx, jobs)

	return len(jobs) > 0, nil
}

// hand gives jobs to the workers. There is room for them.
func (d *dispatcher) hand(ctx context.Context, jobs []store.Job) {
	for _, j := range jobs {
		d.busy.Add(1)

		select {
		case d.jobs <- j:
		case <-ctx.Done(): // the lease ends, and somebody takes it up
			d.busy.Add(-1)

			return
		}
	}
}

// turn plans one token. It reports whether anything was given out.
func (d *dispatcher) turn(
	ctx context.Context, v *view, instrument ident.Instrument, policy withdrawal.Policy,
) (bool, error) {
	now := d.Clock.Now()

	if reason := d.standstill(v, instrument, now); reason != "" {
		return false, d.explain(ctx, instrument, reason, now)
	}

	room := d.room()
	for _, about := range []string{registryOf(instrument.Admin), theNode, preparing(instrument)} {
		if d.breaker.Suspect(about) {
			room = min(room, 1) // one job is enough to find out
		}
	}

	if room <= 0 {
		return false, nil
	}

	p := planning{
		policy: policy, party: d.config.Party, instrument: instrument, clocks: v.clocks, now: now,
		maxLag: d.maxLag, room: room, shape: d.shapes(instrument, policy, now), newID: d.internalID,
	}
	limits := store.TurnLimits{Waiting: waitingRead, Holdings: holdingsRead, LeaseUntil: now.Add(d.config.Lease)}

	if d.unexplained[instrument] && now.Sub(d.whole[instrument]) >= wholeEvery {
		limits.Holdings = wholePool
		d.whole[instrument] = now
	}

	jobs, err := d.DB.PlanTurn(ctx, d.treasury, d.config.Party, instrument, now, v.latest(), limits, p.decide)
	if err != nil {
		return false, err
	}

	// What a part of the pool could not tell is asked of the whole, whatever the turns in between find.
	d.unexplained[instrument] = p.unexplained || (d.unexplained[instrument] && limits.Holdings != wholePool)

	if p.shape {
		d.shaped[instrument] = now
	}

	d.Metrics.planned(len(jobs), d.Clock.Now().Sub(now))
	d.hand(ctx, jobs)

	return len(jobs) > 0, nil
}

// shapes reports whether it is time to shape a token's pool.
func (d *dispatcher) shapes(instrument ident.Instrument, policy withdrawal.Policy, now time.Time) bool {
	return policy.Shapes(now) && now.Sub(d.shaped[instrument]) >= shapeEvery && !d.breaker.Open(shaping(instrument), now)
}

// internalID names a transfer of the treasury to itself. It is random: a number would come again after a restore.
func (d *dispatcher) internalID() (string, error) {
	id, err := uuid.NewRandomFromReader(d.Random)
	if err != nil {
		return "", fmt.Errorf("name a transfer to oneself: %w", err)
	}

	return withdrawal.InternalPrefix + id.String(), nil
}

// standstill says why nothing of a token may be paid now; empty if it may.
func (d *dispatcher) standstill(v *view, instrument ident.Instrument, now time.Time) withdrawal.Reason {
	switch {
	case v.isFrozen(instrument):
		return withdrawal.Frozen
	case d.clockDiffers(v) != "":
		return withdrawal.ClockDiffers
	case now.Sub(v.latest()) > d.maxLag:
		return withdrawal.IngestionBehind
	case d.breaker.Open(theNode, now):
		return withdrawal.NodeUnavailable
	case d.breaker.Open(preparing(instrument), now):
		return withdrawal.NodeRefuses
	case d.breaker.Open(registryOf(instrument.Admin), now):
		return withdrawal.RegistryUnavailable
	default:
		return withdrawal.Reason(d.pace.Standstill())
	}
}

// clockDiffers says how our clock is wrong; empty if it is not.
func (d *dispatcher) clockDiffers(v *view) string {
	return custody.ClockDiffers(v.skew, v.latest().Sub(d.Clock.Now()), d.config.MaxSkew, d.config.Tolerance/2)
}

// explain says of what waits why it waits, and has it left alone for a moment.
func (d *dispatcher) explain(
	ctx context.Context, instrument ident.Instrument, reason withdrawal.Reason, now time.Time,
) error {
	limits := store.TurnLimits{Waiting: waitingRead, Holdings: 1, LeaseUntil: now}

	_, err := d.DB.PlanTurn(ctx, d.treasury, d.config.Party, instrument, now, now, limits,
		func(t store.Turn) (store.Plan, error) {
			var plan store.Plan

			again := now.Add(standstillPause)
			if reason == withdrawal.ClockDiffers {
				again = time.Time{} // an instance whose clock is right may pay them at once
			}

			for _, w := range t.Waiting {
				plan.Notes = append(plan.Notes, store.WaitingNote{
					ID: w.ID, Reason: reason, Overtaken: w.Overtaken, NextAt: again,
				})
			}

			return plan, nil
		})
	if err == nil && !d.told.Repeats(instrument.String()+string(reason), now) {
		d.Logger.WarnContext(ctx, "nothing is paid now", slog.String("instrument", instrument.String()),
			slog.String("reason", string(reason)))
	}

	return err
}

// standstillPause is how long withdrawals that cannot be paid for a general reason are left alone.
const standstillPause = 3 * time.Second
