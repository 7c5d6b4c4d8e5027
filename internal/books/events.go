package books

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// stableID is a name-based UUID (RFC 9562, version 5) of the parts.
func stableID(parts ...string) uuid.UUID {
	space := uuid.UUID{0x8e, 0x5b, 0x1d, 0x02, 0x6f, 0x0c, 0x4a, 0x39, 0x9a, 0x6d, 0x33, 0x52, 0xc1, 0x77, 0xe0, 0x44}

	return uuid.NewSHA1(space, []byte(strings.Join(parts, "\n")))
}

// evidence is what lets a receiver check an event against any validator node.
type evidence struct {
	UpdateID   ident.UpdateID `json:"updateId"`
	NodeID     ident.NodeID   `json:"nodeId"`
	RecordTime time.Time      `json:"recordTime"`
}

// updateEvidence is the evidence of what is about a whole update.
type updateEvidence struct {
	UpdateID   ident.UpdateID `json:"updateId"`
	RecordTime time.Time      `json:"recordTime"`
}

type depositPayload struct {
	DepositID     uuid.UUID        `json:"depositId"`
	State         DepositState     `json:"state"`
	Reason        string           `json:"reason,omitempty"`
	Account       string           `json:"account,omitempty"`
	Admin         ident.Party      `json:"instrumentAdmin"`
	InstrumentID  string           `json:"instrumentId"`
	Amount        amount.Amount    `json:"amount"`
	Sender        ident.Party      `json:"sender,omitempty"`
	Memo          *string          `json:"memo,omitzero"` // an empty memo is not a missing one
	CorrelationID ident.ContractID `json:"correlationId,omitempty"`
	Evidence      evidence         `json:"evidence"`
}

func (r *recorder) depositEvent(id uuid.UUID, a Attribution, t txhistory.Transfer, moved amount.Amount) error {
	return r.event("deposit."+string(a.State), id.String(), depositPayload{
		DepositID: id, State: a.State, Reason: a.Reason, Account: a.Account,
		Admin: t.Instrument.Admin, InstrumentID: t.Instrument.ID, Amount: moved,
		Sender: t.Sender, Memo: stored(t.Memo), CorrelationID: t.Correlation, Evidence: r.evidence(t.Node),
	})
}

type withdrawalPayload struct {
	WithdrawalID  string            `json:"withdrawalId"`
	Kind          withdrawal.Kind   `json:"kind"`
	Origin        Origin            `json:"origin"`
	State         withdrawal.State  `json:"state"`
	Reason        withdrawal.Reason `json:"reason,omitempty"`
	Account       string            `json:"account,omitempty"`
	Admin         ident.Party       `json:"instrumentAdmin"`
	InstrumentID  string            `json:"instrumentId"`
	Amount        amount.Amount     `json:"amount"`
	Receiver      ident.Party       `json:"receiver"`
	CorrelationID ident.ContractID  `json:"correlationId,omitempty"`
	Evidence      evidence          `json:"evidence"`
}

// withdrawalEvent tells the state that a withdrawal has come to.
func (r *recorder) withdrawalEvent(w Withdrawal, reason withdrawal.Reason, t txhistory.Transfer) error {
	return r.event("withdrawal."+string(w.State), w.ID, withdrawalPayload{
		WithdrawalID: w.ID, Kind: w.Kind, Origin: w.Origin, State: w.State, Reason: reason, Account: w.Account,
		Admin: t.Instrument.Admin, InstrumentID: t.Instrument.ID, Amount: t.Amount,
		Receiver: t.Receiver, CorrelationID: t.Correlation, Evidence: r.evidence(t.Node),
	})
}

type unrecognizedPayload struct {
	Problem  txhistory.Problem `json:"problem"`
	Detail   string            `json:"detail"`
	Evidence evidence          `json:"evidence"`
}

func (r *recorder) reportUnrecognized() error {
	for _, u := range r.effects.Unrecognized {
		subject := fmt.Sprintf("%s/%d", r.update.ID, u.Node)
		payload := unrecognizedPayload{Problem: u.Problem, Detail: memo.Stored(u.Detail), Evidence: r.evidence(u.Node)}
		if err := r.event("ledger.unrecognized", subject, payload); err != nil {
			return err
		}
	}

	return nil
}

type holdingsPayload struct {
	Created       []heldPayload  `json:"created"`
	Archived      []heldPayload  `json:"archived"`
	CreatedCount  int            `json:"createdCount"`
	ArchivedCount int            `json:"archivedCount"`
	Evidence      updateEvidence `json:"evidence"`
}

type heldPayload struct {
	ContractID   ident.ContractID `json:"contractId"`
	Admin        ident.Party      `json:"instrumentAdmin"`
	InstrumentID string           `json:"instrumentId"`
	Amount       amount.Amount    `json:"amount"`
}

// reportHoldings tells what the treasury owns now that it did not own before, and the other way round. An update may
// change any number of holdings; the event names the first ones.
func (r *recorder) reportHoldings() error {
	created, archived := r.effects.Created, r.effects.Archived
	if len(created) == 0 && len(archived) == 0 {
		return nil
	}

	payload := holdingsPayload{
		Created: []heldPayload{}, Archived: []heldPayload{}, CreatedCount: len(created), ArchivedCount: len(archived),
		Evidence: updateEvidence{UpdateID: r.update.ID, RecordTime: r.update.RecordTime},
	}

	for _, h := range created[:min(len(created), event.MaxHoldings)] {
		payload.Created = append(payload.Created, held(h.Contract, h.Holding))
	}

	for _, h := range archived[:min(len(archived), event.MaxHoldings)] {
		payload.Archived = append(payload.Archived, held(h.Contract, h.Holding))
	}

	// An opening snapshot is booked in parts that share its id: the first holding tells them apart.
	first := ""
	if len(created) > 0 {
		first = string(created[0].Contract)
	}

	return r.eventOf("holdings.changed", string(r.update.ID), first, payload)
}

func held(id ident.ContractID, h token.Holding) heldPayload {
	return heldPayload{ContractID: id, Admin: h.Instrument.Admin, InstrumentID: h.Instrument.ID, Amount: h.Amount}
}

func (r *recorder) event(kind, subject string, payload any) error {
	return r.eventOf(kind, subject, "", payload)
}

// eventOf is event for subjects of which there may be several; part tells them apart.
func (r *recorder) eventOf(kind, subject, part string, payload any) error {
	raw, err := strictjson.Encode(payload)
	if err != nil {
		return fmt.Errorf("encode event %s of %s: %w", kind, subject, err)
	}

	// The ordinal alone would not do: the parts of an opening snapshot are booked one by one and share an update id.
	// The subject comes last because a withdrawal's id is any text.
	ordinal := strconv.Itoa(len(r.entries.Events)) + part
	r.entries.Events = append(r.entries.Events, Event{
		ID:   stableID("event", string(r.grounds.Treasury), string(r.update.ID), ordinal, kind, subject),
		Type: kind, Subject: subject, Payload: raw,
	})

	return nil
}

func (r *recorder) evidence(node ident.NodeID) evidence {
	return evidence{UpdateID: r.update.ID, NodeID: node, RecordTime: r.update.RecordTime}
}

func stored(text *string) *string {
	if text == nil {
		return nil
	}

	s := memo.Stored(*text)

	return &s
}
