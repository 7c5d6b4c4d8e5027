package deposits

import (
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// span is a value for as long as it may have been so: from when somebody set about making it so, until something else
// certainly was. to is zero while nothing else is.
type span[T any] struct {
	value    T
	from, to time.Time
}

// timeline is what something has been, one value after the other. What changes overlaps, because nobody outside knows the
// moment.
type timeline[T any] []span[T]

// begin has a value from now on, perhaps.
func (t *timeline[T]) begin(value T, now time.Time) {
	*t = append(*t, span[T]{value: value, from: now})
}

// settle says that the last value is certain: all that was before is over.
func (t timeline[T]) settle(now time.Time) {
	for i := range len(t) - 1 {
		if t[i].to.IsZero() {
			t[i].to = now
		}
	}
}

// refuse says that the last value did not come to be, or is over.
func (t timeline[T]) refuse(now time.Time) { t[len(t)-1].to = now }

// within are the values that may have been so at some time from one to another.
func (t timeline[T]) within(from, to time.Time) []T {
	var values []T

	for _, s := range t {
		if !s.from.After(to) && (s.to.IsZero() || !s.to.Before(from)) {
			values = append(values, s.value)
		}
	}

	return values
}

// last is what it is at the end, or the fallback if it never was anything.
func (t timeline[T]) last(fallback T) T {
	if len(t) == 0 {
		return fallback
	}

	return t[len(t)-1].value
}

// memoState is whose a memo is. The zero value is nobody's.
type memoState struct {
	account string
	enabled bool
}

// terms are how a token is dealt with. The zero value is a token that is not.
type terms struct {
	listed         bool
	minimumDeposit amount.Amount
	accepts        bool
	minimumOffer   amount.Amount
	lead           time.Duration
	screens        bool
	delay          time.Duration
	// confirmFrom is the amount from which two persons decide; empty is never.
	confirmFrom string
}

// wantsTwo reports whether it takes two to decide about an amount.
func (t terms) wantsTwo(value amount.Amount) bool {
	from, err := amount.Parse(t.confirmFrom)

	return err == nil && value.Cmp(from) >= 0
}

// grounds are what the exchange has said, and when: all that verdicts and credits rest on. It is the campaign's own
// record, not the database's.
type grounds struct {
	mu      sync.Mutex
	memos   map[string]*timeline[memoState]
	blocked map[ident.Party]*timeline[bool]
	terms   map[ident.Instrument]*timeline[terms]
	// words are what operators said of single offers; empty is nothing.
	words map[uuid.UUID]*timeline[string]
	// decisions are what operators said of money that had arrived, in order.
	decisions map[uuid.UUID][]decision
}

func newGrounds() grounds {
	return grounds{
		memos: map[string]*timeline[memoState]{}, blocked: map[ident.Party]*timeline[bool]{},
		terms: map[ident.Instrument]*timeline[terms]{}, words: map[uuid.UUID]*timeline[string]{}, decisions: map[uuid.UUID][]decision{},
	}
}

// change notes what is about to be said about something, which was nothing before the first time; done must be called
// when it is certain whether it was said.
func change[K comparable, T any](c *Campaign, lines map[K]*timeline[T], about K, value T) (done func(said bool)) {
	c.grounds.mu.Lock()
	defer c.grounds.mu.Unlock()

	line, ok := lines[about]
	if !ok {
		var nothing T

		line = &timeline[T]{{value: nothing}}
		lines[about] = line
	}

	line.begin(value, c.cfg.Clock.Now())

	return func(said bool) {
		c.grounds.mu.Lock()
		defer c.grounds.mu.Unlock()

		if said {
			line.settle(c.cfg.Clock.Now())
		} else {
			line.refuse(c.cfg.Clock.Now())
		}
	}
}

// during are the values that something may have had in a time.
func during[K comparable, T any](lines map[K]*timeline[T], about K, from, to time.Time) []T {
	line, ok := lines[about]
	if !ok {
		var nothing T

		return []T{nothing}
	}

	return line.within(from, to)
}

// atLast is what something is when nobody says anything any more.
func atLast[K comparable, T any](lines map[K]*timeline[T], about K) T {
	var nothing T

	line, ok := lines[about]
	if !ok {
		return nothing
	}

	return line.last(nothing)
}

// latest is atLast while people still talk.
func latest[K comparable, T any](c *Campaign, lines map[K]*timeline[T], about K) T {
	c.grounds.mu.Lock()
	defer c.grounds.mu.Unlock()

	return atLast(lines, about)
}
