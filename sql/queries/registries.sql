-- name: RegistryList :many
SELECT admin, position, url, credentials FROM registries ORDER BY admin, position;

-- name: RegistryInsert :exec
INSERT INTO registries (admin, position, url, credentials) VALUES (@admin, @position, @url, @credentials);

-- name: RegistryDelete :exec
DELETE FROM registries WHERE admin = @admin;
