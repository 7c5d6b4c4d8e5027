package update_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/update"
)

const head = `"updateId":"1220ab","commandId":"c","workflowId":"w","effectiveAt":"2026-02-03T04:05:06.1Z",` +
	`"recordTime":"2026-02-03T04:05:07.000123Z","offset":90210,"synchronizerId":"global::1220be"`

// of wraps the value of an update.
func of(kind, value string) string { return `{"update":{"` + kind + `":{"value":` + value + `}}}` }

func list(events ...string) string {
	return of("Transaction", `{`+head+`,"events":[`+strings.Join(events, ",")+`]}`)
}

func tree(events string) string {
	return of("TransactionTree", `{`+head+`,"eventsById":{`+events+`}}`)
}

const (
	exercised = `{"nodeId":0,"contractId":"00aa","templateId":"3f2e:Demo.Mod:Tpl","interfaceId":"55ba:Demo.Iface:I",` +
		`"choice":"DoIt","choiceArgument":{"n":"5"},"actingParties":["a::1"],"consuming":true,"witnessParties":["a::1",` +
		`"b::2"],` +
		`"lastDescendantNodeId":2,"exerciseResult":null,"packageName":"demo","implementedInterfaces":["718a:H:Holding"],` +
		`"acsDelta":true}`
	created = `{"nodeId":1,"contractId":"00bb","contractKey":null,"templateId":"3f2e:Demo.Mod:Tpl",` +
		`"createArgument":{"x":[1]},` +
		`"interfaceViews":[{"interfaceId":"718a:H:Holding","viewStatus":{"code":0,"message":"","details":[]},` +
		`"viewValue":{"amount":"1.5"},"implementationPackageId":"3f2e"},` +
		`{"interfaceId":"718b:H2:Holding","viewStatus":{"code":9,"message":"no package"}}],` +
		`"witnessParties":["a::1"],"signatories":["a::1"],"observers":["b::2"],"createdAt":"2026-02-03T04:05:06.123456Z",` +
		`"packageName":"demo","representativePackageId":"3f2e","acsDelta":false}`
	bare = `{"nodeId":1,"contractId":"00bb","templateId":"3f2e:Demo.Mod:Tpl"}`
)

func exercise(node, last string) string {
	return `{"ExercisedEvent":{"nodeId":` + node + `,"contractId":"00aa","templateId":"p:M:T","choice":"C",` +
		`"lastDescendantNodeId":` + last + `}}`
}

func create(node string) string {
	return `{"CreatedEvent":{"nodeId":` + node + `,"contractId":"00b` + node + `","templateId":"p:M:T"}}`
}

// edited is a transaction with the exercise changed in one place.
func edited(old, replacement string) string {
	return list(`{"ExercisedEvent":` + strings.Replace(exercised, old, replacement, 1) + `}`)
}

func requireDemo(t *testing.T, u update.Update) {
	t.Helper()

	yes, no := true, false
	template := ident.Name{Package: "3f2e", Module: "Demo.Mod", Entity: "Tpl"}

	require.Equal(t, update.Transaction, u.Kind)
	require.Equal(t, ident.UpdateID("1220ab"), u.ID)
	require.Equal(t, ident.Offset(90210), u.Offset)
	require.Equal(t, ident.SynchronizerID("global::1220be"), u.Synchronizer)
	require.Equal(t, time.Date(2026, 2, 3, 4, 5, 7, 123000, time.UTC), u.RecordTime)
	require.Equal(t, time.Date(2026, 2, 3, 4, 5, 6, 100000000, time.UTC), u.EffectiveAt)
	require.Equal(t, "c", u.CommandID)
	require.Equal(t, "w", u.WorkflowID)
	require.Len(t, u.Events, 2)
	require.Equal(t, update.Event{Node: 0, Exercised: &update.Exercised{
		Contract: "00aa", Template: template, PackageName: "demo",
		Interface: ident.Name{Package: "55ba", Module: "Demo.Iface", Entity: "I"}, Choice: "DoIt",
		Argument: []byte(`{"n":"5"}`), Actors: []ident.Party{"a::1"}, Witnesses: []ident.Party{"a::1", "b::2"},
		Consuming: true, LastDescendant: 2, Implements: []ident.Name{{Package: "718a", Module: "H", Entity: "Holding"}},
		ACSDelta: &yes,
	}}, u.Events[0])
	require.Equal(t, update.Event{Node: 1, Created: &update.Created{
		Contract: "00bb", Template: template, PackageName: "demo",
		Views: []update.View{
			{Interface: ident.Name{Package: "718a", Module: "H", Entity: "Holding"}, Value: []byte(`{"amount":"1.5"}`)},
			{Interface: ident.Name{Package: "718b", Module: "H2", Entity: "Holding"}, Status: 9, Message: "no package"},
		},
		Witnesses: []ident.Party{"a::1"}, Signatories: []ident.Party{"a::1"}, Observers: []ident.Party{"b::2"},
		CreatedAt: time.Date(2026, 2, 3, 4, 5, 6, 123456000, time.UTC), ACSDelta: &no,
	}}, u.Events[1])
}

func TestDecodeBothShapes(t *testing.T) {
	t.Parallel()

	for name, raw := range map[string]string{
		"list":              list(`{"ExercisedEvent":`+exercised+`}`, `{"CreatedEvent":`+created+`}`),
		"list out of order": list(`{"CreatedEvent":`+created+`}`, `{"ExercisedEvent":`+exercised+`}`),
		"tree": tree(`"0":{"ExercisedTreeEvent":{"value":` + exercised + `}},` +
			`"1":{"CreatedTreeEvent":{"value":` + created + `}}`),
		"tree in another order": tree(`"1":{"CreatedTreeEvent":{"value":` + created + `}},` +
			`"0":{"ExercisedTreeEvent":{"value":` + exercised + `}}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			u, err := update.Decode([]byte(raw))
			require.NoError(t, err)
			requireDemo(t, u)
			require.NoError(t, update.CheckEvents(u.Events))
		})
	}
}

func TestDecodeTolerates(t *testing.T) {
	t.Parallel()

	u, err := update.Decode([]byte(list(`{"CreatedEvent":` + bare + `}`)))
	require.NoError(t, err, "everything optional may be absent")
	require.Nil(t, u.Events[0].Created.ACSDelta)

	u, err = update.Decode([]byte(of("Transaction", `{`+head+`,"events":[],"newer":{"a":[1,{"b":null}]},`+
		`"paidTrafficCost":18345,`+
		`"externalTransactionHash":"9f0c","traceContext":null}`)))
	require.NoError(t, err, "newer nodes say more")
	require.Empty(t, u.Events)
	require.Equal(t, int64(18345), u.TrafficCost)
	require.Equal(t, "9f0c", u.TransactionHash)

	u, err = update.Decode([]byte(of("Transaction", `{`+head+`,"externalTransactionHash":"9f0c",`+
		`"transactionHash":"9f0d"}`)))
	require.NoError(t, err)
	require.Equal(t, "9f0d", u.TransactionHash)

	u, err = update.Decode([]byte(strings.Replace(list(), `"recordTime":"2026-02-03T04:05:07.000123Z"`,
		`"recordTime":"0001-01-01T00:00:00Z"`, 1)))
	require.NoError(t, err, "imported contracts carry the year 1")
	require.True(t, u.RecordTime.IsZero())

	u, err = update.Decode([]byte(strings.Replace(list(), `"offset":90210`, `"offset":0`, 1)))
	require.NoError(t, err)
	require.Equal(t, ident.Begin, u.Offset)

	u, err = update.Decode([]byte(edited(`"55ba:Demo.Iface:I"`, `null`)))
	require.NoError(t, err)
	require.True(t, u.Events[0].Exercised.Interface.IsZero())
	require.Nil(t, u.Events[0].Exercised.Result, "null is no value")
}

func TestDecodeOtherKinds(t *testing.T) {
	t.Parallel()

	u, err := update.Decode([]byte(of("OffsetCheckpoint", `{"offset":123,"synchronizerTimes":[`+
		`{"synchronizerId":"a::1","recordTime":"2026-02-03T04:05:06Z"},{"synchronizerId":"b::2",`+
		`"recordTime":"0001-01-01T00:00:00Z"}]}`)))
	require.NoError(t, err)
	require.Equal(t, update.Update{Kind: update.Checkpoint, Offset: 123, Times: []update.SynchronizerTime{
		{Synchronizer: "a::1", RecordTime: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)}, {Synchronizer: "b::2"},
	}}, u)

	u, err = update.Decode([]byte(of("Reassignment", `{`+head+`,"paidTrafficCost":5,"events":[`+
		`{"JsAssignmentEvent":{"source":"a::1","target":"b::2","reassignmentId":"r","submitter":"x","reassignmentCounter":3,`+
		`"createdEvent":`+created+`}},`+
		`{"JsUnassignedEvent":{"value":{"unassignId":"r","contractId":"00cc","source":"a::1","target":"b::2",`+
		`"reassignmentCounter":2,"nodeId":4,"assignmentExclusivity":null}}}]}`)))
	require.NoError(t, err)
	require.Equal(t, update.Reassignment, u.Kind)
	require.Equal(t, int64(5), u.TrafficCost)
	require.Len(t, u.Moves, 2)
	require.Equal(t, ident.ContractID("00bb"), u.Moves[0].Contract)
	require.Len(t, u.Moves[0].Assigned.Views, 2)
	require.Equal(t, update.Move{Contract: "00cc", Source: "a::1", Target: "b::2", Node: 4, Counter: 2}, u.Moves[1])

	u, err = update.Decode([]byte(of("TopologyTransaction", `{`+head+`,"events":[`+
		`{"event":{"ParticipantAuthorizationAdded":{"value":{"partyId":"a::1","participantId":"PAR::n",`+
		`"participantPermission":`+
		`"PARTICIPANT_PERMISSION_SUBMISSION"}}}},`+
		`{"event":{"ParticipantAuthorizationRevoked":{"value":{"partyId":"b::2","participantId":"PAR::n"}}}},`+
		`{"ParticipantAuthorizationAdded":{"partyId":"flat","participantPermission":1}},7]}`)))
	require.NoError(t, err)
	require.Equal(t, []update.HostingChange{
		{Change: "Added", Party: "a::1", Participant: "PAR::n", Permission: "PARTICIPANT_PERMISSION_SUBMISSION"},
		{Change: "Revoked", Party: "b::2", Participant: "PAR::n"},
	}, u.Hosting)
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()

	deep := strings.Repeat(`[`, 20_000) + strings.Repeat(`]`, 20_000)

	for name, raw := range map[string]string{
		"nothing":                ``,
		"null":                   `null`,
		"no object":              `[]`,
		"no update":              `{}`,
		"an error of the node":   `{"code":"PARTICIPANT_PRUNED_DATA_ACCESSED","cause":"gone"}`,
		"no kind":                `{"update":{}}`,
		"an empty kind":          `{"update":{"Transaction":null}}`,
		"an unknown kind":        of("Flood", `{}`),
		"two kinds":              `{"update":{"OffsetCheckpoint":{"value":{"offset":1}},"Reassignment":{"value":{}}}}`,
		"a known and an unknown": `{"update":{"OffsetCheckpoint":{"value":{"offset":1}},"Flood":{}}}`,
		"something after it":     list() + `{}`,
		"a member twice":         strings.Replace(list(), `"offset":90210`, `"offset":90210,"offset":90210`, 1),
		"an unread member twice": strings.Replace(list(), `"offset":90210`, `"offset":90210,"z":1,"z":2`, 1),
		"an argument's member twice": list(strings.Replace(`{"ExercisedEvent":`+exercised+`}`,
			`{"n":"5"}`, `{"n":"5","n":"6"}`, 1)),
		"a create argument's member twice": list(strings.Replace(`{"CreatedEvent":`+created+`}`,
			`{"x":[1]}`, `{"x":[{"y":1,"y":2}]}`, 1)),
		"another case":                  strings.Replace(list(), `"offset"`, `"Offset"`, 1),
		"invalid UTF-8":                 strings.Replace(list(), `"commandId":"c"`, "\"commandId\":\"\xff\"", 1),
		"nesting without end":           strings.Replace(list(), `"commandId":"c"`, `"deep":`+deep, 1),
		"no offset":                     strings.Replace(list(), `"offset":90210,`, ``, 1),
		"a negative offset":             strings.Replace(list(), `90210`, `-1`, 1),
		"an offset in a string":         strings.Replace(list(), `90210`, `"90210"`, 1),
		"a fraction of an offset":       strings.Replace(list(), `90210`, `9.5`, 1),
		"no record time":                strings.Replace(list(), `"recordTime":"2026-02-03T04:05:07.000123Z",`, ``, 1),
		"no time":                       strings.Replace(list(), `2026-02-03T04:05:07.000123Z`, `soon`, 1),
		"no update id":                  strings.Replace(list(), `1220ab`, ``, 1),
		"no synchronizer":               strings.Replace(list(), `global::1220be`, ``, 1),
		"an archive of the other shape": list(`{"ArchivedEvent":{"nodeId":1,"contractId":"00","templateId":"p:M:T"}}`),
		"an unknown event":              list(`{"DestroyedEvent":{}}`),
		"an empty event":                list(`{}`),
		"two events in one":             list(`{"CreatedEvent":` + created + `,"ExercisedEvent":` + exercised + `}`),
		"a node without id":             list(`{"CreatedEvent":{"contractId":"00bb","templateId":"p:M:T"}}`),
		"a negative node":               list(create("-1")),
		"a node too large":              list(create("2147483648")),
		"no contract":                   list(`{"CreatedEvent":{"nodeId":1,"contractId":"","templateId":"p:M:T"}}`),
		"a blank contract":              list(`{"CreatedEvent":{"nodeId":1,"contractId":" ","templateId":"p:M:T"}}`),
		"no template":                   list(`{"CreatedEvent":{"nodeId":1,"contractId":"00"}}`),
		"half a template":               list(`{"CreatedEvent":{"nodeId":1,"contractId":"00","templateId":"M:T"}}`),
		"a view of nothing": list(strings.Replace(`{"CreatedEvent":`+created+`}`,
			`"718a:H:Holding"`, `"718a"`, 1)),
		"an interface of nothing":      edited(`55ba:Demo.Iface:I`, `I`),
		"implements nothing":           edited(`["718a:H:Holding"]`, `["H"]`),
		"no contract exercised":        edited(`00aa`, ``),
		"no template exercised":        edited(`3f2e:Demo.Mod:Tpl`, ``),
		"a subtree without end":        edited(`"lastDescendantNodeId":2,`, ``),
		"the end before the beginning": list(exercise("3", "2")),
		"a node twice":                 list(create("1"), create("1")),
		"overlapping subtrees":         list(exercise("0", "2"), exercise("1", "3"), create("2"), create("3")),
		"a key that is not the node":   tree(`"2":{"CreatedTreeEvent":{"value":` + created + `}}`),
		"a key with a zero before":     tree(`"01":{"CreatedTreeEvent":{"value":` + created + `}}`),
		"a node of the tree twice": tree(`"1":{"CreatedTreeEvent":{"value":` + created + `}},` +
			`"1":{"CreatedTreeEvent":{"value":` + created + `}}`),
		"a tree event without value":  tree(`"1":{"CreatedTreeEvent":{}}`),
		"an unknown tree event":       tree(`"1":{"DestroyedTreeEvent":{"value":{}}}`),
		"both shapes":                 of("Transaction", `{`+head+`,"events":[`+create("1")+`],"eventsById":{}}`),
		"a checkpoint without offset": of("OffsetCheckpoint", `{}`),
		"a negative checkpoint":       of("OffsetCheckpoint", `{"offset":-1}`),
		"a checkpoint of no synchronizer": of("OffsetCheckpoint", `{"offset":1,`+
			`"synchronizerTimes":[{"recordTime":"2026-02-03T04:05:06Z"}]}`),
		"a checkpoint without time": of("OffsetCheckpoint", `{"offset":1,`+
			`"synchronizerTimes":[{"synchronizerId":"a::1"}]}`),
		"a reassignment without id": of("Reassignment", `{"offset":1,"recordTime":"2026-02-03T04:05:06Z"}`),
		"an unknown move":           of("Reassignment", `{`+head+`,"events":[{"JsMoved":{}}]}`),
		"a move of nothing": of("Reassignment", `{`+head+`,`+
			`"events":[{"JsAssignmentEvent":{"source":"a::1"}}]}`),
		"a move of a bad contract": of("Reassignment", `{`+head+`,`+
			`"events":[{"JsUnassignedEvent":{"value":{"contractId":""}}}]}`),
		"a topology without offset": of("TopologyTransaction", `{"updateId":"1220",`+
			`"recordTime":"2026-02-03T04:05:06Z"}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			u, err := update.Decode([]byte(raw))
			require.ErrorIs(t, err, update.ErrMalformed)
			require.Equal(t, update.Update{}, u)
			require.Less(t, len(err.Error()), 1000, "a stranger's text floods no log")
		})
	}
}

func TestErrorsShowTheNodesCode(t *testing.T) {
	t.Parallel()

	_, err := update.Decode([]byte(`{"code":"PARTICIPANT_PRUNED_DATA_ACCESSED","cause":"gone"}`))
	require.ErrorContains(t, err, "PARTICIPANT_PRUNED_DATA_ACCESSED")

	_, err = update.Decode([]byte(of(strings.Repeat("\\u0000", 500), `{}`)))
	require.ErrorContains(t, err, `\x00`)
}

// TestWorkIsProportional checks that twice as many events cost about twice the memory, in both shapes.
func TestWorkIsProportional(t *testing.T) {
	cost := func(raw []byte) float64 {
		return testing.AllocsPerRun(3, func() {
			if _, err := update.Decode(raw); err != nil {
				panic(err)
			}
		})
	}

	nested := func(n int) []byte {
		events := make([]string, n)
		for i := range n {
			events[i] = exercise(itoa(i), itoa(n))
		}

		return []byte(list(events...))
	}

	require.Less(t, cost(manyNodes(20_000)), 2.5*cost(manyNodes(10_000)))
	require.Less(t, cost(nested(20_000)), 2.5*cost(nested(10_000)))
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"update":{}}`, list(), list(exercise("0", "2"), create("1"), create("2")),
		list(`{"ExercisedEvent":`+exercised+`}`, `{"CreatedEvent":`+created+`}`),
		tree(`"0":{"ExercisedTreeEvent":{"value":` + exercised + `}},"1":{"CreatedTreeEvent":{"value":` + created + `}}`),
		of("OffsetCheckpoint", `{"offset":123,"synchronizerTimes":[{"synchronizerId":"a::1",`+
			`"recordTime":"0001-01-01T00:00:00Z"}]}`),
		of("Reassignment", `{`+head+`,"events":[{"JsAssignmentEvent":{"createdEvent":`+bare+`}}]}`),
		of("TopologyTransaction", `{`+head+`,"events":[`+
			`{"event":{"ParticipantAuthorizationRevoked":{"value":{"partyId":"b::2"}}}}]}`),
		`{"code":"X"}`, `{"update":{"Transaction":null}}`,
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, raw []byte) {
		u, err := update.Decode(raw)
		if err != nil {
			require.ErrorIs(t, err, update.ErrMalformed)

			return
		}

		require.NoError(t, update.CheckEvents(u.Events))
		require.GreaterOrEqual(t, u.Offset, ident.Begin)
		require.Contains(t,
			[]update.Kind{update.Transaction, update.Reassignment, update.Checkpoint, update.Topology}, u.Kind)
		require.Equal(t, u.Kind == update.Checkpoint, u.ID == "")
	})
}

func TestDecodeCreatedAlone(t *testing.T) {
	t.Parallel()

	c, node, offset, err := update.DecodeCreated([]byte(strings.Replace(created, `{"nodeId":1,`, `{"nodeId":1,`+
		`"offset":7,`, 1)))
	require.NoError(t, err)
	require.Equal(t, ident.ContractID("00bb"), c.Contract)
	require.Len(t, c.Views, 2)
	require.Equal(t, ident.NodeID(1), node)
	require.Equal(t, ident.Offset(7), offset)

	for _, raw := range []string{``, `null`, `{}`, `7`, created, strings.Replace(created, `{"nodeId":1,`+
		``, `{"nodeId":1,"offset":-7,`, 1)} {
		_, _, _, err := update.DecodeCreated([]byte(raw))
		require.ErrorIs(t, err, update.ErrMalformed, raw)
	}
}

func TestRawEvents(t *testing.T) {
	t.Parallel()

	for _, raw := range []string{
		list(exercise("0", "1"), `{"CreatedEvent":`+bare+`}`),
		tree(`"0":{},"1":{"CreatedEvent":` + bare + `}`),
	} {
		events, err := update.RawEvents([]byte(raw))
		require.NoError(t, err)
		require.Len(t, events, 2)
		require.JSONEq(t, `{"CreatedEvent":`+bare+`}`, string(events[1]))
		require.NotContains(t, events, ident.NodeID(9))
	}

	_, err := update.RawEvents([]byte(`{`))
	require.ErrorIs(t, err, update.ErrMalformed)
}
