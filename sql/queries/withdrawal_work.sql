-- What workers do with withdrawals. Every change is guarded by state, attempt and lease epoch; no row changed means that
-- somebody else, history most likely, has moved the withdrawal.

-- name: WithdrawalClaim :many
-- WithdrawalClaim takes up what is due and not in another worker's hands.
UPDATE withdrawals w SET lease_epoch = w.lease_epoch + 1, lease_until = @lease_until
FROM (
    SELECT d.withdrawal_id FROM withdrawals d
    WHERE d.treasury_id = @treasury_id AND d.state IN ('reserved', 'submitted', 'offered') AND d.next_at <= @now
      AND (d.lease_until IS NULL OR d.lease_until <= @now)
    ORDER BY d.next_at LIMIT @most FOR UPDATE SKIP LOCKED
) AS due
WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = due.withdrawal_id
RETURNING w.withdrawal_id, w.kind, w.state, w.instrument_no, w.amount, w.receiver, w.memo, w.correlation_id, w.serves, w.attempt, w.deaths, w.tries, w.refusals, w.lease_epoch;

-- name: WithdrawalHold :one
-- WithdrawalHold locks a withdrawal that is as the worker knows it, until the transaction ends.
SELECT state FROM withdrawals
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND state = @state AND attempt = @attempt AND lease_epoch = @lease_epoch
FOR UPDATE;

-- name: WithdrawalSubmit :execrows
-- WithdrawalSubmit is the step after which a payment may be under way. A freeze forbids it, however fresh.
UPDATE withdrawals w SET state = 'submitted', waiting = '', detail = '', tries = 0, refusals = 0, next_at = @next_at, lease_until = NULL
WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = @withdrawal_id AND w.state IN ('reserved', 'submitted') AND w.attempt = @attempt AND w.lease_epoch = @lease_epoch
  AND NOT EXISTS (SELECT FROM withdrawal_freezes f WHERE f.treasury_id = w.treasury_id AND f.instrument_no IN (0, w.instrument_no));

-- name: WithdrawalPostpone :execrows
-- WithdrawalPostpone leaves a withdrawal as it is and says when to look again.
UPDATE withdrawals SET next_at = @next_at, waiting = @waiting, detail = @detail, tries = @tries, lease_until = NULL
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND state = @state AND attempt = @attempt AND lease_epoch = @lease_epoch;

-- name: WithdrawalRetreat :execrows
-- WithdrawalRetreat takes a withdrawal back to the queue. The caller has ended its attempt in the same transaction.
UPDATE withdrawals SET state = 'requested', waiting = @waiting, detail = @detail, next_at = @next_at, lease_until = NULL, overtaken = 0,
    tries = @tries, refusals = @refusals, deaths = @deaths
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND state = @state AND attempt = @attempt AND lease_epoch = @lease_epoch;

-- name: WithdrawalReclaim :execrows
-- WithdrawalReclaim counts one more attempt for an offer that is to be taken back.
UPDATE withdrawals SET attempt = attempt + 1
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND state = 'offered' AND attempt = @attempt AND lease_epoch = @lease_epoch;

-- name: WithdrawalHurry :exec
-- WithdrawalHurry is what a completion with an error may do: have the worker look at once.
UPDATE withdrawals w SET next_at = least(w.next_at, @next_at)
FROM withdrawal_attempts a
WHERE a.submission_id = @submission_id AND a.result IS NULL AND a.treasury_id = @treasury_id
  AND (w.treasury_id, w.withdrawal_id, w.attempt) = (a.treasury_id, a.withdrawal_id, a.attempt) AND w.state IN ('submitted', 'offered');

-- name: WithdrawalTell :exec
-- WithdrawalTell writes the event of a step that no update of the ledger made.
SELECT tell_withdrawal(w, @at::timestamptz) FROM withdrawals w WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = @withdrawal_id;

-- name: WithdrawalTellStep :exec
SELECT tell_withdrawal_step(w, @step::text, @at::timestamptz) FROM withdrawals w
WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = @withdrawal_id;

-- name: WithdrawalFail :one
SELECT fail_withdrawal(@treasury_id, @withdrawal_id, @state, @attempt, @reason, @detail, @at::timestamptz) AS failed;

-- name: OfferFind :many
-- OfferFind finds the open contract of an offer's chain.
SELECT contract_id, correlation_id, sender, receiver, instrument_no, amount, memo, requested_at, execute_before, awaits_receiver, inputs, closed_no, synchronizer_id
FROM transfer_instructions WHERE treasury_id = @treasury_id AND correlation_id = @correlation_id AND closed_no IS NULL LIMIT 2;

-- name: WithdrawalCountByState :many
-- WithdrawalCountByState counts what has not ended. In two halves, each of which has an index of its own.
SELECT o.kind, o.state, o.waiting, count(*) AS withdrawals, min(o.requested_at)::timestamptz AS oldest
FROM (
    SELECT w.kind, w.state, w.waiting, w.requested_at FROM withdrawals w WHERE w.treasury_id = @treasury_id AND w.state = 'requested'
    UNION ALL
    SELECT w.kind, w.state, w.waiting, w.requested_at FROM withdrawals w WHERE w.treasury_id = @treasury_id AND w.state IN ('reserved', 'submitted', 'offered')
) AS o
GROUP BY o.kind, o.state, o.waiting ORDER BY 1, 2, 3;

-- name: WithdrawalFind :one
SELECT w.withdrawal_id, w.kind, w.origin, w.state, w.reason, w.waiting, w.detail, w.account, w.instrument_no, w.amount, w.receiver, w.memo,
    w.correlation_id, w.offered_no, w.settled_no, w.record_time, w.requested_at, w.next_at, w.attempt, w.deaths, w.tries
FROM withdrawals w WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = @withdrawal_id;
