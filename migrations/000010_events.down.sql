DROP VIEW api.events;
DROP FUNCTION tell_lag(integer, text, timestamptz, boolean, timestamptz);
DROP FUNCTION tell(integer, text, text, text, jsonb, timestamptz);
DROP TABLE ingestion_lags, event_sinks, subscription_attempts, subscription_failures, subscriptions, event_sequencer, event_heads, event_log;
DELETE FROM schema_history WHERE version = 10;
