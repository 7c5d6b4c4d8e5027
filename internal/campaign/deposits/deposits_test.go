package deposits

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
)

// Longer campaigns: go test ./internal/campaign/deposits -run Campaign -deposits 10000 -seed 42 -timeout 60m.
var (
	deposits = flag.Int("deposits", defaultDeposits, "how many deposits TestDepositsCampaign has made")
	seed     = flag.Uint64("seed", 0, "seed of the campaign, to repeat one; 0 picks one and prints it")
	only     = flag.String("scenes", "", "scenes to play and no others, separated by semicolons")
	programs = flag.String("programs", "", "directory with the programs to test, instead of building them")
)

const (
	defaultDeposits = 500
	shortDeposits   = 150
	// perDeposit is far more than one takes.
	perDeposit = time.Second
	shown      = 40
)

func TestMain(m *testing.M) {
	flag.Parse()

	dir, err := os.MkdirTemp("", "ces-deposits-programs-")
	if err == nil && *programs == "" {
		*programs = dir
		err = Build(context.Background(), dir, "")
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

// play runs a campaign and checks what it left behind. A campaign that cannot go on has broken its promise too.
func play(t *testing.T, cfg Config) (Report, []verdict.Violation) {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(cfg.Deposits)*perDeposit+draining+settling)
	defer cancel()

	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))

	c, err := Open(ctx, cfg)
	require.NoError(t, err)

	defer func() { require.NoError(t, c.Close(context.WithoutCancel(ctx))) }()

	report, err := c.Run(ctx)
	if errors.Is(err, program.ErrComplained) {
		return report, []verdict.Violation{{Promise: noComplaint, Detail: err.Error()}}
	}

	if err != nil && !errors.Is(err, errStuck) {
		return report, []verdict.Violation{{Promise: goesOn, Detail: err.Error()}}
	}

	var stuck []verdict.Violation

	if err != nil { // what is done can be looked at all the same
		stuck = []verdict.Violation{{Promise: goesOn, Detail: err.Error()}}

		c.fleet.killAll()
	}

	found, err := c.Check(ctx)
	require.NoError(t, err)

	return c.Report(), append(stuck, found...)
}

// goesOn is what a campaign promises by itself: nobody waits for ever.
const goesOn = "the campaign goes on to its end"

func scenesOf(list string) []string {
	if list == "" {
		return nil
	}

	return strings.Split(list, ";")
}

// TestDepositsCampaign is the promise "credited exactly once, or explained", whatever fails and whenever.
func TestDepositsCampaign(t *testing.T) {
	t.Parallel()

	n, seed := *deposits, *seed
	if seed == 0 {
		seed = rand.Uint64()
	}

	if testing.Short() {
		n = min(n, shortDeposits)
	}

	t.Logf("seed %d: repeat with go test ./internal/campaign/deposits -run Campaign -deposits %d -seed %d", seed, n, seed)

	report, found := play(t, Config{Seed: seed, Deposits: n, Programs: *programs, Scenes: scenesOf(*only)})
	t.Logf("%+v", report)
	require.Empty(t, verdict.Summary(found, shown))

	require.GreaterOrEqual(t, report.Deposits, n)
}
