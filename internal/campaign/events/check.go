package events

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/event"
)

// Promises.
const (
	numberedOnce  = "what was committed has one place, and nothing else has"
	noGap         = "the places of a treasury have no gap"
	toldAll       = "every subscriber was told everything that it may know"
	toldNoMore    = "nobody was told what they did not ask for"
	toldTrue      = "what everybody was told is what the log has, byte for byte"
	punctuality   = "leases, pauses and times are as they should be, whatever the machines' clocks show"
	receiversFind = "receivers find nothing wrong: signatures, order, and what comes again is the same"
	brokerHasAll  = "the broker has every event once, in order"
	naiveLoses    = "a reader of a plain sequence loses events"
	boundedMemory = "memory is bounded"
	goesOn        = "the campaign goes on to its end"
)

// mostMiB is what an instance may use, however many events there are.
const mostMiB = 400

type checker struct {
	*Campaign

	found []verdict.Violation
}

func (k *checker) reportf(promise, format string, arguments ...any) {
	k.found = append(k.found, verdict.Violation{Promise: promise, Detail: fmt.Sprintf(format, arguments...)})
}

func (c *Campaign) check(ctx context.Context) ([]verdict.Violation, error) {
	k := &checker{Campaign: c}

	for treasury := range c.ids {
		for _, check := range []func(context.Context, int) error{k.numbers, k.told, k.published} {
			if err := check(ctx, treasury); err != nil {
				return nil, err
			}
		}
	}

	if err := k.ledger(ctx); err != nil {
		return nil, err
	}

	c.punctual(ctx)

	for what, n := range c.late {
		k.reportf(punctuality, "%d %s", n, what)
	}

	for _, r := range c.receivers {
		for _, complaint := range r.broken {
			k.reportf(receiversFind, "%s (%s): %s", r.id, r.name, complaint)
		}
	}

	c.naive.look(ctx, c)
	c.report.LostToNaive = int(c.count(ctx, "SELECT count(*) FROM events")) - c.naive.seen

	if c.report.LostToNaive <= 0 {
		k.reportf(naiveLoses, "it lost %d", c.report.LostToNaive)
	}

	if c.report.PeakMiB > mostMiB {
		k.reportf(boundedMemory, "%d MiB", c.report.PeakMiB)
	}

	return k.found, nil
}

func (k *checker) numbers(ctx context.Context, treasury int) error {
	id := int32(k.ids[treasury])
	written := "campaign.written"

	if treasury == treasuries { // ingestion's: what it wrote, the ledger says
		written = "events"
	}

	wrong := k.count(ctx, fmt.Sprintf(`SELECT (SELECT count(*) FROM %[1]s w WHERE treasury_id = $1 AND (SELECT count(*) FROM event_log l
			WHERE (l.treasury_id, l.event_id) = (w.treasury_id, w.event_id)) <> 1)
		+ (SELECT count(*) FROM event_log l WHERE treasury_id = $1 AND NOT EXISTS (SELECT FROM %[1]s w WHERE w.event_id = l.event_id))`, written), id)
	if wrong != 0 {
		k.reportf(numberedOnce, "%d of %s are wrong", wrong, k.parties[treasury])
	}

	gaps := k.count(ctx, "SELECT max(seq) - count(*) + min(seq) - 1 FROM event_log WHERE treasury_id = $1", id)
	if gaps != 0 {
		k.reportf(noGap, "%d places of %s", gaps, k.parties[treasury])
	}

	dated := k.count(ctx, "SELECT count(*) FROM event_log WHERE treasury_id = $1 AND campaign.impossible(logged_at)", id)
	if dated != 0 {
		k.reportf(punctuality, "%d events of %s have a time that cannot be", dated, k.parties[treasury])
	}

	return nil
}

// published reads a treasury's stream from its beginning.
func (k *checker) published(ctx context.Context, treasury int) error {
	connection, err := nats.Connect("nats://127.0.0.1:"+strconv.Itoa(k.natsPort), nats.Token(natsToken))
	if err != nil {
		return fmt.Errorf("reach the broker: %w", err)
	}
	defer connection.Close()

	js, err := jetstream.New(connection)
	if err != nil {
		return fmt.Errorf("reach the broker: %w", err)
	}

	want, err := k.idsOf(ctx, treasury)
	if err != nil {
		return err
	}

	names := js.StreamNames(ctx)
	at := 0

	for name := range names.Name() {
		if at, err = k.follow(ctx, js, name, treasury, want, at); err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
	}

	if at != len(want) {
		k.reportf(brokerHasAll, "%s has %d of %d in order", k.parties[treasury], at, len(want))
	}

	return nil
}

// follow reads a stream as long as it has the events of the treasury in their order, from a place on.
func (k *checker) follow(
	ctx context.Context, js jetstream.JetStream, name string, treasury int, want []uuid.UUID, at int,
) (int, error) {
	consumer, err := js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return at, err //nolint:wrapcheck // the caller names the stream
	}

	info, err := consumer.Info(ctx)
	if err != nil || info.NumPending == 0 {
		return at, err //nolint:wrapcheck // as above
	}

	messages, err := consumer.Messages()
	if err != nil {
		return at, err //nolint:wrapcheck // as above
	}
	defer messages.Stop()

	for range info.NumPending {
		message, err := messages.Next(jetstream.NextMaxWait(10 * time.Second))
		if err != nil {
			return at, err //nolint:wrapcheck // as above
		}

		e, err := event.Parse(message.Data())
		if err != nil || e.Treasury != string(k.parties[treasury]) { // another one's stream
			return at, err
		}

		if at >= len(want) || e.ID != want[at].String() {
			k.reportf(brokerHasAll, "message %d of %s is not the event of that place", at+1, name)

			return at, nil
		}

		at++
	}

	return at, nil
}

func (k *checker) idsOf(ctx context.Context, treasury int) ([]uuid.UUID, error) {
	rows, err := k.pool.Query(ctx, "SELECT event_id FROM event_log WHERE treasury_id = $1 ORDER BY seq", int32(k.ids[treasury]))
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}

	ids, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}

	return ids, nil
}
