package broker_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/broker/jetstream"
	"github.com/canton-exchange/suite/internal/broker/kafka"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
)

// putBack makes the database what it was when a treasury had so many events and the brokers had been told as many.
func (w *world) putBack(of ident.Party, seq int64) {
	w.t.Helper()

	tx, err := w.pool.Begin(w.t.Context())
	require.NoError(w.t, err)

	defer func() { require.NoError(w.t, tx.Commit(w.t.Context())) }()

	for _, change := range []string{
		"DELETE FROM events USING event_log l WHERE events.event_no = l.event_no AND (l.treasury_id, l.seq) > ($1, $2) AND l.treasury_id = $1",
		"DELETE FROM event_log WHERE treasury_id = $1 AND seq > $2",
		`UPDATE event_heads h SET seq = $2, chain = (SELECT chain FROM event_log l WHERE (l.treasury_id, l.seq) = ($1, $2))
			WHERE h.treasury_id = $1`,
		"UPDATE event_sinks SET seq = $2, lease_epoch = 1, lease_until = '-infinity' WHERE treasury_id = $1 AND seq > $2",
	} {
		_, err := tx.Exec(w.t.Context(), change, int32(w.treasuries[of]), seq)
		require.NoError(w.t, err)
	}
}

func untilHalted(t *testing.T, registry *prometheus.Registry) {
	t.Helper()
	require.Eventually(t, func() bool { return metric(t, registry, "ces_events_broker_halted") == 1 }, patience, poll)
}

// place is a broker that a test publishes to, and what readers have of it.
type place struct {
	broker broker.Broker
	read   func() []string
}

func onNATS(t *testing.T) place {
	t.Helper()

	s := embedded(t)

	return place{natsBroker(t, s), func() []string {
		var read []string
		for _, m := range streamed(t, s, party) {
			read = append(read, m.Header.Get("ce-sequence"))
		}

		return read
	}}
}

func inKafka(cluster func(*testing.T) kafka.Settings) func(*testing.T) place {
	return func(t *testing.T) place {
		t.Helper()

		s := cluster(t)
		end := stranger(t, s)

		return place{kafkaBroker(t, s), func() []string {
			mark := &kgo.Record{Key: []byte("mark"), Partition: partitionOf(t, s)}
			require.NoError(t, end.ProduceSync(t.Context(), mark).FirstErr())

			records := consumed(t, s, func(got map[string][]*kgo.Record) bool { return len(got["mark"]) > 0 })

			var read []string
			for _, r := range records[string(party)] {
				read = append(read, header(r, "ce_sequence"))
			}

			return read
		}}
	}
}

func sequences(from, to int64) []string {
	var all []string
	for ; from <= to; from++ {
		all = append(all, event.Sequence(from))
	}

	return all
}

// onBrokers runs a test with each kind of broker.
func onBrokers(t *testing.T, test func(*testing.T, place)) {
	t.Helper()

	for name, of := range map[string]func(*testing.T) place{
		"nats": onNATS, "fake kafka": inKafka(fakeKafka), "real kafka": inKafka(trueKafka),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, of(t))
		})
	}
}

// TestADatabaseThatIsPutBack under a publisher stops it, whether it has events to publish then or not, and one that starts
// later too. Nothing of the other history comes to the broker before somebody says so; then all of it does.
func TestADatabaseThatIsPutBack(t *testing.T) {
	t.Parallel()

	for name, others := range map[string]int{"no other events": 0, "fewer others": 2, "as many others": 4, "more others": 9} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBrokers(t, func(t *testing.T, p place) {
				t.Helper()
				isPutBack(t, p, others)
			})
		})
	}
}

func isPutBack(t *testing.T, p place, others int) {
	t.Helper()

	w := newWorld(t)
	w.happen(party, 10)

	registry, stop := w.start(nil, p.broker)
	w.untilTold(p.broker.Name(), party, 10)
	w.putBack(party, 6)

	if others > 0 {
		w.happen(party, others)
	}

	untilHalted(t, registry)
	stop()

	registry, stop = w.start(nil, p.broker)
	untilHalted(t, registry)
	stop()
	require.Equal(t, sequences(1, 10), p.read())

	_, stop = w.start([]string{fmt.Sprintf("%s:%s:6", p.broker.Name(), broker.Token(party))}, p.broker)
	defer stop()

	w.happen(party, 1)

	end := int64(6 + others + 1)

	w.untilTold(p.broker.Name(), party, end)
	require.Equal(t, append(sequences(1, 10), sequences(7, end)...), p.read())
}

// TestADatabaseThatIsPutBackUnderAForgetfulBroker stops the publisher too: it knows itself what it told.
func TestADatabaseThatIsPutBackUnderAForgetfulBroker(t *testing.T) {
	t.Parallel()
	onKafka(t, func(t *testing.T, s kafka.Settings) {
		t.Helper()

		for _, others := range []int{0, 4} {
			w := newWorld(t)
			w.happen(party, 10)

			registry, stop := w.start(nil, kafkaBroker(t, s))
			w.untilTold("kafka", party, 10)
			truncate(t, s, partitionOf(t, s))
			require.Equal(t, broker.Place{}, lastOf(t, s))
			w.putBack(party, 6)

			if others > 0 {
				w.happen(party, others)
			}

			untilHalted(t, registry)
			stop()
			require.Equal(t, broker.Place{}, lastOf(t, s))
		}
	})
}

// TestAHistoryThatEndsTheSame is another one all the same, if anything before is not as it was told.
func TestAHistoryThatEndsTheSame(t *testing.T) {
	t.Parallel()
	onBrokers(t, func(t *testing.T, p place) {
		t.Helper()

		w := newWorld(t)
		w.happen(party, 10)

		_, stop := w.start(nil, p.broker)
		w.untilTold(p.broker.Name(), party, 10)
		stop()

		last := w.events(party)[9].ID

		w.putBack(party, 6)
		w.happen(party, 3)
		w.happens(party, last.String())
		require.Equal(t, last, w.events(party)[9].ID)

		registry, stop := w.start(nil, p.broker)
		defer stop()

		untilHalted(t, registry)
		require.Equal(t, sequences(1, 10), p.read())
	})
}

// TestAcknowledgedAndNotNoted: what the broker has is not told again, after a crash in the worst moment.
func TestAcknowledgedAndNotNoted(t *testing.T) {
	t.Parallel()
	onBrokers(t, func(t *testing.T, p place) {
		t.Helper()

		w := newWorld(t)
		w.happen(party, 10)

		_, stop := w.start(nil, p.broker)
		w.untilTold(p.broker.Name(), party, 10)
		stop()

		_, err := w.pool.Exec(t.Context(), "UPDATE event_sinks SET seq = 4")
		require.NoError(t, err)
		w.happen(party, 2)

		_, stop = w.start(nil, p.broker)
		defer stop()

		w.untilTold(p.broker.Name(), party, 12)
		require.Equal(t, sequences(1, 12), p.read())
	})
}

// TestWhetherItIsTheSameHistory is known by the chain of the broker's last event, wherever that is in the log: at its end,
// in the middle, and just before what is kept.
func TestWhetherItIsTheSameHistory(t *testing.T) {
	t.Parallel()

	for name, seq := range map[string]int64{"at the end": 10, "in the middle": 7, "just before": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w, s := newWorld(t), embedded(t)
			w.happen(party, 5)
			kept := w.events(party)
			require.NoError(t, w.sequencer.Prune(t.Context()))
			w.happen(party, 5)
			kept = append(kept, w.events(party)...)
			e := kept[seq-1]

			forged := broker.Message{ID: e.ID.String(), Seq: seq, Type: e.Type, Body: bytes.Replace(
				e.Body, []byte(e.Chain.String()), []byte(event.Chain{}.String()), 1)}
			right := forged
			right.Body = e.Body

			_, err := w.pool.Exec(t.Context(), "INSERT INTO event_sinks (sink, treasury_id, seq, changed_at) VALUES ('nats', $1, 10, now())",
				int32(w.treasuries[party]))
			require.NoError(t, err)

			require.NoError(t, publish(t, openNATS(t, s), forged))

			registry, stop := w.start(nil, natsBroker(t, s))
			untilHalted(t, registry)
			stop()
			require.Len(t, streamed(t, s, party), 1)

			requireGoesOn(t, w, embedded(t), right)
		})
	}
}

// requireGoesOn wants the publisher to go on after an event that the broker has.
func requireGoesOn(t *testing.T, w *world, s jetstream.Settings, after broker.Message) {
	t.Helper()
	require.NoError(t, publish(t, openNATS(t, s), after))
	w.happen(party, 1)

	_, stop := w.start(nil, natsBroker(t, s))
	defer stop()

	require.Eventually(t, func() bool {
		messages := streamed(t, s, party)

		return messages[len(messages)-1].Header.Get("ce-sequence") == event.Sequence(11)
	}, patience, poll)
	require.Len(t, streamed(t, s, party), int(11-after.Seq)+1)
}

func openNATS(t *testing.T, s jetstream.Settings) broker.Sink {
	t.Helper()

	sink, err := natsBroker(t, s).Open(t.Context(), party)
	require.NoError(t, err)
	t.Cleanup(sink.Close)

	return sink
}

// TestEventsThatWouldGoToAnotherPartition wait for an operator, and go on there then.
func TestEventsThatWouldGoToAnotherPartition(t *testing.T) {
	t.Parallel()
	onKafka(t, func(t *testing.T, s kafka.Settings) {
		t.Helper()

		w := newWorld(t)
		w.happen(party, 5)

		_, stop := w.start(nil, kafkaBroker(t, s))
		w.untilTold("kafka", party, 5)
		stop()

		old := partitionOf(t, s)

		enlarge(t, s)
		w.happen(party, 5)

		registry, stop := w.start(nil, kafkaBroker(t, s))
		untilHalted(t, registry)
		stop()

		for range 2 { // the second time it is known without anybody's word
			_, stop = w.start([]string{"kafka:" + broker.Token(party) + ":5"}, kafkaBroker(t, s))
			w.untilTold("kafka", party, int64(len(w.events(party))))
			stop()
			w.happen(party, 1)
		}

		records := consumed(t, s, func(got map[string][]*kgo.Record) bool { return len(got[string(party)]) >= 11 })
		for _, r := range records[string(party)] {
			require.Equal(t, header(r, "ce_sequence") <= event.Sequence(5), r.Partition == old)
		}
	})
}
