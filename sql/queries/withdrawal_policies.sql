-- name: PolicySet :exec
INSERT INTO withdrawal_policies (instrument_no, enabled, decimals, minimum, maximum, delivery, offer_seconds, reclaim, attempt_seconds, max_attempts, max_inputs,
    spend_expired_locks, sweep, dust, tiny, merge_from, pool_target, pool_large, shape_from, shape_until, max_overtaken, max_wait_seconds,
    approve_from, destinations_only, cooling_seconds)
VALUES (@instrument_no, @enabled, @decimals, @minimum, sqlc.narg(maximum), @delivery, @offer_seconds, @reclaim, @attempt_seconds, @max_attempts, @max_inputs,
    @spend_expired_locks, @sweep, @dust, @tiny, @merge_from, @pool_target, @pool_large, sqlc.narg(shape_from), sqlc.narg(shape_until), @max_overtaken, @max_wait_seconds,
    sqlc.narg(approve_from), @destinations_only, @cooling_seconds)
ON CONFLICT (instrument_no) DO UPDATE SET enabled = excluded.enabled, decimals = excluded.decimals, minimum = excluded.minimum, maximum = excluded.maximum,
    delivery = excluded.delivery, offer_seconds = excluded.offer_seconds, reclaim = excluded.reclaim, attempt_seconds = excluded.attempt_seconds,
    max_attempts = excluded.max_attempts, max_inputs = excluded.max_inputs, spend_expired_locks = excluded.spend_expired_locks, sweep = excluded.sweep,
    dust = excluded.dust, tiny = excluded.tiny, merge_from = excluded.merge_from, pool_target = excluded.pool_target, pool_large = excluded.pool_large,
    shape_from = excluded.shape_from, shape_until = excluded.shape_until, max_overtaken = excluded.max_overtaken, max_wait_seconds = excluded.max_wait_seconds,
    approve_from = excluded.approve_from, destinations_only = excluded.destinations_only, cooling_seconds = excluded.cooling_seconds;

-- name: PolicyList :many
SELECT p.*, i.admin, i.instrument_id FROM withdrawal_policies p JOIN instruments i USING (instrument_no) ORDER BY p.instrument_no;

-- name: FreezeSet :execrows
INSERT INTO withdrawal_freezes (treasury_id, instrument_no, reason, detail, frozen_at)
VALUES (@treasury_id, @instrument_no, @reason, @detail, @frozen_at) ON CONFLICT DO NOTHING;

-- name: FreezeLift :execrows
DELETE FROM withdrawal_freezes WHERE treasury_id = @treasury_id AND instrument_no = @instrument_no;

-- name: FreezeList :many
SELECT instrument_no, reason, detail, frozen_at FROM withdrawal_freezes WHERE treasury_id = @treasury_id ORDER BY instrument_no;
