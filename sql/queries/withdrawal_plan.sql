-- What the planner asks of withdrawals, with the treasury locked.

-- name: TreasuryLock :one
-- TreasuryLock lets one planner at a time choose holdings. New requests do not wait for it.
SELECT treasury_id FROM treasuries WHERE treasury_id = @treasury_id FOR NO KEY UPDATE;

-- name: WithdrawalListWaiting :many
-- WithdrawalListWaiting lists what waits for holdings, in the order in which it was requested. Merging is what merges for
-- it that are under way will bring. Returned are those whose deposit was sent back by another one before a restore.
SELECT w.withdrawal_id, w.amount, w.requested_at, w.overtaken, w.attempt, w.waiting,
    (SELECT coalesce(sum(m.amount), 0)::numeric(38, 10) FROM withdrawals m
     WHERE m.treasury_id = w.treasury_id AND m.serves = w.withdrawal_id AND m.state IN ('reserved', 'submitted')) AS merging,
    returned_otherwise(w) AS returned
FROM withdrawals w
WHERE w.treasury_id = @treasury_id AND w.instrument_no = @instrument_no AND w.state = 'requested' AND w.next_at <= @now
ORDER BY w.withdrawal_no LIMIT @most;

-- name: WithdrawalListWaitingInstruments :many
-- WithdrawalListWaitingInstruments finds those of some tokens of which a withdrawal is to be looked at.
SELECT n.instrument_no::integer AS instrument_no FROM (SELECT unnest(@instrument_nos::integer[]) AS instrument_no) AS n
WHERE EXISTS (
    SELECT FROM withdrawals w
    WHERE w.treasury_id = @treasury_id AND w.instrument_no = n.instrument_no AND w.state = 'requested' AND w.next_at <= @now);

-- name: WithdrawalReserve :many
-- WithdrawalReserve gives withdrawals to a worker together with their holdings.
UPDATE withdrawals w
SET state = 'reserved', attempt = w.attempt + 1, waiting = '', detail = '', next_at = @now, lease_until = @lease_until, lease_epoch = w.lease_epoch + 1
WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = ANY(@withdrawal_ids::text[]) AND w.state = 'requested'
RETURNING w.withdrawal_id, w.kind, w.state, w.instrument_no, w.amount, w.receiver, w.memo, w.correlation_id, w.serves, w.attempt, w.deaths, w.tries, w.refusals, w.lease_epoch;

-- name: WithdrawalInsertInternal :one
-- WithdrawalInsertInternal adds a transfer of the treasury to itself, which has its holdings from the start.
WITH n AS (SELECT nextval('withdrawal_numbers') AS no)
INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, kind, state, reason, instrument_no, amount, receiver, requested_at, purpose, serves, next_at, lease_until, lease_epoch, attempt)
SELECT @treasury_id, @withdrawal_id, n.no, 'requested', 'internal', 'reserved', '', @instrument_no, @amount, @receiver, @now, @purpose, sqlc.narg(serves), @now, @lease_until, 1, 1
FROM n
RETURNING withdrawal_id, kind, state, instrument_no, amount, receiver, memo, correlation_id, serves, attempt, deaths, tries, refusals, lease_epoch;

-- name: WithdrawalTellWaiting :exec
-- WithdrawalTellWaiting says why withdrawals wait, how often they were passed, and when they are looked at again. The detail
-- is of the moment when the reason began: what it says of totals changes with every payment.
UPDATE withdrawals w
SET waiting = s.waiting, detail = CASE WHEN w.waiting = s.waiting THEN w.detail ELSE s.detail END, overtaken = s.overtaken,
    next_at = greatest(w.next_at, s.next_at)
FROM (SELECT
    unnest(@withdrawal_ids::text[]) AS withdrawal_id,
    unnest(@waiting::text[]) AS waiting,
    unnest(@details::text[]) AS detail,
    unnest(@overtaken::integer[]) AS overtaken,
    unnest(@next_ats::timestamptz[]) AS next_at
) AS s
WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = s.withdrawal_id AND w.state = 'requested'
  AND (w.waiting <> s.waiting OR w.overtaken <> s.overtaken OR w.next_at < s.next_at);

-- name: WithdrawalPutOff :exec
-- WithdrawalPutOff has a withdrawal wait when the merge that it needs could not be made, longer each time.
UPDATE withdrawals SET tries = tries + 1, waiting = @waiting, next_at = put_off(@now, tries)
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND state = 'requested';

-- name: WithdrawalCountComing :one
-- WithdrawalCountComing counts the internal transfers under way that will each make one more large holding.
SELECT count(*) FROM withdrawals
WHERE treasury_id = @treasury_id AND instrument_no = @instrument_no AND kind = 'internal' AND purpose IN ('build', 'split') AND state IN ('reserved', 'submitted');

-- name: HoldingListPool :many
-- HoldingListPool lists a part of a token's holdings that is as good as the whole for choosing: the largest and the
-- smallest that can be spent, those of exactly the amounts that are asked for, and of what is locked or reserved as much
-- as may explain why something cannot be paid. In no order: utxo.NewPool sorts them in a fraction of the time.
WITH usable AS NOT MATERIALIZED (
    SELECT h.contract_id, h.amount, h.lock_holders, h.lock_expires_at, h.synchronizer_id, h.in_flight
    FROM holdings h
    WHERE h.treasury_id = @treasury_id AND h.instrument_no = @instrument_no AND h.archived_no IS NULL
      AND (h.lock_holders IS NULL OR h.lock_expires_at < @at)
      AND NOT EXISTS (SELECT FROM reservations r WHERE r.treasury_id = h.treasury_id AND r.contract_id = h.contract_id)
)
SELECT p.contract_id, p.amount, p.locked::boolean AS locked, p.lock_expires_at, p.synchronizer_id, p.in_flight, p.reserved::boolean AS reserved, p.reserved_until
FROM (
SELECT u.contract_id, u.amount, u.lock_holders IS NOT NULL AS locked, u.lock_expires_at, u.synchronizer_id, u.in_flight, false AS reserved, NULL::timestamptz AS reserved_until
FROM (
    (SELECT * FROM usable ORDER BY usable.amount DESC LIMIT @most)
    UNION (SELECT * FROM usable ORDER BY usable.amount LIMIT @most)
    UNION (SELECT * FROM usable WHERE usable.amount = ANY(@amounts::numeric[]) LIMIT @most)
) AS u
UNION ALL
(SELECT h.contract_id, h.amount, true, h.lock_expires_at, h.synchronizer_id, h.in_flight, false, NULL
 FROM holdings h
 WHERE h.treasury_id = @treasury_id AND h.instrument_no = @instrument_no AND h.archived_no IS NULL
   AND h.lock_holders IS NOT NULL AND (h.lock_expires_at IS NULL OR h.lock_expires_at >= @at)
   AND NOT EXISTS (SELECT FROM reservations r WHERE r.treasury_id = h.treasury_id AND r.contract_id = h.contract_id)
 LIMIT @most_held)
UNION ALL
(SELECT x.contract_id, x.amount, (x.lock_holders IS NOT NULL), x.lock_expires_at, x.synchronizer_id, x.in_flight, true, a.target_record_time
 FROM (
    SELECT r.withdrawal_id, r.attempt, h.contract_id, h.amount, h.lock_holders, h.lock_expires_at, h.synchronizer_id, h.in_flight
    FROM reservations r
    JOIN holdings h ON h.treasury_id = r.treasury_id AND h.contract_id = r.contract_id AND h.archived_no IS NULL AND h.instrument_no = @instrument_no
    WHERE r.treasury_id = @treasury_id LIMIT @most_held
 ) AS x
 JOIN withdrawal_attempts a ON (a.treasury_id, a.withdrawal_id, a.attempt) = (@treasury_id, x.withdrawal_id, x.attempt))
) AS p;

-- name: ReservationInsert :copyfrom
INSERT INTO reservations (treasury_id, contract_id, withdrawal_id, attempt)
VALUES (@treasury_id, @contract_id, @withdrawal_id, @attempt);
