package api

import (
	"context"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// ListWithdrawals implements server.StrictServerInterface.
func (s *Service) ListWithdrawals(
	ctx context.Context, r server.ListWithdrawalsRequestObject,
) (server.ListWithdrawalsResponseObject, error) {
	p := r.Params

	treasury, token, err := s.reading(ctx, r.Treasury, p.InstrumentAdmin, p.InstrumentId)
	if err != nil {
		return nil, err
	}

	page, err := s.DB.SeeWithdrawals(ctx, treasury, store.SeenWithdrawalFilter{
		State: withdrawal.State(orNone(p.State)), Waiting: orNone(p.Waiting), Account: orNone(p.Account), Token: token,
		Span: span(p.Since, p.Until),
	}, window(p.Limit, p.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListWithdrawals200JSONResponse{
		Items: items(page.Items, withdrawalOf), Next: present(page.Next),
	}, nil
}

// GetWithdrawal implements server.StrictServerInterface.
func (s *Service) GetWithdrawal(
	ctx context.Context, r server.GetWithdrawalRequestObject,
) (server.GetWithdrawalResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	seen, err := awaited(ctx, s, r.Params.Wait, r.Params.NotState,
		func() (store.SeenWithdrawal, error) { return s.DB.SeeWithdrawal(ctx, treasury, r.WithdrawalId) },
		func(w store.SeenWithdrawal) string { return w.State })
	if err != nil {
		return nil, err
	}

	return server.GetWithdrawal200JSONResponse{Body: withdrawalOf(seen)}, nil
}

func withdrawalOf(w store.SeenWithdrawal) server.Withdrawal {
	out := server.Withdrawal{
		WithdrawalId: w.ID, Kind: server.WithdrawalKind(w.Kind), Origin: w.Origin, State: server.WithdrawalState(w.State),
		Reason: present(w.Reason), Waiting: present(w.Waiting), Account: w.Account, InstrumentAdmin: string(w.Admin),
		InstrumentId: w.InstrumentID, Amount: w.Amount, Receiver: w.Receiver, Memo: w.Memo, RequestedAt: utc(w.RequestedAt),
		RequestedBy: present(w.RequestedBy), ApprovedBy: present(w.ApprovedBy), Attempt: int(w.Attempt),
		UpdateId: w.UpdateID, RecordTime: utc(w.RecordTime), ExecuteBefore: utc(w.ExecuteBefore), TrafficCost: w.TrafficCost,
	}
	if w.Delivery != nil {
		out.Delivery = present(*w.Delivery)
	}

	return out
}

// ListDestinations implements server.StrictServerInterface.
func (s *Service) ListDestinations(
	ctx context.Context, r server.ListDestinationsRequestObject,
) (server.ListDestinationsResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	list, err := s.DB.Destinations(ctx, treasury, r.Account, mostParties)
	if err != nil {
		return nil, err
	}

	return server.ListDestinations200JSONResponse{Items: items(list, destinationOf)}, nil
}
