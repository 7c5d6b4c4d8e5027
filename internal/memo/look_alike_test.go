package memo_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/memo/memotest"
)

// written draws a memo as an exchange may give it to a customer.
func written() *rapid.Generator[string] {
	return rapid.StringMatching(`[A-Za-z0-9]([A-Za-z0-9 _./#-]{0,40}[A-Za-z0-9])?`)
}

// TestLookAlikesAreStrangers: whoever writes a memo that only looks like a customer's gets nothing of the customer's.
func TestLookAlikesAreStrangers(t *testing.T) {
	t.Parallel()

	all := memotest.LookAlikes()

	rapid.Check(t, func(t *rapid.T) {
		mine := written().Draw(t, "memo")
		characters := []rune(mine)
		changed := false

		for i, r := range characters {
			if others := all[r]; len(others) > 0 && rapid.Bool().Draw(t, "replaced") {
				characters[i] = rapid.SampledFrom(others).Draw(t, "by")
				changed = true
			}
		}

		if changed {
			require.NotEqual(t, memo.Key(mine), memo.Key(string(characters)), "%+q", string(characters))
		}

		// What is not seen is there: put between, before or behind, it makes another memo.
		at := rapid.IntRange(0, len(mine)).Draw(t, "at")
		hidden := mine[:at] + rapid.SampledFrom(memotest.Unseen()).Draw(t, "unseen") + mine[at:]
		require.NotEqual(t, memo.Key(mine), memo.Key(hidden), "%+q", hidden)

		// And so is white space within.
		if at := rapid.IntRange(0, len(mine)).Draw(t, "blank at"); at > 0 && at < len(mine) {
			blank := mine[:at] + rapid.SampledFrom(memotest.Spaces()).Draw(t, "blank") + mine[at:]
			require.NotEqual(t, memo.Key(mine), memo.Key(blank), "%+q", blank)
		}
	})
}

// sameMemo says by the rule, in other words than the code's, whether two texts are the same memo of somebody.
func sameMemo(one, other string) bool {
	plain := func(text string) string {
		characters := []rune(text)
		for len(characters) > 0 && unicode.Is(unicode.White_Space, characters[0]) {
			characters = characters[1:]
		}

		for len(characters) > 0 && unicode.Is(unicode.White_Space, characters[len(characters)-1]) {
			characters = characters[:len(characters)-1]
		}

		for i, r := range characters {
			if at := strings.IndexRune("ABCDEFGHIJKLMNOPQRSTUVWXYZ", r); at >= 0 {
				characters[i] = []rune("abcdefghijklmnopqrstuvwxyz")[at]
			}
		}

		return string(characters)
	}

	return plain(one) == plain(other)
}

// TestOnlySurroundingsAndCaseAreForgiven, of whatever two texts that there are.
func TestOnlySurroundingsAndCaseAreForgiven(t *testing.T) {
	t.Parallel()

	around := rapid.Map(rapid.SliceOfN(rapid.SampledFrom(memotest.Spaces()), 0, 5), func(all []string) string { return strings.Join(all, "") })

	rapid.Check(t, func(t *rapid.T) {
		one := rapid.OneOf(hostile(), written()).Draw(t, "one")
		other := rapid.OneOf(hostile(), written(), rapid.Just(one), rapid.Just(strings.ToUpper(one))).Draw(t, "other")
		key := memo.Key(one)

		if key != "" && len(one) <= memo.MaxStored && len(other) <= memo.MaxStored {
			require.Equal(t, sameMemo(one, other), key == memo.Key(other), "%+q %+q", one, other)
		}

		padded := around.Draw(t, "before") + one + around.Draw(t, "behind")
		if len(padded) <= memo.MaxStored {
			require.Equal(t, key, memo.Key(padded), "%+q", padded)
		}
	})
}

// TestHostileMemosAreBounded: however long or broken a text is, its key fits the index, and both it and what is stored
// are texts that PostgreSQL takes.
func TestHostileMemosAreBounded(t *testing.T) {
	t.Parallel()

	holds := func(t require.TestingT, text string) {
		key, stored := memo.Key(text), memo.Stored(text)
		require.LessOrEqual(t, len(key), memo.MaxKey)
		require.LessOrEqual(t, len(stored), memo.MaxStored)

		for _, kept := range []string{key, stored} {
			require.True(t, utf8.ValidString(kept))
			require.NotContains(t, kept, "\x00")
		}

		require.Equal(t, key, memo.Key(key))
		require.Equal(t, stored, memo.Stored(stored))
		require.Equal(t, key, memo.Key(stored), "an offer's memo is read back from the database")
	}

	rapid.Check(t, func(t *rapid.T) { holds(t, hostile().Draw(t, "memo")) })
}

// TestHugeMemosCostWhatTheirBeginningsCost: it counts allocations, for which it must run alone.
func TestHugeMemosCostWhatTheirBeginningsCost(t *testing.T) { //nolint:paralleltest // see above
	for _, part := range []string{"a", " ", "\x00", "\xff", "é", "\xf0\x9f\x99", "\u202e"} {
		text := strings.Repeat(part, (64<<20)/len(part))
		cost := func(text string) float64 {
			return testing.AllocsPerRun(1, func() { _ = memo.Key(text) + memo.Stored(text) + memo.Shown(text) })
		}

		require.LessOrEqual(t, len(memo.Shown(text)), 2000)
		require.LessOrEqual(t, cost(text), cost(text[:2*memo.MaxStored]), "%+q", part)
	}
}

// TestMistypedIssuedMemosAreNobodys: one wrong character or two neighbours that changed places never make another
// customer's memo, and are recognised as a mistake.
func TestMistypedIssuedMemosAreNobodys(t *testing.T) {
	t.Parallel()

	all := memotest.LookAlikes()
	issue := func(t *rapid.T) string {
		text, err := memo.Issue(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "random")))
		require.NoError(t, err)

		return text
	}

	rapid.Check(t, func(t *rapid.T) {
		mine, theirs := issue(t), issue(t)
		at := rapid.IntRange(0, len(mine)-1).Draw(t, "at")

		typed := mine[:at] + string(rapid.SampledFrom([]byte(characters+strings.ToLower(characters))).Draw(t, "typed")) + mine[at+1:]
		if at > 0 && rapid.Bool().Draw(t, "swapped") {
			typed = mine[:at-1] + mine[at:at+1] + mine[at-1:at] + mine[at+1:]
		}

		ours, err := memo.Check(" " + typed + "\t")
		require.True(t, ours)

		if sameMemo(typed, mine) {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, memo.ErrMistyped, "%s for %s", typed, mine)
			require.NotEqual(t, memo.Key(theirs), memo.Key(typed))
		}

		// A look-alike that is none of ours is not taken for a good one either.
		others := slices.DeleteFunc(slices.Concat(all[rune(mine[at])], all[unicode.ToLower(rune(mine[at]))]), func(r rune) bool {
			return r < utf8.RuneSelf
		})
		typed = mine[:at] + string(rapid.SampledFrom(others).Draw(t, "look-alike")) + mine[at+1:]
		ours, err = memo.Check(typed)
		require.NoError(t, err)
		require.False(t, ours, "%+q", typed)
	})
}
