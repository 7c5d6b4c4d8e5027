package intake

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// releaseEvery is how often it is looked whether held deposits can be credited.
	releaseEvery = 500 * time.Millisecond
	// heldRead is how many held deposits are read at once, and at most credited in one transaction.
	heldRead = 1_000
	// heldLooks bounds the pages of one look. What is behind them comes with the next one, when others are credited.
	heldLooks = 20
)

// release credits held deposits whose time has come, and leaves to a person what must not be credited by itself.
// Another instance may do the same at the same time: each deposit is credited once.
func (s *Service) release(ctx context.Context, ledgerTime time.Time) error {
	now := s.Clock.Now()
	if ledgerTime.IsZero() || (now.Sub(s.releasedAt) < releaseEvery && !now.Before(s.releasedAt)) {
		return nil
	}

	s.releasedAt = now

	var last store.HeldCase

	for range heldLooks {
		page, err := s.DB.HeldCases(ctx, s.treasury, ledgerTime, last, heldRead)
		if err != nil || len(page) == 0 {
			return err
		}

		if err := s.releasePage(ctx, page); err != nil || len(page) < heldRead {
			return err
		}

		last = page[len(page)-1]
	}

	return nil
}

func (s *Service) releasePage(ctx context.Context, page []store.HeldCase) error {
	var (
		credit []uuid.UUID
		others []store.HeldDecision
	)

	for _, c := range page {
		switch state, reason := deposit.Release(c.Deposit, c.Grounds); {
		case state == deposit.Credited:
			credit = append(credit, c.DepositID)
		case state != deposit.Held || reason != c.Deposit.Reason:
			others = append(others, store.HeldDecision{DepositID: c.DepositID, Steps: c.Steps, State: state, Reason: reason})
		}
	}

	now := s.Clock.Now()

	if len(credit) > 0 {
		released, err := s.DB.ReleaseDeposits(ctx, s.treasury, credit, now)
		if err != nil {
			return err
		}

		s.Metrics.released(released)
		s.Logger.InfoContext(ctx, "held deposits were credited", slog.Int("deposits", released))
	}

	if len(others) == 0 {
		return nil
	}

	return s.DB.HoldDeposits(ctx, s.treasury, others, now)
}
