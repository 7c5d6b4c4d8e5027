package sandbox_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/signing"
)

const anotherUUID = "5d1f0a3e-6c1b-4d8e-9a52-8d6f0c1e2b3a"

// archivePing is how a ping ends.
func archivePing(id ident.ContractID) map[string]any {
	return map[string]any{"ExerciseCommand": map[string]any{
		"templateId": "#canton-builtin-admin-workflow-ping:Canton.Internal.Ping:Ping",
		"contractId": id, "choice": "Archive", "choiceArgument": map[string]any{},
	}}
}

// TestAContractIDIsBornOnce signs what has made a contract once more, with whatever the signer may choose changed, when
// nobody remembers that contract.
func TestAContractIDIsBornOnce(t *testing.T) {
	t.Parallel()

	const later = 3 * day // the mediator has forgotten the UUID

	for name, c := range map[string]struct {
		wait   time.Duration
		change func(*signing.Metadata)
	}{
		"another uuid":         {0, func(m *signing.Metadata) { m.TransactionUUID = anotherUUID }},
		"the same uuid, later": {later, func(m *signing.Metadata) { m.PreparationTime += signing.Timestamp(later.Microseconds()) }},
		"another uuid, 8 d on": {8 * day, func(m *signing.Metadata) {
			m.TransactionUUID = anotherUUID
			m.PreparationTime += signing.Timestamp((8 * day).Microseconds())
		}},
	} {
		for _, pruned := range []bool{false, true} {
			alice, bob := funded(t, sandbox.Config{})
			n := alice.n
			p := alice.prepare(pingCommand(alice.party, bob.party), []any{})
			n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)

			born := pings(n, bob.party)
			require.Len(t, born, 1)
			alice.submit(archivePing(born[0]), []any{})

			if pruned {
				require.NoError(t, n.Prune(n.LedgerEnd()))
			}

			n.clock.Advance(c.wait)

			again := altered(t, p, func(p *signing.Prepared) {
				p.Metadata.CommandID = "another"
				c.change(&p.Metadata)
			})
			n.must(http.MethodPost, waitPath, alice.executeRequest(again), nil)

			reborn := pings(n, bob.party)
			require.Len(t, reborn, 1, name)
			require.NotEqual(t, born[0], reborn[0], name)
			require.Equal(t, born[0][:66], reborn[0][:66], "%s: what was signed is the same", name)
		}
	}
}

// TestASeedMakesItsContractsOnce: within the mediator's memory the same UUID makes nothing twice.
func TestASeedMakesItsContractsOnce(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	p := alice.prepare(pingCommand(alice.party, bob.party), []any{})
	n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)

	again := altered(t, p, func(p *signing.Prepared) { p.Metadata.CommandID = "another" })
	n.refusedWith(waitPath, alice.executeRequest(again), outcome{http.StatusBadRequest, "INVALID_EXTERNAL_TRANSACTION"})

	later := altered(t, p, func(p *signing.Prepared) {
		p.Metadata.CommandID = "yet another"
		p.Metadata.PreparationTime++
	})
	n.refusedWith(waitPath, alice.executeRequest(later), outcome{http.StatusConflict, "MEDIATOR_SAYS_DUPLICATE_UUID"})
	require.Len(t, pings(n, bob.party), 1)
}
