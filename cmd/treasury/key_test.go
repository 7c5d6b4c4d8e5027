package main

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
)

const (
	passphraseText = "hunter2 and hunter3"
	passphraseSet  = "CES_SIGNER_FILE_PASSPHRASE=" + passphraseText
)

// A key is made on a machine that has nothing but the passphrase.
func TestNewKey(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "treasury.key")

	code, stdout, stderr := call(t, []string{passphraseSet}, "new-key", path)
	require.Equal(t, service.ExitOK, code, stderr)
	require.Empty(t, stderr)

	private, err := keyfile.Read(path, secret.New(passphraseText))
	require.NoError(t, err)

	public := private.PublicKey()
	require.Contains(t, stdout, "fingerprint  "+string(public.Fingerprint())+"\n")
	require.Contains(t, stdout, "public key   "+base64.StdEncoding.EncodeToString(public.SPKI())+"\n")
	require.Contains(t, stdout, "party        HINT::"+string(public.Fingerprint()))
	require.Contains(t, stdout, "CES_SIGNER_FILE_PATH='"+path+"' treasury onboard HINT")
	require.NotContains(t, stdout, "hunter")

	written, err := os.ReadFile(path)
	require.NoError(t, err)

	code, stdout, stderr = call(t, []string{passphraseSet}, "new-key", path)
	require.Equal(t, service.ExitFailure, code)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "file exists")

	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, written, kept, "it may be the only copy of a key")
}

func TestNoKeyWithoutAGoodPassphrase(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "treasury.key")

	code, _, stderr := call(t, nil, "new-key", path)
	require.Equal(t, service.ExitUsage, code)
	require.Contains(t, stderr, "CES_SIGNER_FILE_PASSPHRASE (or CES_SIGNER_FILE_PASSPHRASE_FILE) is not set")

	code, _, stderr = call(t, []string{"CES_SIGNER_FILE_PASSPHRASE=hunter2"}, "new-key", path)
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, stderr, "fewer than 12 bytes")
	require.NotContains(t, stderr, "hunter")

	require.NoFileExists(t, path)
}

func TestOnlyKeysAndPartiesAreMadeWithoutADatabase(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{{"migrate"}, {"status"}, {"reconcile"}} {
		code, _, stderr := call(t, []string{party}, args...)
		require.Equal(t, service.ExitUsage, code)
		require.Contains(t, stderr, "CES_DATABASE_URL is not set")
	}

	code, _, stderr := call(t, []string{"CES_DATABASE_URL=mysql://u:hunter2@h"}, "migrate")
	require.Equal(t, service.ExitUsage, code)
	require.Contains(t, stderr, "CES_DATABASE_URL")
	require.NotContains(t, stderr, "hunter")
}
