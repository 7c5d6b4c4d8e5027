package events

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/clock"
)

// Longer campaigns: go test ./internal/campaign/events -run Campaign -events 1000000 -seed 42 -timeout 60m.
var (
	number   = flag.Int("events", defaultEvents, "how many events TestEventsCampaign has written")
	seed     = flag.Uint64("seed", 0, "seed of the campaign, to repeat one; 0 picks one and prints it")
	pace     = flag.Duration("pace", defaultPace, "how long each writer rests on average between two transactions")
	programs = flag.String("programs", "", "directory with the programs to test, instead of building them")
)

const (
	defaultEvents = 60_000
	defaultPace   = 400 * time.Millisecond
	shortEvents   = 10_000
	shown         = 40
)

func TestMain(m *testing.M) {
	flag.Parse()

	dir, err := os.MkdirTemp("", "ces-events-programs-")
	if err == nil && *programs == "" {
		*programs = dir
		err = Build(context.Background(), root(), dir)
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", errors.Join(err, os.RemoveAll(dir)))
		os.Exit(1)
	}

	code := m.Run()

	if err := os.RemoveAll(dir); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, "campaign:", err)

		code = 1
	}

	os.Exit(code)
}

// root is the module's.
func root() string {
	path, err := filepath.Abs("../../..")
	if err != nil {
		return "../../.."
	}

	return path
}

// TestEventsCampaign is the promise "every event to every entitled subscriber at least once, in order where promised".
func TestEventsCampaign(t *testing.T) {
	t.Parallel()

	n, picked := *number, *seed
	if testing.Short() {
		n = min(n, shortEvents)
	}

	if picked == 0 {
		picked = rand.Uint64()
	}

	t.Logf("seed %d: repeat with go test ./internal/campaign/events -run Campaign -events %d -seed %d", picked, n, picked)

	ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute+time.Duration(n)*5*time.Millisecond)
	defer cancel()

	c, err := Open(ctx, Config{
		Seed: picked, Events: n, Programs: *programs, Pace: *pace, Clock: clock.System{},
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	require.NoError(t, err)

	defer func() { require.NoError(t, c.Close(context.WithoutCancel(ctx))) }()

	_, err = c.Run(ctx)
	require.NoError(t, err)

	found, err := c.Check(ctx)
	require.NoError(t, err)
	t.Logf("%+v", c.report)
	require.Empty(t, verdict.Summary(found, shown))
}
