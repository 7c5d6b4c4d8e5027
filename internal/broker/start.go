package broker

import (
	"context"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// reason is why a publisher stands still until an operator says that it may go on.
type reason string

const (
	gone     reason = "events that the broker was not told are not kept any more"
	diverged reason = "the broker holds other events than the database: it was put back, or the broker is another system's"
	moved    reason = "the events would go to another partition than before: the topic has more of them, or is another one"
)

// HaltError means that going on would leave a gap or mix two histories. That is an operator's decision.
type HaltError struct {
	Reason string
	// After is the last event that the broker was told, Next the one that it would be told next.
	After, Next int64
	// Allow is the value of CES_EVENTS_BROKER_GO_ON with which the publisher goes on.
	Allow string
}

func (e *HaltError) Error() string {
	return fmt.Sprintf("%s; the broker was told up to %d, and could be told from %d on", e.Reason, e.After, e.Next)
}

// start says after which event to go on, by what the database noted, what it keeps, and what the broker holds. same
// says that what the broker was told is what the log has, as far as that can be known.
func start(told int64, head store.EventHead, has Place, same bool) (after int64, why reason) {
	after = told

	switch {
	case told > head.Seq, !same: // what is common to both ends with what was told, or before
		return max(min(told, head.Seq), head.Pruned), diverged
	case has.Last.Seq > 0:
		after = has.Last.Seq
	case has.Known && told >= head.Pruned: // a broker that never held any is told all that is kept
		after = head.Pruned
	}

	switch {
	case after < head.Pruned:
		return head.Pruned, gone
	case has.Moved && after > 0: // who has none yet cannot have had them elsewhere
		return after, moved
	default:
		return after, ""
	}
}

// place finds out where to go on.
func (l *line) place(ctx context.Context, sink Sink, lease store.SinkLease) (event.Place, error) {
	has, err := sink.Last(ctx)
	if err != nil {
		return event.Place{}, err
	}

	has = has.settled(lease.Seq)

	head, err := l.DB.EventHead(ctx, l.treasury)
	if err != nil {
		return event.Place{}, err
	}

	same := true

	for _, place := range []event.Place{has.Last, l.told} {
		here, err := l.holds(ctx, place)
		if err != nil {
			return event.Place{}, err
		}

		same = same && here
	}

	after, why := start(lease.Seq, head, has, same)
	allow := fmt.Sprintf("%s:%s:%d", l.broker.Name(), Token(l.party), lease.Seq)

	if why != "" && !l.Config.goesOn(allow) {
		return event.Place{}, &HaltError{Reason: string(why), After: lease.Seq, Next: after + 1, Allow: allow}
	}

	l.noteStart(ctx, lease.Seq, after, has, why)

	return l.Tail.Find(ctx, l.treasury, event.Place{Seq: after})
}

// holds reports whether the log has a place that the broker was told, as far as that can be known: of what is not kept
// any more, nothing can.
func (l *line) holds(ctx context.Context, place event.Place) (bool, error) {
	_, err := l.DB.EventPlace(ctx, l.treasury, place)

	switch {
	case errors.Is(err, store.ErrEventsForked):
		return false, nil
	case errors.Is(err, store.ErrEventsGone):
		return true, nil
	default:
		return true, err
	}
}
