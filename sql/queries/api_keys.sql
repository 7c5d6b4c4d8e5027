-- Who may use the REST API, and what was answered to whom.

-- name: APIKeyFind :one
WITH RECURSIVE line AS (
    SELECT k.key_id, 0 AS steps FROM api_keys k WHERE k.key_id = @key_id
    UNION ALL
    SELECT k.key_id, l.steps + 1 FROM api_keys k JOIN line l ON k.successor = l.key_id
)
SELECT k.*, (SELECT l.key_id FROM line l ORDER BY l.steps DESC LIMIT 1)::text AS origin FROM api_keys k WHERE k.key_id = @key_id;

-- name: APIKeyList :many
SELECT k.* FROM api_keys k
WHERE @every::boolean OR k.treasuries <@ @treasuries::text[]
ORDER BY k.created_at DESC, k.key_id LIMIT @most;

-- name: APIKeyInsert :exec
INSERT INTO api_keys (key_id, name, prefix, secret_hash, scopes, treasuries, allowed_from, per_second, created_by, created_at, expires_at)
VALUES (@key_id, @name, @prefix, @secret_hash, @scopes, @treasuries, @allowed_from, @per_second, @created_by, @created_at, @expires_at);

-- name: APIKeyLock :exec
SELECT FROM api_keys WHERE key_id = @key_id FOR UPDATE;

-- name: APIKeySucceed :exec
UPDATE api_keys SET successor = @successor, expires_at = @expires_at WHERE key_id = @key_id;

-- name: APIKeyRevoke :exec
UPDATE api_keys SET revoked_at = @now WHERE key_id = @key_id AND revoked_at IS NULL;

-- name: APIKeyUsed :exec
-- Of a key that is being changed it is not noted: who uses it must not wait for that.
UPDATE api_keys SET last_used_at = @now WHERE key_id = (
    SELECT k.key_id FROM api_keys k WHERE k.key_id = @key_id AND (k.last_used_at IS NULL OR k.last_used_at < @now) FOR NO KEY UPDATE SKIP LOCKED
);

-- name: AnswerClaim :execrows
INSERT INTO api_answers (actor, key, fingerprint, status, body, answered_at) VALUES (@actor, @key, @fingerprint, 0, '', @now)
ON CONFLICT (actor, key) DO NOTHING;

-- name: AnswerFind :one
SELECT fingerprint, status, body FROM api_answers WHERE actor = @actor AND key = @key;

-- name: AnswerKeep :exec
UPDATE api_answers SET status = @status, body = @body WHERE actor = @actor AND key = @key;

-- name: AnswerPrune :execrows
DELETE FROM api_answers WHERE (actor, key) IN (
    SELECT a.actor, a.key FROM api_answers a WHERE a.answered_at < @before ORDER BY a.answered_at LIMIT @most FOR UPDATE SKIP LOCKED
);

-- name: DoorGrant :exec
SELECT grant_door(@role::name, @scopes::text[]);
