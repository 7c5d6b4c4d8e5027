package broker_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/broker/kafka"
	"github.com/canton-exchange/suite/internal/event"
)

// onKafka runs a test with the double of the client library, and with a real cluster where there is one.
func onKafka(t *testing.T, test func(*testing.T, kafka.Settings)) {
	t.Helper()

	for name, cluster := range map[string]func(*testing.T) kafka.Settings{"fake": fakeKafka, "real": trueKafka} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, cluster(t))
		})
	}
}

// openKafka is a sink of its own, as a new session has it.
func openKafka(t *testing.T, s kafka.Settings) broker.Sink {
	t.Helper()

	sink, err := kafkaBroker(t, s).Open(t.Context(), party)
	require.NoError(t, err)
	t.Cleanup(sink.Close)

	return sink
}

// lastOf is what Kafka holds of a treasury, as a new session finds it.
func lastOf(t *testing.T, s kafka.Settings) broker.Place {
	t.Helper()

	has, err := openKafka(t, s).Last(t.Context())
	require.NoError(t, err)

	return has
}

// record is a message as we publish it.
func record(m broker.Message) *kgo.Record {
	return &kgo.Record{Key: []byte(m.Treasury), Value: m.Body, Headers: []kgo.RecordHeader{
		{Key: "ce_id", Value: []byte(m.ID)}, {Key: "ce_sequence", Value: []byte(event.Sequence(m.Seq))},
	}}
}

// stranger is another producer of the topic.
func stranger(t *testing.T, s kafka.Settings, options ...kgo.Opt) *kgo.Client {
	t.Helper()

	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(s.Brokers...), kgo.DefaultProduceTopic(s.Topic))...)
	require.NoError(t, err)
	t.Cleanup(client.Close)

	return client
}

func at(m broker.Message) broker.Place {
	return broker.Place{Known: true, Last: event.Place{Seq: m.Seq, Chain: &event.Chain{byte(m.Seq)}}}
}

// TestWhatKafkaHolds is the last event of ours, whatever others write after it with our key.
func TestWhatKafkaHolds(t *testing.T) {
	t.Parallel()
	onKafka(t, whatKafkaHolds)
}

func whatKafkaHolds(t *testing.T, s kafka.Settings) {
	t.Helper()
	require.Equal(t, broker.Place{Known: true}, lastOf(t, s), "never held one")

	last := message(3, "c")
	require.NoError(t, publish(t, openKafka(t, s), message(1, "a"), message(2, "b"), last))
	require.Equal(t, at(last), lastOf(t, s))

	bare, torn, ofAnother, lying := record(message(9, "x")), record(message(9, "x")), record(message(9, "x")), record(message(9, "x"))
	bare.Headers = nil
	torn.Value = torn.Value[:20]
	ofAnother.Value = []byte(fmt.Sprintf(`{"id":"x","sequence":%q,"chain":%q,"treasury":%q}`, event.Sequence(9), event.Chain{}, other))
	lying.Headers[1].Value = []byte(event.Sequence(10))

	neighbour := record(message(7, "n"))
	neighbour.Key = []byte(other)

	require.NoError(t, stranger(t, s).ProduceSync(t.Context(), bare, torn, ofAnother, lying, neighbour).FirstErr())
	require.Equal(t, at(last), lastOf(t, s), "records of others")

	for _, end := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		client := stranger(t, s, kgo.TransactionalID("t"+s.Topic))
		require.NoError(t, client.BeginTransaction())
		require.NoError(t, client.ProduceSync(t.Context(), record(message(8, "t"))).FirstErr())
		require.Equal(t, at(last), lastOf(t, s), "a transaction that is open")
		require.NoError(t, client.EndTransaction(t.Context(), end))
		require.Equal(t, at(last), lastOf(t, s), "a transaction that ended")
	}

	next := message(4, "d")
	require.NoError(t, publish(t, openKafka(t, s), next))
	require.Equal(t, at(next), lastOf(t, s))
}

// noise writes records of another key into the partition of ours.
func noise(t *testing.T, s kafka.Settings, n int) {
	t.Helper()

	client := stranger(t, s, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	partition := partitionOf(t, s)
	records := make([]*kgo.Record, n)

	for i := range records {
		records[i] = &kgo.Record{Key: []byte("another"), Value: []byte("noise"), Partition: partition}
	}

	require.NoError(t, client.ProduceSync(t.Context(), records...).FirstErr())
}

// partitionOf is where others find the events of the treasury, by Kafka's own rule.
func partitionOf(t *testing.T, s kafka.Settings) int32 {
	t.Helper()

	client := stranger(t, s)
	count := len(topicOf(t, client, s).Partitions)

	return int32(kgo.StickyKeyPartitioner(nil).ForTopic(s.Topic).Partition(&kgo.Record{Key: []byte(party)}, count))
}

func topicOf(t *testing.T, client *kgo.Client, s kafka.Settings) kmsg.MetadataResponseTopic {
	t.Helper()

	request, topic := kmsg.NewPtrMetadataRequest(), kmsg.NewMetadataRequestTopic()
	topic.Topic = &s.Topic
	request.Topics = append(request.Topics, topic)

	answer, err := request.RequestWith(t.Context(), client)
	require.NoError(t, err)
	require.Len(t, answer.Topics, 1)

	return answer.Topics[0]
}

// TestHowFarBackKafkaIsRead: others' records in the same partition do not hide ours, unless there are very many.
func TestHowFarBackKafkaIsRead(t *testing.T) {
	t.Parallel()
	onKafka(t, func(t *testing.T, s kafka.Settings) {
		t.Helper()

		last := message(2, "b")
		require.NoError(t, publish(t, openKafka(t, s), message(1, "a"), last))

		for range 9 {
			noise(t, s, 1000)
			require.Equal(t, at(last), lastOf(t, s))
		}

		noise(t, s, 1001)
		require.Equal(t, broker.Place{}, lastOf(t, s), "not known: it is too far back")
	})
}

// truncate has all of a partition's records forgotten, as retention does.
func truncate(t *testing.T, s kafka.Settings, partition int32) {
	t.Helper()

	request, topic, part := kmsg.NewPtrDeleteRecordsRequest(), kmsg.NewDeleteRecordsRequestTopic(), kmsg.NewDeleteRecordsRequestTopicPartition()
	part.Partition, part.Offset = partition, -1
	topic.Topic, topic.Partitions = s.Topic, append(topic.Partitions, part)
	request.Topics, request.TimeoutMillis = append(request.Topics, topic), 5000

	answer, err := request.RequestWith(t.Context(), stranger(t, s))
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode))
}

// TestWhatKafkaForgot is not known. That is not the same as never held.
func TestWhatKafkaForgot(t *testing.T) {
	t.Parallel()
	onKafka(t, func(t *testing.T, s kafka.Settings) {
		t.Helper()
		require.NoError(t, publish(t, openKafka(t, s), message(1, "a")))
		truncate(t, s, partitionOf(t, s))
		require.Equal(t, broker.Place{}, lastOf(t, s))

		noise(t, s, 10)
		require.Equal(t, broker.Place{}, lastOf(t, s))
	})
}

// enlarge gives the topic partitions until the treasury's events would go to another one.
func enlarge(t *testing.T, s kafka.Settings) {
	t.Helper()

	client, before := stranger(t, s), partitionOf(t, s)

	for count := int32(len(topicOf(t, client, s).Partitions)) + 1; ; count++ {
		request, topic := kmsg.NewPtrCreatePartitionsRequest(), kmsg.NewCreatePartitionsRequestTopic()
		topic.Topic, topic.Count = s.Topic, count
		request.Topics, request.TimeoutMillis = append(request.Topics, topic), 5000

		answer, err := request.RequestWith(t.Context(), client)
		require.NoError(t, err)
		require.NoError(t, kerr.ErrorForCode(answer.Topics[0].ErrorCode))
		require.Eventually(t, func() bool { return len(topicOf(t, client, s).Partitions) == int(count) }, patience, poll)
		untilLed(t, client, s, count)

		if partitionOf(t, s) != before {
			return
		}
	}
}

// TestATopicWithMorePartitions: that the events would go to another partition is known, from what is in the old one; if
// that is forgotten or hidden, from the new one that has none. It is never taken for a topic that held none.
func TestATopicWithMorePartitions(t *testing.T) {
	t.Parallel()

	tests := map[string]func(*testing.T, kafka.Settings){
		"is moved": func(t *testing.T, s kafka.Settings) {
			t.Helper()
			enlarge(t, s)
			require.Equal(t, broker.Place{Known: true, Last: at(message(2, "b")).Last, Moved: true}, lastOf(t, s))
		},
		"may be moved": func(t *testing.T, s kafka.Settings) {
			t.Helper()
			enlarge(t, s)
			noise(t, s, 10_001) // in the new one: ours may be before
			require.Equal(t, broker.Place{Elsewhere: at(message(2, "b")).Last}, lastOf(t, s))
		},
		"is moved from what is forgotten": func(t *testing.T, s kafka.Settings) {
			t.Helper()

			old := partitionOf(t, s)

			enlarge(t, s)
			truncate(t, s, old)
			require.Equal(t, broker.Place{Moved: true}, lastOf(t, s))
		},
		"goes on in the new one": func(t *testing.T, s kafka.Settings) {
			t.Helper()
			enlarge(t, s)
			require.NoError(t, publish(t, openKafka(t, s), message(3, "c")))
			require.Equal(t, at(message(3, "c")), lastOf(t, s))
		},
	}

	for _, name := range slices.Sorted(maps.Keys(tests)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onKafka(t, func(t *testing.T, s kafka.Settings) {
				t.Helper()
				require.NoError(t, publish(t, openKafka(t, s), message(1, "a"), message(2, "b")))
				tests[name](t, s)
			})
		})
	}
}
