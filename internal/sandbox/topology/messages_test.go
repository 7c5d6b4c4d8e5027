package topology_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const synchronizer = "global-domain::1220" + "abababababababababababababababababababababababababababababababab"

// body is a request as a third-party wallet writes it.
func body(tb testing.TB, h holder, change func(map[string]any)) []byte {
	tb.Helper()

	raw, _ := h.key.Raw()
	members := map[string]any{
		"synchronizer": synchronizer, "partyHint": "alice",
		"publicKey": map[string]any{
			"format": "CRYPTO_KEY_FORMAT_RAW", "keyData": base64.StdEncoding.EncodeToString(raw),
			"keySpec": "SIGNING_KEY_SPEC_EC_CURVE25519",
		},
		"localParticipantObservationOnly": false, "confirmationThreshold": 1,
		"otherConfirmingParticipantUids": []string{string(node("c"))}, "observingParticipantUids": []string{},
	}
	change(members)

	return marshal(tb, members)
}

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()

	raw, err := strictjson.Encode(v)
	require.NoError(tb, err)

	return raw
}

func unchanged(map[string]any) {}

func TestParseGenerate(t *testing.T) {
	t.Parallel()

	h := edwards(t)

	r, err := topology.ParseGenerate(body(t, h, unchanged))
	require.NoError(t, err)

	got, err := r.Request(node("local"), topology.Separate)
	require.NoError(t, err)
	require.Equal(t, topology.Request{
		Key: h.key, Hint: "alice", Local: node("local"), Confirming: []ident.ParticipantID{node("c")},
		Observing: []ident.ParticipantID{}, Threshold: 1, Style: topology.Separate,
	}, got)

	// What a client may leave out has Canton's defaults; what a later release adds is passed over.
	r, err = topology.ParseGenerate(body(t, h, func(m map[string]any) {
		delete(m, "localParticipantObservationOnly")
		delete(m, "confirmationThreshold")
		delete(m, "otherConfirmingParticipantUids")
		m["observingParticipantUids"] = nil
		m["addedLater"] = 1
	}))
	require.NoError(t, err)

	got, err = r.Request(node("local"), topology.SelfContained)
	require.NoError(t, err)

	g := generate(t, got)
	require.Equal(t, uint32(1), mapping[signing.PartyToParticipant](t, g.Transactions[0]).Threshold)

	r, err = topology.ParseGenerate(body(t, h, func(m map[string]any) { m["localParticipantObservationOnly"] = true }))
	require.NoError(t, err)

	got, err = r.Request(node("local"), topology.SelfContained)
	require.NoError(t, err)
	require.True(t, got.LocalObserves)
}

func TestKeysInEveryForm(t *testing.T) {
	t.Parallel()

	for _, h := range []holder{edwards(t), p256(t)} {
		r, err := topology.ParseGenerate(body(t, h, func(m map[string]any) {
			m["publicKey"] = topology.PublicKey{Format: signing.KeyFormatSPKI, Data: h.key.SPKI(), Spec: h.key.Spec()}
		}))
		require.NoError(t, err)

		got, err := r.Request(node("local"), topology.SelfContained)
		require.NoError(t, err)
		require.Equal(t, h.key, got.Key)

		g := generate(t, got)
		_, err = verifySigned(t, g.Transactions, h)
		require.NoError(t, err)
	}
}

func TestParseGenerateRefuses(t *testing.T) {
	t.Parallel()

	key := func(m map[string]any, member string, value any) {
		k, ok := m["publicKey"].(map[string]any)
		require.True(t, ok)

		k[member] = value
	}
	ids := func(n int) []string {
		var all []string
		for i := range n {
			all = append(all, string(node("n"+strings.Repeat("x", i))))
		}

		return all
	}

	for name, change := range map[string]func(map[string]any){
		"no synchronizer":        func(m map[string]any) { delete(m, "synchronizer") },
		"endless synchronizer":   func(m map[string]any) { m["synchronizer"] = strings.Repeat("a", 300) },
		"hint of another type":   func(m map[string]any) { m["partyHint"] = 1 },
		"no key":                 func(m map[string]any) { delete(m, "publicKey") },
		"key that is no base64":  func(m map[string]any) { key(m, "keyData", "%") },
		"key that is cut":        func(m map[string]any) { key(m, "keyData", "AAAA") },
		"key of another kind":    func(m map[string]any) { key(m, "keySpec", "SIGNING_KEY_SPEC_EC_P384") },
		"key of another form":    func(m map[string]any) { key(m, "format", "CRYPTO_KEY_FORMAT_SYMBOLIC") },
		"negative threshold":     func(m map[string]any) { m["confirmationThreshold"] = -1 },
		"fractional threshold":   func(m map[string]any) { m["confirmationThreshold"] = json.Number("1.5") },
		"threshold of 33 bits":   func(m map[string]any) { m["confirmationThreshold"] = int64(1) << 32 },
		"too many confirming":    func(m map[string]any) { m["otherConfirmingParticipantUids"] = ids(100) },
		"too many observing":     func(m map[string]any) { m["observingParticipantUids"] = ids(100) },
		"node without namespace": func(m map[string]any) { m["observingParticipantUids"] = []string{"a"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			raw := body(t, edwards(t), change)

			r, err := topology.ParseGenerate(raw)
			if err != nil {
				require.ErrorIs(t, err, topology.ErrInvalid)

				return
			}

			request, err := r.Request(node("local"), topology.SelfContained)
			if err != nil {
				require.ErrorIs(t, err, topology.ErrInvalid)

				return
			}

			_, err = topology.Generate(request)
			require.ErrorIs(t, err, topology.ErrInvalid)
		})
	}

	_, err := topology.ParseGenerate([]byte(`{"partyHint":"a","partyHint":"b"}`))
	require.ErrorIs(t, err, strictjson.ErrJSON)
}

// allocate is the request that a wallet makes of an answer.
func allocate(tb testing.TB, h holder, g topology.Generated) topology.AllocateRequest {
	tb.Helper()

	r := topology.AllocateRequest{
		Synchronizer:        synchronizer,
		MultiHashSignatures: []topology.Signature{topology.Signature(h.sign(tb, g.MultiHash))},
	}
	for _, raw := range g.Transactions {
		r.OnboardingTransactions = append(r.OnboardingTransactions, topology.SignedTransaction{Transaction: raw})
	}

	return r
}

func TestParseAllocate(t *testing.T) {
	t.Parallel()

	h := p256(t)
	g := generate(t, h.request(topology.Separate))

	r, err := topology.ParseAllocate(marshal(t, allocate(t, h, g)))
	require.NoError(t, err)
	require.True(t, r.Wait())
	require.True(t, r.Signed())

	o, err := r.Verify()
	require.NoError(t, err)
	require.Equal(t, g.Party, o.Party)

	// Signatures over each transaction, and the wishes of 3.5.
	own := allocate(t, h, g)
	own.MultiHashSignatures, own.WaitForAllocation, own.UserID = nil, new(bool), "wallet"

	for i, raw := range g.Transactions {
		s := h.sign(t, signing.TopologyTransactionHash(raw))
		own.OnboardingTransactions[i].Signatures = []topology.Signature{topology.Signature(s)}
	}

	r, err = topology.ParseAllocate(marshal(t, own))
	require.NoError(t, err)
	require.False(t, r.Wait())
	require.True(t, r.Signed())
	require.Equal(t, "wallet", r.UserID)

	_, err = r.Verify()
	require.NoError(t, err)

	// The second node of a party is told without signatures.
	for i := range own.OnboardingTransactions {
		own.OnboardingTransactions[i].Signatures = nil
	}

	r, err = topology.ParseAllocate(marshal(t, own))
	require.NoError(t, err)
	require.False(t, r.Signed())

	o, err = r.Read()
	require.NoError(t, err)
	require.Equal(t, g.MultiHash, o.MultiHash)

	_, err = r.Verify()
	require.ErrorIs(t, err, topology.ErrUnauthorized)
}

func TestParseAllocateRefuses(t *testing.T) {
	t.Parallel()

	h := edwards(t)
	g := generate(t, h.request(topology.SelfContained))

	for name, change := range map[string]func(*topology.AllocateRequest){
		"no synchronizer": func(r *topology.AllocateRequest) { r.Synchronizer = "" },
		"nothing":         func(r *topology.AllocateRequest) { r.OnboardingTransactions = nil },
		"too much": func(r *topology.AllocateRequest) {
			r.OnboardingTransactions = make([]topology.SignedTransaction, signing.MaxTopologyTransactions+1)
		},
		"endless user":              func(r *topology.AllocateRequest) { r.UserID = strings.Repeat("u", 129) },
		"endless identity provider": func(r *topology.AllocateRequest) { r.IdentityProviderID = strings.Repeat("u", 256) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			r := allocate(t, h, g)
			change(&r)

			_, err := topology.ParseAllocate(marshal(t, r))
			require.ErrorIs(t, err, topology.ErrInvalid)
		})
	}

	_, err := topology.ParseAllocate([]byte(`{"synchronizer":"a","onboardingTransactions":[{"transaction":"%"}]}`))
	require.ErrorIs(t, err, topology.ErrInvalid)
}
