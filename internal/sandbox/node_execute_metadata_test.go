package sandbox_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/signing"
)

// TestMetadataThatNoNodeWrites is signed by the right party, and refused as preparation would refuse it.
func TestMetadataThatNoNodeWrites(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	p := alice.prepareTransfer(bob.party, "10")
	end := n.LedgerEnd()

	for name, c := range map[string]struct {
		change func(*signing.Metadata)
		code   string
	}{
		"a uuid that is none":     {func(m *signing.Metadata) { m.TransactionUUID = "another" }, "INVALID_FIELD"},
		"a uuid and more":         {func(m *signing.Metadata) { m.TransactionUUID += "0" }, "INVALID_FIELD"},
		"a uuid in capitals":      {func(m *signing.Metadata) { m.TransactionUUID = strings.ToUpper(m.TransactionUUID) }, "INVALID_FIELD"},
		"a uuid in braces":        {func(m *signing.Metadata) { m.TransactionUUID = "{" + m.TransactionUUID + "}" }, "INVALID_FIELD"},
		"no command id":           {func(m *signing.Metadata) { m.CommandID = "" }, "MISSING_FIELD"},
		"a long command id":       {func(m *signing.Metadata) { m.CommandID = strings.Repeat("x", 256) }, "INVALID_FIELD"},
		"a party twice":           {func(m *signing.Metadata) { m.ActAs = append(m.ActAs, m.ActAs[0]) }, "INVALID_FIELD"},
		"a party that is none":    {func(m *signing.Metadata) { m.ActAs = append(m.ActAs, "nobody") }, "INVALID_FIELD"},
		"another mediator group":  {func(m *signing.Metadata) { m.MediatorGroup++ }, "INVALID_FIELD"},
		"more parties than asked": {func(m *signing.Metadata) { m.ActAs = slices.Repeat(m.ActAs, 101) }, "INVALID_ARGUMENT"},
	} {
		changed := altered(t, p, func(p *signing.Prepared) { c.change(&p.Metadata) })

		for _, path := range []string{executePath, waitPath, transactionPath} {
			status, _, raw := n.call(http.MethodPost, path, alice.executeRequest(changed))
			require.Equal(t, http.StatusBadRequest, status, "%s: %s", name, raw)
			require.Contains(t, string(raw), `"code":"`+c.code+`"`, name)
		}
	}

	require.Equal(t, end, n.LedgerEnd())

	// The longest command id is one.
	longest := altered(t, p, func(p *signing.Prepared) { p.Metadata.CommandID = strings.Repeat("x", 255) })
	n.must(http.MethodPost, waitPath, alice.executeRequest(longest), nil)
}
