package payments

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

const (
	executes     = "/v2/interactive-submission/execute"
	submissions  = "/v2/interactive-submission"
	registryPath = "/api"
)

// weather is what the node and the registries are like for a while.
type weather struct {
	name string
	odds int
	// rules are the sandbox's faults, meddling what stands between it and payments.
	rules    func(*rand.Rand) []fault.Rule
	meddling meddling
}

func oneIn(n int) fault.Probability { return fault.Probability{Hits: 1, Of: n} }

func millis(rng *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+rng.IntN(most-least+1)) * time.Millisecond
}

func by(kind fault.Kind, p fault.Probability, path string) fault.Rule {
	return fault.Rule{Kind: kind, Probability: p, Match: fault.Match{Path: path}}
}

// weathers are all there are. Delays are chosen around the programs' time-outs and the attempts' windows.
func weathers() []weather {
	return []weather{
		{name: "calm", odds: 22, rules: func(*rand.Rand) []fault.Rule { return nil }},
		{name: "replies lost after the commit", odds: 8, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.ReplyLost, oneIn(2), executes), by(fault.ReplyLost, oneIn(8), submissions)}
		}},
		{name: "replies later than anybody waits", odds: 5, rules: func(rng *rand.Rand) []fault.Rule {
			r := by(fault.ReplyDelayed, oneIn(3), executes)
			r.Delay = millis(rng, 1500, 4000)

			return []fault.Rule{r}
		}},
		{name: "submissions doubled", odds: 8, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.DuplicateSubmission, Probability: oneIn(2)}}
		}},
		{name: "never sequenced", odds: 7, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NotSequenced, Probability: oneIn(3)}}
		}},
		{name: "sequenced late", odds: 8, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{
				{Kind: fault.SequencingDelayed, Probability: oneIn(3), Delay: millis(rng, 300, 6000)},
				{Kind: fault.SequencingDelayed, Probability: oneIn(3), Delay: millis(rng, 300, 2000)},
			}
		}},
		{name: "late, doubled, and nobody hears", odds: 6, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{
				{Kind: fault.SequencingDelayed, Probability: oneIn(2), Delay: millis(rng, 300, 2500)},
				{Kind: fault.DuplicateSubmission, Probability: oneIn(2)}, by(fault.ReplyLost, oneIn(2), executes),
			}
		}},
		{name: "backpressure", odds: 6, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.SequencerBackpressure, Probability: oneIn(3)}}
		}},
		{name: "no traffic", odds: 2, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.TrafficExhausted, Probability: oneIn(4), Times: 2}}
		}},
		{name: "refused at the door", odds: 5, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.Status503, oneIn(4), submissions), by(fault.Status429, oneIn(6), submissions)}
		}},
		{name: "garbled answers", odds: 4, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.GarbledAnswer, oneIn(4), submissions), by(fault.GarbledAnswer, oneIn(6), registryPath)}
		}},
		{name: "the node restarts", odds: 5, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NodeRestart, Delay: millis(rng, 200, 900)}}
		}},
		{name: "the node is down", odds: 4, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NodeDown, Delay: millis(rng, 200, 1200)}}
		}},
		{name: "streams are cut", odds: 4, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.StreamCut, Every: 150 * time.Millisecond}}
		}},
		{name: "tokens are refused", odds: 2, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.TokensRejected, oneIn(4), "")}
		}},
		{name: "registries down", odds: 5, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.RegistryDown, Probability: oneIn(2)}}
		}},
		{name: "registries of yesterday", odds: 5, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.RegistryStale, Probability: oneIn(3)}}
		}},
		{name: "registries slow", odds: 4, rules: func(rng *rand.Rand) []fault.Rule {
			r := by(fault.ReplyDelayed, oneIn(2), registryPath)
			r.Delay = millis(rng, 200, 1500)

			return []fault.Rule{r}
		}},
		{name: "the synchronizer is upgraded", odds: 3, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.UpgradePause, Delay: millis(rng, 200, 900)}}
		}},
		{name: "told that it was refused, when it was not", odds: 8, meddling: meddling{refuses: 3}},
		{name: "told that it was made, when it was not", odds: 4, meddling: meddling{claims: 4}},
		{name: "asked for once, handed in twice", odds: 5, meddling: meddling{repeats: 2}},
		{name: "held back on the way", odds: 5, meddling: meddling{holds: 3}},
	}
}

// blow changes the weather until ctx ends.
func (c *Campaign) blow(ctx context.Context) {
	rng := source(c.cfg.Seed, "weather")

	for ctx.Err() == nil {
		w := pick(rng, weathers(), func(w weather) int { return w.odds })
		if err := c.let(rng, w); err != nil {
			c.fail(err)

			return
		}

		wait(ctx, millis(rng, 300, 1800))
		c.noteFaults()
	}

	c.ledger.Faults().Clear()
	c.meddler.set(meddling{})
}

func (c *Campaign) let(rng *rand.Rand, w weather) error {
	var rules []fault.Rule
	if w.rules != nil {
		rules = w.rules(rng)
	}

	c.did("weather: " + w.name)

	seed := rng.Uint64()

	if _, err := c.ledger.Faults().Replace(rules); err != nil {
		return err
	}

	c.ledger.Faults().Reseed(seed)
	c.meddler.set(w.meddling)

	return nil
}

// noteFaults counts what struck, before the next weather forgets it.
func (c *Campaign) noteFaults() {
	_, rules := c.ledger.Faults().Standing()

	c.world.mu.Lock()
	defer c.world.mu.Unlock()

	for _, r := range rules {
		c.report.Faults[string(r.Rule.Kind)] += r.Fired
	}
}

// pick chooses one by its odds.
func pick[T any](rng *rand.Rand, list []T, odds func(T) int) T {
	total := 0
	for _, one := range list {
		total += odds(one)
	}

	at := rng.IntN(total)

	for _, one := range list {
		if at -= odds(one); at < 0 {
			return one
		}
	}

	return list[0]
}
