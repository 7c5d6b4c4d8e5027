package intent_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/signing"
)

// nodes is every node of a transaction with the list that it is in.
func nodes(list []*signing.Node, visit func(n *signing.Node)) {
	for _, n := range list {
		visit(n)
		nodes(n.Children(), visit)
	}
}

// withChildren is a node with other children.
func withChildren(n *signing.Node, children []*signing.Node) {
	exercise, _ := n.Action.(signing.Exercise)
	exercise.Children = children
	n.Action = exercise
}

// extras are nodes that nobody asked for, which the ledger's rules of authority allow below any action of ours.
func extras(j job) map[string]signing.Action {
	us, registry := j.want.Party, j.prepared.Metadata.InputContracts[0].Create
	id := ident.ContractID("00" + fmt.Sprintf("%064x", 4711))

	var spent signing.Create

	for _, input := range j.prepared.Metadata.InputContracts {
		if classOf(input.Create, us) == classMoney {
			spent = input.Create
		}
	}

	ours := spent
	ours.ContractID, ours.Signatories, ours.Stakeholders = id, []ident.Party{us}, []ident.Party{us}

	proposal := ours
	proposal.Template = ident.Name{Package: "p", Module: "Evil", Entity: "Pledge"}
	proposal.Argument = signing.Record{Fields: []signing.Field{{Label: "everything", Value: signing.Party(us)}}}

	again := signing.Exercise{
		LFVersion: spent.LFVersion, ContractID: spent.ContractID, PackageName: spent.PackageName,
		Template: spent.Template, Signatories: spent.Signatories, Stakeholders: spent.Stakeholders,
		ActingParties: []ident.Party{us}, Choice: "Archive", Argument: signing.Record{}, Consuming: true,
		Result: signing.Unit{},
	}

	return map[string]signing.Action{
		"a pledge of ours": proposal, "money signed by us alone": ours, "money spent again": again,
		"a query": signing.QueryByKey{LFVersion: signing.LFVersion2, PackageName: "p", Template: registry.Template},
	}
}

// TestExtraNodesAreRefused puts nodes that nobody asked for in every place of every transaction.
func TestExtraNodesAreRefused(t *testing.T) {
	t.Parallel()

	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			j, _ := s.play(t)
			if len(j.prepared.Metadata.InputContracts) == 0 {
				return // a proposal: what is beside it is seen to by TestExtraRootsAreRefused
			}

			for name, action := range extras(j) {
				extra := &signing.Node{ID: 4711, Seed: &signing.Seed{}, Action: action}

				roots := j.prepared.Transaction.Roots
				j.prepared.Transaction.Roots = slices.Concat(roots, []*signing.Node{extra})
				require.Error(t, j.check(), "%s as another root", name)

				j.prepared.Transaction.Roots = roots

				nodes(roots, func(n *signing.Node) {
					children := n.Children()
					if _, exercise := n.Action.(signing.Exercise); !exercise {
						return
					}

					for i := range len(children) + 1 {
						more := append(append(append([]*signing.Node{}, children[:i]...), extra), children[i:]...)

						withChildren(n, more)
						require.Error(t, j.check(), "%s below node %d at %d", name, n.ID, i)
						withChildren(n, children)
					}
				})
			}

			require.NoError(t, j.check())
		})
	}
}

// TestExtraRootsAreRefused puts another root beside the one of every transaction.
func TestExtraRootsAreRefused(t *testing.T) {
	t.Parallel()

	for _, s := range scenes() {
		j, _ := s.play(t)
		roots := j.prepared.Transaction.Roots
		j.prepared.Transaction.Roots = slices.Concat(roots, roots)
		require.True(t, mismatches(t, j).Has("transaction"))
	}
}

// effects reports whether a node archives or makes something, by itself or below.
func effects(n *signing.Node) bool {
	found := false

	nodes([]*signing.Node{n}, func(n *signing.Node) {
		switch a := n.Action.(type) {
		case signing.Create:
			found = true
		case signing.Exercise:
			found = found || a.Consuming
		}
	})

	return found
}

// TestNodesThatAreMissingOrUndoneAreRefused takes every node with an effect away, or undoes it; what has none is of no
// consequence.
func TestNodesThatAreMissingOrUndoneAreRefused(t *testing.T) {
	t.Parallel()

	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			j, _ := s.play(t)

			nodes(j.prepared.Transaction.Roots, func(n *signing.Node) {
				children := n.Children()

				for i, child := range children {
					if !effects(child) || free(child, j.want.Party) {
						continue
					}

					withChildren(n, append(append([]*signing.Node{}, children[:i]...), children[i+1:]...))
					require.Error(t, j.check(), "without node %d", child.ID)

					undone := append([]*signing.Node{}, children...)
					undone[i] = &signing.Node{ID: 4711, Action: signing.Rollback{Children: []*signing.Node{child}}}

					withChildren(n, undone)
					require.Error(t, j.check(), "with node %d undone", child.ID)
					withChildren(n, children)
				}
			})

			root := j.prepared.Transaction.Roots[0]
			j.prepared.Transaction.Roots[0] = &signing.Node{ID: 4711, Action: signing.Rollback{
				Children: []*signing.Node{root},
			}}
			require.Error(t, j.check(), "all undone")

			j.prepared.Transaction.Roots = nil
			require.Error(t, j.check(), "nothing at all")
		})
	}
}

// free reports whether a node only makes a contract that binds others.
func free(n *signing.Node, us ident.Party) bool {
	create, ok := n.Action.(signing.Create)

	return ok && classOf(create, us) == classOthers
}

// TestNodesThatMoveChangeNoMoney moves every node below every other exercise: it is refused, or the money is the same.
func TestNodesThatMoveChangeNoMoney(t *testing.T) {
	t.Parallel()

	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			j, _ := s.play(t)
			want := money(j.prepared)

			var exercises []*signing.Node

			nodes(j.prepared.Transaction.Roots, func(n *signing.Node) {
				if _, ok := n.Action.(signing.Exercise); ok {
					exercises = append(exercises, n)
				}
			})

			for _, from := range exercises {
				original := from.Children()

				for i, child := range original {
					for _, to := range exercises {
						if to == from || inside(child, to) {
							continue
						}

						before := to.Children()
						withChildren(from, append(append([]*signing.Node{}, original[:i]...), original[i+1:]...))
						withChildren(to, append(append([]*signing.Node{}, to.Children()...), child))

						if j.check() == nil {
							require.Equal(t, want, money(j.prepared), "node %d below node %d", child.ID, to.ID)
						}

						withChildren(to, before)
						withChildren(from, original)
					}
				}
			}

			require.NoError(t, j.check())
		})
	}
}

func inside(n, other *signing.Node) bool {
	found := false

	nodes([]*signing.Node{n}, func(x *signing.Node) { found = found || x == other })

	return found
}

// TestOurAgreementIsForTheTokenAlone lets us act on somebody else's contract below the root.
func TestOurAgreementIsForTheTokenAlone(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	stranger := signing.Create{
		LFVersion: signing.LFVersion1, ContractID: ident.ContractID("00" + fmt.Sprintf("%064x", 4712)), PackageName: "p",
		Template: ident.Name{Package: "p", Module: "Evil", Entity: "Vote"}, Argument: signing.Record{},
		Signatories: []ident.Party{"mallory::1220"}, Stakeholders: []ident.Party{"mallory::1220"},
	}
	vote := &signing.Node{ID: 4711, Seed: &signing.Seed{}, Action: signing.Exercise{
		LFVersion: signing.LFVersion1, ContractID: stranger.ContractID, PackageName: "p", Template: stranger.Template,
		Signatories: stranger.Signatories, Stakeholders: stranger.Stakeholders,
		ActingParties: []ident.Party{j.want.Party}, Choice: "Vote", Argument: signing.Record{}, Result: signing.Unit{},
	}}

	root := j.prepared.Transaction.Roots[0]
	withChildren(root, append([]*signing.Node{vote}, root.Children()...))
	j.prepared.Metadata.InputContracts = append(j.prepared.Metadata.InputContracts,
		signing.InputContract{Create: stranger})
	require.True(t, mismatches(t, j).Has("node 4711.contract"))
}

// TestNothingElseIsMadeForAMoment makes a contract of ours and archives it at once: it could do something in between.
func TestNothingElseIsMadeForAMoment(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	pledge, _ := extras(j)["a pledge of ours"].(signing.Create)
	use := signing.Exercise{
		LFVersion: pledge.LFVersion, ContractID: pledge.ContractID, PackageName: pledge.PackageName,
		Template: pledge.Template, Signatories: pledge.Signatories, Stakeholders: pledge.Stakeholders,
		ActingParties: pledge.Signatories, Choice: "Redeem", Argument: signing.Record{}, Consuming: true,
		Result: signing.Unit{},
	}

	root := j.prepared.Transaction.Roots[0]
	withChildren(root, append([]*signing.Node{
		{ID: 4711, Seed: &signing.Seed{}, Action: pledge}, {ID: 4712, Seed: &signing.Seed{}, Action: use},
	}, root.Children()...))
	require.Len(t, mismatches(t, j).Mismatches, 1)
}

// TestStatementNamesEverything that a person has to compare.
func TestStatementNamesEverything(t *testing.T) {
	t.Parallel()

	j := directScene(t)
	text := intent.Describe(j.prepared).String()

	for _, part := range []string{
		"memo \"ACC-1\"", "20.0000000000 Amulet of " + string(j.want.Action.(intent.Transfer).Transfer.Instrument.Admin),
		"archives ", "100.0000000000", "130.0000000000", "owned by bob::", "commits not after 2026-11-22T10:10:00Z",
		"acts as " + string(j.want.Party), "on global-domain::",
	} {
		require.Contains(t, text, part)
	}
}
