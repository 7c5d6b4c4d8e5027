package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/store"
)

// ListHoldings implements server.StrictServerInterface.
func (s *Service) ListHoldings(
	ctx context.Context, r server.ListHoldingsRequestObject,
) (server.ListHoldingsResponseObject, error) {
	p := r.Params

	treasury, token, err := s.reading(ctx, r.Treasury, p.InstrumentAdmin, p.InstrumentId)
	if err != nil {
		return nil, err
	}

	page, err := s.DB.SeeHoldings(ctx, treasury, token, window(p.Limit, p.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListHoldings200JSONResponse{
		Items: items(page.Items, func(h store.SeenHolding) server.Holding {
			return server.Holding{
				ContractId: h.Contract, InstrumentAdmin: string(h.Admin), InstrumentId: h.InstrumentID, Amount: h.Amount,
				Locked: h.Locked, LockExpiresAt: utc(h.LockExpiresAt), ReservedFor: h.ReservedFor, SynchronizerId: h.Synchronizer,
			}
		}),
		Next: present(page.Next),
	}, nil
}

// ListUpdates implements server.StrictServerInterface.
func (s *Service) ListUpdates(
	ctx context.Context, r server.ListUpdatesRequestObject,
) (server.ListUpdatesResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	page, err := s.DB.SeeUpdates(ctx, treasury, span(r.Params.Since, r.Params.Until),
		window(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListUpdates200JSONResponse{
		Items: items(page.Items, func(u store.SeenUpdate) server.Update {
			return server.Update{
				UpdateNo: u.No, UpdateId: u.ID, Kind: u.Kind, LedgerOffset: u.Offset, RecordTime: u.RecordTime.UTC(),
				SynchronizerId: u.Synchronizer, TrafficCost: u.TrafficCost, IngestedAt: u.IngestedAt.UTC(),
			}
		}),
		Next: present(page.Next),
	}, nil
}

// mostUpdate bounds the raw update of a proof, in bytes.
const mostUpdate = 1 << 20

// GetDepositProof implements server.StrictServerInterface.
func (s *Service) GetDepositProof(
	ctx context.Context, r server.GetDepositProofRequestObject,
) (server.GetDepositProofResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	proof, err := s.DB.DepositProof(ctx, treasury, r.DepositId, mostUpdate)
	if errors.Is(err, store.ErrNotFound) {
		_, there := s.DB.SeeDeposit(ctx, treasury, r.DepositId)

		return nil, unproven(there, err)
	}

	return server.GetDepositProof200JSONResponse(proofOf(proof)), err
}

// GetWithdrawalProof implements server.StrictServerInterface.
func (s *Service) GetWithdrawalProof(
	ctx context.Context, r server.GetWithdrawalProofRequestObject,
) (server.GetWithdrawalProofResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	proof, err := s.DB.WithdrawalProof(ctx, treasury, r.WithdrawalId, mostUpdate)
	if errors.Is(err, store.ErrNotFound) {
		_, there := s.DB.SeeWithdrawal(ctx, treasury, r.WithdrawalId)

		return nil, unproven(there, err)
	}

	return server.GetWithdrawalProof200JSONResponse(proofOf(proof)), err
}

// unproven tells what is not there from what is, and is not on the ledger.
func unproven(there, err error) error {
	if there != nil {
		return there
	}

	told := problem(http.StatusNotFound, "not_on_ledger",
		"It has not reached the ledger, or ended before it did: there is no transfer to prove.")
	told.cause = err

	return told
}

func proofOf(p store.Proof) server.Proof {
	out := server.Proof{
		Status: server.ProofStatus(p.Status), UpdateId: p.UpdateID, RecordTime: p.RecordTime.UTC(),
		SynchronizerId: p.Synchronizer, LedgerOffset: p.Offset,
		ParticipantId: p.Participant, InstrumentAdmin: string(p.Admin), InstrumentId: p.InstrumentID, Amount: p.Amount,
		Sender: present(p.Sender), Receiver: present(p.Receiver), Memo: p.Memo,
	}

	if update := asTold(p.Body); len(update) > 0 {
		out.Update = &update
	}

	return out
}

// asTold is an update as the node told it: its numbers stay the texts that they were. It is empty for one that is no
// longer kept.
func asTold(body []byte) map[string]any {
	var update map[string]any

	read := json.NewDecoder(bytes.NewReader(body))
	read.UseNumber()

	if err := read.Decode(&update); err != nil {
		return nil // what is stored was read before
	}

	return update
}
