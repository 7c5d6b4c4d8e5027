// Package weather is how a network treats those who submit to it: the faults of the sandbox, and a proxy that gets things
// wrong, for a while each. Nothing that customers run imports it.
package weather

import (
	"math/rand/v2"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

const (
	executes     = "/v2/interactive-submission/execute"
	prepares     = "/v2/interactive-submission/prepare"
	submissions  = "/v2/interactive-submission"
	registryPath = "/api"
)

// Weather is what the node and the registries are like for a while.
type Weather struct {
	Name string
	// Cards is how often it comes in a round.
	Cards int
	// Rules are the sandbox's faults, Meddling what the proxy before it does.
	Rules    func(*rand.Rand) []fault.Rule
	Meddling Meddling
}

func oneIn(n int) fault.Probability { return fault.Probability{Hits: 1, Of: n} }

func by(kind fault.Kind, p fault.Probability, path string) fault.Rule {
	return fault.Rule{Kind: kind, Probability: p, Match: fault.Match{Path: path}}
}

// OnTheWay befalls submissions and their answers. Delays are chosen around the programs' time-outs and the windows in
// which submissions may commit.
func OnTheWay() []Weather {
	return []Weather{
		{Name: "calm", Cards: 3, Rules: func(*rand.Rand) []fault.Rule { return nil }},
		{Name: "replies lost after the commit", Cards: 2, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.ReplyLost, oneIn(2), executes), by(fault.ReplyLost, oneIn(8), submissions)}
		}},
		{Name: "replies later than anybody waits", Cards: 1, Rules: func(rng *rand.Rand) []fault.Rule {
			r := by(fault.ReplyDelayed, oneIn(3), executes)
			r.Delay = chance.Millis(rng, 1500, 4000)

			return []fault.Rule{r}
		}},
		{Name: "submissions doubled", Cards: 2, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.DuplicateSubmission, Probability: oneIn(2)}}
		}},
		{Name: "never sequenced", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NotSequenced, Probability: oneIn(3)}}
		}},
		{Name: "sequenced late", Cards: 2, Rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{
				{Kind: fault.SequencingDelayed, Probability: oneIn(3), Delay: chance.Millis(rng, 300, 6000)},
				{Kind: fault.SequencingDelayed, Probability: oneIn(3), Delay: chance.Millis(rng, 300, 2000)},
			}
		}},
		{Name: "late, doubled, and nobody hears", Cards: 1, Rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{
				{Kind: fault.SequencingDelayed, Probability: oneIn(2), Delay: chance.Millis(rng, 300, 2500)},
				{Kind: fault.DuplicateSubmission, Probability: oneIn(2)}, by(fault.ReplyLost, oneIn(2), executes),
			}
		}},
		{Name: "backpressure", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.SequencerBackpressure, Probability: oneIn(3)}}
		}},
		{Name: "no traffic", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.TrafficExhausted, Probability: oneIn(4), Times: 2}}
		}},
	}
}

// AtTheNode befalls whole servers.
func AtTheNode() []Weather {
	return []Weather{
		{Name: "refused at the door", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.Status503, oneIn(4), submissions), by(fault.Status429, oneIn(6), submissions)}
		}},
		{Name: "garbled answers", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.GarbledAnswer, oneIn(4), submissions), by(fault.GarbledAnswer, oneIn(6), registryPath)}
		}},
		{Name: "the node restarts", Cards: 1, Rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NodeRestart, Delay: chance.Millis(rng, 200, 900)}}
		}},
		{Name: "the node is down", Cards: 1, Rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.NodeDown, Delay: chance.Millis(rng, 200, 1200)}}
		}},
		{Name: "streams are cut", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.StreamCut, Every: 150 * time.Millisecond}}
		}},
		{Name: "tokens are refused", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{by(fault.TokensRejected, oneIn(4), "")}
		}},
		{Name: "registries down", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.RegistryDown, Probability: oneIn(2)}}
		}},
		{Name: "registries of yesterday", Cards: 1, Rules: func(*rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.RegistryStale, Probability: oneIn(3)}}
		}},
		{Name: "registries slow", Cards: 1, Rules: func(rng *rand.Rand) []fault.Rule {
			r := by(fault.ReplyDelayed, oneIn(2), registryPath)
			r.Delay = chance.Millis(rng, 200, 1500)

			return []fault.Rule{r}
		}},
		{Name: "the synchronizer is upgraded", Cards: 1, Rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.UpgradePause, Delay: chance.Millis(rng, 200, 900)}}
		}},
	}
}

// Meddled is what the proxy does to submissions.
func Meddled() []Weather {
	return []Weather{
		{Name: "told that it was refused, when it was not", Cards: 2, Meddling: Meddling{Refuses: 2}, Rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{{Kind: fault.SequencingDelayed, Probability: oneIn(2), Delay: chance.Millis(rng, 200, 1500)}} // history has not the first word
		}},
		{Name: "told that it was made, when it was not", Cards: 1, Meddling: Meddling{Claims: 4}},
		{Name: "asked for once, handed in twice", Cards: 1, Meddling: Meddling{Repeats: 2}},
		{Name: "held back on the way", Cards: 1, Meddling: Meddling{Holds: 3}},
	}
}

// Lies are a node that wants something else signed than it was asked to prepare.
func Lies() []Weather {
	kinds := []fault.Kind{fault.LieExtraNode, fault.LieRecipientOfChange, fault.LieHash, fault.LieMetadata, fault.LieDeadline}

	return []Weather{
		{Name: "the node lies", Cards: 1, Rules: func(rng *rand.Rand) []fault.Rule {
			return []fault.Rule{by(kinds[rng.IntN(len(kinds))], fault.Probability{}, prepares)}
		}},
		{Name: "something else is prepared", Cards: 2, Meddling: Meddling{Forges: 2}},
	}
}

// Misled is a registry that says what is not so of the offers that are to be accepted.
func Misled() []Weather {
	return []Weather{{Name: "registries lie", Cards: 2, Meddling: Meddling{Misleads: 2}}}
}
