package api

import (
	"context"
	"fmt"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// ListMemos implements server.StrictServerInterface.
func (s *Service) ListMemos(
	ctx context.Context, r server.ListMemosRequestObject,
) (server.ListMemosResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	page, err := s.DB.SeeMemos(ctx, treasury, orNone(r.Params.Account), window(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListMemos200JSONResponse{Items: items(page.Items, memoOf), Next: present(page.Next)}, nil
}

// MatchMemo implements server.StrictServerInterface.
func (s *Service) MatchMemo(
	ctx context.Context, r server.MatchMemoRequestObject,
) (server.MatchMemoResponseObject, error) {
	match, err := s.DB.MatchMemo(ctx, ident.Party(r.Treasury), r.Params.Text)
	if err != nil {
		return nil, err
	}

	return server.MatchMemo200JSONResponse{
		Result: string(match.Code), Sentence: match.Sentence, Account: present(match.Account), Memo: present(match.Memo),
	}, nil
}

// GetDepositAddress implements server.StrictServerInterface.
func (s *Service) GetDepositAddress(
	ctx context.Context, r server.GetDepositAddressRequestObject,
) (server.GetDepositAddressResponseObject, error) {
	const sentence = "Send to this address with this memo. Without the memo, or with another one, money is not on your " +
		"account until we have found out whose it is."

	shown, err := s.DB.DepositInstructions(ctx, ident.Party(r.Treasury), r.Account)
	if err != nil {
		return nil, err
	}

	return server.GetDepositAddress200JSONResponse{
		Treasury: string(shown.Party), Account: r.Account, Memo: shown.Memo, MemoRequired: true, Sentence: sentence,
		Tokens: items(shown.Tokens, func(t store.TokenInstructions) server.DepositAddressToken {
			return server.DepositAddressToken{
				InstrumentAdmin: string(t.Instrument.Admin), InstrumentId: t.Instrument.ID, Minimum: t.Minimum,
				MinimumOffer: t.MinimumOffer, AcceptsOffers: t.OffersAccepted,
				CreditedAfterSeconds: int(t.Expected.Seconds()), Screened: t.Screened,
			}
		}),
	}, nil
}

// GetAccountBalances implements server.StrictServerInterface.
func (s *Service) GetAccountBalances(
	ctx context.Context, r server.GetAccountBalancesRequestObject,
) (server.GetAccountBalancesResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	filter := store.AccountFilter{Account: r.Account, Kind: books.Customer}

	page, err := s.DB.SeeBalances(ctx, treasury, filter, store.Window{Limit: store.MostRows})
	if err != nil {
		return nil, err
	}

	return server.GetAccountBalances200JSONResponse{Items: items(page.Items, balanceOf)}, nil
}

func balanceOf(b store.SeenBalance) server.Balance {
	return server.Balance{
		AccountKind: server.AccountKind(b.Kind), Account: present(b.Account), InstrumentAdmin: string(b.Admin),
		InstrumentId: b.InstrumentID, Amount: b.Amount.String(),
	}
}

// ListBalances implements server.StrictServerInterface.
func (s *Service) ListBalances(
	ctx context.Context, r server.ListBalancesRequestObject,
) (server.ListBalancesResponseObject, error) {
	p := r.Params

	treasury, token, err := s.reading(ctx, r.Treasury, p.InstrumentAdmin, p.InstrumentId)
	if err != nil {
		return nil, err
	}

	filter := store.AccountFilter{Kind: books.AccountKind(orNone(p.Kind)), Account: orNone(p.Account), Token: token}

	page, err := s.DB.SeeBalances(ctx, treasury, filter, window(p.Limit, p.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListBalances200JSONResponse{Items: items(page.Items, balanceOf), Next: present(page.Next)}, nil
}

// ListPostings implements server.StrictServerInterface.
func (s *Service) ListPostings(
	ctx context.Context, r server.ListPostingsRequestObject,
) (server.ListPostingsResponseObject, error) {
	p := r.Params

	treasury, token, err := s.reading(ctx, r.Treasury, p.InstrumentAdmin, p.InstrumentId)
	if err != nil {
		return nil, err
	}

	filter := store.AccountFilter{Kind: books.AccountKind(orNone(p.Kind)), Account: orNone(p.Account), Token: token}

	page, err := s.DB.SeePostings(ctx, treasury, filter, window(p.Limit, p.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListPostings200JSONResponse{Items: items(page.Items, postingOf), Next: present(page.Next)}, nil
}

func postingOf(p store.SeenPosting) server.Posting {
	return server.Posting{
		PostingId: fmt.Sprintf("%s-%d-%d-%d", p.Origin, p.OriginNo, p.Movement, p.Line),
		Origin:    p.Origin, OriginNo: p.OriginNo, Movement: int(p.Movement), Line: int(p.Line),
		AccountKind: server.AccountKind(p.Kind), Account: present(p.Account), InstrumentAdmin: string(p.Admin),
		InstrumentId: p.InstrumentID, Amount: p.Amount, PostedAt: utc(&p.PostedAt),
	}
}
