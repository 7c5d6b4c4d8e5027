package payout

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// pace is how fast submissions are made: at most as fast as is configured, slower while the node asks for it, and not
// at all while it has no traffic or its synchronizer is being upgraded.
type pace struct {
	limiter *rate.Limiter
	most    rate.Limit
	clock   clock.Clock

	mu     sync.Mutex
	paused time.Time
	// why it is paused; empty if only for a moment.
	why withdrawal.Reason
}

const (
	// unlimited stands for no configured rate; slowing down begins there.
	unlimited = rate.Limit(1000)
	slowest   = rate.Limit(0.5)
	// recovery is what every submission that goes well adds to a rate that was slowed down, as a part of it.
	recovery = 0.1
	// longPause is for what takes a person or an upgrade to end.
	longPause = 5 * time.Second
)

func newPace(perMinute, burst int, now clock.Clock) *pace {
	most := rate.Limit(perMinute) / secondsPerMinute
	if perMinute == 0 {
		most, burst = unlimited, int(unlimited)
	}

	return &pace{limiter: rate.NewLimiter(most, max(burst, 1)), most: most, clock: now}
}

// wait is until the next submission may be made.
func (p *pace) wait(ctx context.Context) error {
	p.mu.Lock()
	paused := p.paused.Sub(p.clock.Now())
	p.mu.Unlock()

	if paused > 0 && !sleep(ctx, paused) {
		return fmt.Errorf("wait for the node: %w", ctx.Err())
	}

	if err := p.limiter.Wait(ctx); err != nil {
		return fmt.Errorf("wait for the rate limit: %w", err)
	}

	return nil
}

// learn slows down when the node is overloaded, and speeds up again bit by bit.
func (p *pace) learn(answer withdrawal.Answer, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	switch answer {
	case withdrawal.Accepted, withdrawal.Committed:

		if limit := p.limiter.Limit(); limit < p.most {
			p.limiter.SetLimit(min(p.most, limit*(1+recovery)))
		}
	case withdrawal.RetrySame, withdrawal.Unknown:
		if ledger.IsOverloaded(err) { // and not the verdict on one transaction
			p.limiter.SetLimit(min(p.most, max(slowest, p.limiter.Limit()/2)))
		}

		p.pause(ledger.RetryDelay(err), "")
	case withdrawal.OutOfTraffic:
		p.pause(max(longPause, ledger.RetryDelay(err)), withdrawal.NoTraffic)
	case withdrawal.Paused:
		p.pause(max(longPause, ledger.RetryDelay(err)), withdrawal.SynchronizerPaused)
	case withdrawal.Rejected, withdrawal.PrepareAgain, withdrawal.Unanswered:
	}
}

// note is for an error of a request that submits nothing: it may ask to wait.
func (p *pace) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.pause(ledger.RetryDelay(err), "")
}

func (p *pace) pause(d time.Duration, why withdrawal.Reason) {
	if until := p.clock.Now().Add(d); d > 0 && until.After(p.paused) {
		p.paused, p.why = until, why
	}
}

// standstill says why nothing is submitted for a while; empty if it is not for long.
func (p *pace) standstill() withdrawal.Reason {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.clock.Now().Before(p.paused) {
		return p.why
	}

	return ""
}

// allowance is how many submissions may be made now, or very soon. Whoever prepares more than that lets attempts grow
// old.
func (p *pace) allowance() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.clock.Now().Before(p.paused) {
		return 0
	}

	return max(0, int(p.limiter.Tokens()))
}
