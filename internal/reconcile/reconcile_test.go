package reconcile_test

import (
	"context"
	"log/slog"
	"maps"
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

// payOut pays two of the withdrawals that books requests, of which one comes back.
func (n network) payOut(t *testing.T) {
	t.Helper()

	paid := n.pay(t, n.treasury, n.alice, n.Amulet(), 5, "w-paid")
	_, err := n.Accept(n.alice, paid.Instructions[0])
	require.NoError(t, err)

	refused := n.pay(t, n.treasury, n.alice, n.Amulet(), 6, "w-refused")
	_, err = n.Reject(n.alice, refused.Instructions[0])
	require.NoError(t, err)
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
	b.withdraw(t)
	n.payOut(t)
	b.ingest(t)
	b.reserve(t)

	return b
}

// withdraw requests what payOut pays, and two withdrawals more.
func (b books) withdraw(t *testing.T) {
	t.Helper()

	b.exec(t, "INSERT INTO withdrawal_policies (instrument_no, enabled) SELECT instrument_no, true FROM instruments")

	for id, units := range map[string]int{"w-paid": 5, "w-refused": 6, "w-cancelled": 7, "w-reserved": 8} {
		b.exec(t, "SELECT state FROM request_withdrawal($1, $2, 'customer-1', $3, $4, $5, $6, NULL, now())",
			b.treasury, id, b.Amulet().Admin, b.Amulet().ID, units, b.alice)
	}

	b.exec(t, "SELECT cancel_withdrawal($1, 'w-cancelled', now())", b.treasury)
}

// reserve begins to pay one of them, as a worker does.
func (b books) reserve(t *testing.T) {
	t.Helper()
	b.exec(t, `INSERT INTO withdrawal_attempts (treasury_id, withdrawal_id, attempt, kind, inputs, input_total, synchronizer_id, target_record_time, created_at)
		SELECT treasury_id, 'w-reserved', 1, 'pay', ARRAY[contract_id], amount, synchronizer_id, now(), clock_timestamp()
		FROM holdings WHERE contract_id = `+aReservableHolding)
	b.exec(t, "INSERT INTO reservations SELECT treasury_id, inputs[1], withdrawal_id, attempt FROM withdrawal_attempts")
	b.exec(t, "UPDATE withdrawals SET state = 'reserved', attempt = 1 WHERE withdrawal_id = 'w-reserved'")
}

func (b books) exec(t *testing.T, statement string, args ...any) {
	t.Helper()

	tag, err := b.pool.Exec(t.Context(), statement, args...)
	require.NoError(t, err)
	require.Positive(t, tag.RowsAffected(), "nothing was changed")
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
	// The treasury has free coins of three transactions; the last one is reserved.
	aReservableHolding = "(SELECT max(contract_id) FROM holdings WHERE archived_no IS NULL AND lock_holders IS NULL)"

	aFreeHolding   = "(SELECT min(contract_id) FROM holdings WHERE archived_no IS NULL AND lock_holders IS NULL)"
	aLockedHolding = "(SELECT min(contract_id) FROM holdings WHERE archived_no IS NULL AND lock_holders IS NOT NULL)"
	aSpentHolding  = "(SELECT min(contract_id) FROM holdings WHERE archived_no IS NOT NULL)"
	theOtherToken  = "(SELECT max(instrument_no) + min(instrument_no) FROM instruments) - instrument_no"
	anOffer        = "(SELECT min(contract_id) FROM transfer_instructions WHERE closed_no IS NULL AND direction = 'in')"
	aMovement      = "(SELECT origin, origin_no, movement FROM postings WHERE account_kind = 'customer' AND origin = 'ledger' ORDER BY 2 DESC, 3 LIMIT 1)"
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
	underWay = reconcile.UnderWayDiffers
	once     = reconcile.NotBookedOnce
	reserved = reconcile.ReservationIsWrong
	idle     = reconcile.NothingPaysIt
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
		"offer reopened":         {"UPDATE transfer_instructions SET closed_no = NULL, closed_node = NULL, outcome = NULL WHERE contract_id = (SELECT min(contract_id) FROM transfer_instructions WHERE closed_no IS NOT NULL)", find(extra)},
		"offer over more":        {"UPDATE transfer_instructions SET amount = amount + 1 WHERE contract_id = " + anOffer, find(differs)},
		"offer over other token": {"UPDATE transfer_instructions SET instrument_no = " + theOtherToken + " WHERE contract_id = " + anOffer, find(differs)},
		"offer of another":       {"UPDATE transfer_instructions SET sender = 'mallory::1' WHERE contract_id = " + anOffer, find(differs)},
		"offer to another":       {"UPDATE transfer_instructions SET receiver = 'mallory::1' WHERE contract_id = " + anOffer, find(differs)},
		"offer for longer":       {"UPDATE transfer_instructions SET execute_before = execute_before + '1 second' WHERE contract_id = " + anOffer, find(differs)},
		"balance raised":         {"UPDATE balances SET amount = amount + 0.0000000001 WHERE " + anAccount, find(balances)},
		"balance deleted":        {"DELETE FROM balances WHERE " + anAccount, find(balances)},
		"balance invented":       {"INSERT INTO balances SELECT treasury_id, 'customer', 'mallory', instrument_no, 1 FROM balances LIMIT 1", find(balances)},
		"account renamed":        {"UPDATE balances SET account = 'mallory' WHERE " + anAccount, find(balances, balances)},
		"posting to another":     {"UPDATE postings SET account = 'mallory' WHERE account <> '' AND (origin, origin_no, movement) = " + aMovement, find(balances, balances, credits, credits)},
		"movement deleted":       {"DELETE FROM postings WHERE (origin, origin_no, movement) = " + aMovement, find(balances, balances, notHeld, credits)},
		"network line deleted":   {"DELETE FROM postings WHERE account_kind = 'network' AND (origin, origin_no, movement) = " + aMovement, find(balances, notZero)},
		"customer line deleted":  {"DELETE FROM postings WHERE account_kind <> 'network' AND (origin, origin_no, movement) = " + aMovement, find(balances, notZero, notHeld, credits)},
		"movement and balances deleted": {`WITH gone AS (DELETE FROM postings WHERE (origin, origin_no, movement) = ` + aMovement + ` RETURNING *)
			UPDATE balances b SET amount = b.amount - g.amount FROM gone g WHERE (b.account_kind, b.account, b.instrument_no) = (g.account_kind, g.account, g.instrument_no)`, find(notHeld, credits)},
	}
}

const refundLines = " FROM postings WHERE origin = 'refund'"

// withdrawalTamperings are those that concern withdrawals.
func withdrawalTamperings() map[string]tampering {
	find := func(f ...reconcile.Finding) []reconcile.Finding { return f }

	return map[string]tampering{
		"refunded twice": {`INSERT INTO postings SELECT treasury_id, origin, origin_no, movement + 100, line, account_kind, account, instrument_no, amount` +
			refundLines, find(underWay, once)},
		"never refunded":        {"DELETE" + refundLines, find(balances, balances, underWay, once)},
		"refunded to another":   {"UPDATE postings SET account = 'mallory' WHERE origin = 'refund' AND account <> ''", find(balances, balances, once, once)},
		"refund of a payment":   {"UPDATE withdrawals SET state = 'completed', reason = '' WHERE withdrawal_id = 'w-refused'", find(once, once)},
		"paid and failed":       {"UPDATE withdrawals SET state = 'failed', reason = 'rejected' WHERE withdrawal_id = 'w-paid'", find(once, once)},
		"cancelled for nothing": {"UPDATE withdrawals SET state = 'failed', reason = 'cancelled' WHERE withdrawal_id = 'w-reserved'", find(underWay, once, reserved)},
		"open again":            {"UPDATE withdrawals SET state = 'requested', reason = '' WHERE withdrawal_id = 'w-cancelled'", find(underWay, once)},
		"never asked for":       {"DELETE FROM withdrawals WHERE withdrawal_id = 'w-cancelled'", find(once, once)},
		"asked for more":        {"UPDATE withdrawals SET amount = amount + 0.0000000001 WHERE withdrawal_id = 'w-reserved'", find(underWay, once)},
		"of another customer":   {"UPDATE withdrawals SET account = 'mallory' WHERE withdrawal_id = 'w-reserved'", find(once, once)},
		"attempt dead":          {"UPDATE withdrawal_attempts SET result = 'dead', ended_at = now()", find(reserved, idle)},
		"attempt deleted":       {"DELETE FROM withdrawal_attempts", find(reserved, idle)},
		"another attempt":       {"UPDATE withdrawals SET attempt = 2 WHERE withdrawal_id = 'w-reserved'", find(idle)},
		"not reserved":          {"DELETE FROM reservations", find(reserved)},
		"one input more":        {"UPDATE withdrawal_attempts SET inputs = inputs || ARRAY['00ab']", find(reserved)},
		"back in the queue":     {"UPDATE withdrawals SET state = 'requested' WHERE withdrawal_id = 'w-reserved'", find(reserved)},
		"reserved for nothing":  {"INSERT INTO reservations SELECT treasury_id, " + aFreeHolding + ", 'w-paid', 1 FROM treasuries", find(reserved)},
		"reserved and spent":    {"UPDATE reservations SET contract_id = " + aSpentHolding + "; UPDATE withdrawal_attempts SET inputs = ARRAY[" + aSpentHolding + "]", find(reserved)},
	}
}

// TestEveryTamperingIsFound changes one thing in the database and expects the one finding that tells of it.
func TestEveryTamperingIsFound(t *testing.T) {
	t.Parallel()

	cases := tamperings()
	maps.Copy(cases, withdrawalTamperings())

	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			b := start(t).books(t)
			require.Empty(t, b.run(t).Differences)

			_, err := b.pool.Exec(t.Context(), "ALTER TABLE postings DISABLE TRIGGER postings_stay; ALTER TABLE withdrawals DISABLE TRIGGER withdrawals_go_on")
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
