package api

import (
	"context"
	"errors"
	"time"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	defaultRows = 100
	mostTokens  = 1000
	mostParties = 1000
)

// treasury finds the treasury that a path names.
func (s *Service) treasury(ctx context.Context, party string) (store.TreasuryID, error) {
	return s.DB.TreasuryOf(ctx, ident.Party(party))
}

// window is the part of a list that a request asks for.
func window(limit *server.LimitParam, cursor *server.CursorParam) store.Window {
	w := store.Window{Limit: defaultRows}
	if limit != nil {
		w.Limit = *limit
	}

	if cursor != nil {
		w.Cursor = *cursor
	}

	return w
}

// told words what a caller has done wrong that only the database finds.
func told(err error) error {
	if errors.Is(err, store.ErrBadCursor) {
		return invalid("query: cursor: is not one that this list gave with these filters. Begin with the first page again.")
	}

	return err
}

// tokenOf is the token that a request filters by; nil for none.
func tokenOf(admin *server.InstrumentAdminParam, id *server.InstrumentIdParam) (*ident.Instrument, error) {
	switch {
	case admin == nil && id == nil:
		return nil, nil //nolint:nilnil // no filter is no error
	case admin == nil:
		return nil, invalid("query: instrumentAdmin: is missing: instrumentId alone names no token.")
	case id == nil:
		return nil, invalid("query: instrumentId: is missing: instrumentAdmin alone names no token.")
	default:
		return &ident.Instrument{Admin: ident.Party(*admin), ID: *id}, nil
	}
}

// reading is what most lists need: the treasury and the token that are asked about.
func (s *Service) reading(
	ctx context.Context, party string, admin *server.InstrumentAdminParam, id *server.InstrumentIdParam,
) (store.TreasuryID, *ident.Instrument, error) {
	token, err := tokenOf(admin, id)
	if err != nil {
		return 0, nil, err
	}

	treasury, err := s.treasury(ctx, party)

	return treasury, token, err
}

func span(since, until *time.Time) store.Span { return store.Span{Since: since, Until: until} }

// items maps rows. A list without rows is an empty one.
func items[From, To any](rows []From, one func(From) To) []To {
	list := make([]To, len(rows))
	for i, row := range rows {
		list[i] = one(row)
	}

	return list
}

// present is a text that is absent where it is empty.
func present(text string) *string {
	if text == "" {
		return nil
	}

	return &text
}

// orNone is a parameter's text, empty where it was not given.
func orNone[T ~string](parameter *T) string {
	if parameter == nil {
		return ""
	}

	return string(*parameter)
}

// utc has times of all servers be told alike, wherever they stand.
func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}

	told := at.UTC()

	return &told
}
