-- name: AccountInsert :exec
INSERT INTO deposit_accounts (treasury_id, memo_key, memo, account, created_at)
VALUES (@treasury_id, @memo_key, @memo, @account, @now);

-- name: AccountList :many
-- AccountList finds the accounts that the given memos belong to.
SELECT memo_key, account, enabled FROM deposit_accounts WHERE treasury_id = @treasury_id AND memo_key = ANY(@memo_keys::text[]);
