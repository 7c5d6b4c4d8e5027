DROP FUNCTION tell_preapproval(integer, text, text, jsonb, timestamptz);
DROP VIEW api.preapproval;
DROP TABLE preapproval_outlooks, preapprovals;
DELETE FROM schema_history WHERE version = 6;
