package intake

import (
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// Config is whose offers are decided, and how fast they are answered.
type Config struct {
	Party ident.Party
	// UserID is the ledger user; the token's if empty.
	UserID string
	// Workers answer offers at once.
	Workers int
	// ScreeningWorkers ask the screening service at once.
	ScreeningWorkers int
	// PerMinute bounds submissions, Burst how many may come at once. No bound if PerMinute is 0.
	PerMinute int
	Burst     int
	// Poll is how often the database is asked for work.
	Poll time.Duration
	// Lease is how long a job is this instance's; a killed one's jobs are taken up after it.
	Lease time.Duration
	// Recheck is after what time without a word from history a submission is repeated.
	Recheck time.Duration
	// MaxLag is how far ingestion may be behind our clock for offers to be answered: what is not known yet may be their
	// end.
	MaxLag time.Duration
	// Tolerance is how far the node's clock may be from ours in what it prepares. With half of it the ledger's time may be
	// ahead of ours before this instance stops.
	Tolerance time.Duration
	// MaxSkew is how far our clock may be from the database's, by which instances agree on leases.
	MaxSkew time.Duration
	// RoundTimeout is how long one look for work may take before the service calls itself not ready.
	RoundTimeout time.Duration
}

// Defaults of Config.
const (
	DefaultWorkers   = 8
	DefaultScreening = 4 // workers
	DefaultPoll      = 100 * time.Millisecond
	DefaultLease     = time.Minute
	DefaultRecheck   = 10 * time.Second
	DefaultMaxLag    = 3 * time.Minute // a node may be silent for 75 s on an idle ledger
	DefaultTolerance = 2 * time.Minute
	DefaultMaxSkew   = 5 * time.Second

	defaultRoundTimeout = 30 * time.Second

	// MaxWorkers is how many offers an instance may answer at once.
	MaxWorkers = 256

	secondsPerMinute = 60
)

// Validate fills in defaults and says what cannot be meant.
func (c *Config) Validate() error {
	if _, err := ident.ParseParty(string(c.Party)); err != nil {
		return fmt.Errorf("treasury party: %w", err)
	}

	setDefault(&c.Workers, DefaultWorkers)
	setDefault(&c.ScreeningWorkers, DefaultScreening)
	setDefault(&c.Poll, DefaultPoll)
	setDefault(&c.Lease, DefaultLease)
	setDefault(&c.Recheck, DefaultRecheck)
	setDefault(&c.MaxLag, DefaultMaxLag)
	setDefault(&c.Tolerance, DefaultTolerance)
	setDefault(&c.MaxSkew, DefaultMaxSkew)
	setDefault(&c.RoundTimeout, defaultRoundTimeout)

	if c.PerMinute > 0 && c.Burst == 0 {
		c.Burst = max(1, c.PerMinute/secondsPerMinute)
	}

	switch {
	case c.Workers < 1 || c.Workers > MaxWorkers:
		return fmt.Errorf("%d workers: want 1 to %d", c.Workers, MaxWorkers)
	case c.ScreeningWorkers < 1 || c.ScreeningWorkers > MaxWorkers:
		return fmt.Errorf("%d workers that screen: want 1 to %d", c.ScreeningWorkers, MaxWorkers)
	case c.PerMinute < 0 || c.Burst < 0:
		return errors.New("rate and burst of submissions: want 0 or more")
	case min(c.Poll, c.Lease, c.Recheck, c.MaxLag, c.Tolerance, c.MaxSkew, c.RoundTimeout) <= 0:
		return errors.New("poll, lease, recheck, lag, tolerance, skew and time-out: want durations above zero")
	default:
		return nil
	}
}

func setDefault[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}
