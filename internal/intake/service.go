package intake

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
)

// Parts are what a service works with.
type Parts struct {
	Node       Node
	Registries Registries
	Signer     Signer
	// Screening is the exchange's screening service; nil where none is configured.
	Screening Screening
	DB        *store.DB
	Clock     clock.Clock
	Logger    *slog.Logger
	Metrics   *Metrics
	// Random gives the ids of submissions: crypto/rand.Reader, or something seeded in tests.
	Random io.Reader
}

// Service decides and answers the offers to one treasury. Several may run at once on the same database.
type Service struct {
	Parts

	config   Config
	treasury store.TreasuryID
	pace     *custody.Pace
	jobs     chan store.OfferJob
	// busy counts jobs that are queued or in a worker's hands.
	busy atomic.Int64
	// view is what the dispatcher last read of the database.
	view    atomic.Pointer[view]
	schemes atomic.Pointer[[]signing.Scheme]
	breaker custody.Breaker
	// maxLag is Config.MaxLag, or more where the node is silent for longer by its own word.
	maxLag time.Duration
	// releasedAt is when the dispatcher last looked for held deposits.
	releasedAt time.Time
	screener   screener

	health custody.Health
	told   custody.Told
}

// queue is how many jobs wait per worker.
const queue = 4

// New makes a service; Run runs it.
func New(config Config, parts Parts) (*Service, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}

	parts.Logger = parts.Logger.With(slog.String("treasury", string(config.Party)))

	return &Service{
		Parts: parts, config: config, pace: custody.NewPace(config.PerMinute, config.Burst, parts.Clock),
		jobs: make(chan store.OfferJob, queue*config.Workers), maxLag: config.MaxLag,
		screener: screener{
			jobs: make(chan store.ScreeningJob, config.ScreeningWorkers), free: make(chan struct{}, 1),
		},
	}, nil
}

// Run decides and answers until ctx ends. Trouble with the database or the node is waited for; nothing ends it but ctx.
func (s *Service) Run(ctx context.Context) error {
	if !s.begin(ctx) {
		return nil
	}

	var running sync.WaitGroup

	for range s.config.Workers {
		running.Go(func() { s.worker(ctx) })
	}

	running.Go(func() { s.dispatcher(ctx) })

	if s.Screening != nil {
		running.Go(func() { s.screens(ctx) })
	}

	running.Wait()

	return nil
}

// begin finds the treasury, and what kind of node this is. It reports false when ctx ended first.
func (s *Service) begin(ctx context.Context) bool {
	return s.persist(ctx, "find the treasury", func(ctx context.Context) error {
		id, err := s.DB.FindTreasury(ctx, s.config.Party)
		if err != nil {
			return fmt.Errorf("%w (ingestion registers it when it first starts)", err)
		}

		s.treasury = id

		return nil
	}) && s.persist(ctx, "ask the node for its version", s.learnVersion)
}

func (s *Service) learnVersion(ctx context.Context) error {
	version, err := s.Node.Version(ctx)
	if err != nil {
		return err
	}

	schemes := version.Schemes()
	s.schemes.Store(&schemes)
	s.maxLag = max(s.config.MaxLag, 2*version.MaxCheckpointDelay)

	return nil
}

func (s *Service) persist(ctx context.Context, what string, do func(context.Context) error) bool {
	return custody.Persist(ctx, do, func(err error) { s.trouble(ctx, what, err) })
}

// trouble logs what will be tried again, and makes the service not ready.
func (s *Service) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}

	s.health.Set(fmt.Errorf("%s: %w", what, err))
	s.Metrics.trouble(what)

	if s.told.Repeats(what, s.Clock.Now()) {
		return
	}

	s.Logger.ErrorContext(ctx, "deposits cannot go on now and will be tried again; no money has moved by this",
		slog.String("what", what), slog.String("error", err.Error()))
}

// Ready is nil while offers are decided and answered.
func (s *Service) Ready() error { return s.health.Get() }
