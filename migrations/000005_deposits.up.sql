-- Money that has arrived and is not credited at once: it is held for its time or a screening, or waits for a person who
-- assigns it to an account or returns it to its sender.

INSERT INTO schema_history (version) VALUES (5);

-- A memo as it is compared, and empty for one that can belong to nobody: the same as memo.Key in Go, which says why.
CREATE FUNCTION memo_key(memo text) RETURNS text IMMUTABLE PARALLEL SAFE LANGUAGE sql AS $$
    SELECT CASE WHEN octet_length(trimmed) > 128 OR strpos(trimmed, E'\uFFFD') > 0 THEN ''
                ELSE translate(trimmed, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz') END
    FROM btrim(coalesce(memo, ''), E'\t\n\u000B\f\r \u0085\u00A0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200A\u2028\u2029\u202F\u205F\u3000') AS trimmed;
$$;

-- Who did what. Everything that a person decides about money is written here, in the transaction that does it.
CREATE TABLE audit_log (
    audit_no      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    treasury_id   integer,
    actor         text        NOT NULL CHECK (actor <> '' AND length(actor) <= 200),
    database_user text        NOT NULL DEFAULT session_user,
    action        text        NOT NULL,
    subject       text        NOT NULL,
    detail        jsonb       NOT NULL,
    at            timestamptz NOT NULL
);
CREATE TRIGGER audit_log_stays BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_log_is_not_emptied BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE INDEX audit_log_subject ON audit_log (subject, audit_no);
COMMENT ON TABLE audit_log IS 'Who decided what, when. Written once, never changed.';
COMMENT ON COLUMN audit_log.actor IS 'The name that the person gave, or that a key stands for.';
COMMENT ON COLUMN audit_log.database_user IS 'The role of the connection, which nobody can choose.';

CREATE FUNCTION refuse_decision(code text, sentence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'CE001', MESSAGE = code, DETAIL = sentence;
END $$;
COMMENT ON FUNCTION refuse_decision IS 'Refuses what a person decides about a deposit, as refuse_withdrawal does a request; the codes are in docs/deposits.md.';

CREATE FUNCTION note_act(the_treasury integer, who text, act text, what text, more jsonb, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(btrim(who), '') = '' OR length(who) > 200 OR who ~ '[[:cntrl:]]' THEN
        PERFORM refuse_decision('invalid_operator', 'The name of who decides must have 1 to 200 characters.');
    END IF;

    INSERT INTO audit_log (treasury_id, actor, action, subject, detail, at)
    VALUES (the_treasury, who, act, what, jsonb_strip_nulls(more), note_act.at);
END $$;

CREATE FUNCTION the_actor() RETURNS text STABLE LANGUAGE sql AS $$
    SELECT CASE WHEN has_table_privilege(session_user, 'public.withdrawals', 'INSERT')
        THEN coalesce(nullif(current_setting('ces.actor', true), ''), session_user) ELSE session_user END;
$$;
COMMENT ON FUNCTION the_actor IS 'Who acts: what a program of the suite says of its connection or transaction (ces.actor), or else the database role. Of roles that have no more than schema api only the role is believed.';

-- What is set about tokens and their registries, and what is frozen, decides about money as well. Whoever changes it, by
-- whatever way, is noted.
CREATE FUNCTION note_setting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was  jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    now_ jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    row_ jsonb := coalesce(now_, was);
BEGIN
    IF was = now_ THEN
        RETURN NULL;
    END IF;

    INSERT INTO audit_log (treasury_id, actor, action, subject, detail, at)
    VALUES ((row_->>'treasury_id')::integer, left(the_actor(), 200), TG_TABLE_NAME || '.' || lower(TG_OP),
        coalesce((SELECT i.admin || ' ' || i.instrument_id FROM instruments i WHERE i.instrument_no = (row_->>'instrument_no')::integer),
            row_->>'admin', ''),
        jsonb_strip_nulls(jsonb_build_object('was', was, 'is', now_)), clock_timestamp());

    RETURN NULL;
END $$;
CREATE TRIGGER deposit_policies_are_noted AFTER INSERT OR UPDATE OR DELETE ON deposit_policies FOR EACH ROW EXECUTE FUNCTION note_setting();
CREATE TRIGGER withdrawal_policies_are_noted AFTER INSERT OR UPDATE OR DELETE ON withdrawal_policies FOR EACH ROW EXECUTE FUNCTION note_setting();
CREATE TRIGGER registries_are_noted AFTER INSERT OR UPDATE OR DELETE ON registries FOR EACH ROW EXECUTE FUNCTION note_setting();
CREATE TRIGGER freezes_are_noted AFTER INSERT OR UPDATE OR DELETE ON withdrawal_freezes FOR EACH ROW EXECUTE FUNCTION note_setting();
CREATE TRIGGER listings_are_noted AFTER UPDATE OF listed, minimum_deposit ON instruments FOR EACH ROW EXECUTE FUNCTION note_setting();
CREATE TRIGGER first_listings_are_noted AFTER INSERT ON instruments FOR EACH ROW WHEN (NEW.listed) EXECUTE FUNCTION note_setting();

-- What a policy says of money that has arrived.
ALTER TABLE deposit_policies
    ADD COLUMN credit_delay_seconds integer NOT NULL DEFAULT 0 CHECK (credit_delay_seconds BETWEEN 0 AND 2592000),
    ADD COLUMN confirm_from         numeric(38,10) CHECK (confirm_from >= 0);
COMMENT ON TABLE deposit_policies IS 'How deposits of a token are dealt with. A listed token without a row has the defaults.';
COMMENT ON COLUMN deposit_policies.screen IS 'Whether the screening service must have passed an offer before it is accepted, and a deposit before it is credited. It fails closed.';
COMMENT ON COLUMN deposit_policies.credit_delay_seconds IS 'A deposit is credited so much record time after it arrived; 0: at once.';
COMMENT ON COLUMN deposit_policies.confirm_from IS 'From this amount on, what one person decides about a deposit takes effect when another one confirms it. Null: never.';
COMMENT ON TABLE blocked_senders IS 'Parties whose offers are not accepted, and whose deposits are not credited without a person.';

ALTER TABLE deposits DROP CONSTRAINT deposits_state_check;
ALTER TABLE deposits ADD CONSTRAINT deposits_state_check
    CHECK (state IN ('offered', 'credited', 'held', 'unattributed', 'rejected', 'withdrawn', 'expired', 'failed'));
ALTER TABLE deposits ADD CONSTRAINT held_deposits_have_accounts CHECK (state <> 'held' OR account IS NOT NULL);
COMMENT ON COLUMN deposits.state IS 'What history made of it. offered: somebody must accept it, no money yet. credited: booked to account. held: the money is here, and its policy wants a time or a screening first. unattributed: the money is here and its owner is not known. The others: an offer that ended without money. What became of held and unattributed ones is in deposit_cases; api.deposits shows both together.';
COMMENT ON COLUMN deposits.reason IS 'Why it is unattributed: missing_memo, empty_memo, unknown_memo, disabled_memo, unlisted_instrument, below_minimum, sender_blocked, memo_given_later (above what one person may decide about, its memo was given to an account after it was sent), or unexpected_settlement for money of an offer that had already ended. Why it is held: awaits_time, awaits_screening. Empty otherwise.';

ALTER TABLE postings DROP CONSTRAINT postings_account_kind_check;
ALTER TABLE postings ADD CONSTRAINT postings_account_kind_check CHECK (account_kind IN
    ('network', 'customer', 'held', 'unattributed', 'withdrawals', 'recovered', 'fees', 'income', 'losses', 'unrecognized', 'opening'));
ALTER TABLE postings DROP CONSTRAINT postings_origin_check;
ALTER TABLE postings ADD CONSTRAINT postings_origin_check CHECK (origin IN ('ledger', 'refund', 'request', 'return', 'case'));
COMMENT ON COLUMN postings.account_kind IS 'network is everybody else on the ledger: minus what the treasury holds. customer is money owed to a customer. held is here, and its customer gets it when its policy allows. unattributed is here without a known owner. withdrawals is on its way out; recovered went out without a request in this database. fees, income and losses are the exchange''s own. unrecognized is a change that nothing explains. opening is what the treasury held when this history began.';
COMMENT ON COLUMN postings.origin IS 'What caused the movement. ledger: the update with number origin_no moved money. refund: that update ended a withdrawal without paying it. request: the withdrawal with that withdrawal_no was requested. return: it failed or was cancelled before it reached the ledger. case: the deposit with that case_no was credited after its arrival.';

-- What became of money that arrived without being credited.
CREATE TABLE deposit_cases (
    treasury_id   integer     NOT NULL,
    deposit_id    uuid        NOT NULL,
    case_no       bigint      GENERATED ALWAYS AS IDENTITY UNIQUE,
    state         text        NOT NULL CHECK (state IN ('held', 'open', 'proposed', 'credited', 'returning', 'returned')),
    reason        text        NOT NULL,
    release_at    timestamptz,
    account       text        CHECK (account <> '' AND length(account) <= 128),
    action        text        NOT NULL DEFAULT '' CHECK (action IN ('', 'release', 'assign', 'return')),
    proposed_by   text        NOT NULL DEFAULT '',
    proposed_actor text       NOT NULL DEFAULT '',
    confirmed_by  text        NOT NULL DEFAULT '',
    note          text        NOT NULL DEFAULT '',
    confirm_from  numeric(38,10),
    returns       integer     NOT NULL DEFAULT 0 CHECK (returns >= 0),
    withdrawal_id text,
    steps         integer     NOT NULL DEFAULT 0,
    opened_at     timestamptz NOT NULL,
    changed_at    timestamptz NOT NULL,
    PRIMARY KEY (treasury_id, deposit_id),
    CHECK ((state = 'held') = (release_at IS NOT NULL)),
    CHECK (state NOT IN ('proposed', 'credited', 'returning', 'returned') OR action <> ''),
    CHECK (state <> 'proposed' OR proposed_by <> ''),
    CONSTRAINT nobody_confirms_their_own CHECK (confirmed_by = '' OR confirmed_by NOT IN (proposed_by, proposed_actor)),
    CHECK (state <> 'credited' OR account IS NOT NULL),
    CHECK (state NOT IN ('returning', 'returned') OR withdrawal_id IS NOT NULL)
);
CREATE INDEX deposit_cases_held ON deposit_cases (treasury_id, release_at) WHERE state = 'held';
CREATE INDEX deposit_cases_open ON deposit_cases (treasury_id, opened_at) WHERE state IN ('open', 'proposed');
CREATE UNIQUE INDEX deposit_cases_return ON deposit_cases (treasury_id, withdrawal_id) WHERE withdrawal_id IS NOT NULL;
COMMENT ON TABLE deposit_cases IS 'What became of a deposit that was not credited when it arrived. The deposit itself is in deposits.';
COMMENT ON COLUMN deposit_cases.state IS 'held: waits for its time or a screening. open: waits for a person. proposed: one person has decided, another must confirm. credited and returned are final; returning: the withdrawal that carries it back is under way.';
COMMENT ON COLUMN deposit_cases.reason IS 'Why it is held or open now. returned_before: history has its return, from before the database was put back to an earlier state. return_failed: it was on its way back, and came again; the withdrawal says why.';
COMMENT ON COLUMN deposit_cases.release_at IS 'Record time from which it may be credited.';
COMMENT ON COLUMN deposit_cases.account IS 'Who gets it, or got it.';
COMMENT ON COLUMN deposit_cases.proposed_actor IS 'Who that was, whatever name was given: as the_actor tells it.';
COMMENT ON COLUMN deposit_cases.confirm_from IS 'The policy''s when the deposit arrived: who raises the policy''s later does not change what it takes to decide about this one.';
COMMENT ON COLUMN deposit_cases.returns IS 'The number of its last return.';
COMMENT ON COLUMN deposit_cases.steps IS 'Counts its steps, so that each has an event of its own.';

INSERT INTO deposit_cases (treasury_id, deposit_id, state, reason, opened_at, changed_at)
SELECT treasury_id, deposit_id, 'open', reason, record_time, record_time FROM deposits WHERE state = 'unattributed';

-- The life of a case. `go generate ./internal/deposit` draws it in docs/deposits.md from the same table in Go; a test holds
-- this one against it.
CREATE FUNCTION case_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('held', 'open'), ('held', 'proposed'), ('held', 'credited'), ('held', 'returning'),
        ('open', 'proposed'), ('open', 'credited'), ('open', 'returning'),
        ('proposed', 'open'), ('proposed', 'credited'), ('proposed', 'returning'),
        ('returning', 'open'), ('returning', 'returned')
    ) THEN
        RAISE EXCEPTION 'the case of deposit % cannot go from % to %', NEW.deposit_id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cases_go_on';
    END IF;

    RETURN NEW;
END $$;
CREATE TRIGGER cases_go_on BEFORE UPDATE OF state ON deposit_cases
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION case_goes_on();

-- Planned as tell_verdicts is, which says why.
CREATE FUNCTION tell_cases() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off SET jit = off AS $$
BEGIN
    WITH c AS MATERIALIZED (
        SELECT n.* FROM now_cases n JOIN was_cases w ON w.deposit_id = n.deposit_id AND w.treasury_id = n.treasury_id WHERE w.steps <> n.steps
    )
    INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
    SELECT c.treasury_id,
        encode(sha256(convert_to(concat_ws(E'\n', 'case', t.party, c.deposit_id, c.steps, c.state, c.action, c.account), 'UTF8')), 'hex')::char(32)::uuid,
        'deposit.' || CASE c.state WHEN 'open' THEN 'unattributed' ELSE c.state END, c.deposit_id::text, 0,
        jsonb_strip_nulls(jsonb_build_object(
            'depositId', c.deposit_id, 'state', CASE c.state WHEN 'open' THEN 'unattributed' ELSE c.state END, 'reason', nullif(c.reason, ''),
            'action', nullif(c.action, ''), 'account', c.account, 'withdrawalId', c.withdrawal_id,
            'instrumentAdmin', i.admin, 'instrumentId', i.instrument_id, 'amount', d.amount::text, 'sender', nullif(d.sender, ''), 'memo', d.memo,
            'correlationId', d.correlation_id,
            'evidence', jsonb_build_object('updateId', u.update_id, 'nodeId', d.settled_node,
                'recordTime', to_char(d.record_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))),
        c.changed_at
    FROM c
    CROSS JOIN LATERAL (SELECT * FROM deposits x WHERE (x.treasury_id, x.deposit_id) = (c.treasury_id, c.deposit_id) LIMIT 1) AS d
    CROSS JOIN LATERAL (SELECT * FROM treasuries x WHERE x.treasury_id = c.treasury_id LIMIT 1) AS t
    CROSS JOIN LATERAL (SELECT * FROM instruments x WHERE x.instrument_no = d.instrument_no LIMIT 1) AS i
    LEFT JOIN LATERAL (SELECT * FROM ledger_updates x WHERE (x.treasury_id, x.update_no) = (d.treasury_id, d.settled_no) LIMIT 1) AS u ON true;

    RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_cases IS 'Writes the events of what a case came to. That it began is told by ingestion.';
CREATE TRIGGER cases_are_told AFTER UPDATE ON deposit_cases
    REFERENCING OLD TABLE AS was_cases NEW TABLE AS now_cases FOR EACH STATEMENT EXECUTE FUNCTION tell_cases();

-- Withdrawals that carry a deposit back take their money from where it is, not from a customer.
ALTER TABLE withdrawals DROP CONSTRAINT withdrawals_kind_check;
ALTER TABLE withdrawals
    ADD CONSTRAINT withdrawals_kind_check CHECK (kind IN ('customer', 'internal', 'return')),
    ADD COLUMN funds text NOT NULL DEFAULT 'customer' CHECK (funds IN ('customer', 'unattributed', 'held')),
    ADD CHECK ((kind = 'return') = (funds <> 'customer'));
COMMENT ON COLUMN withdrawals.kind IS 'internal: the treasury merges or splits its own holdings. return: a deposit goes back to its sender.';
COMMENT ON COLUMN withdrawals.funds IS 'The kind of account whose money it pays, and gets it back if it fails.';
COMMENT ON COLUMN withdrawals.withdrawal_id IS 'The exchange''s own id, kept for ever: the same id never pays twice. Ids that begin with internal:, return: or recovered: are this system''s.';

-- `treasury rebuild` takes rows away and puts them back as they were: they are not requested again. Everybody can set the
-- setting, and only who may take withdrawals away is believed.
CREATE FUNCTION is_rebuild() RETURNS boolean STABLE LANGUAGE sql AS $$
    SELECT coalesce(current_setting('ces.rebuild', true), '') = 'on' AND has_table_privilege(session_user, 'public.withdrawals', 'DELETE');
$$;

CREATE FUNCTION own_return_ids() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM refuse_withdrawal('invalid_id', 'The withdrawal''s id must not begin with return:, which names deposits on their way back.');
    RETURN NULL;
END $$;
CREATE TRIGGER returns_have_their_own_ids BEFORE INSERT OR UPDATE OF origin, kind ON withdrawals
    FOR EACH ROW WHEN (NEW.kind = 'customer' AND NEW.origin <> 'recovered' AND NEW.withdrawal_id LIKE 'return:%' AND NOT is_rebuild())
    EXECUTE FUNCTION own_return_ids();

CREATE OR REPLACE FUNCTION post_withdrawal(w withdrawals, cause text, sign integer) RETURNS void LANGUAGE sql AS $$
    INSERT INTO postings (treasury_id, origin, origin_no, movement, line, account_kind, account, instrument_no, amount)
    VALUES (w.treasury_id, cause, w.withdrawal_no, 0, 0, w.funds, coalesce(w.account, ''), w.instrument_no, -sign * w.amount),
           (w.treasury_id, cause, w.withdrawal_no, 0, 1, withdrawal_side(w), '', w.instrument_no, sign * w.amount);
$$;
COMMENT ON FUNCTION post_withdrawal IS 'Moves a withdrawal''s money from where it was to the other side (sign 1, cause request) or back (sign -1, cause return). The key of postings lets each happen once.';

CREATE OR REPLACE FUNCTION fail_withdrawal(the_treasury integer, id text, from_state text, from_attempt integer, why text, more text, at timestamptz)
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

    IF w.kind <> 'internal' THEN
        PERFORM post_withdrawal(w, 'return', -1);
    END IF;

    PERFORM tell_withdrawal(w, at);

    RETURN true;
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

    RETURN 'failed';
END $$;

-- A return that has ended ends its case, whoever ended it: history, a worker or an operator.
CREATE FUNCTION end_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE deposit_cases c
    SET state = CASE NEW.state WHEN 'completed' THEN 'returned' ELSE 'open' END,
        reason = CASE NEW.state WHEN 'completed' THEN '' ELSE 'return_failed' END,
        action = CASE NEW.state WHEN 'completed' THEN c.action ELSE '' END,
        withdrawal_id = CASE NEW.state WHEN 'completed' THEN c.withdrawal_id END,
        proposed_by = CASE NEW.state WHEN 'completed' THEN c.proposed_by ELSE '' END,
        proposed_actor = CASE NEW.state WHEN 'completed' THEN c.proposed_actor ELSE '' END,
        confirmed_by = CASE NEW.state WHEN 'completed' THEN c.confirmed_by ELSE '' END,
        steps = c.steps + 1, changed_at = clock_timestamp()
    WHERE c.treasury_id = NEW.treasury_id AND c.withdrawal_id = NEW.withdrawal_id AND c.state = 'returning';

    RETURN NULL;
END $$;
CREATE TRIGGER returns_end_cases AFTER UPDATE OF state ON withdrawals
    FOR EACH ROW WHEN (NEW.kind = 'return' AND NEW.state IN ('completed', 'failed') AND OLD.state <> NEW.state) EXECUTE FUNCTION end_return();

-- What a person decides. Refusals are errors with SQLSTATE CE001, as those of withdrawals are.
CREATE FUNCTION the_case(treasury text, deposit_id uuid) RETURNS deposit_cases LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c deposit_cases;
BEGIN
    -- Whoever ends a return has withdrawals first and cases then; a rebuild locks both. In one order nobody waits in a ring.
    LOCK TABLE withdrawals IN ROW EXCLUSIVE MODE;

    SELECT x.* INTO c FROM deposit_cases x JOIN treasuries t USING (treasury_id)
    WHERE t.party = the_case.treasury AND x.deposit_id = the_case.deposit_id FOR UPDATE OF x;
    IF NOT FOUND THEN
        PERFORM refuse_decision('unknown_deposit', 'No deposit with this id waits for a decision: it was credited when it arrived, or its money has not arrived.');
    END IF;

    RETURN c;
END $$;

-- A payment that history alone knows, and that may have carried a deposit back before the database was put back to an
-- earlier state: by the return's own id, or, of a token that is not listed, by what was paid to whom.
CREATE FUNCTION returned_before(d deposits) RETURNS text STABLE LANGUAGE sql AS $$
    SELECT w.withdrawal_id FROM withdrawals w
    WHERE w.treasury_id = d.treasury_id AND w.origin = 'recovered' AND w.state <> 'failed' AND w.receiver = d.sender
      AND w.instrument_no = d.instrument_no AND w.amount = d.amount
      AND (w.withdrawal_id = 'return:' || d.deposit_id OR w.withdrawal_id LIKE 'return:' || d.deposit_id || ':%'
           OR (w.withdrawal_id LIKE 'recovered:%' AND w.record_time >= d.record_time))
    ORDER BY w.withdrawal_id DESC LIMIT 1; -- one of its own id first
$$;
CREATE INDEX withdrawals_found ON withdrawals (treasury_id, receiver, instrument_no, amount) WHERE origin = 'recovered';

-- Whether history alone knows another return of the deposit that this one is to carry back. Then the restored database has
-- forgotten that this one ended, and it must not be paid.
CREATE FUNCTION returned_otherwise(w withdrawals) RETURNS boolean STABLE LANGUAGE sql AS $$
    SELECT w.kind = 'return' AND EXISTS (
        SELECT FROM withdrawals o
        WHERE o.treasury_id = w.treasury_id AND o.origin = 'recovered' AND o.state <> 'failed' AND o.receiver = w.receiver
          AND o.instrument_no = w.instrument_no AND o.amount = w.amount AND o.withdrawal_id <> w.withdrawal_id
          AND o.withdrawal_id LIKE 'return:%' AND split_part(o.withdrawal_id, ':', 2) = split_part(w.withdrawal_id, ':', 2));
$$;

-- Refuses to credit what is not certain to be here still: after a restore, what was sent back before it is learnt from
-- history alone.
CREATE FUNCTION check_still_here(d deposits, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    paid text;
BEGIN
    IF payment_barrier(d.treasury_id, at) IS NOT NULL THEN
        PERFORM refuse_decision('not_certain_yet', 'The database was put back to an earlier state, and it is not certain yet that this deposit was not sent back before. Try again when ingestion has caught up.');
    END IF;

    paid := returned_before(d);
    IF paid LIKE 'return:%' THEN
        PERFORM refuse_decision('returned_before', format('It was sent back as %s before the database was put back to an earlier state. Say so by returning it: that books the payment and pays nothing.', paid));
    ELSIF paid IS NOT NULL THEN
        PERFORM refuse_decision('conflict', format('The ledger has a payment of the same amount to its sender, %s, that no request explains. Somebody must look whether that was this deposit.', paid));
    END IF;
END $$;

-- Gives a deposit to an account. The key of postings lets it happen once.
CREATE FUNCTION credit_case(c deposit_cases, act text, the_account text, proposer text, confirmer text, why text, at timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    arrived deposits;
BEGIN
    SELECT * INTO arrived FROM deposits x WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id;
    PERFORM check_still_here(arrived, at);

    UPDATE deposit_cases x
    SET state = 'credited', reason = '', action = act, account = the_account, release_at = NULL, proposed_by = proposer, confirmed_by = confirmer,
        note = why, steps = x.steps + 1, changed_at = at
    WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id AND x.state = c.state AND x.steps = c.steps;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the case of deposit % has moved on', c.deposit_id;
    END IF;

    INSERT INTO postings (treasury_id, origin, origin_no, movement, line, account_kind, account, instrument_no, amount)
    SELECT d.treasury_id, 'case', c.case_no, 0, side.line, side.kind, side.account, d.instrument_no, side.sign * d.amount
    FROM deposits d
    CROSS JOIN LATERAL (VALUES (0, d.state, '', -1), (1, 'customer', the_account, 1)) AS side (line, kind, account, sign)
    WHERE d.treasury_id = c.treasury_id AND d.deposit_id = c.deposit_id;
END $$;

-- Sends a deposit back as a withdrawal that carries the sender's own words. Its id is the deposit's, so that a database
-- that was put back to an earlier state meets the payment again instead of making a second one.
CREATE FUNCTION return_case(c deposit_cases, proposer text, confirmer text, why text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    d    deposits;
    w    withdrawals;
    id   text;
    said text;
    n    integer := c.returns;
BEGIN
    SELECT * INTO d FROM deposits x WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id;

    IF payment_barrier(d.treasury_id, at) IS NOT NULL THEN
        PERFORM refuse_decision('not_certain_yet', 'The database was put back to an earlier state, and it is not certain yet that this deposit was not sent back before. Try again when ingestion has caught up.');
    END IF;

    id := returned_before(d);
    IF id LIKE 'recovered:%' THEN
        PERFORM refuse_decision('conflict', format('The ledger has a payment of the same amount to its sender, %s, that no request explains. Somebody must look whether that was this deposit.', id));
    END IF;

    IF id IS NULL THEN
        LOOP -- past those that failed and that the database does not remember
            n := n + 1;
            id := 'return:' || d.deposit_id || CASE n WHEN 1 THEN '' ELSE ':' || n END;
            EXIT WHEN NOT EXISTS (
                SELECT FROM withdrawals x
                WHERE x.treasury_id = d.treasury_id AND x.withdrawal_id = id AND x.origin = 'recovered' AND x.state = 'failed');
        END LOOP;
    ELSE -- the number of the one that was paid, which may be one of many that the database does not remember
        n := greatest(n + 1, substring(id FROM ':([0-9]{1,9})$')::integer);
    END IF;

    said := nullif(btrim(regexp_replace(d.memo, '[[:cntrl:]]', ' ', 'g')), '');

    WHILE octet_length(said) > 255 LOOP
        said := left(said, least(length(said) - 1, 255));
    END LOOP;

    SELECT * INTO w FROM withdrawals x WHERE x.treasury_id = d.treasury_id AND x.withdrawal_id = id FOR UPDATE;
    IF FOUND THEN -- paid before, and its request was lost with the database's last state
        IF w.origin <> 'recovered' OR (w.instrument_no, w.amount, w.receiver) IS DISTINCT FROM (d.instrument_no, d.amount, d.sender) THEN
            PERFORM refuse_decision('conflict', format('There is a payment %s already, and it is not this return.', id));
        END IF;

        UPDATE withdrawals x
        SET origin = 'adopted', kind = 'return', funds = d.state, memo = said, requested_at = at, withdrawal_no = nextval('withdrawal_numbers')
        WHERE x.treasury_id = d.treasury_id AND x.withdrawal_id = id RETURNING x.* INTO w;
    ELSE
        INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, kind, funds, state, reason, instrument_no, amount, receiver,
            memo, requested_at, next_at)
        VALUES (d.treasury_id, id, nextval('withdrawal_numbers'), 'requested', 'return', d.state, 'requested', '', d.instrument_no, d.amount, d.sender,
            said, at, at)
        RETURNING * INTO w;
        PERFORM tell_withdrawal(w, at);
    END IF;

    PERFORM post_withdrawal(w, 'request', 1);

    UPDATE deposit_cases x
    SET state = 'returning', reason = '', action = 'return', release_at = NULL, proposed_by = proposer, confirmed_by = confirmer, note = why,
        returns = n, withdrawal_id = id, steps = x.steps + 1, changed_at = at
    WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id AND x.state = c.state AND x.steps = c.steps;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the case of deposit % has moved on', c.deposit_id;
    END IF;

    IF w.state = 'completed' THEN
        UPDATE deposit_cases x SET state = 'returned', steps = x.steps + 1
        WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id;
    END IF;
END $$;

-- Credits held deposits whose time has come: those of the list that are still held. All is posted by one statement, which
-- takes the balances in the order in which everybody does.
CREATE FUNCTION release_deposits(the_treasury integer, ids uuid[], at timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    one    deposit_cases;
    booked bigint;
BEGIN
    IF payment_barrier(the_treasury, at) IS NOT NULL THEN
        RETURN 0; -- not certain that it was not sent back before a restore
    END IF;

    -- What was sent back before a restore is returned already; its payment is met again.
    FOR one IN SELECT x.* FROM deposit_cases x JOIN deposits d USING (treasury_id, deposit_id)
             WHERE x.treasury_id = the_treasury AND x.deposit_id = ANY(ids) AND x.state = 'held' AND returned_before(d) IS NOT NULL
             ORDER BY x.deposit_id FOR UPDATE OF x LOOP
        UPDATE deposit_cases x
        SET state = 'open', reason = 'returned_before', release_at = NULL, account = NULL, steps = x.steps + 1, changed_at = at
        WHERE x.treasury_id = one.treasury_id AND x.deposit_id = one.deposit_id;
    END LOOP;

    -- The grounds are looked at once more: who decided has done so a moment ago, or longer.
    WITH due AS (
        SELECT c.deposit_id FROM deposit_cases c
        JOIN deposits d ON (d.treasury_id, d.deposit_id) = (c.treasury_id, c.deposit_id)
        JOIN deposit_accounts a ON a.treasury_id = d.treasury_id AND a.memo_key = memo_key(d.memo) AND a.enabled
        LEFT JOIN deposit_policies p ON p.instrument_no = d.instrument_no
        LEFT JOIN screenings s ON (s.treasury_id, s.deposit_id) = (c.treasury_id, c.deposit_id)
        WHERE c.treasury_id = the_treasury AND c.deposit_id = ANY(ids) AND c.state = 'held'
          AND NOT EXISTS (SELECT FROM blocked_senders b WHERE (b.treasury_id, b.party) = (d.treasury_id, d.sender))
          AND (NOT coalesce(p.screen, false) OR s.result = 'passed')
        ORDER BY c.deposit_id FOR UPDATE OF c
    ), released AS (
        UPDATE deposit_cases c
        SET state = 'credited', reason = '', action = 'release', release_at = NULL, steps = c.steps + 1, changed_at = at
        FROM due WHERE c.treasury_id = the_treasury AND c.deposit_id = due.deposit_id
        RETURNING c.deposit_id, c.case_no, c.account
    ), posted AS (
        INSERT INTO postings (treasury_id, origin, origin_no, movement, line, account_kind, account, instrument_no, amount)
        SELECT d.treasury_id, 'case', r.case_no, 0, side.line, side.kind, side.account, d.instrument_no, side.sign * d.amount
        FROM released r
        JOIN deposits d ON d.treasury_id = the_treasury AND d.deposit_id = r.deposit_id
        CROSS JOIN LATERAL (VALUES (0, d.state, '', -1), (1, 'customer', r.account, 1)) AS side (line, kind, account, sign)
        RETURNING line
    )
    SELECT count(*) INTO booked FROM posted;

    RETURN booked / 2;
END $$;

CREATE FUNCTION resolve_deposit(treasury text, deposit_id uuid, action text, account text, operator text, note text, at timestamptz)
RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c deposit_cases;
    d deposits;
BEGIN
    c := the_case(resolve_deposit.treasury, resolve_deposit.deposit_id);
    SELECT x.* INTO d FROM deposits x WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id;

    IF (resolve_deposit.action = 'assign' AND c.state = 'credited' AND c.account = resolve_deposit.account)
        OR (resolve_deposit.action = 'return' AND c.state IN ('returning', 'returned')) THEN
        RETURN c.state; -- said twice
    END IF;

    IF c.state NOT IN ('held', 'open') THEN
        PERFORM refuse_decision('already_decided', format('The deposit is %s. Nothing was changed.',
            CASE c.state WHEN 'proposed' THEN 'waiting for a second person to confirm what ' || c.proposed_by || ' decided' ELSE c.state END));
    END IF;

    IF length(note) > 1000 THEN
        PERFORM refuse_decision('invalid_note', 'The note may have at most 1000 characters.');
    END IF;

    CASE resolve_deposit.action
    WHEN 'assign' THEN PERFORM check_assignment(d, resolve_deposit.account);
    WHEN 'return' THEN PERFORM check_return(d);
    ELSE PERFORM refuse_decision('invalid_action', 'A deposit is assigned to an account, or returned to its sender.');
    END CASE;

    PERFORM note_act(c.treasury_id, operator, 'deposit.' || resolve_deposit.action, c.deposit_id::text,
        jsonb_build_object('account', resolve_deposit.account, 'note', nullif(note, ''), 'amount', d.amount::text), at);

    IF d.amount >= least(c.confirm_from, (SELECT p.confirm_from FROM deposit_policies p WHERE p.instrument_no = d.instrument_no)) THEN
        UPDATE deposit_cases x
        SET state = 'proposed', action = resolve_deposit.action, account = resolve_deposit.account, release_at = NULL, proposed_by = operator,
            proposed_actor = the_actor(), confirmed_by = '', note = coalesce(resolve_deposit.note, ''), steps = x.steps + 1, changed_at = at
        WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id;
        RETURN 'proposed';
    END IF;

    IF resolve_deposit.action = 'assign' THEN
        PERFORM credit_case(c, 'assign', resolve_deposit.account, operator, '', coalesce(resolve_deposit.note, ''), at);
    ELSE
        PERFORM return_case(c, operator, '', coalesce(resolve_deposit.note, ''), at);
    END IF;

    RETURN (SELECT x.state FROM deposit_cases x WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id);
END $$;
COMMENT ON FUNCTION resolve_deposit IS 'Assigns a deposit that waits for a person to an account, or returns it to its sender. The answer is its state: proposed where a second person must confirm. To say it twice does no harm.';

CREATE FUNCTION check_assignment(d deposits, the_account text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM deposit_accounts a WHERE a.treasury_id = d.treasury_id AND a.account = the_account) THEN
        PERFORM refuse_decision('unknown_account', 'No memo was ever given to this account. Check the account, or give it a memo first.');
    END IF;

    IF NOT EXISTS (SELECT FROM instruments i WHERE i.instrument_no = d.instrument_no AND i.listed) THEN
        PERFORM refuse_decision('unlisted_instrument', 'The exchange does not deal in this token: list it first, or return the deposit.');
    END IF;
END $$;

CREATE FUNCTION check_return(d deposits) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF d.sender = '' OR d.sender = (SELECT t.party FROM treasuries t WHERE t.treasury_id = d.treasury_id) THEN
        PERFORM refuse_decision('unknown_sender', 'The ledger does not show who sent it, so it cannot be returned.');
    END IF;

    IF NOT EXISTS (SELECT FROM withdrawal_policies p WHERE p.instrument_no = d.instrument_no) THEN
        PERFORM refuse_decision('no_policy', 'Nothing says how this token is paid out. Set a withdrawal policy (enabled=false keeps customers from withdrawing it) and its registry first.');
    END IF;
END $$;

CREATE FUNCTION confirm_deposit(treasury text, deposit_id uuid, operator text, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c deposit_cases;
    d deposits;
BEGIN
    c := the_case(confirm_deposit.treasury, confirm_deposit.deposit_id);

    IF c.confirmed_by = operator AND c.state IN ('credited', 'returning', 'returned') THEN
        RETURN c.state; -- said twice
    END IF;

    IF c.state <> 'proposed' THEN
        PERFORM refuse_decision('nothing_proposed', 'Nobody has proposed anything for this deposit, or it is done already. Nothing was changed.');
    END IF;

    IF ARRAY[lower(btrim(operator)), lower(btrim(the_actor()))] && ARRAY[lower(btrim(c.proposed_by)), lower(btrim(c.proposed_actor))] THEN
        PERFORM refuse_decision('same_person', 'Somebody else than who proposed it must confirm. Nothing was changed.');
    END IF;

    SELECT x.* INTO d FROM deposits x WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id;
    IF c.action = 'assign' THEN
        PERFORM check_assignment(d, c.account);
    ELSE
        PERFORM check_return(d);
    END IF;

    PERFORM note_act(c.treasury_id, operator, 'deposit.confirm', c.deposit_id::text,
        jsonb_build_object('action', c.action, 'account', c.account, 'proposedBy', c.proposed_by, 'amount', d.amount::text), at);

    IF c.action = 'assign' THEN
        PERFORM credit_case(c, c.action, c.account, c.proposed_by, operator, c.note, at);
    ELSE
        PERFORM return_case(c, c.proposed_by, operator, c.note, at);
    END IF;

    RETURN (SELECT x.state FROM deposit_cases x WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id);
END $$;
COMMENT ON FUNCTION confirm_deposit IS 'Has what one person proposed take effect. Another person must say it.';

CREATE FUNCTION decline_deposit(treasury text, deposit_id uuid, operator text, note text, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    c deposit_cases;
BEGIN
    c := the_case(decline_deposit.treasury, decline_deposit.deposit_id);

    IF c.state <> 'proposed' THEN
        PERFORM refuse_decision('nothing_proposed', 'Nobody has proposed anything for this deposit, or it is done already. Nothing was changed.');
    END IF;

    PERFORM note_act(c.treasury_id, operator, 'deposit.decline', c.deposit_id::text,
        jsonb_build_object('action', c.action, 'account', c.account, 'proposedBy', c.proposed_by, 'note', nullif(note, '')), at);

    UPDATE deposit_cases x
    SET state = 'open', action = '', account = NULL, proposed_by = '', proposed_actor = '',
        reason = CASE WHEN x.reason IN ('awaits_time', 'awaits_screening', 'screening_unavailable') THEN 'by_operator' ELSE x.reason END,
        steps = x.steps + 1, changed_at = at
    WHERE x.treasury_id = c.treasury_id AND x.deposit_id = c.deposit_id;

    RETURN 'open';
END $$;
COMMENT ON FUNCTION decline_deposit IS 'Takes back what was proposed. Anybody may, who proposed it too.';

-- What the screening service was asked about, and what it said. An offer and the deposit that it becomes are one question.
CREATE TABLE screenings (
    treasury_id integer     NOT NULL,
    deposit_id  uuid        NOT NULL,
    result      text        NOT NULL DEFAULT '' CHECK (result IN ('', 'passed', 'doubtful', 'refused', 'unavailable')),
    detail      text        NOT NULL DEFAULT '',
    tries       integer     NOT NULL DEFAULT 0 CHECK (tries >= 0),
    next_at     timestamptz,
    lease_until timestamptz,
    lease_epoch bigint      NOT NULL DEFAULT 0,
    asked_at    timestamptz NOT NULL,
    answered_at timestamptz,
    PRIMARY KEY (treasury_id, deposit_id)
);
CREATE INDEX screenings_due ON screenings (treasury_id, next_at) WHERE next_at IS NOT NULL;
COMMENT ON TABLE screenings IS 'What the screening service said of an offer, or of the deposit that it became.';
COMMENT ON COLUMN screenings.result IS 'passed, doubtful (a person must look), refused, or unavailable while it has not given a usable answer; empty before it was asked.';
COMMENT ON COLUMN screenings.detail IS 'What the service said, or why it could not be asked. Its text is a stranger''s: escape it.';
COMMENT ON COLUMN screenings.next_at IS 'When it is asked next; null after an answer.';

ALTER TABLE offer_verdicts DROP COLUMN screening, DROP COLUMN screened_at;

CREATE FUNCTION screening_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE offer_verdicts SET changes = changes + 1 WHERE treasury_id = NEW.treasury_id AND deposit_id = NEW.deposit_id AND open;
    RETURN NULL;
END $$;
CREATE TRIGGER screenings_change_verdicts AFTER UPDATE OF result ON screenings
    FOR EACH ROW WHEN (OLD.result IS DISTINCT FROM NEW.result) EXECUTE FUNCTION screening_changed();

CREATE INDEX offer_verdicts_awaiting_screening ON offer_verdicts (treasury_id, deposit_id) WHERE open AND reason IN ('awaits_screening', 'screening_unavailable');
CREATE INDEX deposit_cases_awaiting_screening ON deposit_cases (treasury_id, deposit_id) WHERE state = 'held' AND reason IN ('awaits_screening', 'screening_unavailable');

-- A change that commits while an offer is met for the first time is seen neither by the one nor by the other: such an offer
-- is decided once more. Those that are open already are decided anew as well.
ALTER TABLE offer_verdicts ADD COLUMN doubted_until xid8;
UPDATE offer_verdicts SET changes = changes + 1 WHERE open;
CREATE INDEX offer_verdicts_doubted ON offer_verdicts (treasury_id, doubted_until) WHERE open AND doubted_until IS NOT NULL;
COMMENT ON COLUMN offer_verdicts.doubted_until IS 'A transaction before this one may have changed what the first verdict rests on before the offer could be seen by it. When all of them have ended the verdict is decided again. Null before the first verdict, and after the second.';

-- New offers are decided before those of which something has changed, however many these are.
DROP INDEX offer_verdicts_old;
CREATE INDEX offer_verdicts_old ON offer_verdicts (treasury_id, decided_changes, deposit_id) WHERE open AND changes > decided_changes;

-- All that many offers rest on locks their verdicts by their ids before it counts, as all do who write several of them.
CREATE OR REPLACE FUNCTION token_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM offer_verdicts WHERE instrument_no = coalesce(NEW.instrument_no, OLD.instrument_no) AND open ORDER BY treasury_id, deposit_id FOR NO KEY UPDATE;
    UPDATE offer_verdicts SET changes = changes + 1 WHERE instrument_no = coalesce(NEW.instrument_no, OLD.instrument_no) AND open;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION memo_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM offer_verdicts
    WHERE treasury_id = coalesce(NEW.treasury_id, OLD.treasury_id) AND memo_key = coalesce(NEW.memo_key, OLD.memo_key) AND open ORDER BY deposit_id FOR NO KEY UPDATE;
    UPDATE offer_verdicts SET changes = changes + 1
    WHERE treasury_id = coalesce(NEW.treasury_id, OLD.treasury_id) AND memo_key = coalesce(NEW.memo_key, OLD.memo_key) AND open;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION sender_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM offer_verdicts
    WHERE treasury_id = coalesce(NEW.treasury_id, OLD.treasury_id) AND sender = coalesce(NEW.party, OLD.party) AND open ORDER BY deposit_id FOR NO KEY UPDATE;
    UPDATE offer_verdicts SET changes = changes + 1
    WHERE treasury_id = coalesce(NEW.treasury_id, OLD.treasury_id) AND sender = coalesce(NEW.party, OLD.party) AND open;
    RETURN NULL;
END $$;

-- What is decided about offers, and what is done, is told: a customer asks, the support desk answers.
-- A connection plans its statement once, for as many rows as the first one had that changed verdicts. Without nested loops
-- rows are put beside what they were by hashing or sorting, however many come later; the rest is looked up by key. The cost
-- that stands for "without" would have it compiled first.
CREATE FUNCTION tell_verdicts() RETURNS trigger LANGUAGE plpgsql SET enable_nestloop = off SET jit = off AS $$
BEGIN
    WITH v AS MATERIALIZED (
        SELECT n.treasury_id, n.deposit_id, n.instrument_no, n.verdict, n.reason, n.work, n.decided_changes, n.decided_at, n.lease_epoch,
            n.work IN ('submitted', 'given_up') AND n.work <> w.work AS is_work
        FROM now_verdicts n JOIN was_verdicts w ON w.deposit_id = n.deposit_id AND w.treasury_id = n.treasury_id
        WHERE n.open AND (n.verdict <> w.verdict OR n.reason <> w.reason OR (n.work <> w.work AND n.work IN ('submitted', 'given_up')))
    )
    INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
    SELECT v.treasury_id,
        encode(sha256(convert_to(concat_ws(E'\n', 'offer', t.party, v.deposit_id, v.decided_changes, extract(epoch FROM v.decided_at), v.lease_epoch, v.verdict, v.reason, v.work), 'UTF8')), 'hex')::char(32)::uuid,
        'offer.' || CASE WHEN v.is_work THEN v.work ELSE v.verdict END, v.deposit_id::text, 0,
        jsonb_strip_nulls(jsonb_build_object(
            'depositId', v.deposit_id, 'verdict', v.verdict, 'reason', nullif(v.reason, ''), 'work', v.work,
            'account', d.account, 'instrumentAdmin', i.admin, 'instrumentId', i.instrument_id, 'amount', d.amount::text,
            'sender', nullif(d.sender, ''), 'memo', d.memo, 'correlationId', d.correlation_id)),
        clock_timestamp()
    FROM v
    CROSS JOIN LATERAL (SELECT * FROM deposits x WHERE (x.treasury_id, x.deposit_id) = (v.treasury_id, v.deposit_id) LIMIT 1) AS d
    CROSS JOIN LATERAL (SELECT * FROM treasuries x WHERE x.treasury_id = v.treasury_id LIMIT 1) AS t
    CROSS JOIN LATERAL (SELECT * FROM instruments x WHERE x.instrument_no = v.instrument_no LIMIT 1) AS i;

    RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_verdicts IS 'Writes an event for every verdict that is another one than before, and for what was submitted or given up.';
CREATE TRIGGER verdicts_are_told AFTER UPDATE ON offer_verdicts
    REFERENCING OLD TABLE AS was_verdicts NEW TABLE AS now_verdicts FOR EACH STATEMENT EXECUTE FUNCTION tell_verdicts();

-- What the exchange reads.
CREATE OR REPLACE VIEW api.deposits AS
SELECT t.party AS treasury, d.deposit_id, d.kind,
       CASE WHEN c.state IN ('open', 'proposed') THEN 'unattributed' ELSE coalesce(c.state, d.state) END AS state,
       coalesce(c.reason, d.reason) AS reason,
       CASE WHEN c.state = 'credited' THEN c.account ELSE d.account END AS account,
       i.admin AS instrument_admin, i.instrument_id, d.amount,
       d.sender, d.memo, d.correlation_id, u.update_id, d.record_time, d.execute_before,
       c.release_at, c.withdrawal_id AS return_withdrawal_id, c.changed_at AS decided_at
FROM deposits d
JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN deposit_cases c USING (treasury_id, deposit_id)
LEFT JOIN ledger_updates u ON u.treasury_id = d.treasury_id AND u.update_no = coalesce(d.settled_no, d.offered_no);
COMMENT ON VIEW api.deposits IS 'Money on its way in, or arrived, as it stands now. memo is a stranger''s text: escape it. release_at: a held one is credited when record time is past it. return_withdrawal_id: the withdrawal that carries it back. decided_at: when it was last decided about after its arrival; null if it never was.';

CREATE VIEW api.offers AS
SELECT t.party AS treasury, v.deposit_id, v.open, v.verdict, v.reason, v.work, v.tries, v.detail, v.operator, v.note, v.decided_at,
       i.admin AS instrument_admin, i.instrument_id, d.amount, d.sender, d.memo, d.account, d.correlation_id, d.execute_before, d.state
FROM offer_verdicts v
JOIN deposits d USING (treasury_id, deposit_id)
JOIN treasuries t ON t.treasury_id = v.treasury_id
JOIN instruments i ON i.instrument_no = v.instrument_no;
COMMENT ON VIEW api.offers IS 'What is to become of each offer, and why; the reasons are codes of docs/deposits.md. What became of one that is not open any more says its state. memo, detail and sender are strangers'' texts: escape them.';

CREATE VIEW api.unattributed AS
SELECT t.party AS treasury, d.deposit_id, c.state, c.reason, i.admin AS instrument_admin, i.instrument_id, d.amount, d.sender, d.memo,
       d.record_time, u.update_id, d.correlation_id, c.action AS proposed_action, c.account AS proposed_account, c.proposed_by, c.note,
       a.account AS memo_account, a.enabled AS memo_enabled, c.opened_at
FROM deposit_cases c
JOIN deposits d USING (treasury_id, deposit_id)
JOIN treasuries t ON t.treasury_id = c.treasury_id
JOIN instruments i ON i.instrument_no = d.instrument_no
LEFT JOIN ledger_updates u ON (u.treasury_id, u.update_no) = (d.treasury_id, d.settled_no)
LEFT JOIN deposit_accounts a ON (a.treasury_id, a.memo_key) = (d.treasury_id, memo_key(d.memo))
WHERE c.state IN ('open', 'proposed');
COMMENT ON VIEW api.unattributed IS 'The queue of money that is here and waits for a person. memo_account is whose the memo would be today. memo and sender are strangers'' texts: escape them.';

CREATE VIEW api.audit_log AS
SELECT t.party AS treasury, l.audit_no, l.at, l.actor, l.database_user, l.action, l.subject, l.detail
FROM audit_log l LEFT JOIN treasuries t USING (treasury_id);
COMMENT ON VIEW api.audit_log IS 'What people decided, in order. detail may hold what they typed: escape it.';
