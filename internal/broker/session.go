package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

var errOrder = errors.New("the log of events has a gap here, or is another history")

// hold publishes as long as the lease is this one's, and nothing fails. Whatever failed, what comes next begins anew:
// with a new connection, and with the broker's word on what it holds.
func (l *line) hold(ctx context.Context, lease store.SinkLease) error {
	opening, cancel := context.WithTimeout(ctx, l.Timing.Publish)
	defer cancel()

	sink, err := l.broker.Open(opening, l.party)
	if err != nil {
		return fmt.Errorf("reach the broker: %w", err)
	}
	defer sink.Close()

	at, err := l.place(opening, sink, lease)
	if err != nil {
		return err
	}

	var reading sync.WaitGroup
	defer reading.Wait()

	ctx, cancel = context.WithCancel(ctx) // ends before reading is waited for
	defer cancel()

	// The first one goes alone: if the broker refuses it, the reason is its own and not that of one before it.
	events, err := l.read(ctx, lease, at, 1)

	for err == nil {
		var next page

		after := events[len(events)-1].Place()
		backlog := l.Tail.Head(l.treasury) > after.Seq

		if backlog { // the next are read while these are published
			reading.Go(func() { next.events, next.err = l.page(ctx, after, l.Timing.Page) })
		}

		if err := l.publish(ctx, sink, events); err != nil {
			return err
		}

		at, l.told = after, after
		if err := l.advance(ctx, lease, at); err != nil {
			return err
		}

		l.Metrics.published.WithLabelValues(l.broker.Name()).Add(float64(len(events)))
		l.pause.reset()
		reading.Wait()

		if events, err = next.events, next.err; !backlog {
			events, err = l.read(ctx, lease, at, l.Timing.Page)
		}
	}

	return err
}

// page is what was read.
type page struct {
	events []store.LoggedEvent
	err    error
}

// advance notes how far the broker has been told, and renews the lease.
func (l *line) advance(ctx context.Context, lease store.SinkLease, at event.Place) error {
	now := l.Clock.Now()

	return l.DB.AdvanceSink(ctx, lease, at, now, now.Add(l.Timing.Lease))
}

// read waits for events after a place, and keeps the lease meanwhile.
func (l *line) read(
	ctx context.Context, lease store.SinkLease, at event.Place, most int,
) ([]store.LoggedEvent, error) {
	for !l.wait(ctx, at.Seq) {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("wait for events: %w", ctx.Err())
		}

		if err := l.advance(ctx, lease, at); err != nil {
			return nil, err
		}
	}

	return l.page(ctx, at, most)
}

// page reads events after a place, of which there are some.
func (l *line) page(ctx context.Context, at event.Place, most int) ([]store.LoggedEvent, error) {
	events, err := l.Tail.Read(ctx, l.treasury, at.Seq, most)
	if err != nil {
		return nil, err
	}

	if len(events) == 0 {
		return nil, fmt.Errorf("after %s: %w", at, errOrder)
	}

	for i := range events { // what was forgotten meanwhile, or is another history, place finds out and says
		if !events[i].Follows(at) {
			return nil, fmt.Errorf("event %s after %s: %w", events[i].Place(), at, errOrder)
		}

		at = events[i].Place()
	}

	return events, nil
}

// wait reports whether there are events after a place, after the part of a lease at the latest.
func (l *line) wait(ctx context.Context, at int64) bool {
	ctx, cancel := context.WithTimeout(ctx, l.Timing.Lease/watch)
	defer cancel()

	return l.Tail.Wait(ctx, l.treasury, at)
}

func (l *line) publish(ctx context.Context, sink Sink, events []store.LoggedEvent) error {
	ctx, cancel := context.WithTimeout(ctx, l.Timing.Publish)
	defer cancel()

	messages := make([]Message, len(events))
	for i := range events {
		e := &events[i]
		messages[i] = Message{
			ID: e.ID.String(), Treasury: l.party, Type: e.Type, Subject: e.Subject, Seq: e.Seq, Body: e.Body,
		}
	}

	if err := sink.Publish(ctx, messages); err != nil {
		return fmt.Errorf("publish from %d on: %w", messages[0].Seq, err)
	}

	return nil
}
