package intent_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/signing"
)

// loose are the fields of a request that are bounds: a little more of them changes nothing.
func loose(path string) bool {
	return slices.Contains([]string{".Tolerance", ".Action.MaxFee", ".Action.DirectOnly", ".Synchronizer"}, path)
}

// TestARequestThatDiffersInOneFieldIsRefused changes what was asked for instead of what was prepared.
func TestARequestThatDiffersInOneFieldIsRefused(t *testing.T) {
	t.Parallel()

	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			j, _ := s.play(t)
			refused := 0

			for _, x := range changes(reflect.ValueOf(&j.want).Elem(), "", func() {}) {
				if loose(x.path) {
					continue
				}

				x.apply()

				err := j.check()
				require.ErrorIs(t, err, intent.ErrMismatch, x.path)

				var mismatch *intent.MismatchError

				require.ErrorAs(t, err, &mismatch)
				require.NotEmpty(t, mismatch.Mismatches)

				refused++

				x.undo()
			}

			require.Greater(t, refused, 5)
			require.NoError(t, j.check())
		})
	}
}

func directScene(t *testing.T) job {
	t.Helper()

	return sceneOf(t, "current direct")
}

func mismatches(t *testing.T, j job) *intent.MismatchError {
	t.Helper()

	var mismatch *intent.MismatchError

	require.ErrorAs(t, j.check(), &mismatch)

	return mismatch
}

// TestBoundsOfARequest are the fields that are bounds, at their edges.
func TestBoundsOfARequest(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	now := j.want.Now

	j.want.Now = now.Add(j.want.Tolerance)
	require.NoError(t, j.check())

	j.want.Now = now.Add(j.want.Tolerance + time.Microsecond)
	require.True(t, mismatches(t, j).Has("metadata.preparation_time"))

	j.want.Now = now.Add(-j.want.Tolerance)
	require.NoError(t, j.check())

	j.want.Now = now.Add(-j.want.Tolerance - time.Microsecond)
	require.True(t, mismatches(t, j).Has("metadata.preparation_time"))

	j.want.Now = now
	j.want.Synchronizer = j.prepared.Metadata.SynchronizerID
	require.NoError(t, j.check(), "a physical id of the same synchronizer")

	j.prepared.Metadata.MinLedgerTime = new(*j.prepared.Metadata.MaxLedgerTime + 1)
	require.True(t, mismatches(t, j).Has("metadata.min_ledger_time"))
}

// TestALateAnswerIsNoLie: what could still commit when it was prepared, and cannot when it is looked at, fails on the
// ledger. It is no reason to stop paying.
func TestALateAnswerIsNoLie(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	prepared := j.prepared.Metadata.PreparationTime

	j.prepared.Metadata.MinLedgerTime = nil
	j.prepared.Metadata.MaxLedgerTime = new(prepared + 1)
	j.want.Now = prepared.Time().Add(time.Second)
	require.NoError(t, j.check())

	j.prepared.Metadata.MaxLedgerTime = new(prepared)
	require.True(t, mismatches(t, j).Has("metadata.max_ledger_time"), "it could never commit")
}

// TestDirectOnlyRefusesOffers before anything is compared.
func TestDirectOnlyRefusesOffers(t *testing.T) {
	t.Parallel()

	for _, s := range scenes() {
		if s.name != "current offer" && s.name != "current direct" {
			continue
		}

		j, _ := s.play(t)
		want, _ := j.want.Action.(intent.Transfer)
		want.DirectOnly = true
		j.want.Action = want

		if want.Kind == intent.Offer {
			require.True(t, mismatches(t, j).Has("transfer.kind"))
		} else {
			require.NoError(t, j.check())
		}

		want.DirectOnly = false
		want.Kind = map[intent.Kind]intent.Kind{intent.Offer: intent.Direct, intent.Direct: intent.Offer}[want.Kind]
		j.want.Action = want
		require.True(t, mismatches(t, j).Has("outcome"), "a registry's answer is taken at face value")
	}
}

// TestMismatchesAreBoundedAndEscaped whatever a node writes.
func TestMismatchesAreBoundedAndEscaped(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	j.prepared.Metadata.CommandID = "x\n\x1b[2J\"; transfer.amount: want 1, found 1 " + string(make([]byte, 5000))

	for range 200 {
		j.prepared.Transaction.Roots = append(j.prepared.Transaction.Roots, &signing.Node{Action: signing.Rollback{
			Children: []*signing.Node{{Action: signing.Create{Signatories: []ident.Party{"mallory::1220"}}}},
		}})
	}

	mismatch := mismatches(t, j)
	require.Len(t, mismatch.Mismatches, 50)
	require.Positive(t, mismatch.More)
	require.Less(t, len(mismatch.Error()), 100_000)
	require.NotContains(t, mismatch.Error(), "\n")
	require.NotContains(t, mismatch.Error(), "\x1b")
	require.Contains(t, mismatch.Error(), `\"; transfer.amount: want 1`)
	require.NotContains(t, intent.Describe(j.prepared).String(), "\n")
}

func TestNoAction(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	j.want.Action = nil
	require.True(t, mismatches(t, j).Has("action"))
}
