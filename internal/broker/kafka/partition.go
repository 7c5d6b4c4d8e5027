package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// fetchBytes is what is asked for at once. Nobody waits for it: it is there.
	fetchBytes = 1 << 20
	// decompressed bounds what a batch of others may become. Ours are of a megabyte before they are compressed.
	decompressed = 32 << 20

	earliest, latest = -2, -1
)

var errTorn = errors.New("what Kafka gives is not what it says it holds")

// partition is a part of the topic, as its leader was known a moment ago.
type partition struct {
	topic         string
	topicID       [16]byte
	number        int32
	leader, epoch int32
	err           error
}

// partitions asks for the topic, in the order of its partitions' numbers.
func (s *sink) partitions(ctx context.Context) ([]partition, error) {
	request, wanted := kmsg.NewPtrMetadataRequest(), kmsg.NewMetadataRequestTopic()
	wanted.Topic = &s.topic
	request.Topics = append(request.Topics, wanted)

	answer, err := request.RequestWith(ctx, s.client)
	if err != nil {
		return nil, fmt.Errorf("ask for topic %s: %w", s.topic, err)
	}

	if len(answer.Topics) != 1 {
		return nil, fmt.Errorf("ask for topic %s: %w", s.topic, errTorn)
	}

	topic := &answer.Topics[0]
	if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
		return nil, fmt.Errorf("ask for topic %s: %w", s.topic, s.settings.explain(err))
	}

	all := make([]partition, len(topic.Partitions))
	for i := range all {
		all[i].err = errTorn
	}

	for i := range topic.Partitions {
		p := &topic.Partitions[i]
		if p.Partition < 0 || int(p.Partition) >= len(all) {
			return nil, fmt.Errorf("partition %d of %d: %w", p.Partition, len(all), errTorn)
		}

		all[p.Partition] = partition{
			topic: s.topic, topicID: topic.TopicID, number: p.Partition, leader: p.Leader, epoch: p.LeaderEpoch,
			err: kerr.ErrorForCode(p.ErrorCode),
		}
	}

	return all, nil
}

// ask asks a partition's leader. One that is not it any more says so, and everything begins anew.
func ask[T kmsg.Response](
	ctx context.Context, client *kgo.Client, p *partition, request kmsg.Request,
) (answer T, err error) {
	if p.err != nil {
		return answer, p.err
	}

	got, err := client.Broker(int(p.leader)).RetriableRequest(ctx, request)
	if err != nil {
		return answer, fmt.Errorf("ask broker %d: %w", p.leader, err)
	}

	answer, ok := got.(T)
	if !ok {
		return answer, errTorn
	}

	return answer, nil
}

// offset is where a partition begins or ends: what all replicas in sync have.
func (s *sink) offset(ctx context.Context, p *partition, which int64) (int64, error) {
	request := kmsg.NewPtrListOffsetsRequest()
	topic, part := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	part.Partition, part.CurrentLeaderEpoch, part.Timestamp = p.number, p.epoch, which
	topic.Topic, topic.Partitions = p.topic, append(topic.Partitions, part)
	request.Topics = append(request.Topics, topic)

	answer, err := ask[*kmsg.ListOffsetsResponse](ctx, s.client, p, request)
	if err != nil {
		return 0, err
	}

	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return 0, errTorn
	}

	got := &answer.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(got.ErrorCode); err != nil {
		return 0, fmt.Errorf("broker %d: %w", p.leader, err)
	}

	if got.Offset < 0 {
		return 0, errTorn
	}

	return got.Offset, nil
}

// fetch reads what comes from an offset on, of transactions too that are open or were taken back. It gives the offset
// to go on from, and how many bytes came.
func (s *sink) fetch(ctx context.Context, p *partition, from int64) ([]*kgo.Record, int64, int, error) {
	request := kmsg.NewPtrFetchRequest()
	request.MaxWaitMillis, request.MinBytes, request.MaxBytes = 0, 0, fetchBytes
	topic, part := kmsg.NewFetchRequestTopic(), kmsg.NewFetchRequestTopicPartition()
	part.Partition, part.CurrentLeaderEpoch, part.FetchOffset, part.PartitionMaxBytes = p.number, p.epoch, from, fetchBytes
	topic.Topic, topic.TopicID, topic.Partitions = p.topic, p.topicID, append(topic.Partitions, part)
	request.Topics = append(request.Topics, topic)

	answer, err := ask[*kmsg.FetchResponse](ctx, s.client, p, request)
	if err != nil {
		return nil, 0, 0, err
	}

	if err := kerr.ErrorForCode(answer.ErrorCode); err != nil {
		return nil, 0, 0, fmt.Errorf("broker %d: %w", p.leader, err)
	}

	if len(answer.Topics) != 1 || len(answer.Topics[0].Partitions) != 1 {
		return nil, 0, 0, errTorn
	}

	got := &answer.Topics[0].Partitions[0]
	bytes := len(got.RecordBatches)
	options := kgo.ProcessFetchPartitionOpts{Offset: from, Topic: p.topic, Partition: p.number}

	read, next := kgo.ProcessFetchPartition(options, got, s.decompressor, nil)

	var large *kgo.ErrDecompressTooLarge
	if errors.As(read.Err, &large) && large.NextOffset > from { // none of ours
		return nil, large.NextOffset, bytes, nil
	}

	return read.Records, next, bytes, read.Err
}
