package driver_test

import (
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/driver"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signing"
)

// passphrase, and whatever else has it inside, may never be shown.
const passphrase = "hunter2 and hunter3"

type config struct {
	service.Base

	Signer driver.Settings
}

// load reads settings as a program does.
func load(environ ...string) (*driver.Settings, error) {
	var cfg config

	err := service.Load(&cfg, environ)

	return &cfg.Signer, err
}

func mustLoad(t *testing.T, environ ...string) *driver.Settings {
	t.Helper()

	s, err := load(environ...)
	require.NoError(t, err)
	require.NoError(t, s.Complete())
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", s, *s, *s), "hunter")

	return s
}

// write makes a file of a test's own.
func write(t *testing.T, content string) string {
	t.Helper()

	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))

	return path
}

func publicKey(t *testing.T) signing.PublicKey {
	t.Helper()

	p, err := keyfile.Generate(signing.KeyEd25519)
	require.NoError(t, err)

	return p.PublicKey()
}

func spki(key signing.PublicKey) string { return base64.StdEncoding.EncodeToString(key.SPKI()) }

func TestSettingsErrorsNameTheVariable(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		environ []string
		want    string
	}{
		"nothing":        {nil, "CES_SIGNER is not set"},
		"unknown":        {[]string{"CES_SIGNER=vault"}, `CES_SIGNER: "vault": want file, pkcs11,`},
		"fingerprint":    {[]string{"CES_SIGNER_FINGERPRINT=1220"}, "CES_SIGNER_FINGERPRINT: "},
		"no time":        {[]string{"CES_SIGNER_ANSWER_TIMEOUT=0s"}, "CES_SIGNER_ANSWER_TIMEOUT: 0s"},
		"all time":       {[]string{"CES_SIGNER_ANSWER_TIMEOUT=301s"}, "up to 5m0s"},
		"nobody":         {[]string{"CES_SIGNER_CONCURRENCY=0"}, "CES_SIGNER_CONCURRENCY: 0: want 1"},
		"everybody":      {[]string{"CES_SIGNER_CONCURRENCY=1025"}, "CES_SIGNER_CONCURRENCY: 1025"},
		"no file":        {[]string{"CES_SIGNER=file"}, "needs CES_SIGNER_FILE_PATH, CES_SIGNER_FILE_PASSPHRASE (or"},
		"no passphrase":  {[]string{"CES_SIGNER=file", "CES_SIGNER_FILE_PATH=/k"}, "needs CES_SIGNER_FILE_PASSPHRASE (or"},
		"no token":       {[]string{"CES_SIGNER=pkcs11"}, "CES_SIGNER_PKCS11_TOKEN_LABEL or CES_SIGNER_PKCS11_TOKEN_SERIAL, CES_SIGNER_PKCS11_PIN (or"},
		"key id":         {[]string{"CES_SIGNER=pkcs11", "CES_SIGNER_PKCS11_KEY_ID=0x01"}, "CES_SIGNER_PKCS11_KEY_ID: "},
		"sessions":       {[]string{"CES_SIGNER=pkcs11", "CES_SIGNER_PKCS11_SESSIONS=65"}, "CES_SIGNER_PKCS11_SESSIONS: 65"},
		"no server":      {[]string{"CES_SIGNER=transit"}, "needs CES_SIGNER_TRANSIT_URL, CES_SIGNER_TRANSIT_KEY_NAME, CES_SIGNER_TRANSIT_TOKEN_FILE or"},
		"plain http":     {[]string{"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_URL=http://vault"}, "CES_SIGNER_TRANSIT_URL: http would"},
		"password":       {[]string{"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_URL=https://u:hunter2@vault"}, "CES_SIGNER_TRANSIT_URL: no credentials"},
		"two logins":     {[]string{"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_TOKEN_FILE=/t", "CES_SIGNER_TRANSIT_ROLE_ID=r"}, "two ways to log in"},
		"half a role":    {[]string{"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_ROLE_ID=r"}, "CES_SIGNER_TRANSIT_SECRET_ID_FILE"},
		"a mount alone":  {[]string{"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_APPROLE_MOUNT=m"}, "an AppRole needs CES_SIGNER_TRANSIT_ROLE_ID"},
		"half a pair":    {[]string{"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_TLS_KEY_FILE=/k"}, "CES_SIGNER_TRANSIT_TLS_CERT_FILE and"},
		"no key":         {[]string{"CES_SIGNER=awskms"}, "needs CES_SIGNER_AWSKMS_KEY_ID"},
		"endpoint":       {[]string{"CES_SIGNER=awskms", "CES_SIGNER_AWSKMS_ENDPOINT=kms"}, "CES_SIGNER_AWSKMS_ENDPOINT: want https"},
		"no service":     {[]string{"CES_SIGNER=remote"}, "needs CES_SIGNER_REMOTE_URL, CES_SIGNER_REMOTE_TOKEN_FILE or"},
		"unknown caller": {[]string{"CES_SIGNER=remote", "CES_SIGNER_REMOTE_URL=https://s"}, "needs CES_SIGNER_REMOTE_TOKEN_FILE or"},
		"remote pair":    {[]string{"CES_SIGNER=remote", "CES_SIGNER_REMOTE_TLS_CERT_FILE=/c"}, "CES_SIGNER_REMOTE_TLS_KEY_FILE belong"},
		"remote query":   {[]string{"CES_SIGNER=remote", "CES_SIGNER_REMOTE_URL=https://s?token=hunter2"}, "CES_SIGNER_REMOTE_URL: no credentials"},
		"no public key":  {[]string{"CES_SIGNER=manual"}, "needs CES_SIGNER_MANUAL_PUBLIC_KEY"},
		"no base64":      {[]string{"CES_SIGNER=manual", "CES_SIGNER_MANUAL_PUBLIC_KEY=?"}, "CES_SIGNER_MANUAL_PUBLIC_KEY is not base64"},
		"another key":    {[]string{"CES_SIGNER=manual", "CES_SIGNER_MANUAL_PUBLIC_KEY=AAAA"}, "CES_SIGNER_MANUAL_PUBLIC_KEY is not the"},
		"others' settings": {
			[]string{
				"CES_SIGNER=file", "CES_SIGNER_PKCS11_PIN=hunter2", "CES_SIGNER_TRANSIT_PLAIN_HTTP=true", "CES_SIGNER_REMOTE_URL=https://s",
			},
			"CES_SIGNER=file does not use CES_SIGNER_PKCS11_PIN, CES_SIGNER_TRANSIT_PLAIN_HTTP, CES_SIGNER_REMOTE_URL: unset",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s, err := load(tc.environ...)
			if err == nil {
				err = s.Complete()
			}

			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "hunter")
			require.NotContains(t, err.Error(), "\n")

			_, opened := s.Open(t.Context(), "")
			require.Error(t, opened)
			require.NotContains(t, s.Describe(), "hunter")
		})
	}
}

// A program that need not sign lives with an environment that says half of how to.
func TestNobodyWhoDoesNotSignNeedsASigner(t *testing.T) {
	t.Parallel()

	for _, environ := range [][]string{
		nil, {"CES_SIGNER=pkcs11"}, {"CES_SIGNER_FILE_PASSPHRASE=" + passphrase, "CES_SIGNER_REMOTE_URL=https://s"},
	} {
		s, err := load(environ...)
		require.NoError(t, err)
		require.Error(t, s.Complete())
	}
}

// Programs share one environment: a name that one program reads must not look like another's mistyped.
func TestVariablesAreFarFromThoseOfOtherPrograms(t *testing.T) {
	t.Parallel()

	var others struct {
		service.Base
		service.AdminConfig
		service.DatabaseConfig
		ledger.Settings
	}

	variables, err := service.Variables(&config{})
	require.NoError(t, err)

	environ := []string{"CES_DATABASE_URL=postgres://h"}

	for _, v := range variables {
		if strings.HasPrefix(v.Name, "CES_SIGNER") {
			environ = append(environ, v.Name+"=1", v.Name+"_FILE=/1")
		}
	}

	require.NoError(t, service.Load(&others, environ))
}

func TestKeyFile(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "key")
	passphraseFile := write(t, passphrase+"\n")
	s := mustLoad(t, "CES_SIGNER=file", "CES_SIGNER_FILE_PATH="+path, "CES_SIGNER_FILE_PASSPHRASE_FILE="+passphraseFile)
	require.False(t, s.ByHand())

	_, err := s.Open(t.Context(), "")
	require.ErrorContains(t, err, path)

	private, err := keyfile.Generate(signing.KeyEd25519)
	require.NoError(t, err)
	require.NoError(t, keyfile.Write(path, private, s.File.Passphrase))

	public := private.PublicKey()
	party, err := signing.PartyID("treasury", public)
	require.NoError(t, err)

	signs(t, s, public)

	other, err := signing.PartyID("treasury", publicKey(t))
	require.NoError(t, err)

	_, err = s.Open(t.Context(), other)
	require.ErrorIs(t, err, signer.ErrWrongKey)

	// A key of its own, beside the one that the party is made of.
	s.Fingerprint = string(public.Fingerprint())
	key, err := s.Open(t.Context(), other)
	require.NoError(t, err)
	require.NoError(t, key.Close())

	wrong := mustLoad(t, "CES_SIGNER=file", "CES_SIGNER_FILE_PATH="+path, "CES_SIGNER_FILE_PASSPHRASE=hunter2 and hunter4")
	_, err = wrong.Open(t.Context(), party)
	require.ErrorIs(t, err, keyfile.ErrPassphrase)
	require.NotContains(t, err.Error(), "hunter")
}

// signs opens for the party that the key makes, and for none, and signs.
func signs(t *testing.T, s *driver.Settings, public signing.PublicKey) {
	t.Helper()

	party, err := signing.PartyID("treasury", public)
	require.NoError(t, err)

	key, err := s.Open(t.Context(), party)
	require.NoError(t, err)
	require.Equal(t, public, key.PublicKey())

	hash := signertest.Hash(1)
	signature, err := key.Sign(t.Context(), hash)
	require.NoError(t, err)
	signertest.Holds(t, public, hash[:], signature)
	require.NoError(t, key.Close())

	_, err = key.Sign(t.Context(), hash)
	require.ErrorIs(t, err, signer.ErrClosed)

	if s.Driver != "file" {
		_, err = s.Open(t.Context(), "")
		require.ErrorContains(t, err, "CES_SIGNER_FINGERPRINT is not set")

		s.Fingerprint = string(public.Fingerprint())
		defer func() { s.Fingerprint = "" }()
	}

	key, err = s.Open(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, public, key.PublicKey())
	require.NoError(t, key.Close())
}

func TestByHand(t *testing.T) {
	t.Parallel()

	public := publicKey(t)
	s := mustLoad(t, "CES_SIGNER=manual", "CES_SIGNER_MANUAL_PUBLIC_KEY="+spki(public))
	require.True(t, s.ByHand())

	key, err := s.Open(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, public, key.PublicKey())

	_, err = key.Sign(t.Context(), signertest.Hash(1))
	require.ErrorIs(t, err, signer.ErrLater)
	require.NoError(t, key.Close())

	party, err := signing.PartyID("treasury", publicKey(t))
	require.NoError(t, err)

	_, err = s.Open(t.Context(), party)
	require.ErrorIs(t, err, signer.ErrWrongKey)
}

// The bounds here are those of package signer.
func TestTheMostThatIsAllowedOpens(t *testing.T) {
	t.Parallel()

	s := mustLoad(t, "CES_SIGNER=manual", "CES_SIGNER_MANUAL_PUBLIC_KEY="+spki(publicKey(t)),
		"CES_SIGNER_ANSWER_TIMEOUT=5m", "CES_SIGNER_CONCURRENCY=1024")

	key, err := s.Open(t.Context(), "")
	require.NoError(t, err)
	require.NoError(t, key.Close())
}

func TestDescriptions(t *testing.T) {
	t.Parallel()

	for want, environ := range map[string][]string{
		"no signer":         {"CES_SIGNER_FILE_PATH=/run/key"},
		"key file /run/key": {"CES_SIGNER=file", "CES_SIGNER_FILE_PATH=/run/key", "CES_SIGNER_FILE_PASSPHRASE=" + passphrase},
		`PKCS#11 token "hot 77", key "treasury"`: {
			"CES_SIGNER=pkcs11", "CES_SIGNER_PKCS11_TOKEN_LABEL=hot", "CES_SIGNER_PKCS11_TOKEN_SERIAL=77",
			"CES_SIGNER_PKCS11_KEY_LABEL=treasury", "CES_SIGNER_PKCS11_PIN=" + passphrase,
		},
		"transit key treasury at https://vault:8200/prefix": {
			"CES_SIGNER=transit", "CES_SIGNER_TRANSIT_KEY_NAME=treasury", "CES_SIGNER_TRANSIT_URL=https://vault:8200/prefix",
		},
		"AWS KMS key alias/treasury":                      {"CES_SIGNER=awskms", "CES_SIGNER_AWSKMS_KEY_ID=alias/treasury"},
		"remote signer at https://s/":                     {"CES_SIGNER=remote", "CES_SIGNER_REMOTE_URL=https://s/"},
		"a key away from the network, signatures by hand": {"CES_SIGNER=manual"},
	} {
		s, err := load(environ...)
		require.NoError(t, err)
		require.Equal(t, want, s.Describe())
		require.Equal(t, want, s.LogValue().String())

		var log strings.Builder

		slog.New(slog.NewTextHandler(&log, nil)).Info("signs", slog.Any("signer", s), slog.Any("settings", *s))
		require.NotContains(t, log.String(), "hunter")
	}
}
