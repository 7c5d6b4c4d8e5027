package driver_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signing"
)

const token = "hunter2-bearer"

// listening is a server with TLS, and the file of what to trust it by.
func listening(t *testing.T, handle http.HandlerFunc) (url, ca string) {
	t.Helper()

	server := httptest.NewTLSServer(handle)
	t.Cleanup(server.Close)

	return server.URL, write(t, string(pem.EncodeToMemory(
		&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
}

func answer(w http.ResponseWriter, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func TestRemote(t *testing.T) {
	t.Parallel()

	private, err := keyfile.Generate(signing.KeyEd25519)
	require.NoError(t, err)

	public := private.PublicKey()
	holder, err := private.Signer(t.Context(), signer.Config{Fingerprint: public.Fingerprint()})
	require.NoError(t, err)

	path := "/keys/v1/keys/" + string(public.Fingerprint())
	url, ca := listening(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token:
			http.Error(w, "who is "+r.Header.Get("Authorization")+"?", http.StatusUnauthorized)
		case r.Method == http.MethodGet && r.URL.Path == path:
			answer(w, map[string]any{"key_spec": public.Spec(), "public_key": public.SPKI()})
		case r.Method == http.MethodPost && r.URL.Path == path+"/sign":
			var in struct {
				Content []byte `json:"content"`
			}
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil || len(in.Content) != len(signing.Hash{}) {
				http.Error(w, "not a transaction", http.StatusBadRequest)

				return
			}

			signature, err := holder.Sign(r.Context(), signing.Hash(in.Content))
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)

				return
			}

			answer(w, map[string]any{"signed_by": signature.SignedBy, "signature": signature.Bytes})
		default:
			http.NotFound(w, r)
		}
	})

	environ := []string{
		"CES_SIGNER=remote", "CES_SIGNER_REMOTE_URL=" + url + "/keys", "CES_SIGNER_REMOTE_TLS_CA_FILE=" + ca,
		"CES_SIGNER_REMOTE_TLS_SERVER_NAME=example.com", "CES_SIGNER_REMOTE_TOKEN_FILE=" + write(t, token),
	}

	s := mustLoad(t, environ...)
	signs(t, s, public)

	party, err := signing.PartyID("treasury", public)
	require.NoError(t, err)

	s.Remote.TokenFile = write(t, token+"-old")
	_, err = s.Open(t.Context(), party)
	require.ErrorContains(t, err, "HTTP 401")
	require.NotContains(t, err.Error(), "hunter")

	s.Remote.CAFile = ""
	_, err = s.Open(t.Context(), party)
	require.ErrorContains(t, err, "not trusted")
	require.False(t, signer.IsTemporary(err))
}

// Files of TLS that cannot be used are named by their variables, before anybody is asked.
func TestFilesOfTLS(t *testing.T) {
	t.Parallel()

	junk := write(t, "junk")
	party, err := signing.PartyID("treasury", publicKey(t))
	require.NoError(t, err)

	for want, environ := range map[string][]string{
		"CES_SIGNER_REMOTE_TLS_CA_FILE: ": {
			"CES_SIGNER=remote", "CES_SIGNER_REMOTE_URL=https://localhost:1", "CES_SIGNER_REMOTE_TOKEN_FILE=" + junk,
			"CES_SIGNER_REMOTE_TLS_CA_FILE=" + junk,
		},
		"CES_SIGNER_REMOTE_TLS_CERT_FILE, CES_SIGNER_REMOTE_TLS_KEY_FILE: ": {
			"CES_SIGNER=remote", "CES_SIGNER_REMOTE_URL=https://localhost:1",
			"CES_SIGNER_REMOTE_TLS_CERT_FILE=" + junk, "CES_SIGNER_REMOTE_TLS_KEY_FILE=" + junk,
		},
		"CES_SIGNER_TRANSIT_TLS_CA_FILE: ": {
			"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_URL=https://localhost:1", "CES_SIGNER_TRANSIT_KEY_NAME=k",
			"CES_SIGNER_TRANSIT_TOKEN_FILE=" + junk, "CES_SIGNER_TRANSIT_TLS_CA_FILE=/no/such",
		},
	} {
		_, err := mustLoad(t, environ...).Open(t.Context(), party)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "signer: ")
	}
}

// What is set for Vault arrives at Vault, by either login. What comes back is package transit's to test.
func TestTransit(t *testing.T) {
	t.Parallel()

	raw, ok := publicKey(t).Raw()
	require.True(t, ok)

	url, ca := listening(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Vault-Namespace") != "exchange":
			http.Error(w, "namespace", http.StatusBadRequest)
		case r.URL.Path == "/v1/auth/roles/login":
			body, err := io.ReadAll(r.Body)
			if err != nil || !strings.Contains(string(body), `"role_id":"us"`) || !strings.Contains(string(body), "hunter3") {
				http.Error(w, "role", http.StatusBadRequest)

				return
			}

			answer(w, map[string]any{"auth": map[string]any{"client_token": token, "lease_duration": 60}})
		case r.URL.Path != "/v1/engine/keys/treasury" || r.Header.Get("X-Vault-Token") != token:
			http.Error(w, "policy", http.StatusForbidden)
		default:
			answer(w, map[string]any{"data": map[string]any{
				"type": "ed25519", "latest_version": 1,
				"keys": map[string]any{"1": map[string]string{"public_key": base64.StdEncoding.EncodeToString(raw)}},
			}})
		}
	})

	environ := []string{
		"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_URL=" + url, "CES_SIGNER_TRANSIT_TLS_CA_FILE=" + ca,
		"CES_SIGNER_TRANSIT_NAMESPACE=exchange", "CES_SIGNER_TRANSIT_MOUNT=engine", "CES_SIGNER_TRANSIT_KEY_NAME=treasury",
	}
	key, err := signing.ParsePublicKey(signing.KeyEd25519, signing.KeyFormatRaw, raw)
	require.NoError(t, err)

	party, err := signing.PartyID("treasury", key)
	require.NoError(t, err)

	for _, login := range [][]string{
		{"CES_SIGNER_TRANSIT_TOKEN_FILE=" + write(t, token)},
		{
			"CES_SIGNER_TRANSIT_ROLE_ID=us", "CES_SIGNER_TRANSIT_SECRET_ID_FILE=" + write(t, "hunter3"),
			"CES_SIGNER_TRANSIT_APPROLE_MOUNT=roles",
		},
	} {
		opened, err := mustLoad(t, append(environ, login...)...).Open(t.Context(), party)
		require.NoError(t, err)
		require.Equal(t, key, opened.PublicKey())
		require.NoError(t, opened.Close())
	}
}

// What is set for AWS arrives there, with credentials from where AWS's programs have them. Not parallel: those are
// variables of the process.
func TestAWSKMS(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
	t.Setenv("AWS_CONFIG_FILE", "/no/such")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/no/such")

	key := publicKey(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.Contains(r.Header.Get("Authorization"), "/eu-central-1/kms/") ||
			string(body) != `{"KeyId":"alias/treasury"}` {
			http.Error(w, fmt.Sprintf(`{"__type":"ValidationException","message":%q}`, body), http.StatusBadRequest)

			return
		}

		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		answer(w, map[string]any{
			"KeyId": "arn", "KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY", "PublicKey": key.SPKI(),
		})
	}))
	t.Cleanup(server.Close)

	s := mustLoad(t, "CES_SIGNER=awskms", "CES_SIGNER_AWSKMS_KEY_ID=alias/treasury",
		"CES_SIGNER_AWSKMS_REGION=eu-central-1", "CES_SIGNER_AWSKMS_ENDPOINT="+server.URL,
		"CES_SIGNER_FINGERPRINT="+string(key.Fingerprint()))

	opened, err := s.Open(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, key, opened.PublicKey())
	require.NoError(t, opened.Close())
}
