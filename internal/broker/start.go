package broker

import (
	"context"
	"fmt"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// reason is why a publisher stands still until an operator says that it may go on.
type reason string

const (
	gone     reason = "events that the broker was not told are not kept any more"
	diverged reason = "the broker holds other events than the database: it was put back, or the broker is another system's"
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
// says that the broker's last event is the database's at this place, as far as that can be told.
func start(told int64, head store.EventHead, has Place, same bool) (after int64, why reason) {
	after = told

	switch {
	case has.Known && has.Seq > 0 && (has.Seq > head.Seq || !same):
		return told, diverged
	case has.Known && has.Seq > 0:
		after = has.Seq
	case has.Known && told >= head.Pruned: // a broker that never held any is told all that is kept
		after = head.Pruned
	}

	if after < head.Pruned {
		return head.Pruned, gone
	}

	return after, ""
}

// place finds out where to go on.
func (l *line) place(ctx context.Context, sink Sink, lease store.SinkLease) (event.Place, error) {
	has, err := sink.Last(ctx)
	if err != nil {
		return event.Place{}, err
	}

	head, err := l.DB.EventHead(ctx, l.treasury)
	if err != nil {
		return event.Place{}, err
	}

	same := true

	if has.Known && has.Seq > head.Pruned && has.Seq <= head.Seq {
		events, err := l.DB.EventsAfter(ctx, l.treasury, has.Seq-1, 1)
		if err != nil {
			return event.Place{}, err
		}

		same = len(events) == 0 || events[0].Seq != has.Seq || events[0].ID.String() == has.ID
	}

	after, why := start(lease.Seq, head, has, same)
	allow := fmt.Sprintf("%s:%s:%d", l.broker.Name(), Token(l.party), lease.Seq)

	if why != "" && !l.Config.goesOn(allow) {
		return event.Place{}, &HaltError{Reason: string(why), After: lease.Seq, Next: after + 1, Allow: allow}
	}

	l.noteStart(ctx, lease.Seq, after, why)

	return l.Tail.Find(ctx, l.treasury, event.Place{Seq: after})
}
