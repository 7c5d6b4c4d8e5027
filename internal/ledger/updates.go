package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// pageLimit is the most elements that a node's HTTP lists give by default. A node may be configured lower.
const pageLimit = 200

// Updates gives the updates after begin up to and including end, in order, each as {"update":{…}} in a slice of its
// own. It returns nil only when all of them were given: an end beyond the ledger end is an error, and so is anything
// out of order. An error of yield ends it and is returned as it is.
func (c *Client) Updates(
	ctx context.Context, party ident.Party, begin, end ident.Offset, yield func(raw []byte) error,
) error {
	const op = "read updates"
	if begin < 0 || end < begin {
		return fmt.Errorf("ledger: %s: no range from %d to %d", op, begin, end)
	}

	last, err := c.LedgerEnd(ctx)
	if err != nil {
		return err
	}

	if end > last {
		return &Error{
			Op: op, Code: codeAfterLedgerEnd,
			Cause:   fmt.Sprintf("asked for updates up to %d, but the node has none after %d", end, last),
			Context: map[string]string{"latest_offset": strconv.FormatInt(int64(last), 10)},
		}
	}

	pages := c.pager(op, party, begin, c.cfg.Retry)

	// A short page is not the end: the last page is the one that brings nothing new, asked for without a time limit
	// after which the node would answer with less than it has.
	for pages.position < end {
		before := pages.position

		items, err := pages.next(ctx, &end, 0)
		if err != nil {
			return err
		}

		for _, raw := range items {
			if err := yield(raw); err != nil {
				return err
			}
		}

		if pages.position == before {
			return nil
		}
	}

	return nil
}

// pager walks through an HTTP list of updates.
type pager struct {
	client *Client
	op     string
	party  ident.Party
	policy Retry
	// position is the offset of the last item given. Nothing else moves it, above all no short answer.
	position ident.Offset
	// limit is the page size to ask for; most is what the node has not refused.
	limit, most int
}

func (c *Client) pager(op string, party ident.Party, begin ident.Offset, policy Retry) *pager {
	return &pager{client: c, op: op, party: party, policy: policy, position: begin, limit: pageLimit, most: pageLimit}
}

// next asks for the items after position, up to end if there is one. With idle, the node answers when nothing came for
// that long. Pages that are too many or too large for the node or for us are asked for in halves.
func (p *pager) next(ctx context.Context, end *ident.Offset, idle time.Duration) ([]strictjson.Raw, error) {
	for {
		items, position, err := p.page(ctx, end, idle)
		if err == nil {
			p.position = position
			p.limit = min(2*p.limit, p.most)

			return items, nil
		}

		e, ok := errors.AsType[*Error](err)
		if !ok || p.limit == 1 || (e.Code != codeListLimit && e.Code != CodeTooLarge) {
			return nil, err
		}

		p.limit /= 2
		if e.Code == codeListLimit {
			p.most = p.limit
		}
	}
}

func (p *pager) page(
	ctx context.Context, end *ident.Offset, idle time.Duration,
) ([]strictjson.Raw, ident.Offset, error) {
	query := url.Values{"limit": {strconv.Itoa(p.limit)}}
	if idle > 0 {
		query.Set("stream_idle_timeout_ms", strconv.FormatInt(idle.Milliseconds(), 10))
	}

	items, err := Do(ctx, p.policy, func(ctx context.Context) ([]strictjson.Raw, error) {
		return withInterfaces(p.client, func(names []ident.Name) ([]strictjson.Raw, error) {
			path, body := p.client.updatesBody(p.party, names, p.position, end)

			a, err := p.client.call(ctx, request{op: p.op, method: http.MethodPost, path: path, query: query, body: body})
			if err != nil {
				return nil, err
			}

			var list []strictjson.Raw

			err = a.decode(p.op, &list)

			return list, err
		})
	})
	if err != nil {
		return nil, 0, err
	}

	position, err := inOrder(items, p.position, end)
	if err != nil {
		return nil, 0, malformed(p.op, "the node's list", err)
	}

	return items, position, nil
}

// updatesBody is the request for updates in the configured shape, the same over HTTP and as a stream.
func (c *Client) updatesBody(
	party ident.Party, names []ident.Name, begin ident.Offset, end *ident.Offset,
) (path string, body any) {
	if c.cfg.Shape == ShapeTrees {
		return "/v2/updates/trees", treesRequest(party, names, begin, end)
	}

	return "/v2/updates", updatesRequest(party, names, begin, end)
}

// wirePlace is where an update stands; all kinds carry their offset in the same place.
type wirePlace struct {
	Update map[string]struct {
		Value struct {
			Offset *int64 `json:"offset"`
			ID     string `json:"updateId"`
		} `json:"value"`
	} `json:"update"`
}

// kindCheckpoint may repeat an offset: it is made up by the node, also for the very offset a stream began after.
const kindCheckpoint = "OffsetCheckpoint"

// inOrder checks that items ascend within (begin, end] and returns the offset of the last. A list that does not would
// make paging skip or repeat.
func inOrder(items []strictjson.Raw, begin ident.Offset, end *ident.Offset) (ident.Offset, error) {
	at := begin

	for i, raw := range items {
		kind, n, err := place(raw)
		if err != nil {
			return 0, fmt.Errorf("item %d: %w", i, err)
		}

		if n < at || n == at && kind != kindCheckpoint {
			return 0, fmt.Errorf("item %d has offset %d after %d", i, n, at)
		}

		if end != nil && n > *end {
			return 0, fmt.Errorf("item %d has offset %d, beyond the asked end %d", i, n, *end)
		}

		at = n
	}

	return at, nil
}

func place(raw []byte) (kind string, at ident.Offset, err error) {
	var w wirePlace
	if err := strictjson.Decode(raw, &w); err != nil {
		return "", 0, err
	}

	if len(w.Update) != 1 {
		return "", 0, fmt.Errorf("has %d kinds of update, not one", len(w.Update))
	}

	for kind, box := range w.Update {
		if box.Value.Offset == nil || *box.Value.Offset < 0 {
			return "", 0, errors.New("has no offset")
		}

		return kind, ident.Offset(*box.Value.Offset), nil
	}

	return "", 0, errors.New("is empty")
}

// UpdateByID gives one update as {"update":{…}}, in the shape of ledger effects whatever the configured shape.
// IsNotFound tells an update that does not exist, may not be seen, or is pruned.
func (c *Client) UpdateByID(ctx context.Context, party ident.Party, id ident.UpdateID) ([]byte, error) {
	const op = "read update by id"

	raw, err := c.oneUpdate(ctx, op, "/v2/updates/update-by-id", func(names []ident.Name) any {
		return ledgerapi.UpdateByIdRequest{UpdateId: string(id), UpdateFormat: updateFormat(party, names)}
	})
	if err != nil {
		return nil, err
	}

	var w wirePlace
	if err := strictjson.Decode(raw, &w); err != nil || len(w.Update) != 1 {
		return nil, malformed(op, "the answer is not one update", err)
	}

	for _, box := range w.Update {
		if box.Value.ID != string(id) {
			return nil, malformed(op, "the node answers with another update: "+excerpt(box.Value.ID), nil)
		}
	}

	return raw, nil
}

// UpdateByOffset gives the update at an offset of this node, like UpdateByID.
func (c *Client) UpdateByOffset(ctx context.Context, party ident.Party, offset ident.Offset) ([]byte, error) {
	const op = "read update by offset"

	raw, err := c.oneUpdate(ctx, op, "/v2/updates/update-by-offset", func(names []ident.Name) any {
		return ledgerapi.UpdateByOffsetRequest{Offset: int64(offset), UpdateFormat: updateFormat(party, names)}
	})
	if err != nil {
		return nil, err
	}

	_, at, err := place(raw)
	if err != nil {
		return nil, malformed(op, "the answer", err)
	}

	if at != offset {
		return nil, malformed(op, fmt.Sprintf("the node answers with offset %d", at), nil)
	}

	return raw, nil
}

func (c *Client) oneUpdate(ctx context.Context, op, path string, body func([]ident.Name) any) ([]byte, error) {
	return withInterfaces(c, func(names []ident.Name) ([]byte, error) {
		return read[strictjson.Raw](ctx, c, request{op: op, method: http.MethodPost, path: path, body: body(names)})
	})
}
