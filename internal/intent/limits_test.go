package intent_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

func sceneOf(t *testing.T, name string) job {
	t.Helper()

	for _, s := range scenes() {
		if s.name == name {
			j, _ := s.play(t)

			return j
		}
	}

	require.Fail(t, "no such scene", name)

	return job{}
}

// replace puts another action in the place of the first one that matches.
func replace(t *testing.T, j job, with func(a signing.Action) (signing.Action, bool)) {
	t.Helper()

	done := false

	nodes(j.prepared.Transaction.Roots, func(n *signing.Node) {
		if done {
			return
		}

		if to, ok := with(n.Action); ok {
			n.Action, done = to, true
		}
	})

	require.True(t, done)
}

// TestAFeeIsNotTakenFromTheReceiver pays us less than the amount, by less than the fee that the token may burn.
func TestAFeeIsNotTakenFromTheReceiver(t *testing.T) {
	t.Parallel()

	j := sceneOf(t, "recorded accept")

	replace(t, j, func(a signing.Action) (signing.Action, bool) {
		create, _ := a.(signing.Create)
		if owner, err := signing.At[signing.Party](create.Argument, "owner"); err != nil || ident.Party(owner) != j.want.Party {
			return nil, false
		}

		coin, _ := create.Argument.(signing.Record)
		sum, _ := coin.Fields[2].Value.(signing.Record)
		require.Equal(t, signing.Numeric("20.0000000000"), sum.Fields[0].Value)

		sum.Fields[0].Value = signing.Numeric("19.0000000000")

		return create, true
	})

	require.Len(t, mismatches(t, j).Mismatches, 1)
}

// TestAnotherOutcome says of an offer that was withdrawn that it was completed.
func TestAnotherOutcome(t *testing.T) {
	t.Parallel()

	for _, name := range []string{"current withdraw", "current reject"} {
		j := sceneOf(t, name)

		replace(t, j, func(a signing.Action) (signing.Action, bool) {
			root, _ := a.(signing.Exercise)
			result, _ := root.Result.(signing.Record)
			result.Fields[0].Value = signing.Variant{
				Constructor: "TransferInstructionResult_Completed",
				Value: signing.Record{Fields: []signing.Field{{
					Label: "receiverHoldingCids", Value: signing.List{},
				}}},
			}

			return root, true
		})

		require.True(t, mismatches(t, j).Has("outcome"), name)
	}
}

// TestALockMustHaveEnded before a locked holding is spent.
func TestALockMustHaveEnded(t *testing.T) {
	t.Parallel()

	for _, name := range []string{"current expired lock", "recorded expired lock"} {
		j := sceneOf(t, name)
		now := j.want.Now
		j.want.Tolerance = 48 * time.Hour

		// The lock ended an hour ago.
		j.want.Now = now.Add(-time.Hour)
		require.NoError(t, j.check(), name)

		j.want.Now = now.Add(-time.Hour - time.Microsecond)
		require.Len(t, mismatches(t, j).Mismatches, 1, name)
	}
}

// TestByProductsAreBounded adds contracts of the registry: some are welcome, too many are not.
func TestByProductsAreBounded(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	root := j.prepared.Transaction.Roots[0]
	exercise, _ := root.Action.(signing.Exercise)
	children := root.Children()

	add := func(n int) {
		more := children
		for i := range n {
			more = append(slices.Clip(more), &signing.Node{ID: ident.NodeID(5000 + i), Seed: &signing.Seed{}, Action: signing.Create{
				LFVersion: signing.LFVersion1, ContractID: ident.ContractID(fmt.Sprintf("00%064x", i)), PackageName: "p",
				Template: ident.Name{Package: "p", Module: "Splice.Amulet", Entity: "FeaturedAppActivityMarker"},
				Argument: signing.Record{}, Signatories: exercise.Signatories, Stakeholders: exercise.Signatories,
			}})
		}

		withChildren(root, more)
	}

	add(100)
	require.NoError(t, j.check())

	add(101)
	require.True(t, mismatches(t, j).Has("transaction"))
}

// TestPartiesAreBounded refuses a contract of thousands of parties without comparing them all.
func TestPartiesAreBounded(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	crowd := make([]ident.Party, 50_000)

	for i := range crowd {
		crowd[i] = ident.Party(fmt.Sprintf("p%d::1220", i))
	}

	for i := range j.prepared.Metadata.InputContracts {
		j.prepared.Metadata.InputContracts[i].Create.Stakeholders = crowd
	}

	nodes(j.prepared.Transaction.Roots, func(n *signing.Node) {
		if exercise, ok := n.Action.(signing.Exercise); ok {
			exercise.Stakeholders, exercise.ActingParties = crowd, crowd
			n.Action = exercise
		}
	})

	mismatch := mismatches(t, j)
	require.Less(t, len(mismatch.Error()), 100_000)
}
