package broker_test

import (
	"crypto/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/broker/kafka"
)

// fakeCluster is one of three brokers, whose answers a test can change.
func fakeCluster(t *testing.T) (*kfake.Cluster, kafka.Settings) {
	t.Helper()

	cluster, err := kfake.NewCluster(kfake.NumBrokers(3), kfake.SeedTopics(3, "ces.events"))
	require.NoError(t, err)
	t.Cleanup(cluster.Close)

	return cluster, kafka.Settings{Brokers: cluster.ListenAddrs(), Topic: "ces.events"}
}

// TestALeaderThatChanged is found out: by an error that has everything begin anew, or by the client itself.
func TestALeaderThatChanged(t *testing.T) {
	t.Parallel()

	cluster, s := fakeCluster(t)
	sink := openKafka(t, s)
	require.NoError(t, publish(t, sink, message(1, "a")))

	partition := partitionOf(t, s)
	move := func() {
		next := (cluster.LeaderFor(s.Topic, partition) + 1) % 3
		require.NoError(t, cluster.MoveTopicPartition(s.Topic, partition, next))
	}

	move()
	require.NoError(t, sink.Publish(t.Context(), []broker.Message{message(2, "b")}))
	require.Equal(t, at(message(2, "b")), lastOf(t, s))

	for _, request := range []kmsg.Key{kmsg.ListOffsets, kmsg.Fetch} {
		cluster.ControlKey(request.Int16(), func(kmsg.Request) (kmsg.Response, error, bool) {
			cluster.DropControl()
			move() // between what was asked for before, and this

			return nil, nil, false //nolint:nilnil // not handled here, as the library wants it
		})

		_, err := openKafka(t, s).Last(t.Context())
		require.Error(t, err, request)
		require.Equal(t, at(message(2, "b")), lastOf(t, s), request)
	}
}

// refuseOnce has the next record that is produced refused.
func refuseOnce(t *testing.T, cluster *kfake.Cluster, with *kerr.Error) {
	t.Helper()

	cluster.ControlKey(kmsg.Produce.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
		asked, ok := request.(*kmsg.ProduceRequest)
		require.True(t, ok)

		answer, ok := asked.ResponseKind().(*kmsg.ProduceResponse)
		require.True(t, ok)

		topic, part := kmsg.NewProduceResponseTopic(), kmsg.NewProduceResponseTopicPartition()
		part.Partition, part.ErrorCode = asked.Topics[0].Partitions[0].Partition, with.Code
		topic.Topic, topic.TopicID = asked.Topics[0].Topic, asked.Topics[0].TopicID
		topic.Partitions = append(topic.Partitions, part)
		answer.Topics = append(answer.Topics, topic)

		return answer, nil, true
	})
}

// TestPartitionsThatComeWhilePublishing end the session: the events would go on in another one.
func TestPartitionsThatComeWhilePublishing(t *testing.T) {
	t.Parallel()

	cluster, s := fakeCluster(t)
	sink := openKafka(t, s)
	require.NoError(t, publish(t, sink, message(1, "a")))

	enlarge(t, s)

	// The client notices when it asks for the topic again: once in a minute, or after such an error.
	refuseOnce(t, cluster, kerr.NotLeaderForPartition)

	var err error
	for seq := int64(2); err == nil; seq++ {
		err = sink.Publish(t.Context(), []broker.Message{message(seq, rand.Text())})
	}

	require.ErrorContains(t, err, "another number of partitions")

	has := lastOf(t, s)
	require.True(t, has.Moved)
	require.Positive(t, has.Last.Seq)
}

// TestWhatKafkaLost stops the producer. It would go on after the gap otherwise.
func TestWhatKafkaLost(t *testing.T) {
	t.Parallel()

	cluster, s := fakeCluster(t)
	sink := openKafka(t, s)
	require.NoError(t, publish(t, sink, message(1, "a")))

	refuseOnce(t, cluster, kerr.OutOfOrderSequenceNumber)
	require.ErrorIs(t, sink.Publish(t.Context(), []broker.Message{message(2, "b")}), kerr.OutOfOrderSequenceNumber)
	require.Equal(t, at(message(1, "a")), lastOf(t, s))
}

// TestWhatKafkaGivesTorn is an error: what a damaged partition seems to hold says nothing.
func TestWhatKafkaGivesTorn(t *testing.T) {
	t.Parallel()

	for name, change := range map[string]func(*kmsg.FetchResponse, []byte){
		"a byte": func(answer *kmsg.FetchResponse, batch []byte) {
			batch = slices.Clone(batch)
			batch[len(batch)-5] ^= 1
			answer.Topics[0].Partitions[0].RecordBatches = batch
		},
		"a half": func(a *kmsg.FetchResponse, batch []byte) {
			a.Topics[0].Partitions[0].RecordBatches = batch[:len(batch)/2]
		},
		"nothing":  func(*kmsg.FetchResponse, []byte) {},
		"no topic": func(a *kmsg.FetchResponse, _ []byte) { a.Topics = nil },
		"no part":  func(a *kmsg.FetchResponse, _ []byte) { a.Topics[0].Partitions = nil },
		"an error": func(a *kmsg.FetchResponse, _ []byte) { a.ErrorCode = kerr.UnknownServerError.Code },
		"its error": func(a *kmsg.FetchResponse, _ []byte) {
			a.Topics[0].Partitions[0].ErrorCode = kerr.KafkaStorageError.Code
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			cluster, s := fakeCluster(t)
			require.NoError(t, publish(t, openKafka(t, s), message(1, "a")))

			batch := fetched(t, s)

			cluster.ControlKey(kmsg.Fetch.Int16(), func(request kmsg.Request) (kmsg.Response, error, bool) {
				asked, ok := request.(*kmsg.FetchRequest)
				require.True(t, ok)

				answer, ok := asked.ResponseKind().(*kmsg.FetchResponse)
				require.True(t, ok)

				topic, part := kmsg.NewFetchResponseTopic(), kmsg.NewFetchResponseTopicPartition()
				part.Partition = asked.Topics[0].Partitions[0].Partition
				topic.Topic, topic.TopicID = asked.Topics[0].Topic, asked.Topics[0].TopicID
				topic.Partitions = append(topic.Partitions, part)
				answer.Topics = append(answer.Topics, topic)
				change(answer, batch)

				return answer, nil, true
			})

			_, err := openKafka(t, s).Last(t.Context())
			require.Error(t, err)
			require.Equal(t, at(message(1, "a")), lastOf(t, s), "the next time it is right")
		})
	}
}

// fetched are the bytes of the treasury's partition.
func fetched(t *testing.T, s kafka.Settings) []byte {
	t.Helper()

	client, partition := stranger(t, s), partitionOf(t, s)
	topic := topicOf(t, client, s)
	request, wanted, part := kmsg.NewPtrFetchRequest(), kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.PartitionMaxBytes = partition, 1<<20
	wanted.Topic, wanted.TopicID, wanted.Partitions = s.Topic, topic.TopicID, append(wanted.Partitions, part)
	request.Topics, request.MaxBytes = append(request.Topics, wanted), 1<<20

	for _, p := range topic.Partitions {
		if p.Partition != partition {
			continue
		}

		answer, err := client.Broker(int(p.Leader)).Request(t.Context(), request)
		require.NoError(t, err)

		got, ok := answer.(*kmsg.FetchResponse)
		require.True(t, ok)

		return got.Topics[0].Partitions[0].RecordBatches
	}

	t.Fatal("there is no such partition")

	return nil
}

// TestABatchThatIsTooLarge to be read is of others, and is passed over.
func TestABatchThatIsTooLarge(t *testing.T) {
	t.Parallel()

	_, s := fakeCluster(t)
	require.NoError(t, publish(t, openKafka(t, s), message(1, "a")))

	huge := record(message(9, "x"))
	huge.Value = make([]byte, 40<<20)
	client := stranger(t, s, kgo.ProducerBatchMaxBytes(64<<20), kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	require.NoError(t, client.ProduceSync(t.Context(), huge).FirstErr())
	require.Equal(t, at(message(1, "a")), lastOf(t, s))
}
