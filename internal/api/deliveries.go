package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/store"
)

// mostReplayed is how many events one request has told again.
const mostReplayed = 5000

// ListSubscriptions implements server.StrictServerInterface.
func (s *Service) ListSubscriptions(
	ctx context.Context, r server.ListSubscriptionsRequestObject,
) (server.ListSubscriptionsResponseObject, error) {
	whose, err := s.owned(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	page, err := s.DB.SeeSubscriptions(ctx, whose, window(r.Params.Limit, r.Params.Cursor))
	if err != nil {
		return nil, told(err)
	}

	return server.ListSubscriptions200JSONResponse{
		Items: items(page.Items, subscriptionOf), Next: present(page.Next),
	}, nil
}

// seeing finds a subscription that the caller may see.
func (s *Service) seeing(ctx context.Context, party, id string) (store.SeenSubscription, error) {
	whose, err := s.owned(ctx, party)
	if err != nil {
		return store.SeenSubscription{}, err
	}

	return s.DB.SeeSubscription(ctx, whose, id)
}

// GetSubscription implements server.StrictServerInterface.
func (s *Service) GetSubscription(
	ctx context.Context, r server.GetSubscriptionRequestObject,
) (server.GetSubscriptionResponseObject, error) {
	seen, err := s.seeing(ctx, r.Treasury, r.SubscriptionId)

	return server.GetSubscription200JSONResponse(subscriptionOf(seen)), err
}

// RotateSubscriptionSecret implements server.StrictServerInterface.
func (s *Service) RotateSubscriptionSecret(
	ctx context.Context, r server.RotateSubscriptionSecretRequestObject,
) (server.RotateSubscriptionSecretResponseObject, error) {
	d := door(ctx)
	s = s.inside(d)

	secret, err := s.eventSecret()
	if err != nil {
		return nil, err
	}

	whose, held, err := s.holding(ctx, r.Treasury, r.SubscriptionId)
	if err != nil {
		return nil, err
	}

	until := d.Now.Add(time.Duration(r.Body.OverlapSeconds) * time.Second)
	if err := s.DB.RotateSubscription(ctx, held.ID, until, d.Now); err != nil {
		return nil, err
	}

	if err := noteSubscription(ctx, d, r.Treasury, "subscription.rotate", held.ID, r.Body); err != nil {
		return nil, err
	}

	fresh, err := s.told(ctx, whose, held.ID, secret)

	return server.RotateSubscriptionSecret201JSONResponse(fresh), err
}

// TestSubscription implements server.StrictServerInterface.
func (s *Service) TestSubscription(
	ctx context.Context, r server.TestSubscriptionRequestObject,
) (server.TestSubscriptionResponseObject, error) {
	d := door(ctx)
	s = s.inside(d)

	whose, held, err := s.holding(ctx, r.Treasury, r.SubscriptionId)
	if err != nil {
		return nil, err
	}

	if held.State != store.SubscriptionActive && held.State != store.SubscriptionPending {
		return nil, problem(http.StatusConflict, "subscription_not_active",
			"The subscription is "+held.State+": it is told nothing. Resume it with \"paused\": false. Nothing was done.")
	}

	id, err := uuid.NewRandomFromReader(s.Random)
	if err != nil {
		return nil, fmt.Errorf("draw an event's id: %w", err)
	}

	return server.TestSubscription200JSONResponse{EventId: id},
		s.DB.TellTest(ctx, whose.Treasury, held.ID, id, d.Now)
}

// ReplaySubscription implements server.StrictServerInterface.
func (s *Service) ReplaySubscription(
	ctx context.Context, r server.ReplaySubscriptionRequestObject,
) (server.ReplaySubscriptionResponseObject, error) {
	d := door(ctx)
	s = s.inside(d)

	b := r.Body
	ranged := b.FromSequence != nil && b.ToSequence != nil
	ways := boolNumber(b.Ids != nil) + boolNumber(ranged) + boolNumber(b.Dead != nil)

	if (b.FromSequence == nil) != (b.ToSequence == nil) || ways != 1 {
		return nil, invalid("body: want either ids, or fromSequence with toSequence, or dead. Nothing was done.")
	}

	whose, held, err := s.holding(ctx, r.Treasury, r.SubscriptionId)
	if err != nil {
		return nil, err
	}

	if err := noteSubscription(ctx, d, r.Treasury, "subscription.replay", held.ID, b); err != nil {
		return nil, err
	}

	again := server.Replay{}

	var last int64

	switch {
	case b.Dead != nil:
		again.Events, last, err = s.DB.ReplayDead(ctx, held.ID, mostReplayed, d.Now)
	case ranged:
		again.Events, last, err = s.replayBetween(ctx, whose.Treasury, &held, *b.FromSequence, *b.ToSequence, d.Now)
	default:
		again.Events, err = s.replayOf(ctx, whose.Treasury, &held, *b.Ids, d.Now)
	}

	if last > 0 {
		again.Last = &last
	}

	return server.ReplaySubscription200JSONResponse(again), err
}

func (s *Service) replayOf(
	ctx context.Context, treasury store.TreasuryID, of *store.SeenSubscription, ids []uuid.UUID, now time.Time,
) (int, error) {
	events, err := s.DB.EventsOfIDs(ctx, treasury, ids)
	if err != nil {
		return 0, err
	}

	return s.DB.Replay(ctx, of, events, now)
}

// replayBetween has events told again from a place to another one, and says how far it came.
func (s *Service) replayBetween(
	ctx context.Context, treasury store.TreasuryID, of *store.SeenSubscription, first, last int64, now time.Time,
) (events int, reached int64, err error) {
	head, err := s.DB.EventHead(ctx, treasury)

	switch {
	case err != nil:
		return 0, 0, err
	case first <= head.Pruned:
		return 0, 0, eventsGone(head.Pruned)
	}

	found, err := s.DB.EventsBetween(ctx, treasury, first, last, mostReplayed)
	if err != nil {
		return 0, 0, err
	}

	if len(found) == mostReplayed {
		last = found[len(found)-1].Seq
	}

	events, err = s.DB.Replay(ctx, of, found, now)

	return events, last, err
}

// placeIn reads a cursor that is a number.
func placeIn(cursor *server.CursorParam) (int64, error) {
	if cursor == nil {
		return 0, nil
	}

	place, err := strconv.ParseInt(*cursor, 10, 64)
	if err != nil || place <= 0 {
		return 0, told(store.ErrBadCursor)
	}

	return place, nil
}

// ListSubscriptionFailures implements server.StrictServerInterface.
func (s *Service) ListSubscriptionFailures(
	ctx context.Context, r server.ListSubscriptionFailuresRequestObject,
) (server.ListSubscriptionFailuresResponseObject, error) {
	after, err := placeIn(r.Params.Cursor)
	_, failed := s.seeing(ctx, r.Treasury, r.SubscriptionId)

	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}

	most := window(r.Params.Limit, nil).Limit

	found, err := s.DB.SeeFailures(ctx, r.SubscriptionId, orNone(r.Params.State), after, most)
	if err != nil {
		return nil, err
	}

	page := server.FailurePage{Items: items(found, func(f store.SeenFailure) server.Failure {
		return server.Failure{
			Sequence: f.Seq, EventId: f.EventID, Type: present(f.Type), Subject: present(f.Subject),
			State: server.FailureState(f.State), Tries: f.Tries, FirstFailedAt: f.FirstFailedAt.UTC(),
			NextAt: f.NextAt.UTC(), Reason: f.Reason,
		}
	})}
	if len(found) == most {
		page.Next = present(strconv.FormatInt(found[most-1].Seq, 10))
	}

	return server.ListSubscriptionFailures200JSONResponse(page), nil
}

// ListSubscriptionAttempts implements server.StrictServerInterface.
func (s *Service) ListSubscriptionAttempts(
	ctx context.Context, r server.ListSubscriptionAttemptsRequestObject,
) (server.ListSubscriptionAttemptsResponseObject, error) {
	before, err := placeIn(r.Params.Cursor)
	_, failed := s.seeing(ctx, r.Treasury, r.SubscriptionId)

	if err := errors.Join(err, failed); err != nil {
		return nil, err
	}

	most := window(r.Params.Limit, nil).Limit

	found, err := s.DB.SeeAttempts(ctx, r.SubscriptionId, before, most)
	if err != nil {
		return nil, err
	}

	page := server.AttemptPage{Items: items(found, func(a store.SeenAttempt) server.Attempt {
		return server.Attempt{
			AttemptNo: a.No, At: a.At.UTC(), FirstSequence: a.FirstSeq, LastSequence: a.LastSeq, Events: a.Events,
			TookMs: a.TookMS, Status: a.Status, Outcome: a.Outcome, Detail: present(a.Detail),
		}
	})}
	if len(found) == most {
		page.Next = present(strconv.FormatInt(found[most-1].No, 10))
	}

	return server.ListSubscriptionAttempts200JSONResponse(page), nil
}
