package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/utxo"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// Names of what no ledger knows.
const (
	hoardParty    ident.Party          = "treasury::1220"
	hoardReceiver ident.Party          = "receiver::1220"
	hoardAccount                       = "customer"
	hoardSync     ident.SynchronizerID = "sync::1220"
)

func hoardToken() ident.Instrument { return ident.Instrument{Admin: "dso::1220", ID: coin} }

// hoard is a treasury that is in the database alone: its holdings were put there, so that there can be many, and its
// withdrawals get holdings and are dropped again.
type hoard struct {
	data     *database
	db       *store.DB
	treasury store.TreasuryID
	now      time.Time
}

// hoard makes one. Reservations belong to withdrawals of an attempt each, a holding an attempt.
func (b *bench) hoard(ctx context.Context, holdings, reservations, locked, connections int) (*hoard, error) {
	data, err := b.server.database(ctx)
	if err != nil {
		return nil, err
	}

	h := &hoard{data: data, now: time.Now().UTC().Truncate(time.Microsecond)}

	if err := h.fill(ctx, holdings, reservations, locked, connections); err != nil {
		return nil, errors.Join(err, h.close(context.WithoutCancel(ctx)))
	}

	return h, nil
}

func (h *hoard) fill(ctx context.Context, holdings, reservations, locked, connections int) error {
	var err error
	if h.db, err = h.data.open(ctx, rolePayments, connections); err != nil {
		return err
	}

	if h.treasury, err = h.db.EnsureTreasury(ctx, hoardParty, h.now); err != nil {
		return err
	}

	err = errors.Join(h.db.ListInstrument(ctx, hoardToken(), amount.Zero(), h.now),
		h.db.SetPolicy(ctx, hoardToken(), withdrawal.DefaultPolicy()))
	if err != nil {
		return err
	}

	for _, statement := range []string{
		fmt.Sprintf(fillHoldings, holdings, locked), fillArchived,
		fmt.Sprintf(fillReserved, reservations), fillAttempts, fillReservations, fillMoney, "VACUUM ANALYZE",
	} {
		if _, err := h.data.pool.Exec(ctx, statement); err != nil {
			return fmt.Errorf("fill database: %w", err)
		}
	}

	return nil
}

func (h *hoard) close(ctx context.Context) error {
	if h.db != nil {
		h.db.Close()
	}

	return h.data.drop(ctx)
}

const (
	// fillHoldings makes holdings under contract ids of a real id's length, in no order. Half are of one coin; the others
	// are spread log-normally around it, from dust to thousands. Some are locked, for a day.
	fillHoldings = `
	INSERT INTO holdings (treasury_id, contract_id, instrument_no, amount, lock_holders, lock_expires_at,
		synchronizer_id, template_id, created_no, created_node)
	SELECT 1, '00' || encode(sha256(n::text::bytea), 'hex') || encode(sha256((-n)::text::bytea), 'hex') || '00000000', 1,
		CASE WHEN n %% 2 = 0 THEN 1 ELSE greatest(
			exp(2 * sqrt(-2 * ln(u.a)) * cos(2 * pi() * u.b))::numeric(38, 10), 0.0000000001) END,
		CASE WHEN locked THEN ARRAY['dso::1220'] END, CASE WHEN locked THEN now() + interval '1 day' END,
		'sync::1220', 'p:m:e', 0, n
	FROM (
		SELECT n, (1 + hashint8(n)::bigint + (1::bigint << 31)) / 4294967297.0 AS a,
			(hashint8(-n)::bigint + (1::bigint << 31)) / 4294967296.0 AS b,
			n * %[2]d / %[1]d > (n - 1) * %[2]d / %[1]d AS locked
		FROM generate_series(1, %[1]d) n
	) u`

	// fillArchived are as many that were spent before: a history that the choice must not look at.
	fillArchived = `
	INSERT INTO holdings (treasury_id, contract_id, instrument_no, amount, synchronizer_id, template_id, created_no,
		created_node, archived_no, archived_node)
	SELECT 1, '01' || substr(contract_id, 3), 1, amount, synchronizer_id, template_id, 0, created_node, 0, created_node
	FROM holdings`

	// fillReserved are withdrawals that are being paid.
	fillReserved = `
	INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, kind, state, reason, account,
		instrument_no, amount, receiver, requested_at, next_at, attempt)
	SELECT 1, 'busy-' || n, nextval('withdrawal_numbers'), 'requested', 'customer', 'submitted', '', 'customer', 1, 1,
		'receiver::1220', now(), now() + interval '1 day', 1
	FROM generate_series(1, %d) n`

	fillAttempts = `
	INSERT INTO withdrawal_attempts (treasury_id, withdrawal_id, attempt, kind, inputs, input_total, synchronizer_id,
		target_record_time, created_at)
	SELECT 1, w.withdrawal_id, 1, 'pay', ARRAY[h.contract_id], h.amount, 'sync::1220', now() + interval '1 day', now()
	FROM (SELECT withdrawal_id, row_number() OVER () AS n FROM withdrawals) w
	JOIN (SELECT contract_id, amount, row_number() OVER (ORDER BY contract_id) AS n FROM holdings
		WHERE archived_no IS NULL AND lock_holders IS NULL) h USING (n)`

	fillReservations = `
	INSERT INTO reservations (treasury_id, contract_id, withdrawal_id, attempt)
	SELECT 1, inputs[1], withdrawal_id, 1 FROM withdrawal_attempts`

	fillMoney = `
	INSERT INTO postings (treasury_id, origin, origin_no, movement, line, account_kind, account, instrument_no, amount)
	VALUES (1, 'ledger', 0, 0, 0, 'customer', 'customer', 1, 1e9), (1, 'ledger', 0, 0, 1, 'network', '', 1, -1e9)`
)

// request makes withdrawals that wait.
func (h *hoard) request(ctx context.Context, prefix string, amounts []amount.Amount) error {
	for i, a := range amounts {
		_, err := h.db.RequestWithdrawal(ctx, hoardParty, store.WithdrawalRequest{
			ID: fmt.Sprintf("%s-%d", prefix, i), Account: hoardAccount, Instrument: hoardToken(), Amount: a,
			Receiver: hoardReceiver,
		}, h.now)
		if err != nil {
			return err
		}
	}

	return nil
}

// plan is a turn, with a planner of the caller's.
func (h *hoard) plan(
	ctx context.Context, waiting, read int, decide func(store.Turn) (store.Plan, error),
) ([]store.Job, error) {
	limits := store.TurnLimits{Waiting: waiting, Holdings: read, LeaseUntil: h.now.Add(time.Hour)}

	return h.db.PlanTurn(ctx, h.treasury, hoardParty, hoardToken(), h.now, h.now, limits, decide)
}

// drop gives back what a turn gave out.
func (h *hoard) drop(ctx context.Context, jobs []store.Job) error {
	for _, j := range jobs {
		err := h.db.DropAttempt(ctx, h.treasury, j, store.Retreat{NextAt: h.now}, h.now)
		if err != nil {
			return err
		}
	}

	return nil
}

// serve decides as payments do, but for what it would note of a withdrawal that cannot be paid.
func serve(t store.Turn, now time.Time) (store.Plan, error) {
	policy, scope := withdrawal.DefaultPolicy(), utxo.Scope{Instrument: hoardToken(), Synchronizer: hoardSync}

	pool, err := utxo.NewPool(scope, policy.Rules(), now, t.Holdings)
	if err != nil {
		return store.Plan{}, err
	}

	asked := make([]utxo.Waiting, len(t.Waiting))
	for i, w := range t.Waiting {
		asked[i] = w.Waiting
	}

	turn, err := pool.Serve(asked, policy.Fairness())
	if err != nil {
		return store.Plan{}, err
	}

	var plan store.Plan

	for i, v := range turn.Verdicts {
		if v.Shortage != nil {
			continue
		}

		total, err := v.Selection.Total.Amount()
		if err != nil {
			return store.Plan{}, err
		}

		plan.Payments = append(plan.Payments, store.Payment{
			ID: t.Waiting[i].ID, Inputs: v.Selection.Inputs, Total: total, Synchronizer: hoardSync,
			Target: now.Add(policy.Window),
		})
	}

	return plan, nil
}
