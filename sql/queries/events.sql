-- name: EventInsert :copyfrom
INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
VALUES (@treasury_id, @event_id, @type, @subject, @update_no, @payload, @created_at);

-- name: EventTellFreeze :exec
-- EventTellFreeze writes the event of an alarm by which withdrawals were frozen.
INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
SELECT f.treasury_id,
    encode(sha256(convert_to(concat_ws(E'\n', 'alarm', t.party, f.instrument_no, f.frozen_at), 'UTF8')), 'hex')::char(32)::uuid,
    'withdrawal.alarm', f.reason, 0,
    jsonb_strip_nulls(jsonb_build_object('reason', f.reason, 'detail', f.detail, 'instrumentAdmin', i.admin, 'instrumentId', i.instrument_id)),
    f.frozen_at
FROM withdrawal_freezes f
JOIN treasuries t USING (treasury_id)
LEFT JOIN instruments i USING (instrument_no)
WHERE f.treasury_id = @treasury_id AND f.instrument_no = @instrument_no;

-- name: EventTell :exec
SELECT tell(@treasury_id::integer, @what::text, @subject::text, @stable::text, @payload::jsonb, @at::timestamptz);

-- name: EventTellLag :one
SELECT tell_lag(@treasury_id::integer, @synchronizer::text, @record_time::timestamptz, @behind::boolean, @at::timestamptz)::boolean AS fresh;

-- name: ClocksOfAll :many
SELECT treasury_id, synchronizer_id, record_time FROM synchronizer_clocks ORDER BY treasury_id, synchronizer_id;
