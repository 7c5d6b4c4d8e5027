-- name: TransferInsert :copyfrom
INSERT INTO transfers (treasury_id, update_no, node_id, leg, direction, status, evidence, sender, receiver, instrument_no, amount, memo, correlation_id, instruction_id, next_id, requested_at, execute_before)
VALUES (@treasury_id, @update_no, @node_id, @leg, @direction, @status, @evidence, @sender, @receiver, @instrument_no, @amount, @memo, @correlation_id, @instruction_id, @next_id, @requested_at, @execute_before);

-- name: TransferList :many
SELECT t.*, u.update_id, u.record_time
FROM transfers t JOIN ledger_updates u USING (treasury_id, update_no)
WHERE t.treasury_id = @treasury_id ORDER BY t.update_no, t.node_id, t.leg;
