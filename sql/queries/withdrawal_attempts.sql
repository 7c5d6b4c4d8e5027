-- name: AttemptInsert :copyfrom
INSERT INTO withdrawal_attempts (treasury_id, withdrawal_id, attempt, kind, inputs, input_total, synchronizer_id, target_record_time, created_at)
VALUES (@treasury_id, @withdrawal_id, @attempt, @kind, @inputs, @input_total, @synchronizer_id, @target_record_time, @created_at);

-- name: AttemptListLive :many
SELECT withdrawal_id, attempt, kind, inputs, input_total, synchronizer_id, target_record_time, delivery, command_id, submission_id, hashing_scheme,
    transaction_hash, prepared, signature, preparations, executions, outcome
FROM withdrawal_attempts WHERE treasury_id = @treasury_id AND withdrawal_id = ANY(@withdrawal_ids::text[]) AND result IS NULL;

-- name: AttemptListAwaiting :many
-- AttemptListAwaiting lists what a person has yet to sign.
SELECT a.withdrawal_id, a.attempt, a.hashing_scheme, a.transaction_hash, a.prepared, a.target_record_time
FROM withdrawal_attempts a
JOIN withdrawals w ON (w.treasury_id, w.withdrawal_id, w.attempt) = (a.treasury_id, a.withdrawal_id, a.attempt)
WHERE a.treasury_id = @treasury_id AND a.result IS NULL AND a.prepared IS NOT NULL AND a.signature IS NULL AND w.state IN ('reserved', 'offered')
ORDER BY a.prepared_at LIMIT @most;

-- name: AttemptPrepared :execrows
-- AttemptPrepared writes down what was signed, before anything is submitted. Without a signature a person has yet to sign.
UPDATE withdrawal_attempts
SET delivery = @delivery, command_id = @command_id, submission_id = @submission_id, hashing_scheme = @hashing_scheme,
    transaction_hash = @transaction_hash, prepared = @prepared, signature = sqlc.narg(signature), expected_traffic = @expected_traffic,
    prepared_at = @prepared_at, preparations = preparations + 1, outcome = '', error = ''
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND attempt = @attempt AND result IS NULL;

-- name: AttemptSigned :execrows
-- AttemptSigned adds a person's signature of the transaction with this hash.
UPDATE withdrawal_attempts SET signature = @signature
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND attempt = @attempt AND transaction_hash = @transaction_hash AND result IS NULL AND signature IS NULL;

-- name: AttemptTold :execrows
-- AttemptTold notes what the node said of an execution.
UPDATE withdrawal_attempts SET outcome = @outcome, error = @error, executions = executions + @executions
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND attempt = @attempt AND result IS NULL;

-- name: AttemptCompleted :exec
-- AttemptCompleted notes what a completion with an error said.
UPDATE withdrawal_attempts SET outcome = @outcome, error = @error
WHERE treasury_id = @treasury_id AND submission_id = @submission_id AND result IS NULL;

-- name: AttemptDrop :execrows
-- AttemptDrop ends an attempt of which nothing was submitted.
UPDATE withdrawal_attempts SET result = 'dropped', ended_at = @ended_at, error = @error, prepared = NULL, signature = NULL
WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND attempt = @attempt AND result IS NULL;

-- name: AttemptBury :execrows
-- AttemptBury ends an attempt that can never commit any more: all of history up to a record time after its target is
-- ingested, and it is not in there. This condition, and nothing else, makes an attempt dead. An input that was spent by this
-- very attempt's command is a payment that was not understood: AttemptTraces finds it.
UPDATE withdrawal_attempts a SET result = 'dead', ended_at = @ended_at, prepared = NULL, signature = NULL
FROM synchronizer_clocks c
WHERE a.treasury_id = @treasury_id AND a.withdrawal_id = @withdrawal_id AND a.attempt = @attempt AND a.result IS NULL
  AND c.treasury_id = a.treasury_id AND c.synchronizer_id = a.synchronizer_id AND c.record_time > a.target_record_time
  AND NOT EXISTS (
    SELECT FROM holdings h JOIN ledger_updates u ON u.treasury_id = h.treasury_id AND u.update_no = h.archived_no
    WHERE h.treasury_id = a.treasury_id AND h.contract_id = ANY(a.inputs) AND u.command_id = a.command_id AND a.command_id <> '');

-- name: AttemptTraces :many
-- AttemptTraces finds what an attempt's command did to its inputs.
SELECT DISTINCT u.update_id
FROM withdrawal_attempts a
JOIN holdings h ON h.treasury_id = a.treasury_id AND h.contract_id = ANY(a.inputs)
JOIN ledger_updates u ON u.treasury_id = h.treasury_id AND u.update_no = h.archived_no
WHERE a.treasury_id = @treasury_id AND a.withdrawal_id = @withdrawal_id AND a.attempt = @attempt AND u.command_id = a.command_id AND a.command_id <> '';

-- name: ReservationDelete :exec
DELETE FROM reservations WHERE treasury_id = @treasury_id AND withdrawal_id = @withdrawal_id AND attempt = @attempt;
