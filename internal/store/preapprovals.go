package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// WatchedPreapproval is a preapproval that was seen on the ledger, and what was done about it.
type WatchedPreapproval struct {
	deposit.Preapproval

	FirstSeen time.Time
	// Gone is when it was first found to be on the ledger no more; zero while it is there.
	Gone time.Time
	// Successor took its place before its end; empty if none did.
	Successor    ident.ContractID
	Renewal      deposit.RenewalEnd
	RefusedUnder []string
	Tries        int
	TriedAt      time.Time
	// Again is before when it is not tried again; zero for no such time.
	Again  time.Time
	Detail string
}

// RenewedPreapproval is one whose place another has taken before its end.
type RenewedPreapproval struct {
	Contract, Successor ident.ContractID
	ExpiresAt           time.Time
	// Tries counts how often we have tried; 0 if somebody else has renewed it.
	Tries int
}

// PreapprovalEvent is something that has become of a preapproval, as the outbox tells it once for each.
type PreapprovalEvent string

// The events, which are preapproval.expiring and so on.
const (
	PreapprovalExpires PreapprovalEvent = "expiring"
	PreapprovalEnds    PreapprovalEvent = "lapsed"
	preapprovalRenewed PreapprovalEvent = "renewed"
	preapprovalRefused PreapprovalEvent = "refused"
)

// maxWatched is how many preapprovals are read: those on the ledger, and those that went last.
const maxWatched = 100

// SeePreapprovals writes down all preapprovals of a treasury that are on the ledger now, and tells of those that have
// been renewed since the last time.
func (db *DB) SeePreapprovals(
	ctx context.Context, treasury TreasuryID, standing []deposit.Preapproval, now time.Time,
) ([]RenewedPreapproval, error) {
	see := dbsqlc.PreapprovalSeeParams{TreasuryID: int32(treasury), Now: now}
	lose := dbsqlc.PreapprovalLoseParams{TreasuryID: int32(treasury), Now: now, ContractIds: []string{}}

	for _, p := range standing {
		see.ContractIds = append(see.ContractIds, string(p.Contract))
		see.Dsos = append(see.Dsos, string(p.DSO))
		see.Providers = append(see.Providers, string(p.Provider))
		see.ExpiresAts = append(see.ExpiresAts, p.ExpiresAt)
	}

	lose.ContractIds = append(lose.ContractIds, see.ContractIds...)

	var renewed []RenewedPreapproval

	err := db.inTx(ctx, func(tx pgx.Tx) error {
		if err := db.queries.PreapprovalSee(ctx, tx, see); err != nil {
			return err
		}

		if err := db.queries.PreapprovalLose(ctx, tx, lose); err != nil {
			return err
		}

		rows, err := db.queries.PreapprovalSucceed(ctx, tx, int32(treasury))
		if err != nil {
			return err
		}

		for _, r := range rows {
			one := RenewedPreapproval{
				Contract: r.ContractID, Successor: ident.ContractID(r.Successor), ExpiresAt: r.ExpiresAt.UTC(), Tries: int(r.Tries),
			}
			renewed = append(renewed, one)

			_, err := db.tellPreapproval(ctx, tx, treasury, one.Contract, preapprovalRenewed, map[string]any{
				"successor": one.Successor, "renewedUntil": one.ExpiresAt, "byUs": one.Tries > 0,
			}, now)
			if err != nil {
				return err
			}
		}

		return nil
	})

	return renewed, wrap("write down preapprovals", err)
}

func (db *DB) tellPreapproval(
	ctx context.Context, in dbsqlc.DBTX, treasury TreasuryID, contract ident.ContractID, what PreapprovalEvent,
	more map[string]any, now time.Time,
) (bool, error) {
	raw, err := strictjson.Encode(more)
	if err != nil {
		return false, fmt.Errorf("encode event: %w", err)
	}

	return db.queries.PreapprovalTell(ctx, in, dbsqlc.PreapprovalTellParams{
		TreasuryID: int32(treasury), ContractID: string(contract), What: string(what), More: raw, At: now,
	})
}

// TellPreapproval writes the event of what has become of a preapproval. It reports whether that is new.
func (db *DB) TellPreapproval(
	ctx context.Context, treasury TreasuryID, contract ident.ContractID, what PreapprovalEvent, now time.Time,
) (bool, error) {
	fresh, err := db.tellPreapproval(ctx, db.exec, treasury, contract, what, map[string]any{}, now)

	return fresh, wrap("tell what became of preapproval "+string(contract), err)
}

// Preapprovals reads what is known: first those that are on the ledger, then those that went last.
func (db *DB) Preapprovals(ctx context.Context, treasury TreasuryID) ([]WatchedPreapproval, error) {
	rows, err := db.queries.PreapprovalList(ctx, db.exec, dbsqlc.PreapprovalListParams{
		TreasuryID: int32(treasury), Most: maxWatched,
	})
	if err != nil {
		return nil, fmt.Errorf("list preapprovals: %w", err)
	}

	list := make([]WatchedPreapproval, len(rows))

	for i, r := range rows {
		list[i] = WatchedPreapproval{
			Preapproval: deposit.Preapproval{
				Contract: r.ContractID, Provider: ident.Party(r.Provider), DSO: ident.Party(r.Dso), ExpiresAt: r.ExpiresAt.UTC(),
			},
			FirstSeen: r.FirstSeenAt, Gone: orZeroTime(r.GoneAt), Successor: ident.ContractID(r.Successor),
			Renewal: deposit.RenewalEnd(r.Renewal), RefusedUnder: r.RefusedUnder, Tries: int(r.Tries),
			TriedAt: orZeroTime(r.TriedAt), Again: orZeroTime(r.AgainAt), Detail: r.Detail,
		}
	}

	return list, nil
}

// Renewal is one try to renew a preapproval.
type Renewal struct {
	Contract  ident.ContractID
	CommandID string
	Settings  string
	At        time.Time
}

// ClaimRenewal writes down that a renewal is about to be submitted, if it is due, is not in another instance's hands
// and was not refused under these settings. It gives the number of the try; false if it must not be made. Again is
// before when nobody tries again whatever becomes of this one.
func (db *DB) ClaimRenewal(ctx context.Context, treasury TreasuryID, r Renewal, again time.Time) (int, bool, error) {
	tries, err := db.queries.PreapprovalClaim(ctx, db.exec, dbsqlc.PreapprovalClaimParams{
		TreasuryID: int32(treasury), ContractID: r.Contract, Settings: r.Settings, CommandID: r.CommandID, Now: &r.At,
		AgainAt: &again,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, false, nil
	}

	return int(tries), err == nil, wrap("claim the renewal of preapproval "+string(r.Contract), err)
}

// PostponeRenewal writes down that a try has failed for a reason that passes, and when the next may come.
func (db *DB) PostponeRenewal(
	ctx context.Context, treasury TreasuryID, r Renewal, detail string, again time.Time,
) error {
	_, err := db.endTry(ctx, db.exec, treasury, r, deposit.RenewalTried, detail, &again)

	return wrap("postpone the renewal of preapproval "+string(r.Contract), err)
}

// RefuseRenewal writes down that a try was turned down for good, and tells of it. It reports whether that is new.
func (db *DB) RefuseRenewal(
	ctx context.Context, treasury TreasuryID, r Renewal, detail string, now time.Time,
) (bool, error) {
	fresh := false

	err := db.inTx(ctx, func(tx pgx.Tx) error {
		ended, err := db.endTry(ctx, tx, treasury, r, deposit.RenewalRefused, detail, nil)
		if err != nil || !ended {
			return err
		}

		fresh, err = db.tellPreapproval(ctx, tx, treasury, r.Contract, preapprovalRefused,
			map[string]any{"detail": memo.Stored(detail)}, now)

		return err
	})

	return fresh, wrap("refuse the renewal of preapproval "+string(r.Contract), err)
}

func (db *DB) endTry(
	ctx context.Context, in dbsqlc.DBTX, treasury TreasuryID, r Renewal, end deposit.RenewalEnd, detail string,
	again *time.Time,
) (bool, error) {
	changed, err := db.queries.PreapprovalEndTry(ctx, in, dbsqlc.PreapprovalEndTryParams{
		TreasuryID: int32(treasury), ContractID: r.Contract, TriedAt: &r.At, Renewal: string(end),
		Detail: memo.Stored(detail), AgainAt: again,
	})

	return changed == 1, err
}

// RetryRenewals has what was tried or refused tried again at once. It gives how many that are.
func (db *DB) RetryRenewals(ctx context.Context, treasury TreasuryID) (int, error) {
	changed, err := db.queries.PreapprovalRetry(ctx, db.exec, int32(treasury))

	return int(changed), wrap("retry renewals", err)
}

// PreapprovalOutlook is how it stood when somebody last looked.
type PreapprovalOutlook struct {
	CheckedAt, LedgerTime time.Time
	State                 deposit.PreapprovalState
	// Contract is the one that the state is about; empty if there never was one.
	Contract ident.ContractID
	WhyNot   deposit.WhyNot
}

// SetPreapprovalOutlook writes down how it stands.
func (db *DB) SetPreapprovalOutlook(ctx context.Context, treasury TreasuryID, o PreapprovalOutlook) error {
	err := db.queries.PreapprovalOutlookSet(ctx, db.exec, dbsqlc.PreapprovalOutlookSetParams{
		TreasuryID: int32(treasury), CheckedAt: o.CheckedAt, LedgerTime: o.LedgerTime, State: string(o.State),
		ContractID: o.Contract, WhyNot: string(o.WhyNot),
	})

	return wrap("store the outlook of the preapproval", err)
}

// PreapprovalOutlookOf reads how it stood; ErrNotFound before anybody has looked.
func (db *DB) PreapprovalOutlookOf(ctx context.Context, treasury TreasuryID) (PreapprovalOutlook, error) {
	row, err := db.queries.PreapprovalOutlookGet(ctx, db.exec, int32(treasury))
	if errors.Is(err, pgx.ErrNoRows) {
		err = ErrNotFound
	}

	return PreapprovalOutlook{
		CheckedAt: row.CheckedAt, LedgerTime: row.LedgerTime, State: deposit.PreapprovalState(row.State),
		Contract: row.ContractID, WhyNot: deposit.WhyNot(row.WhyNot),
	}, wrap("read the outlook of the preapproval", err)
}
