package campaign

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/campaign/verdict"
)

// tampering is what a broken ingestion, or a person with SQL, might have done to the database.
type tampering struct {
	name, statement string
	// breaks is a promise that must be reported.
	breaks string
}

const aCredited = `(SELECT deposit_id FROM deposits WHERE state = 'credited' ORDER BY deposit_id LIMIT 1)`

func tamperings() []tampering {
	return []tampering{
		{"an update is lost", `DELETE FROM ledger_updates WHERE update_no = 20`, verdict.EveryUpdateOnce},
		{"the last update is lost", `DELETE FROM ledger_updates WHERE update_no = (SELECT max(update_no) FROM ledger_updates)`, verdict.EveryUpdateOnce},
		{"an update is stored twice", `INSERT INTO ledger_updates SELECT treasury_id, update_no + 1000000, update_id || '0', kind, ledger_offset + 1000000, record_time,
			synchronizer_id, command_id, transaction_hash, traffic_cost, ingested_at FROM ledger_updates WHERE update_no = 20`, verdict.EveryUpdateOnce},
		{"two updates change places", `UPDATE ledger_updates SET update_no = 1000020 WHERE update_no = 20;
			UPDATE ledger_updates SET update_no = 20 WHERE update_no = 21; UPDATE ledger_updates SET update_no = 21 WHERE update_no = 1000020`, verdict.EveryUpdateOnce},
		{"an update has another offset", `UPDATE ledger_updates SET ledger_offset = ledger_offset + 1 WHERE update_no = 20`, verdict.EveryUpdateOnce},
		{"an update has another record time", `UPDATE ledger_updates SET record_time = record_time + interval '1 microsecond' WHERE update_no = 20`, verdict.EveryUpdateOnce},
		{"a number is skipped", `UPDATE ledger_updates SET update_no = update_no + 1000000 WHERE update_no = (SELECT max(update_no) FROM ledger_updates)`, verdict.GaplessNumbers},
		{"a raw update is lost", `DELETE FROM ledger_update_bodies WHERE update_no = 20`, verdict.GaplessNumbers},
		{"a raw update is another's", `UPDATE ledger_update_bodies SET body = (SELECT body FROM ledger_update_bodies WHERE update_no = 21) WHERE update_no = 20`, verdict.GaplessNumbers},
		{"the cursor is behind", `UPDATE ingestion_cursors SET update_no = update_no - 1`, verdict.CursorAtTheEnd},
		{"a clock is behind", `UPDATE synchronizer_clocks SET record_time = record_time - interval '1 hour'`, verdict.CursorAtTheEnd},
		{"a deposit is lost", `DELETE FROM deposits WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"a deposit is doubled", `INSERT INTO deposits SELECT treasury_id, gen_random_uuid(), kind, state, reason, account, instrument_no, amount, sender, memo,
			correlation_id || 'x', offered_no, settled_no, settled_node, settled_leg, record_time, execute_before FROM deposits WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"a deposit has another amount", `UPDATE deposits SET amount = amount + 0.0000000001 WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"a deposit has another account", `UPDATE deposits SET account = account || 'x' WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"a deposit is not credited", `UPDATE deposits SET state = 'unattributed', reason = 'unknown_memo' WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"a deposit without a memo is credited", `UPDATE deposits SET state = 'credited', reason = '', account = 'account-0' WHERE deposit_id =
			(SELECT deposit_id FROM deposits WHERE reason = 'missing_memo' LIMIT 1)`, depositsAsPaid},
		{"a deposit is of another token", `UPDATE deposits SET instrument_no = (SELECT max(instrument_no) FROM instruments) WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"an ended offer is open", `UPDATE deposits SET state = 'offered', settled_no = NULL WHERE deposit_id =
			(SELECT deposit_id FROM deposits WHERE state IN ('withdrawn', 'expired', 'rejected') LIMIT 1)`, depositsAsPaid},
		{"a payment is lost", `DELETE FROM withdrawals WHERE withdrawal_id = (SELECT min(withdrawal_id) FROM withdrawals)`, withdrawalsFound},
		{"a payment failed that did not", `UPDATE withdrawals SET state = 'failed', reason = 'rejected' WHERE withdrawal_id =
			(SELECT min(withdrawal_id) FROM withdrawals WHERE state = 'completed')`, withdrawalsFound},
		{"a holding is lost", `DELETE FROM holdings WHERE contract_id = (SELECT min(contract_id) FROM holdings WHERE archived_no IS NULL)`, verdict.HoldingsAsLedger},
		{"a spent holding is active", `UPDATE holdings SET archived_no = NULL, archived_node = NULL WHERE contract_id =
			(SELECT min(contract_id) FROM holdings WHERE archived_no IS NOT NULL)`, verdict.HoldingsAsLedger},
		{"a holding has another amount", `UPDATE holdings SET amount = amount + 0.0000000001 WHERE contract_id =
			(SELECT min(contract_id) FROM holdings WHERE archived_no IS NULL)`, verdict.HoldingsAsLedger},
		{"a look-alike is dropped", `DELETE FROM unrecognized WHERE update_no = (SELECT min(update_no) FROM unrecognized)`, verdict.LookAlikesShown},
		{"an open instruction is lost", `DELETE FROM transfer_instructions WHERE contract_id = (SELECT min(contract_id) FROM transfer_instructions WHERE closed_no IS NULL)`, verdict.OffersAsLedger},
		{"a closed instruction is open", `UPDATE transfer_instructions SET closed_no = NULL, closed_node = NULL, outcome = NULL WHERE contract_id =
			(SELECT min(contract_id) FROM transfer_instructions WHERE closed_no IS NOT NULL)`, verdict.OffersAsLedger},
		{"half a movement is lost", `DELETE FROM postings WHERE line = 1 AND origin_no = (SELECT max(origin_no) FROM postings)`, verdict.MovementsZero},
		{"a movement is lost", `DELETE FROM postings WHERE origin_no = (SELECT max(origin_no) FROM postings WHERE account_kind = 'customer')`, accountsAsPaid},
		{"a movement is doubled", `INSERT INTO postings SELECT treasury_id, origin, origin_no, movement + 1000, line, account_kind, account, instrument_no, amount
			FROM postings WHERE origin_no = (SELECT max(origin_no) FROM postings WHERE account_kind = 'customer')`, accountsAsPaid},
		{"money is booked to another account", `UPDATE postings SET account = account || 'x' WHERE account_kind = 'customer' AND origin_no =
			(SELECT max(origin_no) FROM postings WHERE account_kind = 'customer')`, accountsAsPaid},
		{"a balance is wrong", `UPDATE balances SET amount = amount + 1 WHERE account = 'account-0'`, verdict.BalancesAreSums},
		{"a balance is lost", `DELETE FROM balances WHERE account = 'account-0'`, verdict.BalancesAreSums},
		{"an event is lost", `DELETE FROM events WHERE event_no = (SELECT min(event_no) FROM events WHERE type = 'deposit.credited')`, verdict.EventsOnce},
		{"an event is told twice", `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) SELECT treasury_id, event_id, type, subject,
			update_no, payload, created_at FROM events WHERE event_no = (SELECT max(event_no) FROM events)`, verdict.EventsOnce},
		{"an event tells another amount", `UPDATE events SET payload = jsonb_set(payload, '{amount}', '"1.0000000001"') WHERE event_no =
			(SELECT min(event_no) FROM events WHERE type = 'deposit.credited')`, verdict.EventsOnce},
		{"an event tells another account", `UPDATE events SET payload = jsonb_set(payload, '{account}', '"somebody"') WHERE event_no =
			(SELECT min(event_no) FROM events WHERE type = 'deposit.credited')`, verdict.EventsOnce},
		{"a change of holdings is not told", `DELETE FROM events WHERE event_no = (SELECT max(event_no) FROM events WHERE type = 'holdings.changed')`, verdict.EventsOnce},
		{"an event has a member that nobody knows", `UPDATE events SET payload = payload || '{"x": 1}' WHERE event_no = (SELECT max(event_no) FROM events)`, verdict.EventsAsCatalogued},
		{"events are out of order", `UPDATE events SET update_no = update_no + 1000000 WHERE event_no = (SELECT min(event_no) FROM events)`, verdict.EventsOnce},
	}
}

var errUndo = errors.New("undo")

// TestTheCheckSeesEveryTampering is why a clean campaign means something: nothing that it should find goes unseen.
func TestTheCheckSeesEveryTampering(t *testing.T) { //nolint:tparallel // one database, one step after the other
	t.Parallel()

	const few = 20

	ctx, c := begin(t, few, 7)
	_, err := c.Run(ctx)
	require.NoError(t, err)

	found, err := c.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, verdict.Summary(found, shown), "before anything was tampered with")

	for _, tc := range tamperings() {
		t.Run(tc.name, func(t *testing.T) { // Not parallel: one database, one transaction after the other
			var found []verdict.Violation

			err := pgx.BeginFunc(ctx, c.db.Pool(), func(tx pgx.Tx) error {
				for _, guard := range []string{"postings DISABLE TRIGGER postings_stay", "events DISABLE TRIGGER events_stay"} {
					_, err := tx.Exec(ctx, "ALTER TABLE "+guard)
					require.NoError(t, err)
				}

				require.NoError(t, tamper(ctx, tx, tc.statement))

				var err error
				found, err = c.checkIn(ctx, tx)
				require.NoError(t, err)

				return errUndo
			})
			require.ErrorIs(t, err, errUndo)
			require.NotEmpty(t, found)

			promises := map[string]bool{}
			for _, v := range found {
				promises[v.Promise] = true
			}

			require.True(t, promises[tc.breaks], "found only %v", verdict.Summary(found, shown))
		})
	}
}

func tamper(ctx context.Context, tx pgx.Tx, statement string) error {
	// Without the triggers that keep what was booked: whoever tampers may have gone round them.
	if _, err := tx.Exec(ctx, "SET LOCAL session_replication_role = replica"); err != nil {
		return err
	}

	for one := range strings.SplitSeq(statement, ";") {
		changed, err := tx.Exec(ctx, one)
		if err != nil {
			return err
		}

		if changed.RowsAffected() == 0 {
			return fmt.Errorf("%s: tampers with nothing", one)
		}
	}

	return nil
}

// TestTheProgramSeesAHoldingTamperedWith: what the program's own reconciliation must see too.
func TestTheProgramSeesAHoldingTamperedWith(t *testing.T) {
	t.Parallel()

	ctx, c := begin(t, 1, 8)
	_, err := c.Run(ctx)
	require.NoError(t, err)

	_, err = c.db.Pool().Exec(ctx, `UPDATE holdings SET amount = amount + 0.0000000001 WHERE contract_id =
		(SELECT min(contract_id) FROM holdings WHERE archived_no IS NULL)`)
	require.NoError(t, err)

	found, err := c.reconcile(ctx)
	require.NoError(t, err)
	require.NotEmpty(t, found)
}
