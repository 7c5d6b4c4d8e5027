-- name: TreasuryEnsure :one
-- TreasuryEnsure finds or creates the treasury of a party.
INSERT INTO treasuries (party, created_at) VALUES (@party, @now)
ON CONFLICT (party) DO UPDATE SET party = excluded.party
RETURNING treasury_id;

-- name: TreasuryFind :one
SELECT treasury_id FROM treasuries WHERE party = @party;

-- name: TreasuryList :many
SELECT treasury_id, party, created_at FROM treasuries ORDER BY treasury_id;
