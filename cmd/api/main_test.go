package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/service"
)

// TestMistakesAreNamed: what an operator wrote wrong is found before anything is reached, and named.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()

	load := func(environ ...string) error {
		var c config

		return service.Load(&c, append(environ, "CES_DATABASE_URL=postgres://ces@localhost/ces"))
	}

	for _, good := range [][]string{
		nil, {"CES_API_ADDR=[::1]:0"}, {"CES_API_ADDR=localhost:8080"}, {"CES_API_ADDR=:8080", "CES_API_PLAIN_HTTP=true"},
		{"CES_API_ADDR=:8443", "CES_API_TLS_CERT_FILE=a", "CES_API_TLS_KEY_FILE=b", "CES_API_CLIENT_CA_FILE=c"},
		{"CES_API_TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.1"},
		{"CES_API_OIDC_ISSUER=https://id.example", "CES_API_OIDC_AUDIENCE=ces", "CES_API_OIDC_JWKS_URL=https://id.example/keys"},
		{"CES_API_OIDC_ISSUER=x", "CES_API_OIDC_AUDIENCE=ces", "CES_API_OIDC_JWKS_URL=http://127.0.0.1:1/keys"},
	} {
		require.NoError(t, load(good...), "%v", good)
	}

	for _, wrong := range []string{
		"CES_API_ADDR=:8080", "CES_API_ADDR=0.0.0.0:8080", "CES_API_ADDR=example.com:8080", "CES_API_ADDR=127.0.0.1", "CES_API_TLS_CERT_FILE=a", "CES_API_CLIENT_CA_FILE=a",
		"CES_API_MAX_REQUESTS=0", "CES_API_ANSWERS_KEPT=23h", "CES_API_TRUSTED_PROXIES=10.0.0.1/8", "CES_API_TRUSTED_PROXIES=proxy",
		"CES_API_OIDC_ISSUER=https://id.example", "CES_API_OIDC_JWKS_URL=http://id.example/keys", "CES_API_PLAIN_HTTP=perhaps",
	} {
		require.ErrorContains(t, load(wrong), wrong[:12], "%s", wrong)
	}

	require.ErrorContains(t, load("CES_API_OIDC_ISSUER=x", "CES_API_OIDC_AUDIENCE=ces", "CES_API_OIDC_JWKS_URL=http://id.example/keys"), "CES_API_OIDC_JWKS_URL")
	require.ErrorContains(t, load("CES_API_OIDC_ISSUER=x", "CES_API_OIDC_AUDIENCE=ces", "CES_API_OIDC_JWKS_URL=https://id.example/keys", "CES_API_OIDC_PER_SECOND=0"),
		"CES_API_OIDC_PER_SECOND")
}
