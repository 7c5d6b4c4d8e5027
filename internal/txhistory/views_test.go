package txhistory_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

func valueV2(owner any, worth string) m {
	return m{
		"account": m{"owner": owner, "provider": nil, "id": ""}, "instrumentId": amulet(), "amount": worth,
		"lock": nil, "meta": meta(),
	}
}

func TestVersionsOfOneHoldingCountOnce(t *testing.T) {
	t.Parallel()

	v1, v2 := view(token.HoldingV1, holdingValue(treasury, "5")), view(token.HoldingV2, valueV2(treasury, "5.0"))
	other := view(ident.Name{Module: "Other", Entity: "Thing"}, m{})
	noOwner := view(token.HoldingV1, holdingValue("cip-112_no-owner::1220000abcd", "5"))

	arrive := func(views ...m) []*node { return []*node{deposit("Send", sendOf(bob, "x"), create("00h", views...))} }

	runCases(t, []parseCase{
		{name: "version 1 first", nodes: arrive(v1, v2), want: onceCounted},
		{name: "version 2 first", nodes: arrive(v2, v1), want: onceCounted},
		{name: "version 2 alone", nodes: arrive(v2), want: onceCounted},
		{name: "among others", nodes: arrive(other, v2, other, v1), want: onceCounted},
		{name: "the same twice", nodes: arrive(v1, v1), want: onceCounted},
		{
			name: "another interface's view failed",
			nodes: []*node{deposit("Send", sendOf(bob, "x"),
				create("00h", failedView(ident.Name{Module: "Other", Entity: "Thing"}), v1))},
			want: onceCounted,
		},
		{
			name:  "one failed, the other says it all",
			nodes: []*node{deposit("Send", sendOf(bob, "x"), create("00h", failedView(token.HoldingV2), v1))},
			want:  onceCounted + "! 1 unreadable_view\n",
		},
		{
			name:  "without an owner",
			nodes: []*node{create("00h", view(token.HoldingV2, valueV2(nil, "5")), noOwner)},
			want:  "",
		},
	})
}

const onceCounted = `+ 1 00h 5 Amulet
	in 0.0 completed by result_meta: bob -> treasury 5 Amulet memo "x"
	transfer 0 5 Amulet #0
	`

func TestUnreadableViews(t *testing.T) {
	t.Parallel()

	garbage := func(change func(m)) m {
		v := holdingValue(treasury, "5")
		change(v)

		return view(token.HoldingV1, v)
	}

	badInstruction := func(change func(m)) m {
		v := instructionValue(transferValue(bob, treasury, "5"))
		change(v)

		return view(token.TransferInstructionV1, v)
	}

	for _, c := range []struct {
		name  string
		views []m
		// stops says whether it stops ingestion without quarantine.
		stops bool
	}{
		{"the node could not compute it", []m{failedView(token.HoldingV1)}, true},
		{"the node could not compute either version", []m{failedView(token.HoldingV2), failedView(token.HoldingV1)}, true},
		{"the node could not compute the offer's", []m{failedView(token.TransferInstructionV1)}, true},
		{"no amount", []m{garbage(func(v m) { delete(v, "amount") })}, true},
		{"a negative amount", []m{garbage(func(v m) { v["amount"] = "-5" })}, true},
		{"a number", []m{garbage(func(v m) { v["amount"] = 5 })}, true},
		{"no owner", []m{garbage(func(v m) { delete(v, "owner") })}, true},
		{"an owner that is no party", []m{garbage(func(v m) { v["owner"] = "me" })}, true},
		{"nothing", []m{view(token.HoldingV1, nil)}, true},
		{"contradicting versions", []m{
			view(token.HoldingV1, holdingValue(treasury, "5")), view(token.HoldingV2, valueV2(treasury, "6")),
		}, true},
		{"contradicting owners", []m{
			view(token.HoldingV2, valueV2(bob, "5")), view(token.HoldingV1, holdingValue(treasury, "5")),
		}, true},
		{
			"an instrument that no list can hold",
			[]m{garbage(func(v m) { v["instrumentId"] = m{"admin": mallory, "id": "US\u0000D"} })}, false,
		},
		{"an offer of nothing", []m{badInstruction(func(v m) { v["transfer"].(m)["amount"] = "0" })}, false},
		{"an offer in an unknown state", []m{badInstruction(func(v m) { v["status"] = m{"tag": "Gone"} })}, false},
		{"contradicting offers", []m{
			badInstruction(func(m) {}),
			view(token.TransferInstructionV2, m{"transfer": transferValue(bob, treasury, "6"), "availableActions": []any{}}),
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			nodes := func() []*node {
				return []*node{exercise("Do", create("00h", c.views...)), archive("00h").with("acsDelta", true)}
			}

			_, err := parse(t, newLedger(), nodes()...)
			if c.stops {
				var e *txhistory.ViewError
				require.ErrorAs(t, err, &e)
				require.Equal(t, ident.ContractID("00h"), e.Contract)
				require.Equal(t, "splice-amulet", e.Package)
				require.Equal(t, ident.UpdateID("1220feed"), e.Update)

				for _, word := range []string{"00h", "Splice.Amulet:Amulet", `"splice-amulet"`, "restart", "quarantine"} {
					if e.Status != 0 || word != "restart" {
						require.ErrorContains(t, err, word)
					}
				}
			} else {
				require.NoError(t, err)
			}

			e, err := parseWith(t, txhistory.Options{QuarantineFailedViews: true}, newLedger(), nodes())
			require.NoError(t, err)
			require.Empty(t, e.Created)
			require.Empty(t, e.Archived)
			require.Empty(t, e.Opened)
			require.NotEmpty(t, e.Unrecognized)

			for _, u := range e.Unrecognized {
				require.Equal(t, txhistory.ProblemView, u.Problem)
				require.LessOrEqual(t, len(u.Detail), 1000)
				require.NotContains(t, u.Detail, "\x00")
			}

			if len(c.views) == 2 {
				return // contradictions and such name the party
			}

			stranger := create("00h", c.views...).with("signatories", []string{dso, bob}).with("acsDelta", false)
			e, err = parse(t, newLedger(), stranger)
			require.NoError(t, err, "no stake, no concern")
			require.True(t, e.IsEmpty())

			_, err = parse(t, newLedger(), create("00h", c.views...).with("signatories", []string{dso}).with("acsDelta", true))
			require.Equal(t, c.stops, err != nil, "the ledger says that the party has a stake")

			_, err = parse(t, newLedger(),
				create("00h", c.views...).with("signatories", []string{dso}).with("observers", []string{treasury}))
			require.Equal(t, c.stops, err != nil, "an observer has a stake")
		})
	}
}

func TestVersionsOfOneOfferCountOnce(t *testing.T) {
	t.Parallel()

	v1 := view(token.TransferInstructionV1, instructionValue(transferValue(bob, treasury, "5", "ACC-1")))
	v2 := view(token.TransferInstructionV2, m{
		"transfer": transferValue(bob, treasury, "5", "ACC-1"), "availableActions": []any{},
	})

	for _, views := range [][]m{{v1, v2}, {v2, v1}} {
		e, err := parse(t, newLedger(), create("00t", views...))
		require.NoError(t, err)
		require.Len(t, e.Opened, 1)
		require.True(t, e.Opened[0].Instruction.AwaitsReceiver, "whichever version says so")
		require.Equal(t, unindented(`open 0 00t
			in 0.0 pending by instruction: bob -> treasury 5 Amulet memo "ACC-1" chain 00t next 00t`), lines(e))
	}

	e, err := parse(t, newLedger(), create("00t", failedView(token.TransferInstructionV2), v1))
	require.NoError(t, err)
	require.Len(t, e.Opened, 1)
	require.Equal(t, txhistory.ProblemView, e.Unrecognized[0].Problem)
}

func TestViewErrorUnwraps(t *testing.T) {
	t.Parallel()

	_, err := parse(t, newLedger(), create("00h", view(token.HoldingV1, m{"owner": treasury})))
	require.ErrorIs(t, err, token.ErrDecode)
}

func TestContradictions(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct{ known, nodes []*node }{
		"a holding that is active already": {
			[]*node{hold("00h", treasury, "5")}, []*node{hold("00h", treasury, "5")},
		},
		"an offer that is open already": {
			[]*node{offer("00t", transferValue(bob, treasury, "5"))}, []*node{offer("00t", transferValue(bob, treasury, "5"))},
		},
		"created twice":         {nil, []*node{hold("00h", treasury, "5"), hold("00h", treasury, "5")}},
		"consumed twice":        {[]*node{hold("00h", treasury, "5")}, []*node{archive("00h"), archive("00h")}},
		"created after its end": {nil, []*node{archive("00h"), hold("00h", treasury, "5")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			e, err := parse(t, knowing(t, c.known...), c.nodes...)
			require.ErrorIs(t, err, txhistory.ErrContradiction)
			require.True(t, e.IsEmpty(), "with an error comes nothing to apply")
		})
	}
}

func TestParseRefusesWhatIsNoTransaction(t *testing.T) {
	t.Parallel()

	for _, kind := range []update.Kind{update.Checkpoint, update.Reassignment, update.Topology, ""} {
		_, err := txhistory.Parse(treasury, update.Update{Kind: kind}, nil, txhistory.Options{})
		require.ErrorIs(t, err, txhistory.ErrKind)
	}

	_, _, err := txhistory.Moves(treasury, update.Update{Kind: update.Transaction}, txhistory.Options{})
	require.ErrorIs(t, err, txhistory.ErrKind)

	for name, events := range map[string][]update.Event{
		"nothing in an event": {{Node: 1}},
		"both in an event":    {{Node: 1, Created: &update.Created{}, Exercised: &update.Exercised{LastDescendant: 1}}},
		"a node twice":        {{Node: 1, Created: &update.Created{}}, {Node: 1, Created: &update.Created{}}},
		"out of order":        {{Node: 2, Created: &update.Created{}}, {Node: 1, Created: &update.Created{}}},
		"ends too early":      {{Node: 2, Exercised: &update.Exercised{LastDescendant: 1}}},
		"overlapping": {
			{Node: 1, Exercised: &update.Exercised{LastDescendant: 3}},
			{Node: 2, Exercised: &update.Exercised{LastDescendant: 4}},
		},
	} {
		_, err := txhistory.Parse(treasury, update.Update{Kind: update.Transaction, Events: events}, nil, txhistory.Options{})
		require.ErrorIs(t, err, update.ErrMalformed, name)
	}
}

func TestMoves(t *testing.T) {
	t.Parallel()

	assigned := func(n *node) m {
		n.body["nodeId"] = 0

		return m{"JsAssignmentEvent": m{
			"source": "a::1220", "target": "b::1220", "reassignmentCounter": 3, "createdEvent": n.body,
		}}
	}
	reassignment := func(events ...m) update.Update {
		value := header()
		value["events"] = events

		return decoded(t, envelope(t, "Reassignment", value))
	}
	left := m{"JsUnassignedEvent": m{"value": m{
		"contractId": "00gone", "source": "a::1220", "target": "b::1220", "reassignmentCounter": 2, "nodeId": 4,
	}}}

	moves, problems, err := txhistory.Moves(treasury, reassignment(
		assigned(hold("00h", treasury, "5")), assigned(hold("00b", bob, "5")), assigned(create("coupon")), left,
		assigned(offer("00t", transferValue(bob, treasury, "7"))), assigned(offer("00o", transferValue(bob, carol, "7"))),
		assigned(create("00x", view(token.TransferInstructionV1, m{"transfer": "?"}))),
	), txhistory.Options{})
	require.NoError(t, err)
	require.Len(t, moves, 3)
	require.Equal(t, "5", moves[0].Holding.Holding.Amount.Short())
	require.True(t, moves[0].Arrived)
	require.Equal(t, int64(3), moves[0].Counter)
	require.Nil(t, moves[0].Instruction)
	require.Equal(t, ident.ContractID("00gone"), moves[1].Contract)
	require.False(t, moves[1].Arrived)
	require.Equal(t, ident.SynchronizerID("a::1220"), moves[1].Source)
	require.Equal(t, ident.SynchronizerID("b::1220"), moves[1].Target)
	require.Equal(t, ident.ContractID("00t"), moves[2].Instruction.Contract)
	require.Len(t, problems, 1)
	require.Equal(t, txhistory.ProblemView, problems[0].Problem)

	unreadable := reassignment(assigned(create("00h", failedView(token.HoldingV1))))
	_, _, err = txhistory.Moves(treasury, unreadable, txhistory.Options{})
	require.ErrorAs(t, err, new(*txhistory.ViewError))

	moves, problems, err = txhistory.Moves(treasury, unreadable, txhistory.Options{QuarantineFailedViews: true})
	require.NoError(t, err)
	require.Empty(t, moves)
	require.Len(t, problems, 1)
}

func TestReferences(t *testing.T) {
	t.Parallel()

	u := transaction(t,
		exercise("Do", archive("00a"), archive("00b"), hold("00h", treasury, "1"), create("coupon")),
		exercise(token.ChoiceAccept).on("00t").iface(token.TransferInstructionV2),
		offer("00o", transferValue(bob, treasury, "5")).continues("00first"),
		offer("00p", transferValue(bob, carol, "5")).continues("00alien"),
	)
	require.Equal(t, []ident.ContractID{"00a", "00b", "00h", "00t", "00o", "00first", "00p"},
		txhistory.References(treasury, u))
}

// TestWhatItsAdminHasNotSignedIsNotCounted: a view can claim anything, a signature cannot.
func TestWhatItsAdminHasNotSignedIsNotCounted(t *testing.T) {
	t.Parallel()

	for name, forged := range map[string]*node{
		"holding":       hold("00h", treasury, "5").signedBy(mallory),
		"sent offer":    offer("00i", transferValue(treasury, bob, "5", "WD-1")).with("signatories", []string{mallory, treasury}),
		"received":      offer("00i", transferValue(bob, treasury, "5", "ACC-1")).with("signatories", []string{mallory, bob}),
		"nobody at all": hold("00h", treasury, "5").with("signatories", []string{}),
	} {
		e, err := parse(t, newLedger(), forged)
		require.NoError(t, err, name)
		require.Empty(t, e.Created, name)
		require.Empty(t, e.Opened, name)
		require.Empty(t, e.Transfers, name)
		require.Empty(t, e.Movements, name)
		require.Len(t, e.Unrecognized, 1, name)
		require.Equal(t, txhistory.ProblemView, e.Unrecognized[0].Problem, name)
	}

	// Of strangers' contracts nobody is told.
	e, err := parse(t, newLedger(), hold("00h", bob, "5").signedBy(mallory))
	require.NoError(t, err)
	require.True(t, e.IsEmpty())
}

// TestAStrangersBrokenHoldingStopsNobody: the party may be an observer of what it does not own.
func TestAStrangersBrokenHoldingStopsNobody(t *testing.T) {
	t.Parallel()

	holders := make([]string, 2000)
	for i := range holders {
		holders[i] = mallory
	}

	manyHolders := hold("00h", mallory, "5").locked().with("observers", []string{treasury})
	manyHolders.body["interfaceViews"].([]m)[0]["viewValue"].(m)["lock"].(m)["holders"] = holders

	for name, broken := range map[string]*node{
		"negative":     hold("00h", mallory, "-5").with("observers", []string{treasury}),
		"many holders": manyHolders,
	} {
		e, err := parse(t, newLedger(), broken)
		require.NoError(t, err, name)
		require.Empty(t, e.Created, name)
	}

	// Of the party's own, it must stop.
	_, err := parse(t, newLedger(), hold("00h", treasury, "-5"))
	require.Error(t, err)
}
