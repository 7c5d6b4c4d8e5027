-- How webhooks are delivered. Leases are by the database's clock, on which all instances agree. Every change is guarded by
-- the epoch of the lease and by changed_at: who has lost the lease, or holds settings that are old by now, changes nothing.

-- name: PushClaim :many
-- PushClaim takes up subscriptions that have something to be told and are in nobody's hands, those first that were left
-- longest ago: of those whose last tries failed, or of the others. What this instance holds according to the table, but does not know of, it lost by a failure.
UPDATE subscriptions s SET lease_owner = @lease_owner, lease_epoch = s.lease_epoch + 1,
    lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::integer)
FROM (
    SELECT d.subscription_id FROM subscriptions d
    LEFT JOIN event_heads h ON h.treasury_id = d.treasury_id
    WHERE d.state IN ('pending', 'active') AND d.next_at <= @now AND d.subscription_id <> ALL (@held::text[]) AND (d.tries > 0) = @troubled::boolean
      AND (d.lease_until <= clock_timestamp() OR d.lease_owner = @lease_owner)
      AND (d.state = 'pending' OR h.seq > d.cursor_seq
        OR EXISTS (SELECT FROM subscription_failures f WHERE f.subscription_id = d.subscription_id AND f.state = 'waiting' AND f.next_at <= @now))
    ORDER BY d.lease_until, d.subscription_id LIMIT @most FOR UPDATE OF d SKIP LOCKED
) AS due
WHERE s.subscription_id = due.subscription_id
RETURNING s.subscription_id, s.treasury_id, s.url, s.types, s.accounts, s.subjects, s.instrument_nos, s.withheld, s.ordered, s.batch, s.per_second,
    s.state, s.salt, s.previous_salt, s.previous_until, s.cursor_seq, s.tries, s.failing_since, s.lease_epoch, s.changed_at,
    coalesce((SELECT a.last_seq FROM subscription_attempts a WHERE a.subscription_id = s.subscription_id AND s.ordered AND s.tries > 0
        AND a.first_seq > s.cursor_seq ORDER BY a.attempt_no DESC LIMIT 1), 0)::bigint AS last_tried;

-- name: PushRenew :execrows
UPDATE subscriptions SET lease_until = clock_timestamp() + make_interval(secs => @lease_seconds::integer)
WHERE subscription_id = @subscription_id AND lease_epoch = @lease_epoch AND changed_at = @changed_at;

-- name: PushRelease :exec
-- PushRelease ends a lease. Who was served last comes last among those that are due.
UPDATE subscriptions SET lease_until = clock_timestamp(), lease_owner = ''
WHERE subscription_id = @subscription_id AND lease_epoch = @lease_epoch;

-- name: PushSave :execrows
-- PushSave stores how far a subscription was told. A place of another history, from before the database was put back, is none.
UPDATE subscriptions s SET cursor_seq = @cursor_seq, tries = @tries, failing_since = sqlc.narg(failing_since), next_at = @next_at
WHERE s.subscription_id = @subscription_id AND s.lease_epoch = @lease_epoch AND s.changed_at = @changed_at AND s.state = 'active'
  AND (s.cursor_seq = @cursor_seq
    OR EXISTS (SELECT FROM event_log l WHERE l.treasury_id = s.treasury_id AND l.seq = @cursor_seq AND l.chain = coalesce(sqlc.narg(chain), l.chain))
    OR EXISTS (SELECT FROM event_heads h WHERE h.treasury_id = s.treasury_id AND h.pruned_seq >= @cursor_seq));

-- name: PushPostpone :execrows
-- PushPostpone says when a receiver is challenged again.
UPDATE subscriptions SET tries = @tries, failing_since = sqlc.narg(failing_since), next_at = @next_at
WHERE subscription_id = @subscription_id AND lease_epoch = @lease_epoch AND changed_at = @changed_at AND state = 'pending';

-- name: PushActivate :execrows
UPDATE subscriptions SET state = 'active', reason = '', tries = 0, failing_since = NULL, next_at = @now, changed_at = @now
WHERE subscription_id = @subscription_id AND lease_epoch = @lease_epoch AND changed_at = @changed_at AND state = 'pending';

-- name: PushAttempts :copyfrom
INSERT INTO subscription_attempts (subscription_id, first_seq, last_seq, events, at, took_ms, status, outcome, detail)
VALUES (@subscription_id, @first_seq, @last_seq, @events, @at, @took_ms, @status, @outcome, @detail);

-- name: PushFailures :exec
INSERT INTO subscription_failures (subscription_id, seq, state, tries, first_failed_at, next_at, reason)
SELECT @subscription_id, f.seq, f.state, f.tries, f.first_failed_at, f.next_at, f.reason FROM (
    SELECT unnest(@seqs::bigint[]) AS seq, unnest(@states::text[]) AS state, unnest(@tries::integer[]) AS tries,
        unnest(@first_failed_ats::timestamptz[]) AS first_failed_at, unnest(@next_ats::timestamptz[]) AS next_at, unnest(@reasons::text[]) AS reason
) AS f
ON CONFLICT (subscription_id, seq) DO UPDATE
SET state = excluded.state, tries = excluded.tries, first_failed_at = excluded.first_failed_at, next_at = excluded.next_at, reason = excluded.reason;

-- name: PushMended :exec
DELETE FROM subscription_failures WHERE subscription_id = @subscription_id AND seq = ANY (@seqs::bigint[]);

-- name: PushWaiting :many
-- PushWaiting reads what is to be tried again, with the event where it is still kept.
SELECT f.seq, f.tries, f.first_failed_at, f.next_at, l.event_id, coalesce(l.type, '')::text AS type, coalesce(l.subject, '')::text AS subject,
    coalesce(l.account, '')::text AS account, coalesce(l.instrument_no, 0)::integer AS instrument_no, l.body
FROM subscription_failures f
LEFT JOIN event_log l ON l.treasury_id = @treasury_id AND l.seq = f.seq
WHERE f.subscription_id = @subscription_id AND f.state = 'waiting' AND f.next_at <= @now
ORDER BY f.next_at, f.seq LIMIT @most;

-- name: PushWaitingCount :one
-- PushWaitingCount counts what waits for another try, up to so many, and says when the first of it is due.
SELECT count(*) AS waiting, coalesce(min(w.next_at), 'epoch')::timestamptz AS next_at FROM (
    SELECT f.next_at FROM subscription_failures f WHERE f.subscription_id = @subscription_id AND f.state = 'waiting' ORDER BY f.next_at LIMIT @most
) AS w;

-- name: PushDisable :execrows
-- PushDisable ends a subscription and tells so, whoever holds it: its lease is nobody's any more.
WITH disabled AS (
    UPDATE subscriptions s SET state = 'disabled', reason = @reason, changed_at = @now, lease_epoch = s.lease_epoch + 1, lease_until = '-infinity', lease_owner = ''
    WHERE s.subscription_id = @subscription_id AND s.state IN ('pending', 'active') AND s.changed_at = @changed_at
      AND (@lease_epoch::bigint = 0 OR s.lease_epoch = @lease_epoch)
    RETURNING s.subscription_id, s.treasury_id, s.reason, s.cursor_seq, s.lease_epoch
)
INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
SELECT d.treasury_id, encode(sha256(convert_to(concat_ws(E'\n', 'subscription', d.subscription_id, 'disabled', d.lease_epoch, @now), 'UTF8')), 'hex')::char(32)::uuid,
    'subscription.disabled', d.subscription_id, 0,
    jsonb_build_object('subscriptionId', d.subscription_id, 'reason', d.reason, 'backlog', greatest(0, coalesce(h.seq, 0) - d.cursor_seq)), @now
FROM disabled d
LEFT JOIN event_heads h ON h.treasury_id = d.treasury_id;

-- name: PushOwnersLost :many
-- PushOwnersLost finds subscriptions of keys whose line has no key any more that may read the treasury and have webhooks.
-- Nobody but keys makes any by the API: whose rights are an identity provider's, we could not ask for ever.
WITH RECURSIVE line AS (
    SELECT DISTINCT s.owner AS origin, k.key_id, k.successor, 1 AS steps FROM subscriptions s JOIN api_keys k ON k.key_id = s.owner
    WHERE s.state IN ('pending', 'active') AND (@subscription_ids::text[] IS NULL OR s.subscription_id = ANY (@subscription_ids))
    UNION
    SELECT l.origin, k.key_id, k.successor, l.steps + 1 FROM line l JOIN api_keys k ON k.key_id = l.successor WHERE l.steps < 10000
)
SELECT s.subscription_id, s.changed_at FROM subscriptions s
JOIN treasuries t USING (treasury_id)
WHERE s.state IN ('pending', 'active') AND s.owner ~ '^k_[a-z0-9]{12}$'
  AND (@subscription_ids::text[] IS NULL OR s.subscription_id = ANY (@subscription_ids))
  AND NOT EXISTS (
    SELECT FROM line l JOIN api_keys k ON k.key_id = l.key_id
    WHERE l.origin = s.owner AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > @now)
      AND ARRAY['read', 'webhooks'] <@ k.scopes AND (k.treasuries IS NULL OR t.party = ANY (k.treasuries)))
ORDER BY s.subscription_id;

-- name: PushWarn :many
-- PushWarn tells, once, of subscriptions that are further behind than they want to be. Events of subscriptions do not count:
-- what is told of one must not be why another is told of.
WITH far AS MATERIALIZED ( -- few, or none: only for them is it counted
    SELECT s.subscription_id, s.treasury_id, s.cursor_seq, s.max_backlog, (h.seq - s.cursor_seq)::bigint AS backlog
    FROM subscriptions s JOIN event_heads h USING (treasury_id)
    WHERE s.state IN ('active', 'paused') AND NOT s.warned_backlog AND h.seq - s.cursor_seq > s.max_backlog
), behind AS (
    UPDATE subscriptions s SET warned_backlog = true
    FROM far f
    WHERE s.subscription_id = f.subscription_id
      AND (SELECT count(*) FROM (
            SELECT FROM event_log l WHERE l.treasury_id = f.treasury_id AND l.seq > f.cursor_seq AND l.type NOT LIKE 'subscription.%'
            ORDER BY l.seq LIMIT f.max_backlog + 1
          ) AS others) > f.max_backlog
    RETURNING s.subscription_id, s.treasury_id, f.cursor_seq, f.backlog
), told AS (
    INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
    SELECT b.treasury_id, encode(sha256(convert_to(concat_ws(E'\n', 'subscription', b.subscription_id, 'backlog', b.cursor_seq, @now::timestamptz), 'UTF8')), 'hex')::char(32)::uuid,
        'subscription.backlog', b.subscription_id, 0,
        jsonb_build_object('subscriptionId', b.subscription_id, 'reason', 'max_backlog', 'backlog', b.backlog), @now
    FROM behind b
)
SELECT b.subscription_id, b.backlog FROM behind b;

-- name: PushCalm :exec
-- PushCalm lets those be warned of again that have caught up to half of what they allow.
UPDATE subscriptions s SET warned_backlog = false
FROM event_heads h
WHERE h.treasury_id = s.treasury_id AND s.warned_backlog AND (h.seq - s.cursor_seq) * 2 < s.max_backlog;

-- name: PushBacklogs :many
-- PushBacklogs are the subscriptions that are furthest behind.
SELECT s.subscription_id, (h.seq - s.cursor_seq)::bigint AS backlog FROM subscriptions s
JOIN event_heads h USING (treasury_id)
WHERE s.state IN ('active', 'paused') ORDER BY backlog DESC, s.subscription_id LIMIT @most;

-- name: PushStates :many
SELECT state, count(*) AS subscriptions FROM subscriptions GROUP BY state;

-- name: PushDeadTotal :one
SELECT count(*) FROM (SELECT FROM subscription_failures f WHERE f.state = 'dead' LIMIT @most) AS dead;

-- name: PushForgetOldAttempts :execrows
DELETE FROM subscription_attempts WHERE attempt_no IN (SELECT a.attempt_no FROM subscription_attempts a WHERE a.at < @before ORDER BY a.at LIMIT @most);

-- name: PushForgetManyAttempts :execrows
-- PushForgetManyAttempts leaves the newest of each subscription, and takes at most so many of one at once.
DELETE FROM subscription_attempts WHERE attempt_no IN (
    SELECT a.attempt_no FROM subscriptions s, LATERAL (
        SELECT n.attempt_no FROM subscription_attempts n WHERE n.subscription_id = s.subscription_id
        ORDER BY n.attempt_no DESC LIMIT @most::integer OFFSET @keep::integer
    ) AS a
);

-- name: PushForgetDead :execrows
-- PushForgetDead forgets dead letters whose events are not kept any more: nobody can replay them.
DELETE FROM subscription_failures WHERE (subscription_id, seq) IN (
    SELECT f.subscription_id, f.seq FROM subscription_failures f
    JOIN subscriptions s USING (subscription_id)
    JOIN event_heads h ON h.treasury_id = s.treasury_id
    WHERE f.state = 'dead' AND f.seq <= h.pruned_seq LIMIT @most
);
