package fault_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func planOf(t require.TestingT, seed uint64, rules ...fault.Rule) *fault.Plan {
	p := fault.New(seed)

	for _, r := range rules {
		_, err := p.Add(r)
		require.NoError(t, err)
	}

	return p
}

func tallies(p *fault.Plan) []fault.Tally {
	_, rules := p.Standing()

	return rules
}

func TestMatch(t *testing.T) {
	t.Parallel()

	alice := ident.Party("alice::1220aa")

	for name, c := range map[string]struct {
		match  fault.Match
		chance fault.Chance
		hit    bool
	}{
		"everything":        {fault.Match{}, fault.Chance{Path: "/v2/updates", Party: alice}, true},
		"nothing to match":  {fault.Match{}, fault.Chance{}, true},
		"path prefix":       {fault.Match{Path: "/v2/"}, fault.Chance{Path: "/v2/updates"}, true},
		"other path":        {fault.Match{Path: "/v2/state"}, fault.Chance{Path: "/v2/updates"}, false},
		"path is longer":    {fault.Match{Path: "/v2/updates/flats"}, fault.Chance{Path: "/v2/updates"}, false},
		"not in the middle": {fault.Match{Path: "/updates"}, fault.Chance{Path: "/v2/updates"}, false},
		"party":             {fault.Match{Party: string(alice)}, fault.Chance{Party: alice}, true},
		"party by name":     {fault.Match{Party: "alice::"}, fault.Chance{Party: alice}, true},
		"other party":       {fault.Match{Party: "bob::"}, fault.Chance{Party: alice}, false},
		"no party asked":    {fault.Match{Party: "alice::"}, fault.Chance{Path: "/v2/updates"}, false},
		"only one of both":  {fault.Match{Path: "/v2", Party: "bob::"}, fault.Chance{Path: "/v2", Party: alice}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			p := planOf(t, 1, fault.Rule{Kind: fault.Status503, Match: c.match})
			rule, hit := p.Take(fault.Status503, c.chance)
			require.Equal(t, c.hit, hit)

			if hit {
				require.Equal(t, fault.Status503, rule.Kind)
				require.Equal(t, time.Second, rule.Delay, "the catalogue's default")
			}

			_, other := p.Take(fault.Status429, c.chance)
			require.False(t, other)
		})
	}
}

func TestTheFirstRuleThatStrikesAnswers(t *testing.T) {
	t.Parallel()

	p := planOf(t, 1,
		fault.Rule{Kind: fault.ReplyDelayed, Delay: time.Second, Times: 2},
		fault.Rule{Kind: fault.ReplyDelayed, Delay: time.Minute, Times: 1},
	)

	for _, want := range []time.Duration{time.Second, time.Second, time.Minute, 0, 0} {
		rule, hit := p.Take(fault.ReplyDelayed, fault.Chance{})
		require.Equal(t, want, rule.Delay)
		require.Equal(t, want != 0, hit)
	}

	for i, want := range []fault.Tally{{ID: "reply-delayed-1", Chances: 2, Fired: 2}, {ID: "reply-delayed-2", Chances: 1, Fired: 1}} {
		got := tallies(p)[i]
		require.Equal(t, want, fault.Tally{ID: got.ID, Chances: got.Chances, Fired: got.Fired})
	}
}

func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()

	const askers, each, times = 8, 500, 1234

	p := planOf(t, 1, fault.Rule{Kind: fault.ReplyLost, Probability: fault.Probability{Hits: 1, Of: 2}, Times: times})

	var (
		wg   sync.WaitGroup
		hits [askers]int
	)

	for i := range askers {
		wg.Go(func() {
			for range each {
				if _, hit := p.Take(fault.ReplyLost, fault.Chance{}); hit {
					hits[i]++
				}

				tallies(p)
			}
		})
	}

	wg.Wait()

	sum := 0
	for _, n := range hits {
		sum += n
	}

	require.Equal(t, times, sum)
	require.Equal(t, times, tallies(p)[0].Fired)
}

func TestDue(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(start)
	p := planOf(t, 1,
		fault.Rule{Kind: fault.StreamCut, Every: time.Minute, Times: 3},
		fault.Rule{Kind: fault.NodeDown, Every: 90 * time.Second, After: 1},
	)

	for _, step := range []struct {
		passes time.Duration
		due    []fault.Kind
		why    string
	}{
		{0, nil, "time begins with the first look"},
		{59 * time.Second, nil, ""},
		{time.Second, []fault.Kind{fault.StreamCut}, ""},
		{0, nil, "once at one time"},
		{30 * time.Second, nil, "the node's first chance is skipped"},
		{40 * time.Second, []fault.Kind{fault.StreamCut}, "10 s late"},
		{50 * time.Second, []fault.Kind{fault.StreamCut, fault.NodeDown}, "on the grid again, not 10 s late"},
		{time.Hour, []fault.Kind{fault.NodeDown}, "late looks are one; the cuts are used up"},
		{0, nil, ""},
		{-24 * time.Hour, nil, "a clock that goes back begins anew"},
		{89 * time.Second, nil, ""},
		{time.Second, []fault.Kind{fault.NodeDown}, ""},
	} {
		now.Advance(step.passes)

		var due []fault.Kind
		for _, r := range p.Due(now.Now()) {
			due = append(due, r.Kind)
		}

		require.Equal(t, step.due, due, "%v: %s", now.Now().Sub(start), step.why)
	}

	_, err := p.Add(fault.Rule{Kind: fault.ReplyLost})
	require.NoError(t, err)

	_, hit := p.Take(fault.NodeDown, fault.Chance{})
	require.False(t, hit, "a rule that strikes by time does not strike by chance")
}

func TestDueOnce(t *testing.T) {
	t.Parallel()

	p := planOf(t, 1, fault.Rule{Kind: fault.Prune}, fault.Rule{Kind: fault.UpgradePause, Probability: fault.Probability{Of: 1}})
	due := p.Due(start)
	require.Len(t, due, 1)
	require.Equal(t, fault.Prune, due[0].Kind)

	for i := range 10 {
		require.Empty(t, p.Due(start.Add(time.Duration(i)*time.Hour)))
	}

	p.Reseed(2)
	require.Len(t, p.Due(start), 1)
}

func TestNames(t *testing.T) {
	t.Parallel()

	p := fault.New(1)
	add := func(kind fault.Kind) fault.ID {
		id, err := p.Add(fault.Rule{Kind: kind})
		require.NoError(t, err)

		return id
	}

	require.Equal(t, fault.ID("prune-1"), add(fault.Prune))
	require.Equal(t, fault.ID("lie-memo-1"), add(fault.LieMemo))
	require.Equal(t, fault.ID("lie-memo-2"), add(fault.LieMemo))

	require.NoError(t, p.Remove("lie-memo-2"))
	require.ErrorIs(t, p.Remove("lie-memo-2"), fault.ErrUnknown)
	require.Equal(t, fault.ID("lie-memo-3"), add(fault.LieMemo), "a name is not given twice")

	_, hit := p.Take(fault.LieMemo, fault.Chance{})
	require.True(t, hit)

	p.Clear()
	require.Empty(t, tallies(p))

	_, hit = p.Take(fault.LieMemo, fault.Chance{})
	require.False(t, hit)
	require.Empty(t, p.Due(start))
	require.Equal(t, fault.ID("lie-memo-1"), add(fault.LieMemo))
}

func TestBounded(t *testing.T) {
	t.Parallel()

	rules := make([]fault.Rule, fault.MaxRules)
	for i := range rules {
		rules[i].Kind = fault.LieMemo
	}

	p := planOf(t, 1, rules...)

	_, err := p.Add(fault.Rule{Kind: fault.LieMemo})
	require.ErrorIs(t, err, fault.ErrFull)

	_, err = p.Replace(slices.Concat(rules, rules[:1]))
	require.ErrorIs(t, err, fault.ErrFull)

	_, err = p.Replace([]fault.Rule{{Kind: fault.LieHash}, {Kind: "no-such"}})
	require.ErrorIs(t, err, fault.ErrInvalid)
	require.ErrorContains(t, err, "rule 2")
	require.Len(t, tallies(p), fault.MaxRules, "a wrong rule changes nothing")

	require.NoError(t, p.Remove("lie-memo-1"))

	_, err = p.Add(fault.Rule{Kind: fault.LieMemo})
	require.NoError(t, err)
}

func BenchmarkTakeWithoutRules(b *testing.B) {
	p := fault.New(1)

	for b.Loop() {
		p.Take(fault.ReplyLost, fault.Chance{Path: "/v2/updates"})
	}
}
