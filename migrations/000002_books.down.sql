DROP SCHEMA api CASCADE;
DROP TABLE events, balances, postings, withdrawals, deposits, deposit_accounts;
DROP FUNCTION post_movements(), refuse_change();
DELETE FROM schema_history WHERE version = 2;
