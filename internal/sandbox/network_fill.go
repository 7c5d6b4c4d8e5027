package sandbox

import (
	"context"
	"fmt"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Fill is how a network that is to look used begins: with parties that own holdings of AcmeToken.
type Fill struct {
	// Holdings to make, spread evenly over the parties.
	Holdings int
	// Parties to own them, 1,000 when 0; fewer if there are not holdings enough.
	Parties int
}

const (
	defaultHolders = 1_000
	// mintsAtOnce is how many holdings one transaction makes.
	mintsAtOnce = 500
	fillAmounts = 997 // different ones
)

// Fill mints holdings, in transactions like any other, until all are there or ctx ends.
func (s *Sandbox) Fill(ctx context.Context, f Fill) error {
	parties := min(orDefault(f.Parties, defaultHolders), f.Holdings)
	if f.Holdings < 0 || parties < 0 {
		return fmt.Errorf("%w: fill with %d holdings of %d parties", ErrInvalid, f.Holdings, f.Parties)
	}

	for i := range parties {
		holder, err := s.AllocateParty(fmt.Sprintf("holder-%d", i))
		if err != nil {
			return fmt.Errorf("fill: %w", err)
		}

		if err := s.admit(holder); err != nil {
			return fmt.Errorf("fill: %w", err)
		}

		left := f.Holdings / parties
		if i < f.Holdings%parties {
			left++
		}

		for left > 0 {
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("fill: %w", err)
			}

			n := min(left, mintsAtOnce)
			if err := s.mintMany(holder, n); err != nil {
				return fmt.Errorf("fill: %w", err)
			}

			left -= n
		}
	}

	return nil
}

// mintMany makes n holdings of AcmeToken in one update.
func (s *Sandbox) mintMany(owner ident.Party, n int) error {
	s.mu.Lock()
	defer s.mu.Unlock()

	instrument := s.AcmeToken()
	amounts := make([]amount.Amount, 0, n)

	for i := range int64(n) {
		amounts = append(amounts, amount.FromInt(1+i%fillAmounts))
	}

	_, err := s.actTogether([]ident.Party{instrument.Admin, owner}, s.primary(), func(t *transaction) error {
		return t.mintAcme(instrument, owner, amounts...)
	})

	return err
}
