package registry_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/token"
)

const admin ident.Party = "admin::1220aa"

const hiddenToken = "hidden-token"

// serve is a registry that answers as the handler says.
func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()

	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})

	return server.URL
}

// says answers everything alike.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// at is a client of one admin's registry at these URLs.
func at(t *testing.T, adjust func(*registry.Config), urls ...string) *registry.Client {
	t.Helper()

	one := registry.Registry{Admin: admin}
	for _, url := range urls {
		one.Endpoints = append(one.Endpoints,
			registry.Endpoint{URL: url, Tokens: &tokens{current: hiddenToken}})
	}

	cfg := registry.Config{Registries: []registry.Registry{one}}
	if adjust != nil {
		adjust(&cfg)
	}

	return newClient(t, cfg)
}

func someTransfer() token.Transfer {
	return token.Transfer{
		Sender: "alice::1220", Receiver: "bob::1220", Amount: amt("12.5"),
		Instrument:  ident.Instrument{Admin: admin, ID: "Coin"},
		RequestedAt: time.Date(2026, 8, 22, 10, 0, 0, 1000, time.UTC), ExecuteBefore: time.Date(2026, 8, 23, 0, 0, 0, 0, time.UTC),
		Inputs: []ident.ContractID{"00aa"},
	}
}

const goodContext = `{"choiceContextData": {"values":{"b":1,"a":{"tag":"AV_Text","value":"x"}}},
	"disclosedContracts":[{"templateId":"p:M:E","contractId":"00c1","createdEventBlob":"CgMy","synchronizerId":"g::1220"}]}`

// TestWhatToDo: each answer has its kind, on a context and on the factory.
func TestWhatToDo(t *testing.T) {
	t.Parallel()

	const said = `{"error":"no\nreason"}`

	for _, c := range []struct {
		status             int
		body               string
		onContext, onOther registry.Kind
	}{
		{200, goodContext, registry.KindNone, registry.Broken},
		{400, said, registry.Refused, registry.Refused},
		{422, said, registry.Refused, registry.Refused},
		{404, said, registry.Gone, registry.Refused},
		{410, `{"message":"x"}`, registry.Gone, registry.Refused},
		{404, "404 page not found", registry.Misconfigured, registry.Misconfigured},
		{404, `["no registry"]`, registry.Misconfigured, registry.Misconfigured},
		{400, "", registry.Misconfigured, registry.Misconfigured},
		{401, said, registry.Misconfigured, registry.Misconfigured},
		{403, said, registry.Misconfigured, registry.Misconfigured},
		{405, said, registry.Misconfigured, registry.Misconfigured},
		{408, said, registry.Later, registry.Later},
		{409, said, registry.Later, registry.Later},
		{429, said, registry.Later, registry.Later},
		{500, said, registry.Later, registry.Later},
		{503, "<html>down</html>", registry.Later, registry.Later},
		{302, said, registry.Misconfigured, registry.Misconfigured},
		{204, "", registry.Misconfigured, registry.Misconfigured},
	} {
		client := at(t, nil, serve(t, says(c.status, c.body)))

		_, err := client.AcceptContext(t.Context(), admin, "00aa", nil)
		require.Equal(t, c.onContext, registry.KindOf(err), "context, %d %s: %v", c.status, c.body, err)

		_, err = client.TransferFactory(t.Context(), someTransfer())
		require.Equal(t, c.onOther, registry.KindOf(err), "factory, %d %s: %v", c.status, c.body, err)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestAnswersThatCannotBeTrusted(t *testing.T) {
	t.Parallel()

	contract := func(field, value string) string {
		c := map[string]json.RawMessage{
			"templateId": json.RawMessage(`"p:M:E"`), "contractId": json.RawMessage(`"00c1"`),
			"createdEventBlob": json.RawMessage(`"CgMy"`), "synchronizerId": json.RawMessage(`"g::1220"`),
		}
		if c[field] = json.RawMessage(value); value == "" {
			delete(c, field)
		}

		raw, err := json.Marshal(c)
		require.NoError(t, err)

		return `{"choiceContextData":{},"disclosedContracts":[` + string(raw) + `]}`
	}
	many := strings.Repeat(`{"templateId":"p:M:E","contractId":"00c1","createdEventBlob":"CgMy","synchronizerId":""},`, 4)

	for name, body := range map[string]string{
		"garbage": "\x00\xff\x01", "nothing": "", "a page": "<html></html>", "null": "null", "a list": "[]", "half": goodContext[:80],
		"two values":         goodContext + goodContext,
		"a key twice":        `{"choiceContextData":{},"choiceContextData":{},"disclosedContracts":[]}`,
		"a key twice inside": `{"choiceContextData":{"values":{"a":1,"a":2}},"disclosedContracts":[]}`,
		"invalid UTF-8":      "{\"choiceContextData\":{\"values\":{\"\xff\":1}},\"disclosedContracts\":[]}",
		"no data":            `{"disclosedContracts":[]}`,
		"null data":          `{"choiceContextData":null,"disclosedContracts":[]}`,
		"data as text":       `{"choiceContextData":"{}","disclosedContracts":[]}`,
		"no list":            `{"choiceContextData":{}}`,
		"null list":          `{"choiceContextData":{},"disclosedContracts":null}`,
		"list as object":     `{"choiceContextData":{},"disclosedContracts":{}}`,
		"null contract":      `{"choiceContextData":{},"disclosedContracts":[null]}`,
		"too many":           `{"choiceContextData":{},"disclosedContracts":[` + many[:len(many)-1] + `]}`,
		"too deep":           `{"choiceContextData":` + strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70) + `,"disclosedContracts":[]}`,
		"deep in debug":      `{"choiceContextData":{},"disclosedContracts":[],"debug":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`,
		"too large":          `{"choiceContextData":{"values":{"a":"` + strings.Repeat("x", 1<<16) + `"}},"disclosedContracts":[]}`,
		"template":           contract("templateId", `"M:E"`), "template number": contract("templateId", "5"),
		"template with parts": contract("templateId", `{"packageId":"p","moduleName":"M:N","entityName":"E"}`),
		"no template":         contract("templateId", ""), "template object": contract("templateId", `{"packageId":"p"}`),
		"contract": contract("contractId", `""`), "contract with blank": contract("contractId", `"00 c1"`),
		"contract number": contract("contractId", "1"), "long contract": contract("contractId", `"`+strings.Repeat("0", 600)+`"`),
		"blob": contract("createdEventBlob", `"C_My"`), "no blob": contract("createdEventBlob", ""),
		"empty blob": contract("createdEventBlob", `""`), "blob with lines": contract("createdEventBlob", `"Cg\nMy"`),
		"synchronizer": contract("synchronizerId", `"g\u0000"`), "synchronizer number": contract("synchronizerId", "1"),
		"contradiction": `{"choiceContextData":{},"disclosedContracts":[
			{"templateId":"p:M:E","contractId":"00c1","createdEventBlob":"CgMy","synchronizerId":""},
			{"templateId":"p:M:E","contractId":"00c1","createdEventBlob":"CgMz","synchronizerId":""}]}`,
	} {
		client := at(t, func(c *registry.Config) { c.MaxDisclosed, c.MaxAnswer = 3, 1<<15 }, serve(t, says(200, body)))

		_, err := client.WithdrawContext(t.Context(), admin, "00aa", nil)
		require.Equal(t, registry.Broken, registry.KindOf(err), "%s: %v", name, err)
		require.Less(t, len(err.Error()), 800, name)
	}
}

func TestFactoriesThatCannotBeTrusted(t *testing.T) {
	t.Parallel()

	for name, body := range map[string]string{
		"no id":            `{"transferKind":"offer","choiceContext":` + goodContext + `}`,
		"id with a blank":  `{"factoryId":"0 0","transferKind":"offer","choiceContext":` + goodContext + `}`,
		"no kind":          `{"factoryId":"00","choiceContext":` + goodContext + `}`,
		"unknown kind":     `{"factoryId":"00","transferKind":"Direct","choiceContext":` + goodContext + `}`,
		"self to others":   `{"factoryId":"00","transferKind":"self","choiceContext":` + goodContext + `}`,
		"no context":       `{"factoryId":"00","transferKind":"offer"}`,
		"an empty context": `{"factoryId":"00","transferKind":"offer","choiceContext":{}}`,
	} {
		_, err := at(t, nil, serve(t, says(200, body))).TransferFactory(t.Context(), someTransfer())
		require.Equal(t, registry.Broken, registry.KindOf(err), "%s: %v", name, err)
	}
}

func TestToleratedAnswers(t *testing.T) {
	t.Parallel()

	got, err := at(t, nil, serve(t, says(200, `{"x":1,"choiceContextData": {"values" : {"b":1.50,"a":"\u0041"}} ,
		"disclosedContracts":[
			{"templateId":{"packageId":"p","moduleName":"M","entityName":"E"},"contractId":"00c1","createdEventBlob":"CgMy",
			 "synchronizerId":"","debugPackageName":5,"debugPayload":"?","debugCreatedAt":{}},
			{"templateId":"#p:M:E","contractId":"00c2","createdEventBlob":"CgMy"},
			{"templateId":"#p:M:E","contractId":"00c2","createdEventBlob":"CgMy","synchronizerId":null}]}`),
	)).RejectContext(t.Context(), admin, "00aa", nil)
	require.NoError(t, err)

	asItCame := `{"values" : {"b":1.50,"a":"\u0041"}}`
	require.Equal(t, asItCame, string(got.Data))
	require.Equal(t, []registry.DisclosedContract{
		{Template: ident.Name{Package: "p", Module: "M", Entity: "E"}, Contract: "00c1", Blob: "CgMy"},
		{Template: ident.Name{Package: "#p", Module: "M", Entity: "E"}, Contract: "00c2", Blob: "CgMy"},
	}, got.Disclosed)

	coin := ident.Instrument{Admin: admin, ID: "Coin"}
	coinNow, err := at(t, nil, serve(t, says(200, `{"id":"Coin","name":"A\u0000B\u2028\u009b`+strings.Repeat("é", 200)+`","totalSupply":5,
		"paused":true,"pauseInfo":{"reason":"au\ndit","until":"2026-08-22T00:00:00Z"}}`))).Instrument(t.Context(), coin)
	require.NoError(t, err)
	require.Equal(t, "AB"+strings.Repeat("é", 126), coinNow.Name)
	require.Equal(t, int32(10), coinNow.Decimals, "the default")
	require.True(t, coinNow.Paused)
	require.Equal(t, "audit", coinNow.PauseReason)
	require.Equal(t, time.Date(2026, 8, 22, 0, 0, 0, 0, time.UTC), coinNow.PausedUntil)

	coinNow, err = at(t, nil, serve(t, says(200, `{"id":"Coin","decimals":0,"pauseInfo":null}`))).Instrument(t.Context(), coin)
	require.NoError(t, err)
	require.Zero(t, coinNow.Decimals)
	require.False(t, coinNow.Paused)
}

// TestBoundHoldsForWhatIsDecompressed: a small answer must not become a large one.
func TestBoundHoldsForWhatIsDecompressed(t *testing.T) {
	t.Parallel()

	var packed bytes.Buffer

	z := gzip.NewWriter(&packed)
	_, err := z.Write(bytes.Repeat([]byte(" "), registry.DefaultMaxAnswer+1))
	require.NoError(t, err)
	require.NoError(t, z.Close())

	for _, status := range []int{200, 503} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(status)
			_, _ = w.Write(packed.Bytes())
		})

		_, err := at(t, nil, url).Info(t.Context(), admin)
		want := map[int]registry.Kind{200: registry.Broken, 503: registry.Later}[status]
		require.Equal(t, want, registry.KindOf(err), "%v", err)

		if status == http.StatusOK {
			require.ErrorContains(t, err, "more than")
		}
	}
}

func TestEndlessAnswers(t *testing.T) {
	t.Parallel()

	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<15)); err != nil {
				return
			}
		}
	})

	client := at(t, func(c *registry.Config) { c.MaxAnswer, c.RequestTimeout = 1<<16, 2*time.Second }, url)
	_, err := client.Info(t.Context(), admin)
	require.Equal(t, registry.Broken, registry.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "more than 65536 bytes")
}

func TestSlowAnswers(t *testing.T) {
	t.Parallel()

	// It begins to answer and never ends, until the client goes away.
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"adminId":`)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})

	client := at(t, func(c *registry.Config) { c.RequestTimeout = 50 * time.Millisecond }, url)
	_, err := client.Info(t.Context(), admin)
	require.Equal(t, registry.Later, registry.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "in time")

	ended, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()

	_, err = at(t, nil, url).Info(ended, admin)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Equal(t, registry.KindNone, registry.KindOf(err), "our own context is no registry's fault")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()

	elsewhere := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("followed") })
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})

	_, err := at(t, nil, url).TransferFactory(t.Context(), someTransfer())
	require.Equal(t, registry.Misconfigured, registry.KindOf(err))
	require.ErrorContains(t, err, elsewhere)
}

// TestTokensStaySecret: whatever a registry echoes.
func TestTokensStaySecret(t *testing.T) {
	t.Parallel()

	var log syncBuffer

	for _, status := range []int{200, 302, 400, 401, 404, 500} {
		for _, body := range []string{`{"error":"TOKEN"}`, "TOKEN", `{"factoryId":"TOKEN\n","adminId":"TOKEN"}`} {
			url := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "/"+r.Header.Get("Authorization"))
				w.WriteHeader(status)
				_, _ = strings.NewReplacer("TOKEN", r.Header.Get("Authorization")).WriteString(w, body)
			})
			client := at(t, func(c *registry.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }, url)

			_, err := client.TransferFactory(t.Context(), someTransfer())
			require.Error(t, err)
			require.NotContains(t, err.Error(), hiddenToken)

			_, err = client.Info(t.Context(), admin)
			require.Error(t, err)
			require.NotContains(t, err.Error(), hiddenToken)
		}
	}

	require.Contains(t, log.String(), "[redacted]")
	require.NotContains(t, log.String(), hiddenToken)

	_, err := at(t, func(c *registry.Config) {
		c.Registries[0].Endpoints[0].Tokens = &tokens{current: "two words"}
	}, "http://127.0.0.1:1").Info(t.Context(), admin)
	require.Equal(t, registry.Misconfigured, registry.KindOf(err))
	require.NotContains(t, err.Error(), "two words")
}

// syncBuffer is a buffer for several writers.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.b.String()
}
