-- The treasury's preapprovals of Canton Coin: what there is, when it ends, and what was done about it.

INSERT INTO schema_history (version) VALUES (6);

CREATE TABLE preapprovals (
    treasury_id   integer     NOT NULL REFERENCES treasuries,
    contract_id   text        NOT NULL CHECK (length(contract_id) <= 255),
    dso           text        NOT NULL CHECK (length(dso) <= 255),
    provider      text        NOT NULL CHECK (length(provider) <= 255),
    expires_at    timestamptz NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    gone_at       timestamptz,
    successor     text        NOT NULL DEFAULT '',
    renewal       text        NOT NULL DEFAULT 'none' CHECK (renewal IN ('none', 'tried', 'refused')),
    tries         integer     NOT NULL DEFAULT 0 CHECK (tries >= 0),
    tried_at      timestamptz,
    again_at      timestamptz,
    settings      text        NOT NULL DEFAULT '',
    refused_under text[]      NOT NULL DEFAULT '{}',
    command_id    text        NOT NULL DEFAULT '',
    detail        text        NOT NULL DEFAULT '',
    told          text[]      NOT NULL DEFAULT '{}',
    PRIMARY KEY (treasury_id, contract_id)
);
CREATE INDEX preapprovals_standing ON preapprovals (treasury_id) WHERE gone_at IS NULL;
CREATE INDEX preapprovals_by_end ON preapprovals (treasury_id, expires_at);
COMMENT ON TABLE preapprovals IS 'Every TransferPreapproval of a treasury that was ever seen on its node. A contract has one end: a renewal makes another contract.';
COMMENT ON COLUMN preapprovals.provider IS 'Who can renew it, and pays for that.';
COMMENT ON COLUMN preapprovals.expires_at IS 'From this time of the ledger on, deposits of Canton Coin are offers unless another one stands.';
COMMENT ON COLUMN preapprovals.gone_at IS 'When it was first found to be on the ledger no more: renewed, cancelled, or taken away after its end. Null while it is there, which it may be after its end.';
COMMENT ON COLUMN preapprovals.successor IS 'The contract of the same provider that took its place before its end; empty for none.';
COMMENT ON COLUMN preapprovals.renewal IS 'How our last try to renew it ended. tried: under way, or failed for a reason that passes. refused: turned down for good, a person looks.';
COMMENT ON COLUMN preapprovals.settings IS 'Under which settings it was tried last.';
COMMENT ON COLUMN preapprovals.refused_under IS 'Under which settings it was refused, and is not tried again: several instances may differ in theirs.';
COMMENT ON COLUMN preapprovals.again_at IS 'It is not tried again before.';
COMMENT ON COLUMN preapprovals.told IS 'Of which kinds there is an event.';

CREATE TABLE preapproval_outlooks (
    treasury_id integer     PRIMARY KEY REFERENCES treasuries,
    checked_at  timestamptz NOT NULL,
    ledger_time timestamptz NOT NULL,
    state       text        NOT NULL CHECK (state IN ('none', 'fine', 'expiring', 'lapsed')),
    contract_id text        NOT NULL DEFAULT '',
    why_not     text        NOT NULL DEFAULT ''
);
COMMENT ON TABLE preapproval_outlooks IS 'What the keeper of the preapproval found when it last looked.';

CREATE VIEW api.preapproval AS
SELECT t.party AS treasury, o.state, o.checked_at, p.contract_id, p.provider, p.expires_at, o.why_not, p.renewal, p.detail
FROM preapproval_outlooks o
JOIN treasuries t USING (treasury_id)
LEFT JOIN preapprovals p USING (treasury_id, contract_id);
COMMENT ON VIEW api.preapproval IS 'Whether deposits of Canton Coin arrive in one step, and until when.';
COMMENT ON COLUMN api.preapproval.state IS 'none: there never was a preapproval. fine. expiring: it ends soon, a person should look. lapsed: it has ended. In the first and the last, deposits of Canton Coin are offers.';
COMMENT ON COLUMN api.preapproval.checked_at IS 'When cmd/deposit last looked. Old means that nobody looks.';
COMMENT ON COLUMN api.preapproval.why_not IS 'Why it is not renewed now: no_preapproval, lapsed, not_due, provider_is_treasury, provider_is_other, refused, tried. Empty while it is being renewed.';
COMMENT ON COLUMN api.preapproval.renewal IS 'none, tried or refused: how our last try to renew it ended.';
COMMENT ON COLUMN api.preapproval.detail IS 'What went wrong last. It may hold the words of others: escape it.';

CREATE FUNCTION tell_preapproval(the_treasury integer, the_contract text, what text, more jsonb, at timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    p preapprovals;
BEGIN
    UPDATE preapprovals SET told = told || what
    WHERE treasury_id = the_treasury AND contract_id = the_contract AND NOT what = ANY (told) RETURNING * INTO p;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
    SELECT p.treasury_id, encode(sha256(convert_to(concat_ws(E'\n', 'preapproval', t.party, p.contract_id, what), 'UTF8')), 'hex')::char(32)::uuid,
        'preapproval.' || what, p.contract_id, 0,
        jsonb_strip_nulls(jsonb_build_object('contractId', p.contract_id, 'provider', p.provider, 'expiresAt', p.expires_at) || more), at
    FROM treasuries t WHERE t.treasury_id = p.treasury_id;

    RETURN true;
END $$;
COMMENT ON FUNCTION tell_preapproval IS 'Writes the event of something that has become of a preapproval, the first time that it is told.';
