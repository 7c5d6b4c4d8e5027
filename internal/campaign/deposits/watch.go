package deposits

import (
	"context"
	"fmt"
)

// watch has the database itself note what no end state shows any more: when money was attributed, and which answers to
// offers were written down as about to be submitted. It changes nothing that the programs do.
func (c *Campaign) watch(ctx context.Context) error {
	_, err := c.stage.DB.Pool().Exec(ctx, `
		CREATE SCHEMA campaign;
		CREATE TABLE campaign.seen (no bigint GENERATED ALWAYS AS IDENTITY, promise text NOT NULL, detail text NOT NULL);
		CREATE TABLE campaign.attributed (deposit_id uuid NOT NULL, state text NOT NULL, reason text NOT NULL, account text, began timestamptz NOT NULL, ended timestamptz NOT NULL);
		CREATE TABLE campaign.submitted (no bigint GENERATED ALWAYS AS IDENTITY, deposit_id uuid NOT NULL, verdict text NOT NULL, began timestamptz NOT NULL, ended timestamptz NOT NULL,
			UNIQUE (deposit_id, no));
		CREATE TABLE campaign.refused (deposit_id uuid NOT NULL, detail text NOT NULL);

		CREATE FUNCTION campaign.on_attribution() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO campaign.attributed VALUES (NEW.deposit_id, NEW.state, NEW.reason, NEW.account, now(), clock_timestamp());
			RETURN NULL;
		END $$;
		CREATE TRIGGER campaign_attribution AFTER INSERT OR UPDATE OF state, account, reason ON deposits
			FOR EACH ROW WHEN (NEW.state IN ('credited', 'held', 'unattributed')) EXECUTE FUNCTION campaign.on_attribution();

		CREATE FUNCTION campaign.on_submission() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO campaign.submitted (deposit_id, verdict, began, ended) VALUES (NEW.deposit_id, NEW.verdict, now(), clock_timestamp());

			INSERT INTO campaign.seen (promise, detail)
			SELECT '`+frozenIsLeftAlone+`', 'offer ' || NEW.deposit_id || ', frozen since ' || f.frozen_at
			FROM withdrawal_freezes f WHERE f.treasury_id = NEW.treasury_id AND f.instrument_no IN (0, NEW.instrument_no) AND f.frozen_at < now() - interval '500 milliseconds';

			IF OLD.work = 'submitted' AND OLD.outcome <> 'prepare-again' THEN
				INSERT INTO campaign.seen (promise, detail) VALUES ('`+anewInTime+`', 'offer ' || NEW.deposit_id || ' after ' || OLD.outcome);
			END IF;
			RETURN NULL;
		END $$;
		CREATE TRIGGER campaign_submission AFTER UPDATE OF submission_id ON offer_verdicts
			FOR EACH ROW WHEN (NEW.submission_id <> OLD.submission_id) EXECUTE FUNCTION campaign.on_submission();

		CREATE FUNCTION campaign.on_refusal() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO campaign.refused VALUES (NEW.deposit_id, NEW.detail);
			RETURN NULL;
		END $$;
		CREATE TRIGGER campaign_refusal AFTER UPDATE OF detail ON offer_verdicts
			FOR EACH ROW WHEN (NEW.detail LIKE 'refused_to_sign%' AND NEW.tries > OLD.tries) EXECUTE FUNCTION campaign.on_refusal();`)
	if err != nil {
		return fmt.Errorf("watch the database: %w", err)
	}

	return nil
}
