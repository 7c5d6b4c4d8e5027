package api

import (
	"context"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// inside is the service as a request sees it that changes something: what the request has done is done already.
func (s *Service) inside(d *store.Door) *Service {
	within := *s
	within.DB = d.DB()

	return &within
}

// CreateMemo implements server.StrictServerInterface.
func (s *Service) CreateMemo(
	ctx context.Context, r server.CreateMemoRequestObject,
) (server.CreateMemoResponseObject, error) {
	d := door(ctx)
	treasury := ident.Party(r.Treasury)

	var text string

	if r.Body.Memo != nil {
		text = *r.Body.Memo
		if _, err := d.DB().AddMemo(ctx, treasury, r.Body.Account, text, "", d.Now); err != nil {
			return nil, err
		}
	} else {
		another := r.Body.Another != nil && *r.Body.Another

		issued, err := d.DB().IssueMemo(ctx, treasury, r.Body.Account, another, "", d.Now)
		if err != nil {
			return nil, err
		}

		text = issued.Memo
	}

	found, err := d.DB().FindDepositAccount(ctx, treasury, text)
	if err != nil {
		return nil, err
	}

	return server.CreateMemo201JSONResponse(memoOf(found)), nil
}

func memoOf(a store.DepositAccount) server.Memo {
	return server.Memo{
		Memo: a.Memo, Account: a.Account, Enabled: a.Enabled, Issued: a.Issued, CreatedAt: a.CreatedAt.UTC(),
		DisabledAt: utc(a.DisabledAt),
	}
}

// DisableMemo implements server.StrictServerInterface.
func (s *Service) DisableMemo(
	ctx context.Context, r server.DisableMemoRequestObject,
) (server.DisableMemoResponseObject, error) {
	d := door(ctx)
	if _, err := d.DB().DisableMemo(ctx, ident.Party(r.Treasury), r.Body.Memo, d.Actor, r.Body.Note, d.Now); err != nil {
		return nil, err
	}

	found, err := d.DB().FindDepositAccount(ctx, ident.Party(r.Treasury), r.Body.Memo)

	return server.DisableMemo200JSONResponse(memoOf(found)), err
}

// EnableMemo implements server.StrictServerInterface.
func (s *Service) EnableMemo(
	ctx context.Context, r server.EnableMemoRequestObject,
) (server.EnableMemoResponseObject, error) {
	d := door(ctx)
	if _, err := d.DB().EnableMemo(ctx, ident.Party(r.Treasury), r.Body.Memo, d.Actor, r.Body.Note, d.Now); err != nil {
		return nil, err
	}

	found, err := d.DB().FindDepositAccount(ctx, ident.Party(r.Treasury), r.Body.Memo)

	return server.EnableMemo200JSONResponse(memoOf(found)), err
}

// AddDestination implements server.StrictServerInterface.
func (s *Service) AddDestination(
	ctx context.Context, r server.AddDestinationRequestObject,
) (server.AddDestinationResponseObject, error) {
	d := door(ctx)
	name := ""

	if r.Body.Name != nil {
		name = *r.Body.Name
	}

	added, err := d.DB().AddDestination(
		ctx, ident.Party(r.Treasury), r.Account, ident.Party(r.Body.Party), name, d.Actor, d.Now)
	if err != nil {
		return nil, err
	}

	return server.AddDestination201JSONResponse(destinationOf(added)), nil
}

// RemoveDestination implements server.StrictServerInterface.
func (s *Service) RemoveDestination(
	ctx context.Context, r server.RemoveDestinationRequestObject,
) (server.RemoveDestinationResponseObject, error) {
	d := door(ctx)

	removed, err := d.DB().RemoveDestination(
		ctx, ident.Party(r.Treasury), r.Account, ident.Party(r.Body.Party), d.Actor, d.Now)
	if err != nil {
		return nil, err
	}

	return server.RemoveDestination200JSONResponse(destinationOf(removed)), nil
}

func destinationOf(d store.Destination) server.Destination {
	out := server.Destination{
		Account: d.Account, Party: string(d.Party), AddedAt: d.AddedAt.UTC(), RemovedAt: utc(d.RemovedAt),
	}
	if d.Name != "" {
		out.Name = &d.Name
	}

	return out
}
