DROP VIEW api.events;
DROP FUNCTION oldest_transaction();
DROP FUNCTION tell_lag(integer, text, timestamptz, boolean, timestamptz);
DROP FUNCTION tell(integer, text, text, text, jsonb, timestamptz);
DROP TABLE ingestion_lags, event_sinks, subscription_attempts, subscription_failures, subscriptions, event_sequencer, event_heads, event_log;
UPDATE api_keys SET successor = NULL WHERE successor IN (SELECT key_id FROM api_keys WHERE scopes <@ ARRAY['webhooks']);
DELETE FROM api_keys WHERE scopes <@ ARRAY['webhooks'];
UPDATE api_keys SET scopes = array_remove(scopes, 'webhooks');
ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_check
    CHECK (scopes <@ ARRAY['read', 'accounts', 'withdrawals', 'approvals', 'admin'] AND cardinality(scopes) > 0);
DELETE FROM schema_history WHERE version = 10;
