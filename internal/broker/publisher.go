package broker

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// Defaults of Timing.
const (
	defaultLease   = time.Minute
	defaultPublish = 20 * time.Second // so that a batch ends before the lease does
	defaultLook    = time.Second
	defaultMinWait = 100 * time.Millisecond
	defaultMaxWait = 30 * time.Second
	defaultPage    = 1000
)

// Timing is how long things may take. The zero value means what is usual.
type Timing struct {
	// Lease is after what time another instance goes on where this one died.
	Lease time.Duration
	// Publish is how long a batch, or the way to the broker, may take.
	Publish time.Duration
	// Look is how often it is looked for new treasuries, and how far the brokers are behind.
	Look time.Duration
	// MinWait and MaxWait bound the pauses after failures.
	MinWait, MaxWait time.Duration
	// Page is how many events are published at once.
	Page int
}

func (t Timing) orUsual() Timing {
	usual := func(value *time.Duration, fallback time.Duration) {
		if *value == 0 {
			*value = fallback
		}
	}

	usual(&t.Lease, defaultLease)
	usual(&t.Publish, defaultPublish)
	usual(&t.Look, defaultLook)
	usual(&t.MinWait, defaultMinWait)
	usual(&t.MaxWait, defaultMaxWait)

	if t.Page == 0 {
		t.Page = defaultPage
	}

	return t
}

// Publisher publishes the events of all treasuries to all brokers. However many run, one at a time does so for each
// pair.
type Publisher struct {
	DB      *store.DB
	Tail    *eventlog.Tail
	Brokers []Broker
	Clock   clock.Clock
	Logger  *slog.Logger
	Metrics *Metrics
	// Owner names this instance to operators, in event_sinks.
	Owner  string
	Config Settings
	Timing Timing
}

// Run publishes until ctx ends.
func (p *Publisher) Run(ctx context.Context) error {
	p.Timing = p.Timing.orUsual()

	var lines sync.WaitGroup
	defer lines.Wait()

	type pair struct {
		sink     string
		treasury store.TreasuryID
	}

	known := map[pair]bool{}
	brokers := map[string]Broker{}
	names := make([]string, 0, len(p.Brokers))

	for _, b := range p.Brokers {
		brokers[b.Name()] = b
		names = append(names, b.Name())
	}

	for ctx.Err() == nil {
		lags, err := p.DB.SinkLags(ctx, names)
		if err != nil && ctx.Err() == nil {
			p.Logger.ErrorContext(ctx, "it cannot be read how far brokers are behind", slog.Any("error", err))
		}

		p.Metrics.lags(lags)

		for _, one := range lags {
			if it := (pair{one.Sink, one.Treasury}); !known[it] {
				known[it] = true
				l := newLine(p, brokers[one.Sink], one.Treasury, one.Party)

				lines.Go(func() { l.run(ctx) })
			}
		}

		sleep(ctx, p.Timing.Look)
	}

	return nil
}

// line is the way from a treasury to a broker. It is for one goroutine.
type line struct {
	*Publisher

	broker   Broker
	treasury store.TreasuryID
	party    ident.Party
	logger   *slog.Logger
	pause    *pause
	// told is the last place that the broker acknowledged to this line: wherever the log does not have it, it is another
	// history.
	told event.Place
}

func newLine(p *Publisher, broker Broker, treasury store.TreasuryID, party ident.Party) *line {
	return &line{
		Publisher: p, broker: broker, treasury: treasury, party: party, pause: newPause(p.Timing),
		logger: p.Logger.With(slog.String("sink", broker.Name()), slog.String("treasury", string(party))),
	}
}

// run publishes whenever nobody else does, until ctx ends.
func (l *line) run(ctx context.Context) {
	for ctx.Err() == nil {
		now := l.Clock.Now()

		lease, err := l.DB.TakeSink(ctx, l.broker.Name(), l.treasury, l.Owner, now, now.Add(l.Timing.Lease))

		switch {
		case errors.Is(err, store.ErrSinkTaken):
			l.Metrics.halt(l.broker.Name(), l.party, false) // if it does, the other one says so
			l.pause.reset()
			sleep(ctx, jittered(l.Timing.Lease/watch))

			continue
		case err == nil:
			err = l.hold(ctx, lease)
			l.release(ctx, lease)
		}

		if ctx.Err() == nil {
			l.failed(ctx, err)
			sleep(ctx, l.pause.next())
		}
	}
}

// watch is how often within a lease it is renewed, or looked whether another one's has ended.
const watch = 4

// release lets others publish at once. If it cannot be, they do when the lease ends.
func (l *line) release(ctx context.Context, lease store.SinkLease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()

	if err := l.DB.ReleaseSink(ctx, lease, l.Clock.Now()); err != nil {
		l.logger.WarnContext(ctx, "the lease of a sink could not be given back; it ends by itself", slog.Any("error", err))
	}
}

const releaseTimeout = 2 * time.Second

func (l *line) failed(ctx context.Context, err error) {
	var halt *HaltError

	halted := errors.As(err, &halt)
	l.Metrics.halt(l.broker.Name(), l.party, halted)

	switch {
	case halted:
		l.logger.ErrorContext(ctx, "events are not published to the broker until an operator decides; to go on "+
			"all the same, set CES_EVENTS_BROKER_GO_ON to go_on and restart",
			slog.Any("error", err), slog.Int64("told", halt.After), slog.Int64("next", halt.Next),
			slog.String("go_on", halt.Allow))
	case errors.Is(err, store.ErrSinkTaken):
		l.logger.WarnContext(ctx, "another instance publishes to the broker now, or the database was put back")
	default:
		l.Metrics.failures.WithLabelValues(l.broker.Name()).Inc()
		l.logger.WarnContext(ctx, "events could not be published; it is tried again", slog.Any("error", err))
	}
}

// noteStart tells what is out of the ordinary about where publishing goes on.
func (l *line) noteStart(ctx context.Context, told, after int64, has Place, why reason) {
	l.Metrics.halt(l.broker.Name(), l.party, false)

	switch {
	case why != "":
		l.logger.ErrorContext(ctx, "publishing goes on because an operator said so", slog.String("reason", string(why)),
			slog.Int64("told", told), slog.Int64("next", after+1))
	case after < told:
		l.Metrics.repeated.WithLabelValues(l.broker.Name()).Add(float64(told - after))
		l.logger.WarnContext(ctx, "the broker has lost events and is told them again", slog.Int64("told", told),
			slog.Int64("next", after+1))
	case !has.Known && told > 0:
		l.logger.InfoContext(ctx, "the broker does not say what it holds; what was noted counts", slog.Int64("told", told))
	}
}
