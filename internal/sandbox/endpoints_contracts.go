package sandbox

import (
	"net/http"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
)

type contractsRequest struct {
	At      ident.Offset     `json:"activeAtOffset"`
	Format  *eventFormatJSON `json:"eventFormat"`
	Filter  *eventFormatJSON `json:"filter"`
	Verbose bool             `json:"verbose"`
}

type activeJSON struct {
	WorkflowID string  `json:"workflowId"`
	Entry      obj     `json:"contractEntry"`
	Token      *string `json:"streamContinuationToken,omitempty"` // 3.5+
}

// snapshot lists the active contracts that a format shows, as of an offset, in order of creation.
func (v *Validator) snapshot(req *contractsRequest) ([]activeJSON, error) {
	in := req.Format

	switch {
	case in != nil && (req.Filter != nil || req.Verbose):
		return nil, errArgument("Both eventFormat and filter or verbose are set")
	case in == nil && req.Filter == nil:
		return nil, errArgument("Either filter and verbose or eventFormat is required.")
	case in == nil:
		in = req.Filter
	}

	f, err := v.resolveFormat(in)
	if err != nil {
		return nil, err
	}

	v.mu.Lock()
	defer v.mu.Unlock()

	switch {
	case req.At < 0:
		return nil, errNegative("active_at_offset", req.At)
	case req.At > v.end:
		return nil, errAfterEnd("Active at", req.At, v.end)
	case req.At < v.prunedTo:
		return nil, errPruned("Active contracts request", req.At, v.prunedTo)
	}

	items := []activeJSON{}

	for _, c := range v.order {
		if !c.activeAt(v.index, req.At) {
			continue
		}

		witnesses := f.witnessed(c.stakeholders())
		if len(witnesses) == 0 || !f.selects(c, witnesses) {
			continue
		}

		items = append(items, v.active(c, req.At, f, witnesses))
	}

	return items, nil
}

// active writes one contract of a snapshot, which may be under way between synchronizers.
func (v *Validator) active(c *contract, at ident.Offset, f *format, witnesses []ident.Party) activeJSON {
	item := activeJSON{}
	if v.cfg.Version.atLeast(V35) {
		item.Token = new(string)
	}

	offset, home, counter := c.created[v.index], c.home, int64(0)
	if len(c.moves) > 0 {
		home = c.moves[0].source
	}

	for _, m := range c.moves {
		if m.unassigned[v.index] > at {
			break
		}

		if m.assigned[v.index] > at {
			item.Entry = obj{"JsIncompleteUnassigned": obj{
				"createdEvent":    v.createdEvent(c, offset, f, witnesses, true),
				"unassignedEvent": v.unassigned(c, m, m.unassigned[v.index], witnesses),
			}}

			return item
		}

		offset, home, counter = m.assigned[v.index], m.target, m.counter
	}

	item.Entry = obj{"JsActiveContract": obj{
		"createdEvent":   v.createdEvent(c, offset, f, witnesses, true),
		"synchronizerId": home.id, "reassignmentCounter": counter,
	}}

	return item
}

func (v *Validator) postContracts(w http.ResponseWriter, r *http.Request) {
	var req contractsRequest
	if !v.read(w, r, &req) {
		return
	}

	l, err := v.listOf(r, true)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)

		return
	}

	items, err := v.snapshot(&req)

	switch {
	case err != nil:
		v.fail(w, r, err)
	case len(items) > l.max && l.want > l.max:
		v.fail(w, r, errListLimit(l.max))
	default:
		v.answer(w, r, http.StatusOK, items[:min(len(items), l.want)])
	}
}

type eventsRequest struct {
	ContractID ident.ContractID `json:"contractId"`
	Format     *eventFormatJSON `json:"eventFormat"`
}

// postEventsByContract answers the create and the archive of a contract, to its stakeholders only.
func (v *Validator) postEventsByContract(w http.ResponseWriter, r *http.Request) {
	var req eventsRequest
	if !v.read(w, r, &req) {
		return
	}

	if req.Format == nil {
		v.fail(w, r, newError(http.StatusBadRequest, grpcInvalidArgument, categoryInvalid, "MISSING_FIELD",
			"The submitted command is missing a mandatory field: event_format"))

		return
	}

	f, err := v.resolveFormat(req.Format)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.mu.Lock()
	answer := v.eventsOf(req.ContractID, f)
	v.mu.Unlock()

	if answer == nil {
		v.fail(w, r, errNotFound("CONTRACT_EVENTS_NOT_FOUND",
			"Contract events not found, or not visible."))

		return
	}

	v.answer(w, r, http.StatusOK, answer)
}

func (v *Validator) eventsOf(id ident.ContractID, f *format) obj {
	c, ok := v.contracts[id]
	if !ok || c.node == nil { // a replay knows contracts of which it has no create
		return nil
	}

	witnesses := f.witnessed(c.stakeholders())
	if len(witnesses) == 0 || !f.selects(c, witnesses) {
		return nil
	}

	delta := c.archivedBy == nil || !c.archivedBy.transient

	home := c.home
	if len(c.moves) > 0 {
		home = c.moves[0].source
	}

	created := obj{"createdEvent": v.createdEvent(c, c.created[v.index], f, witnesses, delta), "synchronizerId": home.id}
	answer := obj{"created": created, "archived": nil}

	if c.archived[v.index] != unseen {
		archived := v.archivedEvent(c.archivedBy, c.archived[v.index], f, slices.Clone(witnesses))
		answer["archived"] = obj{"archivedEvent": archived, "synchronizerId": c.home.id}
	}

	return answer
}
