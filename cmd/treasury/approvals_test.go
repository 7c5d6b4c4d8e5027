package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/service"
)

func TestLargeWithdrawalsAreApproved(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	coin := []string{string(e.Amulet().Admin), e.Amulet().ID}
	e.ok("set-policy", coin[0], coin[1], "approve_from=50")

	e.ok("request-withdrawal", "w-1", "alice", coin[0], coin[1], "50", string(e.shop))
	require.Contains(t, squeezed(e.ok("withdrawals", "waiting")), "w-1 requested awaits_approval 50 ")
	require.Contains(t, e.ok("withdrawal", "w-1"), "somebody else than who requested it")

	// The person at the same login is who requested it, whatever name she gives.
	require.Contains(t, e.refuses(service.ExitFailure, "approve-withdrawal", "w-1", "ann", "known customer"), "own_request")

	e.environ = append(e.environ, "CES_OPERATOR=ann")
	require.Contains(t, e.ok("approve-withdrawal", "w-1", "ann", "known customer"), "is approved by ann")
	require.Contains(t, e.refuses(service.ExitFailure, "reject-withdrawal", "w-1", "bob", "no"), "nothing_to_approve")
	require.Contains(t, squeezed(e.ok("audit", "w-1")), " ann withdrawal.approve w-1 ")

	e.ok("request-withdrawal", "w-2", "alice", coin[0], coin[1], "50", string(e.shop))
	require.Contains(t, e.ok("reject-withdrawal", "w-2", "ann", "unusual"), "the money is back")
	require.Contains(t, squeezed(e.ok("withdrawals", "failed")), "w-2 failed not_approved")
}

func TestLimitsAndDestinations(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	coin := []string{string(e.Amulet().Admin), e.Amulet().ID}

	require.Contains(t, e.ok("limits"), "none: ")
	require.Contains(t, e.ok("set-limit", coin[0], coin[1], "24h", "30", "ann"), "each account without a limit of its own may withdraw 30 ")
	require.Contains(t, e.ok("set-limit", coin[0], coin[1], "1h", "3", "ann", "alice"), "account alice may withdraw 3 ")
	require.Contains(t, e.ok("limits"), "account alice: 3 ")
	require.Contains(t, e.refuses(service.ExitFailure, "request-withdrawal", "w-1", "alice", coin[0], coin[1], "4", string(e.shop)),
		"limit_exceeded: The account may withdraw 3 within 01:00:00, and has requested too much of it already. Nothing was changed")
	e.ok("set-limit", coin[0], coin[1], "1h", "none", "ann", "alice")
	require.Contains(t, e.refuses(service.ExitUsage, "set-limit", coin[0], coin[1], "1s", "3", "ann"), "want whole seconds from 1m0s")

	e.ok("set-policy", coin[0], coin[1], "destinations_only=true", "cooling_seconds=0")
	require.Equal(t, "none\n", e.ok("destinations", "alice"))
	require.Contains(t, e.refuses(service.ExitFailure, "request-withdrawal", "w-1", "alice", coin[0], coin[1], "4", string(e.shop)), "unknown_destination")
	require.Contains(t, e.ok("add-destination", "alice", string(e.shop), "the \x1b[2Jshop", "ann"), "may withdraw to "+string(e.shop))
	require.NotContains(t, e.ok("destinations", "alice"), "\x1b")
	e.ok("request-withdrawal", "w-1", "alice", coin[0], coin[1], "4", string(e.shop))
	require.Contains(t, e.ok("remove-destination", "alice", string(e.shop), "ann"), "any more")
	require.Contains(t, e.refuses(service.ExitFailure, "request-withdrawal", "w-2", "alice", coin[0], coin[1], "4", string(e.shop)), "unknown_destination")
}
