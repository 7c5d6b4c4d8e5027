DROP TRIGGER listings_change_verdicts ON instruments;
DROP TRIGGER memos_change_verdicts ON deposit_accounts;
DROP TABLE offer_verdicts, blocked_senders, deposit_policies;
DROP FUNCTION token_changed(), memo_changed(), sender_changed();
DELETE FROM schema_history WHERE version = 4;
