-- The exchange's side of the history: whose money it is.

INSERT INTO schema_history (version) VALUES (2);

CREATE TABLE deposit_accounts (
    treasury_id integer     NOT NULL REFERENCES treasuries,
    memo_key    text        NOT NULL CHECK (memo_key <> '' AND length(memo_key) <= 128),
    memo        text        NOT NULL,
    account     text        NOT NULL CHECK (account <> '' AND length(account) <= 128),
    enabled     boolean     NOT NULL DEFAULT true,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (treasury_id, memo_key)
);
COMMENT ON TABLE deposit_accounts IS 'A memo that belongs to a customer account. A memo is never given to another account, even after it was disabled.';
COMMENT ON COLUMN deposit_accounts.memo_key IS 'The memo as it is compared: without surrounding white space, A-Z folded to a-z, nothing else changed.';
COMMENT ON COLUMN deposit_accounts.memo IS 'The memo as the customer was told it.';

CREATE TABLE deposits (
    treasury_id    integer        NOT NULL,
    deposit_id     uuid           NOT NULL,
    kind           text           NOT NULL CHECK (kind IN ('one_step', 'offer')),
    state          text           NOT NULL CHECK (state IN ('offered', 'credited', 'unattributed', 'rejected', 'withdrawn', 'expired', 'failed')),
    reason         text           NOT NULL,
    account        text,
    instrument_no  integer        NOT NULL,
    amount         numeric(38,10) NOT NULL CHECK (amount > 0),
    sender         text           NOT NULL,
    memo           text,
    correlation_id text,
    offered_no     bigint,
    settled_no     bigint,
    settled_node   integer,
    settled_leg    integer,
    record_time    timestamptz    NOT NULL,
    execute_before timestamptz,
    PRIMARY KEY (treasury_id, deposit_id),
    CHECK ((kind = 'offer') = (correlation_id IS NOT NULL)),
    CHECK ((state = 'offered') = (settled_no IS NULL)),
    CHECK (state <> 'credited' OR account IS NOT NULL)
);
CREATE UNIQUE INDEX deposits_correlation ON deposits (treasury_id, correlation_id) WHERE correlation_id IS NOT NULL;
CREATE INDEX deposits_account ON deposits (treasury_id, account, record_time) WHERE account IS NOT NULL;
CREATE INDEX deposits_unattributed ON deposits (treasury_id, record_time) WHERE state = 'unattributed';
COMMENT ON TABLE deposits IS 'Money on its way in, or arrived.';
COMMENT ON COLUMN deposits.deposit_id IS 'Made from the ledger''s own identifiers, so that a rebuilt database gives the same deposit the same id.';
COMMENT ON COLUMN deposits.state IS 'offered: somebody must accept it, no money yet. credited: booked to account. unattributed: the money is here and its owner is not known. The others: an offer that ended without money.';
COMMENT ON COLUMN deposits.reason IS 'Why it is unattributed: missing_memo, empty_memo, unknown_memo, disabled_memo, unlisted_instrument, below_minimum, or unexpected_settlement for money of an offer that had already ended. Empty otherwise.';
COMMENT ON COLUMN deposits.account IS 'The customer account that the memo names; also set on offers, before there is money.';
COMMENT ON COLUMN deposits.amount IS 'What arrived; for an offer, what was promised.';
COMMENT ON COLUMN deposits.sender IS 'The sending party; empty where the ledger does not show it.';
COMMENT ON COLUMN deposits.memo IS 'A stranger''s text: escape it.';
COMMENT ON COLUMN deposits.record_time IS 'Of the last update that changed the deposit.';

CREATE TABLE withdrawals (
    treasury_id    integer        NOT NULL,
    withdrawal_id  text           NOT NULL CHECK (withdrawal_id <> '' AND length(withdrawal_id) <= 512),
    origin         text           NOT NULL CHECK (origin IN ('requested', 'recovered')),
    state          text           NOT NULL CHECK (state IN ('requested', 'reserved', 'submitted', 'offered', 'completed', 'failed')),
    reason         text           NOT NULL,
    instrument_no  integer        NOT NULL,
    amount         numeric(38,10) NOT NULL CHECK (amount > 0),
    receiver       text           NOT NULL,
    correlation_id text,
    offered_no     bigint,
    settled_no     bigint,
    record_time    timestamptz,
    PRIMARY KEY (treasury_id, withdrawal_id),
    CHECK (state NOT IN ('completed') OR settled_no IS NOT NULL)
);
CREATE UNIQUE INDEX withdrawals_correlation ON withdrawals (treasury_id, correlation_id) WHERE correlation_id IS NOT NULL;
COMMENT ON TABLE withdrawals IS 'Money on its way out. Its end is decided by ingested history alone.';
COMMENT ON COLUMN withdrawals.origin IS 'recovered: found in the ledger''s history without a request in this database, for instance after a restore.';
COMMENT ON COLUMN withdrawals.reason IS 'Why it failed: rejected, withdrawn, expired or failed, as the ledger says. Empty otherwise.';

CREATE TABLE postings (
    treasury_id   integer        NOT NULL,
    origin        text           NOT NULL CHECK (origin IN ('ledger')),
    origin_no     bigint         NOT NULL,
    movement      integer        NOT NULL,
    line          integer        NOT NULL,
    account_kind  text           NOT NULL CHECK (account_kind IN
        ('network', 'customer', 'unattributed', 'withdrawals', 'recovered', 'fees', 'income', 'losses', 'unrecognized', 'opening')),
    account       text           NOT NULL,
    instrument_no integer        NOT NULL,
    amount        numeric(38,10) NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (treasury_id, origin, origin_no, movement, line),
    CHECK ((account_kind = 'customer') = (account <> ''))
);
COMMENT ON TABLE postings IS 'Double entry. The lines of a movement sum to zero; all accounts but network sum to the treasury''s holdings.';
COMMENT ON COLUMN postings.origin IS 'What caused the movement; ledger: the update with number origin_no.';
COMMENT ON COLUMN postings.account_kind IS 'network is everybody else on the ledger: minus what the treasury holds. customer is money owed to a customer. unattributed is here without a known owner. withdrawals is on its way out; recovered went out without a request in this database. fees, income and losses are the exchange''s own. unrecognized is a change that nothing explains. opening is what the treasury held when this history began.';
COMMENT ON COLUMN postings.amount IS 'Positive: the account gained. 10 fractional digits, exact.';

CREATE TABLE balances (
    treasury_id   integer        NOT NULL,
    account_kind  text           NOT NULL,
    account       text           NOT NULL,
    instrument_no integer        NOT NULL,
    amount        numeric        NOT NULL,
    PRIMARY KEY (treasury_id, account_kind, account, instrument_no),
    CONSTRAINT customers_are_never_overdrawn CHECK (account_kind <> 'customer' OR amount >= 0)
);
COMMENT ON TABLE balances IS 'The sums of postings, kept by a trigger.';
COMMENT ON COLUMN balances.amount IS 'Exact, 10 fractional digits. Wider than a single amount: strangers can send two of the largest amounts of a token of their own.';

CREATE FUNCTION post_movements() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM new_postings GROUP BY treasury_id, origin, origin_no, movement, instrument_no HAVING sum(amount) <> 0) THEN
        RAISE EXCEPTION 'a movement does not sum to zero' USING ERRCODE = 'check_violation', CONSTRAINT = 'movements_sum_to_zero';
    END IF;

    -- First the rows, in one order for all writers, then the sums: PostgreSQL checks the row that an INSERT proposes even
    -- where it ends in an UPDATE, so that a debit alone would always look like an overdrawn account.
    INSERT INTO balances AS b (treasury_id, account_kind, account, instrument_no, amount)
    SELECT DISTINCT treasury_id, account_kind, account, instrument_no, 0 FROM new_postings
    ORDER BY treasury_id, account_kind, account, instrument_no
    ON CONFLICT (treasury_id, account_kind, account, instrument_no) DO UPDATE SET amount = b.amount;

    UPDATE balances b SET amount = b.amount + p.total
    FROM (
        SELECT treasury_id, account_kind, account, instrument_no, sum(amount) AS total
        FROM new_postings GROUP BY treasury_id, account_kind, account, instrument_no
    ) AS p
    WHERE (b.treasury_id, b.account_kind, b.account, b.instrument_no) = (p.treasury_id, p.account_kind, p.account, p.instrument_no);

    RETURN NULL;
END $$;

CREATE TRIGGER postings_are_summed AFTER INSERT ON postings
    REFERENCING NEW TABLE AS new_postings FOR EACH STATEMENT EXECUTE FUNCTION post_movements();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('ces.rebuild', true) = 'on' THEN
        RETURN OLD;
    END IF;

    RAISE EXCEPTION '% is written once and never changed', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION refuse_change IS 'Keeps what was booked. Only `treasury rebuild` may take rows away, to put the rebuilt ones in their place.';

CREATE TRIGGER postings_stay BEFORE UPDATE OR DELETE ON postings FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE events (
    event_no    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid         xid8        NOT NULL DEFAULT pg_current_xact_id(),
    treasury_id integer     NOT NULL,
    event_id    uuid        NOT NULL,
    type        text        NOT NULL,
    subject     text        NOT NULL,
    update_no   bigint      NOT NULL,
    payload     jsonb       NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE TRIGGER events_stay BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE INDEX events_in_order ON events (xid, event_no);
COMMENT ON TABLE events IS 'Outbox: what happened, written in the transaction in which it happened. Never changed.';
COMMENT ON COLUMN events.xid IS 'Read events in the order (xid, event_no), and only those with xid < pg_snapshot_xmin(pg_current_snapshot()): an event_no alone can be overtaken by a transaction that commits later. A write transaction that stays open in any database of the server holds events back until it ends.';
COMMENT ON COLUMN events.event_id IS 'Made from the ledger''s own identifiers: a receiver can drop an id it has seen.';

CREATE SCHEMA api;
COMMENT ON SCHEMA api IS 'What the exchange''s own systems read. Stable; everything outside this schema may change.';

CREATE VIEW api.balances AS
SELECT t.party AS treasury, b.account_kind, b.account, i.admin AS instrument_admin, i.instrument_id, b.amount
FROM balances b
JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no);
COMMENT ON VIEW api.balances IS 'What each account holds of each token. account_kind customer: the exchange''s customers.';

CREATE VIEW api.deposits AS
SELECT t.party AS treasury, d.deposit_id, d.kind, d.state, d.reason, d.account, i.admin AS instrument_admin, i.instrument_id, d.amount,
       d.sender, d.memo, d.correlation_id, u.update_id, d.record_time, d.execute_before
FROM deposits d
JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no)
LEFT JOIN ledger_updates u ON u.treasury_id = d.treasury_id AND u.update_no = coalesce(d.settled_no, d.offered_no);
COMMENT ON VIEW api.deposits IS 'Money on its way in, or arrived. memo is a stranger''s text: escape it.';

CREATE VIEW api.ingestion_status AS
SELECT t.party AS treasury, c.participant_id, c.ledger_offset, c.update_no, c.updated_at, s.synchronizer_id, s.record_time
FROM ingestion_cursors c
JOIN treasuries t USING (treasury_id)
LEFT JOIN synchronizer_clocks s USING (treasury_id);
COMMENT ON VIEW api.ingestion_status IS 'How far ingestion is, per synchronizer.';
