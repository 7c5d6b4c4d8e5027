package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
)

// SetDepositPolicy says how deposits of a token are dealt with. The token must be known: list it first. What is open is
// decided again.
func (db *DB) SetDepositPolicy(ctx context.Context, i ident.Instrument, p deposit.Policy) error {
	if err := p.Validate(); err != nil {
		return err
	}

	number, err := db.instrumentNumber(ctx, i)
	if err != nil {
		return err
	}

	err = db.queries.DepositPolicySet(ctx, db.exec, dbsqlc.DepositPolicySetParams{
		InstrumentNo: number, AcceptOffers: p.AcceptOffers, MinimumOffer: p.MinimumOffer, LeadSeconds: seconds(p.Lead),
		WindowSeconds: seconds(p.Window), MaxTries: small(p.MaxTries), Screen: p.Screen,
		CreditDelaySeconds: seconds(p.CreditDelay), ConfirmFrom: p.ConfirmFrom,
	})

	return wrap("store deposit policy of "+i.String(), err)
}

// DepositPolicies are how deposits are dealt with, of the tokens that do not have deposit.DefaultPolicy.
func (db *DB) DepositPolicies(ctx context.Context) (map[ident.Instrument]deposit.Policy, error) {
	rows, err := db.queries.DepositPolicyList(ctx, db.exec)
	if err != nil {
		return nil, fmt.Errorf("list deposit policies: %w", err)
	}

	policies := make(map[ident.Instrument]deposit.Policy, len(rows))
	for _, r := range rows {
		policies[ident.Instrument{Admin: r.Admin, ID: r.InstrumentID}] = deposit.Policy{
			AcceptOffers: r.AcceptOffers, MinimumOffer: r.MinimumOffer, Lead: time.Duration(r.LeadSeconds) * time.Second,
			Window: time.Duration(r.WindowSeconds) * time.Second, MaxTries: int(r.MaxTries), Screen: r.Screen,
			CreditDelay: time.Duration(r.CreditDelaySeconds) * time.Second, ConfirmFrom: r.ConfirmFrom,
		}
	}

	return policies, nil
}

// BlockSender has a party's offers not be accepted, and its deposits not be credited without a person.
func (db *DB) BlockSender(
	ctx context.Context, treasury TreasuryID, party ident.Party, operator, reason string, now time.Time,
) error {
	return wrap("block sender "+string(party), db.inTx(ctx, func(tx pgx.Tx) error {
		err := db.queries.SenderBlock(ctx, tx, dbsqlc.SenderBlockParams{
			TreasuryID: int32(treasury), Party: string(party), Reason: memo.Stored(reason), BlockedAt: now,
		})
		if err != nil {
			return err
		}

		return db.noteAct(ctx, tx, treasury, operator, "sender.block", string(party), map[string]string{"note": reason}, now)
	}))
}

// UnblockSender takes that back. It reports whether the party was blocked.
func (db *DB) UnblockSender(
	ctx context.Context, treasury TreasuryID, party ident.Party, operator, reason string, now time.Time,
) (bool, error) {
	blocked := false

	err := db.inTx(ctx, func(tx pgx.Tx) error {
		changed, err := db.queries.SenderUnblock(ctx, tx, dbsqlc.SenderUnblockParams{
			TreasuryID: int32(treasury), Party: string(party),
		})
		if err != nil || changed == 0 {
			return err
		}

		blocked = true

		act := map[string]string{"note": reason}

		return db.noteAct(ctx, tx, treasury, operator, "sender.unblock", string(party), act, now)
	})

	return blocked, wrap("unblock sender "+string(party), err)
}

// OperatorVerdict stores what an operator says of an open offer; an empty verdict takes it back. ErrNotFound if there
// is no such offer, or none any more.
func (db *DB) OperatorVerdict(
	ctx context.Context, treasury TreasuryID, id uuid.UUID, verdict deposit.Verdict, operator, note string,
	now time.Time,
) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		changed, err := db.queries.VerdictSay(ctx, tx, dbsqlc.VerdictSayParams{
			TreasuryID: int32(treasury), DepositID: id, Verdict: string(verdict), Operator: memo.Stored(operator),
			Note: memo.Stored(note),
		})
		if err := foundOffer("store an operator's verdict on offer "+id.String(), changed, err); err != nil {
			return err
		}

		act := map[string]string{"verdict": string(verdict), "note": memo.Stored(note)}

		return db.noteAct(ctx, tx, treasury, operator, "offer.verdict", id.String(), act, now)
	})
}

// RetryOffer takes up an offer that was given up. ErrNotFound if there is no such offer that was.
func (db *DB) RetryOffer(ctx context.Context, treasury TreasuryID, id uuid.UUID, now time.Time) error {
	changed, err := db.queries.OfferRetry(ctx, db.exec, dbsqlc.OfferRetryParams{
		TreasuryID: int32(treasury), DepositID: id, Now: &now,
	})

	return foundOffer("retry offer "+id.String(), changed, err)
}

func foundOffer(what string, changed int64, err error) error {
	if err == nil && changed == 0 {
		err = ErrNotFound
	}

	return wrap(what, err)
}
