// Package ingest is Tx History Ingestion: it reads the updates of one treasury party from a validator node and writes
// them, with everything that follows from them, into the integration database, each exactly once and in order.
//
// One session goes: become the only writer of the treasury; compare what the database says with what the node says
// and stop if they contradict each other; then read, decode and write in three overlapping stages. Whatever goes wrong
// ends the session, and the next one starts from the cursor in the database. Nothing is remembered in between, so a
// killed process and a lost connection are the same thing.
package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/store"
)

// Node is what ingestion needs of a validator node.
type Node interface {
	ParticipantID(ctx context.Context) (ident.ParticipantID, error)
	LedgerEnd(ctx context.Context) (ident.Offset, error)
	PrunedOffsets(ctx context.Context) (ledger.PrunedOffsets, error)
	UpdateByOffset(ctx context.Context, party ident.Party, offset ident.Offset) ([]byte, error)
	ActiveContracts(ctx context.Context, party ident.Party, at ident.Offset, yield func(ledger.ActiveContract) error) error
	OpenUpdates(ctx context.Context, party ident.Party, begin ident.Offset) (ledger.Stream, error)
}

// Start says where the history of a treasury begins that was never ingested.
type Start string

const (
	// FromGenesis reads everything, from the node's first update.
	FromGenesis Start = "genesis"
	// FromSnapshot begins with the contracts that are active now, for a node that has pruned its history.
	FromSnapshot Start = "snapshot"
)

// Config is what a service ingests, and how.
type Config struct {
	Party ident.Party
	Start Start
	// BatchUpdates is the most updates of one database transaction (1 to 1,000).
	BatchUpdates int
	// QuarantineFailedViews stores a contract of ours whose holding view the node could not compute as unrecognized
	// instead of stopping. Its money is then missing from the books until somebody repairs them.
	QuarantineFailedViews bool
	// StopAt ends Run once everything up to this offset is in the database; 0 runs until the context ends.
	StopAt ident.Offset
}

const (
	defaultBatch = 400
	maxBatch     = 1000

	// standbyInterval is how often a standby tries to become the writer.
	standbyInterval = time.Second
	// firstRetry and longestRetry bound the pause between two sessions; it grows in between, with jitter.
	firstRetry   = 100 * time.Millisecond
	longestRetry = 15 * time.Second
)

// Validate checks the configuration and fills in defaults.
func (c *Config) Validate() error {
	if c.Start == "" {
		c.Start = FromGenesis
	}

	if c.Start != FromGenesis && c.Start != FromSnapshot {
		return fmt.Errorf("start %q: want %s or %s", c.Start, FromGenesis, FromSnapshot)
	}

	if c.BatchUpdates == 0 {
		c.BatchUpdates = defaultBatch
	}

	if c.BatchUpdates < 1 || c.BatchUpdates > maxBatch {
		return fmt.Errorf("batch of %d updates: want 1 to %d", c.BatchUpdates, maxBatch)
	}

	if _, err := ident.ParseParty(string(c.Party)); err != nil {
		return fmt.Errorf("treasury party: %w", err)
	}

	return nil
}

// Service ingests one treasury.
type Service struct {
	config  Config
	node    Node
	db      *store.DB
	clock   clock.Clock
	log     *slog.Logger
	metrics *Metrics
	state   state
	outage  outage
}

// New makes a service; Run runs it.
func New(
	config Config, node Node, db *store.DB, now clock.Clock, log *slog.Logger, metrics *Metrics,
) (*Service, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}

	log = log.With(slog.String("treasury", string(config.Party)))

	return &Service{config: config, node: node, db: db, clock: now, log: log, metrics: metrics}, nil
}

// Run ingests until ctx ends (nil), until Config.StopAt is reached (nil), or until it finds that going on could corrupt
// the database (*StartError, which names the way out). Everything else is retried for ever, with growing pauses.
func (s *Service) Run(ctx context.Context) error {
	treasury, err := s.register(ctx)
	if err != nil || ended(ctx) {
		return err
	}

	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstRetry, longestRetry

	for {
		applied, err := s.session(ctx, treasury)
		if err == nil || ended(ctx) {
			return nil
		}

		if _, refused := errors.AsType[*StartError](err); refused {
			s.state.set(stopped, err)

			return err
		}

		if applied {
			pause.Reset()
		}

		s.trouble(ctx, err)

		if !sleep(ctx, max(pause.NextBackOff(), retryAdvice(err))) {
			return nil
		}
	}
}

// ended reports whether the caller has ended ctx. Run then ends without an error, whatever came to an error because of
// it: ending is what was asked for, and everything that is stored is whole.
func ended(ctx context.Context) bool { return ctx.Err() != nil }

// retryAdvice is how long the node asked us to wait.
func retryAdvice(err error) time.Duration { return min(ledger.RetryDelay(err), longestRetry) }

// register finds or creates the treasury's row, waiting for the database if need be. If ctx ends first, there is
// neither a row nor an error.
func (s *Service) register(ctx context.Context) (store.TreasuryID, error) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstRetry, longestRetry

	for {
		treasury, err := s.db.EnsureTreasury(ctx, s.config.Party, s.clock.Now())
		if err == nil {
			return treasury, nil
		}

		if ended(ctx) {
			return 0, nil
		}

		if !store.IsAway(err) {
			return 0, err
		}

		s.trouble(ctx, err)

		if !sleep(ctx, pause.NextBackOff()) {
			return 0, nil
		}
	}
}

// session is one life as the treasury's writer. It says whether it stored anything; its error is nil only at StopAt.
func (s *Service) session(ctx context.Context, treasury store.TreasuryID) (applied bool, err error) {
	lock, err := s.waitForLock(ctx, treasury)
	if err != nil {
		return false, err
	}
	defer lock.Release(context.WithoutCancel(ctx))

	cursor, err := s.begin(ctx, treasury)
	if err != nil {
		return false, err
	}

	if s.reached(cursor.Position.Offset) {
		return false, nil
	}

	stream, err := s.node.OpenUpdates(ctx, s.config.Party, cursor.Position.Offset)
	if err != nil {
		return false, s.explainPruned(err, cursor)
	}

	s.log.InfoContext(ctx, "following the ledger", slog.Int64("after_offset", int64(cursor.Position.Offset)),
		slog.Int64("update_no", cursor.Position.No), slog.Int64("epoch", cursor.Epoch),
		slog.String("transport", stream.Transport()))
	s.state.set(following, nil)
	s.metrics.session()

	told, err := s.db.Clocks(ctx, treasury)
	if err != nil {
		_ = stream.Close()

		return false, err
	}

	p := &pipeline{service: s, stream: stream, writer: newWriter(s, cursor, told)}
	err = p.run(ctx)

	return p.writer.applied, s.halt(ctx, treasury, s.explainPruned(err, cursor))
}

// waitForLock makes this process the treasury's only writer. A second instance stays here as a hot standby.
func (s *Service) waitForLock(ctx context.Context, treasury store.TreasuryID) (*store.Lock, error) {
	for waiting := false; ; waiting = true {
		lock, got, err := s.db.TryLock(ctx, treasury)
		if err != nil || got {
			return lock, err
		}

		if !waiting {
			s.log.InfoContext(ctx, "another instance ingests this treasury; standing by")
			s.state.set(standby, nil)
		}

		if !sleep(ctx, standbyInterval) {
			return nil, fmt.Errorf("stand by: %w", ctx.Err())
		}
	}
}

// reached reports whether a run that was to end at an offset is there.
func (s *Service) reached(offset ident.Offset) bool {
	return s.config.StopAt > 0 && offset >= s.config.StopAt
}

// outage is what is wrong, from the first failure until something is stored again.
type outage struct {
	// kind is the failure without what differs each time, such as ports and correlation ids.
	kind  string
	since time.Time
	tries int
}

// trouble tells once what is wrong, and then keeps quiet until it is over or something else is wrong. It is used by one
// goroutine at a time: Run between sessions, the writer within them.
func (s *Service) trouble(ctx context.Context, err error) {
	s.state.set(retrying, err)
	s.metrics.failure(err)

	level, kind := slog.LevelError, kindOf(err)

	switch {
	case kind == s.outage.kind:
		level = slog.LevelDebug
	case ledger.IsStreamClosed(err), errors.Is(err, store.ErrFenced):
		level = slog.LevelInfo // streams end when a token does, and a standby takes over: nothing is wrong
	}

	if s.outage.tries == 0 {
		s.outage.since = s.clock.Now()
	}

	s.outage.kind = kind
	s.outage.tries++
	s.log.LogAttrs(ctx, level, "ingestion is interrupted and will be retried; no update is lost or skipped",
		slog.String("error", err.Error()))
}

// kindOf is what is wrong, without what differs each time it is met: the statement that finds the database away, ports,
// correlation ids.
func kindOf(err error) string {
	var node *ledger.Error

	switch {
	case errors.As(err, &node): // first: what it wraps may look like a database that is away
		return fmt.Sprintf("%s %d %s", node.Op, node.HTTPStatus, node.Code)
	case store.IsAway(err):
		return "database"
	}

	return strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return -1
		}

		return r
	}, err.Error())
}

// recovered tells that an outage is over.
func (s *Service) recovered(ctx context.Context) {
	if s.outage.tries == 0 {
		return
	}

	s.log.InfoContext(ctx, "ingestion goes on", slog.Int("tries", s.outage.tries),
		slog.Duration("interrupted_for", s.clock.Now().Sub(s.outage.since)))
	s.outage = outage{}
}

// sleep waits; false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
