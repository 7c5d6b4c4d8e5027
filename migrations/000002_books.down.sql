DROP SCHEMA api CASCADE;
DROP TABLE events, balances, postings, withdrawals, deposits, deposit_accounts;
DROP FUNCTION post_movements();
DELETE FROM schema_history WHERE version = 2;
