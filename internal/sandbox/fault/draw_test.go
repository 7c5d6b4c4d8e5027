package fault_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

var (
	paths   = []string{"", "/", "/v2/updates", "/v2/interactive-submission/prepare", "/registry?x=1"}
	parties = []string{"", "alice::", "alice::1220aa", "bob::1220bb"}
)

func anyProbability(t *rapid.T) fault.Probability {
	of := rapid.IntRange(0, 1000).Draw(t, "of")

	return fault.Probability{Hits: rapid.IntRange(0, of).Draw(t, "hits"), Of: of}
}

func anyDuration(t *rapid.T, lowest, highest time.Duration, label string) time.Duration {
	return time.Duration(rapid.Int64Range(int64(lowest), int64(highest)).Draw(t, label))
}

// anyRule is a rule that passes Check, of any kind.
func anyRule(t *rapid.T) fault.Rule {
	entry := rapid.SampledFrom(fault.Catalogue()).Draw(t, "kind")
	r := fault.Rule{Kind: entry.Kind, Probability: anyProbability(t)}

	if entry.Strikes != fault.ByChance && rapid.Bool().Draw(t, "by time") {
		r.Every = anyDuration(t, 10*time.Millisecond, 365*24*time.Hour, "every")
	}

	switch once := entry.Strikes == fault.ByTime && r.Every == 0; {
	case once:
		r.Times = rapid.IntRange(0, 1).Draw(t, "times")
	default:
		r.Times = rapid.IntRange(0, 1_000_000_000).Draw(t, "times")
		r.After = rapid.IntRange(0, 1_000_000_000).Draw(t, "after")
	}

	if entry.Strikes != fault.ByTime && r.Every == 0 {
		r.Match = fault.Match{
			Path: rapid.SampledFrom(paths).Draw(t, "path"), Party: rapid.SampledFrom(parties).Draw(t, "party"),
		}
	}

	if entry.Delay != "" {
		r.Delay = anyDuration(t, 0, 24*time.Hour, "delay")
	}

	if entry.Kind == fault.ClockJump && rapid.Bool().Draw(t, "back") {
		r.Delay = -r.Delay
	}

	if entry.Size != "" {
		r.Size = rapid.IntRange(0, 1_000_000_000).Draw(t, "size")
	}

	return r
}

// chanceRule is a rule of a kind that strikes by chance, small enough that a short walk uses it up.
func chanceRule(t *rapid.T, kind fault.Kind) fault.Rule {
	return fault.Rule{
		Kind: kind, Probability: anyProbability(t),
		After: rapid.IntRange(0, 5).Draw(t, "after"), Times: rapid.IntRange(0, 5).Draw(t, "times"),
		Match: fault.Match{Path: rapid.SampledFrom(paths).Draw(t, "path")},
	}
}

type asked struct {
	kind   fault.Kind
	chance fault.Chance
}

// anyWalk is a sequence of questions about some kinds.
func anyWalk(t *rapid.T, kinds ...fault.Kind) []asked {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) asked {
		return asked{
			kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
			chance: fault.Chance{
				Path:  rapid.SampledFrom(paths).Draw(t, "path"),
				Party: ident.Party(rapid.SampledFrom(parties).Draw(t, "party")),
			},
		}
	}), 0, 200).Draw(t, "walk")
}

// take asks a plan everything and tells the outcomes.
func take(p *fault.Plan, walk []asked) []bool {
	var outcomes []bool

	for _, a := range walk {
		_, hit := p.Take(a.kind, a.chance)
		outcomes = append(outcomes, hit)
	}

	return outcomes
}
