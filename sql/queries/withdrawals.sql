-- name: WithdrawalInsertRecovered :copyfrom
INSERT INTO withdrawals (treasury_id, withdrawal_id, origin, state, reason, instrument_no, amount, receiver, correlation_id, offered_no, settled_no, record_time)
VALUES (@treasury_id, @withdrawal_id, @origin, @state, @reason, @instrument_no, @amount, @receiver, @correlation_id, @offered_no, @settled_no, @record_time);

-- name: WithdrawalAdvance :execrows
-- WithdrawalAdvance records what history says about a withdrawal. A completed or failed one never changes again. Whoever
-- was working on it has nothing more to do, but to look at an offer when its time is over.
UPDATE withdrawals w
SET state = s.state, reason = s.reason, correlation_id = coalesce(w.correlation_id, nullif(s.correlation_id, '')),
    offered_no = coalesce(w.offered_no, nullif(s.offered_no, 0)), settled_no = nullif(s.settled_no, 0), record_time = s.record_time,
    waiting = '', next_at = CASE WHEN s.state = 'offered' THEN s.execute_before END, lease_until = NULL
FROM (SELECT
    unnest(@withdrawal_ids::text[]) AS withdrawal_id,
    unnest(@states::text[]) AS state,
    unnest(@reasons::text[]) AS reason,
    unnest(@correlation_ids::text[]) AS correlation_id,
    unnest(@origins::text[]) AS origin,
    unnest(@offered_nos::bigint[]) AS offered_no,
    unnest(@settled_nos::bigint[]) AS settled_no,
    unnest(@record_times::timestamptz[]) AS record_time,
    unnest(@execute_befores::timestamptz[]) AS execute_before
) AS s
WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = s.withdrawal_id AND w.state NOT IN ('completed', 'failed')
  AND s.origin IN ('', w.origin);

-- name: WithdrawalEndAttempts :exec
-- WithdrawalEndAttempts ends the live attempts of withdrawals that history has advanced. An attempt to take an offer back
-- is in history only if the offer was withdrawn; after any other end of the offer it never will be.
UPDATE withdrawal_attempts a
SET result = CASE WHEN a.kind = 'reclaim' AND s.reason <> 'withdrawn' THEN 'dead' ELSE 'committed' END,
    ended_at = @now, prepared = NULL, signature = NULL
FROM (SELECT unnest(@withdrawal_ids::text[]) AS withdrawal_id, unnest(@reasons::text[]) AS reason) AS s
WHERE a.treasury_id = @treasury_id AND a.withdrawal_id = s.withdrawal_id AND a.result IS NULL;

-- name: WithdrawalReleaseHoldings :exec
-- WithdrawalReleaseHoldings gives up what withdrawals that history has advanced had reserved.
DELETE FROM reservations r
USING (SELECT unnest(@withdrawal_ids::text[]) AS withdrawal_id) AS s
WHERE r.treasury_id = @treasury_id AND r.withdrawal_id = s.withdrawal_id;

-- name: WithdrawalListMet :many
-- WithdrawalListMet finds the withdrawals that transfers in history may belong to, by id or by chain.
SELECT w.withdrawal_id, w.kind, w.origin, w.state, w.account, w.amount, w.receiver, w.correlation_id, w.instrument_no, w.funds
FROM (SELECT unnest(@withdrawal_ids::text[]) AS withdrawal_id) AS n
CROSS JOIN LATERAL (SELECT * FROM withdrawals WHERE withdrawals.treasury_id = @treasury_id AND withdrawals.withdrawal_id = n.withdrawal_id LIMIT 1) AS w
UNION
SELECT w.withdrawal_id, w.kind, w.origin, w.state, w.account, w.amount, w.receiver, w.correlation_id, w.instrument_no, w.funds
FROM (SELECT unnest(@correlation_ids::text[]) AS correlation_id) AS n
CROSS JOIN LATERAL (SELECT * FROM withdrawals WHERE withdrawals.treasury_id = @treasury_id AND withdrawals.correlation_id = n.correlation_id LIMIT 1) AS w;

-- name: WithdrawalUnderWayTotals :many
-- WithdrawalUnderWayTotals sums what is set aside for withdrawals that have not ended.
SELECT instrument_no, sum(amount)::text AS total FROM withdrawals
WHERE treasury_id = @treasury_id AND origin = 'requested' AND kind <> 'internal' AND state IN ('requested', 'reserved', 'submitted', 'offered')
GROUP BY instrument_no ORDER BY 1;

-- name: WithdrawalListMisbooked :many
-- WithdrawalListMisbooked compares what must be booked for requested withdrawals with what is: each request once, the
-- money of each failed one back once, and each completed one paid once. origin_no is that of postings.
WITH requested AS (
    SELECT withdrawal_id, withdrawal_no, origin, state, coalesce(account, '') AS account, instrument_no, amount, settled_no
    FROM withdrawals WHERE withdrawals.treasury_id = @treasury_id AND withdrawals.origin <> 'recovered' AND withdrawals.kind <> 'internal'
), both_sides AS (
    SELECT 'request' AS origin, withdrawal_no AS origin_no, account, instrument_no, -amount AS wanted, 0 AS booked, withdrawal_id FROM requested
    UNION ALL SELECT 'return', withdrawal_no, account, instrument_no, amount, 0, withdrawal_id FROM requested WHERE state = 'failed' AND settled_no IS NULL
    UNION ALL SELECT 'refund', settled_no, account, instrument_no, amount, 0, withdrawal_id FROM requested WHERE state = 'failed' AND settled_no IS NOT NULL
    UNION ALL SELECT 'ledger', settled_no, '', instrument_no, -amount, 0, withdrawal_id FROM requested WHERE state = 'completed' AND origin = 'requested'
    UNION ALL SELECT p.origin, p.origin_no, p.account, p.instrument_no, 0, p.amount, NULL FROM postings p
    WHERE p.treasury_id = @treasury_id
      AND (p.origin IN ('request', 'return', 'refund') AND p.account_kind IN ('customer', 'unattributed', 'held') OR p.origin = 'ledger' AND p.account_kind = 'withdrawals')
)
SELECT s.origin::text AS origin, s.origin_no::bigint AS origin_no, s.account::text AS account, s.instrument_no,
       sum(s.wanted)::text AS wanted, sum(s.booked)::text AS booked,
       coalesce(string_agg(s.withdrawal_id, ' ' ORDER BY s.withdrawal_id), '')::text AS ids
FROM both_sides s GROUP BY s.origin, s.origin_no, s.account, s.instrument_no HAVING sum(s.wanted) <> sum(s.booked) ORDER BY 1, 2, 3, 4;

-- name: ReservationListWrong :many
-- ReservationListWrong finds reserved holdings that no live payment of a withdrawal in work may spend, or that are gone.
SELECT r.contract_id, r.withdrawal_id, r.attempt, (w.withdrawal_id IS NOT NULL)::boolean AS working, (a.withdrawal_id IS NOT NULL)::boolean AS live,
       (h.contract_id IS NOT NULL)::boolean AS active
FROM reservations r
LEFT JOIN withdrawals w ON (w.treasury_id, w.withdrawal_id) = (r.treasury_id, r.withdrawal_id) AND w.state IN ('reserved', 'submitted')
LEFT JOIN withdrawal_attempts a ON (a.treasury_id, a.withdrawal_id, a.attempt) = (r.treasury_id, r.withdrawal_id, r.attempt) AND a.kind = 'pay' AND a.result IS NULL
LEFT JOIN holdings h ON (h.treasury_id, h.contract_id) = (r.treasury_id, r.contract_id) AND h.archived_no IS NULL
WHERE r.treasury_id = @treasury_id AND (w.withdrawal_id IS NULL OR a.withdrawal_id IS NULL OR h.contract_id IS NULL)
ORDER BY 1;

-- name: AttemptListMisreserved :many
-- AttemptListMisreserved finds live payments whose inputs are not exactly what is reserved for them.
SELECT a.withdrawal_id, a.attempt, a.inputs, r.reserved
FROM withdrawal_attempts a
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(contract_id), '{}')::text[] AS reserved FROM reservations
    WHERE (reservations.treasury_id, reservations.withdrawal_id, reservations.attempt) = (a.treasury_id, a.withdrawal_id, a.attempt)
) AS r
WHERE a.treasury_id = @treasury_id AND a.kind = 'pay' AND a.result IS NULL AND NOT (a.inputs @> r.reserved AND r.reserved @> a.inputs)
ORDER BY 1, 2;

-- name: WithdrawalListIdle :many
-- WithdrawalListIdle finds withdrawals that are being paid with no live payment to pay them.
SELECT w.withdrawal_id, w.state, w.attempt FROM withdrawals w
WHERE w.treasury_id = @treasury_id AND w.state IN ('reserved', 'submitted') AND NOT EXISTS (
    SELECT FROM withdrawal_attempts a
    WHERE (a.treasury_id, a.withdrawal_id, a.attempt) = (w.treasury_id, w.withdrawal_id, w.attempt) AND a.kind = 'pay' AND a.result IS NULL)
ORDER BY 1;
