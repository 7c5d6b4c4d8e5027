package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// SetPolicy says how a token is paid out. The token must be known: list it first.
func (db *DB) SetPolicy(ctx context.Context, i ident.Instrument, p withdrawal.Policy) error {
	if err := p.Validate(); err != nil {
		return err
	}

	number, err := db.instrumentNumber(ctx, i)
	if err != nil {
		return err
	}

	params := dbsqlc.PolicySetParams{
		InstrumentNo: number, Enabled: p.Enabled, Decimals: small(int(p.Decimals)), Minimum: p.Minimum,
		Delivery:     string(p.Delivery),
		OfferSeconds: seconds(p.OfferLifetime), Reclaim: p.Reclaim, AttemptSeconds: seconds(p.Window),
		MaxAttempts: small(p.MaxAttempts), MaxInputs: small(p.MaxInputs), SpendExpiredLocks: p.SpendExpiredLocks,
		Sweep: small(p.Sweep), Dust: p.Dust, Tiny: p.Tiny, MergeFrom: small(p.MergeFrom), PoolTarget: small(p.PoolTarget),
		PoolLarge: p.PoolLarge, MaxOvertaken: integer(p.MaxOvertaken), MaxWaitSeconds: seconds(p.MaxWait),
		ApproveFrom: p.ApproveFrom, DestinationsOnly: p.DestinationsOnly, CoolingSeconds: seconds(p.Cooling),
	}

	if p.Maximum.Sign() > 0 {
		params.Maximum = &p.Maximum
	}

	if p.Hours != nil {
		params.ShapeFrom, params.ShapeUntil = new(small(p.Hours.From)), new(small(p.Hours.Until))
	}

	if err := db.queries.PolicySet(ctx, db.exec, params); err != nil {
		return fmt.Errorf("store withdrawal policy of %s: %w", i, err)
	}

	return nil
}

// Policies are how tokens are paid out.
func (db *DB) Policies(ctx context.Context) (map[ident.Instrument]withdrawal.Policy, error) {
	rows, err := db.queries.PolicyList(ctx, db.exec)
	if err != nil {
		return nil, fmt.Errorf("list withdrawal policies: %w", err)
	}

	policies := make(map[ident.Instrument]withdrawal.Policy, len(rows))

	for _, r := range rows {
		p := withdrawal.Policy{
			Enabled: r.Enabled, Decimals: int32(r.Decimals), Minimum: r.Minimum, Delivery: withdrawal.Delivery(r.Delivery),
			OfferLifetime: time.Duration(r.OfferSeconds) * time.Second, Reclaim: r.Reclaim,
			Window: time.Duration(r.AttemptSeconds) * time.Second, MaxAttempts: int(r.MaxAttempts), MaxInputs: int(r.MaxInputs),
			SpendExpiredLocks: r.SpendExpiredLocks, Sweep: int(r.Sweep), Dust: r.Dust, Tiny: r.Tiny, MergeFrom: int(r.MergeFrom),
			PoolTarget: int(r.PoolTarget), PoolLarge: r.PoolLarge,
			MaxOvertaken: int(r.MaxOvertaken), MaxWait: time.Duration(r.MaxWaitSeconds) * time.Second,
			ApproveFrom: r.ApproveFrom, DestinationsOnly: r.DestinationsOnly,
			Cooling: time.Duration(r.CoolingSeconds) * time.Second,
		}

		if r.Maximum != nil {
			p.Maximum = *r.Maximum
		}

		if r.ShapeFrom != nil && r.ShapeUntil != nil {
			p.Hours = &withdrawal.Hours{From: int(*r.ShapeFrom), Until: int(*r.ShapeUntil)}
		}

		policies[ident.Instrument{Admin: r.Admin, ID: r.InstrumentID}] = p
	}

	return policies, nil
}

// Freeze is why nothing is signed.
type Freeze struct {
	// Instrument is zero for the whole treasury.
	Instrument ident.Instrument
	Reason     withdrawal.Reason
	Detail     string
	At         time.Time
}

// wholeTreasury stands for all tokens in withdrawal_freezes.
const wholeTreasury = 0

// FreezeWithdrawals keeps anything new from being signed until UnfreezeWithdrawals, and writes the event of the alarm.
// It reports whether that is new.
func (db *DB) FreezeWithdrawals(ctx context.Context, treasury TreasuryID, f Freeze) (bool, error) {
	fresh := false

	err := db.inTx(ctx, func(tx pgx.Tx) error {
		var err error
		fresh, err = db.freeze(ctx, tx, treasury, f)

		return err
	})

	return fresh, wrap("freeze withdrawals", err)
}

// freeze is FreezeWithdrawals as a part of something else.
func (db *DB) freeze(ctx context.Context, tx pgx.Tx, treasury TreasuryID, f Freeze) (bool, error) {
	number, err := db.frozenNumber(ctx, f.Instrument)
	if err != nil {
		return false, err
	}

	changed, err := db.queries.FreezeSet(ctx, tx, dbsqlc.FreezeSetParams{
		TreasuryID: int32(treasury), InstrumentNo: number, Reason: string(f.Reason), Detail: memo.Stored(f.Detail),
		FrozenAt: f.At,
	})
	if err != nil || changed == 0 {
		return false, wrap("freeze", err)
	}

	err = db.queries.EventTellFreeze(ctx, tx, dbsqlc.EventTellFreezeParams{
		TreasuryID: int32(treasury), InstrumentNo: number,
	})

	return true, wrap("tell a freeze", err)
}

// UnfreezeWithdrawals lifts a freeze. It reports whether there was one.
func (db *DB) UnfreezeWithdrawals(ctx context.Context, treasury TreasuryID, i ident.Instrument) (bool, error) {
	number, err := db.frozenNumber(ctx, i)
	if err != nil {
		return false, err
	}

	changed, err := db.queries.FreezeLift(ctx, db.exec, dbsqlc.FreezeLiftParams{
		TreasuryID: int32(treasury), InstrumentNo: number,
	})

	return changed == 1, wrap("unfreeze withdrawals", err)
}

// Freezes are those in force.
func (db *DB) Freezes(ctx context.Context, treasury TreasuryID) ([]Freeze, error) {
	rows, err := db.queries.FreezeList(ctx, db.exec, int32(treasury))
	if err != nil {
		return nil, fmt.Errorf("list freezes: %w", err)
	}

	freezes := make([]Freeze, len(rows))

	for i, row := range rows {
		freezes[i] = Freeze{Reason: withdrawal.Reason(row.Reason), Detail: row.Detail, At: row.FrozenAt}

		if row.InstrumentNo == wholeTreasury {
			continue
		}

		if freezes[i].Instrument, err = db.instrument(ctx, row.InstrumentNo); err != nil {
			return nil, err
		}
	}

	return freezes, nil
}

func (db *DB) frozenNumber(ctx context.Context, i ident.Instrument) (int32, error) {
	if i == (ident.Instrument{}) {
		return wholeTreasury, nil
	}

	return db.instrumentNumber(ctx, i)
}

// RegistryPlace is where a token admin's registry is served.
type RegistryPlace struct {
	Admin ident.Party
	URL   string
	// NodeCredentials sends the access token of the validator node, as its scan-proxy wants it.
	NodeCredentials bool
}

const nodeCredentials, noCredentials = "node", "none"

// SetRegistry says where an admin's registry is served: the preferred place first, none to forget it.
func (db *DB) SetRegistry(ctx context.Context, admin ident.Party, places []RegistryPlace) error {
	return db.inTx(ctx, func(tx pgx.Tx) error {
		if err := db.queries.RegistryDelete(ctx, tx, admin); err != nil {
			return fmt.Errorf("replace registry of %s: %w", admin, err)
		}

		for i, place := range places {
			p := dbsqlc.RegistryInsertParams{Admin: admin, Position: small(i), Url: place.URL, Credentials: noCredentials}
			if place.NodeCredentials {
				p.Credentials = nodeCredentials
			}

			if err := db.queries.RegistryInsert(ctx, tx, p); err != nil {
				return fmt.Errorf("store registry of %s: %w", admin, err)
			}
		}

		return nil
	})
}

// Registries are all places, an admin's preferred ones first.
func (db *DB) Registries(ctx context.Context) ([]RegistryPlace, error) {
	rows, err := db.queries.RegistryList(ctx, db.exec)
	if err != nil {
		return nil, fmt.Errorf("list registries: %w", err)
	}

	places := make([]RegistryPlace, len(rows))
	for i, r := range rows {
		places[i] = RegistryPlace{Admin: r.Admin, URL: r.Url, NodeCredentials: r.Credentials == nodeCredentials}
	}

	return places, nil
}

func seconds(d time.Duration) int32 { return integer(int(d / time.Second)) }

// small is for values that Validate, or a bound of the caller's, keeps within the column's type.
func small(n int) int16 { return int16(integer(n)) } //nolint:gosec // bounded by who calls
