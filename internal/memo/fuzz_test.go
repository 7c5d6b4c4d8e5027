package memo_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/memo"
)

func FuzzMemo(f *testing.F) {
	for _, seed := range []string{
		"", "ACC-1", " acc-1\u00a0", "a\x00b", "\xff", "\xed\xa0\x80", "\u202eabc", "İıſK", "ǅ", strings.Repeat("A", 129), strings.Repeat(" ", 4001) + "a",
		strings.Repeat(" ", memo.MaxStored-1) + "a",
	} {
		f.Add(seed)
	}

	f.Fuzz(func(t *testing.T, text string) {
		key := memo.Key(text)
		require.LessOrEqual(t, len(key), memo.MaxKey)
		require.True(t, utf8.ValidString(key))
		require.Equal(t, strings.TrimSpace(key), key)
		require.Equal(t, key, memo.Key(key))
		require.NotRegexp(t, "[A-Z]", key)

		// White space around a memo is nothing, as long as the whole is kept: what lies beyond MaxStored does not count.
		if padded := "\t " + text + "\r\n\u2003"; key != "" && len(padded) <= memo.MaxStored {
			require.Equal(t, key, memo.Key(padded))
		}

		// Nothing but A to Z folds: two memos that differ in anything else stay two memos.
		for _, r := range key {
			require.True(t, r >= utf8.RuneSelf || !unicode.IsUpper(r))
		}

		stored := memo.Stored(text)
		require.LessOrEqual(t, len(stored), memo.MaxStored)
		require.True(t, utf8.ValidString(stored))
		require.NotContains(t, stored, "\x00")
		require.Equal(t, stored, memo.Stored(stored))

		if utf8.ValidString(text) && len(text) <= memo.MaxStored && !strings.Contains(text, "\x00") {
			require.Equal(t, text, stored)
		}
	})
}

// TestOnlyAToZFold: what looks like another customer's memo is not that memo.
func TestOnlyAToZFold(t *testing.T) {
	t.Parallel()

	for r := range unicode.MaxRune + 1 {
		if !utf8.ValidRune(r) || unicode.IsSpace(r) || r == 0 || r == utf8.RuneError {
			continue
		}

		want := string(r)
		if 'A' <= r && r <= 'Z' {
			want = string(r + 'a' - 'A')
		}

		if got := memo.Key(string(r)); got != want {
			require.Equal(t, want, got, "%U", r)
		}
	}
}
