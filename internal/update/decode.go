package update

import (
	"fmt"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Decode reads one element of an update stream, {"update":{"<Kind>":{"value":{…}}}}.
//
// An unknown kind, a missing offset or record time, and events that do not form a forest are errors: an
// update that we cannot read in full must stop ingestion, because skipping it could lose money.
func Decode(raw []byte) (Update, error) {
	var item wireItem
	if err := strictjson.Decode(raw, &item); err != nil {
		return Update{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	if len(item.Update) != 1 {
		return Update{}, fmt.Errorf("%w: want one kind of update, got %d (error code %q)", ErrMalformed, len(item.Update), item.Code)
	}

	for kind, box := range item.Update {
		u, err := decodeKind(kind, box.Value)
		if err != nil {
			return Update{}, fmt.Errorf("%w: %s: %w", ErrMalformed, shown(kind), err)
		}

		return u, nil
	}

	return Update{}, ErrMalformed
}

func decodeKind(kind string, value strictjson.Raw) (Update, error) {
	switch kind {
	case "Transaction", "TransactionTree":
		return decodeTransaction(value)
	case "Reassignment":
		return decodeReassignment(value)
	case "OffsetCheckpoint":
		return decodeCheckpoint(value)
	case "TopologyTransaction":
		return decodeTopology(value)
	default:
		return Update{}, fmt.Errorf("this version does not know this kind of update")
	}
}

func decodeTransaction(value strictjson.Raw) (Update, error) {
	var w wireTransaction
	if err := strictjson.Decode(value, &w); err != nil {
		return Update{}, err
	}

	u, err := head(Transaction, w.UpdateID, w.Offset, w.RecordTime)
	if err != nil {
		return Update{}, err
	}

	if u.Synchronizer, err = ident.ParseSynchronizerID(w.SynchronizerID); err != nil {
		return Update{}, err
	}

	u.EffectiveAt, u.CommandID, u.WorkflowID = w.EffectiveAt, w.CommandID, w.WorkflowID
	u.TransactionHash = w.TransactionHash
	if u.TransactionHash == "" {
		u.TransactionHash = w.ExternalHash
	}

	u.TrafficCost = orZero(w.TrafficCost)

	if u.Events, err = decodeEvents(w); err != nil {
		return Update{}, fmt.Errorf("update %s: %w", u.ID, err)
	}

	return u, nil
}

func decodeReassignment(value strictjson.Raw) (Update, error) {
	var w wireReassignment
	if err := strictjson.Decode(value, &w); err != nil {
		return Update{}, err
	}

	u, err := head(Reassignment, w.UpdateID, w.Offset, w.RecordTime)
	if err != nil {
		return Update{}, err
	}

	u.Synchronizer = ident.SynchronizerID(w.SynchronizerID)
	u.CommandID, u.WorkflowID, u.TrafficCost = w.CommandID, w.WorkflowID, orZero(w.TrafficCost)

	for _, event := range w.Events {
		move, err := event.move()
		if err != nil {
			return Update{}, fmt.Errorf("update %s: %w", u.ID, err)
		}

		u.Moves = append(u.Moves, move)
	}

	return u, nil
}

func decodeCheckpoint(value strictjson.Raw) (Update, error) {
	var w wireCheckpoint
	if err := strictjson.Decode(value, &w); err != nil {
		return Update{}, err
	}

	if w.Offset == nil || *w.Offset < 0 {
		return Update{}, fmt.Errorf("no offset")
	}

	u := Update{Kind: Checkpoint, Offset: ident.Offset(*w.Offset)}

	for _, t := range w.Times {
		id, err := ident.ParseSynchronizerID(t.SynchronizerID)
		if err != nil {
			return Update{}, err
		}

		if t.RecordTime == nil {
			return Update{}, fmt.Errorf("no record time for synchronizer %s", id)
		}

		u.Times = append(u.Times, SynchronizerTime{Synchronizer: id, RecordTime: *t.RecordTime})
	}

	return u, nil
}

func decodeTopology(value strictjson.Raw) (Update, error) {
	var w wireTopology
	if err := strictjson.Decode(value, &w); err != nil {
		return Update{}, err
	}

	u, err := head(Topology, w.UpdateID, w.Offset, w.RecordTime)
	if err != nil {
		return Update{}, err
	}

	u.Synchronizer = ident.SynchronizerID(w.SynchronizerID)

	for _, raw := range w.Events {
		var event wireHosting
		if strictjson.Decode(raw, &event) != nil {
			continue // the flat shape of 3.3: the update is kept raw, its hosting change is not read
		}

		for kind, box := range event.Event {
			u.Hosting = append(u.Hosting, HostingChange{
				Change: strings.TrimPrefix(kind, "ParticipantAuthorization"), Party: ident.Party(box.Value.Party),
				Participant: box.Value.Participant, Permission: strings.Trim(string(box.Value.Permission), `"`),
			})
		}
	}

	return u, nil
}

func head(kind Kind, id string, offset *int64, recordTime *time.Time) (Update, error) {
	updateID, err := ident.ParseUpdateID(id)
	if err != nil {
		return Update{}, err
	}

	if offset == nil || *offset < 0 {
		return Update{}, fmt.Errorf("update %s has no offset", updateID)
	}

	if recordTime == nil {
		return Update{}, fmt.Errorf("update %s has no record time", updateID)
	}

	return Update{Kind: kind, ID: updateID, Offset: ident.Offset(*offset), RecordTime: *recordTime}, nil
}

func orZero(n *int64) int64 {
	if n == nil {
		return 0
	}

	return *n
}

// shown keeps a stranger's text from flooding an error.
func shown(text string) string {
	const most = 60
	if len(text) > most {
		text = text[:most] + "…"
	}

	return fmt.Sprintf("%q", text)
}
