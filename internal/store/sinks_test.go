package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/store"
)

// TestOnePublishesAtATime: a lease is one's until it ends or is given back, and an old one changes nothing.
func TestOnePublishesAtATime(t *testing.T) {
	t.Parallel()

	l := begin(t)
	minute := now().Add(time.Minute)

	_, err := l.db.TakeSink(t.Context(), "nats", l.treasury, "a", now(), minute)
	require.ErrorIs(t, err, store.ErrSinkTaken, "a treasury without events")

	l.exec("INSERT INTO event_heads (treasury_id, seq, pruned_seq) VALUES ($1, 10, 3)", int32(l.treasury))

	first, err := l.db.TakeSink(t.Context(), "nats", l.treasury, "a", now(), minute)
	require.NoError(t, err)
	require.EqualValues(t, 3, first.Seq, "a new sink begins with the oldest event that is kept")

	_, err = l.db.TakeSink(t.Context(), "nats", l.treasury, "b", now(), minute)
	require.ErrorIs(t, err, store.ErrSinkTaken)

	other, err := l.db.TakeSink(t.Context(), "kafka", l.treasury, "b", now(), minute)
	require.NoError(t, err, "another sink")
	require.NoError(t, l.db.AdvanceSink(t.Context(), other, 10, now(), minute))

	require.NoError(t, l.db.AdvanceSink(t.Context(), first, 7, now(), minute.Add(time.Minute)))

	_, err = l.db.TakeSink(t.Context(), "nats", l.treasury, "b", minute, minute.Add(time.Minute))
	require.ErrorIs(t, err, store.ErrSinkTaken, "it was renewed")

	second, err := l.db.TakeSink(t.Context(), "nats", l.treasury, "b", minute.Add(time.Minute), minute.Add(2*time.Minute))
	require.NoError(t, err)
	require.EqualValues(t, 7, second.Seq)

	require.ErrorIs(t, l.db.AdvanceSink(t.Context(), first, 8, now(), minute), store.ErrSinkTaken)
	require.NoError(t, l.db.ReleaseSink(t.Context(), first, now()))
	_, err = l.db.TakeSink(t.Context(), "nats", l.treasury, "c", minute, minute.Add(time.Minute))
	require.ErrorIs(t, err, store.ErrSinkTaken, "the old one has nothing to give back")

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
