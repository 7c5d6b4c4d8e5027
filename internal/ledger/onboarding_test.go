package ledger_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/signing"
)

func TestAPartyIsMadeOnce(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		again := ledger.TopologyRequest{Synchronizer: p.home, Hint: "payer", Key: p.public}

		topology, err := p.client.GenerateTopology(within(t), again)
		require.NoError(t, err)
		require.Equal(t, p.party, topology.Party)

		for _, raw := range topology.Transactions {
			_, err := signing.DecodeTopology(raw)
			require.NoError(t, err)
		}

		signature, err := signing.Sign(nil, p.key, p.public, topology.MultiHash)
		require.NoError(t, err)

		allocate := ledger.AllocateRequest{
			Synchronizer: p.home, Party: p.party, Transactions: topology.Transactions,
			Signatures: []signing.Signature{signature},
		}
		err = p.client.AllocateParty(within(t), allocate)
		require.True(t, ledger.IsPartyExists(err), "%v", err)
		require.Equal(t, ledger.Stop, ledger.Classify(err))

		connected, err := p.client.ConnectedSynchronizers(within(t), p.party)
		require.NoError(t, err)
		require.Len(t, connected, 1)

		allocate.Signatures = nil
		require.Error(t, p.client.AllocateParty(within(t), allocate))

		again.Hint = "no::hint"
		_, err = p.client.GenerateTopology(within(t), again)
		require.Equal(t, ledger.CodeInvalid, asError(t, err).Code)
	})
}

// A node that answers about another party or key, or with another hash, is not believed.
func TestTopologyThatIsNotWhatWasAskedFor(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{})
	asked := ledger.TopologyRequest{Synchronizer: p.home, Hint: "payer", Key: p.public}

	topology, err := p.client.GenerateTopology(within(t), asked)
	require.NoError(t, err)

	good := topologyAnswer(t, topology, p.public)

	for name, change := range map[string]func(string) string{
		"nothing": func(string) string { return `{"partyId":"","publicKeyFingerprint":"","multiHash":""}` },
		"another party": func(s string) string {
			return strings.Replace(s, "payer::", "prayer::", 1)
		},
		"another key":  func(s string) string { return strings.Replace(s, `int":"1220`, `int":"1221`, 1) },
		"another hash": func(s string) string { return strings.Replace(s, `"multiHash":"EiC`, `"multiHash":"EiD`, 1) },
		"no transactions": func(s string) string {
			before, _, _ := strings.Cut(s, `"topologyTransactions"`)

			return before + `"topologyTransactions":[],"multiHash":"EiC="}`
		},
		"as it is": func(s string) string { return s },
	} {
		n := newNode(t)
		n.before = func(w http.ResponseWriter, _ *http.Request) bool {
			reply(w, http.StatusOK, change(good))

			return true
		}

		_, err := newClient(t, n).GenerateTopology(within(t), asked)
		if name == "as it is" {
			require.NoError(t, err)

			continue
		}

		require.NotEqual(t, good, change(good), name)
		require.Equal(t, ledger.CodeMalformed, asError(t, err).Code, "%s: %v", name, err)
	}
}

func TestPreferredPackages(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})

		preferred, err := p.client.PreferredPackages(within(t), []ledger.PackageRequirement{
			{Name: "splice-amulet", Parties: []ident.Party{p.party, p.treasury}},
		}, p.home, p.clock.Now())
		require.NoError(t, err)
		require.Equal(t, p.home, preferred.Synchronizer)
		require.Len(t, preferred.Packages, 1)
		require.Equal(t, "splice-amulet", preferred.Packages[0].Name)

		request := p.transfer()
		request.PackageIDs = []string{preferred.Packages[0].ID}
		require.NoError(t, p.submits(p.signed(request)))

		_, err = p.client.PreferredPackages(within(t), []ledger.PackageRequirement{
			{Name: "no-such-package", Parties: []ident.Party{p.party}},
		}, "", time.Time{})
		require.Error(t, err)
	})
}

func topologyAnswer(t *testing.T, topology ledger.Topology, key signing.PublicKey) string {
	t.Helper()

	raw, err := json.Marshal(struct {
		Party        ident.Party         `json:"partyId"`
		Fingerprint  signing.Fingerprint `json:"publicKeyFingerprint"`
		Transactions [][]byte            `json:"topologyTransactions"`
		MultiHash    []byte              `json:"multiHash"`
	}{topology.Party, key.Fingerprint(), topology.Transactions, topology.MultiHash[:]})
	require.NoError(t, err)

	return string(raw)
}
