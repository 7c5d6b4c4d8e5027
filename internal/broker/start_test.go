package broker

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

func TestWherePublishingStarts(t *testing.T) {
	t.Parallel()

	head := store.EventHead{Seq: 100, Pruned: 20}
	holds := func(seq int64) Place { return Place{Known: true, Last: event.Place{Seq: seq}} }
	elsewhere := func(seq int64) Place { return Place{Elsewhere: event.Place{Seq: seq}} }

	for name, c := range map[string]struct {
		told  int64
		has   Place
		other bool
		after int64
		why   reason
	}{
		"the broker does not say":                       {told: 50, after: 50},
		"nothing to say, and a part forgotten":          {told: 19, after: 20, why: gone},
		"just nothing forgotten":                        {told: 20, after: 20},
		"both agree":                                    {told: 50, has: holds(50), after: 50},
		"acknowledged, and stopped before it was noted": {told: 50, has: holds(60), after: 60},
		"all acknowledged":                              {told: 50, has: holds(100), after: 100},
		"the broker lost some":                          {told: 50, has: holds(40), after: 40},
		"the broker lost some that are not kept":        {told: 50, has: holds(10), after: 20, why: gone},
		"the note is old, the broker is not":            {told: 10, has: holds(30), after: 30},
		"a new broker":                                  {told: 20, has: holds(0), after: 20},
		"a broker made anew":                            {told: 50, has: holds(0), after: 20},
		"a broker made anew, and a part forgotten":      {told: 10, has: holds(0), after: 20, why: gone},
		"more than there is":                            {told: 50, has: holds(101), other: true, after: 50, why: diverged},
		"another event at this place":                   {told: 50, has: holds(50), other: true, after: 50, why: diverged},
		"another event, and a part forgotten":           {told: 10, has: holds(50), other: true, after: 20, why: diverged},
		"told more than there is":                       {told: 101, after: 100, why: diverged},
		"told more than there is, and lost it":          {told: 101, has: holds(100), after: 100, why: diverged},
		"told more than there is, and lost all":         {told: 101, has: holds(0), after: 100, why: diverged},
		"the last one is elsewhere":                     {told: 50, has: elsewhere(50), after: 50, why: moved},
		"a later one is elsewhere":                      {told: 50, has: elsewhere(60), after: 60, why: moved},
		"one is elsewhere, and later ones were told":    {told: 50, has: elsewhere(49), after: 50},
		"none is where they would go":                   {told: 50, has: Place{Moved: true}, after: 50, why: moved},
		"none is there, and none was told":              {told: 0, has: Place{Moved: true}, after: 20, why: gone},
	} {
		after, why := start(c.told, head, c.has.settled(c.told), !c.other)
		require.Equal(t, c.after, after, name)
		require.Equal(t, c.why, why, name)
	}

	after, why := start(0, store.EventHead{Seq: 100}, Place{Moved: true}, true)
	require.Zero(t, after, "nothing was told, so nothing is elsewhere")
	require.Empty(t, why)
}

func TestTokens(t *testing.T) {
	t.Parallel()

	require.Equal(t, "treasury-5381dea0be2d", Token("treasury::1220aa"))

	seen := map[string]bool{}

	for _, party := range []string{"a.b::1220aa", "a-b::1220aa", "a b::1220aa", "a*>::1220aa", "a.b::1220ab", "ü::1220aa", "::1220aa"} {
		token := Token(ident.Party(party))
		require.Regexp(t, `^[A-Za-z0-9-]{13,45}$`, token)
		require.False(t, seen[token], party)
		seen[token] = true
	}
}
