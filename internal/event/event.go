// Package event is what the suite tells others of what happened: CloudEvents 1.0, each with its place in the order of
// its treasury, the evidence by which it can be checked against any validator node, and a signature over the whole. It
// holds values; numbering, storing and delivering them are others' work.
package event

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	// specVersion is that of CloudEvents (https://github.com/cloudevents/spec, v1.0.2).
	specVersion = "1.0"
	contentType = "application/json"
	// sequenceDigits makes sequences texts that sort as the numbers do, as CloudEvents' sequence extension wants it.
	sequenceDigits = 19
	// sourcePrefix comes before the treasury's party.
	sourcePrefix = "urn:canton-exchange-suite:treasury:"
	timeLayout   = "2006-01-02T15:04:05.000000Z"
)

// MediaType and BatchMediaType are what one event and a list of events are sent as.
const (
	MediaType      = "application/cloudevents+json"
	BatchMediaType = "application/cloudevents-batch+json"
)

// Happened is an event of the outbox, with what the ledger has to say of it.
type Happened struct {
	ID       uuid.UUID
	Treasury ident.Party
	Type     string
	Subject  string
	At       time.Time
	// Data is a JSON object.
	Data strictjson.Raw
	// Update is the update of the ledger that it rests on; nil if there is none.
	Update *Update
	// Transfer is the money that it is about, as on the ledger; nil if it is about none.
	Transfer *Transfer
}

// Update says where an event is on the ledger.
type Update struct {
	ID           ident.UpdateID
	RecordTime   time.Time
	Synchronizer ident.SynchronizerID
	// Offset is that of the node Participant, and means nothing on another one.
	Offset      ident.Offset
	Participant ident.ParticipantID
}

// Transfer is a transfer as it is on the ledger.
type Transfer struct {
	Node             ident.NodeID
	Leg              int
	Status           string
	Sender, Receiver ident.Party
	Instrument       ident.Instrument
	Amount           amount.Amount
	Memo             *string
	Correlation      ident.ContractID
}

type evidence struct {
	UpdateID      ident.UpdateID       `json:"updateId"`
	NodeID        *ident.NodeID        `json:"nodeId,omitempty"`
	RecordTime    string               `json:"recordTime"`
	Synchronizer  ident.SynchronizerID `json:"synchronizer,omitempty"`
	Offset        ident.Offset         `json:"offset,omitzero"`
	ParticipantID ident.ParticipantID  `json:"participantId,omitempty"`
	Transfer      *transfer            `json:"transfer,omitempty"`
}

type transfer struct {
	Leg           int              `json:"leg"`
	Status        string           `json:"status"`
	Sender        ident.Party      `json:"sender,omitempty"`
	Receiver      ident.Party      `json:"receiver"`
	Admin         ident.Party      `json:"instrumentAdmin"`
	InstrumentID  string           `json:"instrumentId"`
	Amount        amount.Amount    `json:"amount"`
	Memo          *string          `json:"memo,omitzero"`
	CorrelationID ident.ContractID `json:"correlationId,omitempty"`
}

// Cloud is a CloudEvent: its attributes are those of the specification and the extensions sequence, chain, treasury,
// withheld and signature.
type Cloud struct {
	SpecVersion     string         `json:"specversion"`
	ID              string         `json:"id"`
	Source          string         `json:"source"`
	Type            string         `json:"type"`
	Subject         string         `json:"subject"`
	Time            string         `json:"time"`
	DataContentType string         `json:"datacontenttype"`
	DataSchema      string         `json:"dataschema"`
	Sequence        string         `json:"sequence"`
	Chain           string         `json:"chain"`
	Treasury        string         `json:"treasury"`
	Withheld        string         `json:"withheld,omitempty"`
	Signature       string         `json:"signature,omitempty"`
	Data            strictjson.Raw `json:"data"`
}

// Source is the CloudEvents source of a treasury's events.
func Source(treasury ident.Party) string { return sourcePrefix + url.PathEscape(string(treasury)) }

// Sequence writes a place in the order as events have it.
func Sequence(seq int64) string { return fmt.Sprintf("%0*d", sequenceDigits, seq) }

// Encode makes the event that is told: canonical JSON, signed. chain is its own, with which it follows the one before.
func (h *Happened) Encode(seq int64, chain Chain, by Signer) ([]byte, error) {
	data, err := h.data()
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", h.ID, err)
	}

	raw, err := seal(Cloud{
		SpecVersion: specVersion, ID: h.ID.String(), Source: Source(h.Treasury), Type: h.Type, Subject: h.Subject,
		Time: h.At.UTC().Format(timeLayout), DataContentType: contentType, DataSchema: SchemaID(h.Type),
		Sequence: Sequence(seq), Chain: chain.String(), Treasury: string(h.Treasury), Data: data,
	}, by)
	if err != nil {
		return nil, fmt.Errorf("encode event %s: %w", h.ID, err)
	}

	return raw, nil
}

// data is what the outbox has, with the evidence made whole.
func (h *Happened) data() (strictjson.Raw, error) {
	if h.Update == nil {
		return h.Data, nil
	}

	members := map[string]strictjson.Raw{}
	if err := strictjson.Decode(h.Data, &members); err != nil {
		return nil, err
	}

	told := evidence{
		UpdateID: h.Update.ID, RecordTime: h.Update.RecordTime.UTC().Format(timeLayout),
		Synchronizer: h.Update.Synchronizer, Offset: h.Update.Offset, ParticipantID: h.Update.Participant,
	}

	if before, ok := members["evidence"]; ok { // which node of the update it is, the outbox knows
		var known struct {
			NodeID *ident.NodeID `json:"nodeId"`
		}

		if err := strictjson.Decode(before, &known); err != nil {
			return nil, err
		}

		told.NodeID = known.NodeID
	}

	if t := h.Transfer; t != nil {
		told.NodeID = &t.Node
		told.Transfer = &transfer{
			Leg: t.Leg, Status: t.Status, Sender: t.Sender, Receiver: t.Receiver, Admin: t.Instrument.Admin,
			InstrumentID: t.Instrument.ID, Amount: t.Amount, Memo: t.Memo, CorrelationID: t.Correlation,
		}
	}

	raw, err := strictjson.Encode(told)
	if err != nil {
		return nil, err
	}

	members["evidence"] = raw

	return strictjson.Encode(members)
}

// seal signs an event and writes it.
func seal(e Cloud, by Signer) ([]byte, error) {
	e.Signature = ""

	bare, err := canonical(e)
	if err != nil {
		return nil, err
	}

	e.Signature = by.Sign(bare)

	return canonical(e)
}

func canonical(e Cloud) ([]byte, error) {
	raw, err := strictjson.Encode(e)
	if err != nil {
		return nil, err
	}

	return strictjson.Canonical(raw)
}

// Parse reads an event back.
func Parse(body []byte) (Cloud, error) {
	var e Cloud
	if err := strictjson.Decode(body, &e); err != nil {
		return Cloud{}, fmt.Errorf("read event: %w", err)
	}

	return e, nil
}

// Verify reports whether an event is signed by one of these keys, as everybody verifies it: all of its members but the
// signature are what was signed, those too that are not known here.
func Verify(body []byte, keys Keys) error {
	e, err := Parse(body)
	if err != nil {
		return err
	}

	members := map[string]strictjson.Raw{}
	if err := strictjson.Decode(body, &members); err != nil {
		return fmt.Errorf("read event: %w", err)
	}

	delete(members, "signature")

	raw, err := strictjson.Encode(members)
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}

	bare, err := strictjson.Canonical(raw)
	if err != nil {
		return fmt.Errorf("read event: %w", err)
	}

	return keys.verify(bare, e.Signature)
}

// What may be withheld of events.
const (
	WithheldMemo         = "memo"
	WithheldCounterparty = "counterparty"
)

// withheldMembers are the members of data, and of the transfer in its evidence, that say it.
func withheldMembers() map[string][]string {
	return map[string][]string{
		WithheldMemo: {"memo"}, WithheldCounterparty: {"sender", "receiver", "provider"},
	}
}

// Withhold makes an event that does not say what is to be withheld. It has the same id and place, says what it lacks,
// and is signed anew. Details in words may quote anything, and are left out with either.
func Withhold(body []byte, what []string, by Signer) ([]byte, error) {
	if len(what) == 0 {
		return body, nil
	}

	e, err := Parse(body)
	if err != nil {
		return nil, err
	}

	gone := []string{"detail", "note"}
	for _, one := range what {
		gone = append(gone, withheldMembers()[one]...)
	}

	if e.Data, err = without(e.Data, gone, "evidence", "transfer"); err != nil {
		return nil, fmt.Errorf("withhold from event %s: %w", e.ID, err)
	}

	what = slices.Sorted(slices.Values(what))
	e.Withheld = strings.Join(what, ",")

	return seal(e, by)
}

// without takes members out of an object, and out of the object that a path of members leads to.
func without(raw strictjson.Raw, gone []string, path ...string) (strictjson.Raw, error) {
	members := map[string]strictjson.Raw{}
	if err := strictjson.Decode(raw, &members); err != nil {
		return nil, err
	}

	for _, name := range gone {
		delete(members, name)
	}

	if len(path) > 0 {
		if inner, ok := members[path[0]]; ok {
			var err error
			if members[path[0]], err = without(inner, gone, path[1:]...); err != nil {
				return nil, err
			}
		}
	}

	return strictjson.Encode(members)
}
