package awskms_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/awskms"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	arn       = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	alias     = "alias/treasury"
	accessKey = "AKIDEXAMPLE"
	secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

// service speaks KMS's JSON protocol, as the API reference of GetPublicKey and Sign describes it.
type service struct {
	t    *testing.T
	mu   sync.Mutex
	key  crypto.Signer
	spec string
	// What goes wrong.
	usage  string
	alter  bool
	swap   crypto.Signer
	stall  chan struct{}
	refuse func(http.ResponseWriter)
}

func newKey(t *testing.T, spec signing.KeySpec) (key crypto.Signer, name string) {
	t.Helper()

	if spec == signing.KeyEd25519 {
		_, key, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)

		return key, "ECC_NIST_EDWARDS25519"
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	return key, "ECC_NIST_P256"
}

func newService(t *testing.T, spec signing.KeySpec) (*service, awskms.Config) {
	t.Helper()

	s := &service{t: t, usage: "SIGN_VERIFY"}
	s.key, s.spec = newKey(t, spec)
	listening := httptest.NewServer(s)
	t.Cleanup(listening.Close)

	return s, awskms.Config{
		KeyID: alias, Region: "eu-central-1", Endpoint: listening.URL,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: secretKey}, nil
		}),
	}
}

func (s *service) public() signing.PublicKey {
	public, err := signing.NewPublicKey(s.key.Public())
	require.NoError(s.t, err)

	return public
}

func (s *service) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()

	change()
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	now := struct {
		swap   crypto.Signer
		stall  chan struct{}
		refuse func(http.ResponseWriter)
		alter  bool
	}{s.swap, s.stall, s.refuse, s.alter}
	s.refuse = nil
	s.mu.Unlock()

	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="+accessKey+"/") ||
		!strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/kms/aws4_request") ||
		r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || r.Method != http.MethodPost || r.URL.Path != "/" {
		s.t.Errorf("not a request of the protocol: %s %s %v", r.Method, r.URL, r.Header)
	}

	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}

	switch target := r.Header.Get("X-Amz-Target"); {
	case target == "TrentService.GetPublicKey" && now.refuse == nil:
		s.describe(w, body)
	case target == "TrentService.Sign" && now.stall != nil:
		select {
		case <-now.stall:
		case <-r.Context().Done():
		}
	case now.refuse != nil:
		now.refuse(w)
	case target == "TrentService.Sign":
		key := s.key
		if now.swap != nil {
			key = now.swap
		}

		s.sign(w, body, key, now.alter)
	default:
		fail(w, 400, "UnknownOperationException", target)
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}

	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "6f1e2f1a")
	w.WriteHeader(status)
	_, _ = w.Write(raw)
}

func fail(w http.ResponseWriter, status int, kind, message string) {
	reply(w, status, map[string]string{"__type": kind, "message": message})
}

func (s *service) describe(w http.ResponseWriter, body []byte) {
	var in struct{ KeyId string } //nolint:revive // the service's spelling
	if err := json.Unmarshal(body, &in); err != nil || in.KeyId != alias {
		fail(w, 400, "NotFoundException", "Invalid keyId "+in.KeyId)

		return
	}

	der, err := x509.MarshalPKIXPublicKey(s.key.Public())
	if err != nil {
		s.t.Error(err)
	}

	reply(w, 200, map[string]any{
		"KeyId": arn, "PublicKey": der, "KeySpec": s.spec, "CustomerMasterKeySpec": s.spec, "KeyUsage": s.usage,
		"SigningAlgorithms": []string{"ED25519_SHA_512", "ED25519_PH_SHA_512"},
	})
}

func (s *service) sign(w http.ResponseWriter, body []byte, key crypto.Signer, alter bool) {
	var in struct {
		KeyId, MessageType, SigningAlgorithm string //nolint:revive // the service's spelling
		Message                              []byte
	}
	if err := json.Unmarshal(body, &in); err != nil {
		s.t.Error(err)
	}

	if in.KeyId != arn {
		fail(w, 400, "NotFoundException", "the alias points elsewhere by now")

		return
	}

	hash := crypto.Hash(0)

	switch {
	case s.spec == "ECC_NIST_EDWARDS25519" && in.SigningAlgorithm == "ED25519_SHA_512" && in.MessageType == "RAW":
	case s.spec == "ECC_NIST_P256" && in.SigningAlgorithm == "ECDSA_SHA_256" && in.MessageType == "DIGEST":
		hash = crypto.SHA256
		if len(in.Message) != hash.Size() {
			fail(w, 400, "ValidationException", "Digest is invalid length for algorithm ECDSA_SHA_256.")

			return
		}
	default:
		fail(w, 400, "InvalidKeyUsageException", in.SigningAlgorithm+" with "+in.MessageType)

		return
	}

	raw, err := key.Sign(rand.Reader, in.Message, hash)
	if err != nil {
		s.t.Error(err)
	}

	if alter {
		raw[20] ^= 1
	}

	reply(w, 200, map[string]any{"KeyId": arn, "Signature": raw, "SigningAlgorithm": in.SigningAlgorithm})
}

func TestContract(t *testing.T) {
	t.Parallel()

	for _, spec := range []signing.KeySpec{signing.KeyEd25519, signing.KeyP256} {
		t.Run(string(spec), func(t *testing.T) {
			t.Parallel()

			signertest.Run(t, func(t *testing.T) signertest.Subject {
				t.Helper()

				s, cfg := newService(t, spec)

				return signertest.Subject{
					Key: s.public(),
					Open: func(ctx context.Context, key signer.Config) (*signer.Key, error) {
						return awskms.Open(ctx, cfg, key)
					},
					Secrets: []string{secretKey},
					Alter:   func() { s.set(func() { s.alter = true }) },
					Swap:    func() { s.set(func() { s.swap, _ = newKey(t, spec) }) },
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

func TestRefusals(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		status    int
		cause     string
		temporary bool
	}{
		"ThrottlingException":         {400, "less often", true},
		"KMSInternalException":        {500, "out of order", true},
		"KeyUnavailableException":     {500, "out of order", true},
		"DependencyTimeoutException":  {503, "out of order", true},
		"SomethingNewException":       {500, "SomethingNew", true},
		"SomethingElseException":      {400, "SomethingElse", false},
		"AccessDeniedException":       {400, "kms:Sign", false},
		"NotFoundException":           {400, "region", false},
		"DisabledException":           {400, "disabled", false},
		"KMSInvalidStateException":    {400, "deleted", false},
		"ExpiredTokenException":       {400, "credentials", false},
		"InvalidSignatureException":   {400, "clock", false},
		"UnrecognizedClientException": {400, "credentials", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s, cfg := newService(t, signing.KeyEd25519)
			key, err := awskms.Open(t.Context(), cfg, signer.Config{Fingerprint: s.public().Fingerprint()})
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, key.Close()) })

			s.set(func() { s.refuse = func(w http.ResponseWriter) { fail(w, tc.status, name, "the reason\x1b") } })

			// A call that was repeated would meet no further refusal.
			_, err = key.Sign(t.Context(), signertest.Hash(0))
			require.ErrorContains(t, err, name+`: the reason\x1b`)
			require.ErrorContains(t, err, tc.cause)
			require.Equal(t, tc.temporary, signer.IsTemporary(err))

			_, err = key.Sign(t.Context(), signertest.Hash(0))
			require.NoError(t, err)
		})
	}
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()

	s, cfg := newService(t, signing.KeyEd25519)
	cfg.Endpoint = "http://127.0.0.1:1"

	_, err := awskms.Open(t.Context(), cfg, signer.Config{Fingerprint: s.public().Fingerprint()})
	require.ErrorContains(t, err, "reached")
	require.True(t, signer.IsTemporary(err))
	require.NotContains(t, err.Error(), secretKey)
}

func TestUnfitKeys(t *testing.T) {
	t.Parallel()

	for name, change := range map[string]func(*service){
		"spec":       func(s *service) { s.spec = "ECC_SECG_P256K1" },
		"usage":      func(s *service) { s.usage = "KEY_AGREEMENT" },
		"other kind": func(s *service) { s.spec = "ECC_NIST_P256" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s, cfg := newService(t, signing.KeyEd25519)
			change(s)

			_, err := awskms.Open(t.Context(), cfg, signer.Config{Fingerprint: s.public().Fingerprint()})
			require.ErrorContains(t, err, "SIGN_VERIFY")
			require.False(t, signer.IsTemporary(err))
		})
	}

	_, err := awskms.Open(t.Context(), awskms.Config{}, signer.Config{})
	require.ErrorContains(t, err, "no key id")
}
