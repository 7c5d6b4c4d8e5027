package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

type completionsRequest struct {
	UserID  string        `json:"userId"`
	Parties []ident.Party `json:"parties"`
	Begin   ident.Offset  `json:"beginExclusive"`
}

// completionCursor reads the completions of one node for one stream or list.
type completionCursor struct {
	v       *Validator
	userID  string                   // whose submissions; everybody's when empty
	parties map[ident.Party]struct{} // everybody's when nil
	at      ident.Offset
	tick    uint64
}

// openCompletions checks a request. byUser is the older form, of one user's submissions.
func (v *Validator) openCompletions(
	ctx context.Context, req *completionsRequest, byUser bool,
) (*completionCursor, error) {
	claims := admin.ClaimsOf(ctx)
	if byUser {
		if err := userOf(&req.UserID, claims); err != nil {
			return nil, err
		}
	}

	if len(req.Parties) > maxFilters {
		return nil, cantonerr.Argument("%d parties, at most %d", len(req.Parties), maxFilters)
	}

	c := &completionCursor{v: v, at: req.Begin}
	if byUser {
		c.userID = req.UserID
	}

	if len(req.Parties) == 0 {
		if byUser {
			return nil, cantonerr.Missing("parties")
		}

		if !claims.ReadAsAny() {
			return nil, cantonerr.PermissionDenied()
		}
	} else {
		c.parties = make(map[ident.Party]struct{}, len(req.Parties))
	}

	for _, party := range req.Parties {
		if !claims.ReadAs(party) && !claims.ExecuteAs(party) {
			return nil, cantonerr.PermissionDenied()
		}

		c.parties[party] = struct{}{}
	}

	v.mu.Lock()
	defer v.mu.Unlock()

	c.tick = v.ticks

	switch {
	case req.Begin < 0:
		return nil, errNegative("begin_exclusive", req.Begin)
	case req.Begin > v.end:
		return nil, errAfterEnd("Begin", req.Begin, v.end)
	case req.Begin < v.prunedTo:
		return nil, errPruned("Command completions request", req.Begin, v.prunedTo)
	}

	return c, nil
}

// shown is a completion as this stream shows it; false when it is none of its business.
func (c *completionCursor) shown(done *completion) (completionItem, bool) {
	if c.userID != "" && done.userID != c.userID {
		return completionItem{}, false
	}

	parties := done.actAs

	if c.parties != nil {
		parties = []ident.Party{}

		for _, party := range done.actAs {
			if _, asked := c.parties[party]; asked {
				parties = append(parties, party)
			}
		}
	}

	return c.v.completionJSON(done, parties), len(parties) > 0
}

// run emits completions, and checkpoints when there is nothing else, until nobody wants more.
func (c *completionCursor) run(ctx context.Context, wait *waiter, out func(completionItem) (bool, error)) error {
	for {
		items, tick, changed, err := c.take()
		if err != nil {
			return err
		}

		for _, item := range items {
			if more, err := out(item); err != nil || !more {
				return err
			}
		}

		if len(items) > 0 {
			wait.reset()

			continue
		}

		due := tick != c.tick
		c.tick = tick

		if !due {
			var done bool
			if due, done = wait.next(ctx, changed, c.v.closed); done {
				return nil
			}
		}

		if !due {
			continue
		}

		checkpoint := c.checkpointIfIdle()
		if checkpoint == nil {
			continue
		}

		item := completionItem{Response: completionOneOf{Checkpoint: checkpoint.Checkpoint}}
		if more, err := out(item); err != nil || !more {
			return err
		}
	}
}

// checkpointIfIdle is the checkpoint of a stream that has delivered everything; nil when more has come since. The time
// that it tells is the end of lost submissions, so their completions come first.
func (c *completionCursor) checkpointIfIdle() *updateJSON {
	c.v.mu.Lock()
	defer c.v.mu.Unlock()

	times := c.v.advance()
	if c.v.after(c.at) < len(c.v.history) || c.v.completedAfter(c.at) < len(c.v.completions) {
		return nil
	}

	return checkpointItem(max(c.at, c.v.end), times)
}

func (c *completionCursor) take() ([]completionItem, uint64, <-chan struct{}, error) {
	c.v.mu.Lock()
	defer c.v.mu.Unlock()

	if c.at < c.v.prunedTo {
		return nil, 0, nil, errPruned("Command completions request", c.at, c.v.prunedTo)
	}

	var items []completionItem

	start := c.v.completedAfter(c.at)
	stop := min(start+takeSize, len(c.v.completions))

	for _, done := range c.v.completions[start:stop] {
		c.at = done.offset

		if item, ok := c.shown(done); ok {
			items = append(items, item)
		}
	}

	if stop == len(c.v.completions) {
		c.at = max(c.at, c.v.end)
	}

	return items, c.v.ticks, c.v.changed, nil
}

func (v *Validator) postCompletions(byUser bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req completionsRequest
		if !v.read(w, r, &req) {
			return
		}

		l, err := v.listOf(r, false)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)

			return
		}

		c, err := v.openCompletions(r.Context(), &req, byUser)
		if err != nil {
			v.fail(w, r, err)

			return
		}

		items, err := v.collectCompletions(r.Context(), c, l)

		switch {
		case r.Context().Err() != nil: // nobody is there to answer
		case err != nil:
			v.fail(w, r, err)
		case len(items) > l.max:
			v.fail(w, r, errListLimit(l.max))
		default:
			v.answer(w, r, http.StatusOK, items)
		}
	}
}

func (v *Validator) collectCompletions(ctx context.Context, c *completionCursor, l list) ([]completionItem, error) {
	items := []completionItem{}
	if l.want == 0 {
		return items, nil
	}

	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()

	wait := newWaiter(v.cfg.CheckpointInterval, l.idle)
	defer wait.stop()

	err := c.run(ctx, wait, func(item completionItem) (bool, error) {
		items = append(items, item)

		return len(items) < l.want, nil
	})

	return items, err
}

func (v *Validator) streamCompletions(byUser bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.serve(w, r, func(ctx context.Context, request []byte, send sender) error {
			var req completionsRequest
			if err := json.Unmarshal(request, &req); err != nil {
				return errArgument("the first message cannot be read as a request")
			}

			c, err := v.openCompletions(ctx, &req, byUser)
			if err != nil {
				return err
			}

			wait := newWaiter(v.cfg.CheckpointInterval, 0)
			defer wait.stop()

			return c.run(ctx, wait, func(item completionItem) (bool, error) { return true, send(item) })
		})
	}
}

// maxRejectedShown is how many rejections completion-by-hash tells.
const maxRejectedShown = 10

// postCompletionByHash finds what became of the transaction with a hash.
func (v *Validator) postCompletionByHash(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Hash []byte `json:"transactionHash"`
	}
	if !v.read(w, r, &req) {
		return
	}

	claims := admin.ClaimsOf(r.Context())
	rejected := []completionJSON{}

	var accepted *completionJSON

	v.mu.Lock()
	for _, done := range slices.Backward(v.completions) {
		if done.hash == nil || !bytes.Equal(done.hash[:], req.Hash) || !claims.ReadAs(done.actAs[0]) {
			continue
		}

		shown := v.completionJSON(done, done.actAs).Response.Completion.Value

		switch {
		case done.err == nil:
			accepted = &shown
		case len(rejected) < maxRejectedShown:
			rejected = append(rejected, shown)
		}
	}
	v.mu.Unlock()

	if accepted == nil && len(rejected) == 0 {
		v.fail(w, r, errNotFound("COMPLETION_NOT_FOUND", "Completion not found, or not visible."))

		return
	}

	v.answer(w, r, http.StatusOK, obj{"acceptedCompletion": accepted, "lastRejectedCompletions": rejected})
}
