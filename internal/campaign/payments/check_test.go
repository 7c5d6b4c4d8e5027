package payments

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

// aPaid is a withdrawal that is paid.
const aPaid = `(SELECT min(withdrawal_id) FROM withdrawals WHERE kind = 'customer' AND state = 'completed')`

// oneBy is a withdrawal that failed for a reason.
func oneBy(reason string) string {
	return `(SELECT min(withdrawal_id) FROM withdrawals WHERE kind = 'customer' AND state = 'failed' AND reason = '` + reason + `')`
}

func tamperings() []tampering {
	return []tampering{
		{"a paid withdrawal has failed", `UPDATE withdrawals SET state = 'failed', reason = 'refused_by_token' WHERE withdrawal_id = ` + aPaid, endsAsLedger},
		{"a rejected withdrawal is paid", `UPDATE withdrawals SET state = 'completed', reason = '' WHERE withdrawal_id = ` + oneBy("rejected"), endsAsLedger},
		{"a rejected withdrawal expired", `UPDATE withdrawals SET reason = 'expired' WHERE withdrawal_id = ` + oneBy("rejected"), endsAsLedger},
		{"a cancelled withdrawal is paid", `UPDATE withdrawals SET state = 'completed', reason = '', settled_no = 1 WHERE withdrawal_id = ` + oneBy("cancelled"), endsAsLedger},
		{"a cancelled withdrawal failed for another reason", `UPDATE withdrawals SET reason = 'superseded' WHERE withdrawal_id = ` + oneBy("cancelled"), endsAsLedger},
		{"a withdrawal is lost", `DELETE FROM withdrawals WHERE withdrawal_id = ` + aPaid, noneLost},
		{"a withdrawal that nobody asked for", `INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, state, reason, instrument_no, amount, receiver, account, requested_at)
			SELECT treasury_id, 'x-1', 0, origin, 'failed', 'cancelled', instrument_no, amount, receiver, account, requested_at FROM withdrawals WHERE withdrawal_id = ` + aPaid, noneLost},
		{"a withdrawal has another amount", `UPDATE withdrawals SET amount = amount + 0.0000000001 WHERE withdrawal_id = ` + aPaid, noneLost},
		{"a withdrawal has another receiver", `UPDATE withdrawals SET receiver = receiver || '0' WHERE withdrawal_id = ` + aPaid, noneLost},
		{"a withdrawal has another account", `UPDATE withdrawals SET account = 'house' WHERE withdrawal_id = ` + aPaid, noneLost},
		{"a withdrawal has another memo", `UPDATE withdrawals SET memo = 'another' WHERE withdrawal_id = ` + aPaid, noneLost},
		{"a withdrawal does not end", `UPDATE withdrawals SET state = 'submitted' WHERE withdrawal_id = ` + aPaid, allEnded},
		{"a holding stays reserved", `INSERT INTO reservations SELECT treasury_id, 'a-holding', withdrawal_id, 1 FROM withdrawals WHERE withdrawal_id = ` + aPaid, allEnded},
		{"an attempt does not end", `UPDATE withdrawal_attempts SET result = NULL, ended_at = NULL WHERE (withdrawal_id, attempt) =
			(SELECT withdrawal_id, attempt FROM withdrawal_attempts WHERE result = 'committed' AND kind = 'pay' LIMIT 1)`, allEnded},
		{"two attempts committed", `INSERT INTO withdrawal_attempts (treasury_id, withdrawal_id, attempt, kind, inputs, input_total, synchronizer_id, target_record_time, created_at, ended_at, result)
			SELECT treasury_id, withdrawal_id, attempt + 1000, kind, inputs, input_total, synchronizer_id, target_record_time, created_at, ended_at, result
			FROM withdrawal_attempts WHERE result = 'committed' AND kind = 'pay' LIMIT 1`, allEnded},
		{"a payment spent something else", `UPDATE withdrawal_attempts SET inputs = ARRAY['a-holding'] WHERE (withdrawal_id, attempt) =
			(SELECT withdrawal_id, attempt FROM withdrawal_attempts WHERE result = 'committed' AND kind = 'pay' LIMIT 1)`, inputsAsKept},
		{"a request is not booked", `DELETE FROM postings WHERE origin = 'request' AND origin_no = (SELECT min(origin_no) FROM postings WHERE origin = 'request')`, accountsAsPaid},
		{"a request is booked twice", `INSERT INTO postings SELECT treasury_id, origin, origin_no, 1000, line, account_kind, account, instrument_no, amount
			FROM postings WHERE origin = 'request' AND origin_no = (SELECT min(origin_no) FROM postings WHERE origin = 'request')`, accountsAsPaid},
		{"a refund is booked twice", `INSERT INTO postings SELECT treasury_id, origin, origin_no, 1000, line, account_kind, account, instrument_no, amount
			FROM postings WHERE origin = 'refund' AND origin_no = (SELECT min(origin_no) FROM postings WHERE origin = 'refund')`, accountsAsPaid},
		{"a cancelled request is not given back", `DELETE FROM postings WHERE origin = 'return' AND origin_no = (SELECT min(origin_no) FROM postings WHERE origin = 'return')`, accountsAsPaid},
		{"an event is lost", `DELETE FROM events WHERE event_no = (SELECT min(event_no) FROM events WHERE type = 'withdrawal.completed')`, eventsAsStates},
		{"a request is told twice", `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) SELECT treasury_id, gen_random_uuid(), type, subject, update_no,
			payload, created_at FROM events WHERE event_no = (SELECT min(event_no) FROM events WHERE type = 'withdrawal.requested')`, eventsAsStates},
		{"a withdrawal is told as failed too", `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) SELECT treasury_id, gen_random_uuid(), 'withdrawal.failed', subject,
			update_no, payload, created_at FROM events WHERE event_no = (SELECT min(event_no) FROM events WHERE type = 'withdrawal.completed')`, eventsAsStates},
		{"a withdrawal is told to wait again", `INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at) SELECT treasury_id, gen_random_uuid(), 'withdrawal.waiting', subject,
			update_no, payload, created_at FROM events WHERE event_no = (SELECT min(event_no) FROM events WHERE type = 'withdrawal.completed')`, eventsAsStates},
		{"a token is frozen", `INSERT INTO withdrawal_freezes SELECT treasury_id, 0, 'refused_to_sign', '', now() FROM treasuries`, noFalseAlarm},
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
		Seed: 7, Withdrawals: shortWithdrawals, Programs: *programs, Scenes: []string{"payments killed at a random moment", "nothing happens"},
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
