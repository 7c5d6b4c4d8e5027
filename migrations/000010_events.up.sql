-- Events are told. What is in the outbox gets a number in one order per treasury and is signed; what is numbered is read,
-- pushed to subscribers and published to brokers, each of which remembers how far it is.

INSERT INTO schema_history (version) VALUES (10);

CREATE TABLE event_log (
    treasury_id   integer     NOT NULL REFERENCES treasuries,
    seq           bigint      NOT NULL CHECK (seq > 0),
    event_id      uuid        NOT NULL,
    type          text        NOT NULL,
    subject       text        NOT NULL,
    account       text        NOT NULL,
    instrument_no integer     NOT NULL,
    logged_at     timestamptz NOT NULL,
    body          bytea       NOT NULL,
    event_no      bigint      NOT NULL DEFAULT 0,
    chain         bytea       NOT NULL CHECK (length(chain) = 16),
    PRIMARY KEY (treasury_id, seq),
    UNIQUE (treasury_id, event_id)
);
CREATE INDEX event_log_age ON event_log (treasury_id, logged_at);
CREATE TRIGGER event_log_stays BEFORE UPDATE ON event_log FOR EACH ROW EXECUTE FUNCTION refuse_change();
COMMENT ON TABLE event_log IS 'Events as they are told: in one order per treasury, without a gap, never changed, kept for CES_EVENTS_RETENTION.';
COMMENT ON COLUMN event_log.account IS 'The customer account that it concerns; empty where there is none.';
COMMENT ON COLUMN event_log.instrument_no IS 'The token that it concerns; 0 where there is none.';
COMMENT ON COLUMN event_log.event_no IS 'The row of the outbox, which is forgotten with this one.';
COMMENT ON COLUMN event_log.chain IS 'What all events up to this one come to: histories that differ before it have another one.';
COMMENT ON COLUMN event_log.body IS 'The CloudEvent, signed, JSON in the canonical form of RFC 8785: these very bytes are delivered, however often.';

CREATE TABLE event_heads (
    treasury_id integer PRIMARY KEY REFERENCES treasuries,
    seq         bigint  NOT NULL,
    chain       bytea   NOT NULL CHECK (length(chain) = 16),
    pruned_seq  bigint  NOT NULL DEFAULT 0 CHECK (pruned_seq <= seq)
);
COMMENT ON TABLE event_heads IS 'The number and the chain of the last event of a treasury, and the number of the last one that is not kept any more.';

-- Where the outbox is read from next. The row is locked by whoever numbers events: there is one at a time.
CREATE TABLE event_sequencer (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    identity text    NOT NULL,
    xid      xid8    NOT NULL,
    event_no bigint  NOT NULL
);
INSERT INTO event_sequencer (identity, xid, event_no) VALUES (database_identity(), '0', 0);
COMMENT ON TABLE event_sequencer IS 'How far the outbox is numbered. identity is the life of the database that xid belongs to: in another life all that has no number is looked for.';

CREATE TABLE subscriptions (
    subscription_id text        PRIMARY KEY CHECK (subscription_id ~ '^sub_[a-z0-9]{12}$'),
    treasury_id     integer     NOT NULL REFERENCES treasuries,
    owner           text        NOT NULL,
    name            text        NOT NULL CHECK (name <> '' AND length(name) <= 100),
    url             text        NOT NULL CHECK (length(url) <= 2000),
    types           text[]      NOT NULL DEFAULT '{}',
    accounts        text[]      NOT NULL DEFAULT '{}',
    subjects        text[]      NOT NULL DEFAULT '{}',
    instrument_nos  integer[]   NOT NULL DEFAULT '{}',
    withheld        text[]      NOT NULL DEFAULT '{}' CHECK (withheld <@ ARRAY['memo', 'counterparty']),
    ordered         boolean     NOT NULL,
    batch           integer     NOT NULL CHECK (batch BETWEEN 1 AND 500),
    per_second      integer     NOT NULL CHECK (per_second BETWEEN 1 AND 1000),
    max_backlog     bigint      NOT NULL CHECK (max_backlog > 0),
    state           text        NOT NULL CHECK (state IN ('pending', 'active', 'paused', 'disabled')),
    reason          text        NOT NULL DEFAULT '',
    secret_no       integer     NOT NULL DEFAULT 1,
    salt            uuid        NOT NULL DEFAULT gen_random_uuid(),
    previous_salt   uuid,
    previous_until  timestamptz,
    cursor_seq      bigint      NOT NULL CHECK (cursor_seq >= 0),
    tries           integer     NOT NULL DEFAULT 0,
    failing_since   timestamptz,
    next_at         timestamptz NOT NULL,
    warned_backlog  boolean     NOT NULL DEFAULT false,
    lease_owner     text        NOT NULL DEFAULT '',
    lease_until     timestamptz NOT NULL DEFAULT '-infinity',
    lease_epoch     bigint      NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL
);
CREATE INDEX subscriptions_of_treasury ON subscriptions (treasury_id, created_at, subscription_id);
CREATE INDEX subscriptions_of_owner ON subscriptions (owner);
COMMENT ON TABLE subscriptions IS 'Who is told of events by webhook. Empty lists of types, accounts, subjects and tokens mean all of them.';
COMMENT ON COLUMN subscriptions.owner IS 'Who made it, as the audit log calls them: a subscription sees no more than its owner.';
COMMENT ON COLUMN subscriptions.types IS 'Types of events, or beginnings of them that end with a dot and a star.';
COMMENT ON COLUMN subscriptions.withheld IS 'What its events do not say: memo, counterparty.';
COMMENT ON COLUMN subscriptions.ordered IS 'Strict order: what fails holds up what comes after it. Otherwise each event is delivered by itself.';
COMMENT ON COLUMN subscriptions.secret_no IS 'Which of the secrets made for it signs; the one before it signs too until previous_until. The secrets themselves are nowhere.';
COMMENT ON COLUMN subscriptions.salt IS 'What makes this secret another one than all that were before, also after the database was put back. It is no secret.';
COMMENT ON COLUMN subscriptions.cursor_seq IS 'All events up to this one were delivered, or have a row of subscription_failures.';

CREATE TABLE subscription_failures (
    subscription_id text        NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
    seq             bigint      NOT NULL,
    state           text        NOT NULL CHECK (state IN ('waiting', 'dead')),
    tries           integer     NOT NULL,
    first_failed_at timestamptz NOT NULL,
    next_at         timestamptz NOT NULL,
    reason          text        NOT NULL,
    PRIMARY KEY (subscription_id, seq)
);
CREATE INDEX subscription_failures_due ON subscription_failures (subscription_id, next_at) WHERE state = 'waiting';
COMMENT ON TABLE subscription_failures IS 'Events that a subscriber did not take: waiting for another try, or dead, until somebody replays them.';

CREATE TABLE subscription_attempts (
    attempt_no      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id text        NOT NULL REFERENCES subscriptions ON DELETE CASCADE,
    first_seq       bigint      NOT NULL,
    last_seq        bigint      NOT NULL,
    events          integer     NOT NULL,
    at              timestamptz NOT NULL,
    took_ms         integer     NOT NULL,
    status          integer     NOT NULL,
    outcome         text        NOT NULL,
    detail          text        NOT NULL
);
CREATE INDEX subscription_attempts_newest ON subscription_attempts (subscription_id, attempt_no DESC);
CREATE INDEX subscription_attempts_age ON subscription_attempts (at);
COMMENT ON TABLE subscription_attempts IS 'The delivery log: what was sent when, and what became of it. status is 0 where there was no answer. detail may hold a stranger''s text: escape it.';

CREATE TABLE event_sinks (
    sink        text        NOT NULL,
    treasury_id integer     NOT NULL REFERENCES treasuries,
    seq         bigint      NOT NULL,
    changed_at  timestamptz NOT NULL,
    lease_owner text        NOT NULL DEFAULT '',
    lease_until timestamptz NOT NULL DEFAULT '-infinity',
    lease_epoch bigint      NOT NULL DEFAULT 0,
    PRIMARY KEY (sink, treasury_id)
);
COMMENT ON TABLE event_sinks IS 'How far each broker has been told.';

-- Which histories are behind, so that each delay is told once, and its end.
CREATE TABLE ingestion_lags (
    treasury_id     integer     NOT NULL REFERENCES treasuries,
    synchronizer_id text        NOT NULL,
    since           timestamptz NOT NULL,
    PRIMARY KEY (treasury_id, synchronizer_id)
);
COMMENT ON TABLE ingestion_lags IS 'Synchronizers whose history is behind by more than CES_EVENTS_MAX_LAG, and since when that is known.';

-- What a withdrawal waits for is told with it.
CREATE FUNCTION tell_withdrawal_step(w withdrawals, step text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
    SELECT w.treasury_id,
        encode(sha256(convert_to(concat_ws(E'\n', 'withdrawal', t.party, w.withdrawal_id, step, w.attempt), 'UTF8')), 'hex')::char(32)::uuid,
        'withdrawal.' || step, w.withdrawal_id, 0,
        jsonb_strip_nulls(jsonb_build_object(
            'withdrawalId', w.withdrawal_id, 'kind', w.kind, 'origin', w.origin, 'state', w.state, 'reason', nullif(w.reason, ''),
            'waiting', nullif(w.waiting, ''), 'account', w.account, 'instrumentAdmin', i.admin, 'instrumentId', i.instrument_id,
            'amount', w.amount::text, 'receiver', w.receiver, 'memo', w.memo)),
        at
    FROM treasuries t, instruments i
    WHERE t.treasury_id = w.treasury_id AND i.instrument_no = w.instrument_no;
END $$;
COMMENT ON FUNCTION tell_withdrawal_step IS 'Writes the event of a step that no update of the ledger made, once for each attempt.';

CREATE OR REPLACE FUNCTION tell_withdrawal(w withdrawals, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_withdrawal_step(w, w.state, at);
END $$;

CREATE FUNCTION tell_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tell_withdrawal_step(NEW, 'approved', NEW.next_at); -- from now on it is to be paid

    RETURN NULL;
END $$;
CREATE TRIGGER approvals_are_told AFTER UPDATE OF approval ON withdrawals
    FOR EACH ROW WHEN (OLD.approval = 'wanted' AND NEW.approval = 'given' AND NOT is_rebuild()) EXECUTE FUNCTION tell_approval();

CREATE FUNCTION oldest_transaction() RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object('pid', a.pid, 'database', a.datname, 'role', a.usename,
        'application', a.application_name, 'state', a.state, 'since', a.xact_start, 'prepared', p.gid))
    FROM (SELECT CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS numeric)::bigint % 4294967296 AS xmin) o
    LEFT JOIN pg_stat_activity a ON CAST(CAST(a.backend_xid AS text) AS bigint) = o.xmin
    LEFT JOIN pg_prepared_xacts p ON CAST(CAST(p.transaction AS text) AS bigint) = o.xmin
    LIMIT 1
$$;
COMMENT ON FUNCTION oldest_transaction IS 'The transaction, of any database of this server, that events wait for, as far as this role may see it.';

CREATE FUNCTION tell(the_treasury integer, what text, the_subject text, stable text, payload jsonb, at timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
    SELECT t.treasury_id, encode(sha256(convert_to(concat_ws(E'\n', what, t.party, the_subject, stable), 'UTF8')), 'hex')::char(32)::uuid,
        what, the_subject, 0, payload, at
    FROM treasuries t WHERE t.treasury_id = the_treasury;
$$;
COMMENT ON FUNCTION tell IS 'Writes an event about the suite itself. stable is what makes it another one than the last of its kind: the same makes the same event id.';

CREATE FUNCTION tell_lag(the_treasury integer, synchronizer text, the_time timestamptz, behind boolean, at timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF behind THEN
        INSERT INTO ingestion_lags VALUES (the_treasury, synchronizer, at) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM ingestion_lags l WHERE (l.treasury_id, l.synchronizer_id) = (the_treasury, synchronizer);
    END IF;

    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM tell(the_treasury, CASE WHEN behind THEN 'ingestion.lagging' ELSE 'ingestion.caught_up' END, synchronizer, at::text,
        jsonb_build_object('synchronizer', synchronizer, 'recordTime', to_char(the_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'lagSeconds', greatest(0, floor(extract(epoch FROM at - the_time)))::bigint), at);

    RETURN true;
END $$;
COMMENT ON FUNCTION tell_lag IS 'Tells that a history is behind, or not any more, once each.';

-- What the exchange's own systems may read.
CREATE VIEW api.events AS
SELECT t.party AS treasury, l.seq, l.event_id, l.type, l.subject, nullif(l.account, '') AS account, l.logged_at,
       convert_from(l.body, 'UTF8') AS event, l.treasury_id AS treasury_no, l.instrument_no, encode(l.chain, 'hex') AS chain
FROM event_log l
JOIN treasuries t USING (treasury_id);
COMMENT ON VIEW api.events IS 'Events in their order: read WHERE treasury = ... AND seq > the last one you have, ORDER BY seq. If that last one is not there any more with its chain, the database was put back: what follows is another history. event is the CloudEvent as it is delivered; texts in it are strangers'': escape them.';

-- Who was given the views of schema api before may read this one too.
DO $$
DECLARE
    reader name;
BEGIN
    FOR reader IN
        SELECT DISTINCT r.rolname FROM pg_class c, aclexplode(c.relacl) AS g JOIN pg_roles r ON r.oid = g.grantee
        WHERE c.oid = 'api.deposits'::regclass AND g.privilege_type = 'SELECT' AND g.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT SELECT ON api.events TO %I', reader);
    END LOOP;
END $$;

-- Whose events are told to whom is a right of its own.
ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_check
    CHECK (scopes <@ ARRAY['read', 'accounts', 'withdrawals', 'approvals', 'webhooks', 'admin'] AND cardinality(scopes) > 0);
