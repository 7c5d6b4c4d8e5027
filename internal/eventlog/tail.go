package eventlog

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// look is how often it is looked whether there are new events: one question for all who wait.
	look = 100 * time.Millisecond
	// tailBytes bounds what is held of a treasury's newest events, tailPage how many are read at once.
	tailBytes = 32 << 20
	tailPage  = 1000
	// tailIdle is after what time without a reader a treasury's events are let go.
	tailIdle = time.Minute
)

// Tail holds the newest events of each treasury that somebody reads, so that however many wait for them, the database
// is asked once.
type Tail struct {
	db     *store.DB
	logger *slog.Logger

	mu     sync.Mutex
	heads  map[store.TreasuryID]event.Place
	known  map[store.TreasuryID]*newest
	change chan struct{} // closed when there is something new, or the tail ends
	looked bool          // at least once
	ended  bool
}

// newest are the last events of a treasury, without a gap.
type newest struct {
	events []store.LoggedEvent
	bytes  int
	used   bool // since the last time that it was asked
	idle   time.Duration
}

// NewTail makes a tail; Run follows the events.
func NewTail(db *store.DB, logger *slog.Logger) *Tail {
	return &Tail{
		db: db, logger: logger, heads: map[store.TreasuryID]event.Place{}, known: map[store.TreasuryID]*newest{},
		change: make(chan struct{}),
	}
}

// Run follows until ctx ends. Then nobody waits any more.
func (t *Tail) Run(ctx context.Context) error {
	failed := false

	for ctx.Err() == nil {
		err := t.Follow(ctx)
		if err != nil && ctx.Err() == nil && !failed {
			t.logger.ErrorContext(ctx, "new events cannot be read; who waits for them waits on", slog.Any("error", err))
		}

		failed = err != nil

		wait := look
		if failed {
			wait = pause
		}

		sleep(ctx, wait)
	}

	t.mu.Lock()
	defer t.mu.Unlock()

	t.ended = true
	close(t.change)

	return nil
}

// Follow reads once what is new of those treasuries that somebody reads. Run does it again and again; it is for one
// goroutine at a time.
func (t *Tail) Follow(ctx context.Context) error {
	heads, err := t.db.EventHeads(ctx)
	if err != nil {
		return err
	}

	for treasury := range t.heads { // only this goroutine changes them
		if _, there := heads[treasury]; !there { // put back to before its first event
			heads[treasury] = event.Place{}
		}
	}

	for treasury, head := range heads {
		if err := t.fill(ctx, treasury, head); err != nil {
			return err
		}
	}

	t.mu.Lock()
	defer t.mu.Unlock()

	for treasury, n := range t.known { // what nobody reads is let go
		n.idle += look
		if n.used {
			n.idle, n.used = 0, false
		}

		if n.idle > tailIdle {
			delete(t.known, treasury)
		}
	}

	changed := !t.looked
	t.looked = true

	for treasury, head := range heads {
		changed = changed || !t.heads[treasury].Same(head)
		t.heads[treasury] = head
	}

	if changed {
		close(t.change)
		t.change = make(chan struct{})
	}

	return nil
}

// fill adds a treasury's new events to those that are held.
func (t *Tail) fill(ctx context.Context, treasury store.TreasuryID, head event.Place) error {
	n, last := t.from(treasury, head)
	if n == nil || last >= head.Seq {
		return nil
	}

	last = max(last, head.Seq-tailPage) // whoever is further behind reads the database

	events, err := t.db.EventsAfter(ctx, treasury, last, tailPage)
	if err != nil {
		return err
	}

	t.mu.Lock()
	defer t.mu.Unlock()

	n.add(events)

	return nil
}

// from says where to read on. What is held of another history is let go: the database was put back.
func (t *Tail) from(treasury store.TreasuryID, head event.Place) (*newest, int64) {
	t.mu.Lock()
	defer t.mu.Unlock()

	n := t.known[treasury]
	if n == nil {
		return nil, 0
	}

	last := t.heads[treasury]
	if have := len(n.events); have > 0 {
		last = n.events[have-1].Place()
	}

	if last.Seq > head.Seq || (last.Seq == head.Seq && !last.Same(head)) {
		n.events, n.bytes = nil, 0

		return n, 0
	}

	return n, last.Seq
}

func (n *newest) add(events []store.LoggedEvent) {
	if len(events) == 0 {
		return
	}

	if have := len(n.events); have > 0 && !events[0].Follows(n.events[have-1].Place()) {
		n.events, n.bytes = nil, 0 // there would be a gap, or two histories in one
	}

	n.events = append(n.events, events...)
	for _, e := range events {
		n.bytes += len(e.Body)
	}

	gone := 0
	for ; n.bytes > tailBytes; gone++ {
		n.bytes -= len(n.events[gone].Body)
	}

	if gone > 0 {
		n.events = slices.Clone(n.events[gone:])
	}
}

// Head is the last event's number, as it was a moment ago.
func (t *Tail) Head(treasury store.TreasuryID) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()

	return t.heads[treasury].Seq
}

// Last is the place of the last event, as it was a moment ago; it is not known before it was looked for once.
func (t *Tail) Last(treasury store.TreasuryID) (last event.Place, known bool) {
	t.mu.Lock()
	defer t.mu.Unlock()

	return t.heads[treasury], t.looked
}

// Find looks whether a place is in a treasury's events, and gives it with its chain, as store.DB's EventPlace does.
func (t *Tail) Find(ctx context.Context, treasury store.TreasuryID, p event.Place) (event.Place, error) {
	if events, ok := t.held(treasury, p.Seq-1, 1); ok && len(events) == 1 && events[0].Place().Same(p) {
		return events[0].Place(), nil
	}

	return t.db.EventPlace(ctx, treasury, p)
}

// Wait waits until a treasury has events after a place. It reports false where ctx, or the tail, ended first.
func (t *Tail) Wait(ctx context.Context, treasury store.TreasuryID, after int64) bool {
	for {
		t.mu.Lock()
		head, change, ended := t.heads[treasury].Seq, t.change, t.ended
		t.mu.Unlock()

		switch {
		case head > after:
			return true
		case ended:
			return false
		}

		select {
		case <-change:
		case <-ctx.Done():
			return false
		}
	}
}

// News gives what is closed when there may be events after a place, which is at once where there are, or when the tail
// ends. It is for who waits for other things too.
func (t *Tail) News(treasury store.TreasuryID, after int64) <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.reader(treasury)

	if t.heads[treasury].Seq <= after || t.ended {
		return t.change
	}

	now := make(chan struct{})
	close(now)

	return now
}

// Ended reports whether nothing new is followed any more.
func (t *Tail) Ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()

	return t.ended
}

// Read reads events after a place, at most so many: from what is held, or from the database.
func (t *Tail) Read(
	ctx context.Context, treasury store.TreasuryID, after int64, most int,
) ([]store.LoggedEvent, error) {
	if events, ok := t.held(treasury, after, most); ok {
		return events, nil
	}

	return t.db.EventsAfter(ctx, treasury, after, most)
}

func (t *Tail) held(treasury store.TreasuryID, after int64, most int) ([]store.LoggedEvent, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()

	n := t.reader(treasury)

	if len(n.events) == 0 || after < n.events[0].Seq-1 {
		return nil, false
	}

	from := min(int(after-n.events[0].Seq+1), len(n.events))

	return n.events[from:min(from+most, len(n.events)):min(from+most, len(n.events))], true
}

// reader notes, under mu, that somebody reads a treasury's events: from now on they are held.
func (t *Tail) reader(treasury store.TreasuryID) *newest {
	n := t.known[treasury]
	if n == nil {
		n = &newest{}
		t.known[treasury] = n
	}

	n.used = true

	return n
}
