package api

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/store"
)

// ListTreasuries implements server.StrictServerInterface.
func (s *Service) ListTreasuries(
	ctx context.Context, _ server.ListTreasuriesRequestObject,
) (server.ListTreasuriesResponseObject, error) {
	all, err := s.DB.SeeTreasuries(ctx)
	if err != nil {
		return nil, err
	}

	who := asking(ctx)
	seen := slices.DeleteFunc(all, func(t store.SeenTreasury) bool { return !who.sees(t.Party) })

	return server.ListTreasuries200JSONResponse{
		Items: items(seen, func(t store.SeenTreasury) server.Treasury {
			return server.Treasury{Treasury: string(t.Party), CreatedAt: t.CreatedAt.UTC()}
		}),
	}, nil
}

// ListInstruments implements server.StrictServerInterface.
func (s *Service) ListInstruments(
	ctx context.Context, r server.ListInstrumentsRequestObject,
) (server.ListInstrumentsResponseObject, error) {
	listed := r.Params.Listed == nil || *r.Params.Listed

	list, err := s.DB.SeeTokens(ctx, listed, mostTokens)
	if err != nil {
		return nil, err
	}

	return server.ListInstruments200JSONResponse{Items: items(list, instrumentOf)}, nil
}

func instrumentOf(t store.SeenToken) server.Instrument {
	out := server.Instrument{
		InstrumentAdmin: string(t.Instrument.Admin), InstrumentId: t.Instrument.ID, Listed: t.Listed,
		MinimumDeposit: t.MinimumDeposit, AcceptOffers: t.AcceptOffers, MinimumOffer: t.MinimumOffer,
		CreditDelaySeconds: int(t.CreditDelay.Seconds()), Screened: t.Screened, Withdrawals: t.Withdrawals,
		MinimumWithdrawal: t.MinimumWithdrawal, MaximumWithdrawal: t.MaximumWithdrawal, ApproveFrom: t.ApproveFrom,
	}

	if t.Decimals != nil {
		decimals := int(*t.Decimals)
		out.Decimals = &decimals
	}

	return out
}

// GetStatus implements server.StrictServerInterface.
func (s *Service) GetStatus(
	ctx context.Context, r server.GetStatusRequestObject,
) (server.GetStatusResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	look, err := s.DB.Outlook(ctx, treasury)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem(http.StatusNotFound, "not_ingested",
			"The treasury is registered, and its ingestion has never run: nothing is known of its money.")
	}

	if err != nil {
		return nil, err
	}

	status := server.Status{
		Treasury: r.Treasury, ParticipantId: look.Participant, LedgerOffset: look.Offset, UpdateNo: look.UpdateNo,
		IngestedAt: look.IngestedAt.UTC(),
		Clocks: items(look.Clocks, func(c store.OutlookClock) server.Clock {
			return server.Clock{SynchronizerId: c.Synchronizer, RecordTime: c.RecordTime.UTC()}
		}),
		Freezes: items(look.Freezes, func(f store.OutlookFreeze) server.Freeze {
			return server.Freeze{
				InstrumentAdmin: f.Admin, InstrumentId: f.InstrumentID, Reason: f.Reason, Detail: f.Detail,
				FrozenAt: f.FrozenAt.UTC(),
			}
		}),
		Withdrawals: standing(look.Standing, "withdrawals"), Offers: standing(look.Standing, "offers"),
		Deposits: standing(look.Standing, "deposits"),
	}

	if p := look.Preapproval; p != nil {
		status.Preapproval = &server.Preapproval{
			State: p.State, CheckedAt: p.CheckedAt.UTC(), ExpiresAt: utc(p.ExpiresAt),
		}
	}

	return server.GetStatus200JSONResponse(status), nil
}

func standing(all []store.Standing, resource string) []server.StandingCount {
	list := []server.StandingCount{}

	for _, one := range all {
		if one.Resource == resource {
			list = append(list, server.StandingCount{
				State: one.State, Reason: present(one.Reason), Count: one.Count, Oldest: utc(one.Oldest),
			})
		}
	}

	return list
}
