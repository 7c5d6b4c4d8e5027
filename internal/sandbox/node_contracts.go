package sandbox

import (
	"context"
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

// contractsFormat resolves whichever style the request uses.
func (v *Validator) contractsFormat(req *contractsRequest) (*format, error) {
	switch {
	case req.Format != nil && (req.Filter != nil || req.Verbose):
		return nil, errArgument("Both eventFormat and filter or verbose are set")
	case req.Format == nil && req.Filter == nil:
		return nil, errArgument("Either filter and verbose or eventFormat is required.")
	case req.Format == nil:
		return v.resolveFormat(req.Filter)
	}

	return v.resolveFormat(req.Format)
}

// contractsAt opens the snapshot that a request asks for.
func (v *Validator) contractsAt(ctx context.Context, req *contractsRequest) (*snapshot, error) {
	f, err := v.contractsFormat(req)
	if err == nil {
		err = v.mayRead(ctx, f)
	}

	if err != nil {
		return nil, err
	}

	return v.openSnapshot(f, req.At, false)
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

	s, err := v.contractsAt(r.Context(), &req)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	items := []activeJSON{}
	if l.want > 0 {
		err = s.run(r.Context(), func(item activeJSON, _ int) (bool, error) {
			items = append(items, item)

			return len(items) < l.want, nil
		})
	}

	answerList(v, w, r, items, l, err)
}

type eventsRequest struct {
	ContractID ident.ContractID `json:"contractId"`
	Format     *eventFormatJSON `json:"eventFormat"`
	Parties    []ident.Party    `json:"requestingParties"` // until 3.3
}

func (v *Validator) eventsFormat(req *eventsRequest) (*format, error) {
	switch {
	case req.Format != nil:
		return v.resolveFormat(req.Format)
	case len(req.Parties) > 0 && !v.cfg.Version.atLeast(V34):
		return v.formatFor(req.Parties)
	}

	return nil, errMissing("event_format")
}

// postEventsByContract answers the create and the archive of a contract, to its stakeholders only.
func (v *Validator) postEventsByContract(w http.ResponseWriter, r *http.Request) {
	var req eventsRequest
	if !v.read(w, r, &req) {
		return
	}

	f, err := v.eventsFormat(&req)
	if err == nil {
		err = v.mayRead(r.Context(), f)
	}

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

	v.admit(f, c.signatories...)
	v.admit(f, c.observers...)

	witnesses := f.witnessed(c.stakeholders())
	if c.created[v.index] == unseen || len(witnesses) == 0 || !f.selects(c, witnesses) {
		return nil
	}

	delta := c.archivedBy == nil || !c.archivedBy.transient

	created := obj{
		"createdEvent":   v.createdEvent(c, c.created[v.index], f, witnesses, delta),
		"synchronizerId": c.origin().id,
	}
	answer := obj{"created": created, "archived": nil}

	if c.archived[v.index] != unseen {
		archived := v.archivedEvent(c.archivedBy, c.archived[v.index], f, slices.Clone(witnesses))
		answer["archived"] = obj{"archivedEvent": archived, "synchronizerId": c.home.id}
	}

	return answer
}

type contractRequest struct {
	ContractID ident.ContractID `json:"contractId"`
	Parties    []ident.Party    `json:"queryingParties"`
}

// postContract answers what a contract says, to its stakeholders, or to anybody when no party asks. Where and how it
// was created is not part of it.
func (v *Validator) postContract(w http.ResponseWriter, r *http.Request) {
	var req contractRequest
	if !v.read(w, r, &req) {
		return
	}

	f, err := v.payloadFormat(r.Context(), req.Parties)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.mu.Lock()

	c, known := v.contracts[req.ContractID]
	if known && c.node != nil && c.created[v.index] != unseen {
		v.admit(f, c.signatories...)
		v.admit(f, c.observers...)
	} else {
		c = nil
	}
	v.mu.Unlock()

	if c == nil || (len(req.Parties) > 0 && !f.concerns(c)) {
		v.fail(w, r, errNotFound("CONTRACT_PAYLOAD_NOT_FOUND", "Contract payload not found, or not visible."))

		return
	}

	v.answer(w, r, http.StatusOK, obj{
		"createdEvent": v.createdEvent(c, ident.Begin, f, f.witnessed(c.stakeholders()), false),
	})
}

// payloadFormat is what the asking parties see. Nobody's look at any contract takes the right to read as everybody.
func (v *Validator) payloadFormat(ctx context.Context, parties []ident.Party) (*format, error) {
	if len(parties) == 0 {
		return &format{byParty: map[ident.Party]*filter{}}, v.mayRead(ctx, &format{any: &filter{}})
	}

	f, err := v.formatFor(parties)
	if err == nil {
		err = v.mayRead(ctx, f)
	}

	return f, err
}
