-- Who decided what.

-- name: AuditNote :exec
SELECT note_act(sqlc.narg(treasury_id)::integer, @actor::text, @action::text, @subject::text, @detail::jsonb, @now::timestamptz);

-- name: AuditList :many
SELECT l.audit_no, l.at, l.actor, l.database_user, l.action, l.subject, l.detail FROM audit_log l
WHERE (l.treasury_id = @treasury_id OR l.treasury_id IS NULL) AND (@subject::text = '' OR l.subject = @subject)
ORDER BY l.audit_no DESC LIMIT @most;

-- name: AuditPage :many
SELECT l.audit_no, l.at, l.actor, l.database_user, l.action, l.subject, l.detail, s.hash FROM audit_log l LEFT JOIN audit_seals s USING (audit_no)
WHERE (@before::bigint = 0 OR l.audit_no < @before) AND (@subject::text = '' OR l.subject = @subject) AND (@actor::text = '' OR l.actor = @actor)
  AND (@every::boolean OR l.treasury_id IN (SELECT t.treasury_id FROM treasuries t WHERE t.party = ANY (@treasuries::text[])))
ORDER BY l.audit_no DESC LIMIT @most;

-- name: AuditSeal :one
SELECT seal_audit(@most::integer, @now::timestamptz)::integer AS sealed;

-- name: AuditHead :one
SELECT seal_no, hash FROM audit_seals ORDER BY seal_no DESC LIMIT 1;

-- name: AuditOldestUnsealed :one
SELECT l.at FROM audit_unsealed u JOIN audit_log l USING (audit_no) ORDER BY u.audit_no LIMIT 1;

-- name: AuditVerify :one
SELECT v.rows::bigint AS rows, coalesce(v.unsealed, 0)::bigint AS unsealed, v.head::bytea AS head, coalesce(v.broken_at, 0)::bigint AS broken_at FROM verify_audit() AS v;
