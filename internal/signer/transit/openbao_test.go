package transit_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer/endpoint"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signer/transit"
	"github.com/canton-exchange/suite/internal/signing"
)

// TestOpenBao puts the driver through the contract against the real server, where its program is installed.
func TestOpenBao(t *testing.T) {
	t.Parallel()

	program, err := exec.LookPath("bao")
	if err != nil {
		t.Skip("OpenBao's program bao is not installed")
	}

	bao := startBao(t, program)
	bao.call(t, "POST", "sys/mounts/hot-keys", map[string]any{"type": "transit"})
	bao.call(t, "POST", "sys/auth/machines", map[string]any{"type": "approle"})
	bao.call(t, "PUT", "sys/policies/acl/signer", map[string]any{"policy": `
		path "hot-keys/keys/+" { capabilities = ["read"] }
		path "hot-keys/sign/+" { capabilities = ["update"] }`})
	bao.call(t, "POST", "auth/machines/role/withdrawals", map[string]any{"token_policies": "signer", "token_ttl": "1h"})

	login := &transit.AppRole{
		Mount:    "machines",
		RoleID:   bao.text(t, "GET", "auth/machines/role/withdrawals/role-id", "role_id"),
		SecretID: endpoint.FixedToken(secret.New(bao.text(t, "POST", "auth/machines/role/withdrawals/secret-id", "secret_id"))),
	}

	for spec, kind := range map[signing.KeySpec]string{signing.KeyEd25519: "ed25519", signing.KeyP256: "ecdsa-p256"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()

			bao.call(t, "POST", "hot-keys/keys/"+kind, map[string]any{"type": kind})
			bao.call(t, "POST", "hot-keys/keys/"+kind+"-other", map[string]any{"type": kind})

			public := bao.public(t, kind, spec)
			bao.call(t, "POST", "hot-keys/keys/"+kind+"/rotate", nil)

			signertest.Run(t, func(t *testing.T) signertest.Subject {
				t.Helper()

				b := &between{next: httputil.NewSingleHostReverseProxy(bao.url)}
				listening := httptest.NewServer(b)
				t.Cleanup(listening.Close)

				s := subject(t, b, transit.Config{
					URL: listening.URL, Mount: "hot-keys", Key: kind, AppRole: login,
				}, public)
				s.Swap = func() { b.set(func() { b.swap = kind + "-other" }) }

				id, err := login.SecretID()
				require.NoError(t, err)

				s.Secrets = []string{id.Reveal()}

				return s
			})
		})
	}
}

type bao struct{ url *url.URL }

// startBao runs a server in memory for as long as the test.
func startBao(t *testing.T, program string) *bao {
	t.Helper()

	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	server := exec.CommandContext(t.Context(), program, "server", "-dev", "-dev-no-store-token",
		"-dev-root-token-id="+rootToken, "-dev-listen-address="+address)
	out, err := server.StdoutPipe()
	require.NoError(t, err)

	server.Stderr = server.Stdout
	server.Env = []string{"HOME=" + t.TempDir()}
	require.NoError(t, server.Start())

	var said []string

	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "Root Token:") {
		said = append(said, lines.Text())
	}

	require.NotEmpty(t, lines.Text(), "the server ended: %s", said)

	drained := make(chan struct{})

	go func() {
		defer close(drained)

		_, _ = io.Copy(io.Discard, out)
	}()

	t.Cleanup(func() {
		_ = server.Process.Kill()
		<-drained
		_ = server.Wait()
	})

	return &bao{url: &url.URL{Scheme: "http", Host: address}}
}

func (b *bao) call(t *testing.T, method, path string, body any) map[string]any {
	t.Helper()

	raw, err := json.Marshal(body)
	require.NoError(t, err)

	req, err := http.NewRequestWithContext(t.Context(), method, b.url.String()+"/v1/"+path, bytes.NewReader(raw))
	require.NoError(t, err)
	req.Header.Set("X-Vault-Token", rootToken)

	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()

	answer, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Less(t, resp.StatusCode, 300, "%s: %s", path, answer)

	var out struct {
		Data map[string]any `json:"data"`
	}
	if len(answer) > 0 {
		require.NoError(t, json.Unmarshal(answer, &out))
	}

	return out.Data
}

func (b *bao) text(t *testing.T, method, path, member string) string {
	t.Helper()

	text, ok := b.call(t, method, path, nil)[member].(string)
	require.True(t, ok)

	return text
}

// public reads version 1 of a key.
func (b *bao) public(t *testing.T, name string, spec signing.KeySpec) signing.PublicKey {
	t.Helper()

	versions := b.call(t, "GET", "hot-keys/keys/"+name, nil)["keys"].(map[string]any)
	text := versions["1"].(map[string]any)["public_key"].(string)

	return parsePublic(t, spec, text)
}
