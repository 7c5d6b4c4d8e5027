-- Subscriptions as their owners see and change them. Delivering is the dispatcher's.

-- name: DoorSubscriptionTurn :exec
-- DoorSubscriptionTurn has one request at a time make a subscription for an owner, so that they can be counted.
SELECT pg_advisory_xact_lock(1296387410, hashtext(@owner::text));

-- name: DoorSubscriptionCount :one
SELECT count(*) FROM subscriptions WHERE treasury_id = @treasury_id AND owner = @owner;

-- name: DoorSubscriptionInsert :exec
INSERT INTO subscriptions (subscription_id, treasury_id, owner, name, url, types, accounts, subjects, instrument_nos, withheld, ordered, batch, per_second,
    max_backlog, state, cursor_seq, next_at, created_at, changed_at)
VALUES (@subscription_id, @treasury_id, @owner, @name, @url, @types, @accounts, @subjects, @instrument_nos, @withheld, @ordered, @batch, @per_second,
    @max_backlog, 'pending', @cursor_seq, @now, @now, @now);

-- name: DoorSubscriptionPage :many
-- DoorSubscriptionPage reads subscriptions of an owner, or of all, the newest first.
SELECT s.subscription_id, s.owner, s.name, s.url, s.types, s.accounts, s.subjects, s.instrument_nos, s.withheld, s.ordered, s.batch, s.per_second, s.max_backlog,
    s.state, s.reason, s.secret_no, s.salt, s.previous_until, s.cursor_seq, s.tries, s.failing_since, s.created_at, s.changed_at, coalesce(h.seq, 0)::bigint AS head,
    (SELECT count(*) FROM subscription_failures f WHERE f.subscription_id = s.subscription_id AND f.state = 'waiting') AS waiting,
    (SELECT count(*) FROM subscription_failures f WHERE f.subscription_id = s.subscription_id AND f.state = 'dead') AS dead
FROM subscriptions s LEFT JOIN event_heads h USING (treasury_id)
WHERE s.treasury_id = @treasury_id AND (@every::boolean OR s.owner = @owner::text) AND (@one_id::text = '' OR s.subscription_id = @one_id::text)
    AND (@before_id::text = '' OR (s.created_at, s.subscription_id) < (@before_at::timestamptz, @before_id::text))
ORDER BY s.created_at DESC, s.subscription_id DESC LIMIT @most;

-- name: DoorSubscriptionLock :exec
SELECT FROM subscriptions WHERE treasury_id = @treasury_id AND subscription_id = @subscription_id FOR UPDATE;

-- name: DoorSubscriptionChange :exec
-- DoorSubscriptionChange sets what an owner may. A state or URL that is another one takes the work from whoever is at it,
-- so that what they find of the old one says nothing about the new one; so does another place to go on from. What failed in
-- one order says nothing about the other. changed_at tells all settings apart that there were.
UPDATE subscriptions SET name = @name, url = @url, types = @types, accounts = @accounts, subjects = @subjects, instrument_nos = @instrument_nos,
    withheld = @withheld, ordered = @ordered, batch = @batch, per_second = @per_second, max_backlog = @max_backlog,
    changed_at = greatest(@now, changed_at + interval '1 microsecond'),
    lease_epoch = CASE WHEN @anew::boolean THEN lease_epoch + 1 ELSE lease_epoch END,
    lease_owner = CASE WHEN @anew::boolean THEN '' ELSE lease_owner END,
    lease_until = CASE WHEN @anew::boolean THEN '-infinity' ELSE lease_until END,
    state = CASE WHEN @anew::boolean THEN @state::text ELSE state END, reason = CASE WHEN @anew::boolean THEN '' ELSE reason END,
    tries = CASE WHEN @anew::boolean OR ordered <> @ordered THEN 0 ELSE tries END,
    next_at = CASE WHEN @anew::boolean OR ordered <> @ordered THEN @now ELSE next_at END,
    failing_since = CASE WHEN @anew::boolean OR ordered <> @ordered THEN NULL ELSE failing_since END,
    cursor_seq = coalesce(sqlc.narg(cursor_seq), cursor_seq), warned_backlog = warned_backlog AND sqlc.narg(cursor_seq)::bigint IS NULL
WHERE subscription_id = @subscription_id;

-- name: DoorSubscriptionRotate :exec
UPDATE subscriptions SET secret_no = secret_no + 1, previous_salt = salt, salt = gen_random_uuid(), previous_until = @previous_until, changed_at = greatest(@now, changed_at + interval '1 microsecond')
WHERE subscription_id = @subscription_id;

-- name: DoorSubscriptionDelete :exec
DELETE FROM subscriptions WHERE subscription_id = @subscription_id;

-- name: DoorTestEvent :exec
INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
VALUES (@treasury_id, @event_id, 'subscription.test', @subscription_id::text, 0, jsonb_build_object('subscriptionId', @subscription_id::text), @now);

-- name: DoorFailures :many
SELECT f.seq, f.state, f.tries, f.first_failed_at, f.next_at, f.reason, coalesce(l.event_id, '00000000-0000-0000-0000-000000000000')::uuid AS event_id, coalesce(l.type, '')::text AS type, coalesce(l.subject, '')::text AS subject
FROM subscription_failures f JOIN subscriptions s USING (subscription_id) LEFT JOIN event_log l ON (l.treasury_id, l.seq) = (s.treasury_id, f.seq)
WHERE f.subscription_id = @subscription_id AND f.seq > @after AND (@state::text = '' OR f.state = @state::text) ORDER BY f.seq LIMIT @most;

-- name: DoorAttempts :many
SELECT attempt_no, first_seq, last_seq, events, at, took_ms, status, outcome, detail FROM subscription_attempts
WHERE subscription_id = @subscription_id AND (@before::bigint = 0 OR attempt_no < @before::bigint) ORDER BY attempt_no DESC LIMIT @most;

-- name: DoorEventsOf :many
SELECT seq, type, subject, account, instrument_no FROM event_log WHERE treasury_id = @treasury_id AND event_id = ANY (@ids::uuid[]) ORDER BY seq;

-- name: DoorEventsBetween :many
SELECT seq, type, subject, account, instrument_no FROM event_log
WHERE treasury_id = @treasury_id AND seq BETWEEN @first_seq::bigint AND @last_seq::bigint ORDER BY seq LIMIT @most;

-- name: DoorReplay :execrows
-- DoorReplay has events told again that were told, or given up.
INSERT INTO subscription_failures (subscription_id, seq, state, tries, first_failed_at, next_at, reason)
SELECT @subscription_id, seq, 'waiting', 0, @now, @now, 'replayed' FROM unnest(@seqs::bigint[]) AS seq
ON CONFLICT (subscription_id, seq) DO UPDATE SET state = 'waiting', tries = 0, next_at = excluded.next_at;

-- name: DoorReplayDead :one
WITH again AS (
    UPDATE subscription_failures a SET state = 'waiting', tries = 0, next_at = @now
    WHERE a.subscription_id = @subscription_id AND a.seq IN (
        SELECT f.seq FROM subscription_failures f WHERE f.subscription_id = @subscription_id AND f.state = 'dead' ORDER BY f.seq LIMIT @most)
    RETURNING a.seq
)
SELECT count(*)::bigint AS events, coalesce(max(seq), 0)::bigint AS last FROM again;
