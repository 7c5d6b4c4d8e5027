package preapproval_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/deposit"
)

// TestEveryCodeIsDocumented: states and reasons, where operators look for them.
func TestEveryCodeIsDocumented(t *testing.T) {
	t.Parallel()

	text, err := os.ReadFile("../../docs/deposits.md")
	require.NoError(t, err)

	_, section, found := strings.Cut(string(text), "\n## The preapproval\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")

	for _, state := range deposit.PreapprovalStates() {
		require.Contains(t, section, "\n| `"+string(state)+"` |")
	}

	for _, why := range []deposit.WhyNot{
		deposit.NothingToRenew, deposit.RenewalTooLate, deposit.RenewalNotDue, deposit.ProviderIsTreasury,
		deposit.ProviderIsOther, deposit.RefusedBefore, deposit.TriedBefore,
	} {
		require.Contains(t, section, "`"+string(why)+"`")
	}
}
