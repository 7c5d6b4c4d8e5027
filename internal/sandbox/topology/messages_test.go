package topology_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
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
	ids := func(n int) []string { return strings.Split(strings.Repeat("a,", n-1)+"a", ",") }

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
		"too many observing":     func(m map[string]any) { m["observingParticipantUids"] = ids(99) },
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

// schema is one of a published document's, closed, so that a member which it does not know is an error too.
func schema(tb testing.TB, doc *openapi3.T, name string) *openapi3.Schema {
	tb.Helper()

	closed := false

	for _, name := range []string{
		"GenerateExternalPartyTopologyRequest", "GenerateExternalPartyTopologyResponse", "AllocateExternalPartyRequest",
		"AllocateExternalPartyResponse", "SigningPublicKey", "SignedTransaction", "Signature",
	} {
		require.Contains(tb, doc.Components.Schemas, name)
		doc.Components.Schemas[name].Value.AdditionalProperties.Has = &closed
	}

	return doc.Components.Schemas[name].Value
}

// The messages are those of the published documents: a request and an answer of each endpoint, over a real socket.
func TestMessagesConformToThePublishedDocuments(t *testing.T) {
	t.Parallel()

	for file, style := range map[string]topology.Style{
		"ledger-api-3.3.openapi.yaml":    topology.Separate,
		"ledger-api-3.4.12.openapi.yaml": topology.SelfContained,
		"ledger-api-3.5.1.openapi.yaml":  topology.SelfContained,
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()

			doc, err := openapi3.NewLoader().LoadFromFile(shared(t, "specs/"+file))
			require.NoError(t, err)

			server := httptest.NewServer(onboardingNode(style))
			t.Cleanup(server.Close)

			h := edwards(t)
			ask := body(t, h, unchanged)
			conforms(t, schema(t, doc, "GenerateExternalPartyTopologyRequest"), ask)

			answer := post(t, server, "generate-topology", ask)
			conforms(t, schema(t, doc, "GenerateExternalPartyTopologyResponse"), answer)

			var generated topology.GenerateResponse

			require.NoError(t, strictjson.DecodeKnown(answer, &generated))

			g := topology.Generated{Transactions: generated.TopologyTransactions}
			copy(g.MultiHash[:], generated.MultiHash)

			order := allocate(t, h, g)
			order.OnboardingTransactions[0].Signatures = []topology.Signature{}
			conforms(t, schema(t, doc, "AllocateExternalPartyRequest"), marshal(t, order))

			answer = post(t, server, "allocate", marshal(t, order))
			conforms(t, schema(t, doc, "AllocateExternalPartyResponse"), answer)
			require.JSONEq(t, `{"partyId":"alice::`+string(h.key.Fingerprint())+`"}`, string(answer))
		})
	}
}

// onboardingNode serves both endpoints with nothing behind them.
func onboardingNode(style topology.Style) http.Handler {
	mux := http.NewServeMux()
	answer := func(path string, handle func(body []byte) (any, error)) {
		mux.HandleFunc("POST /"+path, func(w http.ResponseWriter, r *http.Request) {
			raw, err := io.ReadAll(r.Body)

			var out any

			if err == nil {
				out, err = handle(raw)
			}

			if err == nil {
				raw, err = strictjson.Encode(out)
			}

			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)

				return
			}

			_, _ = w.Write(raw)
		})
	}

	answer("generate-topology", func(body []byte) (any, error) {
		asked, err := topology.ParseGenerate(body)
		if err != nil {
			return nil, err
		}

		request, err := asked.Request(node("local"), style)
		if err != nil {
			return nil, err
		}

		g, err := topology.Generate(request)

		return g.Response(), err
	})

	answer("allocate", func(body []byte) (any, error) {
		asked, err := topology.ParseAllocate(body)
		if err != nil {
			return nil, err
		}

		o, err := asked.Verify()

		return topology.AllocateResponse{PartyID: o.Party}, err
	})

	return mux
}

func post(tb testing.TB, server *httptest.Server, path string, body []byte) []byte {
	tb.Helper()

	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, server.URL+"/"+path, bytes.NewReader(body))
	require.NoError(tb, err)

	response, err := server.Client().Do(request)
	require.NoError(tb, err)

	defer response.Body.Close()

	raw, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	require.Equal(tb, http.StatusOK, response.StatusCode, "%s", raw)

	return raw
}

func conforms(tb testing.TB, schema *openapi3.Schema, raw []byte) {
	tb.Helper()

	var value map[string]any

	require.NoError(tb, json.Unmarshal(raw, &value))
	require.NoError(tb, schema.VisitJSON(value, openapi3.MultiErrors()), "%s", raw)

	// The check can fail: one more member, or any of the required ones missing.
	value["extra"] = 1.0
	require.Error(tb, schema.VisitJSON(value))
	delete(value, "extra")

	for _, name := range schema.Required {
		kept := value[name]
		delete(value, name)
		require.Error(tb, schema.VisitJSON(value), name)

		value[name] = kept
	}
}
