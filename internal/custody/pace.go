package custody

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ledger"
)

// Pace is how fast submissions are made: at most as fast as is configured, slower while the node asks for it, and not
// at all while it has no traffic or its synchronizer is being upgraded.
type Pace struct {
	limiter *rate.Limiter
	most    rate.Limit
	clock   clock.Clock

	mu     sync.Mutex
	paused time.Time
	// why it is paused; empty if only for a moment.
	why Standstill
}

// Standstill is why nothing is submitted for a while. The text is also that of a withdrawal's reason to wait.
type Standstill string

// The kinds of standstill.
const (
	Going     Standstill = ""
	NoTraffic Standstill = "no_traffic"
	Paused    Standstill = "synchronizer_paused"
)

const (
	// unlimited stands for no configured rate; slowing down begins there.
	unlimited = rate.Limit(1000)
	slowest   = rate.Limit(0.5)
	// recovery is what every submission that goes well adds to a rate that was slowed down, as a part of it.
	recovery = 0.1
	// longPause is for what takes a person or an upgrade to end.
	longPause = 5 * time.Second

	secondsPerMinute = 60
)

// NewPace makes one: at most so many submissions per minute, and so many at once; no bound if perMinute is 0.
func NewPace(perMinute, burst int, now clock.Clock) *Pace {
	most := rate.Limit(perMinute) / secondsPerMinute
	if perMinute == 0 {
		most, burst = unlimited, int(unlimited)
	}

	return &Pace{limiter: rate.NewLimiter(most, max(burst, 1)), most: most, clock: now}
}

// Wait is until the next submission may be made.
func (p *Pace) Wait(ctx context.Context) error {
	p.mu.Lock()
	paused := p.paused.Sub(p.clock.Now())
	p.mu.Unlock()

	if paused > 0 && !Sleep(ctx, paused) {
		return fmt.Errorf("wait for the node: %w", ctx.Err())
	}

	if err := p.limiter.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the rate limit: %w", err)
	}

	return nil
}

// Learn is told what became of a submission: nil, or its error. The pace slows down when the node is overloaded, and
// speeds up again bit by bit.
func (p *Pace) Learn(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	outcome := ledger.OutcomeOf(err)
	if err == nil {
		outcome = ledger.OutcomeCommitted
	}

	switch outcome {
	case ledger.OutcomeCommitted:
		if limit := p.limiter.Limit(); limit < p.most {
			p.limiter.SetLimit(min(p.most, limit*(1+recovery)))
		}
	case ledger.OutcomeRetrySame, ledger.OutcomeUnknown:
		if ledger.IsOverloaded(err) { // and not the verdict on one transaction
			p.limiter.SetLimit(min(p.most, max(slowest, p.limiter.Limit()/2)))
		}

		p.pause(ledger.RetryDelay(err), Going)
	case ledger.OutcomeNoTraffic:
		p.pause(max(longPause, ledger.RetryDelay(err)), NoTraffic)
	case ledger.OutcomePaused:
		p.pause(max(longPause, ledger.RetryDelay(err)), Paused)
	case ledger.OutcomeRejected, ledger.OutcomePrepareAgain:
	}
}

// Note is for an error of a request that submits nothing: it may ask to wait.
func (p *Pace) Note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.pause(ledger.RetryDelay(err), Going)
}

func (p *Pace) pause(d time.Duration, why Standstill) {
	if until := p.clock.Now().Add(d); d > 0 && until.After(p.paused) {
		p.paused, p.why = until, why
	}
}

// Standstill says why nothing is submitted for a while; Going if it is not for long.
func (p *Pace) Standstill() Standstill {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.clock.Now().Before(p.paused) {
		return p.why
	}

	return Going
}

// Allowance is how many submissions may be made now, or very soon. Whoever prepares more than that lets attempts grow
// old.
func (p *Pace) Allowance() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.clock.Now().Before(p.paused) {
		return 0
	}

	return max(0, int(p.limiter.Tokens()))
}
