package payments

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

// Longer campaigns: go test ./internal/campaign/payments -run Campaign -withdrawals 10000 -seed 42 -timeout 60m.
var (
	withdrawals = flag.Int("withdrawals", defaultWithdrawals, "how many withdrawals TestPaymentsCampaign has paid")
	seed        = flag.Uint64("seed", 0, "seed of the campaign, to repeat one; 0 picks one and prints it")
	only        = flag.String("scenes", "", "scenes to play and no others, separated by semicolons")
	programs    = flag.String("programs", "", "directory with the programs to test, instead of building them")
)

const (
	defaultWithdrawals = 500
	shortWithdrawals   = 200
	// perWithdrawal is far more than one takes.
	perWithdrawal = time.Second
	shown         = 40
)

func TestMain(m *testing.M) {
	flag.Parse()

	dir, err := os.MkdirTemp("", "ces-payments-programs-")
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

	ctx, cancel := context.WithTimeout(t.Context(), time.Duration(cfg.Withdrawals)*perWithdrawal+draining+settling)
	defer cancel()

	cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))

	c, err := Open(ctx, cfg)
	require.NoError(t, err)

	defer func() { require.NoError(t, c.Close(context.WithoutCancel(ctx))) }()

	report, err := c.Run(ctx)
	if errors.Is(err, errDoubled) {
		return report, []verdict.Violation{{Promise: paidOnce, Detail: err.Error()}}
	}

	if errors.Is(err, program.ErrComplained) {
		return report, []verdict.Violation{{Promise: noComplaint, Detail: err.Error()}}
	}

	if err != nil {
		return report, []verdict.Violation{{Promise: "the campaign goes on to its end", Detail: err.Error()}}
	}

	found, err := c.Check(ctx)
	require.NoError(t, err)

	return c.Report(), found
}

func scenesOf(list string) []string {
	if list == "" {
		return nil
	}

	return strings.Split(list, ";")
}

// TestPaymentsCampaign is the promise "never paid twice, never lost", whatever fails and whenever.
func TestPaymentsCampaign(t *testing.T) {
	t.Parallel()

	n, seed := *withdrawals, *seed
	if seed == 0 {
		seed = rand.Uint64()
	}

	if testing.Short() {
		n = min(n, shortWithdrawals)
	}

	t.Logf("seed %d: repeat with go test ./internal/campaign/payments -run Campaign -withdrawals %d -seed %d", seed, n, seed)

	report, found := play(t, Config{Seed: seed, Withdrawals: n, Programs: *programs, Scenes: scenesOf(*only)})
	t.Logf("%+v", report)
	require.Empty(t, verdict.Summary(found, shown))

	require.GreaterOrEqual(t, report.Requested, n)
}
