-- The order of events: the outbox is numbered by one at a time, and what has a number is only ever read.

-- name: SequencerLock :one
-- SequencerLock makes the caller the one who numbers; there is no row while another one is.
SELECT s.identity, CAST(s.xid AS text) AS at_xid, s.event_no, CAST(database_identity() AS text) AS identity_now,
    CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS settled_xid, CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS next_xid
FROM event_sequencer s FOR UPDATE SKIP LOCKED;

-- name: SequencerAdvance :exec
UPDATE event_sequencer SET identity = database_identity(), xid = CAST(CAST(@at_xid AS text) AS xid8), event_no = @event_no;

-- name: SequencerSettle :exec
-- SequencerSettle ends the search of another life: all from before settled_xid has a number. It must be what the search
-- went by, since by now more may be certain.
UPDATE event_sequencer SET identity = database_identity(), xid = CAST(CAST(@settled_xid AS text) AS xid8), event_no = 0;

-- name: OutboxNext :many
-- OutboxNext reads what is to be numbered next, in the order of the outbox, with what the ledger says of it. An event that
-- has a number stays as it is.
SELECT CAST(e.xid AS text) AS at_xid, e.event_no, e.treasury_id, t.party, e.event_id, e.type, e.subject, e.payload, e.created_at,
    coalesce(e.payload->>'account', '')::text AS account, coalesce(i.instrument_no, 0)::integer AS instrument_no,
    coalesce(u.update_id, '')::text AS update, u.record_time, coalesce(u.synchronizer_id, '')::text AS synchronizer,
    coalesce(u.ledger_offset, 0)::bigint AS at_offset, coalesce(c.participant_id, '')::text AS participant,
    coalesce(x.node_id, -1)::integer AS node, coalesce(x.leg, 0)::integer AS leg, coalesce(x.status, '')::text AS status,
    coalesce(x.sender, '')::text AS sent_by, coalesce(x.receiver, '')::text AS sent_to, coalesce(x.amount, 0)::numeric AS moved, x.memo,
    coalesce(x.correlation_id, '')::text AS correlation, coalesce(xi.admin, '')::text AS token_admin, coalesce(xi.instrument_id, '')::text AS token_id
FROM events e
JOIN treasuries t USING (treasury_id)
LEFT JOIN instruments i ON (i.admin, i.instrument_id) = (e.payload->>'instrumentAdmin', e.payload->>'instrumentId')
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_id) = (e.treasury_id, e.payload->'evidence'->>'updateId')
LEFT JOIN ingestion_cursors c ON c.treasury_id = e.treasury_id AND u.update_no > c.node_since_no
LEFT JOIN LATERAL ( -- of several legs the one that the event is about, or none: another one would be false evidence
    SELECT * FROM (
        SELECT x.*, count(*) OVER () AS legs FROM transfers x
        WHERE (x.treasury_id, x.update_no, x.node_id) = (u.treasury_id, u.update_no, (e.payload->'evidence'->>'nodeId')::integer)
            AND x.instrument_no = i.instrument_no
            AND CASE WHEN e.type LIKE 'deposit.%'
                THEN x.direction = 'in' AND x.sender = coalesce(e.payload->>'sender', '') AND x.memo IS NOT DISTINCT FROM e.payload->>'memo'
                ELSE x.direction <> 'in' AND x.receiver = e.payload->>'receiver' END
    ) AS fitting
    WHERE fitting.amount::text = e.payload->>'amount' OR fitting.legs = 1
    ORDER BY fitting.amount::text = e.payload->>'amount' DESC, fitting.leg LIMIT 1
) x ON true
LEFT JOIN instruments xi ON xi.instrument_no = x.instrument_no
WHERE (e.xid, e.event_no) > (CAST(CAST(@after_xid AS text) AS xid8), @after_no::bigint) AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
    AND NOT EXISTS (SELECT FROM event_log l WHERE (l.treasury_id, l.event_id) = (e.treasury_id, e.event_id))
ORDER BY e.xid, e.event_no LIMIT @most;

-- name: OutboxOfAnotherLife :many
-- OutboxOfAnotherLife finds what has no number in a database that was put back, or came from another server: what another
-- server wrote is certain, whatever its transaction's number here.
SELECT CAST(e.xid AS text) AS at_xid, e.event_no, e.treasury_id, t.party, e.event_id, e.type, e.subject, e.payload, e.created_at,
    coalesce(e.payload->>'account', '')::text AS account, coalesce(i.instrument_no, 0)::integer AS instrument_no,
    coalesce(u.update_id, '')::text AS update, u.record_time, coalesce(u.synchronizer_id, '')::text AS synchronizer,
    coalesce(u.ledger_offset, 0)::bigint AS at_offset, coalesce(c.participant_id, '')::text AS participant,
    coalesce(x.node_id, -1)::integer AS node, coalesce(x.leg, 0)::integer AS leg, coalesce(x.status, '')::text AS status,
    coalesce(x.sender, '')::text AS sent_by, coalesce(x.receiver, '')::text AS sent_to, coalesce(x.amount, 0)::numeric AS moved, x.memo,
    coalesce(x.correlation_id, '')::text AS correlation, coalesce(xi.admin, '')::text AS token_admin, coalesce(xi.instrument_id, '')::text AS token_id
FROM events e
JOIN treasuries t USING (treasury_id)
LEFT JOIN instruments i ON (i.admin, i.instrument_id) = (e.payload->>'instrumentAdmin', e.payload->>'instrumentId')
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_id) = (e.treasury_id, e.payload->'evidence'->>'updateId')
LEFT JOIN ingestion_cursors c ON c.treasury_id = e.treasury_id AND u.update_no > c.node_since_no
LEFT JOIN LATERAL ( -- of several legs the one that the event is about, or none: another one would be false evidence
    SELECT * FROM (
        SELECT x.*, count(*) OVER () AS legs FROM transfers x
        WHERE (x.treasury_id, x.update_no, x.node_id) = (u.treasury_id, u.update_no, (e.payload->'evidence'->>'nodeId')::integer)
            AND x.instrument_no = i.instrument_no
            AND CASE WHEN e.type LIKE 'deposit.%'
                THEN x.direction = 'in' AND x.sender = coalesce(e.payload->>'sender', '') AND x.memo IS NOT DISTINCT FROM e.payload->>'memo'
                ELSE x.direction <> 'in' AND x.receiver = e.payload->>'receiver' END
    ) AS fitting
    WHERE fitting.amount::text = e.payload->>'amount' OR fitting.legs = 1
    ORDER BY fitting.amount::text = e.payload->>'amount' DESC, fitting.leg LIMIT 1
) x ON true
LEFT JOIN instruments xi ON xi.instrument_no = x.instrument_no
WHERE (e.xid < CAST(CAST(@settled_xid AS text) AS xid8) OR e.xid >= CAST(CAST(@next_xid AS text) AS xid8))
    AND NOT EXISTS (SELECT FROM event_log l WHERE (l.treasury_id, l.event_id) = (e.treasury_id, e.event_id))
ORDER BY e.event_no LIMIT @most;

-- name: EventHeads :many
SELECT treasury_id, seq, chain FROM event_heads WHERE treasury_id = ANY (@treasuries::integer[]) FOR UPDATE;

-- name: EventHeadMove :exec
INSERT INTO event_heads (treasury_id, seq, chain) VALUES (@treasury_id, @seq, @chain)
ON CONFLICT (treasury_id) DO UPDATE SET seq = excluded.seq, chain = excluded.chain;

-- name: EventLogInsert :copyfrom
INSERT INTO event_log (treasury_id, seq, event_id, type, subject, account, instrument_no, logged_at, body, event_no, chain)
VALUES (@treasury_id, @seq, @event_id, @type, @subject, @account, @instrument_no, @logged_at, @body, @event_no, @chain);

-- name: EventLogPage :many
SELECT seq, event_id, type, subject, account, instrument_no, body, chain FROM event_log
WHERE treasury_id = @treasury_id AND seq > @after ORDER BY seq LIMIT @most;

-- name: EventLogHead :one
SELECT seq, chain, pruned_seq FROM event_heads WHERE treasury_id = @treasury_id;

-- name: EventLogPlace :one
-- EventLogPlace is the chain of the event at a place, where it is kept, how far the events go, and what follows: by that a
-- place can be known whose own event is not kept any more.
SELECT h.seq AS head, h.chain AS head_chain, h.pruned_seq, l.chain, n.event_id AS next_id, n.chain AS next_chain
FROM event_heads h
LEFT JOIN event_log l ON l.treasury_id = h.treasury_id AND l.seq = @seq
LEFT JOIN event_log n ON n.treasury_id = h.treasury_id AND n.seq = @next_seq
WHERE h.treasury_id = @treasury_id;

-- name: EventLogHeads :many
SELECT treasury_id, seq, chain FROM event_heads;

-- name: EventLogByID :one
SELECT seq, event_id, type, subject, account, instrument_no, body, chain FROM event_log WHERE treasury_id = @treasury_id AND event_id = @event_id;

-- name: EventLogPrune :one
-- EventLogPrune forgets what is older than it is kept, the outbox's row with it, at most so many at once. A row of the
-- outbox without one of the log would be numbered again in another life of the database. What comes after one that is kept
-- is kept too, whatever the clock was when it was numbered: there is no gap.
WITH old AS (
    SELECT o.treasury_id, o.seq, o.event_id, o.event_no FROM (
        SELECT l.treasury_id, l.seq, l.event_id, l.event_no, bool_and(l.logged_at < @before) OVER (ORDER BY l.seq) AS all_old
        FROM event_log l WHERE l.treasury_id = @treasury_id ORDER BY l.seq LIMIT @most
    ) AS o WHERE o.all_old
), gone AS (
    DELETE FROM event_log l USING old WHERE (l.treasury_id, l.seq) = (old.treasury_id, old.seq) RETURNING l.seq
), outbox AS (
    DELETE FROM events e USING old WHERE e.event_no = old.event_no AND e.event_id = old.event_id
), head AS (
    UPDATE event_heads h SET pruned_seq = greatest(h.pruned_seq, (SELECT max(gone.seq) FROM gone))
    WHERE h.treasury_id = @treasury_id AND EXISTS (SELECT FROM gone)
)
SELECT count(*)::bigint AS pruned FROM gone;

-- name: OutboxWaits :one
-- OutboxWaits is the next event of the outbox that waits for its place; there is no row if none does. In a database that was
-- just put back that is not known.
SELECT e.event_no FROM events e, event_sequencer s
WHERE s.identity = database_identity() AND (e.xid, e.event_no) > (s.xid, s.event_no)
    AND NOT EXISTS (SELECT FROM event_log l WHERE (l.treasury_id, l.event_id) = (e.treasury_id, e.event_id))
ORDER BY e.xid, e.event_no LIMIT 1;

-- name: OldestTransaction :one
-- OldestTransaction is the one that all who read in the order of transactions wait for.
SELECT CAST(oldest_transaction() AS jsonb) AS transaction;
