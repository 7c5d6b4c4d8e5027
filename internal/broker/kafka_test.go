package broker_test

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/canton-exchange/suite/internal/broker/kafka"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/secret"
)

// realKafka has the addresses of a real cluster to test against; the tests make topics there.
const realKafka = "CES_TEST_KAFKA_BROKERS"

// fakeKafka is a cluster in this process with a topic.
func fakeKafka(t *testing.T) kafka.Settings {
	t.Helper()

	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "ces.events"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)

	return kafka.Settings{Brokers: cluster.ListenAddrs(), Topic: "ces.events"}
}

// trueKafka is a topic of its own in a real cluster.
func trueKafka(t *testing.T) kafka.Settings {
	t.Helper()

	addresses := os.Getenv(realKafka)
	if addresses == "" {
		t.Skip(realKafka + " is not set: not tested against a real Kafka")
	}

	s := kafka.Settings{Brokers: strings.Split(addresses, ","), Topic: "ces.test." + rand.Text()}

	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...))
	require.NoError(t, err)
	defer client.Close()

	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = s.Topic, 3, -1
	request := kmsg.NewPtrCreateTopicsRequest()
	request.Topics = append(request.Topics, topic)
	response, err := request.RequestWith(t.Context(), client)
	require.NoError(t, err)
	require.Zero(t, response.Topics[0].ErrorCode)
	untilLed(t, client, s, topic.NumPartitions)

	return s
}

// untilLed waits until each partition has a leader that knows it is.
func untilLed(t *testing.T, client *kgo.Client, s kafka.Settings, count int32) {
	t.Helper()

	request, topic := kmsg.NewPtrListOffsetsRequest(), kmsg.NewListOffsetsRequestTopic()
	topic.Topic = s.Topic

	for i := range count {
		part := kmsg.NewListOffsetsRequestTopicPartition()
		part.Partition, part.Timestamp = i, -1
		topic.Partitions = append(topic.Partitions, part)
	}

	request.Topics = append(request.Topics, topic)

	require.Eventually(t, func() bool {
		answer, err := request.RequestWith(t.Context(), client)
		if err != nil { // a new topic is not known everywhere at once
			return false
		}

		led := int32(0)

		for _, topic := range answer.Topics {
			for _, p := range topic.Partitions {
				if p.ErrorCode == 0 {
					led++
				}
			}
		}

		return led == count
	}, patience, poll)
}

func kafkaBroker(t *testing.T, s kafka.Settings) *kafka.Broker {
	t.Helper()

	b, err := kafka.New(s)
	require.NoError(t, err)

	return b
}

// consumed are a topic's records by treasury, as a consumer sees them.
func consumed(t *testing.T, s kafka.Settings, until func(map[string][]*kgo.Record) bool) map[string][]*kgo.Record {
	t.Helper()

	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...), kgo.ConsumeTopics(s.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	defer client.Close()

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	got := map[string][]*kgo.Record{}
	for !until(got) {
		fetches := client.PollFetches(ctx)
		require.NoError(t, fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) { got[string(r.Key)] = append(got[string(r.Key)], r) })
	}

	return got
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}

	return ""
}

// once are the records without those that come again, as a consumer drops them: by their sequence.
func once(records []*kgo.Record) []*kgo.Record {
	var (
		kept []*kgo.Record
		last string
	)

	for _, r := range records {
		if seq := header(r, "ce_sequence"); seq > last {
			kept, last = append(kept, r), seq
		}
	}

	return kept
}

func TestEventsOverKafka(t *testing.T) {
	t.Parallel()

	onKafka(t, overKafka)
}

// overKafka publishes through faults: what a consumer keeps is the log.
func overKafka(t *testing.T, s kafka.Settings) {
	t.Helper()

	const rounds, perRound = 8, 300

	c, w := newChance(t), newWorld(t)
	b := faulty{Broker: kafkaBroker(t, s), chance: c}
	_, stop := w.start(nil, b)
	_, stopOther := w.start(nil, b)

	defer stopOther()

	for round := range rounds {
		for _, p := range []ident.Party{party, other} {
			w.happen(p, perRound)
			w.untilTold("kafka", p, int64(round*perRound))
		}

		_, err := w.pool.Exec(t.Context(), "UPDATE event_sinks SET lease_until = '-infinity'")
		require.NoError(t, err)

		if c.below(2) == 0 {
			stop()
			_, stop = w.start(nil, b)
		}
	}

	for _, p := range []ident.Party{party, other} {
		w.untilTold("kafka", p, rounds*perRound)
	}

	stop()

	got := consumed(t, s, func(got map[string][]*kgo.Record) bool {
		return len(once(got[string(party)])) >= rounds*perRound && len(once(got[string(other)])) >= rounds*perRound
	})

	for _, p := range []ident.Party{party, other} {
		records, events := once(got[string(p)]), w.events(p)
		require.Len(t, records, len(events))

		for i, e := range events {
			require.Equal(t, event.Sequence(e.Seq), header(records[i], "ce_sequence"))
			require.Equal(t, e.ID.String(), header(records[i], "ce_id"))
			require.Equal(t, "application/cloudevents+json", header(records[i], "content-type"))
			require.Equal(t, e.Body, records[i].Value)
			require.Equal(t, records[0].Partition, records[i].Partition)
		}
	}
}

func TestKafkaThatIsAway(t *testing.T) {
	t.Parallel()

	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()

	_, err := kafkaBroker(t, kafka.Settings{Brokers: []string{freeAddress(t)}, Topic: "x"}).Open(ctx, party)
	require.Error(t, err)
}

// TestATopicThatIsNotThere is an error, and no topic.
func TestATopicThatIsNotThere(t *testing.T) {
	t.Parallel()

	s := fakeKafka(t)
	s.Topic = "another"

	sink, err := kafkaBroker(t, s).Open(t.Context(), party)
	require.NoError(t, err)
	defer sink.Close()

	_, err = sink.Last(t.Context())
	require.ErrorContains(t, err, "UNKNOWN_TOPIC_OR_PARTITION")
}

func TestKafkaSettings(t *testing.T) {
	t.Parallel()

	good := kafka.Settings{Topic: "ces.events"}
	require.NoError(t, good.Validate())

	for name, change := range map[string]func(*kafka.Settings){
		"topic":       func(s *kafka.Settings) { s.Topic = "a b" },
		"mechanism":   func(s *kafka.Settings) { s.SASL = "GUESS" },
		"no password": func(s *kafka.Settings) { s.SASL, s.Username = "SCRAM-SHA-256", "me" },
		"in clear":    func(s *kafka.Settings) { s.SASL, s.Username, s.Password = "PLAIN", "me", secret.New("x") },
		"no TLS":      func(s *kafka.Settings) { s.CAFile = "x" },
		"half a key":  func(s *kafka.Settings) { s.TLS, s.CertFile = true, "x" },
	} {
		bad := good
		change(&bad)
		require.Error(t, bad.Validate(), name)
	}
}
