-- What the exchange's systems ask for beyond requests themselves: approvals, destinations and limits.

-- name: WithdrawalApprove :one
SELECT approve_withdrawal(@treasury::text, @withdrawal_id::text, @agreed::boolean, @operator::text, @note::text, @now::timestamptz)::text AS state;

-- name: DestinationAdd :one
SELECT d.account, d.party, d.name, d.added_at, d.removed_at
FROM add_destination(@treasury::text, @account::text, @party::text, @name::text, @operator::text, @now::timestamptz) AS d;

-- name: DestinationRemove :one
SELECT d.account, d.party, d.name, d.added_at, d.removed_at
FROM remove_destination(@treasury::text, @account::text, @party::text, @operator::text, @now::timestamptz) AS d;

-- name: DestinationList :many
SELECT d.account, d.party, d.name, d.added_at, d.removed_at FROM withdrawal_destinations d
WHERE d.treasury_id = @treasury_id AND d.account = @account AND d.removed_at IS NULL ORDER BY d.added_at, d.party LIMIT @most;

-- name: LimitSet :exec
INSERT INTO withdrawal_limits (treasury_id, account, instrument_no, window_seconds, amount)
VALUES (@treasury_id, @account, @instrument_no, @window_seconds, @amount)
ON CONFLICT (treasury_id, instrument_no, account, window_seconds) DO UPDATE SET amount = excluded.amount;

-- name: LimitDrop :execrows
DELETE FROM withdrawal_limits
WHERE treasury_id = @treasury_id AND account = @account AND instrument_no = @instrument_no AND window_seconds = @window_seconds;

-- name: LimitList :many
SELECT l.account, l.window_seconds, l.amount, i.admin, i.instrument_id FROM withdrawal_limits l JOIN instruments i USING (instrument_no)
WHERE l.treasury_id = @treasury_id ORDER BY i.admin, i.instrument_id, l.account, l.window_seconds;
