package api

import (
	"context"
	"fmt"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// deposit is how a deposit stands after what the request has done.
func (s *Service) deposit(
	ctx context.Context, d *store.Door, treasury string, id server.DepositIdParam,
) (server.Deposit, error) {
	answer, err := s.inside(d).GetDeposit(ctx, server.GetDepositRequestObject{Treasury: treasury, DepositId: id})
	if err != nil {
		return server.Deposit{}, err
	}

	found, ok := answer.(server.GetDeposit200JSONResponse)
	if !ok {
		return server.Deposit{}, fmt.Errorf("read deposit %s: %w", id, store.ErrNotFound)
	}

	return found.Body, nil
}

// AssignDeposit implements server.StrictServerInterface.
func (s *Service) AssignDeposit(
	ctx context.Context, r server.AssignDepositRequestObject,
) (server.AssignDepositResponseObject, error) {
	d := door(ctx)

	_, err := d.DB().AssignDeposit(ctx, ident.Party(r.Treasury), r.DepositId, r.Body.Account, d.Actor, r.Body.Note, d.Now)
	if err != nil {
		return nil, err
	}

	found, err := s.deposit(ctx, d, r.Treasury, r.DepositId)

	return server.AssignDeposit200JSONResponse(found), err
}

// ReturnDeposit implements server.StrictServerInterface.
func (s *Service) ReturnDeposit(
	ctx context.Context, r server.ReturnDepositRequestObject,
) (server.ReturnDepositResponseObject, error) {
	d := door(ctx)

	_, err := d.DB().ReturnDeposit(ctx, ident.Party(r.Treasury), r.DepositId, d.Actor, r.Body.Note, d.Now)
	if err != nil {
		return nil, err
	}

	found, err := s.deposit(ctx, d, r.Treasury, r.DepositId)

	return server.ReturnDeposit200JSONResponse(found), err
}

// ConfirmDeposit implements server.StrictServerInterface.
func (s *Service) ConfirmDeposit(
	ctx context.Context, r server.ConfirmDepositRequestObject,
) (server.ConfirmDepositResponseObject, error) {
	d := door(ctx)
	if _, err := d.DB().ConfirmDeposit(ctx, ident.Party(r.Treasury), r.DepositId, d.Actor, d.Now); err != nil {
		return nil, err
	}

	found, err := s.deposit(ctx, d, r.Treasury, r.DepositId)

	return server.ConfirmDeposit200JSONResponse(found), err
}

// DeclineDeposit implements server.StrictServerInterface.
func (s *Service) DeclineDeposit(
	ctx context.Context, r server.DeclineDepositRequestObject,
) (server.DeclineDepositResponseObject, error) {
	d := door(ctx)

	_, err := d.DB().DeclineDeposit(ctx, ident.Party(r.Treasury), r.DepositId, d.Actor, r.Body.Note, d.Now)
	if err != nil {
		return nil, err
	}

	found, err := s.deposit(ctx, d, r.Treasury, r.DepositId)

	return server.DeclineDeposit200JSONResponse(found), err
}

// offer is how an offer stands after what the request has done.
func (s *Service) offer(
	ctx context.Context, d *store.Door, treasury string, id server.DepositIdParam,
) (server.Offer, error) {
	answer, err := s.inside(d).GetOffer(ctx, server.GetOfferRequestObject{Treasury: treasury, DepositId: id})
	if err != nil {
		return server.Offer{}, err
	}

	found, ok := answer.(server.GetOffer200JSONResponse)
	if !ok {
		return server.Offer{}, fmt.Errorf("read offer %s: %w", id, store.ErrNotFound)
	}

	return found.Body, nil
}

// SetOfferVerdict implements server.StrictServerInterface.
func (s *Service) SetOfferVerdict(
	ctx context.Context, r server.SetOfferVerdictRequestObject,
) (server.SetOfferVerdictResponseObject, error) {
	d := door(ctx)

	treasury, err := d.DB().FindTreasury(ctx, ident.Party(r.Treasury))
	if err != nil {
		return nil, err
	}

	verdict := deposit.Verdict(r.Body.Verdict)
	if r.Body.Verdict == server.VerdictRequestVerdictDecide {
		verdict = "" // takes back what was said before
	}

	if err := d.DB().OperatorVerdict(ctx, treasury, r.DepositId, verdict, d.Actor, r.Body.Note, d.Now); err != nil {
		return nil, err
	}

	found, err := s.offer(ctx, d, r.Treasury, r.DepositId)

	return server.SetOfferVerdict200JSONResponse(found), err
}

// RetryOffer implements server.StrictServerInterface.
func (s *Service) RetryOffer(
	ctx context.Context, r server.RetryOfferRequestObject,
) (server.RetryOfferResponseObject, error) {
	d := door(ctx)

	treasury, err := d.DB().FindTreasury(ctx, ident.Party(r.Treasury))
	if err != nil {
		return nil, err
	}

	if err := d.DB().RetryOffer(ctx, treasury, r.DepositId, d.Now); err != nil {
		return nil, err
	}

	found, err := s.offer(ctx, d, r.Treasury, r.DepositId)

	return server.RetryOffer200JSONResponse(found), err
}
