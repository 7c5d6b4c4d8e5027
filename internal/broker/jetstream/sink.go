// Package jetstream publishes events to NATS JetStream, one stream for each treasury.
//
// Order is kept by Nats-Expected-Last-Sequence: each message says after which one of the stream it comes, and the
// server refuses it otherwise. So a whole batch can be on its way at once: if one is lost or refused, those after it
// are refused too, and the answer to the last one speaks for all. A place in the stream is one event's, whoever
// publishes it: a publisher whose lease ended without its noticing adds nothing that is there, which the id of a
// message achieves only within the duplicates window. The price is a stream for each treasury: in a common one, nobody
// knows beforehand what number the message before will have. The expected last sequence of a subject has the same
// trouble, and the expected last message id needs a stream of its own just as well.
package jetstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	// Name is the sink's.
	Name = "nats"

	subjectPrefix = "ces."
	// leaderGet is where a stream's leader gives messages by their numbers.
	leaderGet = "$JS.API.STREAM.MSG.GET."
	// The headers of the CloudEvents binding in structured mode, and what saves readers a look into the body.
	contentTypeHeader = "content-type"
	idHeader          = "ce-id"
	sequenceHeader    = "ce-sequence"

	// duplicates is for how long the server knows the ids of messages. Order and uniqueness do not rest on it.
	duplicates = 2 * time.Minute
)

var errAck = errors.New("the server put events elsewhere in the stream than was asked")

// Broker is a NATS server, or a cluster of them.
type Broker struct {
	settings Settings
	tls      *tls.Config
	logger   *slog.Logger
}

// New makes a broker.
func New(s Settings, logger *slog.Logger) (*Broker, error) {
	secured, err := s.tls()
	if err != nil {
		return nil, err
	}

	return &Broker{settings: s, tls: secured, logger: logger}, nil
}

// Name is the sink's in event_sinks.
func (b *Broker) Name() string { return Name }

// StreamName is the stream of a treasury.
func (b *Broker) StreamName(treasury ident.Party) string {
	return b.settings.Stream + "_" + broker.Token(treasury)
}

// Subject is that of a treasury's events of a type, or of several by a wildcard.
func Subject(treasury ident.Party, kind string) string {
	return subjectPrefix + broker.Token(treasury) + "." + kind
}

// Open connects, and makes the stream if it is told to.
func (b *Broker) Open(ctx context.Context, treasury ident.Party) (broker.Sink, error) {
	connection, err := nats.Connect(b.settings.URL, b.options()...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", explain(err))
	}

	s := &sink{connection: connection, treasury: treasury}
	if err := s.open(ctx, b.StreamName(treasury), &b.settings); err != nil {
		connection.Close()

		return nil, err
	}

	b.noteSafety(ctx, s.stream.CachedInfo())

	return s, nil
}

// safeCopies is how many copies of a stream outlive one of their servers, and go on.
const safeCopies = 3

// noteSafety tells of a stream that can lose what it has acknowledged. It is published to all the same: what it lost is
// told again, as long as we keep it.
func (b *Broker) noteSafety(ctx context.Context, info *jetstream.StreamInfo) {
	wanted := b.settings.Replicas
	if info.Cluster != nil && info.Cluster.Name != "" { // a server alone names none
		wanted = max(wanted, safeCopies)
	}

	if has := info.Config.Replicas; has < wanted || info.Config.Storage == jetstream.MemoryStorage {
		b.logger.WarnContext(ctx, "the stream may lose events that it has acknowledged, when a server of NATS fails",
			slog.String("stream", info.Config.Name), slog.Int("replicas", has), slog.Int("wanted", wanted),
			slog.String("storage", info.Config.Storage.String()))
	}
}

// sink is a connection and a stream. last is the stream's last sequence, which Last asks for.
type sink struct {
	connection *nats.Conn
	js         jetstream.JetStream
	stream     jetstream.Stream
	treasury   ident.Party
	last       uint64
}

func (s *sink) open(ctx context.Context, name string, settings *Settings) error {
	var err error
	if s.js, err = jetstream.New(s.connection); err != nil {
		return fmt.Errorf("use JetStream: %w", err)
	}

	if settings.Create {
		s.stream, err = s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
			Name: name, Description: "Events of " + string(s.treasury), Subjects: []string{Subject(s.treasury, ">")},
			Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardOld,
			MaxAge: settings.MaxAge, MaxBytes: orNone(settings.MaxBytes), Replicas: settings.Replicas, Duplicates: duplicates,
		})
	} else {
		s.stream, err = s.js.Stream(ctx, name)
	}

	if err != nil {
		return fmt.Errorf("open stream %s: %w", name, err)
	}

	return nil
}

func orNone(limit int64) int64 {
	if limit == 0 {
		return -1
	}

	return limit
}

// Last asks what the stream has.
func (s *sink) Last(ctx context.Context) (broker.Place, error) {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return broker.Place{}, fmt.Errorf("ask for the stream: %w", err)
	}

	s.last = info.State.LastSeq
	if s.last == 0 {
		return broker.Place{Known: true}, nil
	}

	last, err := s.message(ctx, s.last)
	if errors.Is(err, jetstream.ErrMsgNotFound) { // it was too old, or somebody deleted it
		return broker.Place{}, nil
	}

	if err != nil {
		return broker.Place{}, fmt.Errorf("read the stream's last event: %w", err)
	}

	place, err := broker.Held(s.treasury, last.Header.Get(idHeader), last.Header.Get(sequenceHeader), last.Data)
	if err != nil {
		return broker.Place{}, fmt.Errorf("message %d of the stream: %w", s.last, err)
	}

	return broker.Place{Known: true, Last: place}, nil
}

// message asks the stream's leader for a message. The client library would ask any replica where the stream allows it,
// as streams made by NATS' own command do; one that is behind says that there is none, and what came since the last
// note would be told again.
func (s *sink) message(ctx context.Context, seq uint64) (*nats.Msg, error) {
	subject := leaderGet + s.stream.CachedInfo().Config.Name

	answer, err := s.connection.RequestWithContext(ctx, subject, []byte(`{"seq":`+strconv.FormatUint(seq, 10)+`}`))
	if err != nil {
		return nil, fmt.Errorf("ask the leader: %w", err)
	}

	var said struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Headers []byte `json:"hdrs"`
			Data    []byte `json:"data"`
		} `json:"message"`
	}

	if err := strictjson.Decode(answer.Data, &said); err != nil {
		return nil, fmt.Errorf("read the leader's answer: %w", err)
	}

	switch {
	case said.Error == nil:
	case said.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, jetstream.ErrMsgNotFound
	default:
		return nil, fmt.Errorf("ask the leader: %w", said.Error)
	}

	msg := &nats.Msg{Data: said.Message.Data}
	if len(said.Message.Headers) == 0 {
		return msg, nil
	}

	if msg.Header, err = nats.DecodeHeadersMsg(said.Message.Headers); err != nil {
		return nil, fmt.Errorf("read the headers of message %d: %w", seq, err)
	}

	return msg, nil
}

// Publish sends all, and waits for the answer to the last one.
func (s *sink) Publish(ctx context.Context, messages []broker.Message) error {
	name := s.stream.CachedInfo().Config.Name
	final := len(messages) - 1

	for i := range messages {
		m := &messages[i]
		msg := &nats.Msg{Subject: Subject(s.treasury, m.Type), Data: m.Body, Header: nats.Header{
			contentTypeHeader:               {event.MediaType},
			idHeader:                        {m.ID},
			sequenceHeader:                  {event.Sequence(m.Seq)},
			jetstream.MsgIDHeader:           {m.ID},
			jetstream.ExpectedStreamHeader:  {name},
			jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(s.last+uint64(i), 10)},
		}}

		if i < final {
			if err := s.connection.PublishMsg(msg); err != nil {
				return fmt.Errorf("send event %d: %w", m.Seq, err)
			}

			continue
		}

		ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithRetryAttempts(0))
		if err != nil {
			return fmt.Errorf("JetStream did not take events up to %d: %w", m.Seq, err)
		}

		if want := s.last + uint64(len(messages)); ack.Sequence != want || ack.Stream != name {
			return fmt.Errorf("at %d of %s, not %d: %w", ack.Sequence, ack.Stream, want, errAck)
		}
	}

	s.last += uint64(len(messages))

	return nil
}

// Close closes the connection, and drops what it had not sent.
func (s *sink) Close() { s.connection.Close() }
