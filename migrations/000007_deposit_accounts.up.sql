-- Deposit accounts: the memos by which customers' money is told apart, what a typed one would match, and what a customer
-- must be shown.

INSERT INTO schema_history (version) VALUES (7);

ALTER TABLE deposit_accounts
    ADD COLUMN issued      boolean     NOT NULL DEFAULT false,
    ADD COLUMN created_by  text        NOT NULL DEFAULT '',
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN disabled_by text        NOT NULL DEFAULT '',
    ADD CONSTRAINT enabled_memos_are_not_disabled CHECK (NOT enabled OR (disabled_at IS NULL AND disabled_by = ''));
CREATE INDEX deposit_accounts_account ON deposit_accounts (treasury_id, account, created_at);
COMMENT ON COLUMN deposit_accounts.memo IS 'The memo as the customer was told it. Where it is the exchange''s own text: escape it.';
COMMENT ON COLUMN deposit_accounts.account IS 'The exchange''s own name of the customer account.';
COMMENT ON COLUMN deposit_accounts.enabled IS 'Whether money with this memo is credited. If not it waits for a person.';
COMMENT ON COLUMN deposit_accounts.issued IS 'We made it, with a check digit. Otherwise it is the exchange''s own text.';
COMMENT ON COLUMN deposit_accounts.created_by IS 'The name that the person gave, or the role of the connection where a program asked.';
COMMENT ON COLUMN deposit_accounts.disabled_by IS 'Who disabled it; empty while it is enabled.';

CREATE FUNCTION memo_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a memo belongs to its account for ever; it can be disabled' USING ERRCODE = 'restrict_violation';
END $$;
COMMENT ON FUNCTION memo_stays IS 'A memo that changed hands would credit a customer with what an old bookmark of another one sends.';
CREATE TRIGGER memos_stay BEFORE DELETE OR UPDATE OF treasury_id, memo_key, memo, account, issued, created_at ON deposit_accounts
    FOR EACH ROW EXECUTE FUNCTION memo_stays();
CREATE TRIGGER memos_are_not_emptied BEFORE TRUNCATE ON deposit_accounts FOR EACH STATEMENT EXECUTE FUNCTION memo_stays();

-- The memos that we make: the same as memo.Issue and memo.Check in Go, which say why. A test holds both against each other.
CREATE FUNCTION memo_check_digit(digits text) RETURNS text IMMUTABLE PARALLEL SAFE STRICT LANGUAGE plpgsql AS $$
DECLARE
    alphabet CONSTANT text := '0123456789abcdefghjkmnpqrstvwxyz';
    sum      integer := 0;
BEGIN
    FOR i IN 1..length(digits) LOOP
        sum := (sum # (strpos(alphabet, substr(digits, i, 1)) - 1)) << 1;
        IF sum > 31 THEN
            sum := sum # 37;
        END IF;
    END LOOP;

    RETURN substr(alphabet, sum + 1, 1);
END $$;
COMMENT ON FUNCTION memo_check_digit IS 'The last character of a memo of ours, whose other ones are given as they are compared.';

CREATE FUNCTION memo_of(random bytea) RETURNS text IMMUTABLE PARALLEL SAFE STRICT LANGUAGE sql AS $$
    SELECT upper(digits || memo_check_digit(digits))
    FROM (
        SELECT string_agg(substr('0123456789abcdefghjkmnpqrstvwxyz', get_byte(random, i) % 32 + 1, 1), '' ORDER BY i) AS digits
        FROM generate_series(0, 7) AS i
    ) AS made;
$$;
COMMENT ON FUNCTION memo_of IS 'A memo of ours out of eight random bytes.';

CREATE FUNCTION draw_memo() RETURNS text VOLATILE LANGUAGE sql AS $$
    -- Those bytes of a random UUID that are random. PostgreSQL draws them as it draws keys.
    SELECT memo_of(substring(raw FOR 6) || substring(raw FROM 11 FOR 2)) FROM uuid_send(gen_random_uuid()) AS raw;
$$;

CREATE FUNCTION memo_is_ours(key text) RETURNS boolean IMMUTABLE PARALLEL SAFE STRICT LANGUAGE sql AS $$
    SELECT length(key) = 9 AND translate(key, '0123456789abcdefghjkmnpqrstvwxyz', '') = '';
$$;
COMMENT ON FUNCTION memo_is_ours IS 'Whether a memo, as it is compared, has the form of one of ours. Its check digit may still be wrong.';

CREATE FUNCTION memo_stored(memo text) RETURNS text IMMUTABLE PARALLEL SAFE STRICT LANGUAGE plpgsql AS $$
DECLARE
    raw bytea;
    n   integer := 4000;
BEGIN
    IF octet_length(memo) <= n THEN
        RETURN memo;
    END IF;

    raw := convert_to(memo, 'UTF8');
    WHILE get_byte(raw, n) & 192 = 128 LOOP
        n := n - 1;
    END LOOP;

    RETURN convert_from(substring(raw FOR n), 'UTF8');
END $$;
COMMENT ON FUNCTION memo_stored IS 'As much of a memo as is kept of one that came with money, the same as memo.Stored in Go.';

CREATE FUNCTION treasury_of(party text) RETURNS integer STABLE LANGUAGE plpgsql AS $$
DECLARE
    id integer;
BEGIN
    SELECT t.treasury_id INTO id FROM treasuries t WHERE t.party = treasury_of.party;
    IF NOT FOUND THEN
        PERFORM refuse_decision('unknown_treasury', 'No treasury with this party id is registered.');
    END IF;

    RETURN id;
END $$;

CREATE FUNCTION check_account(account text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(account, '') = '' OR length(account) > 128 THEN
        PERFORM refuse_decision('invalid_account', 'The customer account must have 1 to 128 characters.');
    END IF;
END $$;

-- What a program does all day is not a person's decision: it gives no name, and the row itself tells of it.
CREATE FUNCTION note_memo(a deposit_accounts, who text, act text, why text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF who IS DISTINCT FROM '' THEN
        PERFORM note_act(a.treasury_id, who, act, a.memo_key, jsonb_build_object('account', a.account, 'memo', a.memo, 'note', nullif(why, '')), at);
    END IF;
END $$;

CREATE FUNCTION issue_memo(treasury text, account text, another boolean, operator text, at timestamptz, OUT memo text, OUT repeated boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id    integer := treasury_of(treasury);
    drawn text;
    a     deposit_accounts;
BEGIN
    PERFORM check_account(account);

    -- One at a time for an account, so that all who ask at once are told the same memo.
    PERFORM pg_advisory_xact_lock(1296387407, hashtext(id || ' ' || account));

    IF NOT coalesce(another, false) THEN
        SELECT * INTO a FROM deposit_accounts x
        WHERE x.treasury_id = id AND x.account = issue_memo.account AND x.issued AND x.enabled
        ORDER BY x.created_at DESC, x.memo_key LIMIT 1;
        IF FOUND THEN
            memo := a.memo;
            repeated := true;
            RETURN;
        END IF;

        IF EXISTS (SELECT FROM deposit_accounts x WHERE x.treasury_id = id AND x.account = issue_memo.account AND x.issued) THEN
            PERFORM refuse_decision('memo_disabled', 'The memo of this account was disabled. Enable it, or ask for another one.');
        END IF;
    END IF;

    IF (SELECT count(*) FROM deposit_accounts x WHERE x.treasury_id = id AND x.account = issue_memo.account AND x.issued) >= 100 THEN
        PERFORM refuse_decision('too_many_memos', 'The account has had 100 memos of ours already. Use one of them, or register a text of your own.');
    END IF;

    FOR i IN 1..20 LOOP
        drawn := draw_memo();
        INSERT INTO deposit_accounts (treasury_id, memo_key, memo, account, issued, created_at, created_by)
        VALUES (id, memo_key(drawn), drawn, account, true, at, coalesce(nullif(operator, ''), session_user))
        ON CONFLICT ON CONSTRAINT deposit_accounts_pkey DO NOTHING
        RETURNING * INTO a;
        EXIT WHEN FOUND;
    END LOOP;

    IF a.memo IS NULL THEN -- out of 10^12
        RAISE EXCEPTION 'every memo that was drawn is taken';
    END IF;

    PERFORM note_memo(a, operator, 'memo.issue', '', at);

    memo := a.memo;
    repeated := false;
END $$;
COMMENT ON FUNCTION issue_memo IS 'Gives an account a memo of ours. An account that has one is told the same again, unless it is to have another.';

CREATE FUNCTION give_memo(the_treasury integer, account text, memo text, operator text, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    key text := memo_key(memo);
    a   deposit_accounts;
BEGIN
    PERFORM check_account(account);

    IF key = '' OR octet_length(memo) > 4000 THEN
        PERFORM refuse_decision('invalid_memo', 'No transfer could match this memo: it needs 1 to 128 bytes of text.');
    END IF;

    INSERT INTO deposit_accounts (treasury_id, memo_key, memo, account, created_at, created_by)
    VALUES (the_treasury, key, memo, account, at, coalesce(nullif(operator, ''), session_user))
    ON CONFLICT ON CONSTRAINT deposit_accounts_pkey DO NOTHING
    RETURNING * INTO a;
    IF FOUND THEN
        PERFORM note_memo(a, operator, 'memo.register', '', at);
        RETURN false;
    END IF;

    SELECT * INTO a FROM deposit_accounts x WHERE x.treasury_id = the_treasury AND x.memo_key = key;
    IF a.account <> give_memo.account THEN
        PERFORM refuse_decision('memo_taken', 'The memo, or one that differs only in case or outer white space, belongs to another account.');
    END IF;

    IF NOT a.enabled THEN
        PERFORM refuse_decision('memo_disabled', 'The memo belongs to this account and was disabled. It must be enabled by name, or the account given another one.');
    END IF;

    RETURN true;
END $$;

CREATE FUNCTION register_memo(treasury text, account text, memo text, operator text, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN give_memo(treasury_of(treasury), account, memo, operator, at);
END $$;
COMMENT ON FUNCTION register_memo IS 'Gives an account a memo of the exchange''s own, for ever. The answer is whether it had it before.';

CREATE FUNCTION switch_memo(treasury text, memo text, enable boolean, operator text, note text, at timestamptz, OUT account text, OUT changed boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id integer := treasury_of(treasury);
    a  deposit_accounts;
BEGIN
    SELECT * INTO a FROM deposit_accounts x WHERE x.treasury_id = id AND x.memo_key = memo_key(memo_stored(switch_memo.memo)) FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM refuse_decision('unknown_memo', 'This memo was never given to an account.');
    END IF;

    account := a.account;
    changed := a.enabled <> enable;
    IF NOT changed THEN
        RETURN; -- said twice
    END IF;

    IF length(note) > 1000 THEN
        PERFORM refuse_decision('invalid_note', 'The note may have at most 1000 characters.');
    END IF;

    PERFORM note_act(id, operator, CASE WHEN enable THEN 'memo.enable' ELSE 'memo.disable' END, a.memo_key,
        jsonb_build_object('account', a.account, 'memo', a.memo, 'note', nullif(note, '')), at);

    UPDATE deposit_accounts x
    SET enabled = enable, disabled_at = CASE WHEN enable THEN NULL ELSE at END, disabled_by = CASE WHEN enable THEN '' ELSE operator END
    WHERE x.treasury_id = id AND x.memo_key = a.memo_key;
END $$;
COMMENT ON FUNCTION switch_memo IS 'Disables a memo, or enables it again. A disabled one stays its account''s.';

CREATE FUNCTION match_memo(treasury text, typed text, OUT code text, OUT sentence text, OUT account text, OUT memo text, OUT disabled_at timestamptz)
STABLE LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id   integer := treasury_of(treasury);
    said text := coalesce(memo_stored(typed), '');
    key  text := memo_key(said);
    a    deposit_accounts;
BEGIN
    SELECT * INTO a FROM deposit_accounts x WHERE x.treasury_id = id AND x.memo_key = key;
    IF FOUND THEN
        account := a.account;
        memo := a.memo;
        disabled_at := a.disabled_at;
    END IF;

    code := CASE
        WHEN a.enabled THEN 'matched'
        WHEN a.memo_key IS NOT NULL THEN 'disabled'
        WHEN key = '' AND memo_key(said || 'x') = 'x' THEN 'empty'
        WHEN key = '' AND strpos(said, E'\uFFFD') > 0 THEN 'unreadable'
        WHEN key = '' THEN 'too_long'
        WHEN memo_is_ours(key) AND memo_check_digit(left(key, 8)) <> right(key, 1) THEN 'mistyped'
        ELSE 'unknown' END;

    sentence := CASE code
        WHEN 'matched' THEN 'Money with this memo is credited to its account.'
        WHEN 'disabled' THEN 'The memo is disabled. Money with it is not credited to its account by itself: a person must look.'
        WHEN 'empty' THEN 'There is no memo. Money without one is not credited by itself: a person must find out whose it is.'
        WHEN 'unreadable' THEN 'It contains characters that were damaged on their way, so it can be nobody''s memo.'
        WHEN 'too_long' THEN 'It has more than 128 bytes, so it can be nobody''s memo.'
        WHEN 'mistyped' THEN 'It looks like a memo of ours, and a character of it is wrong. It is nobody''s memo.'
        ELSE 'It is nobody''s memo. Money with it is not credited by itself: a person must find out whose it is.' END;
END $$;
COMMENT ON FUNCTION match_memo IS 'What money with this memo would be credited to, by the comparison that ingestion makes.';

CREATE FUNCTION nearest_memos(treasury text, typed text) RETURNS TABLE (memo text, account text, enabled boolean, difference text)
STABLE LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    id   integer := treasury_of(treasury);
    said text := memo_key(memo_stored(typed));
BEGIN
    IF length(said) <> 9 THEN
        RETURN;
    END IF;

    -- 279 texts with another character and 8 with two changed, of which at most 17 have a right check digit.
    RETURN QUERY
    WITH near AS (
        SELECT overlay(said PLACING c FROM n FOR 1) AS key, 'another_character' AS difference
        FROM generate_series(1, 9) AS n, regexp_split_to_table('0123456789abcdefghjkmnpqrstvwxyz', '') AS c
        UNION
        SELECT overlay(said PLACING reverse(substr(said, n, 2)) FROM n FOR 2), 'swapped_characters' FROM generate_series(1, 8) AS n
    ), made AS MATERIALIZED (
        SELECT * FROM near
        WHERE near.key <> said AND memo_is_ours(near.key) AND memo_check_digit(left(near.key, 8)) = right(near.key, 1)
    )
    SELECT a.memo, a.account, a.enabled, made.difference
    FROM made JOIN deposit_accounts a ON a.treasury_id = id AND a.memo_key = made.key AND a.issued
    ORDER BY made.difference DESC, a.memo_key;
END $$;
COMMENT ON FUNCTION nearest_memos IS 'Memos of ours that a mistyped one may have been meant for. A guess for people who ask the customer, never one by which to credit.';

CREATE FUNCTION duration_words(seconds bigint) RETURNS text IMMUTABLE PARALLEL SAFE STRICT LANGUAGE sql AS $$
    SELECT CASE WHEN seconds <= 60 THEN 'a minute'
                WHEN seconds <= 2 * 3600 THEN ceil(seconds / 60.0) || ' minutes'
                WHEN seconds <= 2 * 86400 THEN ceil(seconds / 3600.0) || ' hours'
                ELSE ceil(seconds / 86400.0) || ' days' END;
$$;

CREATE FUNCTION memo_to_tell(the_treasury integer, account text) RETURNS text STABLE LANGUAGE plpgsql AS $$
DECLARE
    told text;
BEGIN
    SELECT x.memo INTO told FROM deposit_accounts x
    WHERE x.treasury_id = the_treasury AND x.account = memo_to_tell.account AND x.enabled
    ORDER BY x.created_at DESC, x.memo_key LIMIT 1;
    IF NOT FOUND THEN
        PERFORM refuse_decision('unknown_account', 'The account has no memo that takes deposits. Check the account, or give it a memo first.');
    END IF;

    RETURN told;
END $$;
COMMENT ON FUNCTION memo_to_tell IS 'The newest memo of an account that takes deposits. Older ones go on to work.';

CREATE FUNCTION deposit_instructions(treasury text, account text) RETURNS TABLE (
    party text, memo text, memo_required boolean, instrument_admin text, instrument_id text, minimum_deposit numeric, offers_accepted boolean,
    minimum_offer numeric, offer_lead_seconds integer, expected_seconds integer, screened boolean, sentence text
) STABLE LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    told text := memo_to_tell(treasury_of(treasury), account);
BEGIN
    RETURN QUERY
    SELECT deposit_instructions.treasury, told, true, i.admin, i.instrument_id, trim_scale(i.minimum_deposit), d.offers,
        trim_scale(d.minimum_offer), d.lead, d.seconds, d.screen,
        concat_ws(' ',
            CASE WHEN i.minimum_deposit = 0 THEN format('Send %s to this address', i.instrument_id)
                 ELSE format('Send at least %s %s to this address', trim_scale(i.minimum_deposit), i.instrument_id) END,
            'with this memo, where your wallet asks for a memo, a reason or a description.',
            'Without the memo, or with another one, it is not on your account until we have found out whose it is.',
            CASE WHEN NOT d.offers THEN 'A transfer that we would have to accept first is not accepted; your wallet gets it back.'
                 WHEN d.minimum_offer > i.minimum_deposit THEN
                    format('A transfer that we have to accept first needs at least %s %s.', trim_scale(d.minimum_offer), i.instrument_id) END,
            format('It is usually on your account within %s.', duration_words(d.seconds)),
            CASE WHEN d.screen THEN 'We check where it comes from, which may take longer.' END)
    FROM instruments i
    LEFT JOIN deposit_policies p USING (instrument_no)
    CROSS JOIN LATERAL (SELECT
        coalesce(p.accept_offers, true) AS offers, greatest(i.minimum_deposit, p.minimum_offer) AS minimum_offer,
        coalesce(p.lead_seconds, 60) AS lead,
        60 + coalesce(p.credit_delay_seconds, 0) AS seconds, -- a minute for the ledger, ingestion and an acceptance
        coalesce(p.screen, false) AS screen) AS d
    WHERE i.listed
    ORDER BY i.instrument_id, i.admin;
END $$;
COMMENT ON FUNCTION deposit_instructions IS 'What a customer must be shown, for each token that the exchange deals in. The memo is the newest that takes deposits.';

CREATE FUNCTION deposit_address(treasury text, account text) RETURNS jsonb STABLE LANGUAGE plpgsql AS $$
BEGIN
    RETURN jsonb_build_object(
        'party', treasury, 'account', account, 'memo', memo_to_tell(treasury_of(treasury), account), 'memoRequired', true,
        'memoKey', 'splice.lfdecentralizedtrust.org/reason',
        'tokens', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'instrumentAdmin', d.instrument_admin, 'instrumentId', d.instrument_id, 'minimumDeposit', d.minimum_deposit::text,
                'offersAccepted', d.offers_accepted, 'minimumOffer', d.minimum_offer::text, 'offerLeadSeconds', d.offer_lead_seconds,
                'expectedSeconds', d.expected_seconds, 'screened', d.screened, 'sentence', d.sentence)), '[]')
            FROM deposit_instructions(treasury, account) AS d));
END $$;

-- What the exchange's own systems read and ask for.
CREATE VIEW api.deposit_accounts AS
SELECT t.party AS treasury, a.memo, a.account, a.enabled, a.issued, a.created_at, a.created_by, a.disabled_at, a.disabled_by
FROM deposit_accounts a JOIN treasuries t USING (treasury_id);
COMMENT ON VIEW api.deposit_accounts IS 'Which memo belongs to which customer account. A memo that is not issued is the exchange''s own text: escape it.';
COMMENT ON COLUMN api.deposit_accounts.enabled IS 'Whether money with this memo is credited. If not it waits for a person.';
COMMENT ON COLUMN api.deposit_accounts.issued IS 'We made it, with a check digit.';

CREATE FUNCTION api.issue_memo(treasury text, account text, another boolean DEFAULT false, operator text DEFAULT '', OUT memo text, OUT repeated boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM issue_memo(treasury, account, another, operator, clock_timestamp());
$$;
COMMENT ON FUNCTION api.issue_memo IS 'Gives a customer account a memo of ours: nine characters, the last one a check digit. An account that has one is told the same again (repeated), unless it is to have another; an earlier one goes on to work. operator is the name of a person who asks, for the audit log; a program leaves it out.';

CREATE FUNCTION api.register_memo(treasury text, account text, memo text, operator text DEFAULT '', OUT repeated boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT register_memo(treasury, account, memo, operator, clock_timestamp());
$$;
COMMENT ON FUNCTION api.register_memo IS 'Gives a customer account a memo of the exchange''s own, for ever; to repeat it does no harm (repeated). Refused with memo_taken, memo_disabled, invalid_memo or invalid_account.';

CREATE FUNCTION api.disable_memo(treasury text, memo text, operator text, note text DEFAULT '', OUT account text, OUT changed boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM switch_memo(treasury, memo, false, operator, note, clock_timestamp());
$$;
COMMENT ON FUNCTION api.disable_memo IS 'Has money with this memo wait for a person. The memo stays its account''s and is never given to another one. Offers with it that are open are not accepted any more, but for what is submitted already.';

CREATE FUNCTION api.enable_memo(treasury text, memo text, operator text, note text DEFAULT '', OUT account text, OUT changed boolean)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM switch_memo(treasury, memo, true, operator, note, clock_timestamp());
$$;
COMMENT ON FUNCTION api.enable_memo IS 'Has money with this memo credited to its account again. What has arrived meanwhile still waits for a person.';

CREATE FUNCTION api.match_memo(treasury text, typed text, OUT code text, OUT sentence text, OUT account text, OUT memo text, OUT disabled_at timestamptz)
STABLE LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM match_memo(treasury, typed);
$$;
COMMENT ON FUNCTION api.match_memo IS 'What money with this memo would be credited to. code is matched, disabled, unknown, mistyped, empty, too_long or unreadable. It tells whose a memo is: for your own systems and staff.';

CREATE FUNCTION api.nearest_memos(treasury text, typed text) RETURNS TABLE (memo text, account text, enabled boolean, difference text)
STABLE LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM nearest_memos(treasury, typed);
$$;
COMMENT ON FUNCTION api.nearest_memos IS 'Memos of ours that differ from a typed one by one character or two that changed places. For the support desk alone: a guess, about which to ask the customer.';

CREATE FUNCTION api.deposit_instructions(treasury text, account text) RETURNS TABLE (
    party text, memo text, memo_required boolean, instrument_admin text, instrument_id text, minimum_deposit numeric, offers_accepted boolean,
    minimum_offer numeric, offer_lead_seconds integer, expected_seconds integer, screened boolean, sentence text
) STABLE LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM deposit_instructions(treasury, account);
$$;
COMMENT ON FUNCTION api.deposit_instructions IS 'What a customer must be shown before a deposit, a row for each listed token: where to send it (party), the memo, the least amount of a transfer in one step and of an offer, how much time an offer must have left, after how many seconds it is usually credited, whether a screening may add to that, and a sentence. Refused with unknown_account where no memo takes deposits. memo may be the exchange''s own text, instrument_id is its issuer''s and stands in the sentence too: escape them.';

CREATE FUNCTION api.deposit_address(treasury text, account text) RETURNS jsonb
STABLE LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT deposit_address(treasury, account);
$$;
COMMENT ON FUNCTION api.deposit_address IS 'deposit_instructions as one JSON object. Amounts are texts.';
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA api FROM PUBLIC;
