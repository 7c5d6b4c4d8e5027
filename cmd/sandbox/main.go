// Command sandbox runs the rest of the network in one process: a validator node's JSON Ledger API, two tokens
// and the customers' wallets. It keeps everything in memory and is for development and tests only.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/secret"
)

const (
	readHeaderTimeout = 10 * time.Second
	shutdownTimeout   = 5 * time.Second
	patience          = time.Second // of customers whose sandbox is full
	maxReplayFile     = 1 << 30
	maxRate           = 10_000
)

// options are the command's flags; each flag -some-flag can be given as SANDBOX_SOME_FLAG too.
type options struct {
	listen   string
	seed     uint64
	version  string
	shape    string
	eventsV2 bool
	workflow string
	two      bool
	second   string
	latency  time.Duration

	permissioned bool

	replay    string
	party     string
	tokenFile string
	jwt       jwtFlags
	treasury  string
	traffic   int
	fill      sandbox.Fill
	interval  time.Duration
	ownIDs    bool
	faults    []fault.Rule
	faultSeed uint64

	maxUpdates int
	autoPrune  bool

	inspect func(method, path string, status int, header http.Header, body []byte) // for tests
	grace   time.Duration                                                          // for tests, see shutDown
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)

	saveMemory()

	good := ran(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)

	stop()

	if !good {
		os.Exit(1)
	}
}

// ran reports whether the sandbox ended as it should.
func ran(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) bool {
	opts, err := parse(args, getenv, stdout)

	switch {
	case errors.Is(err, flag.ErrHelp):
		return true
	case err != nil:
		_, _ = fmt.Fprintf(stderr, "sandbox: %s\nsee sandbox -help\n", memo.Line(err.Error()))

		return false
	}

	log := slog.New(slog.NewTextHandler(stderr, nil))
	if err := run(ctx, opts, log); err != nil {
		log.ErrorContext(ctx, "sandbox stopped", slog.Any("error", err))

		return false
	}

	return true
}

func run(ctx context.Context, opts options, log *slog.Logger) error {
	s, err := open(opts, log)
	if err != nil {
		return err
	}
	defer s.Close()

	treasury, err := prepare(ctx, s, opts)
	if err != nil {
		return err
	}

	listeners, err := listen(ctx, opts)
	if err != nil {
		return err
	}

	group, ctx := errgroup.WithContext(ctx)

	for i, listener := range listeners {
		announce(s, opts, i, listener.Addr().String(), treasury, log)
		serveNode(ctx, group, s.Validators()[i].Handler(), listener, opts.grace)
	}

	group.Go(func() error {
		<-ctx.Done()
		s.Close()

		return nil
	})

	if opts.traffic > 0 {
		group.Go(func() error { return drive(ctx, s, opts, treasury, log) })
	}

	return group.Wait() //nolint:wrapcheck // each part says what it did
}

// listen opens every node's address, or none.
func listen(ctx context.Context, opts options) ([]net.Listener, error) {
	var open []net.Listener

	for _, address := range []string{opts.listen, opts.second} {
		if address == "" {
			continue
		}

		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			for _, other := range open {
				_ = other.Close()
			}

			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}

		open = append(open, listener)
	}

	return open, nil
}

// serveNode serves one node until the end.
func serveNode(
	ctx context.Context, group *errgroup.Group, handler http.Handler, listener net.Listener, grace time.Duration,
) {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderTimeout}

	group.Go(func() error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}

		return nil
	})
	group.Go(func() error {
		<-ctx.Done()

		return shutDown(ctx, server, cmp.Or(grace, shutdownTimeout))
	})
}

// shutDown lets requests end within a time of grace, and cuts off those that do not: whoever hangs in the middle of
// a request must not keep the sandbox from ending well.
func shutDown(ctx context.Context, server *http.Server, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace) // the parent has ended
	defer cancel()

	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}

	if err != nil {
		return fmt.Errorf("shut down: %w", err)
	}

	return nil
}

// open starts a network, or serves a recording.
func open(opts options, log *slog.Logger) (*sandbox.Sandbox, error) {
	cfg := sandbox.Config{
		Seed: opts.seed, Version: sandbox.Version(opts.version), Shape: sandbox.AmuletShape(opts.shape),
		EventsV2: opts.eventsV2, Workflow: sandbox.AcmeWorkflow(opts.workflow), TwoSynchronizers: opts.two,
		OwnNodeIDs: opts.ownIDs, AcmePermissioned: opts.permissioned, TwoValidators: opts.second != "",
		Latency:            opts.latency,
		CheckpointInterval: opts.interval, Logger: log, Inspect: opts.inspect,
		Faults: opts.faults, FaultSeed: opts.faultSeed, MaxUpdates: opts.maxUpdates, AutoPrune: opts.autoPrune,
	}

	if opts.tokenFile != "" {
		token, err := secret.FromFile(opts.tokenFile)
		if err != nil {
			return nil, fmt.Errorf("bearer token: %w", err)
		}

		cfg.Token = token
	}

	var err error
	if cfg.Auth, err = opts.jwt.auth(); err != nil {
		return nil, err
	}

	if opts.replay == "" {
		s, err := sandbox.New(cfg)
		if err != nil {
			return nil, fmt.Errorf("start network: %w", err)
		}

		return s, nil
	}

	return openReplay(opts, cfg)
}

func openReplay(opts options, cfg sandbox.Config) (*sandbox.Sandbox, error) {
	party, err := ident.ParseParty(opts.party)
	if err != nil {
		return nil, fmt.Errorf("-replay needs the -party that it was recorded for: %w", err)
	}

	file, err := os.Open(opts.replay)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	defer func() { _ = file.Close() }()

	var updates []json.RawMessage
	if err := json.NewDecoder(io.LimitReader(file, maxReplayFile)).Decode(&updates); err != nil {
		return nil, fmt.Errorf("read recording %s: %w", opts.replay, err)
	}

	s, err := sandbox.NewReplay(updates, party, sandbox.ReplayConfig{Config: cfg})
	if err != nil {
		return nil, fmt.Errorf("replay %s: %w", opts.replay, err)
	}

	return s, nil
}

// prepare fills the network, allocates the treasury and lets it be paid in one step.
func prepare(ctx context.Context, s *sandbox.Sandbox, opts options) (ident.Party, error) {
	if opts.fill.Holdings > 0 {
		if err := s.Fill(ctx, opts.fill); err != nil {
			return "", err
		}
	}

	if opts.treasury == "" || opts.replay != "" {
		return "", nil
	}

	treasury, err := s.AllocateParty(opts.treasury)
	if err != nil {
		return "", fmt.Errorf("allocate treasury: %w", err)
	}

	if _, err := s.Preapprove(treasury); err != nil {
		return "", fmt.Errorf("preapprove treasury: %w", err)
	}

	return treasury, nil
}

func announce(s *sandbox.Sandbox, opts options, node int, addr string, treasury ident.Party, log *slog.Logger) {
	log.Info("sandbox is up: JSON Ledger API under /v2, registries and scan under /api, wallets under /sandbox/v1",
		slog.String("url", "http://"+addr), slog.String("node", s.Validators()[node].Participant()),
		slog.Uint64("seed", opts.seed), slog.String("version", opts.version),
		slog.Bool("token_required", opts.tokenFile != "" || opts.jwt.file != ""))

	if node > 0 {
		return
	}

	if opts.replay != "" {
		log.Info("serving a recording", slog.String("file", opts.replay), slog.String("party", opts.party),
			slog.Int64("ledger_end", int64(s.LedgerEnd())))

		return
	}

	log.Info("tokens", slog.String("canton_coin", s.Amulet().String()), slog.String("acme", s.AcmeToken().String()),
		slog.String("shape", opts.shape))

	if treasury != "" {
		log.Info("treasury party, preapproved for Canton Coin", slog.String("party", string(treasury)))
	}
}

// drive lets customers act at the asked rate until the end.
func drive(
	ctx context.Context, s *sandbox.Sandbox, opts options, treasury ident.Party, log *slog.Logger,
) error {
	report, err := s.Traffic(ctx, sandbox.TrafficConfig{
		Seed: opts.seed, Treasury: treasury, Interval: time.Second / time.Duration(opts.traffic),
		Memos: []string{"ACC-1001", "ACC-1002", "ACC-1003"}, TreasuryAccepts: true,
		Patience: patience,
	})
	log.InfoContext(ctx, "customers went home", slog.Any("actions", report.Done))

	if errors.Is(err, sandbox.ErrFull) { // for the customers themselves
		log.WarnContext(ctx, "no customers", slog.Any("error", err))

		return nil
	}

	// The sandbox closes while they are still at it.
	if ended := errors.Is(err, sandbox.ErrClosed) && ctx.Err() != nil; err != nil && !ended {
		return fmt.Errorf("customer traffic: %w", err)
	}

	return nil
}
