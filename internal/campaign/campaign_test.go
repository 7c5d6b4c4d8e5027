package campaign

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
)

// Longer campaigns: go test ./internal/campaign -run Kill -kills 2000 -seed 42.
var (
	kills = flag.Int("kills", defaultKills, "how many times TestKillCampaign kills ingestion")
	seed  = flag.Uint64("seed", 0, "seed of the campaign, to repeat one; 0 picks one and prints it")
	trial = flag.String("program", "", "test this ingestion program instead of building cmd/ingest")
)

const (
	defaultKills = 210
	shortKills   = 20
	// perKill is far more than a kill takes.
	perKill = 5 * time.Second
	// catchingUp is far more than the updates take that ingestion was killed over.
	catchingUp = 5 * time.Minute
	shown      = 40
)

func TestMain(m *testing.M) {
	flag.Parse()

	dir, err := os.MkdirTemp("", "ces-campaign-program-")
	if err == nil && *trial == "" {
		*trial = filepath.Join(dir, "ingest")
		err = program.Build(context.Background(), dir, "", "ingest")
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", errors.Join(err, os.RemoveAll(dir)))
		os.Exit(1)
	}

	code := m.Run()

	if err := errors.Join(os.RemoveAll(dir), goleak.Find()); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)

		code = 1
	}

	os.Exit(code)
}

func begin(t *testing.T, n int, seed uint64) (context.Context, *Campaign) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n)*perKill+catchingUp)
	t.Cleanup(cancel)

	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := Open(ctx, Config{
		Seed: seed, Kills: n, Program: *trial, Logger: log,
		Inspect: func(version sandbox.Version) func(string, string, int, http.Header, []byte) {
			return published.Inspect(t, string(version))
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close(context.WithoutCancel(ctx))) })

	return ctx, c
}

func pickSeed() uint64 {
	if *seed != 0 {
		return *seed
	}

	return rand.Uint64()
}

// TestKillCampaign is the promise "kill -9 at any instruction loses nothing and doubles nothing".
func TestKillCampaign(t *testing.T) {
	t.Parallel()

	n, seed := *kills, pickSeed()
	if testing.Short() {
		n = min(n, shortKills)
	}

	t.Logf("seed %d: repeat with go test ./internal/campaign -run Kill -kills %d -seed %d", seed, n, seed)

	ctx, c := begin(t, n, seed)
	report, err := c.Run(ctx)
	t.Logf("%+v", report)
	require.NoError(t, err)

	found, err := c.Check(ctx)
	require.NoError(t, err)
	require.Empty(t, verdict.Summary(found, shown))

	require.GreaterOrEqual(t, report.Kills, n)
	require.Greater(t, report.Fruitful, n/3, "most lives ended before they did anything: the campaign proves little")
	require.Greater(t, report.Updates, n)
}
