package store_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// crowd fills a treasury with so many rows of every kind, in every state. Many have the same time, so that the order
// rests on the whole key.
//
//nolint:dupword // columns of SQL
const crowd = `
WITH n AS (SELECT generate_series($2::integer, $3::integer) AS n), updates AS (
	INSERT INTO ledger_updates SELECT $1::integer, n, 'u-' || $1::integer || '-' || n, 'transaction', n * 10, timestamptz '2026-01-01' + n / 7 * interval '1 second', 'global', '', '', 0,
		timestamptz '2026-01-01' FROM n
), put AS (
	INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, account, instrument_no, amount, sender, memo, correlation_id, offered_no, settled_no, settled_node,
		settled_leg, record_time)
	SELECT $1::integer, md5($1::integer || 'd' || n)::uuid, CASE WHEN offer THEN 'offer' ELSE 'one_step' END, state, '', CASE WHEN state <> 'unattributed' THEN 'c' || n % 3 END, n % 2 + 1, n, 's' || n % 4,
		'M-' || n, CASE WHEN offer THEN 'o' || n END, CASE WHEN offer THEN n END, CASE WHEN state <> 'offered' THEN n END, CASE WHEN state <> 'offered' THEN 1 END,
		CASE WHEN state <> 'offered' THEN 0 END, timestamptz '2026-01-01' + n / 7 * interval '1 second'
	FROM (SELECT n, (ARRAY['credited', 'held', 'unattributed', 'offered', 'rejected', 'withdrawn', 'expired', 'failed', 'credited', 'held', 'unattributed'])[n % 11 + 1] AS state FROM n) AS s
	CROSS JOIN LATERAL (SELECT state NOT IN ('credited', 'held', 'unattributed') AS offer) AS k
	RETURNING *
), cases AS (
	INSERT INTO deposit_cases (treasury_id, deposit_id, state, reason, release_at, account, action, proposed_by, withdrawal_id, opened_at, changed_at, arrived_at)
	SELECT $1::integer, deposit_id, c.state, '', CASE WHEN c.state = 'held' THEN record_time END, CASE WHEN c.state IN ('credited', 'proposed') THEN 'c' || settled_no % 2 END,
		CASE WHEN c.state IN ('held', 'open') THEN '' ELSE 'assign' END, CASE WHEN c.state = 'proposed' THEN 'ann' ELSE '' END,
		CASE WHEN c.state LIKE 'return%' THEN 'return:' || deposit_id END, record_time, record_time, record_time
	FROM put CROSS JOIN LATERAL (SELECT (ARRAY['held', 'open', 'proposed', 'credited', 'returning', 'returned'])[settled_no % 6 + 1] AS state) AS c WHERE put.state IN ('held', 'unattributed')
), verdicts AS (
	INSERT INTO offer_verdicts (treasury_id, deposit_id, instrument_no, sender, memo_key, open, verdict, decided_at)
	SELECT $1::integer, deposit_id, instrument_no, sender, '', state = 'offered', (ARRAY['accept', 'hold', 'ignore', 'reject'])[offered_no % 4 + 1], record_time FROM put WHERE kind = 'offer'
), withdrawn AS (
	INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, state, reason, waiting, account, instrument_no, amount, receiver, settled_no, record_time, requested_at)
	SELECT $1::integer, 'w-' || n, CASE WHEN lost THEN NULL ELSE $1::integer * 1000000 + n END, CASE WHEN lost THEN 'recovered' ELSE 'requested' END, state, CASE state WHEN 'failed' THEN 'x' ELSE '' END,
		CASE state WHEN 'requested' THEN 'queued' ELSE '' END, CASE WHEN NOT lost THEN 'c' || n % 3 END, n % 2 + 1, n, 'r', CASE WHEN lost OR state = 'completed' THEN n END,
		CASE WHEN lost THEN timestamptz '2026-01-01' + n / 7 * interval '1 second' END, CASE WHEN NOT lost THEN timestamptz '2026-01-01' + n / 7 * interval '1 second' END
	FROM (SELECT n, (ARRAY['requested', 'reserved', 'submitted', 'offered', 'completed', 'failed'])[n % 6 + 1] AS state, n % 10 = 0 AS lost FROM n) AS s
), booked AS (
	INSERT INTO postings SELECT $1::integer, 'ledger', n, 0, line, CASE WHEN line = 0 THEN 'network' WHEN n % 2 = 0 THEN 'customer' ELSE 'fees' END,
		CASE WHEN line = 1 AND n % 2 = 0 THEN 'c' || n % 50 ELSE '' END, n % 2 + 1, CASE line WHEN 0 THEN -n ELSE n END, timestamptz '2026-01-01' + n / 7 * interval '1 second'
	FROM n CROSS JOIN generate_series(0, 1) AS line
), kept AS (
	INSERT INTO deposit_accounts (treasury_id, memo_key, memo, account, created_at) SELECT $1::integer, 'm-' || n, 'M-' || n, 'c' || n % 3, timestamptz '2026-01-01' + n / 7 * interval '1 second' FROM n
)
INSERT INTO holdings (treasury_id, contract_id, instrument_no, amount, synchronizer_id, template_id, created_no, created_node) SELECT $1::integer, '00' || n, n % 2 + 1, n / 7, 'global', '', n, 1 FROM n`

// crowded is a treasury with a crowd of rows, and another one beside it with as many.
func crowded(t *testing.T, rows int) (*ledger, *ledger) {
	t.Helper()

	l := begin(t)
	beside := beginAs(t, l.db, l.pool, "beside::1220ff")
	l.exec("INSERT INTO instruments (admin, instrument_id, listed, first_seen_at) VALUES ('acme::1220ee', 'Acme', true, now()) ON CONFLICT DO NOTHING")

	for _, one := range []*ledger{l, beside} {
		join(t, one.pool, one.treasury, 1, rows)
	}

	return l, beside
}

func join(t require.TestingT, pool *pgxpool.Pool, treasury store.TreasuryID, from, to int) {
	_, err := pool.Exec(context.Background(), crowd, int32(treasury), from, to)
	require.NoError(t, err)
}

// list is one of the door's lists with its filters: it reads a page as the texts of its keys.
type list struct {
	name string
	read func(context.Context, store.Window) ([]string, string, error)
	// want is the same by a plain statement over the view, in order.
	want string
}

func keys[T any](page store.Page[T], key func(T) string) []string {
	out := make([]string, len(page.Items))
	for i, item := range page.Items {
		out[i] = key(item)
	}

	return out
}

func pages[T any](read func(context.Context, store.Window) (store.Page[T], error), key func(T) string) func(context.Context, store.Window) ([]string, string, error) {
	return func(ctx context.Context, w store.Window) ([]string, string, error) {
		page, err := read(ctx, w)

		return keys(page, key), page.Next, err
	}
}

// lists are all lists with every filter, and some together.
func (l *ledger) lists() []list {
	var all []list

	acme := ident.Instrument{Admin: "acme::1220ee", ID: "Acme"}
	since, until := time.Date(2026, 1, 1, 0, 0, 5, 0, time.UTC), time.Date(2026, 1, 1, 0, 0, 20, 0, time.UTC)
	window := store.Span{Since: &since, Until: &until}
	within := func(column string) string {
		return fmt.Sprintf(" AND %[1]s >= '2026-01-01T00:00:05Z' AND %[1]s < '2026-01-01T00:00:20Z'", column)
	}

	deposits := func(f store.SeenFilter, where string) {
		all = append(all, list{"deposits" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.SeenDeposit], error) {
			return l.db.SeeDeposits(ctx, l.treasury, f, w)
		}, func(d store.SeenDeposit) string { return d.ID.String() }),
			"SELECT deposit_id::text FROM api.deposits WHERE treasury = $1" + where + " ORDER BY record_time DESC, deposit_id DESC"})
	}

	deposits(store.SeenFilter{}, "")
	deposits(store.SeenFilter{Account: "c1"}, " AND account = 'c1'")
	deposits(store.SeenFilter{Sender: "s1"}, " AND sender = 's1'")
	deposits(store.SeenFilter{Token: &acme}, " AND instrument_id = 'Acme'")
	deposits(store.SeenFilter{UpdateID: fmt.Sprintf("u-%d-12", l.treasury)}, fmt.Sprintf(" AND update_id = 'u-%d-12'", l.treasury))
	deposits(store.SeenFilter{Span: window}, within("record_time"))

	for _, state := range []string{"offered", "credited", "held", "unattributed", "returning", "returned", "rejected", "withdrawn", "expired", "failed"} {
		deposits(store.SeenFilter{State: state}, " AND state = '"+state+"'")
		deposits(store.SeenFilter{State: state, Account: "c1", Token: &acme, Span: window},
			" AND state = '"+state+"' AND account = 'c1' AND instrument_id = 'Acme'"+within("record_time"))
	}

	unattributed := func(f store.SeenFilter, where string) {
		all = append(all, list{"unattributed" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.SeenUnattributed], error) {
			return l.db.SeeUnattributed(ctx, l.treasury, f, w)
		}, func(d store.SeenUnattributed) string { return d.Deposit.ID.String() }),
			"SELECT deposit_id::text FROM api.deposits WHERE treasury = $1 AND state = 'unattributed'" + where + " ORDER BY record_time, deposit_id"})
	}

	unattributed(store.SeenFilter{}, "")
	unattributed(store.SeenFilter{Sender: "s1", Token: &acme, Span: window}, " AND sender = 's1' AND instrument_id = 'Acme'"+within("record_time"))

	for _, verdict := range []deposit.Verdict{"", "accept", "hold", "ignore", "reject"} {
		for _, open := range []bool{true, false} {
			where := ""
			if open {
				where = " AND open"
			}

			if verdict != "" {
				where += " AND verdict = '" + string(verdict) + "'"
			}

			all = append(all, list{"offers" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.SeenOffer], error) {
				return l.db.SeeOffers(ctx, l.treasury, open, verdict, w)
			}, func(o store.SeenOffer) string { return o.ID.String() }),
				"SELECT deposit_id::text FROM api.offers WHERE treasury = $1" + where + " ORDER BY record_time DESC, deposit_id DESC"})
		}
	}

	withdrawals := func(f store.SeenWithdrawalFilter, where string) {
		all = append(all, list{"withdrawals" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.SeenWithdrawal], error) {
			return l.db.SeeWithdrawals(ctx, l.treasury, f, w)
		}, func(w store.SeenWithdrawal) string { return w.ID }),
			"SELECT withdrawal_id FROM api.withdrawals WHERE treasury = $1" + where + " ORDER BY coalesce(requested_at, record_time) DESC, withdrawal_id DESC"})
	}

	withdrawals(store.SeenWithdrawalFilter{}, "")
	withdrawals(store.SeenWithdrawalFilter{Account: "c1"}, " AND account = 'c1'")
	withdrawals(store.SeenWithdrawalFilter{Waiting: "queued"}, " AND waiting = 'queued'")
	withdrawals(store.SeenWithdrawalFilter{Token: &acme}, " AND instrument_id = 'Acme'")
	withdrawals(store.SeenWithdrawalFilter{Span: window}, within("coalesce(requested_at, record_time)"))

	for _, state := range withdrawal.States() {
		withdrawals(store.SeenWithdrawalFilter{State: state}, " AND state = '"+string(state)+"'")
		withdrawals(store.SeenWithdrawalFilter{State: state, Account: "c1", Token: &acme}, " AND state = '"+string(state)+"' AND account = 'c1' AND instrument_id = 'Acme'")
	}

	return append(all, l.accountLists(acme, window, within)...)
}

func (l *ledger) accountLists(acme ident.Instrument, window store.Span, within func(string) string) []list {
	var all []list

	accounts := func(f store.AccountFilter, where string) {
		all = append(all, list{"balances" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.SeenBalance], error) {
			return l.db.SeeBalances(ctx, l.treasury, f, w)
		}, func(b store.SeenBalance) string { return b.Kind + b.Account + b.InstrumentID }),
			"SELECT account_kind || account || instrument_id FROM api.balances WHERE treasury = $1" + where + " ORDER BY account_kind, account, instrument_no"},
			list{"postings" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.SeenPosting], error) {
				return l.db.SeePostings(ctx, l.treasury, f, w)
			}, func(p store.SeenPosting) string { return fmt.Sprint(p.OriginNo, p.Line) }),
				"SELECT origin_no || ' ' || line FROM api.postings WHERE treasury = $1" + where + " ORDER BY posted_at DESC, origin DESC, origin_no DESC, movement DESC, line DESC"})
	}

	accounts(store.AccountFilter{}, "")
	accounts(store.AccountFilter{Kind: books.Customer}, " AND account_kind = 'customer'")
	accounts(store.AccountFilter{Kind: books.Network}, " AND account_kind = 'network'")
	accounts(store.AccountFilter{Account: "c2"}, " AND account = 'c2'")
	accounts(store.AccountFilter{Kind: books.Network, Account: "c2"}, " AND account = 'c2' AND account_kind = 'network'")
	accounts(store.AccountFilter{Token: &acme}, " AND instrument_id = 'Acme'")

	for account, where := range map[string]string{"": "", "c1": " AND account = 'c1'"} {
		all = append(all, list{"memos" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.DepositAccount], error) {
			return l.db.SeeMemos(ctx, l.treasury, account, w)
		}, func(m store.DepositAccount) string { return m.Memo }),
			"SELECT memo FROM api.deposit_accounts WHERE treasury = $1" + where + " ORDER BY created_at DESC, memo_key DESC"})
	}

	for where, span := range map[string]store.Span{"": {}, within("record_time"): window} {
		all = append(all, list{"updates" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.SeenUpdate], error) {
			return l.db.SeeUpdates(ctx, l.treasury, span, w)
		}, func(u store.SeenUpdate) string { return u.ID }),
			"SELECT update_id FROM api.updates WHERE treasury = $1" + where + " ORDER BY record_time DESC, update_no DESC"})
	}

	for name, token := range map[string]*ident.Instrument{"": nil, acme.ID: &acme} {
		where := ""
		if token != nil {
			where = " AND instrument_id = '" + name + "'"
		}

		all = append(all, list{"holdings" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.SeenHolding], error) {
			return l.db.SeeHoldings(ctx, l.treasury, token, w)
		}, func(h store.SeenHolding) string { return h.Contract }),
			"SELECT contract_id FROM api.holdings WHERE treasury = $1" + where + " ORDER BY instrument_no DESC, amount DESC, contract_id DESC"})
	}

	for where, span := range map[string]store.Span{"": {}, within("at"): window} {
		all = append(all, list{"statement" + where, pages(func(ctx context.Context, w store.Window) (store.Page[store.StatementLine], error) {
			return l.db.Statement(ctx, l.treasury, "c1", span, w)
		}, func(s store.StatementLine) string { return s.What + s.Reference }),
			"SELECT what || reference FROM api.statements WHERE treasury = $1 AND account = 'c1'" + where + " ORDER BY at, what, reference"})
	}

	return all
}

// rows reads all pages of a list. Between them it does something.
func (one list) rows(t *testing.T, most int, between func()) []string {
	t.Helper()

	var rows []string

	for w := (store.Window{Limit: most}); ; {
		page, next, err := one.read(t.Context(), w)
		require.NoError(t, err, one.name)
		require.LessOrEqual(t, len(page), most, one.name)
		require.True(t, next == "" || len(page) == most, "%s: a page that is not full is the last", one.name)

		rows = append(rows, page...)

		if w.Cursor = next; next == "" {
			return rows
		}

		require.Less(t, len(next), 4000)
		between()
	}
}

// TestPagesAreTheWholeList: page by page, whatever is filtered by and however many rows a page has, a list is what the
// view says, in its order, and of no other treasury.
func TestPagesAreTheWholeList(t *testing.T) {
	t.Parallel()

	const rows = 230

	l, _ := crowded(t, rows)

	filled := 0

	for _, one := range l.lists() {
		var want []string

		found, err := l.pool.Query(t.Context(), one.want, l.party)
		require.NoError(t, err, one.name)

		for found.Next() {
			var key string

			require.NoError(t, found.Scan(&key))
			want = append(want, key)
		}

		require.NoError(t, found.Err(), one.name)

		if len(want) > 0 {
			filled++
		}

		for _, most := range []int{1, 7, 100, 101, store.MostRows} {
			if most == 1 && len(want) > 50 {
				continue
			}

			require.Equal(t, want, one.rows(t, most, func() {}), "%s, pages of %d", one.name, most)
		}
	}

	require.Greater(t, filled, 50, "most of the lists must have rows, or the test tests nothing")
}

// TestPagesWhileOthersWrite: a row that was there when the first page was read comes once, whatever comes to it meanwhile.
func TestPagesWhileOthersWrite(t *testing.T) {
	t.Parallel()

	const rows = 150

	l, _ := crowded(t, rows)

	for _, one := range l.lists() {
		before := one.rows(t, store.MostRows, func() {})

		var (
			writers errgroup.Group
			added   = l.count("SELECT max(update_no)::integer FROM ledger_updates")
		)

		writers.Go(func() error {
			_, err := l.pool.Exec(t.Context(), crowd, int32(l.treasury), added+1, added+20)

			return err
		})

		seen := one.rows(t, 11, func() {})

		require.NoError(t, writers.Wait())

		got := slices.DeleteFunc(slices.Clone(seen), func(key string) bool { return !slices.Contains(before, key) })
		require.Equal(t, before, got, one.name)

		slices.Sort(seen)
		require.Len(t, slices.Compact(slices.Clone(seen)), len(seen), "%s: none comes twice", one.name)
	}
}

// TestCursorsAreOfOneList: a cursor of another list, of other filters, of another treasury or of nobody is refused before
// the database is asked.
func TestCursorsAreOfOneList(t *testing.T) {
	t.Parallel()

	l, beside := crowded(t, 120)
	cursors := map[string]string{}

	for _, from := range append(l.lists(), beside.lists()...) {
		if _, next, err := from.read(t.Context(), store.Window{Limit: 2}); err == nil && next != "" {
			cursors[next] = from.name
		}
	}

	require.Greater(t, len(cursors), 80)

	for _, to := range l.lists() {
		_, own, err := to.read(t.Context(), store.Window{Limit: 2})
		require.NoError(t, err)

		for cursor, name := range cursors {
			if cursor == own || strings.HasSuffix(to.name, "account_kind = 'network'") && strings.Contains(to.name, "c2") {
				continue // the last can have no rows, and reads nothing
			}

			_, _, err := to.read(t.Context(), store.Window{Limit: 2, Cursor: cursor})
			require.ErrorIs(t, err, store.ErrBadCursor, "a cursor of %s in %s", name, to.name)
		}
	}
}

// TestCursorsAreNeverErrorsOfTheDatabase, whatever a caller makes of them.
func TestCursorsAreNeverErrorsOfTheDatabase(t *testing.T) {
	t.Parallel()

	l, _ := crowded(t, 30)
	lists := l.lists()

	rapid.Check(t, func(draw *rapid.T) {
		one := rapid.SampledFrom(lists).Draw(draw, "list")

		_, next, err := one.read(t.Context(), store.Window{Limit: 2})
		require.NoError(t, err)

		raw, err := base64.RawURLEncoding.DecodeString(next)
		require.NoError(t, err)

		text := string(raw)

		if from := rapid.IntRange(0, len(text)).Draw(draw, "from"); text != "" {
			to := rapid.IntRange(from, len(text)).Draw(draw, "to")
			with := rapid.SampledFrom([]string{"", "\x00", "\\u0000", "9", "-1", "99999999999999999999", "é", "\"", "infinity", "'", "\",\"", "NaN", "1e9"}).Draw(draw, "with")
			text = text[:from] + with + text[to:]
		}

		_, _, err = one.read(t.Context(), store.Window{Limit: 2, Cursor: base64.RawURLEncoding.EncodeToString([]byte(text))})
		if err != nil {
			require.ErrorIs(t, err, store.ErrBadCursor, text)
		}
	})
}
