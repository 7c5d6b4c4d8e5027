-- Money that arrived without being credited: what holds it, who waits for it, and what was decided.

-- name: CaseOpen :exec
-- CaseOpen begins the cases of deposits that arrived in a batch and were not credited.
INSERT INTO deposit_cases (treasury_id, deposit_id, state, reason, release_at, account, confirm_from, opened_at, changed_at, arrived_at)
SELECT d.treasury_id, d.deposit_id, CASE d.state WHEN 'held' THEN 'held' ELSE 'open' END, d.reason,
    CASE d.state WHEN 'held' THEN d.record_time + make_interval(secs => coalesce(p.credit_delay_seconds, 0)) END,
    CASE d.state WHEN 'held' THEN d.account END, p.confirm_from, @now, @now, d.record_time
FROM deposits d LEFT JOIN deposit_policies p USING (instrument_no)
WHERE d.treasury_id = @treasury_id AND (d.deposit_id = ANY(@deposit_ids::uuid[]) OR d.correlation_id = ANY(@correlation_ids::text[]))
  AND d.state IN ('held', 'unattributed')
ON CONFLICT (treasury_id, deposit_id) DO NOTHING;

-- name: CaseOpenMissing :exec
-- CaseOpenMissing begins the cases of all deposits that should have one.
INSERT INTO deposit_cases (treasury_id, deposit_id, state, reason, release_at, account, confirm_from, opened_at, changed_at, arrived_at)
SELECT d.treasury_id, d.deposit_id, CASE d.state WHEN 'held' THEN 'held' ELSE 'open' END, d.reason,
    CASE d.state WHEN 'held' THEN d.record_time + make_interval(secs => coalesce(p.credit_delay_seconds, 0)) END,
    CASE d.state WHEN 'held' THEN d.account END, p.confirm_from, d.record_time, d.record_time, d.record_time
FROM deposits d LEFT JOIN deposit_policies p USING (instrument_no)
WHERE d.treasury_id = @treasury_id AND d.state IN ('held', 'unattributed')
ON CONFLICT (treasury_id, deposit_id) DO NOTHING;

-- name: CaseListHeld :many
-- CaseListHeld lists held deposits whose time has come, or about which the screening service has spoken, with what their
-- release rests on. Those that wait for it are in nobody's way.
SELECT c.deposit_id, c.release_at, c.reason, c.steps, coalesce(a.enabled, false)::boolean AS memo_enabled, (b.party IS NOT NULL)::boolean AS blocked,
    coalesce(p.screen, false)::boolean AS screen, coalesce(s.result, '')::text AS screening
FROM deposit_cases c
JOIN deposits d ON (d.treasury_id, d.deposit_id) = (c.treasury_id, c.deposit_id)
LEFT JOIN deposit_policies p ON p.instrument_no = d.instrument_no
LEFT JOIN deposit_accounts a ON a.treasury_id = d.treasury_id AND a.memo_key = memo_key(d.memo)
LEFT JOIN blocked_senders b ON (b.treasury_id, b.party) = (d.treasury_id, d.sender)
LEFT JOIN screenings s ON (s.treasury_id, s.deposit_id) = (c.treasury_id, c.deposit_id)
WHERE c.treasury_id = @treasury_id AND c.state = 'held'
  AND CASE WHEN c.reason IN ('awaits_screening', 'screening_unavailable')
           THEN NOT coalesce(p.screen, false) OR s.result IN ('passed', 'doubtful', 'refused') OR (s.result = 'unavailable' AND c.reason = 'awaits_screening')
           ELSE c.release_at <= @ledger_time END
  AND (c.release_at, c.deposit_id) > (@after_release::timestamptz, @after_id::uuid)
ORDER BY c.release_at, c.deposit_id LIMIT @most;

-- name: CaseRelease :one
-- CaseRelease credits held deposits.
SELECT release_deposits(@treasury_id, @deposit_ids::uuid[], @now)::integer AS released;

-- name: CaseHold :execrows
-- CaseHold changes why deposits are held, or leaves them to a person. Several instances take the rows in one order.
WITH locked AS (
    SELECT x.deposit_id FROM deposit_cases x
    WHERE x.treasury_id = @treasury_id AND x.deposit_id = ANY(@deposit_ids::uuid[]) AND x.state = 'held' ORDER BY x.deposit_id FOR UPDATE
)
UPDATE deposit_cases c
SET state = s.state, reason = s.reason, release_at = CASE s.state WHEN 'held' THEN c.release_at END, account = CASE s.state WHEN 'held' THEN c.account END,
    steps = c.steps + CASE WHEN s.state = 'held' THEN 0 ELSE 1 END, changed_at = @now
FROM (SELECT
    unnest(@deposit_ids::uuid[]) AS deposit_id,
    unnest(@states::text[]) AS state,
    unnest(@reasons::text[]) AS reason,
    unnest(@steps::integer[]) AS steps
) AS s
JOIN locked USING (deposit_id)
WHERE c.treasury_id = @treasury_id AND c.deposit_id = s.deposit_id AND c.state = 'held' AND c.steps = s.steps AND (s.state, s.reason) <> (c.state, c.reason);

-- name: CaseList :many
-- CaseList is the queue: what a person must decide, and what was decided, the oldest first.
SELECT c.deposit_id, c.state, c.reason, c.release_at, c.account, c.action, c.proposed_by, c.confirmed_by, c.note, c.withdrawal_id, c.changed_at,
    d.kind, d.amount, d.sender, d.memo, d.record_time, i.admin, i.instrument_id, coalesce(u.update_id, '')::text AS arrived_by,
    coalesce(a.account, '')::text AS memo_account, coalesce(a.enabled, false)::boolean AS memo_enabled
FROM deposit_cases c
JOIN deposits d ON (d.treasury_id, d.deposit_id) = (c.treasury_id, c.deposit_id)
JOIN instruments i ON i.instrument_no = d.instrument_no
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_no) = (d.treasury_id, d.settled_no)
LEFT JOIN deposit_accounts a ON a.treasury_id = d.treasury_id AND a.memo_key = memo_key(d.memo)
WHERE c.treasury_id = @treasury_id AND c.state = ANY(@states::text[])
  AND (@deposit_id::uuid = '00000000-0000-0000-0000-000000000000' OR c.deposit_id = @deposit_id)
  AND (@sender_like::text = '' OR strpos(d.sender, @sender_like) > 0)
  AND (@update_id::text = '' OR u.update_id = @update_id)
  AND (sqlc.narg(least)::numeric IS NULL OR d.amount >= sqlc.narg(least)) AND (sqlc.narg(most_amount)::numeric IS NULL OR d.amount <= sqlc.narg(most_amount))
  AND (sqlc.narg(since)::timestamptz IS NULL OR d.record_time >= sqlc.narg(since)) AND (sqlc.narg(until)::timestamptz IS NULL OR d.record_time < sqlc.narg(until))
ORDER BY d.record_time, c.deposit_id LIMIT @most;

-- name: CaseResolve :one
SELECT resolve_deposit(@treasury::text, @deposit_id::uuid, @action::text, sqlc.narg(account)::text, @operator::text, @note::text, @now::timestamptz)::text AS state;

-- name: CaseConfirm :one
SELECT confirm_deposit(@treasury::text, @deposit_id::uuid, @operator::text, @now::timestamptz)::text AS state;

-- name: CaseDecline :one
SELECT decline_deposit(@treasury::text, @deposit_id::uuid, @operator::text, @note::text, @now::timestamptz)::text AS state;

-- name: CaseCount :many
SELECT state, reason, count(*) AS cases, min(opened_at)::timestamptz AS oldest
FROM deposit_cases WHERE treasury_id = @treasury_id AND state IN ('held', 'open', 'proposed', 'returning') GROUP BY state, reason ORDER BY 1, 2;

-- name: CaseOwnerlessTotals :many
-- CaseOwnerlessTotals sums what is held or waits for a person; the books must say the same.
SELECT CASE d.state WHEN 'held' THEN 'held' ELSE 'unattributed' END AS account_kind, d.instrument_no, sum(d.amount)::text AS total
FROM deposits d LEFT JOIN deposit_cases c USING (treasury_id, deposit_id)
WHERE d.treasury_id = @treasury_id AND d.state IN ('held', 'unattributed') AND coalesce(c.state, 'open') IN ('held', 'open', 'proposed')
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: CaseListWrong :many
-- CaseListWrong finds deposits that wait for nobody because they have no case, cases of deposits that are not there, and
-- cases that are not booked once as what they came to.
SELECT coalesce(d.deposit_id, c.deposit_id)::uuid AS deposit_id, coalesce(c.state, '')::text AS state, coalesce(d.state, '')::text AS deposit,
    coalesce(p.account, '')::text AS booked_to, coalesce(p.lines, 0)::integer AS lines
FROM (SELECT * FROM deposits WHERE deposits.treasury_id = @treasury_id AND deposits.state IN ('held', 'unattributed')) AS d
FULL JOIN (SELECT * FROM deposit_cases WHERE deposit_cases.treasury_id = @treasury_id) AS c ON c.deposit_id = d.deposit_id
LEFT JOIN LATERAL (
    SELECT string_agg(postings.account, ' ') FILTER (WHERE postings.account_kind = 'customer') AS account, count(*) AS lines,
        bool_and(abs(postings.amount) = d.amount AND postings.instrument_no = d.instrument_no) AS whole
    FROM postings WHERE postings.treasury_id = @treasury_id AND postings.origin = 'case' AND postings.origin_no = c.case_no
) AS p ON true
WHERE d.deposit_id IS NULL OR c.deposit_id IS NULL
   OR CASE WHEN c.state = 'credited' THEN p.lines <> 2 OR NOT p.whole OR p.account IS DISTINCT FROM c.account ELSE p.lines <> 0 END
ORDER BY 1;

-- name: PostingListCaseless :many
-- PostingListCaseless finds what was booked for cases that do not exist.
SELECT p.origin_no FROM postings p
WHERE p.treasury_id = @treasury_id AND p.origin = 'case' AND NOT EXISTS (
    SELECT FROM deposit_cases c WHERE c.treasury_id = p.treasury_id AND c.case_no = p.origin_no)
GROUP BY p.origin_no ORDER BY 1;
