package deposit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
)

// TestAgainIsWhenTheVerdictChanges: until then the verdict is the same, and at that time it is another one.
func TestAgainIsWhenTheVerdictChanges(t *testing.T) {
	t.Parallel()

	o := deposit.Offer{Ours: true, AwaitsReceiver: true, Amount: amounttest.Of("1"), Deadline: noon().Add(time.Hour)}
	g := deposit.Grounds{Listed: true, Enabled: true, Memo: deposit.MemoKnown, Lead: time.Minute, Now: noon()}

	var reasons []deposit.Reason

	for {
		reasons = append(reasons, deposit.Decide(o, g).Reason)

		again := deposit.Again(o, g)
		if again.IsZero() {
			break
		}

		before := g
		before.Now = again.Add(-time.Microsecond)
		require.True(t, again.After(g.Now))
		require.Equal(t, deposit.Decide(o, g), deposit.Decide(o, before))

		g.Now = again
	}

	require.Equal(t, []deposit.Reason{deposit.AllRight, deposit.DeadlineTooNear, deposit.DeadlinePassed}, reasons)

	// Whether a registry has given an offer back is looked at again and again.
	g.Now, o.AwaitsReceiver = noon(), false
	require.Equal(t, noon().Add(time.Minute), deposit.Again(o, g))
	g.Now = o.Deadline.Add(-time.Second)
	require.Equal(t, o.Deadline, deposit.Again(o, g))

	// Without a lead only the deadline counts.
	g.Now, o.AwaitsReceiver, g.Lead = noon(), true, 0
	require.Equal(t, o.Deadline, deposit.Again(o, g))
}

func TestPolicies(t *testing.T) {
	t.Parallel()

	require.NoError(t, deposit.DefaultPolicy().Validate())

	for name, spoil := range map[string]func(*deposit.Policy){
		"minimum": func(p *deposit.Policy) { p.MinimumOffer = amounttest.Of("-1") },
		"lead":    func(p *deposit.Policy) { p.Lead = -time.Second },
		"window":  func(p *deposit.Policy) { p.Window = 0 },
		"tries":   func(p *deposit.Policy) { p.MaxTries = 0 },
	} {
		p := deposit.DefaultPolicy()
		spoil(&p)

		err := p.Validate()
		require.ErrorIs(t, err, deposit.ErrPolicy)
		require.ErrorContains(t, err, name)
	}
}
