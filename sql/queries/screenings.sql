-- What the exchange's screening service is asked, and what it said.

-- name: ScreeningEnroll :execrows
-- ScreeningEnroll notes what awaits a screening and is not on the list yet, or was taken from it without an answer.
INSERT INTO screenings (treasury_id, deposit_id, asked_at, next_at)
SELECT @treasury_id, waiting.deposit_id, @now, @now FROM (
    SELECT v.deposit_id FROM offer_verdicts v
    WHERE v.treasury_id = @treasury_id AND v.open AND v.reason IN ('awaits_screening', 'screening_unavailable')
    UNION
    SELECT c.deposit_id FROM deposit_cases c
    WHERE c.treasury_id = @treasury_id AND c.state = 'held' AND c.reason IN ('awaits_screening', 'screening_unavailable')
) AS waiting
LEFT JOIN screenings s ON s.treasury_id = @treasury_id AND s.deposit_id = waiting.deposit_id
WHERE s.deposit_id IS NULL OR (s.next_at IS NULL AND s.result IN ('', 'unavailable'))
ORDER BY waiting.deposit_id LIMIT @most
ON CONFLICT (treasury_id, deposit_id) DO UPDATE SET asked_at = excluded.asked_at, next_at = excluded.next_at
WHERE screenings.next_at IS NULL AND screenings.result IN ('', 'unavailable');

-- name: ScreeningDrop :execrows
-- ScreeningDrop takes from the list what nobody waits for any more: it has ended, a person has decided, or it need not be
-- screened.
UPDATE screenings s SET next_at = NULL, lease_until = NULL
FROM (
    SELECT q.deposit_id FROM screenings q
    WHERE q.treasury_id = @treasury_id AND q.next_at <= @now AND (q.lease_until IS NULL OR q.lease_until <= @now)
      AND NOT EXISTS (SELECT FROM offer_verdicts v WHERE v.treasury_id = q.treasury_id AND v.deposit_id = q.deposit_id AND v.open
          AND v.reason IN ('awaits_screening', 'screening_unavailable'))
      AND NOT EXISTS (SELECT FROM deposit_cases c WHERE c.treasury_id = q.treasury_id AND c.deposit_id = q.deposit_id AND c.state = 'held'
          AND c.reason IN ('awaits_screening', 'screening_unavailable'))
    LIMIT @most FOR UPDATE OF q SKIP LOCKED
) AS idle
WHERE s.treasury_id = @treasury_id AND s.deposit_id = idle.deposit_id;

-- name: ScreeningClaim :many
-- ScreeningClaim takes up what is to be asked now and is in nobody's hands: offers that are open, deposits that are held.
-- Whether they are is asked row by row, which stops with the last that is wanted, however many wait.
UPDATE screenings s SET lease_epoch = s.lease_epoch + 1, lease_until = @lease_until
FROM (
    SELECT q.deposit_id FROM screenings q
    WHERE q.treasury_id = @treasury_id AND q.next_at <= @now AND (q.lease_until IS NULL OR q.lease_until <= @now)
      AND coalesce(
          (SELECT true FROM offer_verdicts v WHERE v.treasury_id = q.treasury_id AND v.deposit_id = q.deposit_id AND v.open
              AND v.reason IN ('awaits_screening', 'screening_unavailable')),
          (SELECT true FROM deposit_cases c WHERE c.treasury_id = q.treasury_id AND c.deposit_id = q.deposit_id AND c.state = 'held'
              AND c.reason IN ('awaits_screening', 'screening_unavailable')),
          false)
    ORDER BY q.next_at LIMIT @most FOR UPDATE OF q SKIP LOCKED
) AS due
JOIN deposits d ON d.treasury_id = @treasury_id AND d.deposit_id = due.deposit_id
JOIN instruments i ON i.instrument_no = d.instrument_no
LEFT JOIN deposit_cases h ON h.treasury_id = @treasury_id AND h.deposit_id = due.deposit_id AND h.state = 'held'
LEFT JOIN ledger_updates u ON u.treasury_id = @treasury_id AND u.update_no = d.settled_no
LEFT JOIN deposit_accounts a ON a.treasury_id = @treasury_id AND a.memo_key = memo_key(d.memo)
WHERE s.treasury_id = @treasury_id AND s.deposit_id = due.deposit_id
RETURNING s.deposit_id, s.tries, s.lease_epoch, (h.deposit_id IS NOT NULL)::boolean AS arrived, d.amount, d.sender, d.memo, d.record_time, d.execute_before,
    i.admin, i.instrument_id, coalesce(u.update_id, '')::text AS arrived_by, coalesce(h.account, a.account, '')::text AS account;

-- name: ScreeningAnswer :execrows
-- ScreeningAnswer stores what was said to whoever asked last. An answer is final; without one it is asked again.
UPDATE screenings
SET result = @result, detail = @detail, tries = tries + 1, answered_at = @now, next_at = sqlc.narg(next_at), lease_until = NULL
WHERE treasury_id = @treasury_id AND deposit_id = @deposit_id AND lease_epoch = @lease_epoch AND lease_until IS NOT NULL;

-- name: ScreeningCount :many
-- ScreeningCount says how many wait for an answer, by what there is for one so far, and since when.
SELECT result, count(*) AS deposits, min(asked_at)::timestamptz AS oldest
FROM screenings WHERE treasury_id = @treasury_id AND next_at IS NOT NULL GROUP BY result ORDER BY result;

-- name: ScreeningList :many
-- ScreeningList is what an operator sees: what was answered so, or, without a result, what is not accepted or credited
-- because of its screening, whether anybody was asked or not.
SELECT w.deposit_id, coalesce(s.result, '')::text AS result, coalesce(s.detail, '')::text AS detail, coalesce(s.tries, 0)::integer AS tries,
    coalesce(s.asked_at, v.decided_at, c.opened_at, d.record_time)::timestamptz AS since, s.answered_at, s.next_at,
    d.state, coalesce(c.state, '')::text AS case_state, d.amount, d.sender, d.memo, i.admin, i.instrument_id
FROM (
    SELECT q.deposit_id FROM screenings q WHERE q.treasury_id = @treasury_id AND @result::text <> '' AND q.result = @result
    UNION
    SELECT o.deposit_id FROM offer_verdicts o WHERE o.treasury_id = @treasury_id AND @result = '' AND o.open
      AND o.reason IN ('awaits_screening', 'screening_unavailable', 'screening_holds', 'screening_refuses')
    UNION
    SELECT h.deposit_id FROM deposit_cases h WHERE h.treasury_id = @treasury_id AND @result = '' AND h.state IN ('held', 'open')
      AND h.reason IN ('awaits_screening', 'screening_unavailable', 'screening_holds', 'screening_refuses')
) AS w
JOIN deposits d ON d.treasury_id = @treasury_id AND d.deposit_id = w.deposit_id
JOIN instruments i ON i.instrument_no = d.instrument_no
LEFT JOIN screenings s ON s.treasury_id = @treasury_id AND s.deposit_id = w.deposit_id
LEFT JOIN offer_verdicts v ON v.treasury_id = @treasury_id AND v.deposit_id = w.deposit_id AND v.open
LEFT JOIN deposit_cases c ON c.treasury_id = @treasury_id AND c.deposit_id = w.deposit_id
ORDER BY since DESC, w.deposit_id LIMIT @most;

-- name: ScreeningAgain :exec
SELECT rescreen_deposit(@treasury::text, @deposit_id::uuid, @operator::text, @note::text, @now::timestamptz);
