package main

import (
	"bytes"
	"encoding/base64"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer/driver"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signing"
)

// network is a sandbox behind a real socket.
func network(t *testing.T, cfg sandbox.Config) (s *sandbox.Sandbox, address string) {
	t.Helper()

	s, err := sandbox.New(cfg)
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})

	return s, server.URL
}

// keyIn makes a key file, and the environment of a program that signs with it.
func keyIn(t *testing.T) (public signing.PublicKey, environ []string) {
	t.Helper()

	path := filepath.Join(t.TempDir(), "treasury.key")
	private, err := keyfile.Generate(signing.KeyEd25519)
	require.NoError(t, err)
	require.NoError(t, keyfile.Write(path, private, secret.New(passphraseText)))

	return private.PublicKey(), []string{"CES_SIGNER=file", "CES_SIGNER_FILE_PATH=" + path, passphraseSet}
}

func partyOf(t *testing.T, public signing.PublicKey) ident.Party {
	t.Helper()

	made, err := signing.PartyID("treasury", public)
	require.NoError(t, err)

	return made
}

func TestATreasuryIsMadeOnce(t *testing.T) {
	t.Parallel()

	for _, version := range []sandbox.Version{sandbox.V33, sandbox.V34, sandbox.V35, sandbox.V36} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()

			s, address := network(t, sandbox.Config{Version: version})
			public, environ := keyIn(t)
			made := partyOf(t, public)
			environ = append(environ, "CES_LEDGER_URL="+address)

			code, stdout, stderr := call(t, environ, "onboard", "treasury")
			require.Equal(t, service.ExitOK, code, stderr)
			require.Contains(t, stdout, "party         "+string(made)+", which was made now\n")
			require.Contains(t, stdout, "PARTICIPANT_PERMISSION_CONFIRMATION")
			require.Contains(t, stdout, "export CES_TREASURY_PARTY='"+string(made)+"'\n")
			require.NotContains(t, stdout, "hunter")

			_, err := s.Holdings(made)
			require.NoError(t, err, "the network knows it")

			code, stdout, stderr = call(t, append(environ, "CES_TREASURY_PARTY="+string(made)), "onboard", "treasury")
			require.Equal(t, service.ExitOK, code, stderr)
			require.Contains(t, stdout, "party         "+string(made)+", which exists already\n")
		})
	}
}

func TestOnboardingThatCannotBe(t *testing.T) {
	t.Parallel()

	_, address := network(t, sandbox.Config{TwoSynchronizers: true})
	public, environ := keyIn(t)
	environ = append(environ, "CES_LEDGER_URL="+address)
	cold := base64.StdEncoding.EncodeToString(public.SPKI())

	for name, tc := range map[string]struct {
		environ []string
		args    []string
		want    string
	}{
		"no signer": {[]string{"CES_LEDGER_URL=" + address}, []string{"treasury"}, "CES_SIGNER is not set"},
		"no node":   {environ[:3], []string{"treasury"}, "CES_LEDGER_URL is not set"},
		"half a signer": {
			[]string{"CES_LEDGER_URL=" + address, "CES_SIGNER=file"}, []string{"treasury"}, "needs CES_SIGNER_FILE_PATH",
		},
		"a cold key": {
			[]string{"CES_LEDGER_URL=" + address, "CES_SIGNER=manual", "CES_SIGNER_MANUAL_PUBLIC_KEY=" + cold},
			[]string{"treasury"}, "onboard its party once from where the key can be used",
		},
		"hint":                {environ, []string{"a::b"}, `party hint "a::b"`},
		"no synchronizer":     {environ, []string{"treasury"}, "name one of the synchronizers"},
		"unknown":             {environ, []string{"treasury", "other::1220"}, "global-domain::"},
		"another party":       {slices.Concat(environ, []string{"CES_TREASURY_PARTY=other::" + string(public.Fingerprint())}), []string{"treasury"}, "CES_TREASURY_PARTY is other::1220"},
		"too many":            {environ, []string{"a", "b", "c"}, "usage: treasury onboard HINT [SYNCHRONIZER]"},
		"settings of another": {slices.Concat(environ, []string{"CES_SIGNER_REMOTE_URL=https://s"}), []string{"treasury"}, "does not use CES_SIGNER_REMOTE_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			code, stdout, stderr := call(t, tc.environ, append([]string{"onboard"}, tc.args...)...)
			require.Equal(t, service.ExitUsage, code, stderr)
			require.Empty(t, stdout)
			require.Contains(t, stderr, tc.want)
			require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
			require.NotContains(t, stderr, "hunter")
		})
	}
}

// The signer of a treasury that is still to be made is told which key to expect.
func TestTheExpectedKeyIsNamed(t *testing.T) {
	t.Parallel()

	out := &bytes.Buffer{}
	tool := toolFor(out)
	tool.party = ""
	tool.signer = &driver.Settings{
		Driver: "remote", Timeout: time.Second, Concurrency: 1,
		Remote: driver.Remote{URL: "https://localhost:1", TokenFile: "/no/such"},
	}

	require.ErrorContains(t, onboard(t.Context(), tool, []string{"treasury"}), "CES_SIGNER_FINGERPRINT is not set")
	require.Empty(t, out.String())
}
