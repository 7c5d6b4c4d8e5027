package api

import (
	"context"
	"fmt"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// withdrawal is how a withdrawal stands after what the request has done.
func (s *Service) withdrawal(
	ctx context.Context, d *store.Door, treasury, id string,
) (server.Withdrawal, error) {
	answer, err := s.inside(d).GetWithdrawal(ctx, server.GetWithdrawalRequestObject{Treasury: treasury, WithdrawalId: id})
	if err != nil {
		return server.Withdrawal{}, err
	}

	found, ok := answer.(server.GetWithdrawal200JSONResponse)
	if !ok {
		return server.Withdrawal{}, fmt.Errorf("read withdrawal %s: %w", id, store.ErrNotFound)
	}

	return found.Body, nil
}

// RequestWithdrawal implements server.StrictServerInterface.
func (s *Service) RequestWithdrawal(
	ctx context.Context, r server.RequestWithdrawalRequestObject,
) (server.RequestWithdrawalResponseObject, error) {
	d := door(ctx)

	receipt, err := d.DB().RequestWithdrawal(ctx, ident.Party(r.Treasury), store.WithdrawalRequest{
		ID: r.Body.WithdrawalId, Account: r.Body.Account, Amount: r.Body.Amount, Receiver: ident.Party(r.Body.Receiver),
		Instrument: ident.Instrument{Admin: ident.Party(r.Body.InstrumentAdmin), ID: r.Body.InstrumentId}, Memo: r.Body.Memo,
	}, d.Now)
	if err != nil {
		return nil, err
	}

	found, err := s.withdrawal(ctx, d, r.Treasury, r.Body.WithdrawalId)
	if err != nil {
		return nil, err
	}

	if receipt.Repeated {
		return server.RequestWithdrawal200JSONResponse(found), nil
	}

	return server.RequestWithdrawal201JSONResponse(found), nil
}

// CancelWithdrawal implements server.StrictServerInterface.
func (s *Service) CancelWithdrawal(
	ctx context.Context, r server.CancelWithdrawalRequestObject,
) (server.CancelWithdrawalResponseObject, error) {
	d := door(ctx)

	cancel := d.DB().CancelCustomersWithdrawal
	if asking(ctx).has("approvals") {
		cancel = d.DB().CancelWithdrawal
	}

	if err := cancel(ctx, ident.Party(r.Treasury), r.WithdrawalId, d.Now); err != nil {
		return nil, err
	}

	found, err := s.withdrawal(ctx, d, r.Treasury, r.WithdrawalId)

	return server.CancelWithdrawal200JSONResponse(found), err
}

// ApproveWithdrawal implements server.StrictServerInterface.
func (s *Service) ApproveWithdrawal(
	ctx context.Context, r server.ApproveWithdrawalRequestObject,
) (server.ApproveWithdrawalResponseObject, error) {
	found, err := s.judge(ctx, r.Treasury, r.WithdrawalId, true, r.Body.Note)

	return server.ApproveWithdrawal200JSONResponse(found), err
}

// RejectWithdrawal implements server.StrictServerInterface.
func (s *Service) RejectWithdrawal(
	ctx context.Context, r server.RejectWithdrawalRequestObject,
) (server.RejectWithdrawalResponseObject, error) {
	found, err := s.judge(ctx, r.Treasury, r.WithdrawalId, false, r.Body.Note)

	return server.RejectWithdrawal200JSONResponse(found), err
}

func (s *Service) judge(
	ctx context.Context, treasury, id string, agreed bool, note string,
) (server.Withdrawal, error) {
	d := door(ctx)
	if _, err := d.DB().ApproveWithdrawal(ctx, ident.Party(treasury), id, agreed, d.Actor, note, d.Now); err != nil {
		return server.Withdrawal{}, err
	}

	return s.withdrawal(ctx, d, treasury, id)
}
