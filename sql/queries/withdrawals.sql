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
    unnest(@offered_nos::bigint[]) AS offered_no,
    unnest(@settled_nos::bigint[]) AS settled_no,
    unnest(@record_times::timestamptz[]) AS record_time,
    unnest(@execute_befores::timestamptz[]) AS execute_before
) AS s
WHERE w.treasury_id = @treasury_id AND w.withdrawal_id = s.withdrawal_id AND w.state NOT IN ('completed', 'failed');

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
SELECT w.withdrawal_id, w.kind, w.origin, w.state, w.account, w.amount, w.receiver, w.correlation_id, w.instrument_no
FROM (SELECT unnest(@withdrawal_ids::text[]) AS withdrawal_id) AS n
CROSS JOIN LATERAL (SELECT * FROM withdrawals WHERE withdrawals.treasury_id = @treasury_id AND withdrawals.withdrawal_id = n.withdrawal_id LIMIT 1) AS w
UNION
SELECT w.withdrawal_id, w.kind, w.origin, w.state, w.account, w.amount, w.receiver, w.correlation_id, w.instrument_no
FROM (SELECT unnest(@correlation_ids::text[]) AS correlation_id) AS n
CROSS JOIN LATERAL (SELECT * FROM withdrawals WHERE withdrawals.treasury_id = @treasury_id AND withdrawals.correlation_id = n.correlation_id LIMIT 1) AS w;
