package txhistory_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// The transactions of an adversary who wants the parser to work more than in proportion to what it reads.
func adversaries() map[string]func(t testing.TB, n int) update.Update {
	// nest puts n exercises into each other; bottom is inside the last one.
	nest := func(n int, result m, bottom ...*node) []*node {
		inner := bottom
		for range n {
			inner = []*node{exercise("Do", inner...).result(result)}
		}

		return inner
	}

	holdings := func(n int, owner, id string) []*node {
		nodes := make([]*node, n)
		for i := range n {
			nodes[i] = hold(fmt.Sprint("00h", i), owner, "1")
			if id != "" {
				nodes[i].of(mallory, fmt.Sprint(id, i))
			}
		}

		return nodes
	}

	return map[string]func(testing.TB, int) update.Update{
		"many holdings": func(t testing.TB, n int) update.Update {
			t.Helper()

			return transaction(t, exercise("Send", holdings(n, treasury, "")...).result(sendOf(bob, "x")))
		},
		"many tokens": func(t testing.TB, n int) update.Update {
			t.Helper()

			return transaction(t, exercise("Send", holdings(n, treasury, "T")...).result(sendOf(bob, "x")))
		},
		"deep nesting that contradicts itself at every level": func(t testing.TB, n int) update.Update {
			t.Helper()

			return transaction(t, nest(n/2, said(token.KindBurn), holdings(n/2, treasury, "")...)...)
		},
		"deep nesting without any word": func(t testing.TB, n int) update.Update {
			t.Helper()

			return transaction(t, nest(n/2, m{}, holdings(n/2, treasury, "")...)...)
		},
		"deep factories": func(t testing.TB, n int) update.Update {
			t.Helper()

			inner := holdings(n/2, treasury, "")
			for i := range n / 2 {
				inner = []*node{factory(transferValue(bob, treasury, fmt.Sprint(i+1)), completed("x"), inner...)}
			}

			return transaction(t, inner...)
		},
		"many offers, opened and archived": func(t testing.TB, n int) update.Update {
			t.Helper()

			var nodes []*node
			for i := range n / 2 {
				id := fmt.Sprint("00t", i)
				nodes = append(nodes, offer(id, transferValue(treasury, bob, "1")),
					exercise("Archive").on(id).consuming(token.TransferInstructionV1))
			}

			return transaction(t, exercise("Batch", nodes...))
		},
		"many events about us": func(t testing.TB, n int) update.Update {
			t.Helper()

			var nodes []*node
			for i := range n / 2 {
				id := fmt.Sprint("00h", i)
				nodes = append(nodes, hold(id, treasury, "1"),
					change(dso, nil, list(id), leg("l", "ReceiverSide", account(bob, ""), "1")))
			}

			return transaction(t, nodes...)
		},
		"many strangers": func(t testing.TB, n int) update.Update {
			t.Helper()

			return transaction(t, exercise("Send", holdings(n, bob, "")...).result(sendOf(treasury, "x")))
		},
	}
}

// TestWorkIsProportional checks that twice the events cost about twice the memory. That the time follows is for
// BenchmarkAdversaries to show: tests do not measure time.
func TestWorkIsProportional(t *testing.T) {
	const n = 2000

	for name, adversary := range adversaries() {
		t.Run(name, func(t *testing.T) {
			cost := func(tx update.Update) float64 {
				return testing.AllocsPerRun(2, func() {
					if _, err := txhistory.Parse(treasury, tx, nil, txhistory.Options{}); err != nil {
						panic(err)
					}
				})
			}

			require.Less(t, cost(adversary(t, 2*n)), 2.6*cost(adversary(t, n))+1000)
		})
	}
}

func BenchmarkAdversaries(b *testing.B) {
	for name, adversary := range adversaries() {
		for _, n := range []int{20_000, 100_000} {
			b.Run(fmt.Sprint(name, "/", n), func(b *testing.B) {
				tx := adversary(b, n)

				b.ReportAllocs()

				for b.Loop() {
					if _, err := txhistory.Parse(treasury, tx, nil, txhistory.Options{}); err != nil {
						b.Fatal(err)
					}
				}

				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/event")
			})
		}
	}
}
