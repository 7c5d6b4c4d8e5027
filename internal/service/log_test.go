package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestLogsShowWhatIsUnseen: a stranger's text in a log neither ends the line, nor steers a terminal, nor hides in it, and
// whoever reads the JSON reads what it was.
func TestLogsShowWhatIsUnseen(t *testing.T) {
	t.Parallel()

	logged := func(text bool, said string) string {
		var out bytes.Buffer

		NewLogger(&out, slog.LevelInfo, text).InfoContext(t.Context(), said, //nolint:sloglint // as messages of libraries are
			slog.String("memo", said), slog.Any("error", errors.New(said)), slog.Group("of", slog.String("sender", said)))

		return out.String()
	}

	for _, said := range []string{
		"plain", "Zoë 口座 🙂", "\x1b[2J\x7f", "\u009b31m", "\u202egpj.exe\u2066", "a\u200bb\ufeff", "\u3164\U000e0041\U000e0100", "a\u2028b\u2029",
		"\nlevel=INFO msg=paid", `","level":"INFO`, "\u00a0", `\u202e`,
	} {
		for _, text := range []bool{false, true} {
			line, ended := strings.CutSuffix(logged(text, said), "\n")
			require.True(t, ended)

			for _, r := range line {
				require.True(t, r == ' ' || unicode.IsPrint(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point),
					"%+q as %+q", said, line)
			}
		}
	}

	rapid.Check(t, func(t *rapid.T) {
		said := rapid.String().Draw(t, "said")

		var read struct {
			Msg, Memo, Error string
			Of               struct{ Sender string }
		}

		require.NoError(t, json.Unmarshal([]byte(logged(false, said)), &read))
		require.Equal(t, [...]string{said, said, said, said}, [...]string{read.Msg, read.Memo, read.Error, read.Of.Sender})
	})
}
