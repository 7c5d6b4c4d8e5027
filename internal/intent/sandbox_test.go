package intent_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// scene is one honest transaction of a network.
type scene struct {
	name string
	cfg  sandbox.Config
	act  func(alice, bob *wallet) job
	says string // part of its statement
}

// scenes are all kinds of transactions that we sign, in both generations of Canton Coin, with and without V2 events
// where there are any.
func scenes() []scene {
	var list []scene

	for name, cfg := range map[string]sandbox.Config{
		"current":             {Version: sandbox.V35, Shape: sandbox.ShapeCurrent},
		"current with events": {Version: sandbox.V35, Shape: sandbox.ShapeCurrent, EventsV2: true},
		"recorded":            {Version: sandbox.V35, Shape: sandbox.ShapeRecorded},
	} {
		list = append(list, coinScenes(name, cfg)...)
	}

	for _, workflow := range []sandbox.AcmeWorkflow{sandbox.AcmeDirect, sandbox.AcmePending} {
		for _, events := range []bool{false, true} {
			name := "acme " + string(workflow)
			if events {
				name += " with events"
			}

			list = append(list, tokenScenes(name, sandbox.Config{
				Version: sandbox.V35, Workflow: workflow, EventsV2: events,
			})...)
		}
	}

	return list
}

func coinScenes(name string, cfg sandbox.Config) []scene {
	return append(answers(name, cfg, (*sandbox.Sandbox).Amulet),
		scene{name + " direct", cfg, func(alice, bob *wallet) job {
			bob.execute(bob.propose())

			return alice.pay(bob.party, alice.n.Amulet(), "20", cfg.Shape)
		}, "pays 20.0000000000 Amulet of DSO::"},
		scene{name + " expired lock", cfg, func(alice, bob *wallet) job {
			alice.execute(alice.pay(bob.party, alice.n.Amulet(), "30", cfg.Shape))
			alice.n.clock.Advance(25 * time.Hour)
			alice.n.Tick()

			ids := make([]ident.ContractID, 0, 2)

			list, err := alice.n.Holdings(alice.party)
			require.NoError(alice.n.t, err)

			for _, h := range list {
				if h.Instrument.Ident() == alice.n.Amulet() {
					ids = append(ids, h.ContractID)
				}
			}

			bob.execute(bob.propose())

			return alice.pay(bob.party, alice.n.Amulet(), "20", cfg.Shape, ids...)
		}, "makes for a moment "},
		scene{name + " proposal", cfg, func(alice, _ *wallet) job { return alice.propose() },
			"creates Splice.Wallet.TransferPreapproval:TransferPreapprovalProposal {receiver: alice::"},
		scene{name + " cancel", cfg, func(alice, _ *wallet) job {
			alice.execute(alice.propose())

			return alice.cancel()
		}, "exercises TransferPreapproval_Cancel on Splice.AmuletRules:TransferPreapproval "},
	)
}

func tokenScenes(name string, cfg sandbox.Config) []scene {
	return answers(name, cfg, (*sandbox.Sandbox).AcmeToken)
}

// answers are the scenes that every token has.
func answers(name string, cfg sandbox.Config, of func(*sandbox.Sandbox) ident.Instrument) []scene {
	offer := func(alice, bob *wallet) job {
		return alice.pay(bob.party, of(alice.n.Sandbox), "20", cfg.Shape)
	}

	return []scene{
		{name + " offer", cfg, offer, "offers 20.0000000000 "},
		{name + " merge", cfg, func(alice, _ *wallet) job {
			return alice.pay(alice.party, of(alice.n.Sandbox), "20", cfg.Shape)
		}, "to itself"},
		{name + " accept", cfg, func(alice, bob *wallet) job {
			alice.execute(offer(alice, bob))

			return bob.answer(intent.Accept, cfg.Shape)
		}, "accepts the offer "},
		{name + " reject", cfg, func(alice, bob *wallet) job {
			alice.execute(offer(alice, bob))

			return bob.answer(intent.Reject, cfg.Shape)
		}, "rejects the offer "},
		{name + " withdraw", cfg, func(alice, bob *wallet) job {
			alice.execute(offer(alice, bob))

			return alice.answer(intent.Withdraw, cfg.Shape)
		}, "withdraws the offer "},
	}
}

// play sets the scene: alice has two holdings of each token, bob none.
func (s scene) play(t testing.TB) (j job, signer *wallet) {
	t.Helper()

	n := newNetwork(t, s.cfg)
	alice, bob := n.onboard("alice"), n.onboard("bob")

	for _, value := range []string{"100", "50"} {
		_, err := n.Tap(alice.party, amounttest.Of(value))
		require.NoError(t, err)

		_, err = n.Mint(alice.party, n.AcmeToken(), amounttest.Of(value))
		require.NoError(t, err)
	}

	j = s.act(alice, bob)
	if j.want.Party == bob.party {
		return j, bob
	}

	return j, alice
}

// TestHonestTransactionsAreAccepted has every kind of transaction prepared by a node that tells the truth. It is
// accepted, described, and commits.
func TestHonestTransactionsAreAccepted(t *testing.T) {
	t.Parallel()

	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			j, signer := s.play(t)
			require.NoError(t, j.check(), "%s", intent.Describe(j.prepared))
			require.Contains(t, intent.Describe(j.prepared).String(), s.says)

			require.True(t, j.hashed(t))

			signer.execute(j)
		})
	}
}
