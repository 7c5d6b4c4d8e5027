package ledger_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// Every completion once and in order, over streams that are cut and opened again where they were.
func TestCompletionsAreResumed(t *testing.T) {
	t.Parallel()

	for _, sockets := range []bool{true, false} {
		t.Run(fmt.Sprint("sockets ", sockets), func(t *testing.T) {
			t.Parallel()

			p := newPayer(t, sandbox.Config{Version: sandbox.V34})
			if !sockets {
				p.withoutSockets()
			}

			begin := p.LedgerEnd()
			want := []string{}

			for range 8 {
				execute := p.signed(p.transfer())
				require.NoError(t, p.submits(execute))

				want = append(want, execute.SubmissionID)
			}

			got := []string{}

			for at := begin; len(got) < len(want); {
				s, err := p.client.OpenCompletions(within(t), p.completions(at))
				require.NoError(t, err)
				require.Equal(t, sockets, s.Transport() == "websocket")

				for range 3 { // and the rest is read ahead in vain
					item, err := s.Next(within(t))
					require.NoError(t, err)

					if item.Completion != nil {
						got = append(got, item.Completion.SubmissionID)
					}
				}

				at = s.Position()
				require.NoError(t, s.Close())

				_, err = s.Next(within(t))
				for err == nil { // what was read ahead may still come
					_, err = s.Next(within(t))
				}

				require.True(t, ledger.IsStreamClosed(err), "%v", err)
			}

			require.Equal(t, want, got)
		})
	}
}

// A stream that stays open gives what comes later, once.
func TestCompletionsKeepComing(t *testing.T) {
	t.Parallel()

	for _, sockets := range []bool{true, false} {
		t.Run(fmt.Sprint("sockets ", sockets), func(t *testing.T) {
			t.Parallel()

			p := newPayer(t, sandbox.Config{})
			if !sockets {
				p.withoutSockets()
			}

			s, err := p.client.OpenCompletions(within(t), p.completions(p.LedgerEnd()))
			require.NoError(t, err)

			for range 4 {
				execute := p.signed(p.transfer())
				require.NoError(t, p.submits(execute))

				var item ledger.CompletionItem
				for item.Completion == nil {
					item, err = s.Next(within(t))
					require.NoError(t, err)
				}

				require.Equal(t, execute.SubmissionID, item.Completion.SubmissionID)
			}

			require.NoError(t, s.Close())
		})
	}
}

// withoutSockets makes something on the way refuse websockets.
func (p *payer) withoutSockets() {
	p.t.Helper()

	client, err := ledger.New(ledger.Config{
		URL: p.url, Tokens: ledger.StaticToken(sandboxToken), RequestTimeout: patience,
		HTTPClient: &http.Client{Transport: refusingUpgrades{counting{p.sent}}},
	})
	require.NoError(p.t, err)
	client.Rhythm(patience, patience)

	p.client = client
}

type refusingUpgrades struct{ next http.RoundTripper }

func (u refusingUpgrades) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Upgrade") != "" {
		return &http.Response{
			StatusCode: http.StatusBadRequest, Header: http.Header{}, Body: http.NoBody, Request: r,
		}, nil
	}

	return u.next.RoundTrip(r)
}

func TestCompletionsThatAreRefused(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{})

	for name, r := range map[string]ledger.CompletionsRequest{
		"no parties": {UserID: ledgerUser},
		"backwards":  {UserID: ledgerUser, Parties: []ident.Party{p.party}, Begin: -1},
	} {
		_, err := p.client.Completions(within(t), r)
		require.Equal(t, ledger.CodeInvalid, asError(t, err).Code, name)

		_, err = p.client.OpenCompletions(within(t), r)
		require.Equal(t, ledger.CodeInvalid, asError(t, err).Code, name)
	}

	require.NoError(t, p.Prune(p.LedgerEnd()))

	_, err := p.client.Completions(within(t), p.completions(0))
	_, pruned := ledger.IsPruned(err)
	require.True(t, pruned, "%v", err)

	s, err := p.client.OpenCompletions(within(t), p.completions(0))
	require.NoError(t, err)

	_, err = s.Next(within(t))
	_, pruned = ledger.IsPruned(err)
	require.True(t, pruned, "%v", err)
	require.NoError(t, s.Close())
}

// completed lists one item from a node that gives exactly that.
func completed(t *testing.T, items ...string) ([]ledger.CompletionItem, error) {
	t.Helper()

	n := newNode(t)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/v2/commands/completions" {
			return false
		}

		reply(w, http.StatusOK, "["+strings.Join(items, ",")+"]")

		return true
	}

	return newClient(t, n).Completions(within(t), ledger.CompletionsRequest{
		Parties: []ident.Party{party}, Begin: 5,
	})
}

func completionItem(members string) string {
	return `{"completionResponse":{"Completion":{"value":{"commandId":"c","userId":"u","actAs":["` + string(party) +
		`"],"submissionId":"s",` + members + `}}}}`
}

func failedWith(message string, details ...string) string {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}

	return completionItem(`"offset":9,"updateId":"","status":{"code":10,"message":` + string(text) + `,"details":[` +
		strings.Join(details, ",") + `]}`)
}

// info is a google.rpc.ErrorInfo with its domain, as a node sends it.
func info(reason, category, definiteAnswer string) string {
	raw := protowire.AppendTag(nil, 1, protowire.BytesType)
	raw = protowire.AppendString(raw, reason)
	raw = protowire.AppendTag(raw, 2, protowire.BytesType)
	raw = protowire.AppendString(raw, "com.digitalasset.canton")

	for _, m := range [][2]string{{"category", category}, {"definite_answer", definiteAnswer}} {
		entry := protowire.AppendTag(nil, 1, protowire.BytesType)
		entry = protowire.AppendString(entry, m[0])
		entry = protowire.AppendTag(entry, 2, protowire.BytesType)
		entry = protowire.AppendString(entry, m[1])
		raw = protowire.AppendTag(raw, 3, protowire.BytesType)
		raw = protowire.AppendBytes(raw, entry)
	}

	return detail("type.googleapis.com/google.rpc.ErrorInfo", raw)
}

func detail(kind string, raw []byte) string {
	return `{"typeUrl":"` + kind + `","value":"` + base64.StdEncoding.EncodeToString(raw) +
		`","unknownFields":{"fields":{}},"valueDecoded":"x"}`
}

func TestErrorsOfCompletions(t *testing.T) {
	t.Parallel()

	retry := detail("type.googleapis.com/google.rpc.RetryInfo", []byte{0x0a, 0x02, 0x08, 0x01})

	for name, tc := range map[string]struct {
		item     string
		code     string
		category ledger.Category
		definite ledger.Definite
		want     ledger.Outcome
	}{
		"details": {
			failedWith("text", retry, info("LOCAL_VERDICT_INACTIVE_CONTRACTS", "11", "true")),
			"LOCAL_VERDICT_INACTIVE_CONTRACTS", ledger.CategoryMissing, ledger.DefiniteYes, anew,
		},
		"details before text": {
			failedWith("SEQUENCER_BACKPRESSURE(2,0): x", info("DUPLICATE_COMMAND", "10", "false")),
			"DUPLICATE_COMMAND", ledger.CategoryExists, ledger.DefiniteNo, committed,
		},
		"text": {
			failedWith("SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT(9,0a1b): no credit", retry),
			"SEQUENCER_NOT_ENOUGH_TRAFFIC_CREDIT", ledger.CategoryInvalidNow, ledger.DefiniteUnsaid, noTraffic,
		},
		"a sentence": {
			failedWith("something went wrong (again), sorry"), ledger.CodeRefused, ledger.CategoryNone, 0, rejected,
		},
		"details that are none": {
			failedWith("X", detail("type.googleapis.com/google.rpc.ErrorInfo", []byte{0x0a, 0xff})),
			ledger.CodeRefused, ledger.CategoryNone, 0, rejected,
		},
		"a category that is none": {
			failedWith("X(99,0)"), "X", ledger.CategoryNone, 0, rejected,
		},
		"a code that is none": {
			failedWith("X(2,0)", info("a code <script>", "2", "")), "X", ledger.CategoryContention, 0, again,
		},
	} {
		items, err := completed(t, tc.item)
		require.NoError(t, err, name)
		require.Len(t, items, 1, name)

		e := items[0].Completion.Err
		require.Equal(t, tc.code, e.Code, name)
		require.Equal(t, tc.category, e.Category, name)
		require.Equal(t, tc.definite, e.Definite, name)
		require.Equal(t, 10, e.GRPC, name)
		require.Equal(t, tc.want, items[0].Completion.Outcome(), name)
		require.Equal(t, ident.Offset(9), items[0].Offset, name)
	}
}

func TestCompletionsThatCannotBe(t *testing.T) {
	t.Parallel()

	good := completionItem(`"offset":9,"updateId":"1220ab","status":{"code":0,"message":""}`)

	_, err := completed(t, good)
	require.NoError(t, err)

	for name, items := range map[string][]string{
		"a number":             {`7`},
		"nothing":              {`{"completionResponse":{}}`},
		"both":                 {strings.Replace(good, `"Completion"`, `"OffsetCheckpoint":{"value":{"offset":9}},"Completion"`, 1)},
		"neither end":          {completionItem(`"offset":9,"updateId":"","status":{"code":0,"message":""}`)},
		"no status, no update": {completionItem(`"offset":9`)},
		"both ends":            {completionItem(`"offset":9,"updateId":"1220ab","status":{"code":9,"message":"X"}`)},
		"no offset":            {completionItem(`"updateId":"1220ab"`)},
		"twice":                {good, good},
		"before the beginning": {completionItem(`"offset":5,"updateId":"1220ab"`)},
		"a long id":            {completionItem(`"offset":9,"updateId":"1220ab"`)[:60] + strings.Repeat("c", 300) + completionItem(`"offset":9`)[60:]},
		"a backward checkpoint": {
			`{"completionResponse":{"OffsetCheckpoint":{"value":{"offset":-1}}}}`,
		},
		"a time that is none": {completionItem(`"offset":9,"updateId":"1220ab","synchronizerTime":{"synchronizerId":"s::1",` +
			`"recordTime":"soon"}`)},
		"an update id that is none": {completionItem(`"offset":9,"updateId":"a b"`)},
	} {
		_, err := completed(t, items...)
		require.Equal(t, ledger.CodeMalformed, asError(t, err).Code, "%s: %v", name, err)
	}
}

func TestCheckpointsOfCompletions(t *testing.T) {
	t.Parallel()

	items, err := completed(t,
		`{"completionResponse":{"OffsetCheckpoint":{"value":{"offset":5,"synchronizerTimes":[{"synchronizerId":"`+
			synchronizer+`","recordTime":"2026-01-02T03:04:05.000001Z"}]}}}}`, `{"completionResponse":{"Empty":{}}}`)
	require.NoError(t, err)
	require.Equal(t, ident.Offset(5), items[0].Offset)
	require.Nil(t, items[0].Completion)
	require.Equal(t, ident.SynchronizerID(synchronizer), items[0].Times[0].Synchronizer)
	require.Equal(t, 1000, items[0].Times[0].RecordTime.Nanosecond())
	require.Equal(t, ledger.CompletionItem{}, items[1])
}

// A node that lists fewer than we ask for is asked for fewer.
func TestShortListsOfCompletions(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{Version: sandbox.V34, ListLimit: 50})
	begin := p.LedgerEnd()
	require.NoError(t, p.submits(p.signed(p.transfer())))

	items, err := p.client.Completions(within(t), p.completions(begin))
	require.NoError(t, err)
	require.NotNil(t, items[0].Completion)
	require.Positive(t, items[0].Completion.PaidTraffic)
}

// FuzzErrorInfo reads what a node may send as the detail of a status: any bytes, without harm and within bounds.
func FuzzErrorInfo(f *testing.F) {
	f.Add([]byte{}, "X(2,0): y")
	f.Add([]byte{0x0a, 0x01, 'X', 0x1a, 0x04, 0x0a, 0x00, 0x12, 0x00}, "")
	f.Add([]byte{0x0a, 0xff, 0xff}, "(")
	f.Add([]byte{0x08, 0x01, 0x0d, 1, 2, 3, 4}, "A")

	f.Fuzz(func(t *testing.T, raw []byte, message string) {
		e := ledger.StatusError(message, raw)
		require.Equal(t, ledger.StageCompletion, e.Stage)
		require.NotEmpty(t, e.Code)
		require.LessOrEqual(t, len(e.Context), 32)
		require.NotPanics(t, func() { _ = ledger.OutcomeOf(e) })

		for _, text := range append([]string{e.Code, e.Cause}, pairs(e.Context)...) {
			require.False(t, strings.ContainsAny(text, "\x00\n\x1b"), "%q", text)
			require.Less(t, len(text), 6000)
		}
	})
}

func pairs(m map[string]string) []string {
	out := make([]string, 0, 2*len(m))
	for k, v := range m {
		out = append(out, k, v)
	}

	return out
}
