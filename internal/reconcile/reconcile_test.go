package reconcile_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func migrate(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) }

// network is a sandbox on a real socket, with a treasury that holds free and locked coins, two tokens, and offers in
// both directions.
type network struct {
	*sandbox.Sandbox

	node            *ledger.Client
	treasury, alice ident.Party
}

func start(t *testing.T) network {
	t.Helper()

	s, err := sandbox.New(sandbox.Config{TwoSynchronizers: true, Seed: 1, Inspect: published.Inspect(t, "")})
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})

	node, err := ledger.New(ledger.Config{URL: server.URL, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(node.CloseIdle)

	n := network{Sandbox: s, node: node}
	n.treasury, err = s.AllocateParty("treasury")
	require.NoError(t, err)
	n.alice, err = s.AllocateParty("alice")
	require.NoError(t, err)
	_, err = s.Preapprove(n.treasury)
	require.NoError(t, err)

	n.live(t)

	return n
}

// live makes a bit of history.
func (n network) live(t *testing.T) {
	t.Helper()

	_, err := n.Tap(n.alice, amount.FromInt(1000))
	require.NoError(t, err)
	_, err = n.Mint(n.alice, n.AcmeToken(), amount.FromInt(500))
	require.NoError(t, err)

	n.pay(t, n.alice, n.treasury, n.Amulet(), 100, "ACC-1")
	n.pay(t, n.alice, n.treasury, n.Amulet(), 70, "nobody's")
	accepted := n.pay(t, n.alice, n.treasury, n.AcmeToken(), 30, "ACC-1")
	_, err = n.Accept(n.treasury, accepted.Instructions[0])
	require.NoError(t, err)

	n.pay(t, n.alice, n.treasury, n.AcmeToken(), 20, "ACC-1")
	n.pay(t, n.treasury, n.alice, n.Amulet(), 40, "w-1")
}

func (n network) pay(t *testing.T, from, to ident.Party, token ident.Instrument, units int64, memo string) sandbox.Receipt {
	t.Helper()

	r, err := n.Transfer(sandbox.TransferRequest{Sender: from, Receiver: to, Instrument: token, Amount: amount.FromInt(units), Memo: &memo})
	require.NoError(t, err)

	return r
}

// books is a database that has ingested the network.
type books struct {
	network

	db   *store.DB
	pool *pgxpool.Pool
	id   store.TreasuryID
}

func (n network) books(t *testing.T) books {
	t.Helper()

	pool := pgtest.New(t, migrate)

	db, err := store.Open(t.Context(), secret.New(pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	id, err := db.EnsureTreasury(t.Context(), n.treasury, time.Now())
	require.NoError(t, err)
	require.NoError(t, db.RegisterMemo(t.Context(), id, "ACC-1", "customer-1", time.Now()))

	for _, token := range []ident.Instrument{n.Amulet(), n.AcmeToken()} {
		require.NoError(t, db.ListInstrument(t.Context(), token, amount.Zero(), time.Now()))
	}

	b := books{network: n, db: db, pool: pool, id: id}
	b.ingest(t)

	return b
}

func (b books) ingest(t *testing.T) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	s, err := ingest.New(ingest.Config{Party: b.treasury, StopAt: b.LedgerEnd()}, b.node, b.db, clock.System{}, slog.New(slog.DiscardHandler),
		ingest.NewMetrics(prometheus.NewRegistry()))
	require.NoError(t, err)
	require.NoError(t, s.Run(ctx))
	require.NoError(t, ctx.Err())
}

func (b books) run(t *testing.T) reconcile.Report {
	t.Helper()

	report, err := reconcile.Run(t.Context(), b.node, b.db, b.id, b.treasury)
	require.NoError(t, err)
	require.Equal(t, len(report.Differences) == 0, report.Clean())

	return report
}

func TestCleanBooks(t *testing.T) {
	t.Parallel()

	b := start(t).books(t)
	report := b.run(t)
	require.Empty(t, report.Differences)
	require.Equal(t, 2, report.Instructions)
	require.Positive(t, report.Holdings)
	require.Len(t, report.Totals, 2)

	for _, total := range report.Totals {
		held, err := b.Total(b.treasury, total.Instrument)
		require.NoError(t, err)
		want := amount.Total{}.Plus(held)
		require.True(t, total.Held.Equal(want), "%s: %s", total.Instrument, total.Held)
		require.True(t, total.Booked.Equal(want), "%s: %s", total.Instrument, total.Booked)
	}

	// The ledger goes on: both sides are compared where the database stands.
	at := report.At
	b.pay(t, b.alice, b.treasury, b.Amulet(), 5, "ACC-1")

	report = b.run(t)
	require.Empty(t, report.Differences)
	require.Equal(t, at, report.At)

	b.ingest(t)
	report = b.run(t)
	require.Empty(t, report.Differences)
	require.Greater(t, report.At, at)
}

// TestReassignedHoldingsAgree moves a holding to the other synchronizer.
func TestReassignedHoldingsAgree(t *testing.T) {
	t.Parallel()

	n := start(t)

	var free ident.ContractID

	require.NoError(t, n.books(t).pool.QueryRow(t.Context(), "SELECT "+aFreeHolding).Scan(&free))
	_, err := n.Reassign(free)
	require.NoError(t, err)
	require.Empty(t, n.books(t).run(t).Differences)
}

const (
	aFreeHolding   = "(SELECT min(contract_id) FROM holdings WHERE archived_no IS NULL AND lock_holders IS NULL)"
	aLockedHolding = "(SELECT min(contract_id) FROM holdings WHERE archived_no IS NULL AND lock_holders IS NOT NULL)"
	aSpentHolding  = "(SELECT min(contract_id) FROM holdings WHERE archived_no IS NOT NULL)"
	theOtherToken  = "(SELECT max(instrument_no) + min(instrument_no) FROM instruments) - instrument_no"
	anOffer        = "(SELECT min(contract_id) FROM transfer_instructions WHERE closed_no IS NULL AND direction = 'in')"
	aMovement      = "(SELECT origin_no, movement FROM postings WHERE account_kind = 'customer' ORDER BY 1, 2 LIMIT 1)"
	anAccount      = "(account_kind, account, instrument_no) = (SELECT account_kind, account, instrument_no FROM balances WHERE account <> '' ORDER BY 3 LIMIT 1)"
)

const (
	missing  = reconcile.MissingInDatabase
	extra    = reconcile.MissingOnNode
	differs  = reconcile.Different
	notHeld  = reconcile.BooksDoNotMatch
	notZero  = reconcile.BooksDoNotClose
	balances = reconcile.BalanceIsWrong
	credits  = reconcile.CreditsDiffer
)

type tampering struct {
	sql  string
	want []reconcile.Finding
}

// tamperings are one change of the database each, and what must be found then.
func tamperings() map[string]tampering {
	find := func(f ...reconcile.Finding) []reconcile.Finding { return f }

	return map[string]tampering{
		"holding deleted":        {"DELETE FROM holdings WHERE contract_id = " + aFreeHolding, find(notHeld, missing)},
		"holding spent":          {"UPDATE holdings SET archived_no = created_no, archived_node = 0 WHERE contract_id = " + aFreeHolding, find(notHeld, missing)},
		"holding unspent":        {"UPDATE holdings SET archived_no = NULL, archived_node = NULL WHERE contract_id = " + aSpentHolding, find(notHeld, extra)},
		"amount changed":         {"UPDATE holdings SET amount = amount + 0.0000000001 WHERE contract_id = " + aFreeHolding, find(notHeld, differs)},
		"token changed":          {"UPDATE holdings SET instrument_no = " + theOtherToken + " WHERE contract_id = " + aFreeHolding, find(notHeld, notHeld, differs)},
		"unlocked":               {"UPDATE holdings SET lock_holders = NULL, lock_expires_at = NULL, lock_context = NULL WHERE contract_id = " + aLockedHolding, find(differs)},
		"locked":                 {"UPDATE holdings SET lock_holders = '{x}' WHERE contract_id = " + aFreeHolding, find(differs)},
		"wrong synchronizer":     {"UPDATE holdings SET synchronizer_id = 'elsewhere::1220' WHERE contract_id = " + aFreeHolding, find(differs)},
		"in flight":              {"UPDATE holdings SET in_flight = true WHERE contract_id = " + aFreeHolding, find(differs)},
		"offer deleted":          {"DELETE FROM transfer_instructions WHERE contract_id = " + anOffer, find(missing)},
		"offer closed":           {"UPDATE transfer_instructions SET closed_no = 1, closed_node = 0, outcome = 'failed' WHERE contract_id = " + anOffer, find(missing)},
		"offer reopened":         {"UPDATE transfer_instructions SET closed_no = NULL, closed_node = NULL, outcome = NULL WHERE closed_no IS NOT NULL", find(extra)},
		"offer over more":        {"UPDATE transfer_instructions SET amount = amount + 1 WHERE contract_id = " + anOffer, find(differs)},
		"offer over other token": {"UPDATE transfer_instructions SET instrument_no = " + theOtherToken + " WHERE contract_id = " + anOffer, find(differs)},
		"offer of another":       {"UPDATE transfer_instructions SET sender = 'mallory::1' WHERE contract_id = " + anOffer, find(differs)},
		"offer to another":       {"UPDATE transfer_instructions SET receiver = 'mallory::1' WHERE contract_id = " + anOffer, find(differs)},
		"offer for longer":       {"UPDATE transfer_instructions SET execute_before = execute_before + '1 second' WHERE contract_id = " + anOffer, find(differs)},
		"balance raised":         {"UPDATE balances SET amount = amount + 0.0000000001 WHERE " + anAccount, find(balances)},
		"balance deleted":        {"DELETE FROM balances WHERE " + anAccount, find(balances)},
		"balance invented":       {"INSERT INTO balances SELECT treasury_id, 'customer', 'mallory', instrument_no, 1 FROM balances LIMIT 1", find(balances)},
		"account renamed":        {"UPDATE balances SET account = 'mallory' WHERE " + anAccount, find(balances, balances)},
		"posting to another":     {"UPDATE postings SET account = 'mallory' WHERE account <> '' AND (origin_no, movement) = " + aMovement, find(balances, balances, credits, credits)},
		"movement deleted":       {"DELETE FROM postings WHERE (origin_no, movement) = " + aMovement, find(balances, balances, notHeld, credits)},
		"network line deleted":   {"DELETE FROM postings WHERE account_kind = 'network' AND (origin_no, movement) = " + aMovement, find(balances, notZero)},
		"customer line deleted":  {"DELETE FROM postings WHERE account_kind <> 'network' AND (origin_no, movement) = " + aMovement, find(balances, notZero, notHeld, credits)},
		"movement and balances deleted": {`WITH gone AS (DELETE FROM postings WHERE (origin_no, movement) = ` + aMovement + ` RETURNING *)
			UPDATE balances b SET amount = b.amount - g.amount FROM gone g WHERE (b.account_kind, b.account, b.instrument_no) = (g.account_kind, g.account, g.instrument_no)`, find(notHeld, credits)},
	}
}

// TestEveryTamperingIsFound changes one thing in the database and expects the one finding that tells of it.
func TestEveryTamperingIsFound(t *testing.T) {
	t.Parallel()

	n := start(t)

	for name, c := range tamperings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			b := n.books(t)
			require.Empty(t, b.run(t).Differences)

			_, err := b.pool.Exec(t.Context(), "ALTER TABLE postings DISABLE TRIGGER postings_stay")
			require.NoError(t, err)

			tag, err := b.pool.Exec(t.Context(), c.sql)
			require.NoError(t, err)
			require.Positive(t, tag.RowsAffected(), "nothing was tampered with")

			var found []reconcile.Finding
			for _, d := range b.run(t).Differences {
				require.NotEmpty(t, d.Subject)
				require.NotEmpty(t, d.Detail)

				found = append(found, d.Finding)
			}

			require.ElementsMatch(t, c.want, found)
		})
	}
}

// TestAReportIsTheSameEveryTime: people compare reports.
func TestAReportIsTheSameEveryTime(t *testing.T) {
	t.Parallel()

	b := start(t).books(t)
	_, err := b.pool.Exec(t.Context(), "DELETE FROM holdings")
	require.NoError(t, err)
	_, err = b.pool.Exec(t.Context(), "UPDATE balances SET amount = amount + 1")
	require.NoError(t, err)

	first := b.run(t)
	require.Greater(t, len(first.Differences), 6)

	for range 5 {
		require.Equal(t, first.Differences, b.run(t).Differences)
	}
}

// another is the same node under another name.
type another struct{ *ledger.Client }

func (another) ParticipantID(context.Context) (ident.ParticipantID, error) {
	return "another::1220", nil
}

func TestAnotherNodeIsNotComparedWith(t *testing.T) {
	t.Parallel()

	b := start(t).books(t)
	_, err := reconcile.Run(t.Context(), another{b.node}, b.db, b.id, b.treasury)
	require.ErrorContains(t, err, "another::1220")
}

func TestANodeThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()

	b := start(t).books(t)
	b.SetDown(true)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err := reconcile.Run(ctx, b.node, b.db, b.id, b.treasury)
	require.Error(t, err)

	_, err = reconcile.Run(t.Context(), b.node, b.db, b.id+1, b.treasury)
	require.ErrorIs(t, err, store.ErrNotFound)
}
