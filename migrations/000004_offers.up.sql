-- What Multi-Step Deposit Automation keeps: which offers are accepted, and how far that is.

INSERT INTO schema_history (version) VALUES (4);

CREATE TABLE deposit_policies (
    instrument_no  integer        PRIMARY KEY REFERENCES instruments,
    accept_offers  boolean        NOT NULL DEFAULT true,
    minimum_offer  numeric(38,10) NOT NULL DEFAULT 0 CHECK (minimum_offer >= 0),
    lead_seconds   integer        NOT NULL DEFAULT 60 CHECK (lead_seconds BETWEEN 0 AND 86400),
    window_seconds integer        NOT NULL DEFAULT 300 CHECK (window_seconds BETWEEN 1 AND 86400),
    max_tries      smallint       NOT NULL DEFAULT 8 CHECK (max_tries BETWEEN 1 AND 100),
    screen         boolean        NOT NULL DEFAULT false
);
COMMENT ON TABLE deposit_policies IS 'How offers of a token are dealt with. A listed token without a row has the defaults.';
COMMENT ON COLUMN deposit_policies.accept_offers IS 'Whether offers are accepted at all.';
COMMENT ON COLUMN deposit_policies.minimum_offer IS 'Smaller offers are not accepted: accepting costs about 20 kB of traffic. The token''s minimum_deposit counts too.';
COMMENT ON COLUMN deposit_policies.lead_seconds IS 'How much time must be left until an offer''s deadline.';
COMMENT ON COLUMN deposit_policies.window_seconds IS 'How far ahead the last record time of an acceptance is.';
COMMENT ON COLUMN deposit_policies.max_tries IS 'After so many failures an offer is left to a person.';
COMMENT ON COLUMN deposit_policies.screen IS 'Whether the screening service must have passed an offer. It fails closed.';

CREATE TABLE blocked_senders (
    treasury_id integer     NOT NULL REFERENCES treasuries,
    party       text        NOT NULL CHECK (length(party) <= 255),
    reason      text        NOT NULL,
    blocked_at  timestamptz NOT NULL,
    PRIMARY KEY (treasury_id, party)
);
COMMENT ON TABLE blocked_senders IS 'Parties whose offers are not accepted.';

CREATE TABLE offer_verdicts (
    treasury_id        integer     NOT NULL,
    deposit_id         uuid        NOT NULL,
    instrument_no      integer     NOT NULL,
    sender             text        NOT NULL,
    memo_key           text        NOT NULL,
    verdict            text        NOT NULL DEFAULT 'ignore' CHECK (verdict IN ('accept', 'hold', 'ignore', 'reject')),
    reason             text        NOT NULL DEFAULT 'undecided',
    open               boolean     NOT NULL DEFAULT true,
    changes            bigint      NOT NULL DEFAULT 1,
    decided_changes    bigint      NOT NULL DEFAULT 0,
    decided_at         timestamptz NOT NULL,
    decide_at          timestamptz,
    operator_verdict   text        CHECK (operator_verdict IN ('accept', 'hold', 'ignore', 'reject')),
    operator           text        NOT NULL DEFAULT '',
    note               text        NOT NULL DEFAULT '',
    screening          text        NOT NULL DEFAULT '' CHECK (screening IN ('', 'passed', 'doubtful', 'refused', 'unavailable')),
    screened_at        timestamptz,
    work               text        NOT NULL DEFAULT 'none' CHECK (work IN ('none', 'due', 'submitted', 'given_up')),
    tries              integer     NOT NULL DEFAULT 0 CHECK (tries >= 0),
    detail             text        NOT NULL DEFAULT '',
    next_at            timestamptz,
    lease_until        timestamptz,
    lease_epoch        bigint      NOT NULL DEFAULT 0,
    contract_id        text        NOT NULL DEFAULT '',
    target_record_time timestamptz,
    command_id         text        NOT NULL DEFAULT '',
    submission_id      text        NOT NULL DEFAULT '',
    hashing_scheme     text        NOT NULL DEFAULT '',
    transaction_hash   text        NOT NULL DEFAULT '',
    prepared           bytea,
    signature          bytea,
    outcome            text        NOT NULL DEFAULT '',
    PRIMARY KEY (treasury_id, deposit_id)
);
CREATE INDEX offer_verdicts_due ON offer_verdicts (treasury_id, next_at) WHERE open AND work IN ('due', 'submitted');
CREATE INDEX offer_verdicts_old ON offer_verdicts (treasury_id, deposit_id) WHERE open AND changes > decided_changes;
CREATE INDEX offer_verdicts_expiring ON offer_verdicts (treasury_id, decide_at) WHERE open AND decide_at IS NOT NULL;
CREATE INDEX offer_verdicts_memo ON offer_verdicts (treasury_id, memo_key) WHERE open;
CREATE INDEX offer_verdicts_sender ON offer_verdicts (treasury_id, sender) WHERE open;
CREATE INDEX offer_verdicts_instrument ON offer_verdicts (instrument_no) WHERE open;
COMMENT ON TABLE offer_verdicts IS 'What is to become of an offer, why, and how far that is. The offer itself is in deposits. Ingestion opens and closes the row with it.';
COMMENT ON COLUMN offer_verdicts.changes IS 'Counts the changes of what the verdict rests on. While it is above decided_changes the verdict is old, and decided again.';
COMMENT ON COLUMN offer_verdicts.memo_key IS 'The memo as it is compared; empty for one that can belong to nobody.';
COMMENT ON COLUMN offer_verdicts.decide_at IS 'When time itself may change the verdict: the offer''s deadline.';
COMMENT ON COLUMN offer_verdicts.operator_verdict IS 'What an operator said; it outweighs memo, minimum, blocking and screening.';
COMMENT ON COLUMN offer_verdicts.work IS 'due: to be done on the ledger. submitted: may be under way. given_up: tried as often as the policy allows; a person retries it.';

-- What verdicts rest on, beside the offer itself, counts as a change of those that it concerns. Only open offers have a verdict that
-- matters; those of others are looked at by nobody.
CREATE FUNCTION token_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE offer_verdicts SET changes = changes + 1 WHERE instrument_no = coalesce(NEW.instrument_no, OLD.instrument_no) AND open;
    RETURN NULL;
END $$;
CREATE TRIGGER listings_change_verdicts AFTER UPDATE OF listed, minimum_deposit ON instruments
    FOR EACH ROW WHEN ((OLD.listed, OLD.minimum_deposit) IS DISTINCT FROM (NEW.listed, NEW.minimum_deposit)) EXECUTE FUNCTION token_changed();
CREATE TRIGGER policies_change_verdicts AFTER INSERT OR UPDATE OR DELETE ON deposit_policies FOR EACH ROW EXECUTE FUNCTION token_changed();

CREATE FUNCTION memo_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE offer_verdicts SET changes = changes + 1
    WHERE treasury_id = coalesce(NEW.treasury_id, OLD.treasury_id) AND memo_key = coalesce(NEW.memo_key, OLD.memo_key) AND open;
    RETURN NULL;
END $$;
CREATE TRIGGER memos_change_verdicts AFTER INSERT OR UPDATE OR DELETE ON deposit_accounts FOR EACH ROW EXECUTE FUNCTION memo_changed();

CREATE FUNCTION sender_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE offer_verdicts SET changes = changes + 1
    WHERE treasury_id = coalesce(NEW.treasury_id, OLD.treasury_id) AND sender = coalesce(NEW.party, OLD.party) AND open;
    RETURN NULL;
END $$;
CREATE TRIGGER blocks_change_verdicts AFTER INSERT OR UPDATE OR DELETE ON blocked_senders FOR EACH ROW EXECUTE FUNCTION sender_changed();

DO $$
BEGIN
    ALTER TABLE offer_verdicts ALTER COLUMN prepared SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
    RAISE NOTICE 'this PostgreSQL has no lz4; prepared transactions are compressed with pglz';
END $$;
