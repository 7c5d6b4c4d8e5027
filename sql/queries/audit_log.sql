-- Who decided what.

-- name: AuditNote :exec
SELECT note_act(sqlc.narg(treasury_id)::integer, @actor::text, @action::text, @subject::text, @detail::jsonb, @now::timestamptz);

-- name: AuditList :many
SELECT l.audit_no, l.at, l.actor, l.database_user, l.action, l.subject, l.detail FROM audit_log l
WHERE (l.treasury_id = @treasury_id OR l.treasury_id IS NULL) AND (@subject::text = '' OR l.subject = @subject)
ORDER BY l.audit_no DESC LIMIT @most;
