//go:build cgo

package driver_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/signing"
)

const pin = "hunter2-user"

// library is SoftHSM's, where Debian's packages put it.
func library(t *testing.T) string {
	t.Helper()

	found, err := filepath.Glob("/usr/lib/*/softhsm/libsofthsm2.so")
	require.NoError(t, err)

	for _, path := range append(found, "/usr/lib/softhsm/libsofthsm2.so") {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}

	require.Fail(t, "this test needs SoftHSM: apt-get install softhsm2")

	return ""
}

func softhsm(t *testing.T, args ...string) {
	t.Helper()

	out, err := exec.CommandContext(t.Context(), "softhsm2-util", args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// Not parallel: SoftHSM finds its configuration by a variable of the process, when the library is initialized.
func TestPKCS11(t *testing.T) {
	path := library(t)
	conf := write(t, "directories.tokendir = "+t.TempDir()+"\nobjectstore.backend = file\nlog.level = ERROR\n")
	t.Setenv("SOFTHSM2_CONF", conf)

	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	der, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)

	public, err := signing.NewPublicKey(private.Public())
	require.NoError(t, err)

	pkcs8 := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	softhsm(t, "--init-token", "--free", "--label", "hot", "--pin", pin, "--so-pin", "officer")
	softhsm(t, "--import", pkcs8, "--token", "hot", "--label", "treasury", "--id", "0a01", "--pin", pin)

	environ := []string{
		"CES_SIGNER=pkcs11", "CES_SIGNER_PKCS11_LIBRARY=" + path, "CES_SIGNER_PKCS11_TOKEN_LABEL=hot",
		"CES_SIGNER_PKCS11_PIN=" + pin, "CES_SIGNER_PKCS11_SESSIONS=2",
	}

	for _, name := range []string{"CES_SIGNER_PKCS11_KEY_LABEL=treasury", "CES_SIGNER_PKCS11_KEY_ID=0A01"} {
		signs(t, mustLoad(t, append(environ, name)...), public)
	}

	wrong := mustLoad(t, append(environ, "CES_SIGNER_PKCS11_KEY_ID=0a02")...)
	party, err := signing.PartyID("treasury", public)
	require.NoError(t, err)

	_, err = wrong.Open(t.Context(), party)
	require.ErrorContains(t, err, "PKCS#11")
	require.NotContains(t, err.Error(), "hunter")
}
