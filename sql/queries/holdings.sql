-- name: HoldingInsert :copyfrom
INSERT INTO holdings (treasury_id, contract_id, instrument_no, amount, lock_holders, lock_expires_at, lock_context, synchronizer_id, template_id, created_no, created_node, archived_no, archived_node)
VALUES (@treasury_id, @contract_id, @instrument_no, @amount, @lock_holders, @lock_expires_at, @lock_context, @synchronizer_id, @template_id, @created_no, @created_node, @archived_no, @archived_node);

-- name: HoldingArchive :execrows
UPDATE holdings h SET archived_no = a.archived_no, archived_node = a.archived_node
FROM (SELECT
    unnest(@contract_ids::text[]) AS contract_id,
    unnest(@archived_nos::bigint[]) AS archived_no,
    unnest(@archived_nodes::integer[]) AS archived_node
) AS a
WHERE h.treasury_id = @treasury_id AND h.contract_id = a.contract_id AND h.archived_no IS NULL;

-- name: HoldingMove :execrows
-- HoldingMove follows reassignments. Two synchronizers can tell them out of order, so the counter decides which is later.
UPDATE holdings h
SET synchronizer_id = m.synchronizer_id, in_flight = NOT m.arrived,
    reassignments = CASE WHEN m.arrived THEN m.counter ELSE m.counter - 1 END
FROM (SELECT
    unnest(@contract_ids::text[]) AS contract_id,
    unnest(@synchronizer_ids::text[]) AS synchronizer_id,
    unnest(@arrived::boolean[]) AS arrived,
    unnest(@counters::bigint[]) AS counter
) AS m
WHERE h.treasury_id = @treasury_id AND h.contract_id = m.contract_id AND h.archived_no IS NULL AND m.counter > h.reassignments;

-- name: HoldingListNamed :many
-- HoldingListNamed finds those of the given contracts that are or were holdings of the treasury. LATERAL with LIMIT makes
-- it one look-up per key, whatever the planner believes about the size of the table.
SELECT h.contract_id, h.instrument_no, h.amount, h.lock_holders, h.lock_expires_at, h.lock_context, h.archived_no
FROM (SELECT unnest(@contract_ids::text[]) AS contract_id) AS n
CROSS JOIN LATERAL (SELECT * FROM holdings WHERE holdings.treasury_id = @treasury_id AND holdings.contract_id = n.contract_id LIMIT 1) AS h;

-- name: HoldingListAllActive :many
SELECT contract_id, instrument_no, amount, lock_holders, lock_expires_at, synchronizer_id, in_flight, created_no
FROM holdings WHERE treasury_id = @treasury_id AND archived_no IS NULL AND contract_id > @after_id ORDER BY contract_id LIMIT @most;

-- name: HoldingListAllActiveAt :many
-- HoldingListAllActiveAt is HoldingListAllActive as it was after an earlier update.
SELECT contract_id, instrument_no, amount, lock_holders, lock_expires_at, synchronizer_id, in_flight, created_no
FROM holdings
WHERE treasury_id = @treasury_id AND created_no <= @at_no AND (archived_no IS NULL OR archived_no > @at_no) AND contract_id > @after_id
ORDER BY contract_id LIMIT @most;

-- name: HoldingTotals :many
SELECT instrument_no, count(*) AS holdings, sum(amount)::text AS total
FROM holdings WHERE treasury_id = @treasury_id AND archived_no IS NULL GROUP BY instrument_no ORDER BY instrument_no;
