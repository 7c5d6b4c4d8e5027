package eventlog

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

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
	heads  map[store.TreasuryID]int64
	known  map[store.TreasuryID]*newest
	change chan struct{} // closed when there is something new, or the tail ends
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
		db: db, logger: logger, heads: map[store.TreasuryID]int64{}, known: map[store.TreasuryID]*newest{},
		change: make(chan struct{}),
	}
}

// Run follows until ctx ends. Then nobody waits any more.
func (t *Tail) Run(ctx context.Context) error {
	failed := false

	for ctx.Err() == nil {
		err := t.follow(ctx)
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

// follow reads what is new of those treasuries that somebody reads.
func (t *Tail) follow(ctx context.Context) error {
	heads, err := t.db.EventHeads(ctx)
	if err != nil {
		return err
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

	changed := false

	for treasury, head := range heads {
		changed = changed || t.heads[treasury] != head
		t.heads[treasury] = head
	}

	if changed {
		close(t.change)
		t.change = make(chan struct{})
	}

	return nil
}

// fill adds a treasury's new events to those that are held.
func (t *Tail) fill(ctx context.Context, treasury store.TreasuryID, head int64) error {
	t.mu.Lock()
	n := t.known[treasury]
	last := t.heads[treasury]

	if n != nil && len(n.events) > 0 {
		last = n.events[len(n.events)-1].Seq
	}
	t.mu.Unlock()

	if n != nil && last > head { // the database was put back: what was told since is another history
		t.mu.Lock()
		n.events, n.bytes = nil, 0
		t.mu.Unlock()
	}

	if n == nil || last >= head {
		return nil
	}

	if head-last > tailPage { // whoever is that far behind reads the database
		last = head - tailPage
	}

	events, err := t.db.EventsAfter(ctx, treasury, last, tailPage)
	if err != nil {
		return err
	}

	t.mu.Lock()
	defer t.mu.Unlock()

	n.add(events)

	return nil
}

func (n *newest) add(events []store.LoggedEvent) {
	if len(events) == 0 {
		return
	}

	if have := len(n.events); have > 0 && n.events[have-1].Seq+1 != events[0].Seq {
		n.events, n.bytes = nil, 0 // there would be a gap
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

	return t.heads[treasury]
}

// Wait waits until a treasury has events after a place. It reports false where ctx, or the tail, ended first.
func (t *Tail) Wait(ctx context.Context, treasury store.TreasuryID, after int64) bool {
	for {
		t.mu.Lock()
		head, change, ended := t.heads[treasury], t.change, t.ended
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

	if t.heads[treasury] <= after || t.ended {
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
