package ledger

import (
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// CompletionItem is an element of a list or stream of completions.
type CompletionItem struct {
	// Offset is where this stands; a list or stream goes on after it. 0 for an item that says nothing.
	Offset ident.Offset
	// Completion is nil for a checkpoint.
	Completion *Completion
	// Times are a checkpoint's: of each synchronizer, how far the node knows its time.
	Times []SynchronizerTime
}

// SynchronizerTime is a synchronizer's record time.
type SynchronizerTime struct {
	Synchronizer ident.SynchronizerID
	RecordTime   time.Time
}

// Completion is the end of one submission, by the word of the node that made it. It may speed things up and never
// decides: it does not exist on another node, disappears with pruning, and may never come.
type Completion struct {
	CommandID    string
	SubmissionID string
	UserID       string
	// ActAs are those of the parties asked for that acted.
	ActAs  []ident.Party
	Offset ident.Offset
	// Update is what the transaction became; empty with Err.
	Update ident.UpdateID
	// Time is when the synchronizer had it; zero where the node does not say.
	Time SynchronizerTime
	// PaidTraffic is in bytes; 0 where the node does not say (before 3.4.12).
	PaidTraffic int64
	// Err is why nothing committed; nil if it did.
	Err *Error
}

// Outcome is OutcomeCommitted without Err, and else what OutcomeOf says of it.
func (c *Completion) Outcome() Outcome {
	if c.Err == nil {
		return OutcomeCommitted
	}

	return OutcomeOf(c.Err)
}

func decodeCompletion(raw []byte) (CompletionItem, error) {
	var w ledgerapi.CompletionItem
	if err := strictjson.Decode(raw, &w); err != nil {
		return CompletionItem{}, err
	}

	switch r := w.CompletionResponse; {
	case r.Completion != nil && r.OffsetCheckpoint == nil:
		c, err := newCompletion(&r.Completion.Value)

		return CompletionItem{Offset: ident.Offset(r.Completion.Value.Offset), Completion: c}, err
	case r.OffsetCheckpoint != nil && r.Completion == nil:
		return newCheckpoint(r.OffsetCheckpoint.Value)
	case r.Empty != nil && r.Completion == nil:
		return CompletionItem{}, nil
	default:
		return CompletionItem{}, errors.New("neither a completion nor a checkpoint")
	}
}

func newCheckpoint(w ledgerapi.Checkpoint) (CompletionItem, error) {
	item := CompletionItem{Offset: ident.Offset(w.Offset)}
	if w.Offset < 0 {
		return item, fmt.Errorf("checkpoint at offset %d", w.Offset)
	}

	if w.SynchronizerTimes == nil {
		return item, nil
	}

	for _, t := range *w.SynchronizerTimes {
		at, err := synchronizerTime(t)
		if err != nil {
			return item, err
		}

		item.Times = append(item.Times, at)
	}

	return item, nil
}

func synchronizerTime(w ledgerapi.SynchronizerTime) (SynchronizerTime, error) {
	id, err := ident.ParseSynchronizerID(w.SynchronizerId)
	if err != nil {
		return SynchronizerTime{}, err
	}

	out := SynchronizerTime{Synchronizer: id}
	if w.RecordTime == nil {
		return out, nil
	}

	if out.RecordTime, err = time.Parse(time.RFC3339Nano, *w.RecordTime); err != nil {
		return SynchronizerTime{}, fmt.Errorf("record time: %w", err)
	}

	return out, nil
}

func newCompletion(w *ledgerapi.Completion) (*Completion, error) {
	c := &Completion{CommandID: w.CommandId, UserID: w.UserId, Offset: ident.Offset(w.Offset)}

	if w.Offset <= 0 || len(w.CommandId) > maxID || len(w.UserId) > maxID {
		return nil, errors.New("a completion without offset, or with an id too long")
	}

	if w.SubmissionId != nil {
		if c.SubmissionID = *w.SubmissionId; len(c.SubmissionID) > maxID {
			return nil, errors.New("a completion with a submission id too long")
		}
	}

	if w.ActAs != nil {
		for _, text := range *w.ActAs {
			party, err := ident.ParseParty(text)
			if err != nil {
				return nil, err
			}

			c.ActAs = append(c.ActAs, party)
		}
	}

	if w.SynchronizerTime != nil {
		var err error
		if c.Time, err = synchronizerTime(*w.SynchronizerTime); err != nil {
			return nil, err
		}
	}

	if w.PaidTrafficCost != nil {
		c.PaidTraffic = max(0, *w.PaidTrafficCost)
	}

	if err := c.end(w); err != nil {
		return nil, err
	}

	return c, nil
}

// end reads how it ended. A completion that says both, or neither, is not believed.
func (c *Completion) end(w *ledgerapi.Completion) error {
	update := ""
	if w.UpdateId != nil {
		update = *w.UpdateId
	}

	if w.Status != nil && w.Status.Code != 0 {
		if update != "" {
			return errors.New("a completion with an error and an update")
		}

		c.Err = statusError(w.Status)

		return nil
	}

	var err error
	c.Update, err = ident.ParseUpdateID(update)

	return err
}
