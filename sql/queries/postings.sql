-- name: PostingInsert :copyfrom
INSERT INTO postings (treasury_id, origin, origin_no, movement, line, account_kind, account, instrument_no, amount, posted_at)
VALUES (@treasury_id, @origin, @origin_no, @movement, @line, @account_kind, @account, @instrument_no, @amount, @posted_at);

-- name: PostingTotals :many
SELECT account_kind, account, instrument_no, sum(amount)::text AS total
FROM postings WHERE treasury_id = @treasury_id GROUP BY account_kind, account, instrument_no ORDER BY 1, 2, 3;

-- name: BalanceList :many
SELECT account_kind, account, instrument_no, amount FROM balances WHERE treasury_id = @treasury_id ORDER BY 1, 2, 3;

-- name: PostingCreditTotals :many
-- PostingCreditTotals sums what updates of the ledger posted to customers; credited deposits must sum to the same.
SELECT account, instrument_no, sum(amount)::text AS total
FROM postings WHERE treasury_id = @treasury_id AND origin = 'ledger' AND account_kind = 'customer'
GROUP BY account, instrument_no ORDER BY 1, 2;
