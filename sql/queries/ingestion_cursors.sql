-- name: CursorFind :one
SELECT * FROM ingestion_cursors WHERE treasury_id = @treasury_id;

-- name: CursorCreate :exec
INSERT INTO ingestion_cursors (treasury_id, participant_id, ledger_offset, update_no, update_id, origin_offset, node_since_no, epoch, derivation_version, updated_at)
VALUES (@treasury_id, @participant_id, @origin_offset, 0, '', @origin_offset, 0, 0, @derivation_version, @now);

-- name: CursorTakeOver :one
-- CursorTakeOver fences off every earlier writer of the treasury.
UPDATE ingestion_cursors SET epoch = epoch + 1, updated_at = @now WHERE treasury_id = @treasury_id
RETURNING *;

-- name: CursorAdvance :execrows
-- CursorAdvance is the fence: it changes no row if another writer took over or already applied these updates.
UPDATE ingestion_cursors
SET ledger_offset = @to_offset, update_no = @to_no, update_id = @last_update_id, updated_at = @now
WHERE treasury_id = @treasury_id AND epoch = @epoch AND ledger_offset = @from_offset AND update_no = @from_no;

-- name: CursorLock :one
-- CursorLock keeps the writer out while the derived tables are compared or rebuilt.
SELECT * FROM ingestion_cursors WHERE treasury_id = @treasury_id FOR UPDATE;

-- name: CursorSetDerivation :exec
UPDATE ingestion_cursors SET derivation_version = @derivation_version, epoch = epoch + 1 WHERE treasury_id = @treasury_id;

-- name: CursorMoveNode :exec
-- CursorMoveNode points the cursor at another node, or at the same node after a restore, at the offset that
-- corresponds to what is already ingested.
UPDATE ingestion_cursors
SET participant_id = @participant_id, ledger_offset = @ledger_offset, origin_offset = least(origin_offset, @ledger_offset), node_since_no = update_no, halted = '', epoch = epoch + 1, updated_at = @now
WHERE treasury_id = @treasury_id;

-- name: CursorHalt :exec
UPDATE ingestion_cursors SET halted = @reason, updated_at = @now WHERE treasury_id = @treasury_id AND halted = '';
