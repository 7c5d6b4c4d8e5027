package sandbox

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// updatesRequest is GetUpdatesRequest, with the older filter and verbose still accepted.
type updatesRequest struct {
	Begin      ident.Offset      `json:"beginExclusive"`
	End        *ident.Offset     `json:"endInclusive"`
	Format     *updateFormatJSON `json:"updateFormat"`
	Filter     *eventFormatJSON  `json:"filter"`
	Verbose    bool              `json:"verbose"`
	Descending bool              `json:"descendingOrder"`
}

// channel is which of the three ways to read updates a request takes.
type channel int

const (
	channelUpdates channel = iota
	channelFlats           // without topology
	channelTrees           // transactions in the older shape, without topology
)

// format resolves whichever style the request uses.
func (v *Validator) format(req *updatesRequest, through channel) (*updateFormat, error) {
	switch {
	case req.Format != nil && (req.Filter != nil || req.Verbose):
		return nil, errArgument("Both updateFormat and filter or verbose are set")
	case req.Format == nil && req.Filter == nil:
		return nil, errArgument("Either updateFormat or filter must be set")
	}

	var (
		f   *updateFormat
		err error
	)

	if req.Format != nil {
		f, err = v.resolveUpdateFormat(req.Format)
	} else {
		f, err = v.legacyFormat(req.Filter, through == channelTrees)
	}

	if err != nil {
		return nil, err
	}

	if through != channelUpdates {
		f.topology = false
	}

	if through == channelTrees {
		f.trees, f.effects = true, true
	}

	return f, nil
}

// legacyFormat is what a node makes of the older filter: for trees everything each party sees, its filters only
// adding views; for updates the changes of active contracts.
func (v *Validator) legacyFormat(in *eventFormatJSON, trees bool) (*updateFormat, error) {
	f, err := v.resolveFormat(in)
	if err != nil {
		return nil, err
	}

	if trees {
		for _, own := range f.byParty {
			own.wildcard = true
		}

		if f.any != nil {
			f.any.wildcard = true
		}
	}

	return &updateFormat{transactions: f, reassignments: f}, nil
}

// open checks a request for updates and returns the cursor that serves it.
func (v *Validator) openCursor(ctx context.Context, req *updatesRequest, through channel) (*cursor, error) {
	f, err := v.format(req, through)
	if err == nil {
		err = v.mayReadUpdates(ctx, f)
	}

	if err != nil {
		return nil, err
	}

	v.mu.Lock()
	defer v.mu.Unlock()

	if err := v.checkRange(req.Begin, req.End); err != nil {
		return nil, err
	}

	c := &cursor{v: v, format: f, through: through, at: req.Begin, tick: v.ticks}
	c.descending = req.Descending && v.cfg.Version.atLeast(V35) // an unknown member is ignored

	switch {
	case req.End != nil:
		c.end, c.bounded = *req.End, true
	case c.descending:
		return nil, newError(http.StatusBadRequest, grpcInvalidArgument, categoryInvalid,
			"DESCENDING_ORDER_MISSING_END", "descendingOrder requires endInclusive")
	}

	return c, nil
}

// mayReadUpdates reports whether the sender of a request may see what a format shows.
func (v *Validator) mayReadUpdates(ctx context.Context, f *updateFormat) error {
	if f.topology {
		hosted := &format{byParty: make(map[ident.Party]*filter, len(f.parties))}
		for _, party := range f.parties {
			hosted.byParty[party] = &filter{}
		}

		if len(f.parties) == 0 {
			hosted.any = &filter{}
		}

		if err := v.mayRead(ctx, hosted); err != nil {
			return err
		}
	}

	return v.mayRead(ctx, f.transactions, f.reassignments)
}

// checkRange checks the section of the history that a request asks for. It is called under Sandbox.mu.
func (v *Validator) checkRange(begin ident.Offset, end *ident.Offset) error {
	switch {
	case begin < 0:
		return errNegative("begin_exclusive", begin)
	case begin > v.end:
		return errAfterEnd("Begin", begin, v.end)
	case begin < v.prunedTo:
		return errPruned("Transactions request", begin, v.prunedTo)
	case end == nil:
		return nil
	case *end < 0:
		return errNegative("end_inclusive", *end)
	case *end > v.end:
		return errAfterEnd("End", *end, v.end)
	case *end < begin:
		return newError(http.StatusBadRequest, grpcOutOfRange, categorySeekAfter, "OFFSET_OUT_OF_RANGE",
			fmt.Sprintf("end offset %d is before begin offset %d", *end, begin))
	}

	return nil
}

// list is how the POST form of a stream is cut into an answer.
type list struct {
	want int // elements to collect at most
	max  int // more than this is an error
	idle time.Duration
}

// listOf reads limit and stream_idle_timeout_ms.
func (v *Validator) listOf(r *http.Request, bounded bool) (list, error) {
	l := list{want: v.cfg.ListLimit + 1, max: v.cfg.ListLimit}
	query := r.URL.Query()

	if text := query.Get("limit"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return l, fmt.Errorf("invalid value for: query parameter limit: %w", errBody)
		}

		l.want = int(min(n, int64(l.want)))
	}

	text := query.Get("stream_idle_timeout_ms")
	if text == "" {
		if !bounded {
			l.idle = v.cfg.ListWait
		}

		return l, nil
	}

	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms <= 0 || ms > int64(time.Hour/time.Millisecond) {
		return l, fmt.Errorf("invalid value for: query parameter stream_idle_timeout_ms: %w", errBody)
	}

	l.idle = time.Duration(ms) * time.Millisecond

	return l, nil
}

func (v *Validator) postUpdates(through channel) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var req updatesRequest
		if !v.read(w, r, &req) {
			return
		}

		l, err := v.listOf(r, req.End != nil)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)

			return
		}

		c, err := v.openCursor(r.Context(), &req, through)
		if err != nil {
			v.fail(w, r, err)

			return
		}

		c.idle = l.idle

		items, err := collect(r.Context(), c, l)
		answerList(v, w, r, items, l, err)
	}
}

func collect(ctx context.Context, c *cursor, l list) ([]itemJSON, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()

	items := []itemJSON{}
	if l.want == 0 {
		return items, nil
	}

	err := c.run(ctx, func(u *updateJSON) (bool, error) {
		items = append(items, itemJSON{Update: u})

		return len(items) < l.want, nil
	})
	if err == nil && ctx.Err() != nil {
		err = fmt.Errorf("collect updates: %w", ctx.Err())
	}

	return items, err
}

// answerList answers what a list collected. Reading it may have failed, or may have found more than a list may have.
func answerList[T any](v *Validator, w http.ResponseWriter, r *http.Request, items []T, l list, err error) {
	switch {
	case r.Context().Err() != nil: // nobody is there to answer
	case err != nil && isTimeout(err):
		http.Error(w, "The server was not able to produce a timely response to your request.",
			http.StatusServiceUnavailable)
	case err != nil:
		v.fail(w, r, err)
	case len(items) > l.max:
		v.fail(w, r, errListLimit(l.max))
	default:
		v.answer(w, r, http.StatusOK, items)
	}
}

type updateByIDRequest struct {
	ID     ident.UpdateID    `json:"updateId"`
	Format *updateFormatJSON `json:"updateFormat"`
}

type updateByHashRequest struct {
	Hash   []byte            `json:"transactionHash"` // base64
	Format *updateFormatJSON `json:"updateFormat"`
}

type updateByOffsetRequest struct {
	Offset ident.Offset      `json:"offset"`
	Format *updateFormatJSON `json:"updateFormat"`
}

func (v *Validator) postUpdateByID(w http.ResponseWriter, r *http.Request) {
	var req updateByIDRequest
	if v.read(w, r, &req) {
		v.point(w, r, req.Format, v.byID(req.ID))
	}
}

func (v *Validator) postUpdateByOffset(w http.ResponseWriter, r *http.Request) {
	var req updateByOffsetRequest
	if !v.read(w, r, &req) {
		return
	}

	if err := checkPosition(req.Offset); err != nil {
		v.fail(w, r, err)

		return
	}

	v.point(w, r, req.Format, v.byOffset(req.Offset))
}

// postUpdateByHash finds the update of a transaction by the hash that its external parties signed.
func (v *Validator) postUpdateByHash(w http.ResponseWriter, r *http.Request) {
	var req updateByHashRequest
	if !v.read(w, r, &req) {
		return
	}

	if len(req.Hash) != sha256.Size {
		v.fail(w, r, errField("transaction_hash: %d bytes, want %d", len(req.Hash), sha256.Size))

		return
	}

	v.point(w, r, req.Format, v.byHash([sha256.Size]byte(req.Hash)))
}

// checkPosition checks the offset of one update.
func checkPosition(offset ident.Offset) error {
	if offset > 0 {
		return nil
	}

	return newError(http.StatusBadRequest, grpcInvalidArgument, categoryInvalid, "NON_POSITIVE_OFFSET",
		fmt.Sprintf("Offset %d in offset is not a positive integer", offset))
}

// point answers one update.
func (v *Validator) point(w http.ResponseWriter, r *http.Request, in *updateFormatJSON, get lookup) {
	if in == nil {
		v.fail(w, r, errMissing("update_format"))

		return
	}

	f, err := v.resolveUpdateFormat(in)
	if err == nil {
		err = v.mayReadUpdates(r.Context(), f)
	}

	if err != nil {
		v.fail(w, r, err)

		return
	}

	if u := v.find(f, get); u != nil {
		if told := v.render(u, f); told != nil {
			v.answer(w, r, http.StatusOK, itemJSON{Update: told})

			return
		}
	}

	v.fail(w, r, errNoUpdate())
}

func errNoUpdate() error { return errNotFound("UPDATE_NOT_FOUND", "Update not found, or not visible.") }

func errMissing(field string) error {
	return newError(http.StatusBadRequest, grpcInvalidArgument, categoryInvalid, "MISSING_FIELD",
		"The submitted command is missing a mandatory field: "+field)
}
