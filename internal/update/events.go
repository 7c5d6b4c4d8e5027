package update

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// decodeEvents reads either shape, sorts by node id and checks that the exercises nest.
func decodeEvents(w *wireTransaction) ([]Event, error) {
	var (
		events []Event
		err    error
	)

	switch {
	case w.EventsByID == nil:
		events, err = eventList(w.Events)
	case len(w.Events) == 0:
		events, err = eventsByID(w.EventsByID)
	default:
		err = errors.New("events in both shapes")
	}

	if err != nil {
		return nil, err
	}

	// A node sends them sorted; the tree shape has no order, and a list out of order would change no meaning.
	slices.SortStableFunc(events, func(a, b Event) int { return int(a.Node) - int(b.Node) })

	return events, CheckEvents(events)
}

func eventList(list []wireEvent) ([]Event, error) {
	events := make([]Event, 0, len(list))

	for i, w := range list {
		if w.Archived != nil {
			return nil, fmt.Errorf("event %d is of the ACS_DELTA shape; ask for TRANSACTION_SHAPE_LEDGER_EFFECTS", i)
		}

		event, err := newEvent(w.Created, w.Exercised)
		if err != nil {
			return nil, fmt.Errorf("event %d: %w", i, err)
		}

		events = append(events, event)
	}

	return events, nil
}

func eventsByID(byID map[string]wireTreeEvent) ([]Event, error) {
	events := make([]Event, 0, len(byID))

	for key, w := range byID {
		var (
			created   *wireCreated
			exercised *wireExercised
		)

		if w.Created != nil {
			created = w.Created.Value
		}

		if w.Exercised != nil {
			exercised = w.Exercised.Value
		}

		event, err := newEvent(created, exercised)
		if err != nil {
			return nil, fmt.Errorf("event %s: %w", shown(key), err)
		}

		if key != strconv.Itoa(int(event.Node)) {
			return nil, fmt.Errorf("event %s says it is node %d", shown(key), event.Node)
		}

		events = append(events, event)
	}

	return events, nil
}

func newEvent(created *wireCreated, exercised *wireExercised) (Event, error) {
	switch {
	case created != nil && exercised == nil:
		c, node, err := created.created()

		return Event{Node: node, Created: c}, err
	case exercised != nil && created == nil:
		x, node, err := exercised.exercised()

		return Event{Node: node, Exercised: x}, err
	default:
		return Event{}, fmt.Errorf("this version does not know this kind of event")
	}
}

func (w *wireCreated) created() (*Created, ident.NodeID, error) {
	node, err := nodeID(w.NodeID)
	if err != nil {
		return nil, 0, err
	}

	c := &Created{
		PackageName: w.PackageName, Witnesses: w.Witnesses, Signatories: w.Signatories,
		Observers: w.Observers, CreatedAt: w.CreatedAt, ACSDelta: w.ACSDelta,
	}

	if c.Contract, err = ident.ParseContractID(w.ContractID); err != nil {
		return nil, 0, err
	}

	if c.Template, err = ident.ParseName(w.TemplateID); err != nil {
		return nil, 0, err
	}

	for _, v := range w.Views {
		id, err := ident.ParseName(v.InterfaceID)
		if err != nil {
			return nil, 0, err
		}

		c.Views = append(c.Views, View{
			Interface: id, Status: v.Status.Code, Message: v.Status.Message, Value: present(v.Value),
		})
	}

	return c, node, nil
}

func (w *wireExercised) exercised() (*Exercised, ident.NodeID, error) {
	node, err := nodeID(w.NodeID)
	if err != nil {
		return nil, 0, err
	}

	x := &Exercised{
		PackageName: w.PackageName, Choice: w.Choice, Argument: present(w.Argument), Result: present(w.Result),
		Actors: w.Actors, Witnesses: w.Witnesses, Consuming: w.Consuming, ACSDelta: w.ACSDelta,
	}

	if x.Contract, err = ident.ParseContractID(w.ContractID); err != nil {
		return nil, 0, err
	}

	if x.Template, err = ident.ParseName(w.TemplateID); err != nil {
		return nil, 0, err
	}

	if w.InterfaceID != nil && *w.InterfaceID != "" {
		if x.Interface, err = ident.ParseName(*w.InterfaceID); err != nil {
			return nil, 0, err
		}
	}

	for _, text := range w.Implements {
		id, err := ident.ParseName(text)
		if err != nil {
			return nil, 0, err
		}

		x.Implements = append(x.Implements, id)
	}

	if w.LastDescendant == nil {
		return nil, 0, fmt.Errorf("node %d has no lastDescendantNodeId", node)
	}

	x.LastDescendant = ident.NodeID(*w.LastDescendant)

	return x, node, nil
}

func (w wireMove) move() (Move, error) {
	switch {
	case w.Assigned != nil && w.Assigned.Created != nil:
		created, node, err := w.Assigned.Created.created()
		if err != nil {
			return Move{}, err
		}

		return Move{
			Assigned: created, Contract: created.Contract, Node: node, Source: ident.SynchronizerID(w.Assigned.Source),
			Target: ident.SynchronizerID(w.Assigned.Target), Counter: w.Assigned.Counter,
		}, nil
	case w.Unassigned != nil && w.Unassigned.Value != nil:
		v := w.Unassigned.Value

		contract, err := ident.ParseContractID(v.ContractID)
		if err != nil {
			return Move{}, err
		}

		return Move{
			Contract: contract, Node: ident.NodeID(v.NodeID), Source: ident.SynchronizerID(v.Source),
			Target: ident.SynchronizerID(v.Target), Counter: v.Counter,
		}, nil
	default:
		return Move{}, fmt.Errorf("this version does not know this kind of reassignment event")
	}
}

// CheckEvents verifies what every reader of events relies on: each is one creation or one exercise, node ids
// ascend, and the intervals of exercises nest. The parser walks them as a tree; a node that lies about them
// could make it count a holding twice. What Decode returns passes. Errors wrap ErrMalformed.
func CheckEvents(events []Event) error {
	var open []ident.NodeID // last descendants of the exercises around the current event, outermost first

	for i, event := range events {
		if (event.Created == nil) == (event.Exercised == nil) {
			return fmt.Errorf("%w: node %d is not one creation or one exercise", ErrMalformed, event.Node)
		}

		if i > 0 && events[i-1].Node >= event.Node {
			return fmt.Errorf("%w: node %d follows node %d", ErrMalformed, event.Node, events[i-1].Node)
		}

		for len(open) > 0 && event.Node > open[len(open)-1] {
			open = open[:len(open)-1]
		}

		if event.Exercised == nil {
			continue
		}

		last := event.Exercised.LastDescendant
		if last < event.Node {
			return fmt.Errorf("%w: node %d ends before it begins, at %d", ErrMalformed, event.Node, last)
		}

		if len(open) > 0 && last > open[len(open)-1] {
			return fmt.Errorf("%w: node %d ends at %d, after the exercise around it, at %d",
				ErrMalformed, event.Node, last, open[len(open)-1])
		}

		open = append(open, last)
	}

	return nil
}

func nodeID(n *int32) (ident.NodeID, error) {
	if n == nil || *n < 0 {
		return 0, fmt.Errorf("event without node id")
	}

	return ident.NodeID(*n), nil
}

// present turns the JSON null, which the ledger uses for an absent optional, into no value.
func present(raw strictjson.Raw) strictjson.Raw {
	if raw.Kind() == 'n' {
		return nil
	}

	return raw
}
