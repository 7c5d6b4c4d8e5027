package sandbox

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
)

// TestPartiesThatWaitLeaveRoom: a stranger can begin as many onboardings as it likes and finish none.
func TestPartiesThatWaitLeaveRoom(t *testing.T) {
	t.Parallel()

	s, err := New(Config{MaxParties: 20})
	require.NoError(t, err)
	t.Cleanup(s.Close)

	v := s.first()
	begin := func(hint string) error {
		return v.onboard(topology.Onboarding{Party: ident.Party(hint + "::1220aa")}, false)
	}

	for i := range maxJoining {
		require.NoError(t, begin("waiting-"+strconv.Itoa(i)))
	}

	require.Error(t, begin("one-more"))
	require.NoError(t, begin("waiting-7"), "who waits may try again")
	require.Len(t, s.joining, maxJoining)

	require.NoError(t, v.onboard(topology.Onboarding{Party: "bob::1220bb"}, true))
	require.NoError(t, v.onboard(topology.Onboarding{Party: "waiting-7::1220aa"}, true))
	require.Contains(t, s.parties, ident.Party("bob::1220bb"))
	require.Len(t, s.joining, maxJoining-1)
}
