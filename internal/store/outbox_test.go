package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// reader reads the outbox: as the comment on events.xid tells, or by event_no alone.
type reader struct {
	query    string
	xid      string
	no       int64
	subjects []string
}

const (
	inOrder = `SELECT xid::text, event_no, subject FROM events
		WHERE (xid, event_no) > ($1::text::xid8, $2) AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, event_no`
	byNumber = `SELECT xid::text, event_no, subject FROM events WHERE $1::text IS NOT NULL AND event_no > $2 ORDER BY event_no`
)

func (r *reader) read(t require.TestingT, pool *pgxpool.Pool) {
	rows, err := pool.Query(context.Background(), r.query, r.xid, r.no)
	require.NoError(t, err)

	var subject string

	_, err = pgx.ForEachRow(rows, []any{&r.xid, &r.no, &subject}, func() error {
		r.subjects = append(r.subjects, subject)

		return nil
	})
	require.NoError(t, err)
}

// writers are transactions that write events and overlap.
type writers struct {
	pool      *pgxpool.Pool
	open      []pgx.Tx
	pending   map[pgx.Tx][]string
	committed []string
	n         int
}

// mostOverlapping leaves connections to those who read.
const mostOverlapping = 5

func (w *writers) begin(t require.TestingT) {
	if len(w.open) == mostOverlapping {
		return
	}

	tx, err := w.pool.Begin(context.Background())
	require.NoError(t, err)

	w.open = append(w.open, tx)
}

func (w *writers) write(t require.TestingT, i int) {
	tx := w.open[i]
	w.n++
	subject := fmt.Sprintf("event-%d", w.n)

	_, err := tx.Exec(context.Background(), `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
		VALUES (1, gen_random_uuid(), 't', $1, 1, '{}', now())`, subject)
	require.NoError(t, err)

	w.pending[tx] = append(w.pending[tx], subject)
}

func (w *writers) end(t require.TestingT, i int, commit bool) {
	tx := w.open[i]
	w.open = append(w.open[:i:i], w.open[i+1:]...)

	if commit {
		require.NoError(t, tx.Commit(context.Background()))

		w.committed = append(w.committed, w.pending[tx]...)
	} else {
		require.NoError(t, tx.Rollback(context.Background()))
	}

	delete(w.pending, tx)
}

// requireAll reads until n events are there. Transactions of other databases in the cluster hold the reader up, too:
// pg_snapshot_xmin knows no databases.
func requireAll(t require.TestingT, r *reader, pool *pgxpool.Pool, n int) {
	require.Eventually(t, func() bool {
		r.read(t, pool)

		return len(r.subjects) >= n
	}, patience, pollInterval)
}

// TestOverlappingWritersLoseNoEvent overlaps two writers in the one way that matters: the second takes the higher
// number and commits first.
func TestOverlappingWritersLoseNoEvent(t *testing.T) {
	t.Parallel()

	_, pool := open(t)
	w := &writers{pool: pool, pending: map[pgx.Tx][]string{}}
	good, naive := &reader{query: inOrder, xid: "0"}, &reader{query: byNumber, xid: "0"}

	read := func() {
		good.read(t, pool)
		naive.read(t, pool)
	}

	w.begin(t)
	w.write(t, 0)
	w.begin(t)
	w.write(t, 1)
	w.end(t, 1, true)
	read()
	require.Empty(t, good.subjects, "an earlier transaction may still add events")
	require.Equal(t, []string{"event-2"}, naive.subjects)

	w.end(t, 0, true)
	requireAll(t, good, pool, 2)
	naive.read(t, pool)
	require.Equal(t, []string{"event-1", "event-2"}, good.subjects)
	require.Equal(t, []string{"event-2"}, naive.subjects, "event_no alone lost nothing: then why all this?")
}

// TestAnyOverlapLosesNoEvent interleaves writers and the reader at random.
func TestAnyOverlapLosesNoEvent(t *testing.T) {
	t.Parallel()

	_, pool := open(t)

	rapid.Check(t, func(rt *rapid.T) {
		_, err := pool.Exec(t.Context(), "DELETE FROM events")
		require.NoError(rt, err)

		w := &writers{pool: pool, pending: map[pgx.Tx][]string{}}
		r := &reader{query: inOrder, xid: "0"}

		defer func() {
			for len(w.open) > 0 {
				w.end(rt, 0, false)
			}
		}()

		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			switch action := rapid.IntRange(0, 4).Draw(rt, "action"); {
			case action == 0 && len(w.open) < 4:
				w.begin(rt)
			case action <= 2 && len(w.open) > 0:
				w.write(rt, rapid.IntRange(0, len(w.open)-1).Draw(rt, "writer"))
			case action == 3 && len(w.open) > 0:
				w.end(rt, rapid.IntRange(0, len(w.open)-1).Draw(rt, "writer"), rapid.IntRange(0, 4).Draw(rt, "commit") > 0)
			default:
				r.read(rt, pool)
				require.Subset(rt, w.committed, r.subjects)
			}
		}

		for len(w.open) > 0 {
			w.end(rt, 0, true)
		}

		requireAll(rt, r, pool, len(w.committed))
		require.ElementsMatch(rt, w.committed, r.subjects, "every event once")
	})
}
