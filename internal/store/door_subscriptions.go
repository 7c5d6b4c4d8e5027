package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// SubscriptionDraft is what an owner says of a subscription.
type SubscriptionDraft struct {
	Name, URL string
	Filter    event.Filter
	// Withheld is what its events do not say.
	Withheld         []string
	Ordered          bool
	Batch, PerSecond int
	MaxBacklog       int64
}

// SeenSubscription is a subscription as its owner sees it.
type SeenSubscription struct {
	SubscriptionDraft

	ID, Owner, State, Reason string
	// Tokens are those of the filter.
	Tokens        []ident.Instrument
	SecretNo      int
	Salt          uuid.UUID // of that secret
	PreviousUntil *time.Time
	// Cursor is how far it was told, Head how far the treasury's events go.
	Cursor, Head int64
	// Waiting and Dead count what it did not take.
	Waiting, Dead        int64
	Tries                int
	FailingSince         *time.Time
	CreatedAt, ChangedAt time.Time
}

// Owned says whose subscriptions are meant: those of a treasury and an owner, or of every owner.
type Owned struct {
	Treasury TreasuryID
	Owner    string
	Every    bool
}

// States of a subscription that its owner brings about.
const (
	SubscriptionPending = "pending"
	SubscriptionActive  = "active"
	SubscriptionPaused  = "paused"

	subscriptionDisabled = "disabled" // by the dispatcher
)

// MaxSubscriptions is how many one owner has of a treasury.
const MaxSubscriptions = 100

// Codes of refusals about subscriptions.
const (
	tooManySubscriptions withdrawal.Reason = "too_many_subscriptions"
	notBegunYet          withdrawal.Reason = "sequence_not_reached"
)

// MakeSubscription stores a new subscription, which begins after a place.
func (db *DB) MakeSubscription(
	ctx context.Context, whose Owned, id string, draft *SubscriptionDraft, after int64, now time.Time,
) error {
	if err := db.queries.DoorSubscriptionTurn(ctx, db.exec, whose.Owner); err != nil {
		return fmt.Errorf("make subscription: %w", err)
	}

	have, err := db.queries.DoorSubscriptionCount(ctx, db.exec, dbsqlc.DoorSubscriptionCountParams{
		TreasuryID: int32(whose.Treasury), Owner: whose.Owner,
	})

	switch {
	case err != nil:
		return fmt.Errorf("count subscriptions: %w", err)
	case have >= MaxSubscriptions:
		return &RefusedError{tooManySubscriptions, "There are 100 subscriptions of this key already. Nothing was done."}
	}

	return wrap("make subscription", db.queries.DoorSubscriptionInsert(ctx, db.exec, dbsqlc.DoorSubscriptionInsertParams{
		SubscriptionID: id, TreasuryID: int32(whose.Treasury), Owner: whose.Owner, Name: draft.Name, Url: draft.URL,
		Types: texts(draft.Filter.Types), Accounts: texts(draft.Filter.Accounts), Subjects: texts(draft.Filter.Subjects),
		InstrumentNos: numbers(draft.Filter.InstrumentNos), Withheld: texts(draft.Withheld), Ordered: draft.Ordered,
		Batch: integer(draft.Batch), PerSecond: integer(draft.PerSecond), MaxBacklog: draft.MaxBacklog, CursorSeq: after,
		Now: now,
	}))
}

// numbers is a list that is empty where there is none.
func numbers(list []int32) []int32 { return append([]int32{}, list...) }

// BeginAfter is the place after which a subscription begins that wants one, or what happens from now on. A
// *RefusedError where there are no events yet, ErrEventsGone where they are not kept.
func (db *DB) BeginAfter(ctx context.Context, treasury TreasuryID, wanted *int64) (int64, error) {
	head, err := db.EventHead(ctx, treasury)

	switch {
	case err != nil:
		return 0, err
	case wanted == nil:
		return head.Seq, nil
	case *wanted > head.Seq:
		return 0, &RefusedError{notBegunYet, fmt.Sprintf("The last event has the place %d. Nothing was done.", head.Seq)}
	case *wanted < head.Pruned:
		return head.Pruned, ErrEventsGone
	default:
		return *wanted, nil
	}
}

// SeeSubscriptions reads a page of subscriptions, the newest first.
func (db *DB) SeeSubscriptions(ctx context.Context, whose Owned, w Window) (Page[SeenSubscription], error) {
	list := fmt.Sprint("subscriptions ", whose)

	key, err := decodeCursor(w.Cursor, list, []kind{aTime, aText})
	if err != nil {
		return Page[SeenSubscription]{}, err
	}

	asked := dbsqlc.DoorSubscriptionPageParams{Most: integer(w.Limit)}
	if key != nil {
		asked.BeforeAt, _ = key[0].(time.Time)
		asked.BeforeID, _ = key[1].(string)
	}

	items, err := db.seeSubscriptions(ctx, whose, asked)
	if err != nil {
		return Page[SeenSubscription]{}, err
	}

	page := Page[SeenSubscription]{Items: items}
	if len(items) == w.Limit {
		last := items[len(items)-1]
		page.Next, err = encodeCursor(list, []any{last.CreatedAt, last.ID})
	}

	return page, err
}

// SeeSubscription reads one; ErrNotFound if it is not there, or somebody else's.
func (db *DB) SeeSubscription(ctx context.Context, whose Owned, id string) (SeenSubscription, error) {
	found, err := db.seeSubscriptions(ctx, whose, dbsqlc.DoorSubscriptionPageParams{OneID: id, Most: 1})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("subscription %s: %w", id, ErrNotFound)
	}

	if err != nil {
		return SeenSubscription{}, err
	}

	return found[0], nil
}

// HoldSubscription is SeeSubscription for who is about to change it: nobody else does until the transaction ends.
func (db *DB) HoldSubscription(ctx context.Context, whose Owned, id string) (SeenSubscription, error) {
	err := db.queries.DoorSubscriptionLock(ctx, db.exec, dbsqlc.DoorSubscriptionLockParams{
		TreasuryID: int32(whose.Treasury), SubscriptionID: id,
	})
	if err != nil {
		return SeenSubscription{}, fmt.Errorf("hold subscription: %w", err)
	}

	return db.SeeSubscription(ctx, whose, id)
}

func (db *DB) seeSubscriptions(
	ctx context.Context, whose Owned, asked dbsqlc.DoorSubscriptionPageParams,
) ([]SeenSubscription, error) {
	asked.TreasuryID, asked.Owner, asked.Every = int32(whose.Treasury), whose.Owner, whose.Every

	rows, err := db.queries.DoorSubscriptionPage(ctx, db.exec, asked)
	if err != nil {
		return nil, fmt.Errorf("read subscriptions: %w", err)
	}

	var wanted []int32
	for i := range rows {
		wanted = append(wanted, rows[i].InstrumentNos...)
	}

	tokens := map[int32]ident.Instrument{}

	if len(wanted) > 0 {
		known, err := db.queries.InstrumentList(ctx, db.exec, wanted)
		if err != nil {
			return nil, fmt.Errorf("read the tokens of subscriptions: %w", err)
		}

		for i := range known {
			tokens[known[i].InstrumentNo] = ident.Instrument{Admin: known[i].Admin, ID: known[i].InstrumentID}
		}
	}

	return mapped(rows, func(r dbsqlc.DoorSubscriptionPageRow) SeenSubscription {
		return seenSubscription(&r, tokens)
	}), nil
}

func seenSubscription(r *dbsqlc.DoorSubscriptionPageRow, tokens map[int32]ident.Instrument) SeenSubscription {
	return SeenSubscription{
		SubscriptionDraft: SubscriptionDraft{
			Name: r.Name, URL: r.Url, Withheld: r.Withheld, Ordered: r.Ordered, Batch: int(r.Batch),
			PerSecond: int(r.PerSecond), MaxBacklog: r.MaxBacklog,
			Filter: event.Filter{
				Types: r.Types, Accounts: r.Accounts, Subjects: r.Subjects, InstrumentNos: r.InstrumentNos,
			},
		},
		ID: r.SubscriptionID, Owner: r.Owner, State: r.State, Reason: r.Reason, SecretNo: int(r.SecretNo), Salt: r.Salt,
		Tokens:        mapped(r.InstrumentNos, func(no int32) ident.Instrument { return tokens[no] }),
		PreviousUntil: r.PreviousUntil, Cursor: r.CursorSeq, Head: r.Head, Waiting: r.Waiting, Dead: r.Dead,
		Tries: int(r.Tries), FailingSince: r.FailingSince, CreatedAt: r.CreatedAt, ChangedAt: r.ChangedAt,
	}
}

// ChangeSubscription stores what an owner says of it now. With a state, it begins anew in that one, with a place it
// goes on after that one.
func (db *DB) ChangeSubscription(
	ctx context.Context, held *SeenSubscription, draft *SubscriptionDraft, state string, after *int64, now time.Time,
) error {
	// A disabled one that goes on from elsewhere stays as it is, with its reason, until somebody says that it goes on.
	anew := state != "" || (after != nil && held.State != subscriptionDisabled)
	if state == "" {
		state = held.State
	}

	return wrap("change subscription", db.queries.DoorSubscriptionChange(ctx, db.exec, dbsqlc.DoorSubscriptionChangeParams{
		SubscriptionID: held.ID, Name: draft.Name, Url: draft.URL, Types: texts(draft.Filter.Types),
		Accounts: texts(draft.Filter.Accounts), Subjects: texts(draft.Filter.Subjects),
		InstrumentNos: numbers(draft.Filter.InstrumentNos), Withheld: texts(draft.Withheld), Ordered: draft.Ordered,
		Batch: integer(draft.Batch), PerSecond: integer(draft.PerSecond), MaxBacklog: draft.MaxBacklog, Now: now,
		Anew: anew, State: state, CursorSeq: after,
	}))
}

// RotateSubscription has its next secret sign, and the one before it too until a time.
func (db *DB) RotateSubscription(ctx context.Context, id string, previousUntil, now time.Time) error {
	return wrap("rotate the secret of a subscription",
		db.queries.DoorSubscriptionRotate(ctx, db.exec, dbsqlc.DoorSubscriptionRotateParams{
			SubscriptionID: id, PreviousUntil: &previousUntil, Now: now,
		}))
}

// DeleteSubscription ends one, and what is known of its deliveries.
func (db *DB) DeleteSubscription(ctx context.Context, id string) error {
	return wrap("delete subscription", db.queries.DoorSubscriptionDelete(ctx, db.exec, id))
}

// TellTest writes the event by which a subscription is tested.
func (db *DB) TellTest(ctx context.Context, treasury TreasuryID, id string, eventID uuid.UUID, now time.Time) error {
	return wrap("tell a test", db.queries.DoorTestEvent(ctx, db.exec, dbsqlc.DoorTestEventParams{
		TreasuryID: int32(treasury), EventID: eventID, SubscriptionID: id, Now: now,
	}))
}

// Replay has events told again: of those chosen by the subscription, those that were told once already.
func (db *DB) Replay(
	ctx context.Context, of *SeenSubscription, events []AboutEvent, now time.Time,
) (int, error) {
	again := make([]int64, 0, len(events))

	for _, e := range events {
		if e.Seq <= of.Cursor && of.Filter.Meant(e.About, of.ID) {
			again = append(again, e.Seq)
		}
	}

	n, err := db.queries.DoorReplay(ctx, db.exec, dbsqlc.DoorReplayParams{
		SubscriptionID: of.ID, Seqs: again, Now: now,
	})

	return int(n), wrap("replay events", err)
}

// ReplayDead has events told again that were given up, at most so many, and says up to which.
func (db *DB) ReplayDead(ctx context.Context, id string, most int, now time.Time) (events int, last int64, err error) {
	row, err := db.queries.DoorReplayDead(ctx, db.exec, dbsqlc.DoorReplayDeadParams{
		SubscriptionID: id, Most: integer(most), Now: now,
	})

	return int(row.Events), row.Last, wrap("replay dead events", err)
}
