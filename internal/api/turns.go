package api

import (
	"context"
	"errors"
	"sync"
	"time"
)

// turnWait is how long a repetition waits for the end of the request that it repeats.
const turnWait = 2 * time.Second

// errUnderWay is a request that has not ended while its repetition waited.
var errUnderWay = errors.New("the request that this one repeats is under way")

// turns has the requests with one Idempotency-Key come one after the other, in this process: those that wait hold no
// connection, so that whoever repeats a slow request takes no place of another's. Among several processes the database
// does the same.
type turns struct {
	mu    sync.Mutex
	taken map[string]*turn
}

// turn is that of a request.
type turn struct {
	over chan struct{} // closed at its end
	kept bool          // its answer is stored: whoever waited needs no turn to read it
}

func newTurns() *turns { return &turns{taken: map[string]*turn{}} }

// take waits for a request's turn and gives what ends it, which says whether the answer was stored.
func (t *turns) take(ctx context.Context, key string) (end func(kept bool), err error) {
	ends := time.NewTimer(turnWait)
	defer ends.Stop()

	for {
		mine, before := t.begin(key)
		if before == nil {
			return func(kept bool) { t.end(key, mine, kept) }, nil
		}

		select {
		case <-before.over:
			if before.kept {
				return func(bool) {}, nil
			}
		case <-ends.C:
			return nil, errUnderWay
		case <-ctx.Done():
			return nil, ctx.Err() //nolint:wrapcheck // it is ours
		}
	}
}

// begin gives a turn, or the one that must end before.
func (t *turns) begin(key string) (mine, before *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()

	if before, taken := t.taken[key]; taken {
		return nil, before
	}

	mine = &turn{over: make(chan struct{})}
	t.taken[key] = mine

	return mine, nil
}

func (t *turns) end(key string, mine *turn, kept bool) {
	t.mu.Lock()
	defer t.mu.Unlock()

	delete(t.taken, key)

	mine.kept = kept
	close(mine.over)
}
