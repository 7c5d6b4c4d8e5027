package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/canton-exchange/suite/internal/ident"
)

// Sizes of pages: what a node takes when nothing is said, and what it allows.
const (
	updatesPageSize       = 100
	maxUpdatesPageSize    = 2_000
	contractsPageSize     = 2_000
	maxContractsPageSize  = 10_000
	maxPageToken          = 4_096
	requestFingerprintLen = 16
)

// pageToken says where the next page begins. Clients only hand it back.
type pageToken struct {
	For   string       `json:"for"` // the request it belongs to: a token of another one is refused
	At    ident.Offset `json:"at,omitempty"`
	Item  string       `json:"item,omitempty"`  // the last one of the page before
	Index int          `json:"index,omitempty"` // where it was
}

// String is the token as clients see it.
func (t pageToken) String() string {
	raw, err := encodeJSON(t)
	if err != nil {
		return "" // not possible for texts and numbers
	}

	return base64.StdEncoding.EncodeToString(raw)
}

var errPageToken = errors.New("not a page token of this request")

// readPageToken reads a token that a request came with; the zero token when it came with none.
func readPageToken(text, request string) (pageToken, error) {
	var t pageToken

	if text == "" {
		return t, nil
	}

	if len(text) > maxPageToken {
		return t, errPageToken
	}

	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(raw, &t) != nil || t.For != request || t.At < 0 || t.Index < 0 {
		return t, errPageToken
	}

	return t, nil
}

// fingerprint identifies what must stay the same from page to page.
func fingerprint(request ...any) string {
	raw, err := encodeJSON(request)
	if err != nil {
		return "" // not possible for what was decoded from JSON
	}

	sum := sha256.Sum256(raw)

	return hex.EncodeToString(sum[:requestFingerprintLen])
}

// pageSize is the size of a page that a request asks for.
func pageSize(asked *int, usual, most int) (int, error) {
	switch {
	case asked == nil || *asked == 0:
		return usual, nil
	case *asked < 0 || *asked > most:
		return 0, errArgument("max_page_size %d: want 1 to %d", *asked, most)
	}

	return *asked, nil
}

type updatesPageRequest struct {
	Begin      ident.Offset      `json:"beginOffsetExclusive"`
	End        *ident.Offset     `json:"endOffsetInclusive"`
	Size       *int              `json:"maxPageSize"`
	Format     *updateFormatJSON `json:"updateFormat"`
	Descending bool              `json:"descendingOrder"`
	Token      string            `json:"pageToken"`
}

type updatesPageJSON struct {
	Updates []itemJSON   `json:"updates"`
	Lowest  ident.Offset `json:"lowestPageOffsetExclusive"`
	Highest ident.Offset `json:"highestPageOffsetInclusive"`
	Next    string       `json:"nextPageToken,omitempty"`
}

func (v *Validator) postUpdatesPage(w http.ResponseWriter, r *http.Request) {
	var req updatesPageRequest
	if !v.read(w, r, &req) {
		return
	}

	page, err := v.updatesPage(r.Context(), &req)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, page)
}

func (v *Validator) updatesPage(ctx context.Context, req *updatesPageRequest) (*updatesPageJSON, error) {
	if req.Format == nil {
		return nil, errMissing("update_format")
	}

	f, err := v.resolveUpdateFormat(req.Format)
	if err == nil {
		err = v.mayReadUpdates(ctx, f)
	}

	if err != nil {
		return nil, err
	}

	size, err := pageSize(req.Size, updatesPageSize, maxUpdatesPageSize)
	if err != nil {
		return nil, err
	}

	request := fingerprint(v.participant, req.Begin, req.End, req.Format, req.Descending)

	token, err := readPageToken(req.Token, request)
	if err != nil {
		return nil, newError(http.StatusBadRequest, grpcInvalidArgument, categoryInvalid, "INVALID_UPDATES_PAGE_TOKEN",
			"The page token cannot be used with this request")
	}

	c, err := v.pageCursor(req, &token, f)
	if err != nil {
		return nil, err
	}

	return c.page(ctx, request, size, req.End == nil)
}

// page collects the updates of one page out of all that the cursor may read. Who follows the ledger, in order and
// without an end, always gets a token for the next page.
func (c *cursor) page(ctx context.Context, request string, size int, follows bool) (*updatesPageJSON, error) {
	page := &updatesPageJSON{Updates: []itemJSON{}, Lowest: c.at, Highest: c.end}

	err := c.run(ctx, func(u *updateJSON) (bool, error) {
		page.Updates = append(page.Updates, itemJSON{Update: u})

		return len(page.Updates) < size, nil
	})
	if err != nil {
		return nil, err
	}

	full := len(page.Updates) == size

	switch {
	case c.descending && full && c.last-1 > page.Lowest:
		page.Lowest = c.last - 1
		page.Next = pageToken{For: request, At: page.Lowest}.String()
	case !c.descending && (follows || full && c.last < page.Highest):
		if full {
			page.Highest = c.last
		}

		page.Next = pageToken{For: request, At: page.Highest}.String()
	}

	return page, nil
}

// pageCursor reads the part of the history that the page may show. A first page without a begin starts where the
// history does; one without an end ends where it does.
func (v *Validator) pageCursor(req *updatesPageRequest, token *pageToken, f *updateFormat) (*cursor, error) {
	v.mu.Lock()
	defer v.mu.Unlock()

	begin, end := req.Begin, v.end
	if req.End != nil {
		end = *req.End
	}

	if begin == ident.Begin {
		begin = v.prunedTo
	}

	if err := v.checkRange(begin, &end); err != nil {
		return nil, err
	}

	switch {
	case req.Token == "":
	case token.At < v.prunedTo:
		return nil, errPruned("Updates page request", token.At, v.prunedTo)
	case token.At < begin || token.At > end:
		return nil, errAfterEnd("Page", token.At, end)
	case req.Descending:
		end = token.At
	default:
		begin = token.At
	}

	return &cursor{v: v, format: f, at: begin, end: end, bounded: true, descending: req.Descending}, nil
}

type contractsPageRequest struct {
	At     *ident.Offset    `json:"activeAtOffset"`
	Format *eventFormatJSON `json:"eventFormat"`
	Size   *int             `json:"maxPageSize"`
	Token  string           `json:"pageToken"`
}

type contractsPageJSON struct {
	Contracts []activeJSON `json:"activeContracts"`
	At        ident.Offset `json:"activeAtOffset"`
	Next      string       `json:"nextPageToken,omitempty"`
}

func (v *Validator) postContractsPage(w http.ResponseWriter, r *http.Request) {
	var req contractsPageRequest
	if !v.read(w, r, &req) {
		return
	}

	page, err := v.contractsPage(r.Context(), &req)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, page)
}

func (v *Validator) contractsPage(ctx context.Context, req *contractsPageRequest) (*contractsPageJSON, error) {
	if req.Format == nil {
		return nil, errMissing("event_format")
	}

	f, err := v.resolveFormat(req.Format)
	if err == nil {
		err = v.mayRead(ctx, f)
	}

	if err != nil {
		return nil, err
	}

	size, err := pageSize(req.Size, contractsPageSize, maxContractsPageSize)
	if err != nil {
		return nil, err
	}

	request := fingerprint(v.participant, req.At, req.Format)

	token, err := readPageToken(req.Token, request)
	if err != nil {
		return nil, errField("page_token: %s", err)
	}

	at, latest := token.At, false
	if req.At != nil {
		at = *req.At
	} else {
		latest = req.Token == "" // later pages show the state that the first one showed
	}

	s, err := v.openSnapshot(f, at, latest)
	if err != nil {
		return nil, err
	}

	if req.Token != "" && !s.skipTo(ident.ContractID(token.Item), token.Index) {
		return nil, errField("page_token: %s", errPageToken)
	}

	page := &contractsPageJSON{Contracts: []activeJSON{}, At: s.at}

	var last int

	err = s.run(ctx, func(item activeJSON, index int) (bool, error) {
		if len(page.Contracts) == size {
			page.Next = pageToken{For: request, At: s.at, Item: string(s.order[last].id), Index: last}.String()

			return false, nil
		}

		page.Contracts = append(page.Contracts, item)
		last = index

		return true, nil
	})

	return page, err
}

// skipTo continues after a contract that was at index once. It can only have come nearer to the front since, as
// contracts before it were dropped.
func (s *snapshot) skipTo(id ident.ContractID, index int) bool {
	for i := min(index, len(s.order)-1); i >= 0; i-- {
		if s.order[i].id == id {
			s.next = i + 1

			return true
		}
	}

	return false
}
