package intake

import (
	"context"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// undecidedRead is how many offers are decided before others are taken up that are due, decidedStored how many
	// verdicts are stored in one statement.
	undecidedRead = 2_000
	decidedStored = 1_000
)

// decide stores the verdicts on what is undecided, up to a number of offers. It reports whether there may be more.
// Another instance may decide the same at the same time, and comes to the same.
func (s *Service) decide(ctx context.Context, ledgerTime time.Time) (bool, error) {
	if ledgerTime.IsZero() { // nothing is known of deadlines before there is a time
		return false, nil
	}

	began := s.Clock.Now()

	undecided, err := s.DB.UndecidedOffers(ctx, s.treasury, ledgerTime, undecidedRead)
	if err != nil || len(undecided) == 0 {
		return false, err
	}

	verdicts := make([]store.DecidedOffer, len(undecided))
	for i, o := range undecided {
		verdicts[i] = store.DecidedOffer{
			Decision: deposit.Decide(o.Offer, o.Grounds), DepositID: o.DepositID, Changes: o.Changes, Contract: o.Contract,
			Again: deposit.Again(o.Offer, o.Grounds), Certain: o.Certain,
		}
	}

	for batch := range slices.Chunk(verdicts, decidedStored) {
		if err := s.DB.DecideOffers(ctx, s.treasury, batch, s.Clock.Now()); err != nil {
			return false, err
		}
	}

	s.Metrics.decided(verdicts, s.Clock.Now().Sub(began))

	return len(undecided) >= undecidedRead, nil
}
