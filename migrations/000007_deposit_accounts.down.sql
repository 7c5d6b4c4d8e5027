DROP FUNCTION api.deposit_address, api.deposit_instructions, api.nearest_memos, api.match_memo, api.enable_memo, api.disable_memo, api.register_memo,
    api.issue_memo;
DROP VIEW api.deposit_accounts;
DROP TRIGGER memos_stay ON deposit_accounts;
DROP TRIGGER memos_are_not_emptied ON deposit_accounts;
DROP FUNCTION deposit_address, deposit_instructions, memo_to_tell, duration_words, nearest_memos, match_memo, switch_memo, register_memo, give_memo, issue_memo, note_memo,
    check_account, treasury_of, memo_stored, memo_is_ours, draw_memo, memo_of, memo_check_digit, memo_stays();
DROP INDEX deposit_accounts_account;
ALTER TABLE deposit_accounts DROP COLUMN issued, DROP COLUMN created_by, DROP COLUMN disabled_at, DROP COLUMN disabled_by;
COMMENT ON COLUMN deposit_accounts.memo IS 'The memo as the customer was told it.';
DELETE FROM schema_history WHERE version = 7;
