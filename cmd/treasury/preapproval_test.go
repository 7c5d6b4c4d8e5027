package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

func TestThePreapprovalIsShownAndRetried(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })
	db, err := store.Open(t.Context(), secret.New(pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	environ := []string{"CES_DATABASE_URL=" + pool.Config().ConnString(), "CES_TREASURY_PARTY=treasury::1220"}
	says := func(command string, want ...string) {
		t.Helper()

		code, stdout, stderr := call(t, environ, command)
		require.Equal(t, service.ExitOK, code, stderr)

		for _, w := range want {
			require.Contains(t, squeezed(stdout), w)
		}
	}

	now := time.Now()
	treasury, err := db.EnsureTreasury(t.Context(), "treasury::1220", now)
	require.NoError(t, err)

	says("preapproval", "nobody has looked yet")

	for state, want := range map[deposit.PreapprovalState]string{
		deposit.NoPreapproval: "none: there never was one", deposit.PreapprovalFine: "fine: deposits of Canton Coin arrive",
		deposit.PreapprovalExpiring: "expiring: it ends soon", deposit.PreapprovalLapsed: "lapsed: it has ended",
	} {
		require.NoError(t, db.SetPreapprovalOutlook(t.Context(), treasury, store.PreapprovalOutlook{
			CheckedAt: now.Add(-3 * time.Hour), LedgerTime: now, State: state, WhyNot: deposit.RefusedBefore,
		}))
		says("preapproval", want, "looked at 3h0m ago", "run `treasury retry-preapproval`")
	}

	for _, why := range []deposit.WhyNot{
		deposit.NothingToRenew, deposit.RenewalTooLate, deposit.RenewalNotDue, deposit.ProviderIsTreasury,
		deposit.ProviderIsOther, deposit.RefusedBefore, deposit.TriedBefore,
	} {
		require.Contains(t, preapprovalAdvice(why), string(why))
	}

	says("retry-preapproval", "no renewal was refused or waits")

	end := now.Add(20 * 24 * time.Hour)
	_, err = db.SeePreapprovals(t.Context(), treasury, []deposit.Preapproval{
		{Contract: "00aa", Provider: "provider::1220", DSO: "DSO::1220", ExpiresAt: end},
		{Contract: "00bb", Provider: "other::1220", DSO: "DSO::1220", ExpiresAt: end.Add(-time.Hour)},
	}, now)
	require.NoError(t, err)

	try := store.Renewal{Contract: "00aa", CommandID: "c", Settings: "s", At: now.Truncate(time.Microsecond)}
	_, ok, err := db.ClaimRenewal(t.Context(), treasury, try, now.Add(time.Hour))
	require.NoError(t, err)
	require.True(t, ok)

	says("preapproval", "00aa provider::1220 "+end.UTC().Format(time.RFC3339)+" there tried 1 in 59m")

	_, err = db.RefuseRenewal(t.Context(), treasury, try, "refused_by_network: \x1b[2J no coins", now)
	require.NoError(t, err)
	_, err = db.SeePreapprovals(t.Context(), treasury, []deposit.Preapproval{
		{Contract: "00aa", Provider: "provider::1220", DSO: "DSO::1220", ExpiresAt: end},
	}, now)
	require.NoError(t, err)

	says("preapproval", " there refused 1 - \"refused_by_network: ", `\x1b[2J no coins"`,
		"00bb other::1220 "+end.Add(-time.Hour).UTC().Format(time.RFC3339)+" gone none 0 - -")
	says("retry-preapproval", "the renewal is tried again when deposit looks next")
	says("preapproval", " there none 0 - -")
}
