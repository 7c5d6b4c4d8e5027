package memo_test

import (
	"bytes"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/memo"
)

const characters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

func TestIssuedMemosHaveAForm(t *testing.T) {
	t.Parallel()

	seen := map[string]bool{}

	for range 1000 {
		text, err := memo.Issue(rand.Reader)
		require.NoError(t, err)
		require.Len(t, text, 9)
		require.Equal(t, strings.ToLower(text), memo.Key(text))
		require.False(t, seen[text])
		seen[text] = true

		for _, written := range []string{text, " " + strings.ToLower(text) + "\n"} {
			ours, err := memo.Check(written)
			require.True(t, ours)
			require.NoError(t, err)
		}
	}

	_, err := memo.Issue(bytes.NewReader(nil))
	require.Error(t, err)

	for _, other := range []string{"", "ACC-1001", "123456789O", "ÄÖÜ456789", "12345678U", "1234567890", strings.Repeat("1", 8)} {
		ours, err := memo.Check(other)
		require.False(t, ours, other)
		require.NoError(t, err)
	}
}

// TestMistakesAreFound: every single wrong character, and every two characters that changed places.
func TestMistakesAreFound(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		text, err := memo.Issue(bytes.NewReader(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "random")))
		require.NoError(t, err)

		wrong := func(typed string) {
			ours, err := memo.Check(typed)
			require.True(t, ours)
			require.ErrorIs(t, err, memo.ErrMistyped, "%s instead of %s", typed, text)
		}

		for i := range text {
			for _, c := range characters {
				if byte(c) != text[i] {
					wrong(text[:i] + string(c) + text[i+1:])
				}
			}

			for j := i + 1; j < len(text); j++ {
				if text[i] != text[j] {
					swapped := []byte(text)
					swapped[i], swapped[j] = swapped[j], swapped[i]
					wrong(string(swapped))
				}
			}
		}
	})
}
