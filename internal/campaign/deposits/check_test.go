package deposits

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/campaign/verdict"
)

// tampering is what broken programs, or a person with SQL, might have done to the database.
type tampering struct {
	name, statement string
	// breaks is a promise that must be reported.
	breaks string
}

// aCredited is an accepted offer whose money is on an account, a one-step deposit that is, and an offer that is open.
const (
	aCredited = `(SELECT min(deposit_id::text)::uuid FROM deposits WHERE kind = 'offer' AND state = 'credited')`
	aDirect   = `(SELECT min(deposit_id::text)::uuid FROM deposits WHERE kind = 'one_step' AND state = 'credited')`
	anOpen    = `(SELECT min(deposit_id::text)::uuid FROM offer_verdicts WHERE open)`
	aWaiting  = `(SELECT min(deposit_id::text)::uuid FROM deposit_cases WHERE state = 'open')`
	aReturned = `(SELECT min(deposit_id::text)::uuid FROM deposit_cases WHERE state = 'returned')`
	anAssign  = `(SELECT min(deposit_id::text)::uuid FROM deposit_cases WHERE state = 'credited' AND action = 'assign')`
)

func tamperings() []tampering {
	return []tampering{
		{"a deposit is lost", `DELETE FROM deposits WHERE deposit_id = ` + aDirect, depositsAsPaid},
		{"a deposit is there twice", `INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, instrument_no, amount, sender, memo, account, settled_no, settled_node, settled_leg, record_time)
			SELECT treasury_id, gen_random_uuid(), kind, state, reason, instrument_no, amount, sender, memo, account, settled_no, settled_node, settled_leg + 100, record_time FROM deposits WHERE deposit_id = ` + aDirect, depositsAsPaid},
		{"a deposit has another amount", `UPDATE deposits SET amount = amount + 0.0000000001 WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"a deposit has another sender", `UPDATE deposits SET sender = sender || '0' WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"a deposit has another memo", `UPDATE deposits SET memo = 'another' WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"an accepted offer is withdrawn", `UPDATE deposits SET state = 'withdrawn', account = NULL WHERE deposit_id = ` + aCredited, depositsAsPaid},
		{"a withdrawn offer is credited", `UPDATE deposits SET state = 'credited', account = 'account-1' WHERE deposit_id = (SELECT min(deposit_id::text)::uuid FROM deposits WHERE state = 'withdrawn')`, depositsAsPaid},
		{"an open offer is credited", `UPDATE deposits SET state = 'credited', account = 'account-1', settled_no = offered_no, settled_node = 0, settled_leg = 0, record_time = now() WHERE deposit_id = ` + anOpen, depositsAsPaid},
		{"a deposit is another account's", `UPDATE deposits SET account = 'account-x' WHERE deposit_id = ` + aDirect, attributedTruly},
		{"a deposit is unattributed for no reason", `UPDATE deposits SET state = 'unattributed', reason = 'unknown_memo', account = NULL WHERE deposit_id = ` + aDirect, attributedTruly},
		{"a deposit is attributed twice", `INSERT INTO campaign.attributed SELECT deposit_id, state, reason, account, began, ended FROM campaign.attributed WHERE deposit_id = ` + aDirect, attributedOnce},
		{"an acceptance was not written down", `DELETE FROM campaign.submitted WHERE deposit_id = (SELECT s.deposit_id FROM campaign.submitted s JOIN deposits d USING (deposit_id) WHERE d.state = 'credited' AND d.sender LIKE 'payer%' ORDER BY 1 LIMIT 1)`, acceptedByUs},
		{"a thief's offer was to be accepted", `UPDATE campaign.submitted SET deposit_id = (SELECT min(deposit_id::text)::uuid FROM deposits d WHERE kind = 'offer' AND sender LIKE 'thief%' AND NOT EXISTS (SELECT FROM offer_verdicts v WHERE v.deposit_id = d.deposit_id AND v.operator_verdict IS NOT NULL))
			WHERE no = (SELECT min(no) FROM campaign.submitted WHERE verdict = 'accept')`, acceptedRightly},
		{"a verdict is another one", `UPDATE offer_verdicts SET verdict = 'hold' WHERE deposit_id = ` + anOpen, verdictsTrue},
		{"a verdict has another reason", `UPDATE offer_verdicts SET reason = 'not_ours' WHERE deposit_id = ` + anOpen, verdictsTrue},
		{"an open offer has no verdict", `DELETE FROM offer_verdicts WHERE deposit_id = ` + anOpen, verdictsTrue},
		{"an open offer is worked on", `UPDATE offer_verdicts SET work = 'submitted' WHERE deposit_id = ` + anOpen, verdictsTrue},
		{"a closed offer is still open", `UPDATE offer_verdicts SET open = true WHERE deposit_id = ` + aCredited, verdictsClosed},
		{"a closed offer keeps its signature", `UPDATE offer_verdicts SET signature = '1' WHERE deposit_id = ` + aCredited, verdictsClosed},
		{"a deposit is not booked", `DELETE FROM postings WHERE origin = 'ledger' AND (origin_no, movement) = (SELECT origin_no, movement FROM postings WHERE account_kind = 'customer' AND origin = 'ledger' ORDER BY 1, 2 LIMIT 1)`, accountsAsPaid},
		{"a deposit is booked twice", `INSERT INTO postings SELECT treasury_id, origin, origin_no, movement + 1000, line, account_kind, account, instrument_no, amount FROM postings
			WHERE origin = 'ledger' AND (origin_no, movement) = (SELECT origin_no, movement FROM postings WHERE account_kind = 'customer' AND origin = 'ledger' ORDER BY 1, 2 LIMIT 1)`, accountsAsPaid},
		{"a deposit is booked to somebody else", `UPDATE postings SET account = 'account-x' WHERE account_kind = 'customer' AND origin = 'ledger' AND origin_no = (SELECT min(origin_no) FROM postings WHERE account_kind = 'customer' AND origin = 'ledger')`, accountsAsPaid},
		{"an assignment is booked twice", `INSERT INTO postings SELECT treasury_id, origin, origin_no, movement + 1000, line, account_kind, account, instrument_no, amount FROM postings
			WHERE origin = 'case' AND origin_no = (SELECT min(origin_no) FROM postings WHERE origin = 'case')`, accountsAsPaid},
		{"money waits for nobody", `DELETE FROM deposit_cases WHERE deposit_id = ` + aWaiting, casesRight},
		{"money is assigned by nobody", `UPDATE deposit_cases SET state = 'credited', action = 'assign', account = 'account-x' WHERE deposit_id = ` + aWaiting, casesRight},
		{"money waits for another reason", `UPDATE deposit_cases SET reason = 'by_operator' WHERE deposit_id = ` + aWaiting, casesRight},
		{"an assignment is somebody else's", `UPDATE deposit_cases SET account = 'account-x' WHERE deposit_id = ` + anAssign, casesRight},
		{"what was sent back is assigned", `UPDATE deposit_cases SET state = 'credited', action = 'assign', account = 'account-1', withdrawal_id = NULL WHERE deposit_id = ` + aReturned, returnedOnce},
		{"what waits was sent back", `UPDATE deposit_cases SET state = 'returned', action = 'return', withdrawal_id = 'return:' || deposit_id WHERE deposit_id = ` + aWaiting, returnedOnce},
		{"a return is still on its way", `UPDATE deposit_cases SET state = 'returning' WHERE deposit_id = ` + aReturned, casesRight},
		{"a step of a case is not told", `DELETE FROM events WHERE event_no = (SELECT min(event_no) FROM events WHERE type = 'deposit.returned')`, eventsAsStates},
		{"a credit is not told", `DELETE FROM events WHERE event_no = (SELECT min(event_no) FROM events WHERE type = 'deposit.credited' AND update_no > 0)`, eventsAsStates},
		{"a credit is told twice", `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) SELECT treasury_id, gen_random_uuid(), type, subject, update_no,
			payload, created_at FROM events WHERE event_no = (SELECT min(event_no) FROM events WHERE type = 'deposit.credited' AND update_no > 0)`, eventsAsStates},
		{"an alarm without a lie", `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) SELECT treasury_id, gen_random_uuid(), 'withdrawal.alarm', 'x', 0,
			'{"reason": "books"}', now() FROM treasuries`, noFalseAlarm},
		{"a holding is lost", `DELETE FROM holdings WHERE contract_id = (SELECT min(contract_id) FROM holdings WHERE archived_no IS NULL)`, verdict.HoldingsAsLedger},
	}
}

var errUndo = errors.New("undo")

// TestTheCheckSeesEveryTampering is the other half of why a clean campaign means something.
func TestTheCheckSeesEveryTampering(t *testing.T) { //nolint:tparallel // one database, one step after the other
	t.Parallel()

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()

	c, err := Open(ctx, Config{
		Seed: 7, Deposits: shortDeposits, Programs: *programs, Scenes: []string{"acceptance killed at a random moment", "nothing happens"},
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	require.NoError(t, err)

	defer func() { require.NoError(t, c.Close(context.WithoutCancel(ctx))) }()

	_, err = c.Run(ctx)
	require.NoError(t, err)

	found, err := c.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, verdict.Summary(found, shown), "before anything was tampered with")

	for _, tc := range tamperings() {
		t.Run(tc.name, func(t *testing.T) { // Not parallel: one database, one transaction after the other
			var found []verdict.Violation

			err := pgx.BeginFunc(ctx, c.stage.DB.Pool(), func(tx pgx.Tx) error {
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
