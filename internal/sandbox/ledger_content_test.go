package sandbox

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// TestHoldingsSayWhatTheStandardsRecordsSay holds the holdings that write themselves to the records of the standard,
// from which all other contracts are written.
func TestHoldingsSayWhatTheStandardsRecordsSay(t *testing.T) {
	t.Parallel()

	for _, v2 := range []bool{false, true} {
		checkHoldings(t, v2)
	}
}

func checkHoldings(t *testing.T, v2 bool) {
	t.Helper()

	s, err := New(Config{EventsV2: v2})
	require.NoError(t, err)

	owner, err := s.AllocateParty("owner")
	require.NoError(t, err)

	value, err := amount.Parse("12.0300000001")
	require.NoError(t, err)

	s.mu.Lock()
	defer s.mu.Unlock()

	tx := s.begin(s.primary(), owner, s.amulet.dso, s.acme.registrar)

	coin, err := tx.createAmulet(owner, value)
	require.NoError(t, err)

	want, err := write(tx.amuletValue(owner, value), tx.amuletViews(holdingOf(coin), nil))
	require.NoError(t, err)
	saysTheSame(t, want, coin)

	instrument := ident.Instrument{Admin: s.acme.registrar, ID: `Töken "1"`}

	token, err := tx.createAcme(instrument, owner, value, nil, time.Time{})
	require.NoError(t, err)

	want, err = write(obj{
		"admin": instrument.Admin, "id": instrument.ID, "owner": owner, "amount": value, "lock": nil,
	}, s.holdingViews(holdingOf(token), nil, meta()))
	require.NoError(t, err)
	saysTheSame(t, want, token)
}

func saysTheSame(t *testing.T, want *written, c *contract) {
	t.Helper()

	require.Equal(t, string(want.arg), string(c.argument()))
	require.Equal(t, want.interfaces(), c.interfaces)

	for _, view := range want.views {
		require.JSONEq(t, string(view.value), string(c.view(view.iface)))
	}
}
