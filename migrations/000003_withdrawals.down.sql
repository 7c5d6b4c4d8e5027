DROP FUNCTION api.request_withdrawal, api.cancel_withdrawal;
DROP VIEW api.withdrawals;
DROP TRIGGER withdrawals_go_on ON withdrawals;
DROP FUNCTION withdrawal_goes_on(), cancel_withdrawal, fail_withdrawal, post_withdrawal, repeat_withdrawal, request_withdrawal, refuse_withdrawal,
    tell_withdrawal, adopt_withdrawal, debit_withdrawal, withdrawal_side, payment_barrier, notice_database_life, database_identity, put_off;
ALTER TABLE postings DROP CONSTRAINT postings_origin_check;
ALTER TABLE postings ADD CONSTRAINT postings_origin_check CHECK (origin IN ('ledger'));
DROP INDEX holdings_locked;
DROP TABLE database_lives, reservations, withdrawal_attempts, withdrawal_freezes, withdrawal_policies, registries;
ALTER TABLE withdrawals DROP CONSTRAINT withdrawals_origin_check;
ALTER TABLE withdrawals ADD CONSTRAINT withdrawals_origin_check CHECK (origin IN ('requested', 'recovered'));
ALTER TABLE withdrawals DROP CONSTRAINT failures_have_reasons,
    DROP COLUMN withdrawal_no, DROP COLUMN kind, DROP COLUMN account, DROP COLUMN memo, DROP COLUMN requested_at, DROP COLUMN purpose,
    DROP COLUMN serves, DROP COLUMN waiting, DROP COLUMN detail, DROP COLUMN next_at, DROP COLUMN lease_until, DROP COLUMN lease_epoch,
    DROP COLUMN attempt, DROP COLUMN deaths, DROP COLUMN tries, DROP COLUMN refusals, DROP COLUMN overtaken;
DROP SEQUENCE withdrawal_numbers;
DELETE FROM schema_history WHERE version = 3;
