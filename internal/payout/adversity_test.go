package payout_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// moody is a node whose answers a test may replace.
type moody struct {
	payout.Node

	prepare, execute func(n int64) error
	prepared, sent   atomic.Int64
}

func (m *moody) Prepare(ctx context.Context, r ledger.PrepareRequest) (ledger.Prepared, error) {
	if n := m.prepared.Add(1); m.prepare != nil {
		if err := m.prepare(n); err != nil {
			return ledger.Prepared{}, err
		}
	}

	return m.Node.Prepare(ctx, r)
}

func (m *moody) Execute(ctx context.Context, r ledger.ExecuteRequest) error {
	if n := m.sent.Add(1); m.execute != nil {
		if err := m.execute(n); err != nil {
			return err
		}
	}

	return m.Node.Execute(ctx, r)
}

// moodyRegistry is a registry whose answers a test may replace.
type moodyRegistry struct {
	payout.Registries

	factory func(t token.Transfer) error
	calls   atomic.Int64
}

func (m *moodyRegistry) TransferFactory(ctx context.Context, t token.Transfer) (registry.TransferFactory, error) {
	m.calls.Add(1)

	if err := m.factory(t); err != nil {
		return registry.TransferFactory{}, err
	}

	return m.Registries.TransferFactory(ctx, t)
}

// TestNodeTroubleEndsNoWithdrawal: what is wrong with the node, its packages or our rights is nobody's transfer's
// fault.
func TestNodeTroubleEndsNoWithdrawal(t *testing.T) {
	t.Parallel()

	down := &ledger.Error{Op: "prepare", Code: ledger.CodeConnection}
	for name, trouble := range map[string]*ledger.Error{
		"no rights":       {Op: "prepare", HTTPStatus: 403, Code: "NA"},
		"internal error":  {Op: "prepare", HTTPStatus: 500, Code: "refused"},
		"a proxy's page":  {Op: "prepare", HTTPStatus: 404, Code: "refused", Cause: "nginx"},
		"packages missed": {Op: "prepare", HTTPStatus: 404, Code: "TEMPLATES_OR_INTERFACES_NOT_FOUND", Category: ledger.CategoryMissing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.deposit("100", 1)

			node := &moody{Node: w.node, prepare: func(n int64) error {
				switch {
				case n <= 2:
					return down
				case n <= 5:
					return trouble
				default:
					return nil
				}
			}}
			w.pay(func(_ *payout.Config, p *payout.Parts) { p.Node = node })
			w.hurried = true
			w.request("w-1", "10", w.Amulet(), w.shop, nil)
			w.until("it says why it waits", func() bool { return w.find("w-1").Waiting == withdrawal.NodeRefuses })
			w.untilState("w-1", withdrawal.Completed)
			require.GreaterOrEqual(t, node.prepared.Load(), int64(6))
			w.reconciled()
		})
	}
}

// TestARefusalOfTheTokenIsFinal: three times in all, whatever else went wrong in between.
func TestARefusalOfTheTokenIsFinal(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)

	node := &moody{Node: w.node, prepare: func(n int64) error {
		if n%2 == 0 {
			return &ledger.Error{Op: "prepare", HTTPStatus: 400, Code: "DAML_FAILURE", Category: ledger.CategoryInvalidNow}
		}

		return &ledger.Error{Op: "prepare", Code: ledger.CodeTimeout}
	}}
	w.pay(func(_ *payout.Config, p *payout.Parts) { p.Node = node })
	w.hurried = true
	w.request("w-1", "10", w.Amulet(), w.shop, nil)
	require.Equal(t, withdrawal.RefusedByToken, w.untilState("w-1", withdrawal.Failed).Reason)
	require.Equal(t, int64(6), node.prepared.Load())
	require.Equal(t, "100", w.balance(w.Amulet()))
	w.reconciled()
}

// TestOneTokensRegistryHoldsUpNoOther: it does not answer, and is left alone after a few questions.
func TestOneTokensRegistryHoldsUpNoOther(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 10)
	w.depositToken("1000", false)

	// As many holdings as there are requests, so that all of them could be tried at once.
	_, err := w.pool.Exec(t.Context(), `INSERT INTO holdings (treasury_id, contract_id, instrument_no, amount, synchronizer_id, template_id, created_no, created_node)
		SELECT treasury_id, '00ff' || lpad(g::text, 60, '0'), instrument_no, 5, synchronizer_id, template_id, created_no, g + 100
		FROM holdings h, generate_series(1, 200) AS g WHERE h.amount = 1000 AND archived_no IS NULL`)
	require.NoError(t, err)

	r := &moodyRegistry{Registries: w.registries, factory: func(transfer token.Transfer) error {
		if transfer.Instrument != w.AcmeToken() {
			return nil
		}

		return &registry.Error{Op: "get transfer factory", Kind: registry.Later, Cause: "no answer"}
	}}
	w.pay(func(_ *payout.Config, p *payout.Parts) { p.Registries = r })

	for i := range 200 {
		w.request(fmt.Sprintf("a-%d", i), "5", w.AcmeToken(), w.shop, nil)
	}

	for i := range 10 {
		w.request(fmt.Sprintf("c-%d", i), "10", w.Amulet(), w.shop, nil)
	}

	for i := range 10 {
		w.untilState(fmt.Sprintf("c-%d", i), withdrawal.Completed)
	}

	w.until("the others say why they wait", func() bool {
		var silent int
		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM withdrawals WHERE withdrawal_id LIKE 'a-%' AND (state, waiting) IS DISTINCT FROM ('requested', 'registry_unavailable')").Scan(&silent))

		return silent <= 1 // one may be trying
	})
	require.Less(t, r.calls.Load(), int64(150), "each was asked about once or twice at most")
}

// TestMergesAreNotMadeWithoutAPause: those that cannot be prepared would fill the tables.
func TestMergesAreNotMadeWithoutAPause(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("1", 3)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.MaxInputs = 2 })

	var healed atomic.Bool

	r := &moodyRegistry{Registries: w.registries, factory: func(token.Transfer) error {
		if healed.Load() {
			return nil
		}

		return &registry.Error{Op: "get transfer factory", Kind: registry.Refused, Cause: "not now"}
	}}
	w.pay(func(_ *payout.Config, p *payout.Parts) { p.Registries = r })
	w.hurried = true
	w.request("w-1", "3", w.Amulet(), w.shop, nil)

	w.until("a few merges have failed", func() bool {
		var tries int
		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT tries FROM withdrawals WHERE withdrawal_id = 'w-1'").Scan(&tries))

		return tries >= 3
	})

	var merges int
	require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM withdrawals WHERE kind = 'internal'").Scan(&merges))
	require.LessOrEqual(t, merges, 8)

	healed.Store(true)
	w.untilState("w-1", withdrawal.Completed)
	w.reconciled()
}

// TestManyThatCannotBePaidHideNobody: behind more of them than one turn looks at, what can be paid is paid, and all say
// why they wait.
func TestManyThatCannotBePaidHideNobody(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)

	_, err := w.pool.Exec(t.Context(), `INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, state, reason, account, instrument_no, amount, receiver, requested_at, next_at)
		SELECT b.treasury_id, 'big-' || g, nextval('withdrawal_numbers'), 'requested', 'requested', '', b.account, b.instrument_no, 100000, $1, now(), now()
		FROM balances b, generate_series(1, 1200) AS g WHERE b.account_kind = 'customer'`, string(w.shop))
	require.NoError(t, err)

	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	w.pay()
	w.untilState("w-1", withdrawal.Completed)
	w.until("all say why they wait", func() bool {
		var silent int
		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM withdrawals WHERE state = 'requested' AND waiting <> 'insufficient_holdings'").Scan(&silent))

		return silent == 0
	})
}

// TestALostTailOfTheDatabasePaysOnce: a standby is promoted that has not heard of the last payments. The withdrawals
// look unpaid; nothing is paid again, nothing is given back, and history settles them.
func TestALostTailOfTheDatabasePaysOnce(t *testing.T) {
	t.Parallel()

	for _, noticed := range []bool{true, false} {
		t.Run(fmt.Sprintf("noticed=%t", noticed), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.deposit("100", 2)
			w.stopIngest()

			var asked atomic.Int64

			// The second withdrawal is paid by its second attempt, and spends the holding that the first one would.
			r := &moodyRegistry{Registries: w.registries, factory: func(transfer token.Transfer) error {
				if transfer.Meta[token.KeyReason] == "w-0" || asked.Add(1) == 1 {
					return &registry.Error{Op: "get transfer factory", Kind: registry.Later}
				}

				return nil
			}}
			stop := w.pay(func(c *payout.Config, p *payout.Parts) { p.Registries, c.Recheck = r, time.Minute })
			w.request("w-0", "10", w.Amulet(), w.shop, nil)
			w.request("w-1", "10", w.Amulet(), w.shop, nil)
			w.until("it is paid on the ledger", func() bool { return w.received(w.shop, w.Amulet()) == "10" })
			stop()

			for _, s := range []string{
				"DELETE FROM reservations", "DELETE FROM withdrawal_attempts",
				"UPDATE withdrawals SET state = 'requested' WHERE state IN ('reserved', 'submitted')",
				"UPDATE withdrawals SET attempt = 0, tries = 0, refusals = 0, waiting = '', next_at = requested_at, lease_until = NULL, lease_epoch = 0",
			} {
				_, err := w.pool.Exec(t.Context(), s)
				require.NoError(t, err)
			}

			if noticed {
				_, err := w.pool.Exec(t.Context(), "UPDATE database_lives SET identity = 'of the old server'")
				require.NoError(t, err)
			}

			node := &moody{Node: w.node}
			w.pay(func(_ *payout.Config, p *payout.Parts) { p.Node = node })

			if noticed {
				w.until("they wait", func() bool {
					return w.find("w-0").Waiting == withdrawal.DatabaseRestored && w.find("w-1").Waiting == withdrawal.DatabaseRestored
				})
				require.Error(t, w.db.CancelWithdrawal(t.Context(), w.party, "w-1", w.clock.Now()))
				require.Zero(t, node.sent.Load())
			} else {
				w.until("it is tried again", func() bool { return node.sent.Load() >= 1 })
			}

			w.ingest()
			w.untilState("w-1", withdrawal.Completed)

			// The first one is paid when the time of what may have been under way has passed.
			w.clock.advance(6 * time.Minute)
			w.Tick()
			w.untilState("w-0", withdrawal.Completed)

			paid := map[string]int{}
			for _, transfer := range w.Transfers() {
				if transfer.Sender == w.party && transfer.Memo != nil {
					paid[*transfer.Memo]++
				}
			}

			require.Equal(t, map[string]int{"w-0": 1, "w-1": 1}, paid)
			w.reconciled()
		})
	}
}

// TestAnInstanceWithAWrongClockStandsStill: it would take jobs from others and take honest nodes for liars.
func TestAnInstanceWithAWrongClockStandsStill(t *testing.T) {
	t.Parallel()

	for _, wrong := range []time.Duration{10 * time.Minute, 90 * time.Second, -90 * time.Second, -10 * time.Minute} {
		t.Run(wrong.String(), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.deposit("100", 4)

			ours := &shifted{ahead: wrong}
			ready := w.payWith(func(c *payout.Config, p *payout.Parts) { p.Clock, c.MaxSkew = ours, 5*time.Second })

			w.request("w-0", "10", w.Amulet(), w.shop, nil)
			w.until("it says what is wrong", func() bool { return ready() != nil && w.signer.count() == 0 })

			w.pay()

			for i := range 10 {
				w.request(fmt.Sprintf("w-%d", i), "10", w.Amulet(), w.shop, nil)
			}

			for i := range 10 {
				w.untilState(fmt.Sprintf("w-%d", i), withdrawal.Completed)
			}

			require.ErrorContains(t, ready(), "clock")
			w.reconciled()
		})
	}
}

// TestASuccessWithoutATraceIsAnAlarm: the node says that the payment is on the ledger, and history does not have it
// when the attempt is dead. Nothing is given back and nothing paid again before a person has looked.
func TestASuccessWithoutATraceIsAnAlarm(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("100", 1)
	w.setPolicy(w.Amulet(), func(p *withdrawal.Policy) { p.Window, p.MaxAttempts = time.Minute, 1 })

	node := &moody{Node: w.node, execute: func(int64) error {
		return &ledger.Error{Op: "execute", HTTPStatus: 409, Code: "DUPLICATE_COMMAND", Stage: ledger.StageExecute}
	}}
	w.pay(func(_ *payout.Config, p *payout.Parts) { p.Node = node })
	w.request("w-1", "30", w.Amulet(), w.shop, nil)
	w.until("the node was asked", func() bool { return node.sent.Load() > 0 })
	w.untilState("w-1", withdrawal.Submitted)
	w.until("the answer is noted", func() bool {
		var outcome string
		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT outcome FROM withdrawal_attempts").Scan(&outcome))

		return outcome == string(withdrawal.Committed)
	})

	w.clock.advance(2 * time.Minute)
	w.Tick()
	w.untilState("w-1", withdrawal.Requested)

	freezes, err := w.db.Freezes(t.Context(), w.treasury)
	require.NoError(t, err)
	require.Len(t, freezes, 1)
	require.Equal(t, withdrawal.Unexplained, freezes[0].Reason)
	require.Equal(t, "70", w.balance(w.Amulet()))
}

// TestAnErrorThatNobodyCanStore is still told.
func TestAnErrorThatNobodyCanStore(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.deposit("50", 1)
	w.signer.fail = errors.New("hsm: \x00\xff\xfe")
	w.pay()
	w.request("w-1", "10", w.Amulet(), w.shop, nil)
	w.until("it says why it waits", func() bool { return w.find("w-1").Waiting == withdrawal.SignerUnavailable })
}
