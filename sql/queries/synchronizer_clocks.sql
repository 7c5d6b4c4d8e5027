-- name: ClockAdvance :exec
-- ClockAdvance moves clocks forward only. A migration's imported contracts carry the year 1 and change nothing.
INSERT INTO synchronizer_clocks AS c (treasury_id, synchronizer_id, record_time, ledger_offset)
SELECT @treasury_id, t.synchronizer_id, t.record_time, @ledger_offset
FROM (SELECT
    unnest(@synchronizer_ids::text[]) AS synchronizer_id,
    unnest(@record_times::timestamptz[]) AS record_time
) AS t
ORDER BY t.synchronizer_id
ON CONFLICT (treasury_id, synchronizer_id) DO UPDATE
SET record_time = greatest(c.record_time, excluded.record_time), ledger_offset = excluded.ledger_offset;

-- name: ClockList :many
SELECT synchronizer_id, record_time, ledger_offset FROM synchronizer_clocks WHERE treasury_id = @treasury_id ORDER BY synchronizer_id;
