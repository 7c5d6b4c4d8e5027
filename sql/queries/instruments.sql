-- name: InstrumentEnsure :one
-- InstrumentEnsure finds or creates a token; one that is first seen on the ledger is not listed.
INSERT INTO instruments (admin, instrument_id, first_seen_at) VALUES (@admin, @instrument_id, @now)
ON CONFLICT (admin, instrument_id) DO UPDATE SET admin = excluded.admin
RETURNING instrument_no;

-- name: InstrumentList :many
-- InstrumentList reads how the exchange deals in tokens.
SELECT i.instrument_no, i.admin, i.instrument_id, i.listed, i.minimum_deposit, coalesce(p.screen, false)::boolean AS screen,
    coalesce(p.credit_delay_seconds, 0)::integer AS credit_delay_seconds, p.confirm_from
FROM instruments i LEFT JOIN deposit_policies p USING (instrument_no)
WHERE i.instrument_no = ANY(@instrument_nos::integer[]);

-- name: InstrumentAll :many
SELECT instrument_no, admin, instrument_id, listed, minimum_deposit FROM instruments ORDER BY instrument_no;

-- name: InstrumentSetListing :exec
INSERT INTO instruments (admin, instrument_id, listed, minimum_deposit, first_seen_at)
VALUES (@admin, @instrument_id, @listed, @minimum_deposit, @now)
ON CONFLICT (admin, instrument_id) DO UPDATE SET listed = excluded.listed, minimum_deposit = excluded.minimum_deposit;

-- name: InstrumentFind :one
SELECT instrument_no FROM instruments WHERE admin = @admin AND instrument_id = @instrument_id;
