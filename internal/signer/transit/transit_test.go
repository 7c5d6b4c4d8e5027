package transit_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/endpoint"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signer/transit"
	"github.com/canton-exchange/suite/internal/signing"
)

func token() endpoint.Token { return endpoint.FixedToken(secret.New(rootToken)) }

func role() *transit.AppRole {
	return &transit.AppRole{RoleID: roleID, SecretID: endpoint.FixedToken(secret.New(secretID))}
}

// serve runs a server, and what stands before it, as long as the test does.
func serve(t *testing.T, s *server) (*between, transit.Config) {
	t.Helper()

	b := &between{next: s}
	listening := httptest.NewServer(b)
	t.Cleanup(listening.Close)

	return b, transit.Config{URL: listening.URL, Namespace: namespace, Key: "treasury", Token: token()}
}

func open(t *testing.T, cfg transit.Config, public signing.PublicKey) *signer.Key {
	t.Helper()

	key, err := transit.Open(t.Context(), cfg, signer.Config{Fingerprint: public.Fingerprint()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, key.Close()) })

	return key
}

func mustSign(t *testing.T, key *signer.Key) {
	t.Helper()

	hash := signertest.Hash(1)
	sig, err := key.Sign(t.Context(), hash)
	require.NoError(t, err)
	signertest.Holds(t, key.PublicKey(), hash[:], sig)
}

func TestContract(t *testing.T) {
	t.Parallel()

	for _, spec := range []signing.KeySpec{signing.KeyEd25519, signing.KeyP256} {
		for name, login := range map[string]func(*transit.Config){
			"token":   func(*transit.Config) {},
			"AppRole": func(c *transit.Config) { c.Token, c.AppRole = nil, role() },
		} {
			t.Run(string(spec)+" by "+name, func(t *testing.T) {
				t.Parallel()

				signertest.Run(t, func(t *testing.T) signertest.Subject {
					t.Helper()

					s := newServer(t)
					b, cfg := serve(t, s)
					login(&cfg)

					public := s.create("treasury", spec)
					s.create("other", spec)

					return subject(t, b, cfg, public)
				})
			})
		}
	}
}

func subject(t *testing.T, b *between, cfg transit.Config, public signing.PublicKey) signertest.Subject {
	t.Helper()

	return signertest.Subject{
		Key: public,
		Open: func(ctx context.Context, key signer.Config) (*signer.Key, error) {
			return transit.Open(ctx, cfg, key)
		},
		Secrets: []string{rootToken, secretID, "s.login1OfTheTest"},
		Alter:   func() { b.set(func() { b.alter = true }) },
		Swap:    func() { b.set(func() { b.swap = "other" }) },
		Stall: func() {
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			b.set(func() { b.stall = release })
		},
	}
}

func TestRotatedKeyStaysTheExpectedOne(t *testing.T) {
	t.Parallel()

	s := newServer(t)
	_, cfg := serve(t, s)
	first := s.create("treasury", signing.KeyEd25519)
	key := open(t, cfg, first)

	second := s.create("treasury", signing.KeyEd25519)
	mustSign(t, key)
	mustSign(t, open(t, cfg, first))
	mustSign(t, open(t, cfg, second))
}

func TestAppRoleLogsInAgain(t *testing.T) {
	t.Parallel()

	s := newServer(t)
	public := s.create("treasury", signing.KeyEd25519)
	_, cfg := serve(t, s)
	now := clock.NewManual(time.Unix(0, 0))
	cfg.Token, cfg.AppRole = nil, role()
	cfg.AppRole.Clock = now

	logins := func() (n int) {
		s.set(func() { n = s.logins })

		return n
	}

	key := open(t, cfg, public)
	mustSign(t, key)
	require.Equal(t, 1, logins(), "a token is used again")

	now.Advance(47 * time.Minute)
	mustSign(t, key)
	require.Equal(t, 1, logins())

	now.Advance(2 * time.Minute)
	mustSign(t, key)
	require.Equal(t, 2, logins(), "four fifths of an hour have passed")

	s.set(func() { clear(s.tokens) })
	mustSign(t, key)
	require.Equal(t, 3, logins(), "the server forgot all tokens")

	s.set(func() { clear(s.tokens); s.lease = -1 })
	_, err := key.Sign(t.Context(), signertest.Hash(0))
	require.ErrorContains(t, err, "no token in the answer")
	require.NotContains(t, err.Error(), "s.login")
}

func TestTokenFileIsReadAgain(t *testing.T) {
	t.Parallel()

	s := newServer(t)
	public := s.create("treasury", signing.KeyEd25519)
	_, cfg := serve(t, s)

	current, err := secret.New(rootToken), error(nil)
	cfg.Token = func() (secret.String, error) { return current, err }
	key := open(t, cfg, public)

	// The token is revoked, and its file replaced while a request is under way.
	s.set(func() { delete(s.tokens, rootToken); s.tokens["s.next"] = true })

	first := true
	cfg.Token = func() (secret.String, error) {
		if first {
			first = false

			return secret.New(rootToken), nil
		}

		return secret.New("s.next"), nil
	}
	mustSign(t, open(t, cfg, public))

	_, refused := key.Sign(t.Context(), signertest.Hash(0))
	require.ErrorContains(t, refused, "HTTP 403")
	require.ErrorContains(t, refused, "transit/sign/treasury")
	require.NotContains(t, refused.Error(), rootToken, "the server repeats the token")
	require.False(t, signer.IsTemporary(refused))

	err = errors.New("no such file")
	_, refused = key.Sign(t.Context(), signertest.Hash(0))
	require.ErrorIs(t, refused, err)

	current, err = secret.New("with\nnewline"), nil
	_, refused = key.Sign(t.Context(), signertest.Hash(0))
	require.ErrorContains(t, refused, "not printable")
	require.NotContains(t, refused.Error(), "newline")
}

func TestLoginRefused(t *testing.T) {
	t.Parallel()

	s := newServer(t)
	public := s.create("treasury", signing.KeyEd25519)
	_, cfg := serve(t, s)
	cfg.Token, cfg.AppRole = nil, role()
	cfg.AppRole.SecretID = endpoint.FixedToken(secret.New("wrong-secret-id"))

	_, err := transit.Open(t.Context(), cfg, signer.Config{Fingerprint: public.Fingerprint()})
	require.ErrorContains(t, err, "log in: HTTP 400")
	require.NotContains(t, err.Error(), "wrong-secret-id", "the server repeats it")
	require.False(t, signer.IsTemporary(err))
}

func TestRefusals(t *testing.T) {
	t.Parallel()

	status := func(code int, body string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) { answer(w, code, body) }
	}

	for name, tc := range map[string]struct {
		refuse    func(http.ResponseWriter)
		cause     string
		temporary bool
	}{
		"sealed":      {status(503, `{"errors":["Vault is sealed"]}`), "sealed", true},
		"quota":       {status(429, `{"errors":["rate limit quota exceeded"]}`), "quota", true},
		"broken":      {status(500, `{"errors":["internal error"]}`), "internal error", true},
		"lagging":     {status(412, `{"errors":["required index state not present"]}`), "lags behind", true},
		"bad request": {status(400, `{"errors":["version disabled"]}`), "version disabled", false},
		"gone":        {status(404, `{"errors":[]}`), "no such key", false},
		"redirect": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "http://x")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "redirect", false},
		"a page":        {status(200, `<html>`), "not the JSON", false},
		"twice":         {status(200, `{"data":{"signature":"vault:v1:AA=="},"data":{"signature":""}}`), "not the JSON", false},
		"nothing":       {status(200, `{}`), "no signature", false},
		"other version": {status(200, `{"data":{"signature":"vault:v2:AA=="}}`), "no signature by version 1", false},
		"no base64":     {status(200, `{"data":{"signature":"vault:v1:!!"}}`), "not base64", false},
		"huge":          {status(200, strings.Repeat(" ", 300<<10)), "more than", false},
		"cut": {func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
		}, "unexpected EOF", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := newServer(t)
			public := s.create("treasury", signing.KeyEd25519)
			_, cfg := serve(t, s)
			key := open(t, cfg, public)
			s.set(func() { s.refuse = tc.refuse })

			_, err := key.Sign(t.Context(), signertest.Hash(0))
			require.ErrorContains(t, err, tc.cause)
			require.Equal(t, tc.temporary, signer.IsTemporary(err), "%v", err)
			mustSign(t, key)
		})
	}
}

func TestUnfitKeys(t *testing.T) {
	t.Parallel()

	for name, body := range map[string]string{
		"of another kind": `{"data":{"type":"rsa-2048","latest_version":1,"keys":{"1":{"public_key":""}}}}`,
		"derived":         `{"data":{"type":"ed25519","derived":true,"latest_version":1,"keys":{"1":{"public_key":""}}}}`,
		"symmetric":       `{"data":{"type":"aes256-gcm96","latest_version":1,"keys":{"1":1700000000}}}`,
		"without any":     `{"data":{"type":"ed25519","latest_version":1,"keys":{}}}`,
		"of no version":   `{"data":{"type":"ed25519","latest_version":1,"keys":{"one":{"public_key":""}}}}`,
		"short":           `{"data":{"type":"ed25519","latest_version":1,"keys":{"1":{"public_key":"AAAA"}}}}`,
		"no base64":       `{"data":{"type":"ed25519","latest_version":1,"keys":{"1":{"public_key":"!"}}}}`,
		"no PEM":          `{"data":{"type":"ecdsa-p256","latest_version":1,"keys":{"1":{"public_key":"AAAA"}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := newServer(t)
			_, cfg := serve(t, s)
			s.refuse = func(w http.ResponseWriter) { answer(w, http.StatusOK, body) }

			_, err := transit.Open(t.Context(), cfg, signer.Config{Party: "treasury::1220" + "00"})
			require.Error(t, err)

			s.refuse = func(w http.ResponseWriter) { answer(w, http.StatusOK, body) }
			_, err = transit.Open(t.Context(), cfg, signer.Config{
				Fingerprint: signing.Fingerprint("1220" + strings.Repeat("0", 64)),
			})
			require.Error(t, err)
			require.NotErrorIs(t, err, signer.ErrWrongKey)
			require.False(t, signer.IsTemporary(err))
		})
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()

	for name, change := range map[string]func(*transit.Config){
		"no URL":         func(c *transit.Config) { c.URL = "" },
		"password":       func(c *transit.Config) { c.URL = "https://user:hunter2@host" },
		"plain HTTP":     func(c *transit.Config) { c.URL = "http://vault.internal:8200" },
		"no key":         func(c *transit.Config) { c.Key = "" },
		"key elsewhere":  func(c *transit.Config) { c.Key = "../../sys/seal" },
		"key with query": func(c *transit.Config) { c.Key = "a?b" },
		"mount up":       func(c *transit.Config) { c.Mount = "a/../b" },
		"no login":       func(c *transit.Config) { c.Token = nil },
		"two logins":     func(c *transit.Config) { c.AppRole = role() },
		"no role":        func(c *transit.Config) { c.Token, c.AppRole = nil, &transit.AppRole{} },
		"role elsewhere": func(c *transit.Config) { c.Token, c.AppRole = nil, role(); c.AppRole.Mount = ".." },
		"no CA":          func(c *transit.Config) { c.TLS.CAFile = "/nowhere" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			cfg := transit.Config{URL: "https://vault.internal:8200", Key: "treasury", Token: token()}
			change(&cfg)

			_, err := transit.Open(t.Context(), cfg, signer.Config{Party: "treasury::1220" + "00"})
			require.Error(t, err)
			require.NotErrorIs(t, err, signing.ErrInvalidKey, "refused before the key matters")
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}
