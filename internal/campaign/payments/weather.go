package payments

import (
	"context"
	"math/rand/v2"
	"slices"
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
	// cards is how often it comes in a round.
	cards int
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
	return slices.Concat(onTheWay(), atTheNode(), []weather{
		{name: "told that it was refused, when it was not", cards: 2, meddling: meddling{refuses: 2}, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.SequencingDelayed, Probability: oneIn(2), Delay: millis(rng, 200, 1500)}} // history has not the first word
		}},
		{name: "told that it was made, when it was not", cards: 1, meddling: meddling{claims: 4}},
		{name: "asked for once, handed in twice", cards: 1, meddling: meddling{repeats: 2}},
		{name: "held back on the way", cards: 1, meddling: meddling{holds: 3}},
	})
}

// onTheWay befalls submissions and their answers.
func onTheWay() []weather {
	return []weather{
		{name: "calm", cards: 3, rules: func(*rand.Rand) []fault.Rule { return nil }},
		{name: "replies lost after the commit", cards: 2, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.ReplyLost, oneIn(2), executes), by(fault.ReplyLost, oneIn(8), submissions)}
		}},
		{name: "replies later than anybody waits", cards: 1, rules: func(rng *rand.Rand) []fault.Rule {
			r := by(fault.ReplyDelayed, oneIn(3), executes)
			r.Delay = millis(rng, 1500, 4000)

			return []fault.Rule{r}
		}},
		{name: "submissions doubled", cards: 2, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.DuplicateSubmission, Probability: oneIn(2)}}
		}},
		{name: "never sequenced", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NotSequenced, Probability: oneIn(3)}}
		}},
		{name: "sequenced late", cards: 2, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{
				{Kind: fault.SequencingDelayed, Probability: oneIn(3), Delay: millis(rng, 300, 6000)},
				{Kind: fault.SequencingDelayed, Probability: oneIn(3), Delay: millis(rng, 300, 2000)},
			}
		}},
		{name: "late, doubled, and nobody hears", cards: 1, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{
				{Kind: fault.SequencingDelayed, Probability: oneIn(2), Delay: millis(rng, 300, 2500)},
				{Kind: fault.DuplicateSubmission, Probability: oneIn(2)}, by(fault.ReplyLost, oneIn(2), executes),
			}
		}},
		{name: "backpressure", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.SequencerBackpressure, Probability: oneIn(3)}}
		}},
		{name: "no traffic", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.TrafficExhausted, Probability: oneIn(4), Times: 2}}
		}},
	}
}

// atTheNode befalls whole servers.
func atTheNode() []weather {
	return []weather{
		{name: "refused at the door", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.Status503, oneIn(4), submissions), by(fault.Status429, oneIn(6), submissions)}
		}},
		{name: "garbled answers", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.GarbledAnswer, oneIn(4), submissions), by(fault.GarbledAnswer, oneIn(6), registryPath)}
		}},
		{name: "the node restarts", cards: 1, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NodeRestart, Delay: millis(rng, 200, 900)}}
		}},
		{name: "the node is down", cards: 1, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NodeDown, Delay: millis(rng, 200, 1200)}}
		}},
		{name: "streams are cut", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.StreamCut, Every: 150 * time.Millisecond}}
		}},
		{name: "tokens are refused", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.TokensRejected, oneIn(4), "")}
		}},
		{name: "registries down", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.RegistryDown, Probability: oneIn(2)}}
		}},
		{name: "registries of yesterday", cards: 1, rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.RegistryStale, Probability: oneIn(3)}}
		}},
		{name: "registries slow", cards: 1, rules: func(rng *rand.Rand) []fault.Rule {
			r := by(fault.ReplyDelayed, oneIn(2), registryPath)
			r.Delay = millis(rng, 200, 1500)

			return []fault.Rule{r}
		}},
		{name: "the synchronizer is upgraded", cards: 1, rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.UpgradePause, Delay: millis(rng, 200, 900)}}
		}},
	}
}

// blow changes the weather until ctx ends.
func (c *Campaign) blow(ctx context.Context) {
	rng := source(c.cfg.Seed, "weather")
	all := deck[weather]{rng: rng, all: weathers(), cards: func(w weather) int { return w.cards }}

	for ctx.Err() == nil {
		if err := c.let(rng, all.deal()); err != nil {
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

// deck deals everything there is before anything comes again, so that a short campaign has seen it all.
type deck[T any] struct {
	rng   *rand.Rand
	all   []T
	cards func(T) int
	left  []T
}

func (d *deck[T]) deal() T {
	if len(d.left) == 0 {
		for _, one := range d.all {
			for range d.cards(one) {
				d.left = append(d.left, one)
			}
		}

		d.rng.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}

	next := d.left[0]
	d.left = d.left[1:]

	return next
}
