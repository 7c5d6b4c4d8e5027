-- Only while nothing waits for approval.
DROP FUNCTION grant_door;
DROP FUNCTION api.assign_deposit, api.return_deposit, api.confirm_deposit, api.decline_deposit, api.approve_withdrawal, api.reject_withdrawal,
    api.add_destination, api.remove_destination, api.statement_page;
DROP VIEW api.treasuries, api.instruments, api.postings, api.holdings, api.updates, api.statements, api.statement_deposits,
    api.statement_assignments, api.statement_withdrawals, api.statement_returns, api.destinations, api.balances, api.deposits,
    api.offers, api.withdrawals, api.unattributed, api.deposit_accounts, api.ingestion_status, api.preapproval, api.freezes, api.standing,
    api.transfers, api.deposit_transfers, api.withdrawal_transfers, api.update_bodies;
DROP INDEX deposits_account, deposits_in_order, deposits_instrument, deposits_sender, deposits_uncredited, deposits_offers, deposits_of_update, deposit_cases_state, deposit_cases_waiting,
    deposit_cases_credited, deposit_cases_account, offer_verdicts_verdict, withdrawals_account, withdrawals_in_order, withdrawals_instrument,
    withdrawals_uncompleted, withdrawals_why, withdrawals_failed, deposit_accounts_in_order, balances_instrument, ledger_updates_in_order;
DROP STATISTICS offer_verdicts_standing;
ALTER TABLE postings DROP COLUMN posted_at;
ALTER TABLE deposit_cases DROP COLUMN arrived_at;
CREATE INDEX deposits_account ON deposits (treasury_id, account, record_time) WHERE account IS NOT NULL;
CREATE INDEX withdrawals_account ON withdrawals (treasury_id, account, withdrawal_no) WHERE account IS NOT NULL;

CREATE OR REPLACE FUNCTION adopt_withdrawal(found withdrawals, the_account text, the_memo text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION debit_withdrawal(w withdrawals) RETURNS void LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION api.cancel_withdrawal(treasury text, withdrawal_id text) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT cancel_withdrawal(treasury, withdrawal_id, clock_timestamp());
$$;
COMMENT ON FUNCTION api.cancel_withdrawal IS 'Cancels a withdrawal for which nothing is reserved yet and gives the money back; repeating it does no harm. Refused with too_late once it is reserved.';

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

ALTER TABLE withdrawals DROP COLUMN ended_at;
DROP TRIGGER withdrawals_are_admitted ON withdrawals;
DROP FUNCTION remove_destination, add_destination, cancel_customers_withdrawal, approve_withdrawal, admit_withdrawal();
DROP INDEX withdrawals_rolling;
ALTER TABLE withdrawals DROP COLUMN requested_by, DROP COLUMN approval, DROP COLUMN approved_by;
DROP TABLE withdrawal_destinations, withdrawal_limits;
ALTER TABLE withdrawal_policies DROP COLUMN approve_from, DROP COLUMN destinations_only, DROP COLUMN cooling_seconds;
DROP TRIGGER audit_log_awaits_seals ON audit_log;
DROP FUNCTION verify_audit, seal_audit, audit_hash, await_seal();
DROP TABLE audit_sealing, audit_unsealed, audit_seals, api_answers, api_keys;

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

CREATE OR REPLACE FUNCTION note_memo(a deposit_accounts, who text, act text, why text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF who IS DISTINCT FROM '' THEN
        PERFORM note_act(a.treasury_id, who, act, a.memo_key, jsonb_build_object('account', a.account, 'memo', a.memo, 'note', nullif(why, '')), at);
    END IF;
END $$;

CREATE VIEW api.balances AS
SELECT t.party AS treasury, b.account_kind, b.account, i.admin AS instrument_admin, i.instrument_id, b.amount
FROM balances b
JOIN treasuries t USING (treasury_id)
JOIN instruments i USING (instrument_no);

CREATE VIEW api.deposits AS
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

CREATE VIEW api.offers AS
SELECT t.party AS treasury, v.deposit_id, v.open, v.verdict, v.reason, v.work, v.tries, v.detail, v.operator, v.note, v.decided_at,
       i.admin AS instrument_admin, i.instrument_id, d.amount, d.sender, d.memo, d.account, d.correlation_id, d.execute_before, d.state
FROM offer_verdicts v
JOIN deposits d USING (treasury_id, deposit_id)
JOIN treasuries t ON t.treasury_id = v.treasury_id
JOIN instruments i ON i.instrument_no = v.instrument_no;

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

CREATE VIEW api.deposit_accounts AS
SELECT t.party AS treasury, a.memo, a.account, a.enabled, a.issued, a.created_at, a.created_by, a.disabled_at, a.disabled_by
FROM deposit_accounts a JOIN treasuries t USING (treasury_id);
COMMENT ON VIEW api.deposit_accounts IS 'Which memo belongs to which customer account. A memo that is not issued is the exchange''s own text: escape it.';
COMMENT ON COLUMN api.deposit_accounts.enabled IS 'Whether money with this memo is credited. If not it waits for a person.';
COMMENT ON COLUMN api.deposit_accounts.issued IS 'We made it, with a check digit.';

CREATE VIEW api.ingestion_status AS
SELECT t.party AS treasury, c.participant_id, c.ledger_offset, c.update_no, c.updated_at, s.synchronizer_id, s.record_time
FROM ingestion_cursors c
JOIN treasuries t USING (treasury_id)
LEFT JOIN synchronizer_clocks s USING (treasury_id);
COMMENT ON VIEW api.ingestion_status IS 'How far ingestion is, per synchronizer.';

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

COMMENT ON VIEW api.balances IS 'What each account holds of each token. account_kind customer: the exchange''s customers.';
COMMENT ON VIEW api.deposits IS 'Money on its way in, or arrived, as it stands now. memo is a stranger''s text: escape it. release_at: a held one is credited when record time is past it. return_withdrawal_id: the withdrawal that carries it back. decided_at: when it was last decided about after its arrival; null if it never was.';
COMMENT ON VIEW api.offers IS 'What is to become of each offer, and why; the reasons are codes of docs/deposits.md. What became of one that is not open any more says its state. memo, detail and sender are strangers'' texts: escape them.';
COMMENT ON VIEW api.withdrawals IS 'Money on its way out, or paid. reason is final, waiting says why it does not move now; both are codes of docs/withdrawals.md. update_id is what to quote to the receiver.';
DELETE FROM schema_history WHERE version = 9;
