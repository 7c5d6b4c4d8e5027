-- What Withdrawal Automation keeps: requests, attempts, reservations, policies.

INSERT INTO schema_history (version) VALUES (3);

CREATE TABLE registries (
    admin       text     NOT NULL CHECK (admin LIKE '%_::_%' AND length(admin) <= 255),
    position    smallint NOT NULL CHECK (position BETWEEN 0 AND 99),
    url         text     NOT NULL CHECK (length(url) BETWEEN 8 AND 2000),
    credentials text     NOT NULL DEFAULT 'none' CHECK (credentials IN ('none', 'node')),
    PRIMARY KEY (admin, position)
);
COMMENT ON TABLE registries IS 'Where a token admin''s registry is served, several places in the order of preference.';
COMMENT ON COLUMN registries.url IS 'What comes before /registry; {admin} in it stands for the admin''s party id.';
COMMENT ON COLUMN registries.credentials IS 'node: send the access token that the validator node gets, as its scan-proxy wants it. Never for a stranger''s host.';

CREATE TABLE withdrawal_policies (
    instrument_no       integer        PRIMARY KEY REFERENCES instruments,
    enabled             boolean        NOT NULL DEFAULT false,
    decimals            smallint       NOT NULL DEFAULT 10 CHECK (decimals BETWEEN 0 AND 10),
    minimum             numeric(38,10) NOT NULL DEFAULT 0 CHECK (minimum >= 0),
    maximum             numeric(38,10) CHECK (maximum > 0),
    delivery            text           NOT NULL DEFAULT 'any' CHECK (delivery IN ('any', 'direct_only')),
    offer_seconds       integer        NOT NULL DEFAULT 86400 CHECK (offer_seconds BETWEEN 60 AND 7776000),
    reclaim             boolean        NOT NULL DEFAULT true,
    attempt_seconds     integer        NOT NULL DEFAULT 300 CHECK (attempt_seconds BETWEEN 1 AND 86400),
    max_attempts        smallint       NOT NULL DEFAULT 5 CHECK (max_attempts BETWEEN 1 AND 100),
    max_inputs          smallint       NOT NULL DEFAULT 100 CHECK (max_inputs BETWEEN 2 AND 100),
    spend_expired_locks boolean        NOT NULL DEFAULT false,
    sweep               smallint       NOT NULL DEFAULT 0 CHECK (sweep BETWEEN 0 AND 99),
    dust                numeric(38,10) NOT NULL DEFAULT 0 CHECK (dust >= 0),
    tiny                numeric(38,10) NOT NULL DEFAULT 0 CHECK (tiny >= 0 AND tiny <= dust),
    merge_from          smallint       NOT NULL DEFAULT 0 CHECK (merge_from >= 0 AND merge_from <> 1),
    pool_target         smallint       NOT NULL DEFAULT 0 CHECK (pool_target BETWEEN 0 AND 500),
    pool_large          numeric(38,10) NOT NULL DEFAULT 0 CHECK (pool_large >= 0),
    shape_from          smallint       CHECK (shape_from BETWEEN 0 AND 1439),
    shape_until         smallint       CHECK (shape_until BETWEEN 0 AND 1439),
    max_overtaken       integer        NOT NULL DEFAULT 100 CHECK (max_overtaken >= 0),
    max_wait_seconds    integer        NOT NULL DEFAULT 600 CHECK (max_wait_seconds >= 0),
    CHECK ((shape_from IS NULL) = (shape_until IS NULL)),
    CHECK (pool_target = 0 OR pool_large > 0),
    CHECK (maximum IS NULL OR maximum >= minimum)
);
COMMENT ON TABLE withdrawal_policies IS 'How a token is paid out. A token without a row is not.';
COMMENT ON COLUMN withdrawal_policies.enabled IS 'Whether requests are taken. Those that were taken before are finished either way.';
COMMENT ON COLUMN withdrawal_policies.decimals IS 'Most fractional digits of an amount that is requested.';
COMMENT ON COLUMN withdrawal_policies.delivery IS 'direct_only: a receiver who has not agreed beforehand is not paid (no_preapproval). any: such a receiver gets an offer to accept.';
COMMENT ON COLUMN withdrawal_policies.offer_seconds IS 'How long an offer stands. Canton Coin takes at most 90 days.';
COMMENT ON COLUMN withdrawal_policies.reclaim IS 'Whether an offer that nobody accepted is withdrawn by us at its deadline. Otherwise it is left to the registry.';
COMMENT ON COLUMN withdrawal_policies.attempt_seconds IS 'The target record time of an attempt is so far ahead. Until then its inputs stay reserved, whatever happens.';
COMMENT ON COLUMN withdrawal_policies.max_attempts IS 'After so many dead attempts the withdrawal fails and the money returns to the customer.';
COMMENT ON COLUMN withdrawal_policies.spend_expired_locks IS 'Canton Coin alone lets its owner spend a holding whose lock has ended.';
COMMENT ON COLUMN withdrawal_policies.sweep IS 'How many holdings below dust a payment takes along, merging them into its change.';
COMMENT ON COLUMN withdrawal_policies.pool_target IS 'How many holdings of at least pool_large there should be: as many withdrawals can be paid at once. 0: the pool is not shaped.';
COMMENT ON COLUMN withdrawal_policies.merge_from IS 'How many holdings below dust make it worth to merge them; 0: never.';
COMMENT ON COLUMN withdrawal_policies.tiny IS 'Holdings below this are merged however few they are, because Canton Coin lets them expire.';
COMMENT ON COLUMN withdrawal_policies.shape_from IS 'Minute of the day (UTC) from which the pool may be shaped, until shape_until; both null: at any time. Merges that a waiting withdrawal needs do not wait for it.';
COMMENT ON COLUMN withdrawal_policies.max_overtaken IS 'How many later withdrawals may pass one that cannot be paid yet before holdings are kept for it.';

CREATE TABLE withdrawal_freezes (
    treasury_id   integer     NOT NULL REFERENCES treasuries,
    instrument_no integer     NOT NULL DEFAULT 0,
    reason        text        NOT NULL,
    detail        text        NOT NULL,
    frozen_at     timestamptz NOT NULL,
    PRIMARY KEY (treasury_id, instrument_no)
);
COMMENT ON TABLE withdrawal_freezes IS 'Nothing new is signed for a frozen token, or for the whole treasury (instrument_no 0), until a person has looked and `treasury unfreeze` was run. Requests are taken and wait.';

-- A database that was put back to an earlier state does not know the last payments. A promoted standby and a restored
-- backup go on under another timeline; what keeps even that is told by hand (treasury restored).
CREATE TABLE database_lives (
    only_row boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
    identity text        NOT NULL,
    began_at timestamptz NOT NULL
);
COMMENT ON TABLE database_lives IS 'Which life of this database it is: the server''s identity and timeline, and when they were first seen.';

CREATE FUNCTION database_identity() RETURNS text LANGUAGE sql AS $$
    SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
$$;
INSERT INTO database_lives (identity, began_at) VALUES (database_identity(), 'epoch');

CREATE FUNCTION notice_database_life(at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE database_lives SET identity = database_identity(), began_at = at WHERE identity <> database_identity();
    RETURN FOUND;
END $$;
COMMENT ON FUNCTION notice_database_life IS 'Notes that the database has begun another life. It is cheap, and asked before anything that a lost payment could make wrong.';

CREATE FUNCTION payment_barrier(the_treasury integer, at timestamptz) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE
    barrier timestamptz;
BEGIN
    PERFORM notice_database_life(at);

    SELECT l.began_at + make_interval(secs => greatest(300, (SELECT max(p.attempt_seconds) FROM withdrawal_policies p)))
    INTO barrier FROM database_lives l WHERE l.began_at > 'epoch';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    IF barrier < (SELECT min(c.record_time) FROM synchronizer_clocks c WHERE c.treasury_id = the_treasury) THEN
        RETURN NULL;
    END IF;

    -- A synchronizer on which nothing of ours is left may stand still for ever.
    IF NOT EXISTS (
        SELECT FROM synchronizer_clocks c
        WHERE c.treasury_id = the_treasury AND c.record_time <= barrier AND EXISTS (
            SELECT FROM holdings h WHERE h.treasury_id = c.treasury_id AND h.synchronizer_id = c.synchronizer_id AND h.archived_no IS NULL)
    ) AND EXISTS (SELECT FROM synchronizer_clocks c WHERE c.treasury_id = the_treasury AND c.record_time > barrier) THEN
        RETURN NULL;
    END IF;

    RETURN barrier;
END $$;
COMMENT ON FUNCTION payment_barrier IS 'The record time that ingested history must have passed before it is certain that a withdrawal which looks unpaid is unpaid; null when it is certain. After a restore: its moment plus the longest time an attempt may take.';

-- The exchange's side of a withdrawal. Rows that history found alone (origin recovered) have none of it.
CREATE SEQUENCE withdrawal_numbers AS bigint;

ALTER TABLE withdrawals DROP CONSTRAINT withdrawals_origin_check;
ALTER TABLE withdrawals ADD CONSTRAINT withdrawals_origin_check CHECK (origin IN ('requested', 'recovered', 'adopted'));
COMMENT ON COLUMN withdrawals.origin IS 'recovered: found in the ledger''s history without a request in this database, for instance after a restore. adopted: recovered, and requested again under the same id, which pays nothing and books it on the account.';

ALTER TABLE withdrawals
    ADD COLUMN withdrawal_no bigint UNIQUE,
    ADD COLUMN kind          text        NOT NULL DEFAULT 'customer' CHECK (kind IN ('customer', 'internal')),
    ADD COLUMN account       text        CHECK (account <> '' AND length(account) <= 128),
    ADD COLUMN memo          text        CHECK (octet_length(memo) <= 1000),
    ADD COLUMN requested_at  timestamptz,
    ADD COLUMN purpose       text        CHECK (purpose IN ('merge', 'build', 'split')),
    ADD COLUMN serves        text,
    ADD COLUMN waiting       text        NOT NULL DEFAULT '',
    ADD COLUMN detail        text        NOT NULL DEFAULT '',
    ADD COLUMN next_at       timestamptz,
    ADD COLUMN lease_until   timestamptz,
    ADD COLUMN lease_epoch   bigint      NOT NULL DEFAULT 0,
    ADD COLUMN attempt       integer     NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    ADD COLUMN deaths        integer     NOT NULL DEFAULT 0 CHECK (deaths >= 0),
    ADD COLUMN tries         integer     NOT NULL DEFAULT 0 CHECK (tries >= 0),
    ADD COLUMN refusals      integer     NOT NULL DEFAULT 0 CHECK (refusals >= 0),
    ADD COLUMN overtaken     integer     NOT NULL DEFAULT 0 CHECK (overtaken >= 0),
    ADD CHECK (origin = 'recovered' OR withdrawal_no IS NOT NULL),
    ADD CHECK (origin = 'recovered' OR requested_at IS NOT NULL),
    ADD CHECK (origin = 'recovered' OR (kind = 'customer') = (account IS NOT NULL)),
    ADD CHECK ((kind = 'internal') = (purpose IS NOT NULL)),
    ADD CONSTRAINT failures_have_reasons CHECK (state <> 'failed' OR reason <> '');
CREATE INDEX withdrawals_waiting ON withdrawals (treasury_id, instrument_no, withdrawal_no) WHERE state = 'requested';
CREATE INDEX withdrawals_looked_at ON withdrawals (treasury_id, instrument_no, next_at) WHERE state = 'requested';
CREATE INDEX withdrawals_due ON withdrawals (treasury_id, next_at) WHERE state IN ('reserved', 'submitted', 'offered');
CREATE INDEX withdrawals_serving ON withdrawals (treasury_id, serves) WHERE serves IS NOT NULL AND state IN ('reserved', 'submitted');
CREATE INDEX withdrawals_account ON withdrawals (treasury_id, account, withdrawal_no) WHERE account IS NOT NULL;
COMMENT ON COLUMN withdrawals.withdrawal_id IS 'The exchange''s own id, kept for ever: the same id never pays twice. Ids that begin with internal: or recovered: are this system''s.';
COMMENT ON COLUMN withdrawals.state IS 'requested: the funds are set aside, no holding is. reserved: holdings and target record time are fixed. submitted: a payment may be under way. offered: on the ledger, waiting for the receiver. completed and failed are final.';
COMMENT ON COLUMN withdrawals.reason IS 'Why it failed: a reason code of docs/withdrawals.md. Empty otherwise.';
COMMENT ON COLUMN withdrawals.kind IS 'internal: the treasury merges or splits its own holdings.';
COMMENT ON COLUMN withdrawals.memo IS 'What the receiver reads as reason. Null: the withdrawal''s id.';
COMMENT ON COLUMN withdrawals.serves IS 'Of a merge: the withdrawal that waits for it.';
COMMENT ON COLUMN withdrawals.waiting IS 'Why it waits now: a reason code of docs/withdrawals.md; empty while it moves.';
COMMENT ON COLUMN withdrawals.detail IS 'For the operator. Parts of it may be a stranger''s text: escape it.';
COMMENT ON COLUMN withdrawals.next_at IS 'When a worker looks at it again.';
COMMENT ON COLUMN withdrawals.lease_epoch IS 'Grows with every worker that takes it up; one with an older epoch can change nothing.';
COMMENT ON COLUMN withdrawals.attempt IS 'The number of its last attempt; 0 before the first.';
COMMENT ON COLUMN withdrawals.deaths IS 'How many attempts have passed their target record time without a trace in history.';
COMMENT ON COLUMN withdrawals.refusals IS 'How often the token or its registry has refused the transfer since it was last submitted.';
COMMENT ON COLUMN withdrawals.tries IS 'How often in a row a payment could not even be prepared.';
COMMENT ON COLUMN withdrawals.overtaken IS 'How many later withdrawals were served before it.';

CREATE TABLE withdrawal_attempts (
    treasury_id        integer        NOT NULL,
    withdrawal_id      text           NOT NULL,
    attempt            integer        NOT NULL CHECK (attempt > 0),
    kind               text           NOT NULL CHECK (kind IN ('pay', 'reclaim')),
    inputs             text[]         NOT NULL CHECK (cardinality(inputs) BETWEEN 1 AND 100),
    input_total        numeric(38,10) NOT NULL CHECK (input_total >= 0),
    synchronizer_id    text           NOT NULL,
    target_record_time timestamptz    NOT NULL,
    created_at         timestamptz    NOT NULL,
    delivery           text           NOT NULL DEFAULT '' CHECK (delivery IN ('', 'direct', 'self', 'offer')),
    command_id         text           NOT NULL DEFAULT '',
    submission_id      text           NOT NULL DEFAULT '',
    hashing_scheme     text           NOT NULL DEFAULT '',
    transaction_hash   text           NOT NULL DEFAULT '',
    prepared           bytea,
    signature          bytea,
    expected_traffic   bigint         NOT NULL DEFAULT 0,
    prepared_at        timestamptz,
    preparations       integer        NOT NULL DEFAULT 0,
    executions         integer        NOT NULL DEFAULT 0,
    outcome            text           NOT NULL DEFAULT '',
    error              text           NOT NULL DEFAULT '',
    ended_at           timestamptz,
    result             text           CHECK (result IN ('committed', 'dead', 'dropped')),
    PRIMARY KEY (treasury_id, withdrawal_id, attempt),
    CHECK ((ended_at IS NULL) = (result IS NULL))
);

-- As the raw updates, and for the same reason.
DO $$
BEGIN
    ALTER TABLE withdrawal_attempts ALTER COLUMN prepared SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'this PostgreSQL has no lz4; prepared transactions are compressed with pglz';
END $$;

CREATE UNIQUE INDEX withdrawal_attempts_live ON withdrawal_attempts (treasury_id, withdrawal_id) WHERE result IS NULL;
CREATE UNIQUE INDEX withdrawal_attempts_submission ON withdrawal_attempts (submission_id) WHERE submission_id <> '' AND result IS NULL;
COMMENT ON TABLE withdrawal_attempts IS 'A try to pay: over fixed inputs, until a fixed record time. Every transaction that is prepared for it spends all of the inputs, so at most one commits.';
COMMENT ON COLUMN withdrawal_attempts.kind IS 'reclaim: takes back an offer that nobody accepted; its input is the offer.';
COMMENT ON COLUMN withdrawal_attempts.delivery IS 'How the registry said the transfer will reach its receiver.';
COMMENT ON COLUMN withdrawal_attempts.command_id IS 'Made from treasury, withdrawal and attempt: the node remembers it for days, so that a database put back to an earlier state cannot make it pay again.';
COMMENT ON COLUMN withdrawal_attempts.hashing_scheme IS 'V3 covers the target record time by the signature. Under V2 the executing node keeps it.';
COMMENT ON COLUMN withdrawal_attempts.prepared IS 'What was signed, as the node prepared it. Dropped when the attempt has ended.';
COMMENT ON COLUMN withdrawal_attempts.expected_traffic IS 'The node''s estimate in bytes; what was paid is ledger_updates.traffic_cost.';
COMMENT ON COLUMN withdrawal_attempts.outcome IS 'What the node last said of the execution. It speeds things up and decides nothing.';
COMMENT ON COLUMN withdrawal_attempts.result IS 'committed: found in history. dead: the ingested record time has passed the target and it is not in history. dropped: given up before anything was submitted.';

CREATE TABLE reservations (
    treasury_id   integer NOT NULL,
    contract_id   text    NOT NULL,
    withdrawal_id text    NOT NULL,
    attempt       integer NOT NULL,
    CONSTRAINT a_holding_is_reserved_once PRIMARY KEY (treasury_id, contract_id)
);
-- A planner asks what is locked. There are few of these among very many.
CREATE INDEX holdings_locked ON holdings (treasury_id, instrument_no) WHERE archived_no IS NULL AND lock_holders IS NOT NULL;
CREATE INDEX reservations_by_withdrawal ON reservations (treasury_id, withdrawal_id);
COMMENT ON TABLE reservations IS 'Which holdings a live attempt may spend. Its key is what keeps two workers from taking the same holding.';

ALTER TABLE postings DROP CONSTRAINT postings_origin_check;
ALTER TABLE postings ADD CONSTRAINT postings_origin_check CHECK (origin IN ('ledger', 'refund', 'request', 'return'));
COMMENT ON COLUMN postings.origin IS 'What caused the movement. ledger: the update with number origin_no moved money. refund: that update ended a withdrawal without paying it. request: the withdrawal with that withdrawal_no was requested. return: it failed or was cancelled before it reached the ledger.';

-- The life of a withdrawal. `go generate ./internal/withdrawal` draws it in docs/withdrawals.md from the same table in
-- Go; a test holds this one against it.
CREATE FUNCTION withdrawal_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('requested', 'reserved'), ('requested', 'offered'), ('requested', 'completed'), ('requested', 'failed'),
        ('reserved', 'requested'), ('reserved', 'submitted'), ('reserved', 'offered'), ('reserved', 'completed'), ('reserved', 'failed'),
        ('submitted', 'requested'), ('submitted', 'offered'), ('submitted', 'completed'), ('submitted', 'failed'),
        ('offered', 'completed'), ('offered', 'failed')
    ) THEN
        RAISE EXCEPTION 'withdrawal % cannot go from % to %', NEW.withdrawal_id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'withdrawals_go_on';
    END IF;

    RETURN NEW;
END $$;
CREATE TRIGGER withdrawals_go_on BEFORE UPDATE OF state ON withdrawals
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION withdrawal_goes_on();

-- In plpgsql, which keeps what it has parsed: a body in SQL is parsed at every call, twice.
CREATE FUNCTION tell_withdrawal(w withdrawals, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION tell_withdrawal IS 'Writes the event of a step that no update of the ledger made. Those that one made are written by ingestion.';

CREATE FUNCTION refuse_withdrawal(code text, sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CE001', MESSAGE = code, DETAIL = sentence;
END $$;

CREATE FUNCTION request_withdrawal(
    treasury text, withdrawal_id text, account text, instrument_admin text, instrument_id text, amount numeric, receiver text,
    memo text, at timestamptz,
    OUT repeated boolean, OUT state text, OUT reason text, OUT requested_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    the_treasury treasuries;
    the_policy   withdrawal_policies;
    w            withdrawals;
BEGIN
    SELECT * INTO the_treasury FROM treasuries t WHERE t.party = request_withdrawal.treasury;
    IF NOT FOUND THEN
        PERFORM refuse_withdrawal('unknown_treasury', 'No treasury with this party id is registered.');
    END IF;

    IF request_withdrawal.withdrawal_id IS NULL OR octet_length(request_withdrawal.withdrawal_id) NOT BETWEEN 1 AND 255
        OR request_withdrawal.withdrawal_id ~ '[[:cntrl:]]' OR request_withdrawal.withdrawal_id ~ '^(internal|recovered):' THEN
        PERFORM refuse_withdrawal('invalid_id', 'The withdrawal''s id must have 1 to 255 bytes, no control characters, and not begin with internal: or recovered:.');
    END IF;

    IF request_withdrawal.account IS NULL OR request_withdrawal.account = '' OR length(request_withdrawal.account) > 128 THEN
        PERFORM refuse_withdrawal('invalid_account', 'The customer account must have 1 to 128 characters.');
    END IF;

    SELECT * INTO w FROM withdrawals x
    WHERE x.treasury_id = the_treasury.treasury_id AND x.withdrawal_id = request_withdrawal.withdrawal_id;
    IF FOUND THEN
        SELECT * INTO repeated, state, reason, requested_at FROM repeat_withdrawal(w, account, instrument_admin, instrument_id, amount, receiver, memo, at);
        RETURN;
    END IF;

    IF receiver IS NULL OR octet_length(receiver) > 255 OR receiver !~ '^[!-~]+$' OR receiver !~ '^.+?::.+$' OR receiver ~ '^::' THEN
        PERFORM refuse_withdrawal('invalid_receiver', 'The receiver must be a party id, name::fingerprint.');
    END IF;

    IF receiver = the_treasury.party THEN
        PERFORM refuse_withdrawal('invalid_receiver', 'The receiver is the treasury itself.');
    END IF;

    SELECT p.* INTO the_policy
    FROM instruments i JOIN withdrawal_policies p USING (instrument_no)
    WHERE i.admin = request_withdrawal.instrument_admin AND i.instrument_id = request_withdrawal.instrument_id AND i.listed;
    IF NOT FOUND THEN
        PERFORM refuse_withdrawal('unknown_instrument', 'The exchange does not pay out this token: it is the admin together with the id that names it.');
    END IF;

    IF NOT the_policy.enabled THEN
        PERFORM refuse_withdrawal('withdrawals_disabled', 'Withdrawals of this token are switched off.');
    END IF;

    IF amount IS NULL OR NOT (amount > 0 AND amount < 1e28) THEN
        PERFORM refuse_withdrawal('invalid_amount', 'The amount must be above zero and have at most 28 digits before the point.');
    END IF;

    IF amount <> round(amount, the_policy.decimals) THEN
        PERFORM refuse_withdrawal('too_many_decimals', format('The amount may have at most %s decimals.', the_policy.decimals));
    END IF;

    IF amount < the_policy.minimum THEN
        PERFORM refuse_withdrawal('below_minimum', format('The least amount is %s.', the_policy.minimum));
    END IF;

    IF amount > the_policy.maximum THEN
        PERFORM refuse_withdrawal('above_maximum', format('The largest amount is %s.', the_policy.maximum));
    END IF;

    IF octet_length(memo) > 255 OR memo = '' OR memo ~ '[[:cntrl:]]' THEN
        PERFORM refuse_withdrawal('invalid_memo', 'A memo has 1 to 255 bytes and no control characters; leave it out if the receiver wants none.');
    END IF;

    INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, kind, state, reason, account, instrument_no, amount, receiver, memo, requested_at, next_at)
    VALUES (the_treasury.treasury_id, withdrawal_id, nextval('withdrawal_numbers'), 'requested', 'customer', 'requested', '', account,
        the_policy.instrument_no, amount, receiver, memo, at, at)
    ON CONFLICT ON CONSTRAINT withdrawals_pkey DO NOTHING
    RETURNING * INTO w;

    IF NOT FOUND THEN -- the same request at the same time was first
        SELECT * INTO w FROM withdrawals x
        WHERE x.treasury_id = the_treasury.treasury_id AND x.withdrawal_id = request_withdrawal.withdrawal_id;
        SELECT * INTO repeated, state, reason, requested_at FROM repeat_withdrawal(w, account, instrument_admin, instrument_id, amount, receiver, memo, at);
        RETURN;
    END IF;

    PERFORM debit_withdrawal(w);
    PERFORM tell_withdrawal(w, at);

    repeated := false;
    state := w.state;
    reason := w.reason;
    requested_at := w.requested_at;
END $$;
COMMENT ON FUNCTION request_withdrawal IS 'The one way in. Everything else, REST too, calls it.';

CREATE FUNCTION repeat_withdrawal(
    w withdrawals, account text, instrument_admin text, instrument_id text, amount numeric, receiver text, memo text, at timestamptz,
    OUT repeated boolean, OUT state text, OUT reason text, OUT requested_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    the_token instruments;
BEGIN
    SELECT * INTO the_token FROM instruments i WHERE i.instrument_no = w.instrument_no;

    -- What history alone found has neither account nor memo of a request.
    IF (the_token.admin, the_token.instrument_id, w.amount, w.receiver)
            IS DISTINCT FROM (repeat_withdrawal.instrument_admin, repeat_withdrawal.instrument_id, repeat_withdrawal.amount, repeat_withdrawal.receiver)
        OR (w.origin <> 'recovered' AND (w.account, w.memo) IS DISTINCT FROM (repeat_withdrawal.account, repeat_withdrawal.memo)) THEN
        PERFORM refuse_withdrawal('conflict', 'A withdrawal with this id exists and says something else. Nothing was changed.');
    END IF;

    IF w.origin = 'recovered' AND w.state <> 'failed' THEN
        PERFORM adopt_withdrawal(w, account, memo, at);
    END IF;

    repeated := true;
    state := w.state;
    reason := w.reason;
    requested_at := coalesce(w.requested_at, at);
END $$;

-- A payment that history found, and whose request was lost with the database's last state: it is not paid again, and the
-- account that asks for it now is debited now.
CREATE FUNCTION adopt_withdrawal(found withdrawals, the_account text, the_memo text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w withdrawals;
BEGIN
    UPDATE withdrawals x
    SET origin = 'adopted', account = the_account, memo = the_memo, requested_at = at, withdrawal_no = nextval('withdrawal_numbers')
    WHERE x.treasury_id = found.treasury_id AND x.withdrawal_id = found.withdrawal_id AND x.origin = 'recovered'
    RETURNING x.* INTO w;
    IF NOT FOUND THEN
        PERFORM refuse_withdrawal('conflict', 'A withdrawal with this id was requested at this very moment. Repeat the request.');
    END IF;

    PERFORM debit_withdrawal(w);
END $$;

CREATE FUNCTION debit_withdrawal(w withdrawals) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    funds numeric;
BEGIN
    SELECT b.amount INTO funds FROM balances b
    WHERE (b.treasury_id, b.account_kind, b.account, b.instrument_no) = (w.treasury_id, 'customer', w.account, w.instrument_no)
    FOR UPDATE;
    IF coalesce(funds, 0) < w.amount THEN
        PERFORM refuse_withdrawal('insufficient_funds', format('The account holds %s.%s', trim_scale(coalesce(funds, 0)),
            CASE WHEN w.origin = 'adopted' THEN ' The payment itself was made before the database was restored.' ELSE '' END));
    END IF;

    PERFORM post_withdrawal(w, 'request', 1);
END $$;

-- The other side of a withdrawal's money: what is under way, or what had left without a request.
CREATE FUNCTION withdrawal_side(w withdrawals) RETURNS text LANGUAGE sql AS $$
    SELECT CASE WHEN w.origin = 'requested' THEN 'withdrawals' ELSE 'recovered' END;
$$;

CREATE FUNCTION post_withdrawal(w withdrawals, cause text, sign integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO postings (treasury_id, origin, origin_no, movement, line, account_kind, account, instrument_no, amount)
    VALUES (w.treasury_id, cause, w.withdrawal_no, 0, 0, 'customer', w.account, w.instrument_no, -sign * w.amount),
           (w.treasury_id, cause, w.withdrawal_no, 0, 1, withdrawal_side(w), '', w.instrument_no, sign * w.amount);
$$;
COMMENT ON FUNCTION post_withdrawal IS 'Moves a withdrawal''s money from its customer to the other side (sign 1, cause request) or back (sign -1, cause return). The key of postings lets each happen once.';

-- Ends a withdrawal that has not reached the ledger and never will, and gives the money back. It does nothing unless the
-- withdrawal is in the given state, at the given attempt, and it is certain that no payment of it was lost with an earlier
-- state of the database; so who calls it must look at the result.
CREATE FUNCTION fail_withdrawal(the_treasury integer, id text, from_state text, from_attempt integer, why text, more text, at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    w withdrawals;
BEGIN
    UPDATE withdrawals x
    SET state = 'failed', reason = why, waiting = '', detail = more, next_at = NULL, lease_until = NULL
    WHERE x.treasury_id = the_treasury AND x.withdrawal_id = id AND x.state = from_state AND x.attempt = from_attempt AND x.origin = 'requested'
      AND payment_barrier(the_treasury, at) IS NULL
    RETURNING x.* INTO w;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    IF w.kind = 'customer' THEN
        PERFORM post_withdrawal(w, 'return', -1);
    END IF;

    PERFORM tell_withdrawal(w, at);

    RETURN true;
END $$;

CREATE FUNCTION put_off(at timestamptz, tries integer) RETURNS timestamptz IMMUTABLE LANGUAGE sql AS $$
    SELECT at + make_interval(secs => least(60, 2 ^ least(tries, 6)));
$$;
COMMENT ON FUNCTION put_off IS 'When to try again what has failed so often in a row: after a second, two, four, and at most a minute.';

CREATE FUNCTION cancel_withdrawal(treasury text, withdrawal_id text, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    w withdrawals;
BEGIN
    SELECT x.* INTO w FROM withdrawals x JOIN treasuries t USING (treasury_id)
    WHERE t.party = cancel_withdrawal.treasury AND x.withdrawal_id = cancel_withdrawal.withdrawal_id
    FOR UPDATE OF x;
    IF NOT FOUND OR w.kind <> 'customer' THEN
        PERFORM refuse_withdrawal('unknown_withdrawal', 'There is no withdrawal with this id.');
    END IF;

    IF w.state = 'failed' AND w.reason = 'cancelled' THEN
        RETURN w.state;
    END IF;

    IF w.state = 'requested' AND payment_barrier(w.treasury_id, at) IS NOT NULL THEN
        PERFORM refuse_withdrawal('not_certain_yet', 'The database was put back to an earlier state, and it is not certain yet that this withdrawal is unpaid. Try again when ingestion has caught up.');
    END IF;

    IF NOT fail_withdrawal(w.treasury_id, w.withdrawal_id, 'requested', w.attempt, 'cancelled', '', at) THEN
        PERFORM refuse_withdrawal('too_late', format('The withdrawal is %s: it can no longer be cancelled.', w.state));
    END IF;

    RETURN 'failed';
END $$;

CREATE VIEW api.withdrawals AS
SELECT t.party AS treasury, w.withdrawal_id, w.kind, w.origin, w.state, w.reason, w.waiting, w.account, i.admin AS instrument_admin, i.instrument_id,
       w.amount, w.receiver, w.memo, w.requested_at, w.next_at, w.attempt, a.target_record_time, a.delivery, a.hashing_scheme,
       w.correlation_id, coalesce(s.update_id, o.update_id) AS update_id, w.record_time,
       n.execute_before, coalesce(o.traffic_cost, 0) + coalesce(s.traffic_cost, 0) AS traffic_cost
FROM withdrawals w
JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN withdrawal_attempts a ON (a.treasury_id, a.withdrawal_id, a.attempt) = (w.treasury_id, w.withdrawal_id, w.attempt)
LEFT JOIN transfer_instructions n ON (n.treasury_id, n.contract_id) = (w.treasury_id, w.correlation_id)
LEFT JOIN ledger_updates o ON (o.treasury_id, o.update_no) = (w.treasury_id, w.offered_no)
LEFT JOIN ledger_updates s ON (s.treasury_id, s.update_no) = (w.treasury_id, w.settled_no);
COMMENT ON VIEW api.withdrawals IS 'Money on its way out, or paid. reason is final, waiting says why it does not move now; both are codes of docs/withdrawals.md. update_id is what to quote to the receiver.';

CREATE FUNCTION api.request_withdrawal(
    treasury text, withdrawal_id text, account text, instrument_admin text, instrument_id text, amount numeric, receiver text,
    memo text DEFAULT NULL,
    OUT repeated boolean, OUT state text, OUT reason text, OUT requested_at timestamptz
) LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM request_withdrawal(treasury, withdrawal_id, account, instrument_admin, instrument_id, amount, receiver, memo, clock_timestamp());
$$;
COMMENT ON FUNCTION api.request_withdrawal IS 'Requests a withdrawal, once: the same id with the same content returns the first (repeated), with other content it is refused. The money leaves the account in the same transaction. A refusal is an error with SQLSTATE CE001 whose message is a reason code of docs/withdrawals.md and whose detail is a sentence.';

CREATE FUNCTION api.cancel_withdrawal(treasury text, withdrawal_id text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT cancel_withdrawal(treasury, withdrawal_id, clock_timestamp());
$$;
COMMENT ON FUNCTION api.cancel_withdrawal IS 'Cancels a withdrawal for which nothing is reserved yet and gives the money back; repeating it does no harm. Refused with too_late once it is reserved.';
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA api FROM PUBLIC;

-- Functions that run with their owner's rights find their tables here: nobody else may put anything beside them. Servers
-- before version 15 allow it to everybody.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
