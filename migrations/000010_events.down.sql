DROP VIEW api.events;
DROP TABLE event_sinks, subscription_attempts, subscription_failures, subscriptions, event_sequencer, event_heads, event_log;
DELETE FROM schema_history WHERE version = 10;
