package main

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
)

func serveSandbox(t *testing.T) (*sandbox.Sandbox, *node) {
	t.Helper()

	s, err := sandbox.New(sandbox.Config{Inspect: published.Inspect(t, "")})
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() { s.Close(); server.CloseClientConnections(); server.Close() })

	return s, &node{url: server.URL}
}

// TestEveryWayToTransfer: what is measured are transfers that complete.
func TestEveryWayToTransfer(t *testing.T) {
	t.Parallel()

	for _, way := range ways(3) {
		t.Run(way.title, func(t *testing.T) {
			t.Parallel()

			s, n := serveSandbox(t)

			c, err := (&bench{options: options{parties: 2}}).gather(t.Context(), n, way.external, 3)
			defer c.close()

			require.NoError(t, err)

			for range 8 { // more than it begins with
				for _, each := range c.senders {
					require.NoError(t, way.act(each, t.Context()))
				}
			}

			done := s.Transfers()
			require.Len(t, done, 16)

			for i, transfer := range done {
				require.Equal(t, sandbox.TransferCompleted, transfer.State)
				require.Equal(t, c.senders[i%2].party, transfer.Sender)
				require.Equal(t, c.senders[1-i%2].party, transfer.Receiver)
			}
		})
	}
}

func TestHoldingsRunOut(t *testing.T) {
	t.Parallel()

	_, n := serveSandbox(t)

	c, err := (&bench{options: options{parties: 1}}).gather(t.Context(), n, true, 0)
	defer c.close()

	require.NoError(t, err)
	require.ErrorIs(t, c.senders[0].transfer(t.Context()), errNoHoldings)
}

func TestContractsAreCountedToTheLast(t *testing.T) {
	t.Parallel()

	s, n := serveSandbox(t)

	before, err := n.countContracts(t.Context())
	require.NoError(t, err)
	require.NoError(t, s.Fill(t.Context(), sandbox.Fill{Holdings: 1_234}))

	after, err := n.countContracts(t.Context())
	require.NoError(t, err)
	require.Equal(t, before+1_234, after)

	s.RejectTokens(true)

	_, err = n.countContracts(context.WithoutCancel(t.Context()))
	require.ErrorIs(t, err, errStatus)
	require.ErrorIs(t, isContract([]byte(`{"code":"NO"}`)), errStatus)
	require.NoError(t, isContract([]byte(`{"workflowId":"","contractEntry":{"JsActiveContract":{}}}`)))
}
