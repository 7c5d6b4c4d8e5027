package txhistory_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// The cast. Treasury is the party whose effects are asked for.
const (
	treasury = "treasury::1220aa"
	bob      = "bob::1220bb"
	carol    = "carol::1220cc"
	dso      = "DSO::1220dd"
	mallory  = "mallory::1220ee"
)

// m is a JSON object.
type m = map[string]any

// node is an event with what is below it.
type node struct {
	kind     string
	body     m
	children []*node
	// gap is how many invisible nodes come before this one.
	gap int
}

func create(contract string, views ...m) *node {
	return &node{kind: "Created", body: m{
		"contractId": contract, "templateId": "hash:Splice.Amulet:Amulet", "packageName": "splice-amulet",
		"interfaceViews": views, "witnessParties": []string{treasury}, "signatories": []string{dso, treasury},
		"observers": []string{}, "createdAt": "2026-08-22T10:00:00Z", "createArgument": m{"amulet": "opaque"},
	}}
}

func view(iface ident.Name, value m) m {
	return m{
		"interfaceId": "hash:" + iface.Module + ":" + iface.Entity, "viewStatus": m{"code": 0, "message": ""},
		"viewValue": value,
	}
}

func failedView(iface ident.Name) m {
	return m{
		"interfaceId": "hash:" + iface.Module + ":" + iface.Entity,
		"viewStatus":  m{"code": 9, "message": "NO_VETTED_INTERFACE_IMPLEMENTATION_PACKAGE"},
	}
}

func amulet() m { return m{"admin": dso, "id": "Amulet"} }

func meta(pairs ...string) m {
	values := m{}
	for pair := range slices.Chunk(pairs, 2) {
		values[pair[0]] = pair[1]
	}

	return m{"values": values}
}

func holdingValue(owner, worth string) m {
	return m{"owner": owner, "instrumentId": amulet(), "amount": worth, "lock": nil, "meta": meta()}
}

// hold is a holding of Amulet with a V1 view.
func hold(contract, owner, worth string) *node {
	n := create(contract, view(token.HoldingV1, holdingValue(owner, worth)))
	if owner != treasury {
		n.body["signatories"] = []string{dso, owner}
	}

	return n
}

// of changes the instrument of a holding.
func (n *node) of(admin, id string) *node {
	for _, v := range n.body["interfaceViews"].([]m) {
		v["viewValue"].(m)["instrumentId"] = m{"admin": admin, "id": id}
	}

	return n.signedBy(admin)
}

// signedBy makes a party the admin who signs.
func (n *node) signedBy(admin string) *node {
	if signatories, ok := n.body["signatories"].([]string); ok {
		signatories = slices.Clone(signatories)
		signatories[0] = admin
		n.body["signatories"] = signatories
	}

	return n
}

// locked locks a holding.
func (n *node) locked() *node {
	for _, v := range n.body["interfaceViews"].([]m) {
		v["viewValue"].(m)["lock"] = m{"holders": []string{dso}, "expiresAt": "2026-08-29T10:00:00Z", "context": "transfer"}
	}

	return n
}

func transferValue(sender, receiver, worth string, memo ...string) m {
	t := m{
		"sender": sender, "receiver": receiver, "amount": worth, "instrumentId": amulet(),
		"requestedAt": "2026-08-22T09:59:00Z", "executeBefore": "2026-08-29T10:00:00Z",
		"inputHoldingCids": []string{}, "meta": meta(),
	}

	if len(memo) > 0 {
		t["meta"] = meta(token.KeyReason, memo[0])
	}

	return t
}

func instructionValue(transfer m) m {
	return m{
		"originalInstructionCid": nil, "transfer": transfer, "meta": meta(),
		"status": m{"tag": "TransferPendingReceiverAcceptance", "value": m{}},
	}
}

// offer is a transfer instruction with a V1 view.
func offer(contract string, transfer m) *node {
	n := create(contract, view(token.TransferInstructionV1, instructionValue(transfer)))
	n.body["signatories"] = []any{transfer["instrumentId"].(m)["admin"], transfer["sender"]}
	n.body["observers"] = []any{transfer["receiver"]}

	return n
}

func (n *node) continues(original string) *node {
	n.body["interfaceViews"].([]m)[0]["viewValue"].(m)["originalInstructionCid"] = original

	return n
}

func exercise(choice string, children ...*node) *node {
	return &node{kind: "Exercised", children: children, body: m{
		"contractId": "00rules", "templateId": "hash:Splice.AmuletRules:AmuletRules", "packageName": "splice-amulet",
		"interfaceId": nil, "choice": choice, "choiceArgument": m{}, "exerciseResult": m{}, "consuming": false,
		"actingParties": []string{bob}, "witnessParties": []string{treasury}, "implementedInterfaces": []string{},
	}}
}

func archive(contract string) *node {
	return exercise("Archive").on(contract).consuming(token.HoldingV1)
}

func (n *node) with(key string, value any) *node {
	n.body[key] = value

	return n
}

func (n *node) on(contract string) *node { return n.with("contractId", contract) }

func (n *node) result(value any) *node { return n.with("exerciseResult", value) }

func (n *node) argument(value any) *node { return n.with("choiceArgument", value) }

func (n *node) actors(parties ...string) *node { return n.with("actingParties", parties) }

func (n *node) after(gap int) *node {
	n.gap = gap

	return n
}

func (n *node) iface(name ident.Name) *node {
	return n.with("interfaceId", "hash:"+name.Module+":"+name.Entity)
}

func (n *node) consuming(implements ...ident.Name) *node {
	list := make([]string, len(implements))
	for i, name := range implements {
		list[i] = "hash:" + name.Module + ":" + name.Entity
	}

	return n.with("consuming", true).with("implementedInterfaces", list)
}

// said is an exercise's result with the metadata that says what it did.
func said(kind token.TxKind, pairs ...string) m {
	return m{"meta": meta(append([]string{token.KeyTxKind, string(kind)}, pairs...)...)}
}

func completed(holdings ...string) m {
	return m{
		"output":           m{"tag": "TransferInstructionResult_Completed", "value": m{"receiverHoldingCids": holdings}},
		"senderChangeCids": []string{}, "meta": meta(),
	}
}

func pending(instruction string) m {
	return m{
		"output":           m{"tag": "TransferInstructionResult_Pending", "value": m{"transferInstructionCid": instruction}},
		"senderChangeCids": []string{}, "meta": meta(),
	}
}

func failed() m {
	return m{
		"output":           m{"tag": "TransferInstructionResult_Failed", "value": m{}},
		"senderChangeCids": []string{}, "meta": meta(),
	}
}

func factory(transfer, result m, children ...*node) *node {
	return exercise(token.ChoiceTransfer, children...).iface(token.TransferFactoryV1).actors(transfer["sender"].(string)).
		argument(m{"expectedAdmin": dso, "transfer": transfer, "extraArgs": m{}}).result(result)
}

func choose(choice, instruction string, result m, children ...*node) *node {
	return exercise(choice, children...).on(instruction).iface(token.TransferInstructionV1).
		consuming(token.TransferInstructionV1).result(result)
}

// recordTime is before the deadline of every transfer that transferValue makes.
const recordTime = "2026-08-22T10:00:01.5Z"

// number gives the nodes of a forest their ids.
func number(nodes []*node, next int) int {
	for _, n := range nodes {
		next += n.gap
		n.body["nodeId"] = next
		next = number(n.children, next+1)

		if n.kind == "Exercised" {
			if _, ok := n.body["lastDescendantNodeId"]; !ok || n.body["lastDescendantNodeId"].(int) < next-1 {
				n.body["lastDescendantNodeId"] = next - 1
			}
		}
	}

	return next
}

func flatten(nodes []*node) []*node {
	var all []*node
	for _, n := range nodes {
		all = append(append(all, n), flatten(n.children)...)
	}

	return all
}

func envelope(t require.TestingT, kind string, value m) []byte {
	raw, err := json.Marshal(m{"update": m{kind: m{"value": value}}})
	require.NoError(t, err)

	return raw
}

func header() m {
	return m{
		"updateId": "1220feed", "commandId": "", "workflowId": "", "effectiveAt": "2026-08-22T10:00:00Z",
		"offset": 41, "synchronizerId": "global::1220aa", "recordTime": recordTime,
	}
}

// asList is the shape of /v2/updates.
func asList(t require.TestingT, nodes []*node, change ...func(m)) []byte {
	events := []m{}
	for _, n := range nodes {
		events = append(events, m{n.kind + "Event": n.body})
	}

	value := header()
	value["events"] = events

	for _, c := range change {
		c(value)
	}

	return envelope(t, "Transaction", value)
}

// asTree is the shape of /v2/updates/trees.
func asTree(t require.TestingT, nodes []*node, change ...func(m)) []byte {
	events := m{}
	for _, n := range nodes {
		events[fmt.Sprint(n.body["nodeId"])] = m{n.kind + "TreeEvent": m{"value": n.body}}
	}

	value := header()
	value["eventsById"] = events

	for _, c := range change {
		c(value)
	}

	return envelope(t, "TransactionTree", value)
}

func decoded(t require.TestingT, raw []byte) update.Update {
	u, err := update.Decode(raw)
	require.NoError(t, err)

	return u
}

func transaction(t require.TestingT, nodes ...*node) update.Update {
	number(nodes, 0)

	return decoded(t, asList(t, flatten(nodes)))
}

// ledger is a Known in memory.
type ledger struct {
	holdings     map[ident.ContractID]token.Holding
	instructions map[ident.ContractID]token.Instruction
	// asked are the contracts that somebody wanted to know about.
	asked []ident.ContractID
}

func newLedger() *ledger {
	return &ledger{
		holdings: map[ident.ContractID]token.Holding{}, instructions: map[ident.ContractID]token.Instruction{},
	}
}

func (l *ledger) Holding(id ident.ContractID) (token.Holding, bool) {
	l.asked = append(l.asked, id)
	h, ok := l.holdings[id]

	return h, ok
}

func (l *ledger) Instruction(id ident.ContractID) (token.Instruction, bool) {
	l.asked = append(l.asked, id)
	i, ok := l.instructions[id]

	return i, ok
}

// apply does what the ingestion's database transaction does.
func (l *ledger) apply(e txhistory.Effects) {
	for _, c := range e.Created {
		l.holdings[c.Contract] = c.Holding
	}

	for _, a := range e.Archived {
		delete(l.holdings, a.Contract)
	}

	for _, o := range e.Opened {
		l.instructions[o.Contract] = o.Instruction
	}

	for _, c := range e.Closed {
		delete(l.instructions, c.Contract)
	}
}

// knowing is a ledger with holdings and instructions that earlier transactions created.
func knowing(t require.TestingT, nodes ...*node) *ledger {
	l := newLedger()

	if len(nodes) > 0 {
		e, err := txhistory.Parse(treasury, transaction(t, nodes...), l, txhistory.Options{})
		require.NoError(t, err)
		l.apply(e)
	}

	return l
}

// parse reads a forest in every shape and order in which a node may send it, and checks what must always hold.
func parse(t require.TestingT, l *ledger, nodes ...*node) (txhistory.Effects, error) {
	return parseWith(t, txhistory.Options{}, l, nodes)
}

func parseWith(
	t require.TestingT, o txhistory.Options, l *ledger, nodes []*node, change ...func(m),
) (txhistory.Effects, error) {
	number(nodes, 0)

	flat := flatten(nodes)
	shuffled := slices.Clone(flat)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) {
		shuffled[i], shuffled[j] = shuffled[j], shuffled[i]
	})

	first := decoded(t, asList(t, flat, change...))
	l.asked = nil
	want, wantErr := txhistory.Parse(treasury, first, l, o)
	requireReferenced(t, treasury, first, l)

	for _, raw := range [][]byte{asTree(t, flat, change...), asList(t, shuffled, change...)} {
		got, err := txhistory.Parse(treasury, decoded(t, raw), l, o)
		require.Equal(t, wantErr == nil, err == nil)
		require.Equal(t, lines(want), lines(got), "shape or order matters")
	}

	requireBalanced(t, want)

	return want, wantErr
}

// requireReferenced checks that nothing was asked for but what References names.
func requireReferenced(t require.TestingT, party ident.Party, u update.Update, l *ledger) {
	require.Subset(t, append(txhistory.References(party, u), ""), append(l.asked, ""), "asked for more than References")
}

// requireBalanced checks the invariant without the code under test.
func requireBalanced(t require.TestingT, e txhistory.Effects) {
	sums := map[ident.Instrument]*big.Rat{}
	add := func(i ident.Instrument, a amount.Amount) {
		if sums[i] == nil {
			sums[i] = new(big.Rat)
		}

		value, ok := new(big.Rat).SetString(a.String())
		require.True(t, ok)
		sums[i].Add(sums[i], value)
	}

	for _, c := range e.Created {
		add(c.Holding.Instrument, c.Holding.Amount)
	}

	for _, a := range e.Archived {
		add(a.Holding.Instrument, a.Holding.Amount.Neg())
	}

	for _, move := range e.Movements {
		require.False(t, move.Change.IsZero(), "a movement of nothing")
		require.Less(t, move.Transfer, len(e.Transfers))
		add(move.Instrument, move.Change.Neg())
	}

	for instrument, sum := range sums {
		require.Zero(t, sum.Sign(), "%s is off by %s", instrument, sum)
	}

	seen := map[string]bool{}

	for _, transfer := range e.Transfers {
		key := fmt.Sprint(transfer.Node, "/", transfer.Leg)
		require.False(t, seen[key], "two transfers at %s", key)
		require.Positive(t, transfer.Amount.Sign())

		seen[key] = true
	}
}

// lines is everything about effects that matters, in a form to compare and to read.
func lines(e txhistory.Effects) string {
	var b strings.Builder

	for _, c := range e.Created {
		lock := ""
		if c.Holding.Lock != nil {
			lock = " locked"
		}

		fmt.Fprintf(&b, "+ %d %s %s %s%s\n", c.Node, c.Contract, c.Holding.Amount.Short(), short(c.Holding.Instrument), lock)
	}

	for _, a := range e.Archived {
		lock := ""
		if a.Holding.Lock != nil {
			lock = " locked"
		}

		fmt.Fprintf(&b, "- %d %s %s %s%s\n", a.Node, a.Contract, a.Holding.Amount.Short(), short(a.Holding.Instrument), lock)
	}

	for _, o := range e.Opened {
		fmt.Fprintf(&b, "open %d %s\n", o.Node, o.Contract)
	}

	for _, c := range e.Closed {
		fmt.Fprintf(&b, "close %d %s %s by %s%s\n", c.Node, c.Contract, c.Status, c.Choice, named(" next", string(c.Next)))
	}

	for _, t := range e.Transfers {
		memo := ""
		if t.Memo != nil {
			memo = fmt.Sprintf(" memo %.40q", *t.Memo)
		}

		fmt.Fprintf(&b, "%s %d.%d %s by %s: %s -> %s %s %s%s%s%s%s\n", t.Direction, t.Node, t.Leg, t.Status, t.Evidence,
			name(t.Sender), name(t.Receiver), t.Amount.Short(), short(t.Instrument), memo,
			named(" chain", string(t.Correlation)), named(" of", string(t.Instruction)), named(" next", string(t.Next)))
	}

	for _, move := range e.Movements {
		fmt.Fprintf(&b, "%s %d %s %s #%d\n", move.Kind, move.Node, move.Change.Short(), short(move.Instrument), move.Transfer)
	}

	for _, u := range e.Unrecognized {
		fmt.Fprintf(&b, "! %d %s\n", u.Node, u.Problem)
	}

	return b.String()
}

func named(what, value string) string {
	if value == "" {
		return ""
	}

	return what + " " + value
}

func name(party ident.Party) string {
	if party == "" {
		return "?"
	}

	hint, _, _ := strings.Cut(string(party), "::")

	return hint
}

func short(i ident.Instrument) string {
	if i.Admin == dso {
		return i.ID
	}

	return i.ID + "@" + name(i.Admin)
}

// unindented lets expectations be written where they are used.
func unindented(text string) string {
	var b strings.Builder

	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			b.WriteString(line + "\n")
		}
	}

	return b.String()
}

func must(text string) amount.Amount { return amounttest.Of(text) }
