-- Which offers are accepted. Ingestion opens and closes verdicts with their offers; Multi-Step Deposit Automation decides
-- and does them.

-- name: VerdictOpen :copyfrom
INSERT INTO offer_verdicts (treasury_id, deposit_id, instrument_no, sender, memo_key, decided_at)
VALUES (@treasury_id, @deposit_id, @instrument_no, @sender, @memo_key, @decided_at);

-- name: VerdictClose :exec
-- VerdictClose ends all work on offers that history has ended.
UPDATE offer_verdicts v
SET open = false, decided_changes = changes, decide_at = NULL, work = 'none', next_at = NULL, lease_until = NULL, prepared = NULL, signature = NULL
FROM deposits d
WHERE d.treasury_id = @treasury_id AND d.correlation_id = ANY(@correlation_ids::text[])
  AND v.treasury_id = d.treasury_id AND v.deposit_id = d.deposit_id AND v.open;

-- name: VerdictListUndecided :many
-- VerdictListUndecided lists open offers that are new, of which something has changed, or whose time has come.
SELECT v.deposit_id, v.changes, v.memo_key, v.operator_verdict, v.screening, v.work, d.amount, d.sender, d.memo, d.execute_before, d.instrument_no,
    i.listed, greatest(i.minimum_deposit, coalesce(p.minimum_offer, 0))::numeric(38, 10) AS minimum,
    coalesce(p.accept_offers, true)::boolean AS accept_offers, coalesce(p.lead_seconds, 60)::integer AS lead_seconds, coalesce(p.screen, false)::boolean AS screen,
    coalesce(a.enabled, false)::boolean AS memo_enabled, (a.memo_key IS NOT NULL)::boolean AS memo_known,
    (b.party IS NOT NULL)::boolean AS blocked, coalesce(t.awaits_receiver, false)::boolean AS awaits_receiver, coalesce(t.contract_id, '')::text AS offer_contract
FROM offer_verdicts v
JOIN deposits d ON (d.treasury_id, d.deposit_id) = (v.treasury_id, v.deposit_id)
JOIN instruments i ON i.instrument_no = d.instrument_no
LEFT JOIN deposit_policies p ON p.instrument_no = d.instrument_no
LEFT JOIN deposit_accounts a ON (a.treasury_id, a.memo_key) = (v.treasury_id, v.memo_key)
LEFT JOIN blocked_senders b ON (b.treasury_id, b.party) = (v.treasury_id, v.sender)
LEFT JOIN transfer_instructions t ON t.treasury_id = v.treasury_id AND t.correlation_id = d.correlation_id AND t.closed_no IS NULL
WHERE v.treasury_id = @treasury_id AND v.open AND (v.changes > v.decided_changes OR v.decide_at <= @ledger_time)
ORDER BY v.deposit_id LIMIT @most;

-- name: VerdictDecide :execrows
-- VerdictDecide writes verdicts, and what is to be done by them. What is under way goes on.
UPDATE offer_verdicts v
SET verdict = s.verdict, reason = s.reason, decided_at = @now, decided_changes = s.changes, decide_at = s.decide_at, contract_id = s.contract_id,
    work = CASE WHEN s.verdict NOT IN ('accept', 'reject') THEN CASE WHEN v.work = 'submitted' THEN v.work ELSE 'none' END
                WHEN v.work IN ('submitted', 'given_up') AND v.contract_id = s.contract_id AND v.verdict = s.verdict THEN v.work ELSE 'due' END,
    tries = CASE WHEN v.contract_id = s.contract_id AND v.verdict = s.verdict THEN v.tries ELSE 0 END,
    next_at = CASE WHEN v.work = 'submitted' THEN v.next_at ELSE @now END
FROM (SELECT
    unnest(@deposit_ids::uuid[]) AS deposit_id,
    unnest(@verdicts::text[]) AS verdict,
    unnest(@reasons::text[]) AS reason,
    unnest(@contract_ids::text[]) AS contract_id,
    unnest(@changes::bigint[]) AS changes,
    unnest(@decide_ats::timestamptz[]) AS decide_at
) AS s
WHERE v.treasury_id = @treasury_id AND v.deposit_id = s.deposit_id AND v.open;
