package store_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// told encodes an event as its type and subject: how events look is not this test's affair.
func told(h *event.Happened, seq int64, _ event.Chain) ([]byte, error) {
	return fmt.Appendf(nil, "%d %s %s", seq, h.Treasury, h.Subject), nil
}

// once is for outboxes that have no id twice.
func once(h *event.Happened) { panic("an id is there twice: " + h.ID.String()) }

// numberAll numbers until n events of all treasuries have their places.
func numberAll(t require.TestingT, db *store.DB, pool *pgxpool.Pool, n int) {
	require.Eventually(t, func() bool {
		_, err := db.NumberEvents(context.Background(), 3, now(), told, once)
		require.NoError(t, err)

		var have int

		require.NoError(t, pool.QueryRow(context.Background(), "SELECT count(*) FROM event_log").Scan(&have))

		return have >= n
	}, patience, pollInterval)
}

// subjectsOf are the subjects of a treasury's events in their order, which has no gap.
func subjectsOf(t require.TestingT, db *store.DB, treasury store.TreasuryID) []string {
	var subjects []string

	for after := int64(0); ; {
		events, err := db.EventsAfter(context.Background(), treasury, after, 2)
		require.NoError(t, err)

		if len(events) == 0 {
			head, err := db.EventHead(context.Background(), treasury)
			require.NoError(t, err)
			require.Equal(t, after, head.Seq)

			return subjects
		}

		for _, e := range events {
			after++
			require.Equal(t, after, e.Seq, "a gap")
			subjects = append(subjects, e.Subject)
		}
	}
}

// TestEventsAreNumberedWhoeverOverlaps interleaves writers, rollbacks and the sequencer at random.
func TestEventsAreNumberedWhoeverOverlaps(t *testing.T) {
	t.Parallel()

	l := begin(t)
	seen := 0

	rapid.Check(t, func(rt *rapid.T) {
		w := &writers{pool: l.pool, pending: map[pgx.Tx][]string{}, n: seen}

		defer func() {
			for len(w.open) > 0 {
				w.end(rt, 0, false)
			}
		}()

		before := len(subjectsOf(rt, l.db, l.treasury))

		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch rapid.IntRange(0, 4).Draw(rt, "step") {
			case 0:
				w.begin(rt)
			case 1, 2:
				if len(w.open) > 0 {
					w.write(rt, rapid.IntRange(0, len(w.open)-1).Draw(rt, "who"))
				}
			case 3:
				if len(w.open) > 0 {
					w.end(rt, rapid.IntRange(0, len(w.open)-1).Draw(rt, "who"), rapid.Bool().Draw(rt, "commit"))
				}
			default:
				_, err := l.db.NumberEvents(rt.Context(), 2, now(), told, once)
				require.NoError(rt, err)
			}
		}

		for len(w.open) > 0 {
			w.end(rt, 0, true)
		}

		numberAll(rt, l.db, l.pool, before+len(w.committed))

		numbered := subjectsOf(rt, l.db, l.treasury)[before:]
		require.ElementsMatch(rt, w.committed, numbered)

		seen = w.n
	})
}

// TestOneNumbersAtATime: who comes second finds nothing to do, and nothing gets two places.
func TestOneNumbersAtATime(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for i := range 50 {
		l.exec(`INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) VALUES ($1, gen_random_uuid(), 't', $2, 0, '{}', now())`,
			int32(l.treasury), fmt.Sprint(i))
	}

	done := make(chan error)

	for range 4 {
		go func() {
			for {
				_, err := l.db.NumberEvents(t.Context(), 3, now(), told, once)

				head, failed := l.db.EventHead(t.Context(), l.treasury)
				if err != nil || failed != nil || head.Seq == 50 {
					done <- err

					return
				}
			}
		}()
	}

	for range 4 {
		require.NoError(t, <-done)
	}

	require.Len(t, subjectsOf(t, l.db, l.treasury), 50)
}

// TestEventsOfAnotherLife: after a database came from another server, numbers of transactions there say nothing here. No
// event is numbered twice, and none is forgotten.
func TestEventsOfAnotherLife(t *testing.T) {
	t.Parallel()

	l := begin(t)
	write := func(subject, xid string) {
		l.exec(`INSERT INTO events (xid, treasury_id, event_id, type, subject, update_no, payload, created_at)
			VALUES (coalesce(nullif($3, '')::xid8, pg_current_xact_id()), $1, gen_random_uuid(), 't', $2, 0, '{}', now())`, int32(l.treasury), subject, xid)
	}

	write("here", "")
	numberAll(t, l.db, l.pool, 1)

	// The other server had counted further, and had numbered up to there.
	write("of the other server", "900000000000")
	write("of long ago", "3")
	l.exec("UPDATE event_sequencer SET identity = 'another server/00000001', xid = '800000000000', event_no = 5")
	open, err := l.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = open.Exec(t.Context(), "SELECT pg_current_xact_id()")
	require.NoError(t, err)

	write("after the move", "") // which is not certain as long as the other one is open
	numberAll(t, l.db, l.pool, 3)
	require.NoError(t, open.Rollback(t.Context()))
	numberAll(t, l.db, l.pool, 4)
	write("later", "")
	numberAll(t, l.db, l.pool, 5)

	require.Equal(t, []string{"here", "of the other server", "of long ago", "after the move", "later"}, subjectsOf(t, l.db, l.treasury))
}

// TestEventsAreForgotten when they are older than they are kept, and it is known which.
func TestEventsAreForgotten(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for i := range 10 {
		l.exec(`INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) VALUES ($1, gen_random_uuid(), 't', $2, 0, '{}', now())`,
			int32(l.treasury), fmt.Sprint(i))
	}

	numberAll(t, l.db, l.pool, 10)

	n, err := l.db.PruneEvents(t.Context(), l.treasury, now(), 100)
	require.NoError(t, err)
	require.Zero(t, n, "none is older")

	n, err = l.db.PruneEvents(t.Context(), l.treasury, now().Add(time.Second), 4)
	require.NoError(t, err)
	require.EqualValues(t, 4, n)

	head, err := l.db.EventHead(t.Context(), l.treasury)
	require.NoError(t, err)
	require.Equal(t, store.EventHead{Seq: 10, Pruned: 4, Chain: head.Chain}, head)

	rest, err := l.db.EventsAfter(t.Context(), l.treasury, 0, 100)
	require.NoError(t, err)
	require.Equal(t, []int64{5, 6, 7, 8, 9, 10}, seqs(rest))

	_, err = l.db.EventByID(t.Context(), l.treasury, uuid.UUID{1})
	require.ErrorIs(t, err, store.ErrNotFound)

	one, err := l.db.EventByID(t.Context(), l.treasury, rest[2].ID)
	require.NoError(t, err)
	require.Equal(t, rest[2], one)
}

func seqs(events []store.LoggedEvent) []int64 {
	all := make([]int64, 0, len(events))
	for _, e := range events {
		all = append(all, e.Seq)
	}

	return slices.Clip(all)
}

// TestNoGapIsForgottenIntoTheLog: an event that was numbered while a clock was ahead keeps those after it.
func TestNoGapIsForgottenIntoTheLog(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for i, at := range []time.Time{now(), now().Add(time.Hour), now(), now()} {
		l.exec(`INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) VALUES ($1, gen_random_uuid(), 't', $2, 0, '{}', now())`,
			int32(l.treasury), fmt.Sprint(i))

		require.Eventually(t, func() bool {
			n, err := l.db.NumberEvents(t.Context(), 3, at, told, once)
			require.NoError(t, err)

			return n == 1
		}, patience, pollInterval)
	}

	n, err := l.db.PruneEvents(t.Context(), l.treasury, now().Add(time.Minute), 100)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)

	rest, err := l.db.EventsAfter(t.Context(), l.treasury, 0, 100)
	require.NoError(t, err)
	require.Equal(t, []int64{2, 3, 4}, seqs(rest))

	n, err = l.db.PruneEvents(t.Context(), l.treasury, now().Add(2*time.Hour), 100)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
}
