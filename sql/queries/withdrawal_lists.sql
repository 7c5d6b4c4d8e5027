-- What operators and their tool read of withdrawals, and what a cold key signs.

-- name: WithdrawalList :many
-- WithdrawalList shows withdrawals in some states, or one by its id: the oldest first, or the newest.
SELECT w.withdrawal_id, w.kind, w.origin, w.state, w.reason, w.waiting, w.detail, w.account, i.admin, i.instrument_id, w.amount, w.receiver, w.memo,
    w.purpose, w.serves, w.requested_at, w.next_at, w.attempt, w.correlation_id, w.deaths, w.tries, w.overtaken, w.record_time,
    coalesce(o.update_id, '')::text AS offered_by, coalesce(s.update_id, '')::text AS settled_by, n.execute_before
FROM withdrawals w
JOIN instruments i USING (instrument_no)
LEFT JOIN transfer_instructions n ON (n.treasury_id, n.contract_id) = (w.treasury_id, w.correlation_id)
LEFT JOIN ledger_updates o ON (o.treasury_id, o.update_no) = (w.treasury_id, w.offered_no)
LEFT JOIN ledger_updates s ON (s.treasury_id, s.update_no) = (w.treasury_id, w.settled_no)
WHERE w.treasury_id = @treasury_id AND w.state = ANY(@states::text[]) AND (NOT @only_waiting::boolean OR w.waiting <> '')
  AND (@withdrawal_id::text = '' OR w.withdrawal_id = @withdrawal_id)
ORDER BY CASE WHEN @newest::boolean THEN -coalesce(w.withdrawal_no, 0) ELSE coalesce(w.withdrawal_no, 0) END, w.withdrawal_id LIMIT @most;

-- name: WithdrawalTotals :many
-- WithdrawalTotals counts customers' withdrawals by how they stand, the ended ones too.
SELECT w.state, w.reason, count(*) AS withdrawals FROM withdrawals w
WHERE w.treasury_id = @treasury_id AND w.kind = 'customer' GROUP BY w.state, w.reason ORDER BY 1, 2;

-- name: AttemptListAll :many
-- AttemptListAll shows the attempts of one withdrawal, and how far history is on each one's synchronizer.
SELECT a.attempt, a.kind, a.inputs, a.input_total, a.synchronizer_id, a.target_record_time, a.created_at, a.delivery, a.command_id, a.submission_id,
    a.hashing_scheme, a.transaction_hash, (a.prepared IS NOT NULL)::boolean AS is_prepared, (a.signature IS NOT NULL)::boolean AS is_signed,
    a.expected_traffic, a.prepared_at, a.preparations, a.executions, a.outcome, a.error, a.ended_at, a.result, c.record_time AS clock
FROM withdrawal_attempts a
LEFT JOIN synchronizer_clocks c USING (treasury_id, synchronizer_id)
WHERE a.treasury_id = @treasury_id AND a.withdrawal_id = @withdrawal_id ORDER BY a.attempt;

-- name: WithdrawalSigned :execrows
-- WithdrawalSigned has a worker take up at once what a person has signed.
UPDATE withdrawals SET next_at = @now, waiting = '', detail = ''
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND attempt = @attempt AND state IN ('reserved', 'offered');
