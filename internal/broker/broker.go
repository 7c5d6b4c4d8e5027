// Package broker publishes events to message brokers: for each treasury and each broker there is one publisher at a
// time over all instances, which tells the broker the events of the log in their order and without a gap.
//
// What is published is settled by three things. A lease with a fencing epoch says who publishes. event_sinks says how
// far the broker has been told, and moves only when it has acknowledged. Where the broker itself can say what it holds,
// that counts for more: what it was told before the database could note it is not told again, and what it lost is.
package broker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
)

// Message is an event as a broker gets it.
type Message struct {
	ID            string
	Treasury      ident.Party
	Type, Subject string
	// Seq is its place in the order of its treasury.
	Seq int64
	// Body is the signed CloudEvent, byte for byte as it is stored.
	Body []byte
}

// Place is what a broker says it holds of a treasury's events.
type Place struct {
	// Known is false where the broker cannot say: it forgot the last event since, or that is too far back to be found.
	Known bool
	// Last is the place after the last event, with its chain; the zero place where it never held one.
	Last event.Place
	// Moved says that the next event would go where none of the treasury's ever was, while others were elsewhere: to
	// another partition, or to another topic of the same name.
	Moved bool
	// Elsewhere is an event that is somewhere else than the next one would go, where Last is not known.
	Elsewhere event.Place
}

// settled is the place where it is known how far the broker was told at least. What is elsewhere was the last one then,
// unless later ones were noted: those may be where the next one goes, too far back to be found.
func (p Place) settled(told int64) Place {
	if p.Known || p.Elsewhere.Seq == 0 || p.Elsewhere.Seq < told {
		return p
	}

	return Place{Known: true, Last: p.Elsewhere, Moved: true}
}

var errNoEvent = errors.New("no event of ours")

// Held reads back what a broker holds: the place of an event of the treasury, if it is one, and the one that it is said
// to be beside it. Whether that place is in our history, its chain tells.
func Held(treasury ident.Party, id, sequence string, body []byte) (event.Place, error) {
	e, err := event.Parse(body)
	if err != nil {
		return event.Place{}, fmt.Errorf("%w: %w", errNoEvent, err)
	}

	place, err := event.ParsePlace(e.Sequence + "-" + e.Chain)

	switch {
	case err != nil:
		return event.Place{}, fmt.Errorf("%w: %w", errNoEvent, err)
	case place.Seq <= 0 || e.ID != id || e.Sequence != sequence || e.Treasury != string(treasury):
		return event.Place{}, fmt.Errorf("%w: its headers say something else than it does", errNoEvent)
	default:
		return place, nil
	}
}

// Broker is where events are published to.
type Broker interface {
	// Name is the sink's in event_sinks.
	Name() string
	// Open connects for the events of one treasury.
	Open(ctx context.Context, treasury ident.Party) (Sink, error)
}

// Sink takes a treasury's events. It is for one goroutine, and of no more use after an error: close it and open another
// one. By that nothing that an old connection still carries comes between.
type Sink interface {
	// Last asks the broker what it holds. It comes before Publish.
	Last(ctx context.Context) (Place, error)
	// Publish returns nil when the broker has acknowledged all of them. With an error any of the first may be published,
	// but none of them after one that is not.
	Publish(ctx context.Context, messages []Message) error
	// Close waits for nothing.
	Close()
}

const (
	hintLength = 32
	hashLength = 12
)

// Token names a treasury where brokers allow no party's name, in subjects and names of streams: the hint of the party,
// what is not a letter, digit or hyphen of ASCII as a hyphen, cut to 32 characters, and the first 12 hexadecimal digits
// of the whole party's SHA-256. The hash tells parties apart whose hints look alike.
func Token(treasury ident.Party) string {
	hint, _, _ := strings.Cut(string(treasury), "::")
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			return r
		default:
			return '-'
		}
	}, hint)
	sum := sha256.Sum256([]byte(treasury))

	return safe[:min(len(safe), hintLength)] + "-" + hex.EncodeToString(sum[:])[:hashLength]
}
