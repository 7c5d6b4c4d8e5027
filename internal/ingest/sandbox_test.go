package ingest_test

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/store"
)

// network is a sandbox on a real socket with a treasury in it, and a client of its node.
type network struct {
	*sandbox.Sandbox

	node     *ledger.Client
	treasury ident.Party
}

func startNetwork(t *testing.T, config sandbox.Config) network {
	t.Helper()

	config.Inspect = published.Inspect(t, string(config.Version))

	s, err := sandbox.New(config)
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})

	node, err := ledger.New(ledger.Config{URL: server.URL, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(node.CloseIdle)

	treasury, err := s.AllocateParty("treasury")
	require.NoError(t, err)
	_, err = s.Preapprove(treasury)
	require.NoError(t, err)

	return network{Sandbox: s, node: node, treasury: treasury}
}

// trade lets customers act, a fixed number of times.
func (n network) trade(t *testing.T, seed uint64, actions int) {
	t.Helper()

	_, err := n.Traffic(t.Context(), sandbox.TrafficConfig{
		Seed: seed, Treasury: n.treasury, Memos: []string{"ACC-1", "ACC-2"}, Actions: actions, TreasuryAccepts: true,
	})
	require.NoError(t, err)
}

// ingest stores everything that has happened so far.
func (n network) ingest(t *testing.T, db *store.DB, start ingest.Start) {
	t.Helper()
	runTo(t, ingest.Config{Party: n.treasury, Start: start}, n.node, db, n.LedgerEnd())
}

func (n network) requireReconciled(t *testing.T, db *store.DB, treasury store.TreasuryID) {
	t.Helper()

	report, err := reconcile.Run(t.Context(), n.node, db, treasury, n.treasury)
	require.NoError(t, err)
	require.Empty(t, report.Differences)
}
