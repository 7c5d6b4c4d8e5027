-- How far each broker has been told: one publisher at a time for a sink and a treasury, by a lease with a fencing epoch.

-- name: SinkTake :one
-- SinkTake makes the caller the one who publishes; there is no row while another one is. A sink that is new begins with
-- the oldest event that is kept.
INSERT INTO event_sinks AS s (sink, treasury_id, seq, changed_at, lease_owner, lease_until, lease_epoch)
SELECT @sink, h.treasury_id, h.pruned_seq, @now, @lease_owner, @lease_until, 1 FROM event_heads h WHERE h.treasury_id = @treasury_id
ON CONFLICT (sink, treasury_id) DO UPDATE
SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until, lease_epoch = s.lease_epoch + 1
WHERE s.lease_until <= @now
RETURNING s.seq, s.lease_epoch;

-- name: SinkAdvance :execrows
-- SinkAdvance says how far the broker has been told, and renews the lease. It may be less than before: a broker can lose
-- what it had. A place of another history, from before the database was put back, is none.
UPDATE event_sinks s SET seq = @seq, changed_at = CASE WHEN s.seq = @seq THEN s.changed_at ELSE @now END, lease_until = @lease_until
WHERE s.sink = @sink AND s.treasury_id = @treasury_id AND s.lease_epoch = @lease_epoch
  AND (s.seq = @seq
    OR EXISTS (SELECT FROM event_log l WHERE l.treasury_id = s.treasury_id AND l.seq = @seq AND l.chain = coalesce(sqlc.narg(chain), l.chain))
    OR EXISTS (SELECT FROM event_heads h WHERE h.treasury_id = s.treasury_id AND h.pruned_seq >= @seq));

-- name: SinkRelease :exec
UPDATE event_sinks SET lease_until = @now WHERE sink = @sink AND treasury_id = @treasury_id AND lease_epoch = @lease_epoch;

-- name: SinkLags :many
-- SinkLags says how far each of these sinks is behind with each treasury that has events.
SELECT w.sink::text AS sink, h.treasury_id, t.party, greatest(h.seq - coalesce(s.seq, h.pruned_seq), 0)::bigint AS lag
FROM event_heads h
JOIN treasuries t USING (treasury_id)
CROSS JOIN unnest(@sinks::text[]) AS w (sink)
LEFT JOIN event_sinks s ON s.sink = w.sink AND s.treasury_id = h.treasury_id;
