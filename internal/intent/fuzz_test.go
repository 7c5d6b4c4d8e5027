package intent_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/signing"
)

// FuzzCheck demands of any transaction that can be decoded: no panic, bounded texts, and that only the one that was
// asked for is accepted, but for changes that move no other money.
func FuzzCheck(f *testing.F) {
	var jobs []job

	for _, s := range scenes() {
		if strings.HasPrefix(s.name, "current ") && !strings.Contains(s.name, "events") {
			j, _ := s.play(f)
			jobs = append(jobs, j)
			f.Add(j.raw, uint8(len(jobs)-1))
		}
	}

	f.Fuzz(func(t *testing.T, raw []byte, which uint8) {
		p, err := signing.Decode(raw)
		if err != nil {
			return
		}

		honest := jobs[int(which)%len(jobs)]

		judge(t, honest, p)
	})
}

// judge demands that a transaction is refused, or moves the same money as the honest one.
func judge(t *testing.T, honest job, p signing.Prepared) {
	t.Helper()

	if err := intent.Check(p, honest.want); err == nil {
		require.Equal(t, money(honest.prepared), money(p))
	} else {
		require.ErrorIs(t, err, intent.ErrMismatch)
		require.Less(t, len(err.Error()), 200_000)
	}

	require.NotContains(t, intent.Describe(p).String(), "\n")
}

// TestAlteredBytes changes bytes of honest transactions at random: what can still be read moves the same money, or is
// refused.
func TestAlteredBytes(t *testing.T) {
	t.Parallel()

	const seed, rounds = 4711, 500

	for i, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			honest, _ := s.play(t)
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			read := 0

			for range rounds {
				raw := append([]byte{}, honest.raw...)
				for range 1 + random.IntN(3) {
					raw[random.IntN(len(raw))] = byte(random.IntN(256))
				}

				if p, err := signing.Decode(raw); err == nil {
					read++

					judge(t, honest, p)
				}
			}

			require.Positive(t, read)
		})
	}
}

// BenchmarkCheck is what a withdrawal pays for promise 5, beside decoding and hashing.
func BenchmarkCheck(b *testing.B) {
	for _, s := range scenes() {
		if s.name != "current with events direct" && s.name != "current offer" {
			continue
		}

		j, _ := s.play(b)

		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()

			for b.Loop() {
				if err := j.check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
