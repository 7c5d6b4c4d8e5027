// Package stage is what a campaign of programs that sign plays on: a network in one process, with proxies that cut and
// meddle before it; a PostgreSQL that keeps its promises to disk; a treasury whose key is in a file; and the operator's
// tool. Nothing that customers run imports it.
package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/campaign/weather"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/faultnet"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// NodeToken is the access token of the node.
	NodeToken = "campaign-token"
	// User is the ledger user who submits.
	User = "ledger-api-user"

	passphrase    = "a passphrase of the campaign"
	database      = "exchange"
	headerTimeout = 5 * time.Second
)

// Config is what a stage is made of.
type Config struct {
	// Name is of the campaign.
	Name string
	Seed uint64
	// Programs is a directory with the built programs, treasury among them.
	Programs string
	Network  sandbox.Config
	Clock    clock.Clock
}

// Stage is everything but the programs and the people.
type Stage struct {
	Ledger  *sandbox.Sandbox
	Meddler *weather.Meddler
	// Direct is the node's URL, with nothing in between.
	Direct string
	// IngestNet and SignNet are between the programs and the node: ingestion's, and that of those who sign, which meets the
	// meddler.
	IngestNet, SignNet *faultnet.Proxy

	Postgres *pgtest.Server
	URL      secret.String
	DB       *store.DB

	Party    ident.Party
	Treasury store.TreasuryID

	cfg       Config
	servers   []*http.Server
	served    sync.WaitGroup
	directory string // key, token
}

// Open starts it, with an empty database that is migrated and a treasury party that is onboarded. Close it.
func Open(ctx context.Context, cfg Config) (*Stage, error) {
	s := &Stage{cfg: cfg}

	for _, start := range []func(context.Context) error{s.openLedger, s.openDatabase, s.openTreasury} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, s.Close(context.WithoutCancel(ctx)))
		}
	}

	return s, nil
}

// RandomNetwork is one of the networks that there are, as the seed picks it.
func RandomNetwork(seed uint64) sandbox.Config {
	pick := chance.Source(seed, "node")

	return sandbox.Config{
		Seed: seed, Token: secret.New(NodeToken), TwoSynchronizers: pick.IntN(2) == 0, EventsV2: pick.IntN(2) == 0,
		Workflow: []sandbox.AcmeWorkflow{sandbox.AcmeDirect, sandbox.AcmePending}[pick.IntN(2)],
		// Canton Coin of before CIP-0078 takes fees, which nobody who signs agrees to.
		Shape:            sandbox.ShapeCurrent,
		Version:          []sandbox.Version{sandbox.V34, sandbox.V35, sandbox.V36, sandbox.V33}[pick.IntN(4)],
		AcmePermissioned: pick.IntN(2) == 0,
		Latency:          time.Duration(10+pick.IntN(60)) * time.Millisecond, CheckpointInterval: 50 * time.Millisecond,
	}
}

// Describe says what a network is like.
func Describe(n sandbox.Config) string {
	return fmt.Sprintf("%s %s, AcmeToken %s, permissioned=%t, events V2=%t, two synchronizers=%t, latency %s", n.Version,
		n.Shape, n.Workflow, n.AcmePermissioned, n.EventsV2, n.TwoSynchronizers, n.Latency)
}

func (s *Stage) openLedger(ctx context.Context) error {
	var err error
	if s.Ledger, err = sandbox.New(s.cfg.Network); err != nil {
		return fmt.Errorf("start the sandbox: %w", err)
	}

	s.Meddler = weather.NewMeddler(s.Ledger.Handler(), chance.Source(s.cfg.Seed, "meddler"))

	plain, err := s.serve(ctx, s.Ledger.Handler())
	if err != nil {
		return err
	}

	meddled, err := s.serve(ctx, s.Meddler)
	if err != nil {
		return err
	}

	s.Direct = "http://" + plain

	if s.IngestNet, err = faultnet.Listen(ctx, plain, s.cfg.Seed); err != nil {
		return err
	}

	s.SignNet, err = faultnet.Listen(ctx, meddled, s.cfg.Seed+1)

	return err
}

func (s *Stage) serve(ctx context.Context, handler http.Handler) (string, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for the sandbox: %w", err)
	}

	server := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout}
	s.servers = append(s.servers, server)

	s.served.Go(func() { _ = server.Serve(listener) }) // only says that it was closed

	return listener.Addr().String(), nil
}

// Close ends everything that Open started.
func (s *Stage) Close(ctx context.Context) error {
	var failures []error

	if s.DB != nil {
		s.DB.Close()
	}

	for _, network := range []*faultnet.Proxy{s.IngestNet, s.SignNet} {
		if network != nil {
			failures = append(failures, network.Close())
		}
	}

	if s.Ledger != nil {
		s.Ledger.Close()
	}

	for _, server := range s.servers {
		failures = append(failures, server.Close())
	}

	s.served.Wait()

	if s.Meddler != nil {
		s.Meddler.Wait()
	}

	if s.Postgres != nil {
		failures = append(failures, s.Postgres.Stop(ctx))
	}

	if s.directory != "" {
		failures = append(failures, os.RemoveAll(s.directory))
	}

	return errors.Join(failures...)
}

// Program is where a built program is.
func (s *Stage) Program(name string) string { return filepath.Join(s.cfg.Programs, name) }
