package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/secret"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	t.Parallel()

	type config struct{ Token secret.String }

	s := secret.New("hunter2")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", slog.Any("token", s), slog.Any("config", config{s}))

	raw, err := json.Marshal(config{s})
	require.NoError(t, err)

	for _, out := range []string{
		s.String(), fmt.Sprintf("%s %q %v %+v %#v %x", s, s, s, s, s, s), fmt.Sprintf("%+v %#v", config{s}, config{s}),
		string(raw), log.String(), fmt.Errorf("use %v", s).Error(),
	} {
		require.NotContains(t, out, "hunter2")
		require.NotContains(t, out, "68756e746572")
		require.Contains(t, out, "redacted")
	}

	require.Equal(t, "hunter2", s.Reveal())
}

func TestFromFile(t *testing.T) {
	t.Parallel()

	path := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(path, []byte(" abc\n"), 0o600))
	s, err := secret.FromFile(path)
	require.NoError(t, err)
	require.Equal(t, "abc", s.Reveal())

	require.NoError(t, os.WriteFile(path, []byte("\n"), 0o600))
	_, err = secret.FromFile(path)
	require.Error(t, err)
}
