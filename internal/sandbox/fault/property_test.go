package fault_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

func TestSameSeedSameOutcome(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		rules := []fault.Rule{
			chanceRule(t, fault.ReplyLost), chanceRule(t, fault.ReplyLost), chanceRule(t, fault.LieMemo),
		}
		walk := anyWalk(t, fault.ReplyLost, fault.LieMemo, fault.NodeDown)

		p := planOf(t, seed, rules...)
		first := take(p, walk)
		standing := tallies(p)

		require.Equal(t, first, take(planOf(t, seed, rules...), walk), "another plan")

		_, err := p.Replace(rules)
		require.NoError(t, err)
		require.Equal(t, first, take(p, walk), "the same plan, replaced")
		require.Equal(t, standing, tallies(p))

		p.Reseed(seed + 1)
		p.Reseed(seed)
		require.Equal(t, first, take(p, walk), "the same plan, seeded again")
		require.Equal(t, standing, tallies(p))
	})
}

func TestSeedDecides(t *testing.T) {
	t.Parallel()

	walk := make([]asked, 200)
	for i := range walk {
		walk[i].kind = fault.ReplyLost
	}

	half := fault.Rule{Kind: fault.ReplyLost, Probability: fault.Probability{Hits: 1, Of: 2}}
	seen := map[string]bool{}

	for seed := range uint64(20) {
		p := planOf(t, seed, half)
		seen[fmt.Sprint(take(p, walk))] = true

		fired := tallies(p)[0].Fired
		require.Greater(t, fired, 60, "seed %d", seed)
		require.Less(t, fired, 140, "seed %d", seed)
	}

	require.Len(t, seen, 20)
}

func TestKindsAreIndependent(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		ours := []fault.Rule{chanceRule(t, fault.ReplyLost), chanceRule(t, fault.ReplyLost)}
		others := []fault.Rule{
			chanceRule(t, fault.LieHash), chanceRule(t, fault.LieHash), chanceRule(t, fault.NodeDown),
		}

		mixed := fault.New(seed)

		for _, r := range rapid.Permutation(append(others, ours[0])).Draw(t, "order") {
			_, err := mixed.Add(r)
			require.NoError(t, err)
		}

		_, err := mixed.Add(ours[1])
		require.NoError(t, err)

		walk := anyWalk(t, fault.ReplyLost, fault.LieHash, fault.NodeDown)

		var alone, among []bool

		single := planOf(t, seed, ours...)

		for _, a := range walk {
			_, hit := mixed.Take(a.kind, a.chance)
			if a.kind == fault.ReplyLost {
				among = append(among, hit)
				alone = append(alone, take(single, []asked{a})...)
			}
		}

		require.Equal(t, alone, among)
	})
}

func TestTimesAndAfter(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		r := chanceRule(t, fault.ReplyLost)
		r.Match = fault.Match{}
		p := planOf(t, rapid.Uint64().Draw(t, "seed"), r)
		walk := anyWalk(t, fault.ReplyLost)

		fired := 0

		for i, hit := range take(p, walk) {
			if hit {
				fired++

				require.GreaterOrEqual(t, i, r.After)
			}
		}

		if r.Times > 0 {
			require.LessOrEqual(t, fired, r.Times)
		}

		require.Equal(t, fired, tallies(p)[0].Fired)

		if r.Times == 0 || fired < r.Times {
			require.Equal(t, len(walk), tallies(p)[0].Chances)
		}
	})
}

func TestCertainties(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		probability fault.Probability
		fires       bool
	}{
		"unset":     {fault.Probability{}, true},
		"1000/1000": {fault.Probability{Hits: 1000, Of: 1000}, true},
		"0/1000":    {fault.Probability{Hits: 0, Of: 1000}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			rapid.Check(t, func(t *rapid.T) {
				p := planOf(t, rapid.Uint64().Draw(t, "seed"), fault.Rule{Kind: fault.LieHash, Probability: c.probability})

				for _, hit := range take(p, anyWalk(t, fault.LieHash)) {
					require.Equal(t, c.fires, hit)
				}
			})
		})
	}
}

func TestAfterSkipsWithoutShifting(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		seed, after := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(0, 50).Draw(t, "after")
		r := fault.Rule{Kind: fault.LieHash, Probability: fault.Probability{Hits: 1, Of: 2}}
		walk := make([]asked, 100)

		for i := range walk {
			walk[i].kind = fault.LieHash
		}

		want := take(planOf(t, seed, r), walk)
		clear(want[:after])

		r.After = after
		require.Equal(t, want, take(planOf(t, seed, r), walk))
	})
}
