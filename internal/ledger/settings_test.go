package ledger_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/secret"
)

func TestSettingsErrorsNameTheVariable(t *testing.T) {
	t.Parallel()

	junk := filepath.Join(t.TempDir(), "junk.pem")
	require.NoError(t, os.WriteFile(junk, []byte("junk"), 0o600))

	for name, test := range map[string]struct {
		change func(*ledger.Settings)
		want   string
	}{
		"no URL":         {func(s *ledger.Settings) { s.URL = "" }, "CES_LEDGER_URL is not set"},
		"no scheme":      {func(s *ledger.Settings) { s.URL = "validator:7575" }, "CES_LEDGER_URL: want http"},
		"no URL at all":  {func(s *ledger.Settings) { s.URL = "http://[::1" }, "CES_LEDGER_URL: not a URL"},
		"password":       {func(s *ledger.Settings) { s.URL = "http://u:hunter2@h" }, "CES_LEDGER_URL: no credentials"},
		"version in URL": {func(s *ledger.Settings) { s.URL = "http://h/v2" }, "CES_LEDGER_URL: give what"},
		"no time":        {func(s *ledger.Settings) { s.Timeout = 0 }, "CES_LEDGER_TIMEOUT"},
		"no room":        {func(s *ledger.Settings) { s.MaxMessage = 0 }, "CES_LEDGER_MAX_MESSAGE"},
		"shape":          {func(s *ledger.Settings) { s.Shape = "round" }, "CES_LEDGER_SHAPE"},
		"half a pair":    {func(s *ledger.Settings) { s.KeyFile = junk }, "CES_LEDGER_CERT_FILE and CES_LEDGER_KEY_FILE"},
		"pair": {
			func(s *ledger.Settings) { s.CertificateFile, s.KeyFile = junk, junk }, "CES_LEDGER_CERT_FILE, CES_LEDGER_KEY_FILE",
		},
		"no such CA": {func(s *ledger.Settings) { s.CAFile = "/no/such" }, "CES_LEDGER_CA_FILE"},
		"no CA":      {func(s *ledger.Settings) { s.CAFile = junk }, "CES_LEDGER_CA_FILE"},
		"token URL": {func(s *ledger.Settings) {
			s.TokenURL, s.ClientID, s.ClientSecret = "https://u:hunter2@idp", "us", secret.New("hunter3")
		}, "CES_LEDGER_TOKEN_URL: want"},
		"half a token": {func(s *ledger.Settings) { s.ClientID = "us" }, "CES_LEDGER_CLIENT_SECRET"},
		"two tokens":   {func(s *ledger.Settings) { s.ClientID, s.TokenFile = "us", junk }, "CES_LEDGER_TOKEN_FILE and"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			settings := ledger.Settings{
				URL: "http://localhost:7575/prefix", Timeout: time.Second, MaxMessage: 1 << 20, Shape: "auto",
			}

			_, err := settings.Client(slog.New(slog.DiscardHandler))
			require.NoError(t, err)

			test.change(&settings)

			_, err = settings.Client(slog.New(slog.DiscardHandler))
			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hunter")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

// A node fixes the interfaces of a stream when it is opened: a package that was uploaded since is seen by the next one.
func TestStreamsAreOpenedAnewOften(t *testing.T) {
	t.Parallel()

	require.LessOrEqual(t, ledger.DefaultMaxStreamAge, 10*time.Minute)
}
