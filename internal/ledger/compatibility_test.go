package ledger_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/update"
)

// publishedNode serves a published version: it takes only requests that are valid there, strictly, and gives only
// answers that are.
type publishedNode struct {
	t         *testing.T
	doc       published
	answers   map[string]string   // by path
	items     map[string][]string // of streams, by path
	noUpgrade bool

	// A stream that polls asks on while the test looks at what was asked for.
	mu   sync.Mutex
	seen map[string]bool
}

func (p *publishedNode) sees(request string) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.seen[request] = true
}

// asked are the requests there were, without their parameters.
func (p *publishedNode) asked() map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	return maps.Clone(p.seen)
}

func (p *publishedNode) before(w http.ResponseWriter, r *http.Request) bool {
	upgrade := r.Header.Get("Upgrade") != ""
	if upgrade && p.noUpgrade {
		http.Error(w, "no", http.StatusBadRequest)

		return true
	}

	if upgrade {
		p.stream(w, r)

		return true
	}

	operation, status := p.doc.operation(r)
	if operation == nil {
		reply(w, status, `{"errors":["no such route"],"status":404}`)

		return true
	}

	body, err := io.ReadAll(r.Body)
	if err != nil {
		return true // a stream that polls was closed
	}

	p.doc.checkRequest(p.t, operation, r, body)

	answer, ok := p.answers[r.URL.Path]
	if !ok {
		answer = "[" + strings.Join(p.items[r.URL.Path], ",") + "]"
	}

	p.doc.checkAnswer(p.t, r, []byte(answer), false)
	p.sees(r.Method + " " + r.URL.Path)

	reply(w, http.StatusOK, answer)

	return true
}

// stream serves a websocket: its first message is what the same path takes as a POST.
func (p *publishedNode) stream(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"daml.ws.auth"}})
	if err != nil {
		return
	}
	defer func() { _ = conn.CloseNow() }()

	if got := r.Header.Get("Sec-WebSocket-Protocol"); got != "daml.ws.auth" {
		p.t.Errorf("subprotocol %q", got)
	}

	_, body, err := conn.Read(r.Context())
	if err != nil {
		return
	}

	asPost := r.Clone(r.Context())
	asPost.Method = http.MethodPost

	operation, _ := p.doc.operation(asPost)
	if operation == nil {
		p.t.Errorf("%s has no %s", p.doc.version, r.URL.Path)

		return
	}

	p.doc.checkRequest(p.t, operation, asPost, body)
	p.sees("WS " + r.URL.Path)

	for _, item := range p.items[r.URL.Path] {
		p.doc.checkAnswer(p.t, r, []byte(item), true)

		if conn.Write(r.Context(), websocket.MessageText, []byte(item)) != nil {
			return
		}
	}

	_ = conn.Close(websocket.StatusNormalClosure, "")
}

func servePublished(t *testing.T, version string, shape ledger.Shape) (*publishedNode, *ledger.Client) {
	t.Helper()

	p := &publishedNode{
		t: t, doc: loadPublished(t, version), answers: map[string]string{}, items: map[string][]string{},
		seen: map[string]bool{},
	}
	n := newNode(t)
	n.before = p.before

	return p, newClient(t, n, func(c *ledger.Config) { c.Shape, c.Retry = shape, ledger.NoRetry() })
}

func TestFactsAreReadAsPublished(t *testing.T) {
	t.Parallel()

	for _, version := range publishedVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			p, c := servePublished(t, version, ledger.ShapeAuto)
			p.answers["/v2/version"] = fmt.Sprintf(`{"version":"%s.0","features":{"userManagement":{"supported":true,`+
				`"maxRightsPerUser":1000,"maxUsersPageSize":1000},"partyManagement":{"maxPartiesPageSize":10000},`+
				`"experimental":{},"offsetCheckpoint":{"maxOffsetCheckpointEmissionDelay":{"seconds":75,"nanos":0}},`+
				`"packageFeature":{"maxVettedPackagesPageSize":100}}}`, version[:3])
			p.answers["/v2/state/ledger-end"] = `{"offset":5}`
			p.answers["/v2/state/latest-pruned-offsets"] =
				`{"participantPrunedUpToInclusive":1,"allDivulgedContractsPrunedUpToInclusive":1}`
			p.answers["/v2/state/connected-synchronizers"] = `{"connectedSynchronizers":[{"synchronizerAlias":"g",` +
				`"synchronizerId":"` + synchronizer + `","permission":"PARTICIPANT_PERMISSION_CONFIRMATION"}]}`
			p.answers["/v2/parties/participant-id"] = `{"participantId":"node::1220cc"}`

			_, err := c.Version(within(t))
			require.NoError(t, err)
			_, err = c.LedgerEnd(within(t))
			require.NoError(t, err)
			_, err = c.PrunedOffsets(within(t))
			require.NoError(t, err)
			_, err = c.ConnectedSynchronizers(within(t), party)
			require.NoError(t, err)
			_, err = c.ConnectedSynchronizers(within(t), "")
			require.NoError(t, err)
			_, err = c.ParticipantID(within(t))
			require.NoError(t, err)
			require.Len(t, p.asked(), 5)
		})
	}
}

func TestRecordedUpdatesAreReadAsPublished(t *testing.T) {
	t.Parallel()

	files, err := filepath.Glob(filepath.Join(shared(t, "conformance"), "transactions", "*.meta.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)

	for _, version := range publishedVersions {
		for _, file := range files {
			name := strings.TrimSuffix(filepath.Base(file), ".meta.json")

			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()

				items := recordings(t, "transactions/"+name+".json")
				p, c := servePublished(t, version, ledger.ShapeLedgerEffects)
				p.items["/v2/updates"] = items

				s := open(t, c, 0)
				for i := range items {
					raw, err := s.Next(within(t))
					require.NoError(t, err)
					require.JSONEq(t, items[i], string(raw))

					_, err = update.Decode(raw)
					require.NoError(t, err)
				}

				require.True(t, ledger.IsStreamClosed(endOf(t, s)))

				single, err := update.Decode([]byte(items[0]))
				require.NoError(t, err)

				p.answers["/v2/updates/update-by-id"] = items[0]
				p.answers["/v2/updates/update-by-offset"] = items[0]

				_, err = c.UpdateByID(within(t), party, single.ID)
				require.NoError(t, err)
				_, err = c.UpdateByOffset(within(t), party, single.Offset)
				require.NoError(t, err)
				require.Len(t, p.asked(), 3)
			})
		}
	}
}

func TestUpdateListsAreReadAsPublished(t *testing.T) {
	t.Parallel()

	tree := strings.NewReplacer(`"Transaction"`, `"TransactionTree"`, `"events":[]`, `"eventsById":{}`).Replace(item(3))
	moved := fmt.Sprintf(`{"update":{"Reassignment":{"value":{"updateId":"r","commandId":"","workflowId":"","offset":5,`+
		`"recordTime":"2026-01-02T03:04:05Z","synchronizerId":"s::1","traceContext":null,"events":[{"JsAssignmentEvent":`+
		`{"source":"s::1","target":"t::1","reassignmentId":"r","unassignId":"r","submitter":"a::1","reassignmentCounter":1,`+
		`"createdEvent":%s}}]}}}}`, created("00a"))
	times := strings.Replace(checkpoint(6), `[]`, `[{"synchronizerId":"s::1","recordTime":"2026-01-02T03:04:05Z"}]`, 1)

	for _, version := range publishedVersions {
		for _, shape := range []ledger.Shape{ledger.ShapeAuto, ledger.ShapeTrees} {
			t.Run(version+" "+string(shape), func(t *testing.T) {
				t.Parallel()

				path, first := "/v2/updates", item(3)
				if shape == ledger.ShapeTrees {
					path, first = "/v2/updates/trees", tree
				}

				p, c := servePublished(t, version, shape)
				p.items[path] = []string{first, moved, times}
				p.answers["/v2/state/ledger-end"] = `{"offset":6}`

				count := 0
				require.NoError(t, c.Updates(within(t), party, 0, 6, func(raw []byte) error {
					count++
					_, err := update.Decode(raw)

					return err
				}))
				require.Equal(t, 3, count)

				s := open(t, c, 0)
				for range 3 {
					raw, err := s.Next(within(t))
					require.NoError(t, err)
					_, err = update.Decode(raw)
					require.NoError(t, err)
				}

				// Over HTTP, as a live tail, with and without an end.
				p.noUpgrade = true
				s = open(t, c, 0)
				require.Equal(t, "http", s.Transport())

				for range 3 {
					_, err := s.Next(within(t))
					require.NoError(t, err)
				}

				require.True(t, p.asked()["POST "+path])
				require.True(t, p.asked()["WS "+path])
			})
		}
	}
}

func TestRecordedContractsAreReadAsPublished(t *testing.T) {
	t.Parallel()

	for _, version := range publishedVersions {
		for _, name := range []string{"splice-cli-holdings-2025-08", "splice-cli-transfer-instructions-2025-08"} {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()

				items := recordings(t, "acs/"+name+".json")
				p, c := servePublished(t, version, ledger.ShapeAuto)
				p.items["/v2/state/active-contracts"] = items

				overSocket := readContracts(t, c, items)

				p.noUpgrade = true
				p.answers["/v2/state/active-contracts-page"] =
					`{"activeAtOffset":9,"activeContracts":[` + strings.Join(items, ",") + `]}`
				require.Equal(t, overSocket, readContracts(t, c, items))
				require.Len(t, p.asked(), 2)
				require.Equal(t, version == "3.5.1", p.asked()["GET /v2/state/active-contracts-page"])
			})
		}
	}
}

// readContracts reads the recorded contracts.
func readContracts(t *testing.T, c *ledger.Client, items []string) []ident.ContractID {
	t.Helper()

	var ids []ident.ContractID

	err := c.ActiveContracts(within(t), party, 9, func(contract ledger.ActiveContract) error {
		ids = append(ids, contract.Created.Contract)
		require.NotEmpty(t, contract.Created.Views)

		return nil
	})
	require.NoError(t, err)
	require.Len(t, ids, len(items))

	return ids
}

func TestRecordedContractEventsAreReadAsPublished(t *testing.T) {
	t.Parallel()

	for _, version := range publishedVersions {
		for _, name := range []string{"java-splice-test-cases", "synthetic-edge-cases"} {
			t.Run(version+" "+name, func(t *testing.T) {
				t.Parallel()

				p, c := servePublished(t, version, ledger.ShapeAuto)

				for _, item := range recordings(t, "events/"+name+".json") {
					var w struct {
						Created struct {
							Event struct {
								ID string `json:"contractId"`
							} `json:"createdEvent"`
						} `json:"created"`
						Archived any `json:"archived"`
					}
					require.NoError(t, json.Unmarshal([]byte(item), &w))

					p.answers["/v2/events/events-by-contract-id"] = item
					events, err := c.EventsByContractID(within(t), party, ident.ContractID(w.Created.Event.ID))
					require.NoError(t, err)
					require.NotNil(t, events.Created)
					require.Equal(t, w.Archived != nil, events.Archived != nil)
				}
			})
		}
	}
}

// The test itself must notice a request that the documents do not know.
func TestThePublishedNodeRefusesWhatIsNotPublished(t *testing.T) {
	t.Parallel()

	doc := loadPublished(t, "3.5.1")
	schema := doc.requests.Components.Schemas["GetUpdatesRequest"].Value

	good := `{"beginExclusive":0,"verbose":false,"updateFormat":{"includeTransactions":{"transactionShape":` +
		`"TRANSACTION_SHAPE_LEDGER_EFFECTS","eventFormat":{"filtersByParty":{"p":{"cumulative":[{"identifierFilter":` +
		`{"WildcardFilter":{"value":{"includeCreatedEventBlob":false}}}}]}},"verbose":false}}}}`

	visit := func(text string) error {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return errors.Join(err)
		}

		return schema.VisitJSON(value)
	}
	require.NoError(t, visit(good))

	for _, part := range []string{
		"beginExclusive", "updateFormat", "transactionShape", "cumulative", "includeCreatedEventBlob",
	} {
		require.Error(t, visit(strings.Replace(good, part, part+"x", 1)), part)
	}
}

// Our own document is a selection of the published ones: no path, method or parameter of ours is unknown to all.
func TestOurDocumentIsASelectionOfThePublished(t *testing.T) {
	t.Parallel()

	ours, err := openapi3.NewLoader().LoadFromFile(filepath.Join("..", "..", "openapi", "ledger-api.yaml"))
	require.NoError(t, err)
	require.NoError(t, ours.Validate(t.Context()))

	docs := make([]published, 0, len(publishedVersions))
	for _, version := range publishedVersions {
		docs = append(docs, loadPublished(t, version))
	}

	for path, item := range ours.Paths.Map() {
		for method, operation := range item.Operations() {
			known := slices.ContainsFunc(docs, func(doc published) bool {
				theirs := doc.answer.Paths.Value(path)
				if theirs == nil {
					return false
				}

				// 3.5.1 publishes the paged list as a GET with a body; later versions add the POST.
				if path == "/v2/state/active-contracts-page" {
					method = http.MethodGet
				}

				other := theirs.GetOperation(method)

				return other != nil && !slices.ContainsFunc(operation.Parameters, func(p *openapi3.ParameterRef) bool {
					return other.Parameters.GetByInAndName(p.Value.In, p.Value.Name) == nil
				})
			})
			require.True(t, known, "%s %s", method, path)
		}
	}
}
