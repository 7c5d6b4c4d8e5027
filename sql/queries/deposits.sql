-- name: DepositInsert :copyfrom
INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, account, instrument_no, amount, sender, memo, correlation_id, offered_no, settled_no, settled_node, settled_leg, record_time, execute_before)
VALUES (@treasury_id, @deposit_id, @kind, @state, @reason, @account, @instrument_no, @amount, @sender, @memo, @correlation_id, @offered_no, @settled_no, @settled_node, @settled_leg, @record_time, @execute_before);

-- name: DepositSettle :execrows
-- DepositSettle ends an offer: with money, or without. Only an open offer can end.
UPDATE deposits d
SET state = s.state, reason = s.reason, account = nullif(s.account, ''), amount = s.amount, sender = s.sender,
    settled_no = s.settled_no, settled_node = s.settled_node, settled_leg = s.settled_leg, record_time = s.record_time
FROM (SELECT
    unnest(@correlation_ids::text[]) AS correlation_id,
    unnest(@states::text[]) AS state,
    unnest(@reasons::text[]) AS reason,
    unnest(@accounts::text[]) AS account,
    unnest(@amounts::text[])::numeric AS amount,
    unnest(@senders::text[]) AS sender,
    unnest(@settled_nos::bigint[]) AS settled_no,
    unnest(@settled_nodes::integer[]) AS settled_node,
    unnest(@settled_legs::integer[]) AS settled_leg,
    unnest(@record_times::timestamptz[]) AS record_time
) AS s
WHERE d.treasury_id = @treasury_id AND d.correlation_id = s.correlation_id AND d.state = 'offered';

-- name: DepositListOffered :many
-- DepositListOffered finds the deposits that were offered as the given chains.
SELECT d.deposit_id, d.correlation_id, d.state, d.record_time
FROM (SELECT unnest(@correlation_ids::text[]) AS correlation_id) AS n
CROSS JOIN LATERAL (SELECT * FROM deposits WHERE deposits.treasury_id = @treasury_id AND deposits.correlation_id = n.correlation_id LIMIT 1) AS d;

-- name: DepositListDecided :many
-- DepositListDecided gives what was decided about deposits, for a rebuild to keep.
SELECT deposit_id, state, reason, account FROM deposits WHERE treasury_id = @treasury_id AND deposit_id = ANY(@deposit_ids::uuid[]);

-- name: DepositTotals :many
-- DepositTotals counts deposits by how they stand now.
SELECT (CASE WHEN c.state IN ('open', 'proposed') THEN 'unattributed' ELSE coalesce(c.state, d.state) END)::text AS state,
    coalesce(c.reason, d.reason)::text AS reason, i.admin, i.instrument_id, count(*) AS deposits, sum(d.amount)::text AS total
FROM deposits d JOIN instruments i USING (instrument_no) LEFT JOIN deposit_cases c USING (treasury_id, deposit_id)
WHERE d.treasury_id = @treasury_id GROUP BY 1, 2, i.admin, i.instrument_id ORDER BY 1, 2, 3, 4;

-- name: DepositCreditedTotals :many
SELECT coalesce(account, '')::text AS account, instrument_no, sum(amount)::text AS total
FROM deposits WHERE treasury_id = @treasury_id AND state = 'credited' GROUP BY account, instrument_no ORDER BY 1, 2;

-- name: DepositSearch :many
-- DepositSearch finds deposits, whatever became of them, by what a customer can say of one.
SELECT v.deposit_id, v.kind, v.state::text AS state, v.reason, coalesce(v.account, '')::text AS account, v.instrument_admin, v.instrument_id, v.amount, v.sender, v.memo,
    coalesce(v.update_id, '')::text AS update_id, v.record_time
FROM api.deposits v
WHERE v.treasury = @treasury::text
  AND v.deposit_id IN (
    SELECT d.deposit_id FROM ledger_updates u JOIN deposits d ON d.treasury_id = u.treasury_id AND coalesce(d.settled_no, d.offered_no) = u.update_no
    WHERE @update_id::text <> '' AND u.treasury_id = @treasury_id AND u.update_id = @update_id
    UNION SELECT d.deposit_id FROM deposits d WHERE d.treasury_id = @treasury_id AND d.deposit_id = @deposit_id::uuid
    UNION (SELECT d.deposit_id FROM deposits d WHERE @sender::text <> '' AND d.treasury_id = @treasury_id AND d.sender = @sender
           ORDER BY d.record_time DESC LIMIT @most)
    UNION (SELECT d.deposit_id FROM deposits d WHERE @account::text <> '' AND d.treasury_id = @treasury_id AND d.account = @account
           ORDER BY d.record_time DESC LIMIT @most)
    UNION (SELECT c.deposit_id FROM deposit_cases c WHERE @account::text <> '' AND c.treasury_id = @treasury_id AND c.account = @account
           ORDER BY c.changed_at DESC LIMIT @most))
ORDER BY v.record_time DESC, v.deposit_id LIMIT @most;
