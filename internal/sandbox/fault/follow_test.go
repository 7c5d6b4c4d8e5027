package fault_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

func TestFollow(t *testing.T) {
	t.Parallel()

	var (
		seen  []fault.Strike
		woken int
	)

	p := fault.New(1)
	p.Follow(func(s fault.Strike) { seen = append(seen, s) }, func() { woken++ })
	require.False(t, p.Armed())
	require.False(t, p.Timed())

	_, err := p.Add(fault.Rule{Kind: fault.LieMemo, After: 1, Times: 1})
	require.NoError(t, err)
	require.True(t, p.Armed())
	require.Zero(t, woken, "nothing is due to look for")

	id, err := p.Add(fault.Rule{Kind: fault.ClockJump})
	require.NoError(t, err)
	require.True(t, p.Timed())
	require.Equal(t, 1, woken)

	chance := fault.Chance{Path: "/v2/interactive-submission/prepare", Party: "a::b"}

	p.Take(fault.LieMemo, chance)
	require.Empty(t, seen, "a chance that passes is no strike")

	p.Take(fault.LieMemo, chance)
	require.Equal(t, []fault.Strike{{ID: "lie-memo-1", Rule: fault.Rule{Kind: fault.LieMemo, After: 1, Times: 1}, Chance: chance}}, seen)
	require.False(t, p.Armed(), "it is used up")

	require.Len(t, p.Due(time.Unix(1, 0)), 1)
	require.Equal(t, id, seen[1].ID)
	require.Equal(t, fault.Chance{}, seen[1].Chance)
	require.False(t, p.Timed())
}
