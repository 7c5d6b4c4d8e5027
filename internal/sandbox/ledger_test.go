package sandbox

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
)

// TestWhoeverSeesANodeSeesAllBelowIt, and everybody whom a node concerns sees it, and nobody else.
func TestWhoeverSeesANodeSeesAllBelowIt(t *testing.T) {
	t.Parallel()

	parties := rapid.SliceOfNDistinct(rapid.SampledFrom([]ident.Party{"a", "b", "c", "d", "e"}), 0, 3, rapid.ID[ident.Party])

	rapid.Check(t, func(t *rapid.T) {
		var tree func(depth int) *node

		tree = func(depth int) *node {
			n := &node{
				kind:     nodeExercise,
				contract: &contract{signatories: parties.Draw(t, "signatories"), observers: parties.Draw(t, "observers")},
				details: &details{
					acting: parties.Draw(t, "acting"), informed: parties.Draw(t, "informed"),
					consuming: rapid.Bool().Draw(t, "consuming"),
				},
			}

			for range rapid.IntRange(0, 2).Draw(t, "children") {
				if depth > 0 {
					n.children = append(n.children, tree(depth-1))
				}
			}

			return n
		}

		root := tree(3)
		flat := number([]*node{root}, true)

		var check func(n *node, above []ident.Party)

		check = func(n *node, above []ident.Party) {
			groups := [][]ident.Party{above, n.contract.signatories, n.acting, n.informed}
			if n.consuming {
				groups = append(groups, n.contract.observers)
			}

			want := union(groups...)
			require.ElementsMatch(t, want, n.witnesses)
			require.IsIncreasing(t, append([]ident.Party{""}, n.witnesses...))
			require.Same(t, n, flat[n.id])
			require.Len(t, n.all, len(flat))

			for _, child := range n.children {
				check(child, want)
			}
		}

		check(root, nil)
	})
}
