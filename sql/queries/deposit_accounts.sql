-- name: AccountInsert :exec
INSERT INTO deposit_accounts (treasury_id, memo_key, memo, account, created_at)
VALUES (@treasury_id, @memo_key, @memo, @account, @now);

-- name: AccountList :many
-- AccountList finds the accounts that the given memos belong to.
SELECT a.memo_key, a.account, a.enabled
FROM (SELECT unnest(@memo_keys::text[]) AS memo_key) AS n
CROSS JOIN LATERAL (SELECT * FROM deposit_accounts WHERE deposit_accounts.treasury_id = @treasury_id AND deposit_accounts.memo_key = n.memo_key LIMIT 1) AS a;
