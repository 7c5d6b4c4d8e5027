// Package kafka publishes events to a topic of Kafka, with the treasury as the key, so that one partition has all
// events of a treasury in their order.
//
// The producer is idempotent and waits for all replicas in sync: within a connection nothing is twice, and nothing is
// overtaken. A new producer begins after the treasury's last event, which it finds at the end of its partition, or
// after the last one that is noted as acknowledged where that is too far back. What the producer before it still had on
// its way can come after that all the same, so that events can come again, in their order: who reads drops what has no
// higher sequence than the last one. What comes for the first time always comes in order, whoever publishes, since each
// publisher begins at or before what is there and leaves nothing out. Transactions would keep the one before out, and
// make all readers wait for commits and read with isolation.level=read_committed.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
)

const (
	// Name is the sink's.
	Name = "kafka"

	contentTypeHeader = "content-type"
	idHeader          = "ce_id"
	sequenceHeader    = "ce_sequence"

	maxBuffered = 10_000
)

var errRepartitioned = errors.New("the topic has another number of partitions than a moment ago")

// Broker is a cluster of Kafka.
type Broker struct {
	settings Settings
	tls      *tls.Config
}

// New makes a broker.
func New(s Settings) (*Broker, error) {
	secured, err := s.tls()
	if err != nil {
		return nil, err
	}

	return &Broker{settings: s, tls: secured}, nil
}

// Name is the sink's in event_sinks.
func (b *Broker) Name() string { return Name }

// Open connects with a producer of its own.
func (b *Broker) Open(ctx context.Context, treasury ident.Party) (broker.Sink, error) {
	s := &sink{
		settings: &b.settings, topic: b.settings.Topic, key: []byte(treasury),
		partitioner: kgo.StickyKeyPartitioner(nil).ForTopic(b.settings.Topic), // by the key, as Kafka's own client does
	}

	client, err := kgo.NewClient(b.options(s)...)
	if err != nil {
		return nil, fmt.Errorf("use Kafka: %w", err)
	}

	s.client = client
	s.decompressor, _ = client.OptValue(kgo.WithDecompressor).(kgo.Decompressor)

	if err := client.Ping(ctx); err != nil {
		client.Close()

		return nil, fmt.Errorf("connect to Kafka: %w", b.settings.explain(err))
	}

	return s, nil
}

// options are those of a producer that stops where something was lost: what it lost is told again from there on.
func (b *Broker) options(s *sink) []kgo.Opt {
	options := []kgo.Opt{
		kgo.SeedBrokers(b.settings.Brokers...), kgo.ClientID("canton-exchange-suite-events"),
		kgo.DefaultProduceTopic(b.settings.Topic), kgo.RequiredAcks(kgo.AllISRAcks()), // idempotent unless told otherwise
		kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(*kgo.Record, int) int { return s.choose })),
		kgo.StopProducerOnDataLossDetected(), kgo.MaxDecompressBatchBytes(decompressed),
		kgo.MaxBufferedRecords(maxBuffered), kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.ProducerLinger(0), kgo.MetadataMaxAge(time.Minute), // by then it notices that there are more partitions
	}

	if b.tls != nil {
		options = append(options, kgo.DialTLSConfig(b.tls))
	}

	if mechanism := b.settings.sasl(); mechanism != nil {
		options = append(options, kgo.SASL(mechanism))
	}

	return options
}

func (c *Settings) sasl() sasl.Mechanism {
	user, password := c.Username, c.Password.Reveal()

	switch c.SASL {
	case saslPlain:
		return plain.Auth{User: user, Pass: password}.AsMechanism()
	case saslSHA256:
		return scram.Auth{User: user, Pass: password}.AsSha256Mechanism()
	case saslSHA512:
		return scram.Auth{User: user, Pass: password}.AsSha512Mechanism()
	default:
		return nil
	}
}

// sink is a producer. Last finds out how many partitions the topic has, and which one is the treasury's.
type sink struct {
	settings     *Settings
	client       *kgo.Client
	decompressor kgo.Decompressor
	partitioner  kgo.TopicPartitioner
	topic        string
	key          []byte

	count, partition int
	repartitioned    atomic.Bool
}

// choose gives the treasury's partition, and none once the topic has more or fewer than there were: the events would go
// on in another one without a word.
func (s *sink) choose(_ *kgo.Record, count int) int {
	if count != s.count {
		s.repartitioned.Store(true)

		return -1
	}

	return s.partition
}

// Publish hands all to the producer, which sends them in their order, and waits for all answers.
func (s *sink) Publish(ctx context.Context, messages []broker.Message) error {
	answers := make(chan error, len(messages)) // room for all: the producer never waits for us

	for i := range messages {
		m := &messages[i]

		s.client.Produce(ctx, &kgo.Record{Key: s.key, Value: m.Body, Headers: []kgo.RecordHeader{
			{Key: contentTypeHeader, Value: []byte(event.MediaType)},
			{Key: idHeader, Value: []byte(m.ID)},
			{Key: sequenceHeader, Value: []byte(event.Sequence(m.Seq))},
		}}, func(_ *kgo.Record, err error) { answers <- err })
	}

	var failed error

	for range messages {
		select {
		case err := <-answers:
			if failed == nil { // the first one: the others are its consequences
				failed = err
			}
		case <-ctx.Done():
			return fmt.Errorf("no answer from Kafka: %w", errors.Join(failed, ctx.Err()))
		}
	}

	if s.repartitioned.Load() {
		failed = errRepartitioned
	}

	if failed != nil {
		return fmt.Errorf("events from %d on are not in Kafka: %w", messages[0].Seq, s.settings.explain(failed))
	}

	return nil
}

// Close fails what is under way.
func (s *sink) Close() { s.client.Close() }
