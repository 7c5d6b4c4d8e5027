-- The treasury's preapprovals of Canton Coin. Deposit automation looks at them on the node and keeps here what must outlive it.

-- name: PreapprovalSee :exec
-- PreapprovalSee writes down what is on the ledger now.
INSERT INTO preapprovals (treasury_id, contract_id, dso, provider, expires_at, first_seen_at, last_seen_at)
SELECT @treasury_id::integer, s.contract_id, s.dso, s.provider, s.expires_at, @now::timestamptz, @now::timestamptz
FROM (SELECT
    unnest(@contract_ids::text[]) AS contract_id,
    unnest(@dsos::text[]) AS dso,
    unnest(@providers::text[]) AS provider,
    unnest(@expires_ats::timestamptz[]) AS expires_at
) AS s
ORDER BY s.contract_id
ON CONFLICT (treasury_id, contract_id) DO UPDATE SET last_seen_at = greatest(preapprovals.last_seen_at, excluded.last_seen_at), gone_at = NULL;

-- name: PreapprovalLose :exec
-- PreapprovalLose writes down what is on the ledger no more.
UPDATE preapprovals SET gone_at = @now::timestamptz
WHERE treasury_id = @treasury_id AND gone_at IS NULL AND contract_id <> ALL (@contract_ids::text[]);

-- name: PreapprovalSucceed :many
-- PreapprovalSucceed finds what has taken the place of those that went before their end.
UPDATE preapprovals p SET successor = s.successor
FROM (
    SELECT o.contract_id, n.contract_id AS successor, n.expires_at,
        row_number() OVER (PARTITION BY o.contract_id ORDER BY n.expires_at DESC, n.contract_id) AS nth
    FROM preapprovals o
    JOIN preapprovals n ON n.treasury_id = o.treasury_id AND n.provider = o.provider AND n.gone_at IS NULL
        AND n.expires_at > o.expires_at AND n.first_seen_at > o.first_seen_at AND n.first_seen_at < o.expires_at
    WHERE o.treasury_id = @treasury_id AND o.gone_at IS NOT NULL AND o.successor = ''
) AS s
WHERE p.treasury_id = @treasury_id AND p.contract_id = s.contract_id AND s.nth = 1
RETURNING p.contract_id, s.successor::text AS successor, s.expires_at::timestamptz AS expires_at, p.tries;

-- name: PreapprovalTell :one
SELECT tell_preapproval(@treasury_id::integer, @contract_id::text, @what::text, @more::jsonb, @at::timestamptz)::boolean AS fresh;

-- name: PreapprovalList :many
-- PreapprovalList reads those that are on the ledger and those that went last.
SELECT * FROM preapprovals WHERE treasury_id = @treasury_id ORDER BY gone_at DESC NULLS FIRST, expires_at DESC, contract_id LIMIT @most;

-- name: PreapprovalClaim :one
-- PreapprovalClaim is the step after which a renewal may be under way. One of several instances takes it.
UPDATE preapprovals SET renewal = 'tried', tries = tries + 1, tried_at = @now, again_at = @again_at, settings = @settings, command_id = @command_id
WHERE treasury_id = @treasury_id AND contract_id = @contract_id AND gone_at IS NULL
  AND NOT @settings = ANY (refused_under) AND (again_at IS NULL OR again_at <= @now)
RETURNING tries;

-- name: PreapprovalEndTry :execrows
-- PreapprovalEndTry writes down how a try ended, unless another one has begun since.
UPDATE preapprovals SET renewal = @renewal, detail = @detail, again_at = @again_at,
    refused_under = CASE WHEN @renewal = 'refused' THEN refused_under || settings ELSE refused_under END
WHERE treasury_id = @treasury_id AND contract_id = @contract_id AND renewal = 'tried' AND tried_at = @tried_at;

-- name: PreapprovalRetry :execrows
-- PreapprovalRetry has what was tried, or refused, tried again at once.
UPDATE preapprovals SET renewal = 'none', tries = 0, again_at = NULL, detail = '', refused_under = '{}'
WHERE treasury_id = @treasury_id AND gone_at IS NULL AND renewal <> 'none';

-- name: PreapprovalOutlookSet :exec
INSERT INTO preapproval_outlooks (treasury_id, checked_at, ledger_time, state, contract_id, why_not)
VALUES (@treasury_id, @checked_at, @ledger_time, @state, @contract_id, @why_not)
ON CONFLICT (treasury_id) DO UPDATE SET checked_at = excluded.checked_at, ledger_time = excluded.ledger_time, state = excluded.state,
    contract_id = excluded.contract_id, why_not = excluded.why_not;

-- name: PreapprovalOutlookGet :one
SELECT * FROM preapproval_outlooks WHERE treasury_id = @treasury_id;
