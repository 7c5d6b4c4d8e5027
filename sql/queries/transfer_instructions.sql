-- name: InstructionInsert :copyfrom
INSERT INTO transfer_instructions (treasury_id, contract_id, correlation_id, direction, sender, receiver, instrument_no, amount, memo, requested_at, execute_before, awaits_receiver, inputs, synchronizer_id, opened_no, opened_node, closed_no, closed_node, outcome, next_id)
VALUES (@treasury_id, @contract_id, @correlation_id, @direction, @sender, @receiver, @instrument_no, @amount, @memo, @requested_at, @execute_before, @awaits_receiver, @inputs, @synchronizer_id, @opened_no, @opened_node, @closed_no, @closed_node, @outcome, @next_id);

-- name: InstructionClose :execrows
UPDATE transfer_instructions i
SET closed_no = c.closed_no, closed_node = c.closed_node, outcome = c.outcome, next_id = nullif(c.next_id, '')
FROM (SELECT
    unnest(@contract_ids::text[]) AS contract_id,
    unnest(@closed_nos::bigint[]) AS closed_no,
    unnest(@closed_nodes::integer[]) AS closed_node,
    unnest(@outcomes::text[]) AS outcome,
    unnest(@next_ids::text[]) AS next_id
) AS c
WHERE i.treasury_id = @treasury_id AND i.contract_id = c.contract_id AND i.closed_no IS NULL;

-- name: InstructionListNamed :many
-- InstructionListNamed finds those of the given contracts that are or were instructions of the treasury.
SELECT i.contract_id, i.correlation_id, i.sender, i.receiver, i.instrument_no, i.amount, i.memo, i.requested_at, i.execute_before,
       i.awaits_receiver, i.inputs, i.closed_no
FROM (SELECT unnest(@contract_ids::text[]) AS contract_id) AS n
CROSS JOIN LATERAL (SELECT * FROM transfer_instructions WHERE transfer_instructions.treasury_id = @treasury_id AND transfer_instructions.contract_id = n.contract_id LIMIT 1) AS i;

-- name: InstructionListAllOpen :many
SELECT contract_id, correlation_id, direction, sender, receiver, instrument_no, amount, memo, execute_before, awaits_receiver, opened_no
FROM transfer_instructions WHERE treasury_id = @treasury_id AND closed_no IS NULL AND contract_id > @after_id ORDER BY contract_id LIMIT @most;

-- name: InstructionMove :execrows
UPDATE transfer_instructions i SET synchronizer_id = m.synchronizer_id
FROM (SELECT
    unnest(@contract_ids::text[]) AS contract_id,
    unnest(@synchronizer_ids::text[]) AS synchronizer_id,
    unnest(@arrived::boolean[]) AS arrived
) AS m
WHERE i.treasury_id = @treasury_id AND i.contract_id = m.contract_id AND i.closed_no IS NULL AND m.arrived;
