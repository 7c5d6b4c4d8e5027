package memo_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/memo"
)

func TestKey(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct{ in, want string }{
		{"ACC-7781", "acc-7781"},
		{"  acc-7781\t\r\n", "acc-7781"},
		{"\u00a0ACC-7781\u2003", "acc-7781"}, // a no-break and an em space are white space too
		{"ACC 7781", "acc 7781"},             // inner blanks count
		{"ACC\u20137781", "acc\u20137781"},   // an en dash is not a hyphen
		{"\u212aCC", "\u212acc"},             // the Kelvin sign is not a k
		{"АСС", "АСС"},                       // Cyrillic is not Latin, and is not folded
		{"acc\x007781", ""},                  // PostgreSQL cannot hold it, so it can belong to nobody
		{"", ""},
		{" \n ", ""},
		{strings.Repeat("a", 128), strings.Repeat("a", 128)},
		{strings.Repeat("a", 129), ""},
		{"\xff", ""},
	} {
		require.Equal(t, tc.want, memo.Key(tc.in), "%q", tc.in)
	}
}

func TestKeyIsStable(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := memo.Key(rapid.String().Draw(t, "memo"))
		require.Equal(t, key, memo.Key(key))
		require.Equal(t, key, memo.Key(" "+strings.ToUpper(key[:asciiPrefix(key)])+key[asciiPrefix(key):]+"\n"))
	})
}

func asciiPrefix(s string) int {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return i
		}
	}

	return len(s)
}

func TestStored(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a\uFFFDb", memo.Stored("a\x00b"))
	require.Equal(t, "  kept as it came ", memo.Stored("  kept as it came "))
	rapid.Check(t, func(t *rapid.T) {
		in := strings.Repeat(rapid.StringN(1, 20, 60).Draw(t, "memo"), rapid.IntRange(1, 300).Draw(t, "times"))
		out := memo.Stored(in)
		require.True(t, utf8.ValidString(out))
		require.LessOrEqual(t, len(out), memo.MaxStored)
		require.NotContains(t, out, "\x00")
	})
}
