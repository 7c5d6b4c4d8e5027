package store_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

const preapprovalProvider = ident.Party("provider::1220bb")

func preapproved(contract string, provider ident.Party, until time.Time) deposit.Preapproval {
	return deposit.Preapproval{
		Contract: ident.ContractID(contract), Provider: provider, DSO: "DSO::1220", ExpiresAt: until,
	}
}

// toldOf are the events about preapprovals, in their order.
func toldOf(t *testing.T, pool *pgxpool.Pool) []string {
	t.Helper()

	rows, err := pool.Query(t.Context(), "SELECT type || ' ' || subject FROM events WHERE type LIKE 'preapproval.%' ORDER BY event_no")
	require.NoError(t, err)

	told, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)

	return told
}

func TestPreapprovalsAreSeenAndLost(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	treasury, err := db.EnsureTreasury(t.Context(), "treasury::1220cc", now)
	require.NoError(t, err)

	see := func(at time.Time, standing ...deposit.Preapproval) []store.RenewedPreapproval {
		renewed, err := db.SeePreapprovals(t.Context(), treasury, standing, at)
		require.NoError(t, err)

		return renewed
	}
	list := func() []store.WatchedPreapproval {
		all, err := db.Preapprovals(t.Context(), treasury)
		require.NoError(t, err)

		return all
	}

	require.Empty(t, see(now))
	require.Empty(t, list())

	a := preapproved("a", preapprovalProvider, now.Add(time.Hour))
	foreign := preapproved("f", "other::1220", now.Add(30*time.Minute))
	require.Empty(t, see(now.Add(time.Minute), a, foreign))
	require.Empty(t, see(now.Add(2*time.Minute), a, foreign))

	all := list()
	require.Len(t, all, 2)
	require.Equal(t, a, all[0].Preapproval)
	require.Equal(t, now.Add(time.Minute), all[0].FirstSeen.UTC())
	require.True(t, all[0].Gone.IsZero())
	require.Equal(t, deposit.NotTried, all[0].Renewal)

	// Another of the same provider that ends later has taken its place; told once, whoever looks and however often. An
	// instance with an old view of the node changes that for no longer than until the next look.
	b := preapproved("b", preapprovalProvider, now.Add(2*time.Hour))
	require.Equal(t, []store.RenewedPreapproval{{Contract: "a", Successor: "b", ExpiresAt: b.ExpiresAt}},
		see(now.Add(3*time.Minute), b, foreign))
	require.Empty(t, see(now.Add(3*time.Minute), a, foreign))
	require.Empty(t, see(now.Add(4*time.Minute), b, foreign))

	all = list()
	require.Len(t, all, 3)
	require.Equal(t, ident.ContractID("b"), all[0].Contract)
	require.Equal(t, ident.ContractID("a"), all[2].Contract)
	require.Equal(t, ident.ContractID("b"), all[2].Successor)
	require.Equal(t, now.Add(4*time.Minute), all[2].Gone.UTC())

	// What comes after the end, or from another provider, or ends earlier, renews nothing.
	require.Empty(t, see(now.Add(5*time.Minute), b))
	require.Empty(t, see(now.Add(3*time.Hour), preapproved("c", preapprovalProvider, now.Add(9*time.Hour)),
		preapproved("d", "other::1220", now.Add(8*time.Hour))))
	require.Empty(t, see(now.Add(4*time.Hour), preapproved("e", preapprovalProvider, now.Add(5*time.Hour))))
	require.Equal(t, []string{"preapproval.renewed a"}, toldOf(t, pool))

	var payload string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT payload::text FROM events WHERE type = 'preapproval.renewed'").Scan(&payload))
	require.JSONEq(t, `{"contractId": "a", "provider": "provider::1220bb", "expiresAt": "2026-01-01T01:00:00+00:00",
		"successor": "b", "renewedUntil": "2026-01-01T02:00:00Z", "byUs": false}`, payload)
}

func TestARenewalIsTriedByOneAndARefusalStands(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	treasury, err := db.EnsureTreasury(t.Context(), "treasury::1220cc", now)
	require.NoError(t, err)

	_, err = db.SeePreapprovals(t.Context(), treasury, []deposit.Preapproval{
		preapproved("a", preapprovalProvider, now.Add(time.Hour)),
	}, now)
	require.NoError(t, err)

	claim := func(ctx context.Context, at time.Time, settings string) (store.Renewal, bool) {
		r := store.Renewal{Contract: "a", CommandID: "renew-a", Settings: settings, At: at}
		_, ok, err := db.ClaimRenewal(ctx, treasury, r, at.Add(time.Minute))
		require.NoError(t, err)

		return r, ok
	}

	var (
		first errgroup.Group
		won   atomic.Int32
	)

	for range 8 {
		first.Go(func() error {
			if _, ok := claim(t.Context(), now, "s1"); ok {
				won.Add(1)
			}

			return nil
		})
	}

	require.NoError(t, first.Wait())
	require.Equal(t, int32(1), won.Load())

	_, ok := claim(t.Context(), now.Add(time.Minute-1000), "s1")
	require.False(t, ok)
	_, ok = claim(t.Context(), now.Add(time.Minute-1000), "s2")
	require.False(t, ok, "a pause is for all")

	// The end of a try that another has followed changes nothing.
	second, ok := claim(t.Context(), now.Add(time.Minute), "s1")
	require.True(t, ok)

	old := store.Renewal{Contract: "a", At: now, Settings: "s1"}
	fresh, err := db.RefuseRenewal(t.Context(), treasury, old, "old", now)
	require.NoError(t, err)
	require.False(t, fresh)
	require.NoError(t, db.PostponeRenewal(t.Context(), treasury, second, "node_unavailable: \x00", now.Add(2*time.Minute)))

	third, ok := claim(t.Context(), now.Add(2*time.Minute), "s1")
	require.True(t, ok)

	fresh, err = db.RefuseRenewal(t.Context(), treasury, third, "no coins", now)
	require.NoError(t, err)
	require.True(t, fresh)

	_, ok = claim(t.Context(), now.Add(10*time.Hour), "s1")
	require.False(t, ok)

	// Under other settings it is tried, and refused too. Neither is tried again, and it was told once.
	fourth, ok := claim(t.Context(), now.Add(3*time.Minute), "s2")
	require.True(t, ok)

	fresh, err = db.RefuseRenewal(t.Context(), treasury, fourth, "no coins", now)
	require.NoError(t, err)
	require.False(t, fresh)

	for _, settings := range []string{"s1", "s2"} {
		_, ok = claim(t.Context(), now.Add(10*time.Hour), settings)
		require.False(t, ok)
	}

	all, err := db.Preapprovals(t.Context(), treasury)
	require.NoError(t, err)
	require.Equal(t, deposit.RenewalRefused, all[0].Renewal)
	require.Equal(t, []string{"s1", "s2"}, all[0].RefusedUnder)
	require.Equal(t, 4, all[0].Tries)
	require.Equal(t, "no coins", all[0].Detail)
	require.True(t, all[0].Again.IsZero())

	// A person has it tried again; nobody can once it is gone.
	n, err := db.RetryRenewals(t.Context(), treasury)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	_, ok = claim(t.Context(), now.Add(3*time.Minute), "s1")
	require.True(t, ok)

	_, err = db.SeePreapprovals(t.Context(), treasury, nil, now)
	require.NoError(t, err)
	_, ok = claim(t.Context(), now.Add(10*time.Hour), "s1")
	require.False(t, ok)

	for range 2 {
		_, err = db.TellPreapproval(t.Context(), treasury, "a", store.PreapprovalEnds, now)
		require.NoError(t, err)
	}

	require.Equal(t, []string{"preapproval.refused a", "preapproval.lapsed a"}, toldOf(t, pool))
}

func TestTheOutlookOfAPreapproval(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	treasury, err := db.EnsureTreasury(t.Context(), "treasury::1220cc", now)
	require.NoError(t, err)

	_, err = db.PreapprovalOutlookOf(t.Context(), treasury)
	require.ErrorIs(t, err, store.ErrNotFound)

	_, err = db.SeePreapprovals(t.Context(), treasury, []deposit.Preapproval{
		preapproved("a", preapprovalProvider, now.Add(time.Hour)),
	}, now)
	require.NoError(t, err)

	for _, o := range []store.PreapprovalOutlook{
		{CheckedAt: now, LedgerTime: now, State: deposit.NoPreapproval, WhyNot: deposit.NothingToRenew},
		{CheckedAt: now, LedgerTime: now, State: deposit.PreapprovalExpiring, Contract: "a"},
	} {
		require.NoError(t, db.SetPreapprovalOutlook(t.Context(), treasury, o))

		got, err := db.PreapprovalOutlookOf(t.Context(), treasury)
		require.NoError(t, err)

		got.CheckedAt, got.LedgerTime = got.CheckedAt.UTC(), got.LedgerTime.UTC()
		require.Equal(t, o, got)
	}

	var state, contract string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT state, contract_id FROM api.preapproval WHERE treasury = 'treasury::1220cc' AND expires_at > $1", now).
		Scan(&state, &contract))
	require.Equal(t, "expiring a", state+" "+contract)
}
