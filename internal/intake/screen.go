package intake

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/screening"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// enrollEvery is how often it is looked what awaits a screening, enrolled how much is found at once. Where very much
	// waits a look takes long; then enrollShare times as long passes until the next one.
	enrollEvery = 250 * time.Millisecond
	enrolled    = 5_000
	enrollShare = 10
	// firstScreening and longestScreening bound the pauses between questions about one deposit that got no answer.
	firstScreening   = time.Second
	longestScreening = 3 * time.Minute
	// theScreening is the breaker's circuit of the service.
	theScreening = "screening"
)

// screener is the part of the service that has offers and deposits screened.
type screener struct {
	jobs chan store.ScreeningJob
	// free is told when a worker has its hands free.
	free    chan struct{}
	busy    atomic.Int64
	breaker custody.Breaker
	health  custody.Health
	// enrolledAt is when it was last looked what awaits a screening, enrollPause how long not again, countedAt when it was
	// last counted.
	enrolledAt  time.Time
	enrollPause time.Duration
	countedAt   time.Time
	// unscreened is how many tokens want a screening while nobody is there to be asked.
	unscreened atomic.Int64
}

// screens asks the screening service about what awaits it, until ctx ends. What it says is stored, and decides nothing
// by itself: verdicts and releases are decided again where they were decided before.
func (s *Service) screens(ctx context.Context) {
	var running sync.WaitGroup

	for range s.config.ScreeningWorkers {
		running.Go(func() { s.screeningWorker(ctx) })
	}

	s.screener.health.Set(nil)

	for ctx.Err() == nil {
		found, err := s.screeningRound(ctx)
		if err != nil {
			s.screeningTrouble(ctx, "look for what is to be screened", err)
			custody.Sleep(ctx, custody.Jittered(troublePause))

			continue
		}

		if !found {
			s.screener.rest(ctx, s.config.Poll)
		}
	}

	running.Wait()
}

// rest waits for a while, or until a worker has its hands free.
func (s *screener) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-s.free:
	}
}

// screeningRound puts on the list what awaits a screening, and gives the workers as much as they have hands for. It
// reports whether there was anything.
func (s *Service) screeningRound(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, s.config.RoundTimeout)
	defer cancel()

	v := s.view.Load()
	if v == nil || s.wrongClock(v) != nil { // a lease by a wrong clock is another's job
		return false, nil
	}

	now := s.Clock.Now()
	if last := s.screener.enrolledAt; now.Sub(last) >= s.screener.enrollPause || now.Before(last) {
		if err := s.enroll(ctx, now); err != nil {
			return false, err
		}
	}

	if last := s.screener.countedAt; now.Sub(last) >= countAge || now.Before(last) {
		if err := s.countScreenings(ctx, now); err != nil {
			return false, err
		}
	}

	room := s.config.ScreeningWorkers - int(s.screener.busy.Load())

	switch {
	case s.screener.breaker.Open(theScreening, now):
		room = 0
	case s.screener.breaker.Suspect(theScreening):
		room = min(room, 1-int(s.screener.busy.Load())) // one question is enough to find out
	}

	if room <= 0 {
		return false, nil
	}

	jobs, err := s.DB.ClaimScreenings(ctx, s.treasury, now, now.Add(s.config.Lease), room)
	if err != nil {
		return false, err
	}

	for _, j := range jobs { // there is room for them
		s.screener.busy.Add(1)
		s.screener.jobs <- j
	}

	return len(jobs) > 0, nil
}

func (s *Service) enroll(ctx context.Context, now time.Time) error {
	fresh, err := s.DB.EnrollScreenings(ctx, s.treasury, now, enrolled)
	if err != nil {
		return err
	}

	s.screener.enrolledAt = now
	s.screener.enrollPause = min(max(enrollEvery, enrollShare*s.Clock.Now().Sub(now)), countAge)

	if fresh == enrolled { // there may be more
		s.screener.enrollPause = 0
	}

	return nil
}

// countScreenings takes from the list what nobody waits for any more, and shows how much is left.
func (s *Service) countScreenings(ctx context.Context, now time.Time) error {
	s.screener.countedAt = now

	if err := s.DB.DropScreenings(ctx, s.treasury, now, enrolled); err != nil {
		return err
	}

	waiting, err := s.DB.WaitingScreenings(ctx, s.treasury)
	if err != nil {
		return err
	}

	s.Metrics.awaitScreening(waiting)

	if len(waiting) == 0 { // nothing is asked that could show that the service is back
		s.screener.health.Set(nil)
	}

	return nil
}

func (s *Service) screeningWorker(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-s.screener.jobs:
			if err := s.screen(ctx, j); err != nil && ctx.Err() == nil {
				s.screeningTrouble(ctx, "store a screening", err)
			}

			s.screener.busy.Add(-1)

			select {
			case s.screener.free <- struct{}{}:
			default: // it is known already
			}
		}
	}
}

// screen asks one question and stores what came of it. Whatever goes wrong, the lease's end brings the question back;
// an answer that is overtaken by another asker's changes nothing.
func (s *Service) screen(ctx context.Context, j store.ScreeningJob) error {
	began := s.Clock.Now()

	said, err := s.Screening.Ask(ctx, question(s.config.Party, j))
	if ctx.Err() != nil {
		return ctx.Err() //nolint:wrapcheck // nobody hears it
	}

	now := s.Clock.Now()
	answer := judged(said, err, j.Tries, now)

	s.Metrics.screened(answer.Result, now.Sub(began))
	s.learn(ctx, j, err, now)

	err = s.DB.AnswerScreening(ctx, s.treasury, j, answer, now)
	if errors.Is(err, store.ErrScreeningMoved) {
		s.Metrics.moved()

		return nil
	}

	return err
}

func question(treasury ident.Party, j store.ScreeningJob) screening.Question {
	q := screening.Question{
		Kind: screening.Offer, DepositID: j.DepositID, Treasury: treasury, Instrument: j.Instrument, Amount: j.Amount,
		Sender: j.Sender, Memo: j.Memo, Account: j.Account, ExecuteBefore: j.Deadline, Tries: j.Tries,
	}
	if j.Arrived {
		q.Kind, q.Update, q.RecordTime = screening.Deposit, j.Update, j.RecordTime
	}

	return q
}

// judged is what counts. It fails closed: what is not one of the three answers is none, and is asked again.
func judged(said screening.Answer, err error, tries int, now time.Time) store.ScreeningAnswer {
	if err == nil {
		switch said.Result {
		case deposit.Passed, deposit.Doubtful, deposit.Refused:
			return store.ScreeningAnswer{Result: said.Result, Detail: said.Detail}
		case deposit.NotScreened, deposit.Unavailable:
		}

		err = fmt.Errorf("screening: %q is no answer", said.Result)
	}

	return store.ScreeningAnswer{
		Result: deposit.Unavailable, Detail: err.Error(), Again: now.Add(custody.Jittered(screeningPause(tries))),
	}
}

// screeningPause is before the next question, after so many without an answer.
func screeningPause(tries int) time.Duration {
	pause := firstScreening
	for ; tries > 0 && pause < longestScreening; tries-- {
		pause *= 2
	}

	return min(pause, longestScreening)
}

// learn follows whether the service can be asked. What fails for one question alone does not hold up the others.
func (s *Service) learn(ctx context.Context, j store.ScreeningJob, err error, now time.Time) {
	if err == nil {
		s.screener.breaker.Worked(theScreening)
		s.screener.health.Set(nil)

		return
	}

	failed, ok := errors.AsType[*screening.Error](err)
	if !ok {
		failed = &screening.Error{Cause: err.Error(), Alarming: true}
	}

	s.screener.health.Set(fmt.Errorf("%w: what awaits its answer is neither accepted nor credited", err))

	if failed.General {
		s.screener.breaker.Failed(theScreening, now)
	}

	tell, sentence := s.Logger.WarnContext, "the screening service gave no answer and will be asked again; nothing is "+
		"accepted or credited without one"

	if failed.Alarming {
		s.Metrics.alarm("screening")

		tell, sentence = s.Logger.ErrorContext, "the screening service gives no usable answer, and a person must look; "+
			"nothing is accepted or credited without one"
	}

	if !s.told.Repeats(sentence, now) {
		tell(ctx, sentence, slog.String("deposit_id", j.DepositID.String()), slog.String("error", err.Error()))
	}
}

// screeningTrouble logs what will be tried again, and makes the screening not ready.
func (s *Service) screeningTrouble(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}

	s.screener.health.Set(fmt.Errorf("%s: %w", what, err))
	s.Metrics.trouble(what)

	if !s.told.Repeats(what, s.Clock.Now()) {
		s.Logger.ErrorContext(ctx, "deposits cannot be screened now and will be tried again; no money has moved by this",
			slog.String("what", what), slog.String("error", err.Error()))
	}
}

// missScreening notes, and says once, that tokens want a screening and nobody is there to be asked.
func (s *Service) missScreening(ctx context.Context, policies map[ident.Instrument]deposit.Policy) {
	var without int64

	for _, p := range policies {
		if p.Screen && s.Screening == nil {
			without++
		}
	}

	s.Metrics.missScreening(without)

	if s.screener.unscreened.Swap(without) == 0 && without > 0 {
		s.Logger.ErrorContext(ctx, "tokens are to be screened and no screening service is configured (CES_SCREENING_URL): "+
			"none of their offers is accepted, and none of their deposits credited", slog.Int64("tokens", without))
	}
}

// ScreeningReady is nil while what must be screened is screened, and where nothing must be.
func (s *Service) ScreeningReady() error {
	if s.Screening != nil {
		return s.screener.health.Get()
	}

	if without := s.screener.unscreened.Load(); without > 0 {
		return fmt.Errorf("%d tokens are to be screened and CES_SCREENING_URL is not set: none of their offers is "+
			"accepted, and none of their deposits credited", without)
	}

	return nil
}
