-- A deposit that is held again because it is screened once more stays held.
DROP VIEW api.screenings;
DROP FUNCTION rescreen_deposit;
DROP TRIGGER screenings_are_told ON screenings;
DROP FUNCTION tell_screening();

CREATE OR REPLACE FUNCTION case_goes_on() RETURNS trigger LANGUAGE plpgsql AS $$
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

DELETE FROM schema_history WHERE version = 8;
