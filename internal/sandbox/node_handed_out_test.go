package sandbox

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/signing"
)

// ForgetPrepared makes a node forget what it prepared, as a restart does.
func ForgetPrepared(s *Sandbox) { s.first().handed = newHandedOut() }

func TestWhatWasHandedOutIsGivenBackOnceAndOnlyForTheSameBytes(t *testing.T) {
	t.Parallel()

	h := newHandedOut()
	raw := []byte("as it was handed out")
	h.put(preparedBytes{raw: raw, scheme: signing.V2, hash: signing.Hash{7}})

	_, ok := h.take([]byte("as it was handed 0ut"))
	require.False(t, ok)

	_, ok = h.take(nil)
	require.False(t, ok)

	known, ok := h.take([]byte("as it was handed out"))
	require.True(t, ok)

	hash, err := known.hashed(signing.V2)
	require.NoError(t, err)
	require.Equal(t, signing.Hash{7}, hash)

	// Under another scheme there is nothing known: this one has no transaction to hash.
	_, err = (&preparedBytes{scheme: signing.V2, hash: signing.Hash{7}, prepared: signing.Prepared{
		Transaction: signing.Transaction{Roots: []*signing.Node{{}}},
	}}).hashed(signing.V3)
	require.Error(t, err)

	_, ok = h.take(raw)
	require.False(t, ok)
}

func TestHandedOutIsBounded(t *testing.T) {
	t.Parallel()

	h := newHandedOut()
	for i := range 10 * maxHandedOut {
		h.put(preparedBytes{raw: fmt.Append(nil, i)})
	}

	kept := 0

	for i := range 10 * maxHandedOut {
		if known, ok := h.take(fmt.Append(nil, i)); ok {
			require.Equal(t, fmt.Append(nil, i), known.raw)

			kept++
		}
	}

	require.LessOrEqual(t, kept, maxHandedOut)
	require.NotZero(t, kept)
}

// TestPileIsAList holds a pile to what a plain list would hold, in the same order.
func TestPileIsAList(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		var (
			p    pile
			want []*contract
		)

		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if len(want) == 0 || rapid.IntRange(0, 2).Draw(t, "add") == 0 {
				c := &contract{}
				p.add(c)
				want = append(want, c)
			} else {
				i := rapid.IntRange(0, len(want)-1).Draw(t, "which")
				p.take(want[i])
				p.take(want[i]) // it is gone already
				want = append(want[:i:i], want[i+1:]...)
			}

			require.Equal(t, len(want), p.len())
			require.LessOrEqual(t, len(p.list), 2*len(want)+fewHoles)
		}

		var got []*contract
		for c := range p.all() {
			got = append(got, c)
		}

		require.Len(t, got, len(want))

		for i := range want {
			require.Same(t, want[i], got[i])
		}
	})
}
