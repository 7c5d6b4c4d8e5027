package topology_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/strictjson"
)

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
