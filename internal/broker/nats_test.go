package broker_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/broker/jetstream"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/secret"
)

// TestAnEventOverNATS is what a consumer gets: the stored bytes, by the CloudEvents binding in structured mode.
func TestAnEventOverNATS(t *testing.T) {
	t.Parallel()

	w, s := newWorld(t), embedded(t)
	w.happen(party, 3)

	_, stop := w.start(nil, natsBroker(t, s))
	defer stop()

	w.untilTold("nats", party, 3)

	m := streamed(t, s, party)[2]
	require.Equal(t, "ces.treasury-5381dea0be2d.deposit.credited", m.Subject)
	require.Equal(t, "application/cloudevents+json", m.Header.Get("content-type"))
	require.Equal(t, "0000000000000000003", m.Header.Get("ce-sequence"))
	require.NoError(t, event.Verify(m.Data, w.keys.Signer().Keys()))

	e, err := event.Parse(m.Data)
	require.NoError(t, err)
	require.Equal(t, e.ID, m.Header.Get("ce-id"))
	require.Equal(t, e.ID, m.Header.Get("Nats-Msg-Id"))

	_, err = nats.Connect(s.URL)
	require.ErrorIs(t, err, nats.ErrAuthorization, "without the token")
}

// publish is a batch by hand.
func publish(t *testing.T, sink broker.Sink, messages ...broker.Message) error {
	t.Helper()

	_, err := sink.Last(t.Context())
	require.NoError(t, err)

	return sink.Publish(t.Context(), messages)
}

func message(seq int64, id string) broker.Message {
	body := fmt.Sprintf(`{"id":%q,"treasury":%q,"sequence":%q,"chain":%q}`, id, party, event.Sequence(seq), event.Chain{byte(seq)})

	return broker.Message{ID: id, Treasury: party, Type: "deposit.credited", Seq: seq, Body: []byte(body)}
}

// TestTwoPublishersAtOnce: who does not know what another one published meanwhile adds nothing that is there already,
// long after the server has forgotten the ids too. Since both publish the same log, what it does add is what comes next.
func TestTwoPublishersAtOnce(t *testing.T) {
	t.Parallel()

	s := embedded(t)
	b := natsBroker(t, s)
	sinks := [3]broker.Sink{}

	for i := range sinks {
		var err error
		sinks[i], err = b.Open(t.Context(), party)
		require.NoError(t, err)
		t.Cleanup(sinks[i].Close)
	}

	require.NoError(t, publish(t, sinks[0], message(1, "a")))

	for _, sink := range sinks {
		_, err := sink.Last(t.Context())
		require.NoError(t, err)
	}

	// Ids of their own: it does not rest on the duplicates window.
	require.NoError(t, sinks[0].Publish(t.Context(), []broker.Message{message(2, "b"), message(3, "c")}))
	require.Error(t, sinks[1].Publish(t.Context(), []broker.Message{message(2, "b1"), message(3, "c1")}))
	require.NoError(t, sinks[2].Publish(t.Context(), []broker.Message{message(2, "b2"), message(3, "c2"), message(4, "d")}))

	var ids []string
	for _, m := range streamed(t, s, party) {
		ids = append(ids, m.Header.Get("ce-id"))
	}

	require.Equal(t, []string{"a", "b", "c", "d"}, ids)
}

// TestNothingOvertakes: where one of a batch is refused, nothing after it is taken.
func TestNothingOvertakes(t *testing.T) {
	t.Parallel()

	b := natsBroker(t, embedded(t))
	sink, err := b.Open(t.Context(), party)
	require.NoError(t, err)
	defer sink.Close()

	again := message(2, "a") // refused as a duplicate of the first
	require.Error(t, publish(t, sink, message(1, "a"), again, message(3, "c"), message(4, "d")))

	has, err := sink.Last(t.Context())
	require.NoError(t, err)
	require.EqualValues(t, 1, has.Last.Seq)
}

// TestABrokerThatLostEventsIsToldAgain, if only what it lost.
func TestABrokerThatLostEventsIsToldAgain(t *testing.T) {
	t.Parallel()

	w, s := newWorld(t), embedded(t)
	b := natsBroker(t, s)
	w.happen(party, 120)

	_, stop := w.start(nil, b)
	w.untilTold("nats", party, 120)
	stop()

	require.NoError(t, connect(t, s).DeleteStream(t.Context(), b.StreamName(party)))
	w.happen(party, 1)

	registry, stop := w.start(nil, b)
	defer stop()

	w.untilTold("nats", party, 121)
	w.requireStreamed(s, party)
	require.InDelta(t, 120, metric(t, registry, "ces_events_broker_lost_total"), 0)
}

// TestEventsThatAreNotKept stop the publisher until an operator names the place.
func TestEventsThatAreNotKept(t *testing.T) {
	t.Parallel()

	w, s := newWorld(t), embedded(t)
	b := natsBroker(t, s)
	w.happen(party, 5)

	_, stop := w.start(nil, b)
	w.untilTold("nats", party, 5)
	stop()

	w.happen(party, 5)
	require.NoError(t, w.sequencer.Prune(t.Context()))
	w.happen(party, 5)

	registry, stop := w.start([]string{"nats:" + broker.Token(party) + ":4"}, b)
	require.Eventually(t, func() bool { return metric(t, registry, "ces_events_broker_halted") == 1 }, patience, poll)
	stop()
	require.EqualValues(t, 5, w.told("nats", party))
	require.Len(t, streamed(t, s, party), 5)

	registry, stop = w.start([]string{"nats:" + broker.Token(party) + ":5"}, b)
	defer stop()

	w.untilTold("nats", party, 15)
	require.Zero(t, metric(t, registry, "ces_events_broker_halted"))

	var got []string
	for _, m := range streamed(t, s, party) {
		got = append(got, m.Header.Get("ce-sequence"))
	}

	require.Len(t, got, 10)
	require.Equal(t, event.Sequence(11), got[5])
}

// TestAnotherHistory in the broker stops the publisher: the database was put back, or it is the wrong broker.
func TestAnotherHistory(t *testing.T) {
	t.Parallel()

	w, s := newWorld(t), embedded(t)
	b := natsBroker(t, s)
	w.happen(party, 5)

	sink, err := b.Open(t.Context(), party)
	require.NoError(t, err)
	defer sink.Close()

	require.NoError(t, publish(t, sink, message(1, "a"), message(2, "b")))

	registry, stop := w.start(nil, b)
	defer stop()

	require.Eventually(t, func() bool { return metric(t, registry, "ces_events_broker_halted") == 1 }, patience, poll)
	require.Len(t, streamed(t, s, party), 2)
}

// TestAStreamOfOthers is not made where nobody said so, and not mixed with others' messages.
func TestAStreamOfOthers(t *testing.T) {
	t.Parallel()

	s := embedded(t)
	s.Create = false
	b := natsBroker(t, s)

	_, err := b.Open(t.Context(), party)
	require.ErrorIs(t, err, natsjs.ErrStreamNotFound)

	js := connect(t, s)
	_, err = js.CreateStream(t.Context(), natsjs.StreamConfig{Name: b.StreamName(party), Subjects: []string{jetstream.Subject(party, ">")}})
	require.NoError(t, err)
	_, err = js.Publish(t.Context(), jetstream.Subject(party, "x"), nil)
	require.NoError(t, err)

	sink, err := b.Open(t.Context(), party)
	require.NoError(t, err)
	defer sink.Close()

	_, err = sink.Last(t.Context())
	require.ErrorContains(t, err, "no event of ours")
}

func TestTheEmbeddedServersToken(t *testing.T) {
	t.Parallel()

	s := settings(t.TempDir(), "127.0.0.1:0")
	s.Token = secret.String{}

	for range 2 { // made once, and kept
		e, reached, err := jetstream.StartEmbedded(t.Context(), s, slog.New(slog.DiscardHandler))
		require.NoError(t, err)

		text, err := os.ReadFile(filepath.Join(s.Embedded, "token"))
		require.NoError(t, err)

		nc, err := nats.Connect(reached.URL, nats.Token(strings.TrimSpace(string(text))))
		require.NoError(t, err)
		nc.Close()
		e.Stop()
	}
}

func TestNATSSettings(t *testing.T) {
	t.Parallel()

	good := settings("/tmp/x", "127.0.0.1:4222")
	good.URL = ""
	require.NoError(t, good.Validate())

	for name, change := range map[string]func(*jetstream.Settings){
		"both":       func(s *jetstream.Settings) { s.URL = "nats://x" },
		"relative":   func(s *jetstream.Settings) { s.Embedded = "x" },
		"no port":    func(s *jetstream.Settings) { s.EmbeddedAddr = "x" },
		"stream":     func(s *jetstream.Settings) { s.Stream = "a.b" },
		"replicas":   func(s *jetstream.Settings) { s.Replicas = 9 },
		"age":        func(s *jetstream.Settings) { s.MaxAge = time.Second },
		"bytes":      func(s *jetstream.Settings) { s.MaxBytes = -1 },
		"half a key": func(s *jetstream.Settings) { s.CertFile = "x" },
		"two logins": func(s *jetstream.Settings) { s.Embedded, s.CredentialsFile = "", "x" },
		"no user":    func(s *jetstream.Settings) { s.Embedded, s.Token, s.Password = "", secret.String{}, secret.New("x") },
		"a user of the embedded": func(s *jetstream.Settings) {
			s.Token, s.Username, s.Password = secret.String{}, "suite", secret.New("x")
		},
	} {
		bad := good
		change(&bad)
		require.Error(t, bad.Validate(), name)
	}
}

// TestNATSAddresses have no secrets, which would be shown with them: not even where they are refused.
func TestNATSAddresses(t *testing.T) {
	t.Parallel()

	for address, good := range map[string]bool{
		"": true, "nats-1:4222": true, "tls://nats-1:4222,tls://nats-2:4222": true, "nats://10.0.0.1": true, "wss://nats/": true,
		"nats://suite:hidden@nats-1:4222": false, "hidden@nats-1": false, "nats://a, nats://suite:hid%den@b": false, "nats://": false,
		"nats://a?token=hidden": false, "nats://a/hidden": false, ",": false,
	} {
		s := settings("", "127.0.0.1:4222")
		s.URL = address

		err := s.Validate()
		require.Equal(t, good, err == nil, "%s: %v", address, err)

		if err != nil {
			require.NotContains(t, err.Error(), "hid")
		}
	}
}

// metric is the sum of a metric over its labels.
func metric(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()

	families, err := registry.Gather()
	require.NoError(t, err)

	sum := 0.0

	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}

	return sum
}
