package sandbox

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
)

// PretendMinted sets what was minted of an instrument so far.
func PretendMinted(s *Sandbox, instrument ident.Instrument, value amount.Amount) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.books.minted[instrument] = value
}

// TestABalanceThatDoesNotFitSpoilsNothing cannot come about by minting; the oracle answers even so.
func TestABalanceThatDoesNotFitSpoilsNothing(t *testing.T) {
	t.Parallel()

	giant, small := ident.Instrument{Admin: "a::1220", ID: "Giant"}, ident.Instrument{Admin: "a::1220", ID: "Small"}
	most := amounttest.Of("9999999999999999999999999999.9999999999")

	var p pile
	for _, h := range []holding{
		{instrument: giant, amount: most}, {instrument: small, amount: amounttest.Of("1")},
		{instrument: giant, amount: most}, {instrument: small, amount: amounttest.Of("2")},
	} {
		p.add(&contract{payload: &h})
	}

	list := totals("alice::1220", &p)
	require.Len(t, list, 2)
	require.True(t, list[0].TooLarge)
	require.Equal(t, most.String(), list[0].Amount.String())
	require.False(t, list[1].TooLarge)
	require.Equal(t, "3", list[1].Amount.Short())
}
