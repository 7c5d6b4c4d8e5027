package transit_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/signing"
)

const (
	rootToken = "root-token-of-the-test"
	roleID    = "role-of-the-test"
	secretID  = "secret-id-of-the-test"
	namespace = "exchange/hot"
)

// server does what the transit engine's documentation says, as far as a signer can tell.
type server struct {
	t  *testing.T
	mu sync.Mutex
	// keys are the versions of each key, the first being version 1.
	keys   map[string][]crypto.Signer
	kinds  map[string]string
	tokens map[string]bool
	logins int
	lease  int
	// refuse, when set, is the next answer.
	refuse func(http.ResponseWriter)
}

func newServer(t *testing.T) *server {
	t.Helper()

	return &server{
		t: t, keys: map[string][]crypto.Signer{}, kinds: map[string]string{}, tokens: map[string]bool{rootToken: true}, lease: 3600,
	}
}

// create adds a version to a key.
func (s *server) create(name string, spec signing.KeySpec) signing.PublicKey {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()

	var key crypto.Signer

	if spec == signing.KeyEd25519 {
		_, private, err := ed25519.GenerateKey(nil)
		require.NoError(s.t, err)

		key, s.kinds[name] = private, "ed25519"
	} else {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(s.t, err)

		key, s.kinds[name] = private, "ecdsa-p256"
	}

	s.keys[name] = append(s.keys[name], key)
	public, err := signing.NewPublicKey(key.Public())
	require.NoError(s.t, err)

	return public
}

func (s *server) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()

	change()
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if refuse := s.refuse; refuse != nil {
		s.refuse = nil
		refuse(w)

		return
	}

	if r.Header.Get("X-Vault-Namespace") != namespace || r.Header.Get("X-Vault-Request") != "true" {
		answer(w, http.StatusNotFound, `{"errors":["no such namespace"]}`)

		return
	}

	if r.URL.Path == "/v1/auth/approle/login" {
		s.login(w, r)

		return
	}

	if !s.tokens[r.Header.Get("X-Vault-Token")] {
		answer(w, http.StatusForbidden, `{"errors":["permission denied for `+r.Header.Get("X-Vault-Token")+`"]}`)

		return
	}

	name, read := strings.CutPrefix(r.URL.Path, "/v1/transit/keys/")
	if read && r.Method == http.MethodGet && s.keys[name] != nil {
		s.describe(w, name)

		return
	}

	name, sign := strings.CutPrefix(r.URL.Path, "/v1/transit/sign/")
	if sign && r.Method == http.MethodPost && s.keys[name] != nil {
		s.sign(w, r, name)

		return
	}

	answer(w, http.StatusNotFound, `{"errors":[]}`)
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) //nolint:gosec // a test's server may repeat what it was sent
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	var in struct {
		RoleID   string `json:"role_id"`
		SecretID string `json:"secret_id"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.RoleID != roleID || in.SecretID != secretID {
		answer(w, http.StatusBadRequest, `{"errors":["invalid role or secret ID `+in.SecretID+`"]}`)

		return
	}

	s.logins++
	token := fmt.Sprintf("s.login%dOfTheTest", s.logins)
	s.tokens[token] = true

	answer(w, http.StatusOK, fmt.Sprintf(
		`{"request_id":"1","auth":{"client_token":%q,"accessor":"a","lease_duration":%d,"renewable":true}}`, token, s.lease))
}

func (s *server) describe(w http.ResponseWriter, name string) {
	versions := map[string]any{}

	for i, key := range s.keys[name] {
		var text string

		switch public := key.Public().(type) {
		case ed25519.PublicKey:
			text = base64.StdEncoding.EncodeToString(public)
		default:
			der, err := x509.MarshalPKIXPublicKey(public)
			if err != nil {
				s.t.Error(err)
			}

			text = string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		}

		versions[strconv.Itoa(i+1)] = map[string]any{"creation_time": "2026-01-02T03:04:05Z", "name": "x", "public_key": text}
	}

	body, err := json.Marshal(map[string]any{"data": map[string]any{
		"type": s.kinds[name], "derived": s.kinds[name] == "derived", "exportable": false, "supports_signing": true,
		"latest_version": len(versions), "keys": versions, "name": name,
	}, "lease_id": "", "wrap_info": nil})
	if err != nil {
		s.t.Error(err)
	}

	answer(w, http.StatusOK, string(body))
}

func (s *server) sign(w http.ResponseWriter, r *http.Request, name string) {
	var in struct {
		Input      []byte `json:"input"`
		KeyVersion int    `json:"key_version"`
		Prehashed  bool   `json:"prehashed"`
		Hash       string `json:"hash_algorithm"`
		Marshaling string `json:"marshaling_algorithm"`
	}
	if json.NewDecoder(r.Body).Decode(&in) != nil || in.KeyVersion < 1 || in.KeyVersion > len(s.keys[name]) {
		answer(w, http.StatusBadRequest, `{"errors":["invalid request"]}`)

		return
	}

	content, hash := in.Input, crypto.Hash(0)

	if s.kinds[name] != "ed25519" {
		hash = crypto.SHA256
		if in.Hash != "sha2-256" || in.Marshaling != "asn1" {
			answer(w, http.StatusBadRequest, `{"errors":["another algorithm"]}`)

			return
		}

		if !in.Prehashed {
			h := hash.New()
			h.Write(content)
			content = h.Sum(nil)
		}
	}

	raw, err := s.keys[name][in.KeyVersion-1].Sign(rand.Reader, content, hash)
	if err != nil {
		answer(w, http.StatusBadRequest, fmt.Sprintf(`{"errors":[%q]}`, err))

		return
	}

	answer(w, http.StatusOK, fmt.Sprintf(`{"data":{"key_version":%d,"signature":"vault:v%d:%s"}}`,
		in.KeyVersion, in.KeyVersion, base64.StdEncoding.EncodeToString(raw)))
}

// between stands between signer and server and makes signing go wrong on request.
type between struct {
	next  http.Handler
	mu    sync.Mutex
	alter bool
	swap  string
	stall chan struct{}
}

func (b *between) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()

	change()
}

func (b *between) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	alter, swap, stall := b.alter, b.swap, b.stall
	b.mu.Unlock()

	if !strings.Contains(r.URL.Path, "/sign/") {
		b.next.ServeHTTP(w, r)

		return
	}

	if stall != nil {
		select {
		case <-stall:
		case <-r.Context().Done():
		}

		return
	}

	if swap != "" {
		at := strings.LastIndexByte(r.URL.Path, '/')
		r.URL.Path = r.URL.Path[:at+1] + swap
	}

	if !alter {
		b.next.ServeHTTP(w, r)

		return
	}

	recorded := httptest.NewRecorder()
	b.next.ServeHTTP(recorded, r)

	// A digit in the middle of the signature's base64, replaced by another.
	body := recorded.Body.Bytes()
	at := bytes.Index(body, []byte("vault:v1:")) + len("vault:v1:") + 20

	digit := byte('A')
	if body[at] == digit {
		digit = 'B'
	}

	body[at] = digit

	answer(w, recorded.Code, string(body))
}

// parsePublic reads a key as the server writes it.
func parsePublic(t *testing.T, spec signing.KeySpec, text string) signing.PublicKey {
	t.Helper()

	var raw []byte

	format := signing.KeyFormatSPKI

	if block, _ := pem.Decode([]byte(text)); block != nil {
		raw = block.Bytes
	} else {
		var err error

		format = signing.KeyFormatRaw
		raw, err = base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
	}

	public, err := signing.ParsePublicKey(spec, format, raw)
	require.NoError(t, err)

	return public
}
