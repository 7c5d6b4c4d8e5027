package api

import (
	"context"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// ListDeposits implements server.StrictServerInterface.
func (s *Service) ListDeposits(
	ctx context.Context, r server.ListDepositsRequestObject,
) (server.ListDepositsResponseObject, error) {
	p := r.Params

	treasury, token, err := s.reading(ctx, r.Treasury, p.InstrumentAdmin, p.InstrumentId)
	if err != nil {
		return nil, err
	}

	page, err := s.DB.SeeDeposits(ctx, treasury, store.SeenFilter{
		State: orNone(p.State), Account: orNone(p.Account), Sender: ident.Party(orNone(p.Sender)),
		UpdateID: orNone(p.UpdateId), Token: token, Span: span(p.Since, p.Until),
	}, window(p.Limit, p.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListDeposits200JSONResponse{
		Items: items(page.Items, depositOf), Next: present(page.Next),
	}, nil
}

// GetDeposit implements server.StrictServerInterface.
func (s *Service) GetDeposit(
	ctx context.Context, r server.GetDepositRequestObject,
) (server.GetDepositResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	seen, err := awaited(ctx, s, r.Params.Wait, r.Params.NotState,
		func() (store.SeenDeposit, error) { return s.DB.SeeDeposit(ctx, treasury, r.DepositId) },
		func(d store.SeenDeposit) string { return d.State })
	if err != nil {
		return nil, err
	}

	return server.GetDeposit200JSONResponse{Body: depositOf(seen)}, nil
}

func depositOf(d store.SeenDeposit) server.Deposit {
	return server.Deposit{
		DepositId: d.ID, Kind: server.DepositKind(d.Kind), State: server.DepositState(d.State), Reason: present(d.Reason),
		Account: d.Account, InstrumentAdmin: string(d.Admin), InstrumentId: d.InstrumentID, Amount: d.Amount,
		Sender: present(d.Sender), Memo: d.Memo, UpdateId: d.UpdateID, RecordTime: d.RecordTime.UTC(),
		CorrelationId: d.Correlation, ExecuteBefore: utc(d.ExecuteBefore), ReleaseAt: utc(d.ReleaseAt),
		ReturnWithdrawalId: d.ReturnedBy, DecidedAt: utc(d.DecidedAt),
		ProposedAction: (*server.DepositProposedAction)(d.ProposedAction), ProposedAccount: d.ProposedAccount,
		ProposedBy: d.ProposedBy,
	}
}

// ListUnattributed implements server.StrictServerInterface.
func (s *Service) ListUnattributed(
	ctx context.Context, r server.ListUnattributedRequestObject,
) (server.ListUnattributedResponseObject, error) {
	p := r.Params

	treasury, token, err := s.reading(ctx, r.Treasury, p.InstrumentAdmin, p.InstrumentId)
	if err != nil {
		return nil, err
	}

	page, err := s.DB.SeeUnattributed(ctx, treasury, store.SeenFilter{
		Sender: ident.Party(orNone(p.Sender)), Token: token, Span: span(p.Since, p.Until),
	}, window(p.Limit, p.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListUnattributed200JSONResponse{
		Items: items(page.Items, func(u store.SeenUnattributed) server.Unattributed {
			return server.Unattributed{
				Deposit: depositOf(u.Deposit), MemoAccount: u.MemoAccount, MemoEnabled: u.MemoEnabled,
			}
		}),
		Next: present(page.Next),
	}, nil
}

// ListOffers implements server.StrictServerInterface.
func (s *Service) ListOffers(
	ctx context.Context, r server.ListOffersRequestObject,
) (server.ListOffersResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	open := r.Params.Open == nil || *r.Params.Open

	page, err := s.DB.SeeOffers(ctx, treasury, open, deposit.Verdict(orNone(r.Params.Verdict)),
		window(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListOffers200JSONResponse{Items: items(page.Items, offerOf), Next: present(page.Next)}, nil
}

// GetOffer implements server.StrictServerInterface.
func (s *Service) GetOffer(ctx context.Context, r server.GetOfferRequestObject) (server.GetOfferResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	seen, err := s.DB.SeeOffer(ctx, treasury, r.DepositId)
	if err != nil {
		return nil, err
	}

	return server.GetOffer200JSONResponse{Body: offerOf(seen)}, nil
}

func offerOf(o store.SeenOffer) server.Offer {
	return server.Offer{
		DepositId: o.ID, Open: o.Open, Verdict: server.Verdict(o.Verdict), Reason: present(o.Reason), Work: o.Work,
		Tries: int(o.Tries), Detail: present(o.Detail), Operator: present(o.Operator), Note: present(o.Note),
		DecidedAt: o.DecidedAt.UTC(), InstrumentAdmin: string(o.Admin), InstrumentId: o.InstrumentID, Amount: o.Amount,
		Sender: present(o.Sender), Memo: o.Memo, Account: o.Account, ExecuteBefore: utc(o.ExecuteBefore),
		State: server.DepositState(o.State),
	}
}
