package remote_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/endpoint"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signer/remote"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signing"
)

const token = "bearer-of-the-test"

// service is the other side of the protocol, with a key in memory.
type service struct {
	t      *testing.T
	key    *signer.Key
	other  *signer.Key
	client bool // asks for a client certificate in place of a token

	mu          sync.Mutex
	alter, swap bool
	stall       chan struct{}
	refuse      func(http.ResponseWriter)
}

func newKey(t *testing.T, spec signing.KeySpec) *signer.Key {
	t.Helper()

	p, err := keyfile.Generate(spec)
	require.NoError(t, err)

	key, err := p.Signer(t.Context(), signer.Config{Fingerprint: p.PublicKey().Fingerprint()})
	require.NoError(t, err)

	return key
}

func newService(t *testing.T, spec signing.KeySpec) *service {
	t.Helper()

	return &service{t: t, key: newKey(t, spec), other: newKey(t, spec)}
}

// byToken serves it without TLS.
func (s *service) byToken() remote.Config {
	listening := httptest.NewServer(s)
	s.t.Cleanup(listening.Close)

	return remote.Config{URL: listening.URL + "/signer/", Token: endpoint.FixedToken(secret.New(token))}
}

// byCertificate serves it to those whose certificate it knows.
func (s *service) byCertificate() remote.Config {
	authority := newAuthority(s.t)
	s.client = true

	listening := httptest.NewUnstartedServer(s)
	listening.TLS = &tls.Config{
		Certificates: []tls.Certificate{authority.issue(s.t, "server")},
		ClientCAs:    authority.pool(), ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}
	listening.StartTLS()
	s.t.Cleanup(listening.Close)

	cert, key := authority.files(s.t, "client")

	return remote.Config{
		URL: listening.URL + "/signer", TLS: endpoint.TLS{CAFile: authority.file(s.t), CertFile: cert, KeyFile: key},
	}
}

func (s *service) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()

	change()
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	alter, swap, stall, refuse := s.alter, s.swap, s.stall, s.refuse
	s.mu.Unlock()

	if !s.client && r.Header.Get("Authorization") != "Bearer "+token {
		answer(w, http.StatusUnauthorized, fmt.Sprintf(`{"error":"what is %s?"}`, r.Header.Get("Authorization")))

		return
	}

	if refuse != nil {
		refuse(w)

		return
	}

	path := "/signer/v1/keys/" + string(s.key.PublicKey().Fingerprint())

	switch {
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/signer/v1/keys/"):
		// Whatever key was asked for, so that a wrong one is met.
		public := s.key.PublicKey()
		answer(w, http.StatusOK, fmt.Sprintf(`{"key_spec":%q,"public_key":%q,"more":1}`,
			public.Spec(), base64.StdEncoding.EncodeToString(public.SPKI())))
	case r.Method == http.MethodPost && r.URL.Path == path+"/sign" && stall != nil:
		select {
		case <-stall:
		case <-r.Context().Done():
		}
	case r.Method == http.MethodPost && r.URL.Path == path+"/sign":
		s.sign(w, r, alter, swap)
	default:
		answer(w, http.StatusNotFound, `{"error":"no such key"}`)
	}
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) //nolint:gosec // a test's server may repeat what it was sent
}

func (s *service) sign(w http.ResponseWriter, r *http.Request, alter, swap bool) {
	var in struct {
		Kind      string `json:"kind"`
		Content   []byte `json:"content"`
		Algorithm string `json:"algorithm"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		s.t.Error(err)
	}

	var what signing.Signable

	switch {
	case in.Kind == "prepared-transaction" && len(in.Content) == len(signing.Hash{}):
		what = signing.Hash(in.Content)
	case in.Kind == "topology" && len(in.Content) == len(signing.TopologyHash{}):
		what = signing.TopologyHash(in.Content)
	default:
		s.t.Errorf("kind %q with %d bytes", in.Kind, len(in.Content))

		return
	}

	key := s.key
	if swap {
		key = s.other
	}

	sig, err := key.Sign(r.Context(), what)
	if err != nil || string(sig.Algorithm) != in.Algorithm {
		s.t.Error(in.Algorithm, err)
	}

	if alter {
		sig.Bytes[20] ^= 1
	}

	answer(w, http.StatusOK, fmt.Sprintf(`{"signed_by":%q,"signature":%q}`,
		s.key.PublicKey().Fingerprint(), base64.StdEncoding.EncodeToString(sig.Bytes)))
}

func TestContract(t *testing.T) {
	t.Parallel()

	for _, spec := range []signing.KeySpec{signing.KeyEd25519, signing.KeyP256} {
		for name, serve := range map[string]func(*service) remote.Config{
			"token": (*service).byToken, "certificate": (*service).byCertificate,
		} {
			t.Run(string(spec)+" by "+name, func(t *testing.T) {
				t.Parallel()

				signertest.Run(t, func(t *testing.T) signertest.Subject {
					t.Helper()

					s := newService(t, spec)
					cfg := serve(s)

					return signertest.Subject{
						Key: s.key.PublicKey(),
						Open: func(ctx context.Context, key signer.Config) (*signer.Key, error) {
							return remote.Open(ctx, cfg, key)
						},
						Secrets: []string{token},
						Alter:   func() { s.set(func() { s.alter = true }) },
						Swap:    func() { s.set(func() { s.swap = true }) },
						Stall: func() {
							release := make(chan struct{})
							t.Cleanup(func() { close(release) })
							s.set(func() { s.stall = release })
						},
					}
				})
			})
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		status    int
		body      string
		cause     string
		temporary bool
	}{
		"policy":          {403, `{"error":"limit of the day"}`, "HTTP 403: limit of the day (", false},
		"unknown":         {404, `{"error":"no such key"}`, "URL is wrong", false},
		"busy":            {429, `{"error":"busy"}`, "busy", true},
		"slow":            {408, ``, "HTTP 408 (", true},
		"early":           {425, ``, "HTTP 425", true},
		"down":            {503, `<html>a proxy's page`, "a proxy's page", true},
		"not implemented": {501, `{}`, "HTTP 501", false},
		"another success": {202, `{"signature":"AA=="}`, "HTTP 202", false},
		"nothing":         {200, ``, "not the JSON", false},
		"another key":     {200, `{"signed_by":"1220ab","signature":"AA=="}`, `signed by "1220ab"`, false},
		"base64":          {200, `{"signed_by":"1220ab","signature":"?"}`, "not the JSON", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := newService(t, signing.KeyEd25519)
			key, err := remote.Open(t.Context(), s.byToken(), signer.Config{Fingerprint: s.key.PublicKey().Fingerprint()})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, key.Close()) })

			s.set(func() { s.refuse = func(w http.ResponseWriter) { answer(w, tc.status, tc.body) } })

			_, err = key.Sign(t.Context(), signertest.Hash(0))
			require.ErrorContains(t, err, tc.cause)
			require.Equal(t, tc.temporary, signer.IsTemporary(err), "%v", err)
		})
	}
}

func TestNobodySignsWithoutBeingKnown(t *testing.T) {
	t.Parallel()

	s := newService(t, signing.KeyEd25519)
	want := signer.Config{Fingerprint: s.key.PublicKey().Fingerprint()}

	cfg := s.byToken()
	cfg.Token = nil
	_, err := remote.Open(t.Context(), cfg, want)
	require.ErrorContains(t, err, "bearer token or a client certificate")

	cfg.Token = endpoint.FixedToken(secret.New("another-token"))
	_, err = remote.Open(t.Context(), cfg, want)
	require.ErrorContains(t, err, "HTTP 401: what is Bearer [redacted]?")
	require.False(t, signer.IsTemporary(err))

	cfg.Token = endpoint.FileToken("/nowhere/token")
	_, err = remote.Open(t.Context(), cfg, want)
	require.ErrorContains(t, err, "token file")

	// A server of another authority gets nothing.
	cfg = s.byCertificate()
	cfg.TLS.CAFile = newAuthority(t).file(t)
	_, err = remote.Open(t.Context(), cfg, want)
	require.ErrorContains(t, err, "certificate is not trusted")
	require.False(t, signer.IsTemporary(err))

	// A client of another authority neither.
	cfg = s.byCertificate()
	cfg.TLS.CertFile, cfg.TLS.KeyFile = newAuthority(t).files(t, "client")
	_, err = remote.Open(t.Context(), cfg, want)
	require.Error(t, err)
}

func TestPublicKeysThatAreNone(t *testing.T) {
	t.Parallel()

	for name, body := range map[string]string{
		"none": `{}`, "spec": `{"key_spec":"SIGNING_KEY_SPEC_EC_P384","public_key":"AA=="}`,
		"raw": `{"key_spec":"SIGNING_KEY_SPEC_EC_CURVE25519","public_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`,
	} {
		s := newService(t, signing.KeyEd25519)
		s.refuse = func(w http.ResponseWriter) { answer(w, http.StatusOK, body) }

		_, err := remote.Open(t.Context(), s.byToken(), signer.Config{Fingerprint: s.key.PublicKey().Fingerprint()})
		require.ErrorContains(t, err, "no public key", name)
		require.False(t, signer.IsTemporary(err))
	}
}
