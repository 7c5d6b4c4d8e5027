package sandbox

import (
	"context"

	"github.com/canton-exchange/suite/internal/ident"
)

// snapshotStep is how many contracts a snapshot looks at before it lets others at the ledger.
const snapshotStep = 4096

// snapshot reads the contracts that were active at an offset, in order of creation. It holds the ledger only to look at
// a part of it, and writes nothing down meanwhile.
type snapshot struct {
	v      *Validator
	format *format
	at     ident.Offset
	order  []*contract // as the ledger had them at the start: it replaces the list when it drops contracts
	next   int         // of order
}

// openSnapshot checks at against the node's history; latest takes its end.
func (v *Validator) openSnapshot(f *format, at ident.Offset, latest bool) (*snapshot, error) {
	v.mu.Lock()
	defer v.mu.Unlock()

	if latest {
		at = v.end
	}

	switch {
	case at < 0:
		return nil, errNegative("active_at_offset", at)
	case at > v.end:
		return nil, errAfterEnd("Active at", at, v.end)
	case at < v.prunedTo:
		return nil, errPruned("Active contracts request", at, v.prunedTo)
	}

	return &snapshot{v: v, format: f, at: at, order: v.order}, nil
}

// standing is where a contract stood at the time of a snapshot.
type standing struct {
	contract *contract
	offset   ident.Offset // of the update that brought it there
	home     *synchronizer
	counter  int64
	leaving  *move // set while it is under way to another synchronizer
	index    int   // in the ledger's order
}

// step looks at the next part of the ledger, and reports whether there was one.
func (s *snapshot) step() ([]standing, bool, error) {
	s.v.mu.Lock()
	defer s.v.mu.Unlock()

	if s.at < s.v.prunedTo {
		return nil, false, errPruned("Active contracts request", s.at, s.v.prunedTo)
	}

	stop := min(s.next+snapshotStep, len(s.order))
	more := s.next < stop

	var found []standing

	for ; s.next < stop; s.next++ {
		c := s.order[s.next]
		if !c.activeAt(s.v.index, s.at) {
			continue
		}

		s.v.admit(s.format, c.signatories...)
		s.v.admit(s.format, c.observers...)

		if s.format.concerns(c) {
			found = append(found, s.standing(c))
		}
	}

	return found, more, nil
}

func (s *snapshot) standing(c *contract) standing {
	node := s.v.index
	now := standing{contract: c, offset: c.created[node], home: c.origin(), index: s.next}

	for _, m := range c.moves {
		if m.unassigned[node] > s.at {
			break
		}

		if m.assigned[node] > s.at {
			now.leaving = m

			break
		}

		now.offset, now.home, now.counter = m.assigned[node], m.target, m.counter
	}

	return now
}

// origin is the synchronizer on which a contract was created.
func (c *contract) origin() *synchronizer {
	if len(c.moves) > 0 {
		return c.moves[0].source
	}

	return c.home
}

// run emits every contract that the format shows, until nobody wants more or ctx ends.
func (s *snapshot) run(ctx context.Context, out func(item activeJSON, index int) (bool, error)) error {
	for ctx.Err() == nil {
		found, more, err := s.step()
		if err != nil || !more {
			return err
		}

		for _, now := range found {
			witnesses := s.format.witnessed(now.contract.stakeholders())
			if !s.format.selects(now.contract, witnesses) {
				continue
			}

			if more, err := out(s.v.active(&now, s.format, witnesses), now.index); err != nil || !more {
				return err
			}
		}
	}

	return ctx.Err() //nolint:wrapcheck // the caller asks whether it is that of its own context
}

// active writes one contract of a snapshot, which may be under way between synchronizers.
func (v *Validator) active(now *standing, f *format, witnesses []ident.Party) activeJSON {
	item := activeJSON{}
	if v.cfg.Version.atLeast(V35) {
		item.Token = new(string)
	}

	created := v.createdEvent(now.contract, now.offset, f, witnesses, true)

	if m := now.leaving; m != nil {
		item.Entry = obj{"JsIncompleteUnassigned": obj{
			"createdEvent":    created,
			"unassignedEvent": v.unassigned(now.contract, m, m.unassigned[v.index], witnesses),
		}}
	} else {
		item.Entry = obj{"JsActiveContract": obj{
			"createdEvent": created, "synchronizerId": now.home.id, "reassignmentCounter": now.counter,
		}}
	}

	return item
}
