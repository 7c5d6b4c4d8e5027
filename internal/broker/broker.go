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
	"strings"

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
	// Known is false where the broker cannot say: it forgot the last event since, or never tells.
	Known bool
	// Seq and ID are those of the last event; 0 where it never held one.
	Seq int64
	ID  string
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
	// Last asks the broker what it holds.
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
