package weather

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// Sky has one weather after the other over a network.
type Sky struct {
	faults  *fault.Plan
	meddler *Meddler
	strikes *Strikes
	rng     *rand.Rand
	deck    *chance.Deck[Weather]

	mu   sync.Mutex
	days map[string]int
}

// NewSky makes a sky with these weathers. strikes must be the handler of the sandbox's logger.
func NewSky(faults *fault.Plan, meddler *Meddler, strikes *Strikes, rng *rand.Rand, all []Weather) *Sky {
	return &Sky{
		faults: faults, meddler: meddler, strikes: strikes, rng: rng, days: map[string]int{},
		deck: chance.NewDeck(rng, all, func(w Weather) int { return w.Cards }),
	}
}

// Blow changes the weather until ctx ends, and leaves it fair.
func (s *Sky) Blow(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := s.let(s.deck.Deal()); err != nil {
			return err
		}

		timer := time.NewTimer(chance.Millis(s.rng, 300, 1800))

		select {
		case <-ctx.Done():
		case <-timer.C:
		}

		timer.Stop()
	}

	s.faults.Clear()
	s.meddler.Set(Meddling{})

	return nil
}

func (s *Sky) let(w Weather) error {
	var rules []fault.Rule
	if w.Rules != nil {
		rules = w.Rules(s.rng)
	}

	seed := s.rng.Uint64()

	if _, err := s.faults.Replace(rules); err != nil {
		return fmt.Errorf("let %s be: %w", w.Name, err)
	}

	s.faults.Reseed(seed)
	s.meddler.Set(w.Meddling)

	s.mu.Lock()
	defer s.mu.Unlock()

	s.days["weather: "+w.Name]++

	return nil
}

// Struck is how often each weather was, each kind of fault struck, and the meddler meddled.
func (s *Sky) Struck() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()

	struck := maps.Clone(s.days)
	maps.Copy(struck, s.strikes.Counts())

	for name, n := range s.meddler.Counts() {
		struck["meddler "+name] = n
	}

	return struck
}
