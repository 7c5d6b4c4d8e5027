package sandbox_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// TestAPermissionedNetworkComesToLife fills one and lets a crowd act on it: both put their own parties on the list.
func TestAPermissionedNetworkComesToLife(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{AcmePermissioned: true})
	require.NoError(t, n.Fill(t.Context(), sandbox.Fill{Holdings: 10, Parties: 2}))

	treasury := n.party("treasury")
	_, err := n.Preapprove(treasury)
	require.NoError(t, err)

	report, err := n.Traffic(t.Context(), sandbox.TrafficConfig{
		Treasury: treasury, Customers: 3, Actions: 120, TreasuryAccepts: true,
	})
	require.NoError(t, err)
	require.Len(t, report.Customers, 3)

	acme := 0

	for _, transfer := range n.Transfers() {
		if transfer.Instrument.Ident() == n.AcmeToken() {
			acme++
		}
	}

	require.NotZero(t, acme)
}
