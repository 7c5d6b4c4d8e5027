-- Which offers are accepted. Ingestion opens and closes verdicts with their offers; Multi-Step Deposit Automation decides
-- and does them. Whoever writes several verdicts in one statement locks them by their ids first: two who took them in
-- different orders would wait for each other.

-- name: VerdictOpen :copyfrom
INSERT INTO offer_verdicts (treasury_id, deposit_id, instrument_no, sender, memo_key, decided_at)
VALUES (@treasury_id, @deposit_id, @instrument_no, @sender, @memo_key, @decided_at);

-- name: VerdictClose :exec
-- VerdictClose ends all work on offers that history has ended.
UPDATE offer_verdicts v
SET open = false, decided_changes = changes, decide_at = NULL, work = 'none', next_at = NULL, lease_until = NULL, prepared = NULL, signature = NULL
FROM (
    SELECT x.deposit_id FROM deposits d JOIN offer_verdicts x ON (x.treasury_id, x.deposit_id) = (d.treasury_id, d.deposit_id)
    WHERE d.treasury_id = @treasury_id AND d.correlation_id = ANY(@correlation_ids::text[]) AND x.open
    ORDER BY x.deposit_id FOR NO KEY UPDATE OF x
) AS ended
WHERE v.treasury_id = @treasury_id AND v.deposit_id = ended.deposit_id AND v.open;

-- name: VerdictFindUndecided :many
-- VerdictFindUndecided finds open offers that are new, of which something has changed, whose time has come, or whose first
-- verdict may rest on what was being changed just then. Those come first that were never decided: a new one does not wait
-- for the many of which one policy has changed.
(SELECT v.deposit_id FROM offer_verdicts v
 WHERE v.treasury_id = @treasury_id AND v.open AND v.changes > v.decided_changes
 ORDER BY v.decided_changes, v.deposit_id LIMIT @most)
UNION ALL
(SELECT v.deposit_id FROM offer_verdicts v
 WHERE v.treasury_id = @treasury_id AND v.open AND v.decide_at <= @ledger_time AND v.changes = v.decided_changes
 ORDER BY v.decide_at LIMIT @most)
UNION ALL
(SELECT v.deposit_id FROM offer_verdicts v
 WHERE v.treasury_id = @treasury_id AND v.open AND v.doubted_until <= pg_snapshot_xmin(pg_current_snapshot()) AND v.changes = v.decided_changes
 ORDER BY v.doubted_until LIMIT @most);

-- name: VerdictListGrounds :many
-- VerdictListGrounds lists all on which the verdicts of offers rest. They are certain when everything has ended that was
-- under way at the first verdict.
SELECT v.deposit_id, v.changes, (v.decided_changes > 0 AND coalesce(v.doubted_until <= pg_snapshot_xmin(pg_current_snapshot()), true))::boolean AS certain, v.memo_key, v.operator_verdict, coalesce(s.result, '')::text AS screening, v.work, d.amount, d.sender, d.memo, d.execute_before, d.instrument_no,
    i.listed, greatest(i.minimum_deposit, coalesce(p.minimum_offer, 0))::numeric(38, 10) AS minimum,
    coalesce(p.accept_offers, true)::boolean AS accept_offers, coalesce(p.lead_seconds, 60)::integer AS lead_seconds, coalesce(p.screen, false)::boolean AS screen,
    coalesce(a.enabled, false)::boolean AS memo_enabled, (a.memo_key IS NOT NULL)::boolean AS memo_known,
    (b.party IS NOT NULL)::boolean AS blocked, coalesce(t.awaits_receiver, false)::boolean AS awaits_receiver, coalesce(t.contract_id, '')::text AS offer_contract
FROM offer_verdicts v
JOIN LATERAL (SELECT * FROM deposits x WHERE (x.treasury_id, x.deposit_id) = (v.treasury_id, v.deposit_id) LIMIT 1) AS d ON true
JOIN instruments i ON i.instrument_no = d.instrument_no
LEFT JOIN deposit_policies p ON p.instrument_no = d.instrument_no
LEFT JOIN deposit_accounts a ON (a.treasury_id, a.memo_key) = (v.treasury_id, v.memo_key)
LEFT JOIN screenings s ON (s.treasury_id, s.deposit_id) = (v.treasury_id, v.deposit_id)
LEFT JOIN blocked_senders b ON (b.treasury_id, b.party) = (v.treasury_id, v.sender)
LEFT JOIN LATERAL (
    SELECT * FROM transfer_instructions x WHERE x.treasury_id = v.treasury_id AND x.correlation_id = d.correlation_id AND x.closed_no IS NULL LIMIT 1
) AS t ON true
WHERE v.treasury_id = @treasury_id AND v.deposit_id = ANY(@deposit_ids::uuid[]) AND v.open
ORDER BY v.deposit_id;

-- name: VerdictList :many
-- VerdictList is what an operator sees: open offers, those first that end first.
SELECT v.deposit_id, v.verdict, v.reason, v.work, v.tries, v.detail, d.amount, d.sender, d.memo, d.execute_before, i.admin, i.instrument_id
FROM offer_verdicts v
JOIN deposits d ON (d.treasury_id, d.deposit_id) = (v.treasury_id, v.deposit_id)
JOIN instruments i ON i.instrument_no = d.instrument_no
WHERE v.treasury_id = @treasury_id AND v.open AND v.verdict = ANY(@verdicts::text[])
ORDER BY d.execute_before, v.deposit_id LIMIT @most;

-- name: VerdictDecide :execrows
-- VerdictDecide writes verdicts, and what is to be done by them. What is under way goes on. Who has read
-- older grounds, or uncertain ones, does not write over a verdict on newer or certain ones.
UPDATE offer_verdicts v
SET verdict = s.verdict, reason = s.reason, decided_at = @now, decided_changes = s.changes, decide_at = s.decide_at, contract_id = s.contract_id,
    work = CASE WHEN s.verdict NOT IN ('accept', 'reject') THEN CASE WHEN v.work = 'submitted' THEN v.work ELSE 'none' END
                WHEN v.work IN ('submitted', 'given_up') AND v.contract_id = s.contract_id AND v.verdict = s.verdict THEN v.work ELSE 'due' END,
    tries = CASE WHEN v.contract_id = s.contract_id AND v.verdict = s.verdict THEN v.tries ELSE 0 END,
    next_at = CASE WHEN v.work = 'submitted' THEN v.next_at ELSE @now END,
    doubted_until = CASE WHEN v.decided_changes = 0 THEN pg_snapshot_xmax(pg_current_snapshot()) WHEN s.certain THEN NULL ELSE v.doubted_until END
FROM (SELECT
    unnest(@deposit_ids::uuid[]) AS deposit_id,
    unnest(@verdicts::text[]) AS verdict,
    unnest(@reasons::text[]) AS reason,
    unnest(@contract_ids::text[]) AS contract_id,
    unnest(@changes::bigint[]) AS changes,
    unnest(@certain::boolean[]) AS certain,
    unnest(@decide_ats::timestamptz[]) AS decide_at
) AS s
JOIN (
    SELECT x.deposit_id FROM offer_verdicts x
    WHERE x.treasury_id = @treasury_id AND x.deposit_id = ANY(@deposit_ids::uuid[]) AND x.open
    ORDER BY x.deposit_id FOR NO KEY UPDATE
) AS mine ON mine.deposit_id = s.deposit_id
WHERE v.treasury_id = @treasury_id AND v.deposit_id = s.deposit_id AND v.open AND s.changes >= v.decided_changes
  AND (s.certain OR v.decided_changes = 0 OR v.doubted_until IS NOT NULL);

-- name: OfferClaim :many
-- OfferClaim takes up what is due and not in another worker's hands.
UPDATE offer_verdicts v SET lease_epoch = v.lease_epoch + 1, lease_until = @lease_until
FROM (
    SELECT o.deposit_id FROM offer_verdicts o
    WHERE o.treasury_id = @treasury_id AND o.open AND o.work IN ('due', 'submitted') AND o.next_at <= @now
      AND (o.lease_until IS NULL OR o.lease_until <= @now)
    ORDER BY o.next_at LIMIT @most FOR UPDATE SKIP LOCKED
) AS due
JOIN deposits d ON d.treasury_id = @treasury_id AND d.deposit_id = due.deposit_id
WHERE v.treasury_id = @treasury_id AND v.deposit_id = due.deposit_id
RETURNING v.deposit_id, v.instrument_no, v.verdict, v.work, v.tries, v.detail, v.outcome, v.lease_epoch, v.target_record_time, v.submission_id, v.command_id,
    v.hashing_scheme, v.transaction_hash, v.prepared, v.signature, coalesce(d.correlation_id, '')::text AS correlation_id;

-- name: OfferSubmit :execrows
-- OfferSubmit is the step after which an answer to the offer may be under way. What has changed since the verdict forbids
-- it, and a freeze, however fresh.
UPDATE offer_verdicts v
SET work = 'submitted', detail = '', outcome = '', next_at = @next_at, lease_until = NULL, target_record_time = @target_record_time,
    command_id = @command_id, submission_id = @submission_id, hashing_scheme = @hashing_scheme, transaction_hash = @transaction_hash,
    prepared = @prepared, signature = @signature
WHERE v.treasury_id = @treasury_id AND v.deposit_id = @deposit_id AND v.open AND v.lease_epoch = @lease_epoch AND v.work IN ('due', 'submitted')
  AND v.verdict = @verdict AND v.changes = v.decided_changes
  AND NOT EXISTS (SELECT FROM withdrawal_freezes f WHERE f.treasury_id = v.treasury_id AND f.instrument_no IN (0, v.instrument_no));

-- name: OfferPostpone :execrows
-- OfferPostpone says when to look again, or that there is no more to be done.
UPDATE offer_verdicts SET work = @work, tries = @tries, detail = @detail, outcome = @outcome, next_at = @next_at, lease_until = NULL
WHERE treasury_id = @treasury_id AND deposit_id = @deposit_id AND open AND lease_epoch = @lease_epoch AND work = @was AND verdict = @verdict;

-- name: OfferRelease :exec
-- OfferRelease gives back what the worker knows to be otherwise than it was claimed.
UPDATE offer_verdicts SET lease_until = NULL, next_at = greatest(next_at, @next_at::timestamptz)
WHERE treasury_id = @treasury_id AND deposit_id = @deposit_id AND open AND lease_epoch = @lease_epoch;

-- name: OfferReconsider :execrows
-- OfferReconsider has a verdict decided again, because its contract is another one.
UPDATE offer_verdicts SET changes = changes + 1, work = 'none', next_at = NULL, lease_until = NULL
WHERE treasury_id = @treasury_id AND deposit_id = @deposit_id AND open AND lease_epoch = @lease_epoch;

-- name: OfferRetry :execrows
UPDATE offer_verdicts SET work = 'due', tries = 0, next_at = @now
WHERE treasury_id = @treasury_id AND deposit_id = @deposit_id AND open AND work = 'given_up';

-- name: VerdictSay :execrows
-- VerdictSay stores what an operator says of an offer; nothing takes it back.
UPDATE offer_verdicts SET operator_verdict = nullif(@verdict::text, ''), operator = @operator, note = @note, changes = changes + 1
WHERE treasury_id = @treasury_id AND deposit_id = @deposit_id AND open;

-- name: VerdictCountOpen :many
SELECT verdict, reason, work, count(*) AS offers, min(decided_at)::timestamptz AS oldest
FROM offer_verdicts WHERE treasury_id = @treasury_id AND open GROUP BY verdict, reason, work ORDER BY 1, 2, 3;

-- name: DepositPolicySet :exec
INSERT INTO deposit_policies (instrument_no, accept_offers, minimum_offer, lead_seconds, window_seconds, max_tries, screen, credit_delay_seconds, confirm_from)
VALUES (@instrument_no, @accept_offers, @minimum_offer, @lead_seconds, @window_seconds, @max_tries, @screen, @credit_delay_seconds, @confirm_from)
ON CONFLICT (instrument_no) DO UPDATE SET accept_offers = excluded.accept_offers, minimum_offer = excluded.minimum_offer,
    lead_seconds = excluded.lead_seconds, window_seconds = excluded.window_seconds, max_tries = excluded.max_tries, screen = excluded.screen,
    credit_delay_seconds = excluded.credit_delay_seconds, confirm_from = excluded.confirm_from;

-- name: DepositPolicyList :many
SELECT p.*, i.admin, i.instrument_id FROM deposit_policies p JOIN instruments i USING (instrument_no) ORDER BY p.instrument_no;

-- name: SenderBlock :exec
INSERT INTO blocked_senders (treasury_id, party, reason, blocked_at) VALUES (@treasury_id, @party, @reason, @blocked_at)
ON CONFLICT (treasury_id, party) DO UPDATE SET reason = excluded.reason, blocked_at = excluded.blocked_at;

-- name: SenderListBlocked :many
-- SenderListBlocked says which of the parties are blocked.
SELECT party FROM blocked_senders WHERE treasury_id = @treasury_id AND party = ANY(@parties::text[]);

-- name: SenderUnblock :execrows
DELETE FROM blocked_senders WHERE treasury_id = @treasury_id AND party = @party;
