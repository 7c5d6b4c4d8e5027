package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// TestOnePublishesAtATime: a lease is one's until it ends or is given back, and an old one changes nothing.
func TestOnePublishesAtATime(t *testing.T) {
	t.Parallel()

	l := begin(t)
	minute := now().Add(time.Minute)

	_, err := l.db.TakeSink(t.Context(), "nats", l.treasury, "a", now(), minute)
	require.ErrorIs(t, err, store.ErrSinkTaken, "a treasury without events")

	chain := event.Chain{7}
	at := func(seq int64) event.Place { return event.Place{Seq: seq, Chain: &chain} }

	l.exec(`INSERT INTO event_log (treasury_id, seq, event_id, type, subject, account, instrument_no, logged_at, body, chain)
		SELECT $1, n, gen_random_uuid(), 'deposit.credited', '', '', 0, now(), '', $2 FROM generate_series(4, 10) AS n`,
		int32(l.treasury), chain[:])
	l.exec("INSERT INTO event_heads (treasury_id, seq, chain, pruned_seq) VALUES ($1, 10, $2, 3)", int32(l.treasury), chain[:])

	first, err := l.db.TakeSink(t.Context(), "nats", l.treasury, "a", now(), minute)
	require.NoError(t, err)
	require.EqualValues(t, 3, first.Seq, "a new sink begins with the oldest event that is kept")

	_, err = l.db.TakeSink(t.Context(), "nats", l.treasury, "b", now(), minute)
	require.ErrorIs(t, err, store.ErrSinkTaken)

	other, err := l.db.TakeSink(t.Context(), "kafka", l.treasury, "b", now(), minute)
	require.NoError(t, err, "another sink")
	require.NoError(t, l.db.AdvanceSink(t.Context(), other, at(10), now(), minute))

	require.NoError(t, l.db.AdvanceSink(t.Context(), first, at(7), now(), minute.Add(time.Minute)))

	_, err = l.db.TakeSink(t.Context(), "nats", l.treasury, "b", minute, minute.Add(time.Minute))
	require.ErrorIs(t, err, store.ErrSinkTaken, "it was renewed")

	second, err := l.db.TakeSink(t.Context(), "nats", l.treasury, "b", minute.Add(time.Minute), minute.Add(2*time.Minute))
	require.NoError(t, err)
	require.EqualValues(t, 7, second.Seq)

	require.ErrorIs(t, l.db.AdvanceSink(t.Context(), first, at(8), now(), minute), store.ErrSinkTaken)
	require.NoError(t, l.db.ReleaseSink(t.Context(), first, now()))
	_, err = l.db.TakeSink(t.Context(), "nats", l.treasury, "c", minute, minute.Add(time.Minute))
	require.ErrorIs(t, err, store.ErrSinkTaken, "the old one has nothing to give back")

	foreign := event.Chain{8}
	require.ErrorIs(t, l.db.AdvanceSink(t.Context(), second, event.Place{Seq: 9, Chain: &foreign}, now(), minute),
		store.ErrSinkTaken, "a place of another history")
	require.ErrorIs(t, l.db.AdvanceSink(t.Context(), second, at(11), now(), minute), store.ErrSinkTaken, "a place that is not there")
	require.NoError(t, l.db.AdvanceSink(t.Context(), second, at(3), now(), minute), "the broker lost all that it had")
	require.NoError(t, l.db.AdvanceSink(t.Context(), second, at(7), now(), minute))

	require.NoError(t, l.db.ReleaseSink(t.Context(), second, now()))
	_, err = l.db.TakeSink(t.Context(), "nats", l.treasury, "c", now(), minute)
	require.NoError(t, err)

	lags, err := l.db.SinkLags(t.Context(), []string{"nats", "kafka", "new"})
	require.NoError(t, err)
	require.ElementsMatch(t, []store.SinkLag{
		{Sink: "nats", Treasury: l.treasury, Party: party, Lag: 3},
		{Sink: "kafka", Treasury: l.treasury, Party: party, Lag: 0},
		{Sink: "new", Treasury: l.treasury, Party: party, Lag: 7},
	}, lags)
}
