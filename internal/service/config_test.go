package service

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/secret"
)

type party string

func (p *party) UnmarshalText(raw []byte) error {
	if !strings.Contains(string(raw), "::") {
		return errors.New("a party has a name, two colons and a fingerprint")
	}

	*p = party(raw)

	return nil
}

type testConfig struct {
	Base

	Database DatabaseConfig
	Party    party         `env:"CES_TREASURY_PARTY,required" help:"Treasury party."`
	Ledger   url.URL       `env:"CES_LEDGER_URL" default:"http://localhost:7575" help:"Ledger."`
	Token    secret.String `env:"CES_LEDGER_TOKEN" help:"Token."`
	Batch    int           `env:"CES_BATCH" default:"50" help:"Updates in a batch | at most."`
	Rows     uint16        `env:"CES_ROWS" default:"7" help:"Rows."`
	Verbose  bool          `env:"CES_VERBOSE" help:"More."`
	Parties  []party       `env:"CES_PARTIES" help:"More parties."`
	derived  string        `env:"-"`
}

func (c *testConfig) Validate() error {
	if c.Batch < 1 {
		return Invalid("CES_BATCH", fmt.Sprint(c.Batch), "at least 1")
	}

	return nil
}

const testURL = "postgres://ces:hunter2@localhost/ces"

func environ(more ...string) []string {
	return append([]string{"PATH=/bin", "CES_DATABASE_URL=" + testURL, "CES_TREASURY_PARTY=ex::1220"}, more...)
}

func TestLoad(t *testing.T) {
	t.Parallel()

	cfg := testConfig{derived: "kept"}
	require.NoError(t, Load(&cfg, environ("CES_LOG_LEVEL=debug", "CES_LEDGER_TOKEN=hunter3", "CES_BATCH=9",
		"CES_VERBOSE=true", "CES_PARTIES=a::1,b::2", "CES_ROWS=")))

	require.Equal(t, testURL, cfg.Database.URL.Reveal())
	require.Equal(t, "hunter3", cfg.Token.Reveal())
	require.Equal(t, party("ex::1220"), cfg.Party)
	require.Equal(t, "http://localhost:7575", cfg.Ledger.String(), "default")
	require.Equal(t, slog.LevelDebug, cfg.LogLevel)
	require.Equal(t, 20*time.Second, cfg.ShutdownTimeout)
	require.Equal(t, 9, cfg.Batch)
	require.EqualValues(t, 7, cfg.Rows, "empty is not set")
	require.True(t, cfg.Verbose)
	require.Equal(t, []party{"a::1", "b::2"}, cfg.Parties)
	require.Equal(t, "kept", cfg.derived)
}

func TestLoadNamesEveryProblem(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		environ []string
		want    []string
	}{
		"missing": {
			[]string{},
			[]string{"CES_DATABASE_URL is required and not set: PostgreSQL", "CES_TREASURY_PARTY is required"},
		},
		"empty is missing":  {environ("CES_TREASURY_PARTY="), []string{"CES_TREASURY_PARTY is required"}},
		"duration":          {environ("CES_SHUTDOWN_TIMEOUT=5 minutes"), []string{`CES_SHUTDOWN_TIMEOUT="5 minutes"`, "30s"}},
		"negative duration": {environ("CES_SHUTDOWN_TIMEOUT=-5s"), []string{"CES_SHUTDOWN_TIMEOUT", "above zero"}},
		"level":             {environ("CES_LOG_LEVEL=loud"), []string{`CES_LOG_LEVEL="loud"`, "debug, info, warn or error"}},
		"number":            {environ("CES_BATCH=ten"), []string{`CES_BATCH="ten"`, "a whole number"}},
		"out of range":      {environ("CES_ROWS=65536"), []string{`CES_ROWS="65536"`, "uint16"}},
		"negative":          {environ("CES_ROWS=-1"), []string{`CES_ROWS="-1"`, "not negative"}},
		"bool":              {environ("CES_VERBOSE=maybe"), []string{`CES_VERBOSE="maybe"`, "true or false"}},
		"own type":          {environ("CES_TREASURY_PARTY=alice"), []string{`CES_TREASURY_PARTY="alice"`, "two colons"}},
		"URL":               {environ("CES_LEDGER_URL=localhost"), []string{`CES_LEDGER_URL="localhost"`, "https://host"}},
		"credentials":       {environ("CES_LEDGER_URL=http://u:hunter2@h"), []string{"CES_LEDGER_URL", "not shown"}},
		"Validate":          {environ("CES_BATCH=0"), []string{`CES_BATCH="0"`, "at least 1"}},
		"database URL": {
			environ("CES_DATABASE_URL=host=x password=hunter2"),
			[]string{"CES_DATABASE_URL", "postgres://"},
		},
		"typing error":     {environ("CES_BACTH=5"), []string{"CES_BACTH is not a variable", "did you mean CES_BATCH?"}},
		"secret's file":    {environ("CES_LEDGER_TOKEN_FILES=/x"), []string{"did you mean CES_LEDGER_TOKEN_FILE?"}},
		"no such file":     {environ("CES_LEDGER_TOKEN_FILE=/no/such"), []string{"CES_LEDGER_TOKEN_FILE", "/no/such"}},
		"secret as a file": {environ("CES_LEDGER_TOKEN_FILE=hunter2"), []string{"CES_LEDGER_TOKEN_FILE", "absolute path"}},
		"two at once":      {environ("CES_BATCH=x", "CES_ROWS=y"), []string{`CES_BATCH="x"`, `CES_ROWS="y"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			err := Load(&testConfig{}, test.environ)
			for _, want := range test.want {
				require.ErrorContains(t, err, want)
			}

			var wrong *ConfigError
			require.ErrorAs(t, err, &wrong)
			require.Len(t, wrong.Problems, max(1, strings.Count(err.Error(), "; ")+1))
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestVariablesOfOtherProgramsAreIgnored(t *testing.T) {
	t.Parallel()

	shared := environ("CES_WITHDRAWAL_LIMITS=5", "CES_SIGNING_KEY_FILE=/run/secrets/key", "CES_BATCH=9")

	var cfg testConfig
	require.NoError(t, Load(&cfg, shared))
	require.Equal(t, 9, cfg.Batch)

	err := Load(&testConfig{}, append(shared, "CES_BACTH=5"))
	require.EqualError(t, err, "CES_BACTH is not a variable of this program: did you mean CES_BATCH?")
}

func TestSecretFromFile(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("hunter2\n"), 0o600))

	var cfg testConfig
	require.NoError(t, Load(&cfg, environ("CES_LEDGER_TOKEN_FILE="+file)))
	require.Equal(t, "hunter2", cfg.Token.Reveal())

	err := Load(&testConfig{}, environ("CES_LEDGER_TOKEN_FILE="+file, "CES_LEDGER_TOKEN=hunter3"))
	require.ErrorContains(t, err, "both set")
	require.NotContains(t, err.Error(), "hunter3")
}

func TestWrongDeclarations(t *testing.T) {
	t.Parallel()

	for name, cfg := range map[string]any{
		"no struct": new(int),
		"no tag":    &struct{ A int }{},
		"hidden": &struct {
			a int `env:"CES_A" help:"a"`
		}{},
		"prefix": &struct {
			A int `env:"A" help:"a"`
		}{},
		"no help": &struct {
			A int `env:"CES_A"`
		}{},
		"option": &struct {
			A int `env:"CES_A,file" help:"a"`
		}{},
		"required default": &struct {
			A int `env:"CES_A,required" default:"1" help:"a"`
		}{},
		"secret default": &struct {
			A secret.String `env:"CES_A" default:"x" help:"a"`
		}{},
		"twice": &struct {
			A int `env:"CES_A" help:"a"`
			B int `env:"CES_A" help:"a"`
		}{},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := Variables(cfg)
			require.Error(t, err)
			require.Equal(t, err, Load(cfg, nil))
		})
	}
}

func TestMarkdownEscapesCells(t *testing.T) {
	t.Parallel()

	variables, err := Variables(&testConfig{})
	require.NoError(t, err)

	table := Markdown(variables)
	require.Contains(t, table, "| `CES_BATCH` | `50` | no | Updates in a batch \\| at most. |\n")
	require.Contains(t, table, "| `CES_DATABASE_URL` | – | yes | PostgreSQL")
	require.Contains(t, table, "`CES_LEDGER_TOKEN` | – | no | "+
		"Token. Secret: or name a file that holds it in CES_LEDGER_TOKEN_FILE.")
}

func TestEditDistance(t *testing.T) {
	t.Parallel()

	require.Equal(t, 3, editDistance("kitten", "sitting"))
	require.Equal(t, 4, editDistance("", "four"))

	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[A-Z_]{0,12}`)
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")

		require.Zero(t, editDistance(a, a))
		require.Equal(t, editDistance(a, b), editDistance(b, a))
		require.LessOrEqual(t, editDistance(a, b), max(len(a), len(b)))

		if longest := max(len(a), len(b), len(c)) - min(len(a), len(b), len(c)); longest <= maxNameDistance {
			require.LessOrEqual(t, editDistance(a, c), editDistance(a, b)+editDistance(b, c))
		}
	})
}

func FuzzLoad(f *testing.F) {
	f.Add("CES_LEDGER_URL", "http://[::1")
	f.Add("CES_TREASURY_PARTY", "\xff::")
	f.Add("CES_SHUTDOWN_TIMEOUT", "1e9h")

	f.Fuzz(func(t *testing.T, name, value string) {
		var cfg testConfig

		var wrong *ConfigError
		if err := Load(&cfg, environ(name+"="+value)); err != nil && !errors.As(err, &wrong) {
			t.Fatalf("not a configuration error: %v", err)
		}
	})
}
