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

	u, err := item.decode()
	if err != nil {
		return Update{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	return u, nil
}

// decode reads the update as the one kind that it is.
func (w wireItem) decode() (Update, error) {
	var (
		kinds   = len(w.Update.Others)
		convert func() (Update, error)
	)

	if box := w.Update.Transaction; box != nil {
		kinds, convert = kinds+1, box.Value.update
	}

	if box := w.Update.Tree; box != nil {
		kinds, convert = kinds+1, box.Value.update
	}

	if box := w.Update.Reassignment; box != nil {
		kinds, convert = kinds+1, box.Value.update
	}

	if box := w.Update.Checkpoint; box != nil {
		kinds, convert = kinds+1, box.Value.update
	}

	if box := w.Update.Topology; box != nil {
		kinds, convert = kinds+1, box.Value.update
	}

	for kind := range w.Update.Others {
		return Update{}, fmt.Errorf("this version does not know updates of kind %s", shown(kind))
	}

	if kinds != 1 {
		return Update{}, fmt.Errorf("want one kind of update, got %d (error code %s)", kinds, shown(w.Code))
	}

	return convert()
}

func (w *wireTransaction) update() (Update, error) {
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

func (w *wireReassignment) update() (Update, error) {
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

func (w *wireCheckpoint) update() (Update, error) {
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

func (w *wireTopology) update() (Update, error) {
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
