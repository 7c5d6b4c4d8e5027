package ledger_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
)

func created(cid string) string {
	return fmt.Sprintf(`{"offset":7,"nodeId":3,"contractId":"%s","templateId":"ab:M:T","contractKey":null,`+
		`"createArgument":{},"createdEventBlob":"","interfaceViews":[],"witnessParties":[],"signatories":["a::1"],`+
		`"observers":[],`+
		`"createdAt":"2026-01-02T03:04:05Z","packageName":"p","representativePackageId":"ab","acsDelta":true}`, cid)
}

func entry(cid string) string {
	return fmt.Sprintf(`{"workflowId":"","contractEntry":{"JsActiveContract":{"createdEvent":%s,"synchronizerId":"%s",`+
		`"reassignmentCounter":0}}}`, created(cid), synchronizer)
}

func entries(count int) []string {
	list := make([]string, 0, count)
	for i := range count {
		list = append(list, entry(fmt.Sprintf("00%04d", i)))
	}

	return list
}

// contracts reads all active contracts and returns their ids.
func contracts(t *testing.T, c *ledger.Client) ([]string, error) {
	t.Helper()

	var ids []string

	err := c.ActiveContracts(within(t), party, 9, func(contract ledger.ActiveContract) error {
		ids = append(ids, string(contract.Created.Contract))

		return nil
	})

	return ids, err
}

func wantContracts(count int) []string {
	ids := make([]string, count)
	for i := range ids {
		ids[i] = fmt.Sprintf("00%04d", i)
	}

	return ids
}

// contractSocket serves messages and then closes as it is told; 0 cuts the connection.
func contractSocket(messages []string, status websocket.StatusCode) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"daml.ws.auth"}})
		if err != nil {
			return true
		}
		defer func() { _ = conn.CloseNow() }()

		if _, _, err := conn.Read(r.Context()); err != nil {
			return true
		}

		for _, m := range messages {
			if conn.Write(r.Context(), websocket.MessageText, []byte(m)) != nil {
				return true
			}
		}

		if status != 0 {
			_ = conn.Close(status, "")
		}

		return true
	}
}

const normal = websocket.StatusNormalClosure

func TestActiveContractsAreAllOrAnError(t *testing.T) {
	t.Parallel()

	cases := []struct {
		name   string
		before func(http.ResponseWriter, *http.Request) bool
		count  int
		code   string
	}{
		{name: "none", before: contractSocket(nil, normal)},
		{name: "many", before: contractSocket(entries(5000), normal), count: 5000},
		{name: "cut", before: contractSocket(entries(3), 0), code: ledger.CodeStreamClosed},
		{name: "going away", before: contractSocket(entries(3), websocket.StatusGoingAway), code: ledger.CodeStreamClosed},
		{
			name:   "error at the end",
			before: contractSocket(append(entries(3), cantonError("PARTICIPANT_PRUNED_DATA_ACCESSED", 9, 9, "x")), normal),
			code:   "PARTICIPANT_PRUNED_DATA_ACCESSED",
		},
		{
			name: "an interface unknown too late", code: "PACKAGE_NAMES_NOT_FOUND",
			before: contractSocket(append(entries(3), cantonError("PACKAGE_NAMES_NOT_FOUND", 11, 5, "x")), normal),
		},
		{
			name:   "an entry we do not know",
			before: contractSocket([]string{`{"contractEntry":{"JsNew":{}}}`}, normal), code: ledger.CodeMalformed,
		},
		{
			name:   "a contract without an offset",
			before: contractSocket([]string{strings.Replace(entry("00"), `"offset":7,`, ``, 1)}, normal),
			code:   ledger.CodeMalformed,
		},
		{name: "an empty entry", before: contractSocket([]string{`{"contractEntry":{"JsEmpty":{}}}`}, normal)},
	}

	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			n := newNode(t)
			n.before = tc.before

			ids, err := contracts(t, newClient(t, n))
			if tc.code != "" {
				require.Equal(t, tc.code, asError(t, err).Code, "%v", err)
				require.LessOrEqual(t, len(ids), 3, "nothing is given twice")

				return
			}

			require.NoError(t, err)
			require.ElementsMatch(t, wantContracts(tc.count), ids)
		})
	}
}

func TestActiveContractsInFlight(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.before = contractSocket([]string{
		fmt.Sprintf(`{"contractEntry":{"JsIncompleteAssigned":{"assignedEvent":{"source":"s::1","target":"t::1",`+
			`"reassignmentId":"r","submitter":"a::1","reassignmentCounter":2,"createdEvent":%s}}}}`, created("00a")),
		fmt.Sprintf(`{"contractEntry":{"JsIncompleteUnassigned":{"createdEvent":%s,"unassignedEvent":{"reassignmentId":"r",`+
			`"contractId":"00b","templateId":"ab:M:T","source":"s::1","target":"t::1","reassignmentCounter":3}}}}`,
			created("00b")),
	}, normal)

	var got []ledger.ActiveContract

	require.NoError(t, newClient(t, n).ActiveContracts(within(t), party, 9, func(c ledger.ActiveContract) error {
		got = append(got, c)

		return nil
	}))
	require.Len(t, got, 2)
	require.Equal(t, ledger.Arriving, got[0].InFlight)
	require.Equal(t, ident.SynchronizerID("t::1"), got[0].Synchronizer)
	require.Equal(t, ident.SynchronizerID("s::1"), got[0].Source)
	require.EqualValues(t, 2, got[0].Counter)
	require.Equal(t, ledger.Leaving, got[1].InFlight)
	require.Equal(t, ident.SynchronizerID("s::1"), got[1].Synchronizer)
	require.Equal(t, ident.SynchronizerID("t::1"), got[1].Target)
	require.EqualValues(t, 7, got[1].Offset)
	require.EqualValues(t, 3, got[1].Node)
}

func TestActiveContractsStopWhenTheCallerHasEnough(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.before = contractSocket(entries(5), normal)
	enough := errors.New("enough")

	err := newClient(t, n).ActiveContracts(within(t), party, 9, func(ledger.ActiveContract) error { return enough })
	require.ErrorIs(t, err, enough)
}

// overHTTP is a node behind something that refuses upgrades: paged lists under method, or none; and the plain list.
func overHTTP(method string, total int, plainLimit int) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		all := entries(total)

		switch {
		case r.Header.Get("Upgrade") != "":
			http.Error(w, "no", http.StatusBadRequest)
		case r.URL.Path == "/v2/state/active-contracts-page" && r.Method == method:
			var page struct {
				Token string `json:"pageToken"`
			}

			raw, _ := io.ReadAll(r.Body)
			if json.Unmarshal(raw, &page) != nil {
				http.Error(w, "no body", http.StatusBadRequest)

				return true
			}

			from := len(page.Token) // the token is a tally
			to := min(from+100, total)
			next := ""

			if to < total {
				next = fmt.Sprintf(`,"nextPageToken":%q`, strings.Repeat("x", to))
			}

			reply(w, 200, fmt.Sprintf(`{"activeContracts":[%s],"activeAtOffset":9%s}`, strings.Join(all[from:to], ","), next))
		case r.URL.Path == "/v2/state/active-contracts-page" && method != "":
			http.Error(w, "not this method", http.StatusMethodNotAllowed)
		case r.URL.Path == "/v2/state/active-contracts" && total > plainLimit:
			reply(w, 413, cantonError("JSON_API_MAXIMUM_LIST_ELEMENTS_NUMBER_REACHED", 2, 10, "too many"))
		case r.URL.Path == "/v2/state/active-contracts" && r.URL.Query().Get("limit") == "":
			reply(w, 200, "["+strings.Join(all, ",")+"]")
		default:
			return false
		}

		return true
	}
}

// A list that stalled for as long as the node waits may be a part, and does not say so.
func TestAStalledListIsNotBelieved(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	plain := overHTTP("", 10, 200)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/v2/state/active-contracts" && r.Header.Get("Upgrade") == "" {
			idle, err := time.ParseDuration(r.URL.Query().Get("stream_idle_timeout_ms") + "ms")
			if err != nil {
				return false
			}

			<-time.After(idle)
		}

		return plain(w, r)
	}

	c := newClient(t, n)
	c.Stall(50 * time.Millisecond)

	_, err := contracts(t, c)
	require.Equal(t, ledger.CodeIncomplete, asError(t, err).Code)
}

func TestActiveContractsOverHTTP(t *testing.T) {
	t.Parallel()

	cases := []struct {
		method string
		total  int
		code   string
	}{
		{method: http.MethodPost, total: 0},
		{method: http.MethodPost, total: 350},
		{method: http.MethodGet, total: 350},
		{method: "", total: 150},
		{method: "", total: 250, code: ledger.CodeIncomplete},
	}

	for _, tc := range cases {
		t.Run(fmt.Sprintf("%s %d", tc.method, tc.total), func(t *testing.T) {
			t.Parallel()

			n := newNode(t)
			n.before = overHTTP(tc.method, tc.total, 200)

			ids, err := contracts(t, newClient(t, n))
			if tc.code != "" {
				require.Equal(t, tc.code, asError(t, err).Code)

				return
			}

			require.NoError(t, err)
			require.ElementsMatch(t, wantContracts(tc.total), ids)
		})
	}
}

func TestAPageOfAnotherOffsetIsNotTaken(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no", http.StatusBadRequest)
		} else {
			reply(w, 200, `{"activeContracts":[],"activeAtOffset":8}`)
		}

		return true
	}

	_, err := contracts(t, newClient(t, n))
	isMalformed(t, err)
}

func TestEventsOfAContract(t *testing.T) {
	t.Parallel()

	archived := `{"archivedEvent":{"offset":9,"nodeId":1,"contractId":"00a","templateId":"ab:M:T","witnessParties":[],` +
		`"packageName":"p","implementedInterfaces":["cd:I:H"]},"synchronizerId":"` + synchronizer + `"}`
	begin := `{"createdEvent":` + created("00a") + `,"synchronizerId":"` + synchronizer + `"}`

	n := newNode(t)

	var body atomic.Value

	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		status := http.StatusOK
		if strings.Contains(body.Load().(string), "NOT_FOUND") {
			status = http.StatusNotFound
		}

		return answer(status, "application/json", body.Load().(string))(w, r)
	}
	c := newClient(t, n)
	ask := func(text string) (ledger.ContractEvents, error) {
		body.Store(text)

		return c.EventsByContractID(within(t), party, "00a")
	}

	events, err := ask(`{"created":` + begin + `,"archived":null}`)
	require.NoError(t, err)
	require.Nil(t, events.Archived)
	require.EqualValues(t, 7, events.Created.Offset)

	events, err = ask(`{"created":` + begin + `,"archived":` + archived + `}`)
	require.NoError(t, err)
	require.EqualValues(t, 9, events.Archived.Offset)
	require.Len(t, events.Archived.Implements, 1)

	for _, bad := range []string{
		`{}`, `{"created":` + strings.Replace(begin, "00a", "00b", 1) + `}`,
		`{"archived":` + strings.Replace(archived, "00a", "00b", 1) + `}`,
		`{"archived":` + strings.Replace(archived, `"offset":9,`, "", 1) + `}`,
	} {
		_, err = ask(bad)
		isMalformed(t, err)
	}

	_, err = ask(cantonError("CONTRACT_EVENTS_NOT_FOUND", 11, 5, "none"))
	require.True(t, ledger.IsNotFound(err))
}

// asked is what a request named as interfaces.
func asked(raw []byte) (names []string) {
	for _, part := range strings.Split(string(raw), `"interfaceId":"`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		names = append(names, name)
	}

	return names
}

func TestUnknownInterfacesAreLeftOutForAWhile(t *testing.T) {
	t.Parallel()

	cases := []struct {
		name, code, cause string
		left              int // interfaces still asked for after the refusal
		stop              bool
	}{
		{
			name: "packages named", code: "PACKAGE_NAMES_NOT_FOUND", left: 8,
			cause: "The following package names do not match: [splice-api-token-holding-v2]",
		},
		{
			name: "entity named", code: "NO_INTERFACE_FOR_PACKAGE_NAME_AND_QUALIFIED_NAME", left: 8,
			cause: "no interface Splice.Api.Token.TransferEventsV2:EventLog",
		},
		{
			name: "a longer name is another", code: "PACKAGE_NAMES_NOT_FOUND", left: 2,
			cause: "splice-api-token-holding-v21",
		},
		{name: "nothing named", code: "TEMPLATES_OR_INTERFACES_NOT_FOUND", cause: "some", left: 2},
		{name: "another error", code: "INVALID_ARGUMENT", cause: "splice-api-token-holding-v2", stop: true},
	}

	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			var (
				mu       sync.Mutex
				requests [][]string
				log      bytes.Buffer
			)

			n := newNode(t)
			n.before = func(w http.ResponseWriter, r *http.Request) bool {
				raw, _ := io.ReadAll(r.Body)

				mu.Lock()
				defer mu.Unlock()

				requests = append(requests, asked(raw))
				if len(requests) == 1 {
					reply(w, http.StatusNotFound, cantonError(tc.code, 11, 5, tc.cause))

					return true
				}

				reply(w, http.StatusOK, item(6))

				return true
			}

			now := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
			c := newClient(t, n, func(c *ledger.Config) {
				c.Clock, c.Logger = now, slog.New(slog.NewTextHandler(&log, nil))
			})

			_, err := c.UpdateByID(within(t), party, "u6")
			require.Equal(t, tc.stop, err != nil)

			if tc.stop {
				return
			}

			_, err = c.UpdateByID(within(t), party, "u6")
			require.NoError(t, err)
			now.Advance(time.Minute)

			_, err = c.UpdateByID(within(t), party, "u6")
			require.NoError(t, err)

			// One filter for transactions, and the same for reassignments.
			require.Len(t, requests, 4)
			require.Len(t, requests[0], 2*9)
			require.Len(t, requests[1], 2*tc.left)
			require.Contains(t, requests[1], "#splice-api-token-holding-v1:Splice.Api.Token.HoldingV1:Holding")
			require.Contains(t, requests[1],
				"#splice-api-token-transfer-instruction-v1:Splice.Api.Token.TransferInstructionV1:TransferInstruction")
			require.Len(t, requests[2], 2*tc.left)
			require.Len(t, requests[3], 2*9, "after a while they are asked for again")
			require.Equal(t, 1, strings.Count(log.String(), "\n"), "one line, however many are left out")
			require.Contains(t, log.String(),
				`level=INFO msg="the node does not know these interfaces yet: they are asked for again"`)
			require.Equal(t, 9-tc.left, strings.Count(log.String(), "#splice-api-token-"))
		})
	}
}

func TestMandatoryInterfacesAreNeverLeftOut(t *testing.T) {
	t.Parallel()

	for _, missing := range []string{"splice-api-token-holding-v1", "splice-api-token-transfer-instruction-v1"} {
		t.Run(missing, func(t *testing.T) {
			t.Parallel()

			var tries atomic.Int64

			n := newNode(t)
			n.before = func(w http.ResponseWriter, _ *http.Request) bool {
				tries.Add(1)
				reply(w, 404, cantonError("PACKAGE_NAMES_NOT_FOUND", 11, 5, missing))

				return true
			}

			_, err := newClient(t, n).UpdateByID(within(t), party, "u6")
			require.Equal(t, ledger.Stop, ledger.Classify(err))
			require.LessOrEqual(t, tries.Load(), int64(10))
		})
	}
}
