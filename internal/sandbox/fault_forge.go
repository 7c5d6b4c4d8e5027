package sandbox

import (
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// forgedUnits is what a forged holding claims to be worth.
const forgedUnits = 1_000

// forge makes what a stream tells of a transaction a lie, if the plan wants it. The ledger and every other answer stay
// true, so that who compares finds the contradiction. A recording is told as it is.
func (c *cursor) forge(u *update, item *updateJSON) error {
	if !c.v.plan.Armed() || c.v.replay || (item.Transaction == nil && item.TransactionTree == nil) {
		return nil
	}

	f := forgery{v: c.v, u: u, item: item, format: c.format.transactions, effects: c.format.effects}
	f.next = u.nodes[len(u.nodes)-1].id + 1

	party, ok := f.victim()
	if !ok {
		return nil
	}

	c.v.mu.Lock()
	defer c.v.mu.Unlock()

	chance := fault.Chance{Path: c.through.path(), Party: party}

	if created := f.shownHolding(); created != nil {
		if _, strikes := c.v.plan.Take(fault.ForgedAmount, chance); strikes {
			forgeAmount(created)
		}
	}

	if held := f.heldBefore(party); held != nil {
		if _, strikes := c.v.plan.Take(fault.ForgedArchive, chance); strikes {
			f.archive(held)
		}
	}

	if _, strikes := c.v.plan.Take(fault.ForgedHolding, chance); strikes {
		return f.holding(party)
	}

	return nil
}

// path is the endpoint of a channel.
func (c channel) path() string {
	switch c {
	case channelFlats:
		return "/v2/updates/flats"
	case channelTrees:
		return "/v2/updates/trees"
	case channelUpdates:
	}

	return "/v2/updates"
}

// forgery is one transaction that is about to be told.
type forgery struct {
	v       *Validator
	u       *update
	item    *updateJSON
	format  *format
	effects bool
	next    ident.NodeID // of the next event that is made up
}

// victim is the party that is lied to: of those that the stream names, the first; else the first that it shows.
func (f *forgery) victim() (ident.Party, bool) {
	named := make([]ident.Party, 0, len(f.format.byParty))
	for party := range f.format.byParty {
		named = append(named, party)
	}

	slices.Sort(named)

	for _, n := range f.u.nodes {
		named = append(named, f.format.witnessed(n.witnesses)...)
	}

	if len(named) == 0 {
		return "", false
	}

	return named[0], true
}

// shownHolding is the first holding that the transaction is told to create; nil when there is none.
func (f *forgery) shownHolding() *createdJSON {
	for _, n := range f.u.nodes {
		if n.kind != nodeCreate {
			continue
		}

		if claim, _ := claimOf(n.contract); claim == nil {
			continue
		}

		if created := f.created(n.contract.id); created != nil {
			return created
		}
	}

	return nil
}

func (f *forgery) created(id ident.ContractID) *createdJSON {
	if f.item.Transaction != nil {
		for _, e := range f.item.Transaction.Value.Events {
			if e.Created != nil && e.Created.ContractID == id {
				return e.Created
			}
		}

		return nil
	}

	for _, e := range f.item.TransactionTree.Value.EventsByID {
		if e.Created != nil && e.Created.Value.ContractID == id {
			return e.Created.Value
		}
	}

	return nil
}

// heldBefore is a holding that a party had before this transaction and still has; nil when there is none.
func (f *forgery) heldBefore(party ident.Party) *contract {
	state, ok := f.v.parties[party]
	if !ok {
		return nil
	}

	for c := range state.holdings.all() {
		at := c.created[f.v.index]
		if at != unseen && at < f.u.offsets[f.v.index] && f.format.selects(c, []ident.Party{party}) {
			return c
		}
	}

	return nil
}

// archive tells that a holding is archived.
func (f *forgery) archive(c *contract) {
	n := &node{kind: nodeExercise, contract: c, details: &details{
		choice: "Archive", argument: json.RawMessage("{}"), result: json.RawMessage("{}"), acting: c.signatories,
		consuming: true,
	}}
	f.add(n)
}

// holding tells of a holding that is not on the ledger, with all that a real one has: its admin's signature too.
func (f *forgery) holding(party ident.Party) error {
	from := seed(sha256.Sum256([]byte(string(f.u.id) + string(party))))
	t := f.v.beginAt(f.u.synchronizer, f.u.effectiveAt, from, []ident.Party{f.v.amulet.dso, party})

	c, err := t.createAmulet(party, amount.FromInt(forgedUnits))
	if err != nil {
		return err
	}

	c.created = f.u.offsets
	f.add(c.node)

	return nil
}

// add puts an event after those that are told.
func (f *forgery) add(n *node) {
	n.id, n.last = f.next, f.next
	f.next++

	e := seen{node: n, witnesses: f.format.witnessed(n.contract.stakeholders()), delta: true}
	event := f.v.eventOf(f.u.offsets[f.v.index], f.format, e, f.effects)

	if f.item.Transaction != nil {
		f.item.Transaction.Value.Events = append(f.item.Transaction.Value.Events, event)

		return
	}

	told := treeEventJSON{}
	if event.Created != nil {
		told.Created = &wrapped[*createdJSON]{event.Created}
	} else {
		told.Exercised = &wrapped[*exercisedJSON]{event.Exercised}
	}

	f.item.TransactionTree.Value.EventsByID[strconv.FormatInt(int64(n.id), 10)] = told
}

// forgeAmount doubles the amount of a holding wherever the event says it. What the ledger holds stays as it is.
func forgeAmount(created *createdJSON) {
	created.Argument = doubled(created.Argument)
	created.Views = slices.Clone(created.Views)

	for i := range created.Views {
		created.Views[i].Value = doubled(created.Views[i].Value)
	}
}

// doubled is a record with its amount doubled, as holdings and their views spell it. A record without one stays.
func doubled(raw json.RawMessage) json.RawMessage {
	var record map[string]json.RawMessage
	if json.Unmarshal(raw, &record) != nil {
		return raw
	}

	for _, name := range []string{"amount", "initialAmount", "amulet"} {
		inner, ok := record[name]
		if !ok {
			continue
		}

		if strings.HasPrefix(string(inner), "{") {
			record[name] = doubled(inner)
		} else {
			record[name] = doubledText(inner)
		}
	}

	out, err := encodeValue(record)
	if err != nil {
		return raw
	}

	return out
}

func doubledText(raw json.RawMessage) json.RawMessage {
	var value amount.Amount
	if json.Unmarshal(raw, &value) != nil {
		return raw
	}

	twice, err := value.Add(value)
	if err != nil {
		return raw
	}

	out, err := encodeValue(twice)
	if err != nil {
		return raw
	}

	return out
}
