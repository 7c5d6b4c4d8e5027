package intent_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/signing"
)

// lies are what a lying node of the sandbox can do to what it prepares.
func lies() []fault.Kind {
	var kinds []fault.Kind

	for _, entry := range fault.Catalogue() {
		if strings.HasPrefix(string(entry.Kind), "lie-") {
			kinds = append(kinds, entry.Kind)
		}
	}

	return kinds
}

// TestALyingNodeIsRefused tells every lie in every scene, with different seeds, which decide where a lie is placed.
func TestALyingNodeIsRefused(t *testing.T) {
	t.Parallel()

	require.Len(t, lies(), 9)

	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			told := map[fault.Kind]int{}

			for seed := range uint64(3) {
				s.cfg.Seed = seed + 1
				honest, signer := s.play(t)

				// Holdings beside those that are spent, for lies that take another.
				_, err := signer.n.Tap(signer.party, amounttest.Of("9"))
				require.NoError(t, err)
				_, err = signer.n.Mint(signer.party, signer.n.AcmeToken(), amounttest.Of("9"))
				require.NoError(t, err)

				for _, kind := range lies() {
					told[kind] += tell(t, signer.n, honest, kind)
				}
			}

			require.Positive(t, told[fault.LieHash])
			require.Positive(t, told[fault.LieMetadata])
			require.Positive(t, told[fault.LieExtraNode])
			require.Positive(t, told[fault.LieDeadline])

			if _, transfer := honestAction(t, s).(intent.Transfer); transfer {
				for _, kind := range lies() {
					require.Positive(t, told[kind], kind)
				}
			}
		})
	}
}

func honestAction(t *testing.T, s scene) intent.Action {
	t.Helper()

	j, _ := s.play(t)

	return j.want.Action
}

// tell has the same transaction prepared again by a node that tells this lie. It reports 0 for a lie for which there
// is nothing to lie about.
func tell(t *testing.T, n *network, honest job, kind fault.Kind) int {
	t.Helper()

	rule, err := n.Faults().Add(fault.Rule{Kind: kind})
	require.NoError(t, err)

	lied := n.prepareAgain(honest)

	require.NoError(t, n.Faults().Remove(rule))

	if lied.hashed(t) && saysTheSame(honest.prepared, lied.prepared) {
		require.NoError(t, lied.check(), "%s: a lie that was not told", kind)

		return 0
	}

	if kind == fault.LieHash {
		require.False(t, lied.hashed(t))
		require.NoError(t, lied.check(), "the transaction itself is true")
	} else {
		require.ErrorIs(t, lied.check(), intent.ErrMismatch, "%s: %s", kind, intent.Describe(lied.prepared))
	}

	return 1
}

// saysTheSame compares what matters of two transactions that were prepared for the same command, by itself.
func saysTheSame(a, b signing.Prepared) bool {
	if len(a.Transaction.Roots) != len(b.Transaction.Roots) || !reflect.DeepEqual(money(a), money(b)) {
		return false
	}

	exercise, _ := a.Transaction.RootExercise()
	other, _ := b.Transaction.RootExercise()

	return reflect.DeepEqual(exercise.Argument, other.Argument) && a.Metadata.CommandID == b.Metadata.CommandID &&
		reflect.DeepEqual(a.Metadata.MaxRecordTime, b.Metadata.MaxRecordTime) &&
		len(a.Transaction.Creates()) == len(b.Transaction.Creates())
}
