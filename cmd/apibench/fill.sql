-- A treasury that has lived: %[1]d deposits, %[2]d withdrawals, and an update of the ledger for each. Most deposits are
-- credited, to 50,000 accounts and to one that has a seventh of all. Each twentieth was an offer; of each hundredth a
-- person or the time had to decide, and some wait still; 50,000 open offers of a worthless token lie about.
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO treasuries (treasury_id, party, created_at) VALUES (1, 'treasury::1220aa', now());
INSERT INTO instruments (instrument_no, admin, instrument_id, listed, first_seen_at)
    SELECT n, 'dso' || n || '::1220dd', 'Token' || n, n <= 3, now() FROM generate_series(1, 50) AS n;
INSERT INTO withdrawal_policies (instrument_no, enabled) VALUES (1, true), (2, true);
INSERT INTO ingestion_cursors VALUES (1, 'participant::1220dd', 10 * (%[1]d + %[2]d), %[1]d + %[2]d, '', 0, 0, 1, 1, '', now());
INSERT INTO synchronizer_clocks VALUES (1, 'global::1220ee', now(), 10 * (%[1]d + %[2]d));
INSERT INTO ledger_updates
    SELECT 1, n, '1220' || encode(sha256(n::text::bytea), 'hex'), 'transaction', n * 10, timestamptz '2026-01-01' + n * interval '4 seconds', 'global::1220ee',
        '', '', 0, timestamptz '2026-01-01' + n * interval '4 seconds'
    FROM generate_series(1, %[1]d + %[2]d) AS n;
INSERT INTO ledger_update_bodies
    SELECT 1, n, convert_to(format('{"update": {"offset": %%s, "event": "%%s"}}', n * 10, repeat(md5(n::text), 60)), 'UTF8') FROM generate_series(1, %[1]d, 7) AS n;
INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, account, instrument_no, amount, sender, memo, correlation_id, offered_no, settled_no, settled_node,
        settled_leg, record_time, execute_before)
    SELECT 1, md5('d' || n)::uuid, CASE WHEN offer THEN 'offer' ELSE 'one_step' END, state,
        CASE state WHEN 'unattributed' THEN 'unknown_memo' WHEN 'held' THEN 'awaits_time' ELSE '' END,
        CASE WHEN state = 'unattributed' THEN NULL WHEN n %% 7 = 0 THEN 'whale' ELSE 'c' || (hashint4(n) & 65535) %% 50000 END,
        CASE WHEN n %% 1000 = 7 THEN 3 + n / 1000 %% 47 WHEN n %% 3 = 0 THEN 2 ELSE 1 END, (n %% 977 + 1) * 0.37,
        'sender' || (hashint4(n + 7) & 1048575) %% 30000 || '::1220' || repeat('ab', 32), 'MEMO' || n %% 50000,
        CASE WHEN offer THEN '00' || encode(sha256(('c' || n)::bytea), 'hex') END, CASE WHEN offer THEN n END,
        CASE WHEN state <> 'offered' THEN n END, CASE WHEN state <> 'offered' THEN 1 END, CASE WHEN state <> 'offered' THEN 0 END,
        timestamptz '2026-01-01' + n * interval '4 seconds', CASE WHEN offer THEN timestamptz '2027-01-01' END
    FROM (
        SELECT n, n %% 20 = 0 AS offer, CASE WHEN n %% 20 = 0 AND n > %[1]d - 1000 THEN 'offered' WHEN n %% 2000 = 0 THEN 'expired' WHEN n %% 100 = 3 THEN 'unattributed'
            WHEN n %% 100 = 5 THEN 'held' ELSE 'credited' END AS state
        FROM generate_series(1, %[1]d) AS n
    ) AS d;
INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, instrument_no, amount, sender, correlation_id, offered_no, record_time, execute_before)
    SELECT 1, md5('e' || n)::uuid, 'offer', 'offered', '', 10, 1, 'spam::1220' || repeat('ab', 32), '01' || encode(sha256(('c' || n)::bytea), 'hex'), 1,
        timestamptz '2026-02-01' + n * interval '1 second', timestamptz '2027-01-01'
    FROM generate_series(1, 50000) AS n;
INSERT INTO deposit_cases (treasury_id, deposit_id, state, reason, release_at, account, action, proposed_by, withdrawal_id, opened_at, changed_at, arrived_at)
    SELECT 1, d.deposit_id, s.state, CASE WHEN s.state IN ('open', 'proposed') THEN 'unknown_memo' ELSE '' END, CASE s.state WHEN 'held' THEN d.record_time END,
        CASE WHEN s.state IN ('credited', 'held', 'proposed') THEN coalesce(d.account, 'c1') END,
        CASE s.state WHEN 'credited' THEN 'release' WHEN 'proposed' THEN 'assign' WHEN 'returned' THEN 'return' WHEN 'returning' THEN 'return' ELSE '' END,
        CASE s.state WHEN 'proposed' THEN 'ann' ELSE '' END, CASE WHEN s.state LIKE 'return%%' THEN 'return:' || d.deposit_id END, d.record_time,
        d.record_time + interval '1 hour', d.record_time
    FROM (SELECT *, row_number() OVER (ORDER BY record_time) AS n, count(*) OVER () AS most FROM deposits WHERE state IN ('held', 'unattributed')) AS d
    CROSS JOIN LATERAL (SELECT CASE WHEN d.state = 'held' THEN CASE WHEN n > most - 200 THEN 'held' ELSE 'credited' END WHEN n %% 40 = 1 THEN 'returned'
        WHEN n %% 4000 = 3 THEN 'returning' WHEN n %% 400 = 5 THEN 'open' WHEN n %% 4000 = 7 THEN 'proposed' ELSE 'credited' END AS state) AS s;
INSERT INTO offer_verdicts (treasury_id, deposit_id, instrument_no, sender, memo_key, verdict, reason, open, decided_changes, decided_at)
    SELECT 1, deposit_id, instrument_no, sender, '', CASE WHEN sender LIKE 'spam%%' THEN 'ignore' WHEN deposit_id::text LIKE '000%%' THEN 'hold' ELSE 'accept' END, '',
        state = 'offered', 1, record_time
    FROM deposits WHERE kind = 'offer';
INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, state, reason, waiting, account, instrument_no, amount, receiver, correlation_id, offered_no,
        settled_no, record_time, requested_at, attempt, requested_by)
    SELECT 1, 'w-' || n, n, 'requested', state, CASE state WHEN 'failed' THEN 'cancelled' ELSE '' END, CASE state WHEN 'requested' THEN 'queued' ELSE '' END,
        CASE WHEN n %% 7 = 0 THEN 'whale' ELSE 'c' || (hashint4(n) & 65535) %% 50000 END, CASE WHEN n %% 3 = 0 THEN 2 ELSE 1 END, (n %% 977 + 1) * 0.11,
        'sender' || n %% 3000 || '::1220' || repeat('cd', 32), CASE WHEN n %% 10 = 0 THEN '02' || encode(sha256(('c' || n)::bytea), 'hex') END,
        CASE WHEN n %% 10 = 0 THEN %[1]d + n - 1 END, CASE WHEN state = 'completed' THEN %[1]d + n END,
        CASE WHEN state = 'completed' THEN timestamptz '2026-01-01' + n * interval '16 seconds' END, timestamptz '2026-01-01' + n * interval '16 seconds', 1, 'key'
    FROM (SELECT n, CASE WHEN n > %[2]d - 50 THEN 'requested' WHEN n %% 1000 = 1 THEN 'failed' ELSE 'completed' END AS state FROM generate_series(1, %[2]d) AS n) AS w;
SELECT setval('withdrawal_numbers', %[2]d + 1);
INSERT INTO withdrawal_attempts (treasury_id, withdrawal_id, attempt, kind, inputs, input_total, synchronizer_id, target_record_time, created_at, delivery, ended_at, result)
    SELECT 1, withdrawal_id, 1, 'pay', ARRAY['00aa'], 1, 'global::1220ee', now(), now(), 'direct', now(), 'committed' FROM withdrawals;
INSERT INTO postings
    SELECT 1, 'ledger', settled_no, 0, l, CASE WHEN l = 0 THEN 'network' WHEN state = 'credited' THEN 'customer' ELSE state END,
        CASE WHEN l = 1 AND state = 'credited' THEN account ELSE '' END, instrument_no, CASE l WHEN 0 THEN -amount ELSE amount END, record_time
    FROM deposits CROSS JOIN generate_series(0, 1) AS l WHERE state IN ('credited', 'held', 'unattributed');
INSERT INTO postings
    SELECT 1, 'request', withdrawal_no, 0, l, CASE l WHEN 0 THEN 'customer' ELSE 'withdrawals' END, CASE l WHEN 0 THEN account ELSE '' END, instrument_no,
        CASE l WHEN 0 THEN -amount ELSE amount END, requested_at
    FROM withdrawals CROSS JOIN generate_series(0, 1) AS l;
INSERT INTO balances SELECT treasury_id, account_kind, account, instrument_no, abs(sum(amount)) + 1000000 FROM postings GROUP BY 1, 2, 3, 4;
INSERT INTO balances SELECT 1, 'customer', 'c' || n, 1, 1000000 FROM generate_series(0, 49999) AS n ON CONFLICT DO NOTHING;
INSERT INTO deposit_accounts (treasury_id, memo_key, memo, account, issued, created_at)
    SELECT 1, 'memo' || n, 'MEMO' || n, 'c' || n, true, timestamptz '2026-01-01' + n * interval '1 second' FROM generate_series(1, 50000) AS n;
SET session_replication_role = DEFAULT;
