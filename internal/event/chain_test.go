package event_test

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/event"
)

// TestTheChainIsAsItIsDescribed: who reads the description only, computes the same.
func TestTheChainIsAsItIsDescribed(t *testing.T) {
	t.Parallel()

	sum := sha256.Sum256([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"0000000000000000001" + "07000000-0000-0000-0000-000000000000"))
	require.Equal(t, hex.EncodeToString(sum[:16]), event.Chain{}.Next(1, uuid.UUID{7}).String())
}

// TestHistoriesThatDifferHaveOtherChains, wherever they differ, and for ever.
func TestHistoriesThatDifferHaveOtherChains(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(rt *rapid.T) {
		ids := rapid.SliceOfN(rapid.Uint8(), 1, 20).Draw(rt, "ids")
		at := rapid.IntRange(0, len(ids)-1).Draw(rt, "at")

		var one, other event.Chain

		for i, id := range ids {
			told := uuid.UUID{id}
			one = one.Next(int64(i+1), told)

			if i == at {
				told = uuid.UUID{id, 1}
			}

			other = other.Next(int64(i+1), told)
			require.Equal(rt, i < at, one == other)
		}
	})
}

func TestPlacesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(rt *rapid.T) {
		p := event.Place{Seq: rapid.Int64Range(0, 1<<53).Draw(rt, "seq")}

		if p.Seq > 0 && rapid.Bool().Draw(rt, "known") {
			chain := event.Chain{rapid.Byte().Draw(rt, "chain")}
			p.Chain = &chain
		}

		read, err := event.ParsePlace(p.String())
		require.NoError(rt, err)
		require.Equal(rt, p, read)
	})

	for _, text := range []string{"", "-", "x", "1-", "1-2", "+1", " 1", "1-" + "zz", "99999999999999999999", "-1"} {
		_, err := event.ParsePlace(text)
		require.ErrorIs(t, err, event.ErrPlace, text)
	}

	one, other := event.Chain{1}, event.Chain{2}
	require.True(t, event.Place{Seq: 1}.Same(event.Place{Seq: 1, Chain: &one}))
	require.False(t, event.Place{Seq: 1, Chain: &other}.Same(event.Place{Seq: 1, Chain: &one}))
	require.False(t, event.Place{Seq: 2, Chain: &one}.Same(event.Place{Seq: 1, Chain: &one}))
}
