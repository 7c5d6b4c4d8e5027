package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

// Every column of the tables of policies can be set, by its name.
func TestAllColumnsAreSettings(t *testing.T) {
	t.Parallel()

	pool := pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })
	columns := func(table string) (names []string) {
		rows, err := pool.Query(t.Context(), `SELECT column_name FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name = $1 AND column_name <> 'instrument_no' ORDER BY ordinal_position`, table)
		require.NoError(t, err)

		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			names = append(names, name)
		}

		require.NoError(t, rows.Err())

		return names
	}

	require.Equal(t, columns("withdrawal_policies"), namesOf(settings()))
	require.Equal(t, columns("deposit_policies"), namesOf(depositSettings()))
}

func namesOf[D any](all []setting[D]) (names []string) {
	for _, s := range all {
		names = append(names, s.name)
	}

	return names
}

func TestDepositPolicies(t *testing.T) {
	t.Parallel()

	environ := []string{"CES_DATABASE_URL=" + emptyDatabase(t)}
	token := []string{"admin::1220", "Token"}
	policy := func(assignments ...string) (int, string, string) {
		return call(t, environ, append(append([]string{"set-deposit-policy"}, token...), assignments...)...)
	}

	code, _, stderr := policy("screen=true")
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, stderr, "list it first with `treasury list-token`")

	code, _, stderr = call(t, environ, append([]string{"list-token"}, token...)...)
	require.Equal(t, service.ExitOK, code, stderr)

	code, stdout, stderr := policy()
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, squeezed(stdout), "\nlead_seconds 1m0s ", "the defaults")

	code, _, stderr = policy("minimum_offer=2.5", "lead_seconds=120", "max_tries=3", "accept_offers=false")
	require.Equal(t, service.ExitOK, code, stderr)

	code, stdout, stderr = policy("screen=true")
	require.Equal(t, service.ExitOK, code, stderr)

	for _, want := range []string{
		"accept_offers false", "minimum_offer 2.5", "lead_seconds 2m0s", "window_seconds 5m0s", "max_tries 3", "screen true",
	} {
		require.Contains(t, squeezed(stdout), "\n"+want+" ")
	}

	for assignment, want := range map[string]string{
		"colour=red":      "where NAME is one of accept_offers, minimum_offer",
		"max_tries=0":     "want 1 to 100",
		"lead_seconds=2d": "want whole seconds",
		"minimum_offer=x": "want a decimal number",
	} {
		code, stdout, stderr = policy(assignment)
		require.Equal(t, service.ExitUsage, code, assignment)
		require.Empty(t, stdout)
		require.Contains(t, stderr, want, assignment)
	}
}

// decided writes verdicts on all that is undecided, as the service does.
func (e *exchange) decided() store.TreasuryID {
	e.t.Helper()

	treasury, err := e.db.FindTreasury(e.t.Context(), e.party)
	require.NoError(e.t, err)

	now := time.Now()
	list, err := e.db.UndecidedOffers(e.t.Context(), treasury, now, 10)
	require.NoError(e.t, err)

	for _, o := range list {
		require.NoError(e.t, e.db.DecideOffers(e.t.Context(), treasury, []store.DecidedOffer{{
			Decision: deposit.Decide(o.Offer, o.Grounds), DepositID: o.DepositID, Changes: o.Changes, Contract: o.Contract,
		}}, now))
	}

	return treasury
}

func TestOperatorsHaveTheLastWordOnOffers(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	require.Equal(t, "none\n", e.ok("offers"))

	giver, err := e.AllocateParty("giver")
	require.NoError(t, err)
	_, err = e.Mint(giver, e.AcmeToken(), amounttest.Of("70"))
	require.NoError(t, err)

	e.ok("list-token", string(e.AcmeToken().Admin), e.AcmeToken().ID)

	// A stranger's memo cannot draw on the operator's terminal.
	_, err = e.Transfer(sandbox.TransferRequest{
		Sender: giver, Receiver: e.party, Instrument: e.AcmeToken(), Amount: amounttest.Of("70"), Memo: new("\x1b[2J who?"),
	})
	require.NoError(t, err)
	e.until("undecided", "offers")

	treasury := e.decided()
	listed := e.ok("offers", "ignore")
	require.Contains(t, squeezed(listed), `ignore unknown_memo none 70 AcmeToken "\x1b[2J who?" `+string(giver)+" in ")

	id := strings.Fields(strings.Split(listed, "\n")[1])[0]
	require.Contains(t, e.ok("offer", id, "accept", "ann", "she has called"), id+": accept")
	e.decided()
	require.Contains(t, squeezed(e.ok("offers", "accept")), "accept by_operator due 70 ")
	require.Equal(t, "none\n", e.ok("offers", "ignore"))

	// It is tried too often, and a person retries it.
	require.Contains(t, e.refuses(service.ExitFailure, "retry-offer", id), "was given up; nothing was changed")

	jobs, err := e.db.ClaimOffers(t.Context(), treasury, time.Now(), time.Now().Add(time.Minute), 1)
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	require.NoError(t, e.db.PostponeOffer(t.Context(), treasury, jobs[0], store.OfferPostponement{
		Work: store.GivenUp, Tries: 8, NextAt: time.Now(), Detail: "refused_by_registry: no",
	}))
	require.Contains(t, squeezed(e.ok("offers")), `given_up 70 AcmeToken`)
	require.Contains(t, e.ok("offers"), `"refused_by_registry: no"`)
	require.Contains(t, e.ok("retry-offer", id), "is tried again")
	require.Contains(t, squeezed(e.ok("offers")), "accept by_operator due 70 ")

	// The rules decide again: its sender is blocked, and then is not.
	require.Contains(t, e.ok("offer", id, "decide", "ann", "a mistake"), "left to the rules again")
	e.ok("add-memo", "bob", "\x1b[2J who?")
	require.Contains(t, e.ok("block-sender", string(giver), "ann", "stolen"), "waits for a person")
	e.decided()
	require.Contains(t, squeezed(e.ok("offers")), "ignore sender_blocked none 70 ")
	require.Contains(t, e.ok("unblock-sender", string(giver), "ann", "found"), "are accepted again")
	require.Contains(t, e.ok("unblock-sender", string(giver), "ann", "found"), "was not blocked")
	e.decided()
	require.Contains(t, squeezed(e.ok("offers")), "accept - due 70 ")

	require.Contains(t, e.refuses(service.ExitUsage, "offers", "refuse"), "want accept, hold, ignore or reject")
	require.Contains(t, e.refuses(service.ExitUsage, "offer", id, "refuse", "ann", "x"), "want accept, hold, ignore or reject")
	require.Contains(t, e.refuses(service.ExitUsage, "offer", "17", "accept", "ann", "x"), "the id that `treasury offers` lists")
	require.Contains(t, e.refuses(service.ExitUsage, "block-sender", "giver", "ann", "x"), "giver")
	require.Contains(t, e.refuses(service.ExitFailure, "offer", uuid.NewString(), "accept", "ann", "x"), "nothing was changed")
}
