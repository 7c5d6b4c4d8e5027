-- Who asks the exchange's screening service, what is told of its answers, and how a person has it asked again.

INSERT INTO schema_history (version) VALUES (8);

COMMENT ON COLUMN screenings.tries IS 'How often it was asked and answered, or failed to. Never set back, so that each answer has an event of its own.';
COMMENT ON COLUMN screenings.asked_at IS 'Since when an answer is wanted.';
COMMENT ON COLUMN screenings.lease_epoch IS 'Of whoever asks now: the answer to an older question changes nothing.';

-- An answer is told once. A service that stays away is told once, too.
CREATE FUNCTION tell_screening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
    SELECT NEW.treasury_id,
        encode(sha256(convert_to(concat_ws(E'\n', 'screening', t.party, NEW.deposit_id, NEW.tries, NEW.result), 'UTF8')), 'hex')::char(32)::uuid,
        'deposit.screened', NEW.deposit_id::text, 0,
        jsonb_strip_nulls(jsonb_build_object(
            'depositId', NEW.deposit_id, 'result', NEW.result, 'detail', nullif(NEW.detail, ''), 'tries', NEW.tries,
            'state', coalesce(c.state, d.state), 'account', coalesce(c.account, d.account),
            'instrumentAdmin', i.admin, 'instrumentId', i.instrument_id, 'amount', d.amount::text,
            'sender', nullif(d.sender, ''), 'memo', d.memo, 'correlationId', d.correlation_id)),
        coalesce(NEW.answered_at, clock_timestamp())
    FROM treasuries t
    JOIN deposits d ON (d.treasury_id, d.deposit_id) = (NEW.treasury_id, NEW.deposit_id)
    JOIN instruments i ON i.instrument_no = d.instrument_no
    LEFT JOIN deposit_cases c ON (c.treasury_id, c.deposit_id) = (NEW.treasury_id, NEW.deposit_id)
    WHERE t.treasury_id = NEW.treasury_id;

    RETURN NULL;
END $$;
COMMENT ON FUNCTION tell_screening IS 'Writes an event for a result that is another one than before.';
CREATE TRIGGER screenings_are_told AFTER UPDATE OF result ON screenings
    FOR EACH ROW WHEN (OLD.result IS DISTINCT FROM NEW.result AND NEW.result <> '') EXECUTE FUNCTION tell_screening();

-- A deposit that the screening left to a person is held again when a person has it screened once more.
CREATE OR REPLACE FUNCTION case_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.state, NEW.state) NOT IN (
        ('held', 'open'), ('held', 'proposed'), ('held', 'credited'), ('held', 'returning'),
        ('open', 'held'), ('open', 'proposed'), ('open', 'credited'), ('open', 'returning'),
        ('proposed', 'open'), ('proposed', 'credited'), ('proposed', 'returning'),
        ('returning', 'open'), ('returning', 'returned')
    ) THEN
        RAISE EXCEPTION 'the case of deposit % cannot go from % to %', NEW.deposit_id, OLD.state, NEW.state
            USING ERRCODE = 'check_violation', CONSTRAINT = 'cases_go_on';
    END IF;

    RETURN NEW;
END $$;

CREATE FUNCTION rescreen_deposit(treasury text, deposit_id uuid, operator text, note text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s screenings;
    c deposit_cases;
BEGIN
    SELECT x.* INTO s FROM screenings x JOIN treasuries t USING (treasury_id)
    WHERE t.party = rescreen_deposit.treasury AND x.deposit_id = rescreen_deposit.deposit_id FOR UPDATE OF x;
    IF NOT FOUND THEN
        PERFORM refuse_decision('never_screened', 'The screening service was never asked about a deposit with this id.');
    END IF;

    IF s.result = '' THEN
        RETURN; -- said twice: it is about to be asked
    END IF;

    IF s.result = 'passed' THEN
        PERFORM refuse_decision('already_passed', 'The screening service has passed it already.');
    END IF;

    IF length(note) > 1000 THEN
        PERFORM refuse_decision('invalid_note', 'The note may have at most 1000 characters.');
    END IF;

    SELECT x.* INTO c FROM deposit_cases x WHERE x.treasury_id = s.treasury_id AND x.deposit_id = s.deposit_id FOR UPDATE;

    IF c.state = 'open' AND c.reason IN ('screening_holds', 'screening_refuses') THEN
        UPDATE deposit_cases x
        SET state = 'held', reason = 'awaits_screening', account = d.account,
            release_at = d.record_time + make_interval(secs => coalesce(p.credit_delay_seconds, 0)), steps = x.steps + 1, changed_at = at
        FROM deposits d LEFT JOIN deposit_policies p USING (instrument_no)
        WHERE x.treasury_id = s.treasury_id AND x.deposit_id = s.deposit_id AND (d.treasury_id, d.deposit_id) = (x.treasury_id, x.deposit_id);
    ELSIF c.state IS DISTINCT FROM 'held' AND NOT EXISTS (
        SELECT FROM offer_verdicts v
        WHERE v.treasury_id = s.treasury_id AND v.deposit_id = s.deposit_id AND v.open AND v.operator_verdict IS NULL
    ) THEN
        PERFORM refuse_decision('already_decided', 'The offer has ended, or a person has decided about it or its money.');
    END IF;

    PERFORM note_act(s.treasury_id, operator, 'deposit.rescreen', s.deposit_id::text,
        jsonb_build_object('note', nullif(note, ''), 'was', s.result, 'said', nullif(s.detail, '')), at);

    UPDATE screenings x
    SET result = '', detail = '', asked_at = at, next_at = at, lease_until = NULL, lease_epoch = x.lease_epoch + 1
    WHERE x.treasury_id = s.treasury_id AND x.deposit_id = s.deposit_id;
END $$;
COMMENT ON FUNCTION rescreen_deposit IS 'Has the screening service asked again about what it did not pass. What it says then counts, and until then nothing is accepted or credited. To say it twice does no harm.';

CREATE VIEW api.screenings AS
SELECT t.party AS treasury, s.deposit_id, s.result, s.detail, s.tries, s.asked_at, s.answered_at, s.next_at
FROM screenings s JOIN treasuries t USING (treasury_id);
COMMENT ON VIEW api.screenings IS 'What the screening service said of an offer, or of the deposit that it became. detail is its text, or why it could not be asked: escape it.';
