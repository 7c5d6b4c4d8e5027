package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
)

// Not parallel: shares the default client's idle connections.
func TestChecksJWTs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte("unsafe but long enough\n"), 0o600))

	token := func(key, audience string, lifetime time.Duration) string {
		signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
			"sub": "ledger-api-user", "aud": audience, "exp": clock.System{}.Now().Add(lifetime).Unix(),
		}).SignedString([]byte(key))
		require.NoError(t, err)

		return signed
	}

	const key, audience = "unsafe but long enough", "https://here.example"

	args := []string{"-jwt-hs256-file", file, "-jwt-audience", audience, "-jwt-max-lifetime", "2h"}
	log := serve(t, args, func(url string) {
		for _, c := range []struct {
			token string
			want  int
		}{
			{token(key, audience, time.Hour), http.StatusOK},
			{"", http.StatusUnauthorized},
			{token("another secret that is as long", audience, time.Hour), http.StatusUnauthorized},
			{token(key, "https://there.example", time.Hour), http.StatusUnauthorized},
			{token(key, audience, 3*time.Hour), http.StatusUnauthorized},
		} {
			status, answer := get(t, url+"/v2/users", c.token)
			require.Equal(t, c.want, status, "%v", answer)
		}
	})

	require.Contains(t, log, "token_required=true")
	require.NotContains(t, log, key)

	// Without a bound of their own, the release's holds; it can be taken away.
	for lifetime, want := range map[string]int{"0": http.StatusUnauthorized, "-1s": http.StatusOK} {
		args := []string{"-jwt-hs256-file", file, "-jwt-audience", audience, "-jwt-max-lifetime", lifetime}
		serve(t, args, func(url string) {
			status, _ := get(t, url+"/v2/users", token(key, audience, time.Hour))
			require.Equal(t, want, status, lifetime)
		})
	}
}

func TestBadJWTFlags(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{
		{"-jwt-audience", "https://here.example"}, {"-jwt-max-lifetime", "1h"},
		{"-jwt-hs256-file", "/a", "-token-file", "/b"},
	} {
		_, err := parse(args, env(), io.Discard)
		require.ErrorIs(t, err, errUsage, args)
	}

	o, err := parse([]string{"-jwt-hs256-file", "/no/such/file"}, env(), io.Discard)
	require.NoError(t, err)

	_, err = o.jwt.auth()
	require.ErrorIs(t, err, os.ErrNotExist)
}
