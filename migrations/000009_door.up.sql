-- The exchange's door: who may ask for what, who must agree, what was answered, and a chain of hashes over who did what.

INSERT INTO schema_history (version) VALUES (9);

CREATE TABLE api_keys (
    key_id       text        PRIMARY KEY CHECK (key_id ~ '^k_[a-z0-9]{12}$'),
    name         text        NOT NULL CHECK (name <> '' AND length(name) <= 100),
    prefix       text        NOT NULL,
    secret_hash  bytea       NOT NULL CHECK (octet_length(secret_hash) = 32),
    scopes       text[]      NOT NULL CHECK (scopes <@ ARRAY['read', 'accounts', 'withdrawals', 'approvals', 'admin'] AND cardinality(scopes) > 0),
    treasuries   text[],
    allowed_from cidr[],
    per_second   integer     NOT NULL CHECK (per_second BETWEEN 1 AND 10000),
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz,
    successor    text        REFERENCES api_keys
);
COMMENT ON TABLE api_keys IS 'Who may use the REST API. The secret itself is nowhere.';
COMMENT ON COLUMN api_keys.secret_hash IS 'SHA-256 of the secret, which is 32 random bytes, so that nothing slower is needed.';
COMMENT ON COLUMN api_keys.treasuries IS 'Party ids that it may see; null for all.';
COMMENT ON COLUMN api_keys.allowed_from IS 'Networks that it may be used from; null for anywhere.';
COMMENT ON COLUMN api_keys.successor IS 'The key that takes its place; this one works until it expires.';

CREATE TABLE api_answers (
    actor       text        NOT NULL,
    key         text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    fingerprint bytea       NOT NULL,
    status      integer     NOT NULL,
    body        bytea       NOT NULL,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (actor, key)
);
CREATE INDEX api_answers_age ON api_answers (answered_at);
COMMENT ON TABLE api_answers IS 'What was answered to requests with an Idempotency-Key, written in the transaction that did what they asked for.';
COMMENT ON COLUMN api_answers.fingerprint IS 'SHA-256 of method, path and body: the same key for something else is refused.';

-- The audit log is sealed row by row: each seal is a hash over the one before and the row. Who can change the database
-- cannot change what was sealed without changing every seal after it, up to the head, which is logged and may be kept
-- elsewhere. Rows are sealed a moment after they are committed, so that nobody waits for a chain. Seals have an order of
-- their own: numbers of rows are given before, and a row may be committed long after one with a larger number.
CREATE TABLE audit_seals (
    seal_no   bigint      PRIMARY KEY CHECK (seal_no > 0),
    audit_no  bigint      NOT NULL UNIQUE REFERENCES audit_log,
    hash      bytea       NOT NULL CHECK (octet_length(hash) = 32),
    sealed_at timestamptz NOT NULL
);
CREATE TRIGGER audit_seals_stay BEFORE UPDATE OR DELETE ON audit_seals FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_seals_are_not_emptied BEFORE TRUNCATE ON audit_seals FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
COMMENT ON TABLE audit_seals IS 'The chain of hashes over audit_log: sha256(seal before, row).';
COMMENT ON COLUMN audit_seals.seal_no IS 'The place in the chain, without a gap.';

-- Nobody looks through millions of sealed rows each second for the three that are not.
CREATE TABLE audit_unsealed (audit_no bigint PRIMARY KEY);
INSERT INTO audit_unsealed SELECT l.audit_no FROM audit_log l;
COMMENT ON TABLE audit_unsealed IS 'The rows of audit_log that have no seal yet.';

CREATE FUNCTION await_seal() RETURNS trigger SECURITY DEFINER SET search_path = public, pg_temp LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_unsealed (audit_no) VALUES (NEW.audit_no);

    RETURN NULL;
END $$;
CREATE TRIGGER audit_log_awaits_seals AFTER INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION await_seal();

CREATE TABLE audit_sealing (the_only boolean PRIMARY KEY DEFAULT true CHECK (the_only));
INSERT INTO audit_sealing DEFAULT VALUES;
COMMENT ON TABLE audit_sealing IS 'One row, which whoever seals has locked. An advisory lock could be held by any role that can connect.';

CREATE FUNCTION audit_hash(before bytea, l audit_log) RETURNS bytea STABLE LANGUAGE sql AS $$
    SELECT sha256(before || convert_to(jsonb_build_array(l.audit_no, l.treasury_id, l.actor, l.database_user, l.action, l.subject, l.detail,
        to_char(l.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'))::text, 'UTF8'));
$$;

CREATE FUNCTION seal_audit(most integer, at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    l      audit_log;
    last   audit_seals;
    sealed integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM audit_unsealed) THEN
        RETURN 0; -- this is asked every second, and a lock is a write
    END IF;

    PERFORM FROM audit_sealing FOR UPDATE;

    SELECT * INTO last FROM audit_seals s ORDER BY s.seal_no DESC LIMIT 1;

    -- A row that can be seen is committed, and final. So no transaction is asked for its number: after a restore, such
    -- numbers are another server's.
    FOR l IN SELECT a.* FROM audit_unsealed u JOIN audit_log a USING (audit_no) ORDER BY u.audit_no LIMIT most LOOP
        DELETE FROM audit_unsealed u WHERE u.audit_no = l.audit_no;
        CONTINUE WHEN EXISTS (SELECT FROM audit_seals s WHERE s.audit_no = l.audit_no); -- a restore of data alone has put it here again

        INSERT INTO audit_seals (seal_no, audit_no, hash, sealed_at)
        VALUES (coalesce(last.seal_no, 0) + 1, l.audit_no, audit_hash(coalesce(last.hash, '\x'), l), at) RETURNING * INTO last;
        sealed := sealed + 1;
    END LOOP;

    RETURN sealed;
END $$;

CREATE FUNCTION verify_audit(OUT rows bigint, OUT unsealed bigint, OUT head bytea, OUT broken_at bigint) STABLE LANGUAGE plpgsql AS $$
DECLARE
    l      audit_log;
    s      audit_seals;
    before bytea := '\x';
BEGIN
    rows := 0;
    SELECT count(*) INTO unsealed FROM audit_unsealed;

    FOR s IN SELECT * FROM audit_seals x ORDER BY x.seal_no LOOP
        SELECT * INTO l FROM audit_log a WHERE a.audit_no = s.audit_no;
        IF NOT FOUND OR s.seal_no <> rows + 1 OR audit_hash(before, l) <> s.hash THEN
            broken_at := s.audit_no;
            RETURN;
        END IF;

        before := s.hash;
        rows := rows + 1;
    END LOOP;

    head := nullif(before, '\x');

    -- Every row waits for its seal from when it is written. One that neither has it nor waits was put in by who had
    -- switched triggers off, or its seal was taken away.
    SELECT min(a.audit_no) INTO broken_at FROM audit_log a
    WHERE NOT EXISTS (SELECT FROM audit_seals x WHERE x.audit_no = a.audit_no)
      AND NOT EXISTS (SELECT FROM audit_unsealed u WHERE u.audit_no = a.audit_no);
END $$;
COMMENT ON FUNCTION verify_audit IS 'Computes the chain anew. broken_at is the row at which it does not fit any more: one that was changed, added or moved, or before which one or its seal was taken away.';

-- What is requested is noted by whom, whichever way it comes. A repetition and a refusal change nothing and are not noted.
-- Who may request need not see what an account holds.
CREATE OR REPLACE FUNCTION debit_withdrawal(w withdrawals) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    funds numeric;
BEGIN
    SELECT b.amount INTO funds FROM balances b
    WHERE (b.treasury_id, b.account_kind, b.account, b.instrument_no) = (w.treasury_id, 'customer', w.account, w.instrument_no)
    FOR UPDATE;
    IF coalesce(funds, 0) < w.amount THEN
        PERFORM refuse_withdrawal('insufficient_funds', 'The account holds less than the amount.' ||
            CASE WHEN w.origin = 'adopted' THEN ' The payment itself was made before the database was restored.' ELSE '' END);
    END IF;

    PERFORM post_withdrawal(w, 'request', 1);

    PERFORM note_act(w.treasury_id, the_actor(), 'withdrawal.request', w.withdrawal_id,
        jsonb_build_object('withdrawalId', w.withdrawal_id, 'account', w.account, 'instrumentAdmin', i.admin, 'instrumentId', i.instrument_id,
            'amount', trim_scale(w.amount)::text, 'receiver', w.receiver, 'memo', w.memo), w.requested_at)
    FROM instruments i WHERE i.instrument_no = w.instrument_no;
END $$;

CREATE OR REPLACE FUNCTION cancel_withdrawal(treasury text, withdrawal_id text, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    w withdrawals;
BEGIN
    SELECT x.* INTO w FROM withdrawals x JOIN treasuries t USING (treasury_id)
    WHERE t.party = cancel_withdrawal.treasury AND x.withdrawal_id = cancel_withdrawal.withdrawal_id
    FOR UPDATE OF x;
    IF NOT FOUND OR w.kind = 'internal' THEN
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

    PERFORM note_act(w.treasury_id, the_actor(), 'withdrawal.cancel', w.withdrawal_id, '{}', at);

    RETURN 'failed';
END $$;

-- A person is noted by name, about the memo; a program, which gives no name, as who it is, about the account.
CREATE OR REPLACE FUNCTION note_memo(a deposit_accounts, who text, act text, why text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF who = '' THEN
        PERFORM note_act(a.treasury_id, the_actor(), 'memo.create', a.account, jsonb_build_object('account', a.account, 'memo', a.memo), at);
    ELSE
        PERFORM note_act(a.treasury_id, who, act, a.memo_key, jsonb_build_object('account', a.account, 'memo', a.memo, 'note', nullif(why, '')), at);
    END IF;
END $$;

-- Withdrawals that must be agreed to, limits, and where customers may withdraw to.
ALTER TABLE withdrawal_policies
    ADD COLUMN approve_from      numeric(38,10) CHECK (approve_from >= 0),
    ADD COLUMN destinations_only boolean        NOT NULL DEFAULT false,
    ADD COLUMN cooling_seconds   integer        NOT NULL DEFAULT 86400 CHECK (cooling_seconds BETWEEN 0 AND 2592000);
COMMENT ON COLUMN withdrawal_policies.approve_from IS 'From this amount on, a withdrawal waits until somebody else than who requested it approves. Null: never.';
COMMENT ON COLUMN withdrawal_policies.destinations_only IS 'Whether customers may withdraw only to parties of their list.';
COMMENT ON COLUMN withdrawal_policies.cooling_seconds IS 'How long after it was added a party of a list cannot be withdrawn to yet.';

CREATE TABLE withdrawal_limits (
    treasury_id    integer        NOT NULL REFERENCES treasuries,
    account        text           NOT NULL DEFAULT '' CHECK (length(account) <= 128),
    instrument_no  integer        NOT NULL REFERENCES instruments,
    window_seconds integer        NOT NULL CHECK (window_seconds BETWEEN 60 AND 31536000),
    amount         numeric(38,10) NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (treasury_id, instrument_no, account, window_seconds)
);
COMMENT ON TABLE withdrawal_limits IS 'How much of a token an account may withdraw within any so many seconds. The row with an empty account is for each account that has none of its own with this window.';

CREATE TABLE withdrawal_destinations (
    treasury_id integer     NOT NULL REFERENCES treasuries,
    account     text        NOT NULL CHECK (account <> '' AND length(account) <= 128),
    party       text        NOT NULL CHECK (length(party) <= 255),
    name        text        NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    added_by    text        NOT NULL,
    added_at    timestamptz NOT NULL,
    removed_at  timestamptz,
    PRIMARY KEY (treasury_id, account, party)
);
COMMENT ON TABLE withdrawal_destinations IS 'Parties that a customer may withdraw to. A party that is added again cools off again.';

ALTER TABLE withdrawals
    ADD COLUMN requested_by text NOT NULL DEFAULT '',
    ADD COLUMN approval     text NOT NULL DEFAULT '' CHECK (approval IN ('', 'wanted', 'given', 'refused')),
    ADD COLUMN approved_by  text NOT NULL DEFAULT '',
    ADD CONSTRAINT nobody_approves_their_own CHECK (approval <> 'given' OR (approved_by <> '' AND approved_by <> requested_by)),
    ADD CONSTRAINT nothing_is_paid_unapproved CHECK (approval <> 'wanted' OR state NOT IN ('reserved', 'submitted'));
CREATE INDEX withdrawals_rolling ON withdrawals (treasury_id, account, instrument_no, requested_at) WHERE kind = 'customer';
COMMENT ON COLUMN withdrawals.requested_by IS 'The API key, person or database role that requested it.';
COMMENT ON COLUMN withdrawals.approval IS 'wanted: it waits for somebody else to approve it. Empty: none is needed.';

CREATE FUNCTION admit_withdrawal() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    p withdrawal_policies;
    l withdrawal_limits;
    d withdrawal_destinations;
BEGIN
    NEW.requested_by := the_actor();
    SELECT * INTO p FROM withdrawal_policies x WHERE x.instrument_no = NEW.instrument_no;

    IF p.destinations_only THEN
        SELECT * INTO d FROM withdrawal_destinations x
        WHERE x.treasury_id = NEW.treasury_id AND x.account = NEW.account AND x.party = NEW.receiver AND x.removed_at IS NULL;
        IF NOT FOUND THEN
            PERFORM refuse_withdrawal('unknown_destination', 'The receiver is not on the account''s list of parties to withdraw to.');
        END IF;

        IF NEW.requested_at < d.added_at + make_interval(secs => p.cooling_seconds) THEN
            PERFORM refuse_withdrawal('destination_cools_off', format('The receiver was added to the list too short a time ago. It can be withdrawn to from %s.',
                to_char((d.added_at + make_interval(secs => p.cooling_seconds)) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')));
        END IF;
    END IF;

    -- The account's requests one after the other, or two at once would both be below a limit.
    IF EXISTS (SELECT FROM withdrawal_limits x WHERE x.treasury_id = NEW.treasury_id AND x.instrument_no = NEW.instrument_no) THEN
        PERFORM FROM balances b
        WHERE (b.treasury_id, b.account_kind, b.account, b.instrument_no) = (NEW.treasury_id, 'customer', NEW.account, NEW.instrument_no) FOR UPDATE;

        IF EXISTS (SELECT FROM withdrawals w WHERE (w.treasury_id, w.withdrawal_id) = (NEW.treasury_id, NEW.withdrawal_id)) THEN
            RETURN NEW; -- the same request was first: this one is answered as its repetition, not refused for what it counts
        END IF;

        FOR l IN SELECT DISTINCT ON (x.window_seconds) x.* FROM withdrawal_limits x
                 WHERE x.treasury_id = NEW.treasury_id AND x.instrument_no = NEW.instrument_no AND x.account IN ('', NEW.account)
                 ORDER BY x.window_seconds, x.account DESC LOOP
            IF NEW.amount + (
                SELECT coalesce(sum(w.amount), 0) FROM withdrawals w
                WHERE w.treasury_id = NEW.treasury_id AND w.account = NEW.account AND w.instrument_no = NEW.instrument_no AND w.kind = 'customer'
                  AND w.state <> 'failed' AND w.requested_at > NEW.requested_at - make_interval(secs => l.window_seconds)
            ) > l.amount THEN
                PERFORM refuse_withdrawal('limit_exceeded', format('The account may withdraw %s within %s, and has requested too much of it already.',
                    trim_scale(l.amount), make_interval(secs => l.window_seconds)));
            END IF;
        END LOOP;
    END IF;

    IF NEW.amount >= p.approve_from THEN
        NEW.approval := 'wanted';
        NEW.waiting := 'awaits_approval';
        NEW.next_at := NULL;
    END IF;

    RETURN NEW;
END $$;
CREATE TRIGGER withdrawals_are_admitted BEFORE INSERT ON withdrawals
    FOR EACH ROW WHEN (NEW.kind = 'customer' AND NEW.origin = 'requested' AND NEW.withdrawal_id NOT LIKE 'return:%' AND NOT is_rebuild())
    EXECUTE FUNCTION admit_withdrawal();

CREATE FUNCTION approve_withdrawal(treasury text, withdrawal_id text, agreed boolean, operator text, note text, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    w withdrawals;
BEGIN
    SELECT x.* INTO w FROM withdrawals x JOIN treasuries t USING (treasury_id)
    WHERE t.party = approve_withdrawal.treasury AND x.withdrawal_id = approve_withdrawal.withdrawal_id FOR UPDATE OF x;
    IF NOT FOUND OR w.kind = 'internal' THEN
        PERFORM refuse_withdrawal('unknown_withdrawal', 'There is no withdrawal with this id.');
    END IF;

    IF (w.approval = CASE WHEN agreed THEN 'given' ELSE 'refused' END) AND w.approved_by = operator THEN
        RETURN w.state; -- said twice
    END IF;

    IF w.approval <> 'wanted' OR w.state <> 'requested' THEN
        PERFORM refuse_withdrawal('nothing_to_approve', format('The withdrawal is %s and waits for no approval. Nothing was changed.', w.state));
    END IF;

    IF agreed AND lower(btrim(w.requested_by)) IN (lower(btrim(operator)), lower(btrim(the_actor()))) THEN
        PERFORM refuse_withdrawal('own_request', 'Somebody else than who requested it must approve it. Nothing was changed.');
    END IF;

    PERFORM note_act(w.treasury_id, operator, CASE WHEN agreed THEN 'withdrawal.approve' ELSE 'withdrawal.reject' END, w.withdrawal_id,
        jsonb_build_object('note', nullif(note, ''), 'amount', w.amount::text, 'receiver', w.receiver, 'requestedBy', w.requested_by), at);

    IF agreed THEN
        UPDATE withdrawals x SET approval = 'given', approved_by = operator, waiting = '', next_at = at
        WHERE x.treasury_id = w.treasury_id AND x.withdrawal_id = w.withdrawal_id;
        RETURN 'requested';
    END IF;

    UPDATE withdrawals x SET approval = 'refused', approved_by = operator
    WHERE x.treasury_id = w.treasury_id AND x.withdrawal_id = w.withdrawal_id;

    IF NOT fail_withdrawal(w.treasury_id, w.withdrawal_id, 'requested', w.attempt, 'not_approved', '', at) THEN
        PERFORM refuse_withdrawal('not_certain_yet', 'The database was put back to an earlier state, and it is not certain yet that this withdrawal is unpaid. Try again when ingestion has caught up.');
    END IF;

    RETURN 'failed';
END $$;
COMMENT ON FUNCTION approve_withdrawal IS 'Lets a withdrawal that waits for approval be paid, or refuses it and gives the money back. To say it twice does no harm.';

-- What was decided about a deposit is not for those who only request and cancel withdrawals.
CREATE FUNCTION cancel_customers_withdrawal(treasury text, withdrawal_id text, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF EXISTS (SELECT FROM withdrawals x JOIN treasuries t USING (treasury_id)
               WHERE t.party = cancel_customers_withdrawal.treasury AND x.withdrawal_id = cancel_customers_withdrawal.withdrawal_id AND x.kind = 'return') THEN
        PERFORM refuse_withdrawal('scope_missing', 'This withdrawal carries a deposit back to its sender, as somebody with the scope approvals decided. Only who has that scope as well may cancel it. Nothing was changed.');
    END IF;

    RETURN cancel_withdrawal(cancel_customers_withdrawal.treasury, cancel_customers_withdrawal.withdrawal_id, cancel_customers_withdrawal.at);
END $$;

CREATE OR REPLACE FUNCTION adopt_withdrawal(found withdrawals, the_account text, the_memo text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    w withdrawals;
BEGIN
    UPDATE withdrawals x
    SET origin = 'adopted', account = the_account, memo = the_memo, requested_at = at, withdrawal_no = nextval('withdrawal_numbers')
    WHERE x.treasury_id = found.treasury_id AND x.withdrawal_id = found.withdrawal_id AND x.origin = 'recovered'
    RETURNING x.* INTO w;
    IF NOT FOUND THEN -- a code of its own: who repeats it is answered, which no conflict is
        PERFORM refuse_withdrawal('requested_meanwhile', 'A withdrawal with this id was requested at this very moment. Repeat the request.');
    END IF;

    PERFORM debit_withdrawal(w);
END $$;

CREATE FUNCTION add_destination(treasury text, account text, party text, name text, operator text, at timestamptz) RETURNS withdrawal_destinations LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id integer := treasury_of(treasury);
    d  withdrawal_destinations;
BEGIN
    PERFORM check_account(account);

    IF party IS NULL OR octet_length(party) > 255 OR party !~ '^[!-~]+$' OR party !~ '^.+?::.+$' OR party ~ '^::' THEN
        PERFORM refuse_decision('invalid_party', 'A party id has the form name::fingerprint.');
    END IF;

    SELECT * INTO d FROM withdrawal_destinations x
    WHERE x.treasury_id = id AND x.account = add_destination.account AND x.party = add_destination.party FOR UPDATE;
    IF FOUND AND d.removed_at IS NULL THEN
        RETURN d; -- said twice
    END IF;

    PERFORM note_act(id, operator, 'destination.add', account, jsonb_build_object('party', party, 'name', nullif(name, '')), at);

    INSERT INTO withdrawal_destinations (treasury_id, account, party, name, added_by, added_at)
    VALUES (id, account, party, coalesce(name, ''), operator, at)
    ON CONFLICT (treasury_id, account, party) DO UPDATE SET name = excluded.name, added_by = excluded.added_by, added_at = excluded.added_at, removed_at = NULL
    RETURNING * INTO d;

    RETURN d;
END $$;

CREATE FUNCTION remove_destination(treasury text, account text, party text, operator text, at timestamptz) RETURNS withdrawal_destinations LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id integer := treasury_of(treasury);
    d  withdrawal_destinations;
BEGIN
    UPDATE withdrawal_destinations x SET removed_at = coalesce(x.removed_at, at)
    WHERE x.treasury_id = id AND x.account = remove_destination.account AND x.party = remove_destination.party RETURNING * INTO d;
    IF NOT FOUND THEN
        PERFORM refuse_decision('unknown_destination', 'The party is not on the account''s list.');
    END IF;

    IF d.removed_at = at THEN
        PERFORM note_act(id, operator, 'destination.remove', account, jsonb_build_object('party', party), at);
    END IF;

    RETURN d;
END $$;

-- When a withdrawal ended that history did not end, for statements.
ALTER TABLE withdrawals ADD COLUMN ended_at timestamptz;
COMMENT ON COLUMN withdrawals.ended_at IS 'When it failed without history; otherwise record_time tells.';

CREATE OR REPLACE FUNCTION fail_withdrawal(the_treasury integer, id text, from_state text, from_attempt integer, why text, more text, at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    w withdrawals;
BEGIN
    UPDATE withdrawals x
    SET state = 'failed', reason = why, waiting = '', detail = more, next_at = NULL, lease_until = NULL, ended_at = at
    WHERE x.treasury_id = the_treasury AND x.withdrawal_id = id AND x.state = from_state AND x.attempt = from_attempt AND x.origin = 'requested'
      AND payment_barrier(the_treasury, at) IS NULL
    RETURNING x.* INTO w;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    IF w.kind <> 'internal' THEN
        PERFORM post_withdrawal(w, 'return', -1);
    END IF;

    PERFORM tell_withdrawal(w, at);

    RETURN true;
END $$;

-- When a posting was booked, so that there is an order over all of them.
ALTER TABLE postings ADD COLUMN posted_at timestamptz;
ALTER TABLE postings DISABLE TRIGGER postings_stay;
UPDATE postings p SET posted_at = coalesce(CASE
    WHEN p.origin IN ('ledger', 'refund') THEN
        (SELECT u.record_time FROM ledger_updates u WHERE (u.treasury_id, u.update_no) = (p.treasury_id, p.origin_no))
    WHEN p.origin = 'case' THEN (SELECT c.changed_at FROM deposit_cases c WHERE c.case_no = p.origin_no)
    ELSE (SELECT CASE p.origin WHEN 'request' THEN w.requested_at ELSE coalesce(w.record_time, w.requested_at) END
          FROM withdrawals w WHERE w.withdrawal_no = p.origin_no) END, 'epoch');
ALTER TABLE postings ENABLE TRIGGER postings_stay;
ALTER TABLE postings ALTER COLUMN posted_at SET NOT NULL, ALTER COLUMN posted_at SET DEFAULT clock_timestamp();
COMMENT ON COLUMN postings.posted_at IS 'Record time of the update that moved the money; of other movements, when they were booked.';

-- A case has the record time of its deposit, so that those of a state are read in the order of deposits.
ALTER TABLE deposit_cases ADD COLUMN arrived_at timestamptz;
UPDATE deposit_cases c SET arrived_at = d.record_time FROM deposits d WHERE (d.treasury_id, d.deposit_id) = (c.treasury_id, c.deposit_id);
ALTER TABLE deposit_cases ALTER COLUMN arrived_at SET NOT NULL;
COMMENT ON COLUMN deposit_cases.arrived_at IS 'The record time of the deposit.';

-- What the exchange reads. Lists are read page by page in the order of an index, from treasury_no on, which every view has
-- last: it is the database's own number of the treasury. What is rare has an index of its own: nobody reads a million
-- rows for the three that wait.
CREATE INDEX deposits_in_order ON deposits (treasury_id, record_time, deposit_id);
CREATE INDEX deposits_instrument ON deposits (treasury_id, instrument_no, record_time, deposit_id);
CREATE INDEX deposits_sender ON deposits (treasury_id, sender, record_time, deposit_id);
DROP INDEX deposits_account; -- in the whole order now
CREATE INDEX deposits_account ON deposits (treasury_id, account, record_time, deposit_id) WHERE account IS NOT NULL;
CREATE INDEX deposits_uncredited ON deposits (treasury_id, state, record_time, deposit_id) WHERE state NOT IN ('credited', 'held', 'unattributed');
CREATE INDEX deposits_offers ON deposits (treasury_id, record_time, deposit_id) WHERE kind = 'offer';
CREATE INDEX deposits_of_update ON deposits (treasury_id, coalesce(settled_no, offered_no));
CREATE INDEX deposit_cases_state ON deposit_cases (treasury_id, state, arrived_at, deposit_id);
CREATE INDEX deposit_cases_waiting ON deposit_cases (treasury_id, arrived_at, deposit_id) WHERE state IN ('open', 'proposed');
CREATE INDEX deposit_cases_credited ON deposit_cases (treasury_id, account, arrived_at, deposit_id) WHERE state = 'credited';
CREATE INDEX deposit_cases_account ON deposit_cases (treasury_id, account, changed_at) WHERE state = 'credited';
CREATE INDEX offer_verdicts_verdict ON offer_verdicts (treasury_id, verdict, open);
CREATE STATISTICS offer_verdicts_standing (mcv) ON verdict, open FROM offer_verdicts; -- those that are accepted do not stay open
DROP INDEX withdrawals_account; -- in another order now
CREATE INDEX withdrawals_account ON withdrawals (treasury_id, account, coalesce(requested_at, record_time), withdrawal_id) WHERE account IS NOT NULL;
CREATE INDEX withdrawals_in_order ON withdrawals (treasury_id, coalesce(requested_at, record_time), withdrawal_id);
CREATE INDEX withdrawals_instrument ON withdrawals (treasury_id, instrument_no, coalesce(requested_at, record_time), withdrawal_id);
CREATE INDEX withdrawals_uncompleted ON withdrawals (treasury_id, state, coalesce(requested_at, record_time), withdrawal_id) WHERE state <> 'completed';
CREATE INDEX withdrawals_why ON withdrawals (treasury_id, waiting, coalesce(requested_at, record_time), withdrawal_id) WHERE waiting <> '';
CREATE INDEX withdrawals_failed ON withdrawals (treasury_id, account, coalesce(ended_at, record_time, requested_at))
    WHERE kind = 'customer' AND state = 'failed';
CREATE INDEX deposit_accounts_in_order ON deposit_accounts (treasury_id, created_at, memo_key);
CREATE INDEX balances_instrument ON balances (treasury_id, instrument_no, account_kind, account);
CREATE INDEX postings_in_order ON postings (treasury_id, posted_at);
CREATE INDEX postings_account ON postings (treasury_id, account_kind, account, posted_at);
CREATE INDEX postings_instrument ON postings (treasury_id, instrument_no, posted_at);
CREATE INDEX ledger_updates_in_order ON ledger_updates (treasury_id, record_time, update_no);

CREATE VIEW api.treasuries AS
SELECT t.party AS treasury, t.created_at, t.treasury_id AS treasury_no FROM treasuries t;
COMMENT ON VIEW api.treasuries IS 'The parties of the exchange that hold customers'' money on the ledger.';

CREATE VIEW api.instruments AS
SELECT i.admin AS instrument_admin, i.instrument_id, i.listed, i.minimum_deposit, coalesce(d.accept_offers, true) AS accept_offers,
       greatest(i.minimum_deposit, coalesce(d.minimum_offer, 0)) AS minimum_offer, coalesce(d.credit_delay_seconds, 0) AS credit_delay_seconds,
       coalesce(d.screen, false) AS screened, coalesce(w.enabled, false) AND i.listed AS withdrawals, w.minimum AS minimum_withdrawal,
       w.maximum AS maximum_withdrawal, w.decimals, w.approve_from, i.instrument_no
FROM instruments i
LEFT JOIN deposit_policies d USING (instrument_no)
LEFT JOIN withdrawal_policies w USING (instrument_no);
COMMENT ON VIEW api.instruments IS 'Tokens and how the exchange deals in each. A token is (instrument_admin, instrument_id): the id alone is anybody''s. Both are their issuer''s texts: escape them.';

-- Each row has a treasury. It is joined from the left so that who knows its number, and does not ask for its name, need
-- not have it looked up for each row.
CREATE OR REPLACE VIEW api.balances AS
SELECT t.party AS treasury, b.account_kind, b.account, i.admin AS instrument_admin, i.instrument_id, b.amount,
       b.treasury_id AS treasury_no, b.instrument_no
FROM balances b
LEFT JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no);

CREATE VIEW api.postings AS
SELECT t.party AS treasury, p.origin, p.origin_no, p.movement, p.line, p.account_kind, p.account, i.admin AS instrument_admin, i.instrument_id, p.amount,
       p.posted_at, p.treasury_id AS treasury_no, p.instrument_no
FROM postings p
LEFT JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no);
COMMENT ON VIEW api.postings IS 'Double entry: the lines of a movement (origin, origin_no, movement) sum to zero for each token.';

CREATE OR REPLACE VIEW api.deposits AS
SELECT t.party AS treasury, d.deposit_id, d.kind,
       CASE WHEN c.state IN ('open', 'proposed') THEN 'unattributed' ELSE coalesce(c.state, d.state) END AS state,
       coalesce(c.reason, d.reason) AS reason,
       CASE WHEN c.state = 'credited' THEN c.account ELSE d.account END AS account,
       i.admin AS instrument_admin, i.instrument_id, d.amount,
       d.sender, d.memo, d.correlation_id, u.update_id, d.record_time, d.execute_before,
       c.release_at, c.withdrawal_id AS return_withdrawal_id, c.changed_at AS decided_at,
       CASE WHEN c.state = 'proposed' THEN c.action END AS proposed_action,
       CASE WHEN c.state = 'proposed' THEN c.account END AS proposed_account,
       CASE WHEN c.state = 'proposed' THEN c.proposed_by END AS proposed_by,
       d.state AS arrived_as, d.account AS memo_account, c.state AS case_state, c.account AS case_account, c.arrived_at,
       d.treasury_id AS treasury_no, d.instrument_no
FROM deposits d
LEFT JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN deposit_cases c USING (treasury_id, deposit_id)
LEFT JOIN ledger_updates u ON u.treasury_id = d.treasury_id AND u.update_no = coalesce(d.settled_no, d.offered_no);

CREATE OR REPLACE VIEW api.offers AS
SELECT t.party AS treasury, v.deposit_id, v.open, v.verdict, v.reason, v.work, v.tries, v.detail, v.operator, v.note, v.decided_at,
       i.admin AS instrument_admin, i.instrument_id, d.amount, d.sender, d.memo, d.account, d.correlation_id, d.execute_before, d.state,
       d.record_time, d.kind, v.treasury_id AS treasury_no
FROM offer_verdicts v
JOIN deposits d ON (d.treasury_id, d.deposit_id) = (v.treasury_id, v.deposit_id)
LEFT JOIN treasuries t ON t.treasury_id = v.treasury_id
JOIN instruments i ON i.instrument_no = v.instrument_no;

CREATE OR REPLACE VIEW api.withdrawals AS
SELECT t.party AS treasury, w.withdrawal_id, w.kind, w.origin, w.state, w.reason, w.waiting, w.account, i.admin AS instrument_admin, i.instrument_id,
       w.amount, w.receiver, w.memo, w.requested_at, w.next_at, w.attempt, a.target_record_time, a.delivery, a.hashing_scheme,
       w.correlation_id, coalesce(s.update_id, o.update_id) AS update_id, w.record_time,
       n.execute_before, coalesce(o.traffic_cost, 0) + coalesce(s.traffic_cost, 0) AS traffic_cost,
       w.requested_by, w.approval, w.approved_by, coalesce(w.requested_at, w.record_time) AS began_at, w.treasury_id AS treasury_no, w.instrument_no
FROM withdrawals w
LEFT JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN withdrawal_attempts a ON (a.treasury_id, a.withdrawal_id, a.attempt) = (w.treasury_id, w.withdrawal_id, w.attempt)
LEFT JOIN transfer_instructions n ON (n.treasury_id, n.contract_id) = (w.treasury_id, w.correlation_id)
LEFT JOIN ledger_updates o ON (o.treasury_id, o.update_no) = (w.treasury_id, w.offered_no)
LEFT JOIN ledger_updates s ON (s.treasury_id, s.update_no) = (w.treasury_id, w.settled_no);

COMMENT ON COLUMN api.deposits.arrived_as IS 'What history made of it. state is made of this and of case_state, and account of memo_account and case_account: ask for these where many rows are to be passed over quickly.';
COMMENT ON COLUMN api.withdrawals.began_at IS 'When it was requested, or was found in history without a request.';

CREATE OR REPLACE VIEW api.unattributed AS
SELECT t.party AS treasury, d.deposit_id, c.state, c.reason, i.admin AS instrument_admin, i.instrument_id, d.amount, d.sender, d.memo,
       d.record_time, u.update_id, d.correlation_id, c.action AS proposed_action, c.account AS proposed_account, c.proposed_by, c.note,
       a.account AS memo_account, a.enabled AS memo_enabled, c.opened_at, d.account, d.kind, d.execute_before, c.changed_at, c.arrived_at,
       c.treasury_id AS treasury_no, d.instrument_no
FROM deposit_cases c
JOIN deposits d USING (treasury_id, deposit_id)
LEFT JOIN treasuries t ON t.treasury_id = c.treasury_id
JOIN instruments i ON i.instrument_no = d.instrument_no
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_no) = (d.treasury_id, d.settled_no)
LEFT JOIN deposit_accounts a ON (a.treasury_id, a.memo_key) = (d.treasury_id, memo_key(d.memo))
WHERE c.state IN ('open', 'proposed');

CREATE OR REPLACE VIEW api.deposit_accounts AS
SELECT t.party AS treasury, a.memo, a.account, a.enabled, a.issued, a.created_at, a.created_by, a.disabled_at, a.disabled_by,
       a.memo_key, a.treasury_id AS treasury_no
FROM deposit_accounts a LEFT JOIN treasuries t USING (treasury_id);

CREATE OR REPLACE VIEW api.ingestion_status AS
SELECT t.party AS treasury, c.participant_id, c.ledger_offset, c.update_no, c.updated_at, s.synchronizer_id, s.record_time,
       c.halted, c.treasury_id AS treasury_no
FROM ingestion_cursors c
LEFT JOIN treasuries t USING (treasury_id)
LEFT JOIN synchronizer_clocks s USING (treasury_id);

CREATE OR REPLACE VIEW api.preapproval AS
SELECT t.party AS treasury, o.state, o.checked_at, p.contract_id, p.provider, p.expires_at, o.why_not, p.renewal, p.detail,
       o.treasury_id AS treasury_no
FROM preapproval_outlooks o
LEFT JOIN treasuries t USING (treasury_id)
LEFT JOIN preapprovals p USING (treasury_id, contract_id);

CREATE VIEW api.freezes AS
SELECT t.party AS treasury, i.admin AS instrument_admin, i.instrument_id, f.reason, f.detail, f.frozen_at, f.treasury_id AS treasury_no
FROM withdrawal_freezes f
LEFT JOIN treasuries t USING (treasury_id)
LEFT JOIN instruments i ON i.instrument_no = f.instrument_no;
COMMENT ON VIEW api.freezes IS 'Tokens for which nothing new is signed until a person has looked; one without a token is of the whole treasury. detail may hold a stranger''s words: escape it.';

CREATE VIEW api.standing AS
SELECT t.party AS treasury, s.resource, s.state, s.reason, s.standing, s.oldest, s.treasury_no
FROM (
    SELECT w.treasury_id AS treasury_no, 'withdrawals' AS resource, w.state, w.waiting AS reason, count(*) AS standing,
           min(coalesce(w.requested_at, w.record_time)) AS oldest
    FROM withdrawals w WHERE w.state <> 'completed' AND w.state IN ('requested', 'reserved', 'submitted', 'offered') GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT v.treasury_id, 'offers', v.verdict, v.reason, count(*), min(v.decided_at) FROM offer_verdicts v WHERE v.open GROUP BY 1, 2, 3, 4
    UNION ALL
    SELECT c.treasury_id, 'deposits', CASE WHEN c.state IN ('open', 'proposed') THEN 'unattributed' ELSE c.state END, c.reason, count(*),
           min(c.arrived_at)
    FROM deposit_cases c WHERE c.state IN ('held', 'open', 'proposed', 'returning') GROUP BY 1, 2, 3, 4
) AS s
LEFT JOIN treasuries t ON t.treasury_id = s.treasury_no;
COMMENT ON VIEW api.standing IS 'How many withdrawals, offers and deposits have not ended, by their state and why they wait. oldest: of withdrawals when they were requested, of offers when they were decided last, of deposits their record time.';

CREATE VIEW api.transfers AS
SELECT t.party AS treasury, u.update_id, u.record_time, u.synchronizer_id, u.ledger_offset,
       CASE WHEN u.update_no > c.node_since_no THEN c.participant_id ELSE '' END AS participant_id,
       x.node_id, x.leg, x.direction, x.status, x.sender, x.receiver, i.admin AS instrument_admin, i.instrument_id, x.amount, x.memo, x.correlation_id,
       x.update_no, x.treasury_id AS treasury_no, x.instrument_no
FROM transfers x
LEFT JOIN treasuries t USING (treasury_id)
JOIN ingestion_cursors c USING (treasury_id)
JOIN ledger_updates u ON (u.treasury_id, u.update_no) = (x.treasury_id, x.update_no)
JOIN instruments i USING (instrument_no);
COMMENT ON VIEW api.transfers IS 'Every transfer, or step of one, as it is on the ledger. By one whose status is not completed the receiver has nothing. participant_id: the node that ledger_offset is of, empty where that was an earlier one. memo and the names of the token are strangers'' texts: escape them.';

CREATE VIEW api.deposit_transfers AS
SELECT d.treasury_id AS treasury_no, d.deposit_id, x.update_no, x.node_id, x.leg
FROM deposits d
JOIN transfers x ON x.treasury_id = d.treasury_id AND x.update_no = coalesce(d.settled_no, d.offered_no)
    AND CASE WHEN d.settled_no IS NULL THEN x.correlation_id = d.correlation_id ELSE (x.node_id, x.leg) = (d.settled_node, d.settled_leg) END;
COMMENT ON VIEW api.deposit_transfers IS 'Which transfer of api.transfers a deposit is: the last step of it that the ledger has. Its status there says whether the money came.';

CREATE VIEW api.withdrawal_transfers AS
SELECT w.treasury_id AS treasury_no, w.withdrawal_id, x.update_no, x.node_id, x.leg
FROM withdrawals w
JOIN transfers x ON x.treasury_id = w.treasury_id AND x.update_no = coalesce(w.settled_no, w.offered_no)
    AND (x.instrument_no, x.receiver, x.amount) = (w.instrument_no, w.receiver, w.amount)
    AND x.correlation_id IS NOT DISTINCT FROM w.correlation_id;
COMMENT ON VIEW api.withdrawal_transfers IS 'Which transfer of api.transfers a withdrawal is, paid or not: its status there says. An update may hold several that are alike, or several steps of one.';

CREATE VIEW api.update_bodies AS
SELECT b.treasury_id AS treasury_no, b.update_no, octet_length(b.body) AS bytes, b.body FROM ledger_update_bodies b;
COMMENT ON VIEW api.update_bodies IS 'Updates as the node told them, UTF-8 JSON, as long as they are kept. They are full of strangers'' texts: escape them.';

CREATE VIEW api.holdings AS
SELECT t.party AS treasury, h.contract_id, i.admin AS instrument_admin, i.instrument_id, h.amount, (h.lock_holders IS NOT NULL) AS locked,
       h.lock_expires_at, r.withdrawal_id AS reserved_for, h.synchronizer_id, h.treasury_id AS treasury_no, h.instrument_no
FROM holdings h
LEFT JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN reservations r USING (treasury_id, contract_id)
WHERE h.archived_no IS NULL;
COMMENT ON VIEW api.holdings IS 'The treasury''s active holdings: what it owns on the ledger. reserved_for: the withdrawal that may spend it.';

CREATE VIEW api.updates AS
SELECT t.party AS treasury, u.update_no, u.update_id, u.kind, u.ledger_offset, u.record_time, u.synchronizer_id, u.traffic_cost, u.ingested_at,
       u.treasury_id AS treasury_no
FROM ledger_updates u
LEFT JOIN treasuries t USING (treasury_id);
COMMENT ON VIEW api.updates IS 'The updates of the ledger that concerned a treasury, numbered as they were ingested.';

-- What moved a customer account has four views, each of which is read in the order of an index, and one over all of them.
CREATE VIEW api.statement_deposits AS
SELECT d.treasury_id AS treasury_no, t.party AS treasury, d.account, d.record_time AS at, 'deposit'::text AS what, d.deposit_id::text AS reference,
       i.admin AS instrument_admin, i.instrument_id, d.amount::numeric AS amount, u.update_id
FROM deposits d
LEFT JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_no) = (d.treasury_id, d.settled_no)
WHERE d.state = 'credited';
COMMENT ON VIEW api.statement_deposits IS 'Part of api.statements: deposits that were credited when they arrived.';

CREATE VIEW api.statement_assignments AS
SELECT c.treasury_id AS treasury_no, t.party AS treasury, c.account, c.changed_at AS at,
       CASE c.action WHEN 'release' THEN 'deposit' ELSE 'deposit_assigned' END AS what, c.deposit_id::text AS reference,
       i.admin AS instrument_admin, i.instrument_id, d.amount::numeric AS amount, u.update_id
FROM deposit_cases c
JOIN deposits d USING (treasury_id, deposit_id)
LEFT JOIN treasuries t ON t.treasury_id = c.treasury_id
JOIN instruments i USING (instrument_no)
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_no) = (d.treasury_id, d.settled_no)
WHERE c.state = 'credited';
COMMENT ON VIEW api.statement_assignments IS 'Part of api.statements: deposits that were credited later, when their time had come or a person had decided.';

CREATE VIEW api.statement_withdrawals AS
SELECT w.treasury_id AS treasury_no, t.party AS treasury, w.account, coalesce(w.requested_at, w.record_time) AS at, 'withdrawal'::text AS what,
       w.withdrawal_id AS reference, i.admin AS instrument_admin, i.instrument_id, -w.amount::numeric AS amount, u.update_id
FROM withdrawals w
LEFT JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_no) = (w.treasury_id, coalesce(w.settled_no, w.offered_no))
WHERE w.kind = 'customer' AND w.origin <> 'recovered';
COMMENT ON VIEW api.statement_withdrawals IS 'Part of api.statements: withdrawals, from when they were requested.';

CREATE VIEW api.statement_returns AS
SELECT w.treasury_id AS treasury_no, t.party AS treasury, w.account, coalesce(w.ended_at, w.record_time, w.requested_at) AS at,
       'withdrawal_returned'::text AS what, w.withdrawal_id AS reference, i.admin AS instrument_admin, i.instrument_id, w.amount::numeric AS amount,
       u.update_id
FROM withdrawals w
LEFT JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_no) = (w.treasury_id, w.settled_no)
WHERE w.kind = 'customer' AND w.origin <> 'recovered' AND w.state = 'failed';
COMMENT ON VIEW api.statement_returns IS 'Part of api.statements: the money of withdrawals that were not paid, when it was given back.';

CREATE VIEW api.statements AS
SELECT * FROM api.statement_deposits
UNION ALL SELECT * FROM api.statement_assignments
UNION ALL SELECT * FROM api.statement_withdrawals
UNION ALL SELECT * FROM api.statement_returns;
COMMENT ON VIEW api.statements IS 'Everything that moved a customer account. The amounts of an account sum to its balance.';

-- A plan that is kept is made for an account with few rows, which it sorts; an account with millions wants them as its
-- indexes have them, and then few rows are as fast. So nothing is sorted or hashed here, and the plan need not be made anew.
CREATE FUNCTION api.statement_page(the_treasury_no integer, the_account text, since timestamptz, until timestamptz, after_at timestamptz,
    after_what text, after_reference text, most integer)
RETURNS TABLE (at timestamptz, what text, reference text, instrument_admin text, instrument_id text, amount numeric, update_id text)
LANGUAGE plpgsql STABLE
SET enable_sort = off SET enable_hashjoin = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
    first timestamptz := greatest(coalesce(since, '-infinity'), coalesce(after_at, '-infinity'));
    bound timestamptz := coalesce(until, 'infinity');
    last_at timestamptz := coalesce(after_at, '-infinity');
    last_what text := coalesce(after_what, '');
    last_reference text := coalesce(after_reference, '');
BEGIN
    RETURN QUERY
    SELECT * FROM (
        (SELECT s.at, s.what, s.reference, s.instrument_admin, s.instrument_id, s.amount, s.update_id FROM api.statement_deposits s
         WHERE s.treasury_no = the_treasury_no AND s.account = the_account AND s.at >= first AND s.at < bound
            AND (s.at, s.what, s.reference) > (last_at, last_what, last_reference) ORDER BY s.at, s.what, s.reference LIMIT most)
        UNION ALL
        (SELECT s.at, s.what, s.reference, s.instrument_admin, s.instrument_id, s.amount, s.update_id FROM api.statement_assignments s
         WHERE s.treasury_no = the_treasury_no AND s.account = the_account AND s.at >= first AND s.at < bound
            AND (s.at, s.what, s.reference) > (last_at, last_what, last_reference) ORDER BY s.at, s.what, s.reference LIMIT most)
        UNION ALL
        (SELECT s.at, s.what, s.reference, s.instrument_admin, s.instrument_id, s.amount, s.update_id FROM api.statement_withdrawals s
         WHERE s.treasury_no = the_treasury_no AND s.account = the_account AND s.at >= first AND s.at < bound
            AND (s.at, s.what, s.reference) > (last_at, last_what, last_reference) ORDER BY s.at, s.what, s.reference LIMIT most)
        UNION ALL
        (SELECT s.at, s.what, s.reference, s.instrument_admin, s.instrument_id, s.amount, s.update_id FROM api.statement_returns s
         WHERE s.treasury_no = the_treasury_no AND s.account = the_account AND s.at >= first AND s.at < bound
            AND (s.at, s.what, s.reference) > (last_at, last_what, last_reference) ORDER BY s.at, s.what, s.reference LIMIT most)
    ) AS parts ORDER BY at, what, reference LIMIT most;
END $$;
COMMENT ON FUNCTION api.statement_page IS 'A page of api.statements of an account, the oldest first: from since on and before until, after a line that was read last; null where there is none. treasury_no as api.treasuries has it. However large the account is, it is read in order.';

CREATE VIEW api.destinations AS
SELECT t.party AS treasury, d.account, d.party, d.name, d.added_by, d.added_at, d.removed_at
FROM withdrawal_destinations d LEFT JOIN treasuries t USING (treasury_id);
COMMENT ON VIEW api.destinations IS 'Parties that customers may withdraw to, where a token''s policy keeps a list.';

-- What the exchange asks for.
CREATE FUNCTION api.assign_deposit(treasury text, deposit_id uuid, account text, operator text, note text DEFAULT '') RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT resolve_deposit(treasury, deposit_id, 'assign', account, operator, note, clock_timestamp());
$$;
COMMENT ON FUNCTION api.assign_deposit IS 'Gives a deposit that waits for a person to an account. The answer is credited, or proposed where a second person must confirm. Refusals are codes of docs/deposits.md.';

CREATE FUNCTION api.return_deposit(treasury text, deposit_id uuid, operator text, note text DEFAULT '') RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT resolve_deposit(treasury, deposit_id, 'return', NULL, operator, note, clock_timestamp());
$$;
COMMENT ON FUNCTION api.return_deposit IS 'Sends a deposit back to its sender, with the sender''s own memo. The answer is returning, or proposed where a second person must confirm.';

CREATE FUNCTION api.confirm_deposit(treasury text, deposit_id uuid, operator text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT confirm_deposit(treasury, deposit_id, operator, clock_timestamp());
$$;
COMMENT ON FUNCTION api.confirm_deposit IS 'Has what another person proposed take effect.';

CREATE FUNCTION api.decline_deposit(treasury text, deposit_id uuid, operator text, note text DEFAULT '') RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT decline_deposit(treasury, deposit_id, operator, note, clock_timestamp());
$$;
COMMENT ON FUNCTION api.decline_deposit IS 'Takes back what was proposed.';

CREATE FUNCTION api.approve_withdrawal(treasury text, withdrawal_id text, operator text, note text DEFAULT '') RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT approve_withdrawal(treasury, withdrawal_id, true, operator, note, clock_timestamp());
$$;
COMMENT ON FUNCTION api.approve_withdrawal IS 'Lets a withdrawal that waits for approval be paid. Not by who requested it.';

CREATE FUNCTION api.reject_withdrawal(treasury text, withdrawal_id text, operator text, note text DEFAULT '') RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT approve_withdrawal(treasury, withdrawal_id, false, operator, note, clock_timestamp());
$$;
COMMENT ON FUNCTION api.reject_withdrawal IS 'Refuses a withdrawal that waits for approval and gives the money back.';

CREATE OR REPLACE FUNCTION api.cancel_withdrawal(treasury text, withdrawal_id text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE WHEN has_function_privilege(session_user, 'api.return_deposit(text, uuid, text, text)', 'EXECUTE')
        THEN cancel_withdrawal(treasury, withdrawal_id, clock_timestamp()) ELSE cancel_customers_withdrawal(treasury, withdrawal_id, clock_timestamp()) END;
$$;
COMMENT ON FUNCTION api.cancel_withdrawal IS 'Cancels a withdrawal for which nothing is reserved yet and gives the money back; repeating it does no harm. Refused with too_late once it is reserved, and with scope_missing if it carries a deposit back and the role may not decide about deposits.';

CREATE FUNCTION api.add_destination(treasury text, account text, party text, name text, operator text) RETURNS timestamptz
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (add_destination(treasury, account, party, name, operator, clock_timestamp())).added_at;
$$;
COMMENT ON FUNCTION api.add_destination IS 'Adds a party to where a customer may withdraw to; it counts after the token''s cooling-off time.';

CREATE FUNCTION api.remove_destination(treasury text, account text, party text, operator text) RETURNS timestamptz
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT (remove_destination(treasury, account, party, operator, clock_timestamp())).removed_at;
$$;
COMMENT ON FUNCTION api.remove_destination IS 'Takes a party off the list, at once.';
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA api FROM PUBLIC;

-- Rights of database roles that are the exchange's systems. Nothing but schema api is theirs.
CREATE FUNCTION grant_door(grantee name, scopes text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    scope text;
    what  text;
BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA api TO %I', grantee);

    FOREACH scope IN ARRAY scopes LOOP
        CASE scope
        WHEN 'read' THEN
            EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA api TO %I', grantee);
            EXECUTE format('REVOKE ALL ON api.audit_log FROM %I', grantee); -- it is of all treasuries, and for admins
            what := 'api.match_memo, api.nearest_memos, api.deposit_instructions, api.deposit_address, api.statement_page';
        WHEN 'accounts' THEN
            what := 'api.issue_memo, api.register_memo, api.disable_memo, api.enable_memo, api.add_destination, api.remove_destination';
        WHEN 'withdrawals' THEN
            what := 'api.request_withdrawal, api.cancel_withdrawal';
        WHEN 'approvals' THEN
            what := 'api.assign_deposit, api.return_deposit, api.confirm_deposit, api.decline_deposit, api.approve_withdrawal, api.reject_withdrawal';
        ELSE
            RAISE EXCEPTION 'scope %: want read, accounts, withdrawals or approvals', scope;
        END CASE;

        EXECUTE (SELECT string_agg(format('GRANT EXECUTE ON FUNCTION %s TO %I', name, grantee), '; ') FROM unnest(string_to_array(what, ', ')) AS name);
    END LOOP;
END $$;
COMMENT ON FUNCTION grant_door IS 'Gives a database role the rights of some scopes in schema api, and nothing else.';
