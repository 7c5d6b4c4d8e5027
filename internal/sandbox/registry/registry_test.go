package registry_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/sandbox/registry"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger/offledgertest"
)

const (
	get  = http.MethodGet
	post = http.MethodPost

	transferFactory   = "/registry/transfer-instruction/v1/transfer-factory"
	allocationFactory = "/registry/allocation-instruction/v1/allocation-factory"
	instruments       = "/registry/metadata/v1/instruments"
)

// where are all the places of Canton Coin's registry, before /registry.
func where() []string {
	return []string{
		"", "/api/scan", "/api/validator/v0/scan-proxy",
		"/api/token-standard/v0/registrars/" + string(dso),
		"/api/token-standard/v0/registrars/" + offledgertest.Escaped(string(dso)),
	}
}

// call is one request, with the path as the document spells it.
type call struct {
	document string
	method   string
	spec     string
	path     string
	body     any
	status   int
}

func calls() []call {
	const (
		metadata    = "token-metadata-v1.yaml"
		transfer    = "transfer-instruction-v1.yaml"
		instruction = "allocation-instruction-v1.yaml"
		allocation  = "allocation-v1.yaml"
	)

	arguments := map[string]any{"choiceArguments": map[string]any{"expectedAdmin": dso}}
	one := instruments + "/{instrumentId}"

	list := []call{
		{metadata, get, "/registry/metadata/v1/info", "/registry/metadata/v1/info", nil, 200},
		{metadata, get, instruments, instruments, nil, 200},
		{metadata, get, one, instruments + "/Amulet", nil, 200},
		{metadata, get, one, instruments + "/amulet", nil, 404},
		{transfer, post, transferFactory, transferFactory, arguments, 200},
		{transfer, post, transferFactory, transferFactory, "{}", 400},
		{instruction, post, allocationFactory, allocationFactory, arguments, 200},
		{instruction, post, allocationFactory, allocationFactory, "[]", 400},
	}

	for _, choice := range []string{"accept", "reject", "withdraw"} {
		path := "/registry/transfer-instruction/v1/%s/choice-contexts/" + choice
		spec := fmt.Sprintf(path, "{transferInstructionId}")
		list = append(list,
			call{transfer, post, spec, fmt.Sprintf(path, known), map[string]any{"meta": map[string]any{"a": "b"}}, 200},
			call{transfer, post, spec, fmt.Sprintf(path, gone), "{}", 404},
			call{transfer, post, spec, fmt.Sprintf(path, known), `{"meta":{"a":1}}`, 400})
	}

	for _, choice := range []string{"execute-transfer", "withdraw", "cancel"} {
		path := "/registry/allocations/v1/%s/choice-contexts/" + choice
		spec := fmt.Sprintf(path, "{allocationId}")
		list = append(list,
			call{allocation, post, spec, fmt.Sprintf(path, known), "{}", 200},
			call{allocation, post, spec, fmt.Sprintf(path, gone), "{}", 404},
			call{allocation, post, spec, fmt.Sprintf(path, strings.Repeat("0", 600)), "{}", 400})
	}

	return list
}

func TestAnswersConformToThePublishedDocuments(t *testing.T) {
	t.Parallel()

	for _, prefix := range where() {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()

			f := newFake()
			server := f.serve(t)
			asked, published := map[string]bool{}, map[string]bool{}

			for _, c := range calls() {
				doc := offledgertest.Document(t, c.document)
				answer := server.Ask(c.method, prefix+c.path, c.body)
				require.Equal(t, c.status, answer.Status, "%s: %s", c.path, answer.Raw)
				offledgertest.Conforms(t, doc, c.method, c.spec, answer)

				asked[c.spec] = true
				for path := range doc.Paths.Map() {
					published[path] = true
				}
			}

			require.Equal(t, published, asked)

			require.Equal(t, []string{
				"instruction accept", "instruction reject", "instruction withdraw",
				"allocation execute-transfer", "allocation withdraw", "allocation cancel",
			}, f.choices)
		})
	}
}

func TestOnlyTheScanProxyDemandsAToken(t *testing.T) {
	t.Parallel()

	server := newFake().serve(t)
	server.Token = ""

	for _, prefix := range where() {
		want := http.StatusOK
		if strings.Contains(prefix, "scan-proxy") {
			want = http.StatusUnauthorized
		}

		require.Equal(t, want, server.Ask(get, prefix+instruments, nil).Status, prefix)
	}
}

func TestARegistrarServesItsOwnTokens(t *testing.T) {
	t.Parallel()

	server := newFake().serve(t)

	for _, admin := range []string{string(acme), offledgertest.Escaped(string(acme))} {
		root := "/api/token-standard/v0/registrars/" + admin
		require.Equal(t, string(acme), server.Object(server.Ask(get, root+"/registry/metadata/v1/info", nil))["adminId"])
		require.Len(t, server.Object(server.Ask(get, root+instruments, nil))["instruments"], 3)
		server.Refused(404, server.Ask(get, root+instruments+"/Amulet", nil))

		// An id may hold what paths escape.
		found := server.Object(server.Ask(get, root+instruments+"/"+offledgertest.Escaped("z/100%25 ünd"), nil))
		require.Equal(t, "z/100%25 ünd", found["id"])
		require.Equal(t, "50%41", server.Object(server.Ask(get, root+instruments+"/50%2541", nil))["id"])
	}

	root := "/api/token-standard/v0/registrars/" + string(nobody)
	for _, path := range []string{"/registry/metadata/v1/info", instruments, instruments + "/Amulet"} {
		server.Refused(404, server.Ask(get, root+path, nil))
	}

	server.Refused(404, server.Ask(post, root+transferFactory, `{"choiceArguments":{}}`))
	server.Refused(400, server.Ask(get, "/api/token-standard/v0/registrars/nobody/registry/metadata/v1/info", nil))
}

func TestFactoryAndContextGoThroughUnchanged(t *testing.T) {
	t.Parallel()

	f := newFake()
	server := f.serve(t)

	const arguments = `{"expectedAdmin":"x","transfer":{"amount":"1.0000000000","n":12345678901234567890}}`

	disclosed := `{"templateId":"abcd:Splice.Round:OpenMiningRound","contractId":"00c1","createdEventBlob":"/wD+",
		"synchronizerId":"global::1220dd"`
	debug := `,"debugPackageName":"splice-amulet","debugPayload":{"dso":"DSO::1220aa"},
		"debugCreatedAt":"2026-08-22T10:00:00Z"`
	choiceContext := func(debug string) string {
		return `{"choiceContextData":` + context + `,"disclosedContracts":[` + disclosed + debug + `}]}`
	}

	for exclude, shown := range map[string]string{
		"": debug, `,"excludeDebugFields":false`: debug, `,"excludeDebugFields":true`: "",
	} {
		request := `{"choiceArguments":` + arguments + exclude + `}`

		answer := server.Ask(post, transferFactory, request)
		require.JSONEq(t, `{"factoryId":"00fa","transferKind":"offer","choiceContext":`+choiceContext(shown)+`}`,
			string(answer.Raw))
		require.Contains(t, string(f.arguments), "12345678901234567890", "a number must not be rounded on the way")
		require.JSONEq(t, arguments, string(f.arguments))

		answer = server.Ask(post, allocationFactory, request)
		require.JSONEq(t, `{"factoryId":"00fa","choiceContext":`+choiceContext(shown)+`}`, string(answer.Raw))

		answer = server.Ask(post, "/registry/allocations/v1/"+known+"/choice-contexts/cancel", `{"x":1`+exclude+`}`)
		require.JSONEq(t, choiceContext(shown), string(answer.Raw))
	}
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()

	f := newFake()
	server := f.serve(t)
	accept := "/registry/transfer-instruction/v1/" + known + "/choice-contexts/accept"
	huge := `{"choiceArguments":{"a":"` + strings.Repeat("x", 1<<20) + `"}}`

	for name, c := range map[string]struct {
		method, path, body string
		status             int
	}{
		"no body":             {post, accept, "", 400},
		"two values":          {post, accept, "{}{}", 400},
		"duplicate member":    {post, accept, `{"meta":{},"meta":{}}`, 400},
		"no arguments":        {post, transferFactory, "{}", 400},
		"null arguments":      {post, transferFactory, `{"choiceArguments":null}`, 400},
		"arguments no object": {post, allocationFactory, `{"choiceArguments":"x"}`, 400},
		"duplicate inside":    {post, transferFactory, `{"choiceArguments":{"amount":"1","amount":"2"}}`, 400},
		"wrong switch":        {post, transferFactory, `{"choiceArguments":{},"excludeDebugFields":"yes"}`, 400},
		"invalid text":        {post, transferFactory, "{\"choiceArguments\":{\"a\":\"\xff\"}}", 400},
		"too large":           {post, transferFactory, huge, 413},
		"page of none":        {get, instruments + "?pageSize=0", "", 400},
		"page of many":        {get, instruments + "?pageSize=2147483648", "", 400},
		"page of what":        {get, instruments + "?pageSize=x", "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			text := server.Refused(c.status, server.Ask(c.method, c.path, c.body))
			require.Less(t, len(text), 600)
		})
	}

	t.Cleanup(func() {
		require.Nil(t, f.arguments, "a refused request reached the ledger")
		require.Empty(t, f.choices)
	})
}

func TestRefusalsHaveTheirStatus(t *testing.T) {
	t.Parallel()

	for status, err := range map[int]error{
		400: offledger.ErrInvalid, 404: offledger.ErrUnknown, 409: offledger.ErrConflict,
		503: offledger.ErrUnavailable, 500: errors.New("something else"),
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()

			f := newFake()
			server := f.serve(t)

			for _, c := range calls() {
				if c.status != 200 {
					continue
				}

				// What strangers wrote into an error must neither break the answer nor make it long.
				for _, quoted := range []string{"", "\xff", strings.Repeat("é", 1000), "x" + strings.Repeat("é", 1000)} {
					f.err = fmt.Errorf("the fault %s: %w", quoted, err)
					text := server.Refused(status, server.Ask(c.method, c.path, c.body))
					require.Contains(t, text, "the fault")
					require.Less(t, len(text), 600)
				}
			}
		})
	}
}

func TestPagesHoldEveryInstrumentOnce(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(rt *rapid.T) {
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z&+#=% é]{1,6}`), 0, 60, rapid.ID).Draw(rt, "ids")
		size := rapid.IntRange(1, 70).Draw(rt, "size")

		f := newFake()
		f.tokens[dso] = nil

		for _, id := range names {
			f.tokens[dso] = append(f.tokens[dso], registry.Instrument{ID: id})
		}

		server := f.serve(t)

		var (
			seen  []string
			token string
		)

		for range len(names) + 1 {
			var page struct {
				Instruments []struct {
					ID string `json:"id"`
				} `json:"instruments"`
				Next string `json:"nextPageToken"`
			}

			query := fmt.Sprintf("?pageSize=%d&pageToken=%s", size, offledgertest.Escaped(token))
			require.NoError(rt, json.Unmarshal(server.Ask(get, instruments+query, nil).Raw, &page))
			require.LessOrEqual(rt, len(page.Instruments), size)

			require.True(rt, len(page.Instruments) > 0 || len(names) == 0, "an empty page at the end")

			for _, i := range page.Instruments {
				seen = append(seen, i.ID)
			}

			if token = page.Next; token == "" {
				break
			}

			require.Len(rt, page.Instruments, size, "only the last page may be short")
		}

		require.Empty(rt, token)
		require.ElementsMatch(rt, names, seen)
		require.IsIncreasing(rt, append([]string{""}, seen...))
	})
}

func TestAPageIsBoundedWhateverIsAsked(t *testing.T) {
	t.Parallel()

	f := newFake()
	for i := range 1100 {
		f.tokens[dso] = append(f.tokens[dso], registry.Instrument{ID: fmt.Sprint(i)})
	}

	server := f.serve(t)
	require.Len(t, server.Object(server.Ask(get, instruments, nil))["instruments"], 25)
	require.Len(t, server.Object(server.Ask(get, instruments+"?pageSize=2000000000", nil))["instruments"], 1000)
}

func TestInstrumentTellsSupplyAndPause(t *testing.T) {
	t.Parallel()

	f := newFake()
	server := f.serve(t)

	found := server.Object(server.Ask(get, instruments+"/Amulet", nil))
	require.Equal(t, "7.0000000000", found["totalSupply"])
	require.Equal(t, "2026-08-22T09:00:00.123456Z", found["totalSupplyAsOf"])
	require.InDelta(t, 10, found["decimals"], 0)
	require.NotContains(t, found, "paused")

	f.tokens[dso] = []registry.Instrument{
		{ID: "a", Pause: &registry.Pause{Reason: "audit", Until: time.Unix(0, 0)}}, {ID: "b", Pause: &registry.Pause{}},
	}

	found = server.Object(server.Ask(get, instruments+"/a", nil))
	require.NotContains(t, found, "totalSupply")
	require.InDelta(t, 0, found["decimals"], 0)
	require.Equal(t, true, found["paused"])
	require.Equal(t, map[string]any{"reason": "audit", "until": "1970-01-01T00:00:00Z"}, found["pauseInfo"])
	require.Equal(t, true, server.Object(server.Ask(get, instruments+"/b", nil))["paused"])
}
