package store

import (
	"context"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
)

// SeenHolding is what the treasury owns on the ledger: a row of api.holdings.
type SeenHolding struct {
	Contract      string
	Admin         ident.Party
	InstrumentID  string
	Amount        amount.Amount
	Locked        bool
	LockExpiresAt *time.Time
	ReservedFor   *string
	Synchronizer  string
	Number        int32
}

// SeeHoldings lists active holdings: by token, the largest first.
func (db *DB) SeeHoldings(
	ctx context.Context, treasury TreasuryID, token *ident.Instrument, w Window,
) (Page[SeenHolding], error) {
	c := of(treasury)
	if known, err := db.ofToken(ctx, &c, token); err != nil || !known {
		return Page[SeenHolding]{}, err
	}

	list := &listing[SeenHolding]{
		name: "holdings",
		columns: `contract_id, instrument_admin, instrument_id, amount, locked, lock_expires_at, reserved_for,
			synchronizer_id, instrument_no`,
		key:     []keyColumn{{"instrument_no", aSmallNumber}, {"amount", anAmount}, {"contract_id", aText}},
		grouped: true,
		scan:    pgx.RowToStructByPos[SeenHolding],
		keyOf:   func(h SeenHolding) []any { return []any{h.Number, h.Amount, h.Contract} },
	}

	return list.read(ctx, db, w, branch{view: "api.holdings", where: c})
}

// SeenUpdate is an update of the ledger: a row of api.updates.
type SeenUpdate struct {
	No           int64
	ID           string
	Kind         string
	Offset       int64
	RecordTime   time.Time
	Synchronizer string
	TrafficCost  int64
	IngestedAt   time.Time
}

// SeeUpdates lists updates, the newest first by record time.
func (db *DB) SeeUpdates(ctx context.Context, treasury TreasuryID, s Span, w Window) (Page[SeenUpdate], error) {
	c := of(treasury)
	c.within("record_time", s)

	list := &listing[SeenUpdate]{
		name:    "updates",
		columns: "update_no, update_id, kind, ledger_offset, record_time, synchronizer_id, traffic_cost, ingested_at",
		key:     []keyColumn{{"record_time", aTime}, {"update_no", aNumber}},
		scan:    pgx.RowToStructByPos[SeenUpdate],
		keyOf:   func(u SeenUpdate) []any { return []any{u.RecordTime, u.No} },
	}

	return list.read(ctx, db, w, branch{view: "api.updates", where: c})
}

// Proof is a transfer as it is on the ledger, and where it is there.
type Proof struct {
	// Status is the transfer's own: by one that is not completed the receiver has nothing.
	Status       string
	UpdateID     string
	RecordTime   time.Time
	Synchronizer string
	Offset       int64
	// Participant is the node that the offset is of; empty where that was an earlier one.
	Participant  string
	Admin        ident.Party
	InstrumentID string
	Amount       amount.Amount
	// Sender is empty where the ledger does not show it.
	Sender, Receiver string
	Memo             *string
	// Body is the update as the node told it; nil if it is no longer kept, or is larger than was asked for.
	Body []byte
}

// An update may hold several steps of a transfer, of which the last one says how it stands.
const (
	proof = `
	SELECT x.status, x.update_id, x.record_time, x.synchronizer_id, x.ledger_offset, x.participant_id, x.instrument_admin,
	x.instrument_id, x.amount, x.sender, x.receiver, x.memo, b.body
	FROM api.transfers x
	LEFT JOIN api.update_bodies b ON b.treasury_no = x.treasury_no AND b.update_no = x.update_no AND b.bytes <= $3 `
	proofOrder = ` ORDER BY x.status = 'pending', x.node_id, x.leg LIMIT 1`
)

// DepositProof reads how a deposit stands on the ledger; ErrNotFound if the ledger has nothing of it.
func (db *DB) DepositProof(ctx context.Context, treasury TreasuryID, id uuid.UUID, mostBytes int) (Proof, error) {
	return one(ctx, db, "proof of deposit "+id.String(), proof+`
		JOIN api.deposit_transfers d
			ON (d.treasury_no, d.update_no, d.node_id, d.leg) = (x.treasury_no, x.update_no, x.node_id, x.leg)
		WHERE x.treasury_no = $1 AND d.deposit_id = $2`+proofOrder,
		pgx.RowToStructByPos[Proof], int32(treasury), id, mostBytes)
}

// WithdrawalProof reads how a withdrawal stands on the ledger; ErrNotFound if it has not reached the ledger.
func (db *DB) WithdrawalProof(ctx context.Context, treasury TreasuryID, id string, mostBytes int) (Proof, error) {
	return one(ctx, db, "proof of withdrawal "+memo.Shown(id), proof+`
		JOIN api.withdrawal_transfers w
			ON (w.treasury_no, w.update_no, w.node_id, w.leg) = (x.treasury_no, x.update_no, x.node_id, x.leg)
		WHERE x.treasury_no = $1 AND w.withdrawal_id = $2`+proofOrder,
		pgx.RowToStructByPos[Proof], int32(treasury), memo.Stored(id), mostBytes)
}

// Outlook is a treasury at a glance, as the exchange's systems see it.
type Outlook struct {
	Participant string
	Offset      int64
	UpdateNo    int64
	IngestedAt  time.Time
	Clocks      []OutlookClock
	Freezes     []OutlookFreeze
	Standing    []Standing
	// Preapproval is nil while nobody has looked.
	Preapproval *OutlookPreapproval
}

// OutlookClock is how far history is on a synchronizer.
type OutlookClock struct {
	Synchronizer string
	RecordTime   time.Time
}

// OutlookFreeze is a token, or the treasury if it has none, for which nothing new is signed.
type OutlookFreeze struct {
	Admin, InstrumentID *string
	Reason, Detail      string
	FrozenAt            time.Time
}

// Standing counts what has not ended.
type Standing struct {
	// Resource is withdrawals, offers or deposits.
	Resource, State, Reason string
	Count                   int64
	Oldest                  *time.Time
}

// OutlookPreapproval is how the preapproval stood when it was looked at last.
type OutlookPreapproval struct {
	State     string
	CheckedAt time.Time
	ExpiresAt *time.Time
}

// Outlook reads a treasury's status; its parts may be moments apart. ErrNotFound before its ingestion first started.
func (db *DB) Outlook(ctx context.Context, treasury TreasuryID) (Outlook, error) {
	type position struct {
		participant  string
		offset, no   int64
		at           time.Time
		synchronizer *string
		recordTime   *time.Time
	}

	const status = `SELECT participant_id, ledger_offset, update_no, updated_at, synchronizer_id, record_time
		FROM api.ingestion_status WHERE treasury_no = $1 ORDER BY synchronizer_id LIMIT 1000`

	positions, err := all(ctx, db, "position of ingestion", status, func(r pgx.CollectableRow) (p position, err error) {
		return p, r.Scan(&p.participant, &p.offset, &p.no, &p.at, &p.synchronizer, &p.recordTime)
	}, int32(treasury))
	if err == nil && len(positions) == 0 {
		err = wrap("read position of ingestion", ErrNotFound)
	}

	if err != nil {
		return Outlook{}, err
	}

	o := Outlook{
		Participant: positions[0].participant, Offset: positions[0].offset, UpdateNo: positions[0].no,
		IngestedAt: positions[0].at,
	}

	for _, p := range positions {
		if p.synchronizer != nil && p.recordTime != nil {
			o.Clocks = append(o.Clocks, OutlookClock{*p.synchronizer, *p.recordTime})
		}
	}

	err = db.lookOn(ctx, treasury, &o)

	return o, err
}

func (db *DB) lookOn(ctx context.Context, treasury TreasuryID, o *Outlook) (err error) {
	const (
		freezes = `SELECT instrument_admin, instrument_id, reason, detail, frozen_at FROM api.freezes
			WHERE treasury_no = $1 ORDER BY frozen_at LIMIT 1000`
		standing = `SELECT resource, state, reason, standing, oldest FROM api.standing
			WHERE treasury_no = $1 ORDER BY resource, state, reason LIMIT 1000`
		preapproval = `SELECT state, checked_at, expires_at FROM api.preapproval WHERE treasury_no = $1`
	)

	no := int32(treasury)

	o.Freezes, err = all(ctx, db, "freezes", freezes, pgx.RowToStructByPos[OutlookFreeze], no)
	if err != nil {
		return err
	}

	o.Standing, err = all(ctx, db, "what has not ended", standing, pgx.RowToStructByPos[Standing], no)
	if err != nil {
		return err
	}

	found, err := all(ctx, db, "preapproval", preapproval, pgx.RowToStructByPos[OutlookPreapproval], no)
	if len(found) > 0 {
		o.Preapproval = &found[0]
	}

	return err
}
