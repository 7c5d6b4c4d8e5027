-- name: UpdateInsert :copyfrom
INSERT INTO ledger_updates (treasury_id, update_no, update_id, kind, ledger_offset, record_time, synchronizer_id, command_id, transaction_hash, traffic_cost, ingested_at)
VALUES (@treasury_id, @update_no, @update_id, @kind, @ledger_offset, @record_time, @synchronizer_id, @command_id, @transaction_hash, @traffic_cost, @ingested_at);

-- name: UpdateBodyInsert :copyfrom
INSERT INTO ledger_update_bodies (treasury_id, update_no, body) VALUES (@treasury_id, @update_no, @body);

-- name: UpdateListRecent :many
-- UpdateListRecent gives what to ask the node about at start: whether its history is still ours.
SELECT update_no, update_id, ledger_offset, synchronizer_id FROM ledger_updates
WHERE treasury_id = @treasury_id AND kind <> 'snapshot' ORDER BY update_no DESC LIMIT @most;

-- name: UpdateListBodies :many
SELECT u.update_no, u.update_id, u.kind, u.ledger_offset, b.body
FROM ledger_updates u
LEFT JOIN ledger_update_bodies b USING (treasury_id, update_no)
WHERE u.treasury_id = @treasury_id AND u.update_no > @after_no
ORDER BY u.update_no LIMIT @most;

-- name: UpdateKnown :many
-- UpdateKnown finds updates that were ingested before, from this node or another.
SELECT update_id FROM ledger_updates WHERE treasury_id = @treasury_id AND update_id = ANY(@update_ids::text[]);

-- name: UpdateCount :one
SELECT count(*) FROM ledger_updates WHERE treasury_id = @treasury_id AND kind <> 'snapshot';

-- name: UpdateBodyDeleteBefore :execrows
DELETE FROM ledger_update_bodies b USING ledger_updates u
WHERE b.treasury_id = @treasury_id AND u.treasury_id = b.treasury_id AND u.update_no = b.update_no AND u.ingested_at < @before;
