DROP VIEW api.events;
DROP FUNCTION oldest_transaction();
DROP TRIGGER approvals_are_told ON withdrawals;
DROP FUNCTION tell_approval();
CREATE OR REPLACE FUNCTION tell_withdrawal(w withdrawals, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
    SELECT w.treasury_id,
        encode(sha256(convert_to(concat_ws(E'\n', 'withdrawal', t.party, w.withdrawal_id, w.state, w.attempt), 'UTF8')), 'hex')::char(32)::uuid,
        'withdrawal.' || w.state, w.withdrawal_id, 0,
        jsonb_strip_nulls(jsonb_build_object(
            'withdrawalId', w.withdrawal_id, 'kind', w.kind, 'origin', w.origin, 'state', w.state, 'reason', nullif(w.reason, ''),
            'account', w.account, 'instrumentAdmin', i.admin, 'instrumentId', i.instrument_id, 'amount', w.amount::text,
            'receiver', w.receiver, 'memo', w.memo)),
        at
    FROM treasuries t, instruments i
    WHERE t.treasury_id = w.treasury_id AND i.instrument_no = w.instrument_no;
END $$;
DROP FUNCTION tell_withdrawal_step(withdrawals, text, timestamptz);
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
