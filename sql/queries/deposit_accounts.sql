-- name: AccountGive :one
SELECT give_memo(@treasury_id::integer, @account::text, @memo::text, '', @now::timestamptz)::boolean AS repeated;

-- name: AccountRegister :one
SELECT register_memo(@treasury::text, @account::text, @memo::text, @operator::text, @now::timestamptz)::boolean AS repeated;

-- name: AccountListNewest :many
-- AccountListNewest lists the memos of an account, or of all.
SELECT memo, account, enabled, issued, created_at, created_by, disabled_at, disabled_by FROM deposit_accounts
WHERE treasury_id = @treasury_id AND (@account::text = '' OR account = @account)
ORDER BY created_at DESC, memo_key LIMIT @most;

-- name: AccountList :many
-- AccountList finds the accounts that the given memos belong to.
SELECT a.memo_key, a.account, a.enabled, a.created_at
FROM (SELECT unnest(@memo_keys::text[]) AS memo_key) AS n
CROSS JOIN LATERAL (SELECT * FROM deposit_accounts WHERE deposit_accounts.treasury_id = @treasury_id AND deposit_accounts.memo_key = n.memo_key LIMIT 1) AS a;

-- name: AccountFind :one
-- AccountFind reads the memo that a text is.
SELECT a.memo, a.account, a.enabled, a.issued, a.created_at, a.created_by, a.disabled_at, a.disabled_by
FROM deposit_accounts a JOIN treasuries t USING (treasury_id)
WHERE t.party = @treasury AND a.memo_key = memo_key(@memo::text);
