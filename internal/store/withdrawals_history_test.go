package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// pays lists the token for withdrawals and credits customers with 1000 each.
func (l *ledger) pays(customers ...string) {
	l.t.Helper()

	require.NoError(l.t, l.db.ListInstrument(l.t.Context(), coin(), amount.Zero(), now()))
	_, err := l.pool.Exec(l.t.Context(), "INSERT INTO withdrawal_policies (instrument_no, enabled) SELECT instrument_no, true FROM instruments")
	require.NoError(l.t, err)

	var postings []books.Posting
	for i, c := range customers {
		postings = append(postings, movement(i, books.Customer, c, amount.FromInt(1000))...)
	}

	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: postings}))
}

const askFor = "SELECT state FROM request_withdrawal($1, $2, $3, $4, $5, $6, $7, NULL, $8)"

// request asks for a withdrawal of c1 to bob as the exchange does.
func (l *ledger) request(id string, units int64) {
	l.t.Helper()

	_, err := l.pool.Exec(l.t.Context(), askFor, l.party, id, "c1", coin().Admin, coin().ID, units, bob, now())
	require.NoError(l.t, err)
}

// exec changes the database as a worker would.
func (l *ledger) exec(statement string, args ...any) {
	l.t.Helper()

	_, err := l.pool.Exec(l.t.Context(), statement, args...)
	require.NoError(l.t, err)
}

// submit makes an attempt live, over a holding that is named like the withdrawal.
func (l *ledger) submit(id, kind string) {
	l.t.Helper()
	l.exec(`INSERT INTO withdrawal_attempts (treasury_id, withdrawal_id, attempt, kind, inputs, input_total, synchronizer_id, target_record_time,
			created_at, prepared, signature)
		SELECT treasury_id, withdrawal_id, attempt + 1, $2, ARRAY['00' || withdrawal_id], amount, 's', $3, $3, '\x01', '\x02'
		FROM withdrawals WHERE withdrawal_id = $1`, id, kind, now())
	l.exec(`UPDATE withdrawals SET attempt = attempt + 1, waiting = 'queued', next_at = now(), lease_until = now(), lease_epoch = lease_epoch + 1
		WHERE withdrawal_id = $1`, id)

	if kind == "reclaim" {
		return
	}

	l.exec(`INSERT INTO reservations (treasury_id, contract_id, attempt, withdrawal_id)
		SELECT treasury_id, '00' || $1, attempt, $1 FROM withdrawals WHERE withdrawal_id = $1`, id)
	l.exec("UPDATE withdrawals SET state = 'reserved' WHERE withdrawal_id = $1", id)
	l.exec("UPDATE withdrawals SET state = 'submitted' WHERE withdrawal_id = $1", id)
}

func (l *ledger) advances(list ...books.Advance) {
	l.t.Helper()
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Advances: list}))
}

// work is what the tables say of a withdrawal's work.
func (l *ledger) work(id string) string {
	l.t.Helper()

	var text string

	require.NoError(l.t, l.pool.QueryRow(l.t.Context(), `SELECT concat_ws(' ', w.state, w.waiting || 'waiting', to_char(w.next_at AT TIME ZONE 'UTC', 'HH24:MI'),
			CASE WHEN w.lease_until IS NULL THEN 'free' ELSE 'leased' END,
			(SELECT string_agg(concat_ws(':', a.kind, coalesce(a.result, 'live'), CASE WHEN a.prepared IS NULL AND a.signature IS NULL THEN 'dropped' END), ' '
				ORDER BY a.attempt) FROM withdrawal_attempts a WHERE a.withdrawal_id = w.withdrawal_id),
			(SELECT count(*) || ' reserved' FROM reservations r WHERE r.withdrawal_id = w.withdrawal_id))
		FROM withdrawals w WHERE w.withdrawal_id = $1`, id).Scan(&text))

	return text
}

// TestHistoryEndsTheWork: with what history says of a withdrawal its attempt ends and its holdings are free, in the
// same transaction; other withdrawals are left alone.
func TestHistoryEndsTheWork(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.pays("c1")

	for _, id := range []string{"paid", "offered", "reclaimed", "accepted", "broken", "other"} {
		l.request(id, 5)
		l.submit(id, "pay")
	}

	const busy = "submitted queuedwaiting"

	before := l.work("other")
	require.Contains(t, before, busy)
	require.Contains(t, before, "leased pay:live 1 reserved")

	until := now().Add(90 * time.Minute)
	offered := func(id string) books.Advance {
		return books.Advance{ID: id, State: withdrawal.Offered, Correlation: someChain + ident.ContractID(id), ExecuteBefore: &until}
	}

	l.advances(
		books.Advance{ID: "paid", State: withdrawal.Completed}, offered("offered"), offered("reclaimed"), offered("accepted"),
		books.Advance{ID: "broken", State: withdrawal.Failed, Reason: withdrawal.OfferFailed},
	)
	require.Equal(t, "completed waiting free pay:committed:dropped 0 reserved", l.work("paid"))
	require.Equal(t, "failed waiting free pay:committed:dropped 0 reserved", l.work("broken"))
	require.Equal(t, "offered waiting 13:30 free pay:committed:dropped 0 reserved", l.work("offered"))

	for _, id := range []string{"reclaimed", "accepted"} {
		l.submit(id, "reclaim")
	}

	l.advances(
		books.Advance{ID: "reclaimed", State: withdrawal.Failed, Reason: withdrawal.OfferWithdrawn},
		books.Advance{ID: "accepted", State: withdrawal.Completed},
	)
	require.Equal(t, "failed waiting free pay:committed:dropped reclaim:committed:dropped 0 reserved", l.work("reclaimed"))
	require.Equal(t, "completed waiting free pay:committed:dropped reclaim:dead:dropped 0 reserved", l.work("accepted"),
		"it came too late to take back what was accepted")
	require.Equal(t, before, l.work("other"))
	require.Equal(t, 7, l.count("SELECT count(*) FROM withdrawal_attempts WHERE ended_at = '2026-03-01T12:00:00Z'"))
}

// TestRequestsAndHistoryNeverDeadlock: the exchange requests and cancels, locking a customer's balance and then that of
// the withdrawals, while history books deposits, payments and refunds of the same customers.
func TestRequestsAndHistoryNeverDeadlock(t *testing.T) {
	t.Parallel()

	const (
		rounds  = 150
		perTurn = 3
	)

	l := begin(t)
	customers := []string{"c1", "c2", "c3", "c4"}
	l.pays(customers...)

	var asked sync.WaitGroup

	failed := make(chan error, len(customers))

	for _, c := range customers {
		asked.Go(func() {
			for i := range rounds {
				id := fmt.Sprintf("%s-%d", c, i)

				_, err := l.pool.Exec(t.Context(), askFor, l.party, id, c, coin().Admin, coin().ID, 1, bob, now())
				if err == nil && i%perTurn == 0 {
					_, err = l.pool.Exec(t.Context(), "SELECT cancel_withdrawal($1, $2, $3)", l.party, id, now())
				}

				if err != nil {
					failed <- err

					return
				}
			}
		})
	}

	// Every batch touches the accounts in an order of its own, the refund last, of a customer whom nothing else touches.
	for i := range rounds {
		var deposits []books.Posting
		for n := range len(customers) - 1 {
			deposits = append(deposits, movement(n, books.Customer, customers[(i+n)%len(customers)], amount.FromInt(1))...)
		}

		paid := movement(0, books.WithdrawalsUnderWay, "", amount.FromInt(-1))
		back := refund(1, customers[(i+len(customers)-1)%len(customers)])
		l.apply(
			l.record(1, txhistory.Effects{}, books.Entries{Postings: append(paid, back...)}),
			l.record(2, txhistory.Effects{}, books.Entries{Postings: deposits}),
		)
	}

	asked.Wait()
	close(failed)

	for err := range failed {
		require.NoError(t, err)
	}

	require.Zero(t, l.count("SELECT count(*) FROM (SELECT sum(amount) FROM balances HAVING sum(amount) <> 0) AS x"))
}

// refund is a movement of 1 from the withdrawals under way back to a customer.
func refund(no int, customer string) []books.Posting {
	p := movement(no, books.Customer, customer, amount.FromInt(1))
	p[0].Kind = books.WithdrawalsUnderWay
	p[0].Origin, p[1].Origin = books.ByRefund, books.ByRefund

	return p
}
