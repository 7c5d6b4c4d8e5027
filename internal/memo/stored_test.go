package memo_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/memo"
)

// TestKeyOfWhatIsStored: an offer's memo is read back from the database when the offer is accepted in a later batch.
// It must name the same account as in the same batch, and as in a rebuild.
func TestKeyOfWhatIsStored(t *testing.T) {
	t.Parallel()

	same := func(t require.TestingT, text string) {
		require.Equal(t, memo.Key(text), memo.Key(memo.Stored(text)), "%.40q", text)
	}
	for _, text := range []string{"acc\x001", strings.Repeat(" ", memo.MaxStored) + "acc-1", "acc-1" + strings.Repeat(" ", 9000), "acc\uFFFD1"} {
		same(t, text)
	}

	rapid.Check(t, func(t *rapid.T) { same(t, rapid.String().Draw(t, "memo")) })
	require.Empty(t, memo.Key("acc\x001"))
	require.Empty(t, memo.Key("acc\uFFFD1"))
}
