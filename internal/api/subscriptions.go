package api

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// What a subscription is about which nothing was said.
const (
	defaultWebhookBatch     = 1
	defaultWebhookPerSecond = 50
	defaultMaxBacklog       = 100_000
)

// owned says whose subscriptions a caller sees: their own, and with the scope admin those of others.
func (s *Service) owned(ctx context.Context, party string) (store.Owned, error) {
	treasury, err := s.treasury(ctx, party)
	who := asking(ctx)

	return store.Owned{Treasury: treasury, Owner: who.Actor, Every: who.has("admin")}, err
}

// holding finds a subscription that the caller is about to change.
func (s *Service) holding(
	ctx context.Context, party, id string,
) (whose store.Owned, held store.SeenSubscription, err error) {
	if whose, err = s.owned(ctx, party); err == nil {
		held, err = s.DB.HoldSubscription(ctx, whose, id)
	}

	return whose, held, err
}

// CreateSubscription implements server.StrictServerInterface.
func (s *Service) CreateSubscription(
	ctx context.Context, r server.CreateSubscriptionRequestObject,
) (server.CreateSubscriptionResponseObject, error) {
	d := door(ctx)
	s = s.inside(d)

	secret, err := s.eventSecret()
	if err != nil {
		return nil, err
	}

	whose, err := s.owned(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	if !strings.HasPrefix(whose.Owner, "k_") {
		return nil, problem(http.StatusForbidden, "key_needed", "A subscription belongs to a key, with which it ends: what "+
			"an identity provider says of you ends with your token. Make it with an API key. Nothing was done.")
	}

	b := r.Body
	draft := store.SubscriptionDraft{
		Batch: defaultWebhookBatch, PerSecond: defaultWebhookPerSecond, MaxBacklog: defaultMaxBacklog,
	}

	if err := s.say(ctx, &draft, &server.SubscriptionChange{
		Name: &b.Name, Url: &b.Url, Types: b.Types, Accounts: b.Accounts, Subjects: b.Subjects, Instruments: b.Instruments,
		Withheld: b.Withheld, Ordered: b.Ordered, Batch: b.Batch, PerSecond: b.PerSecond, MaxBacklog: b.MaxBacklog,
	}); err != nil {
		return nil, err
	}

	after, err := s.beginAfter(ctx, whose.Treasury, b.From)
	if err != nil {
		return nil, err
	}

	id, err := newSubscriptionID(s.Random)
	if err != nil {
		return nil, err
	}

	if err := s.DB.MakeSubscription(ctx, whose, id, &draft, after, d.Now); err != nil {
		return nil, err
	}

	if err := noteSubscription(ctx, d, r.Treasury, "subscription.create", id, b); err != nil {
		return nil, err
	}

	made, err := s.told(ctx, whose, id, secret)

	return server.CreateSubscription201JSONResponse(made), err
}

// noteSubscription writes what was asked for into the audit log.
func noteSubscription(ctx context.Context, d *store.Door, party, action, id string, asked any) error {
	detail, err := strictjson.Encode(asked)
	if err != nil {
		return fmt.Errorf("note what was asked of a subscription: %w", err)
	}

	return d.Note(ctx, ident.Party(party), action, id, detail)
}

// newSubscriptionID draws one.
func newSubscriptionID(random io.Reader) (string, error) {
	drawn := make([]byte, keyIDLength)
	if _, err := io.ReadFull(random, drawn); err != nil {
		return "", fmt.Errorf("draw a subscription's id: %w", err)
	}

	return "sub_" + strings.ToLower(base32.StdEncoding.EncodeToString(drawn))[:keyIDLength], nil
}

// beginAfter is the place that a subscription begins after.
func (s *Service) beginAfter(ctx context.Context, treasury store.TreasuryID, from *string) (int64, error) {
	var wanted *int64

	if from != nil && *from != "now" {
		seq, err := strconv.ParseInt(*from, 10, 64)
		if err != nil {
			return 0, invalid("body: from: is not the sequence of an event. Nothing was done.")
		}

		wanted = &seq
	}

	after, err := s.DB.BeginAfter(ctx, treasury, wanted)
	if errors.Is(err, store.ErrEventsGone) {
		return 0, eventsGone(after)
	}

	return after, err
}

// told is a subscription with its secret, as it is told once.
func (s *Service) told(
	ctx context.Context, whose store.Owned, id string, secret *event.Secret,
) (server.NewSubscription, error) {
	seen, err := s.DB.SeeSubscription(ctx, whose, id)
	revealed := secret.WebhookSecret(id, seen.Salt).Reveal()

	return server.NewSubscription{Subscription: subscriptionOf(seen), Secret: &revealed}, err
}

// say gives a draft what was asked for. What is not named stays.
func (s *Service) say(ctx context.Context, draft *store.SubscriptionDraft, asked *server.SubscriptionChange) error {
	set(&draft.Name, asked.Name)
	set(&draft.URL, asked.Url)
	set(&draft.Filter.Types, asked.Types)
	set(&draft.Filter.Accounts, asked.Accounts)
	set(&draft.Filter.Subjects, asked.Subjects)
	set(&draft.Ordered, asked.Ordered)
	set(&draft.Batch, asked.Batch)
	set(&draft.PerSecond, asked.PerSecond)
	set(&draft.MaxBacklog, asked.MaxBacklog)

	if asked.Withheld != nil {
		draft.Withheld = items(*asked.Withheld, func(what server.Withheld) string { return string(what) })
	}

	if err := s.mayTell(draft.URL); err != nil {
		return err
	}

	if err := knownTypes("body: types", draft.Filter.Types); err != nil {
		return err
	}

	if asked.Instruments == nil {
		return nil
	}

	draft.Filter.InstrumentNos = nil

	for _, token := range *asked.Instruments {
		number, err := s.DB.InstrumentNo(ctx, ident.Instrument{
			Admin: ident.Party(token.InstrumentAdmin), ID: token.InstrumentId,
		})
		if errors.Is(err, store.ErrNotFound) {
			return invalid("body: instruments: there is no token " + quoted(token.InstrumentId) + " of that admin. " +
				"Nothing was done.")
		}

		if err != nil {
			return err
		}

		draft.Filter.InstrumentNos = append(draft.Filter.InstrumentNos, number)
	}

	return nil
}

// set gives a value that was named.
func set[T any](to, named *T) {
	if named != nil {
		*to = *named
	}
}

// mayTell refuses a URL that events must not be sent to. Whose address it is, is looked at when it is called.
func (s *Service) mayTell(text string) error {
	u, err := url.Parse(text)

	switch {
	case err != nil || !visible(text) || strings.Contains(text, " ") || u.Hostname() == "" || u.Opaque != "":
		return invalid("body: url: is not a URL such as https://example.com/events. Nothing was done.")
	case u.Scheme != "https" && (u.Scheme != "http" || !s.plainWebhooks):
		return invalid("body: url: must begin with https. Nothing was done.")
	case u.User != nil || strings.Contains(text, "#"):
		return invalid("body: url: must have no name, no password and no fragment. Nothing was done.")
	default:
		return nil
	}
}

// UpdateSubscription implements server.StrictServerInterface.
func (s *Service) UpdateSubscription(
	ctx context.Context, r server.UpdateSubscriptionRequestObject,
) (server.UpdateSubscriptionResponseObject, error) {
	d := door(ctx)
	s = s.inside(d)

	whose, held, err := s.holding(ctx, r.Treasury, r.SubscriptionId)
	if err != nil {
		return nil, err
	}

	draft := held.SubscriptionDraft
	if err := s.say(ctx, &draft, r.Body); err != nil {
		return nil, err
	}

	var after *int64

	if r.Body.From != nil {
		at, err := s.beginAfter(ctx, whose.Treasury, r.Body.From)
		if err != nil {
			return nil, err
		}

		after = &at
	}

	state := stateAfter(&held, draft.URL != held.URL, r.Body.Paused)
	if err := s.DB.ChangeSubscription(ctx, &held, &draft, state, after, d.Now); err != nil {
		return nil, err
	}

	if err := noteSubscription(ctx, d, r.Treasury, "subscription.update", held.ID, r.Body); err != nil {
		return nil, err
	}

	seen, err := s.DB.SeeSubscription(ctx, whose, held.ID)

	return server.UpdateSubscription200JSONResponse(subscriptionOf(seen)), err
}

// stateAfter is the state that a change brings about; empty if it stays as it is. Whoever is to be told again must say
// again that they want to be.
func stateAfter(held *store.SeenSubscription, moved bool, pause *bool) string {
	paused := held.State == store.SubscriptionPaused
	set(&paused, pause)

	switch {
	case paused && held.State != store.SubscriptionPaused:
		return store.SubscriptionPaused
	case paused:
		return ""
	case moved, pause != nil && held.State != store.SubscriptionActive:
		return store.SubscriptionPending
	default:
		return ""
	}
}

// DeleteSubscription implements server.StrictServerInterface.
func (s *Service) DeleteSubscription(
	ctx context.Context, r server.DeleteSubscriptionRequestObject,
) (server.DeleteSubscriptionResponseObject, error) {
	s = s.inside(door(ctx))

	_, held, err := s.holding(ctx, r.Treasury, r.SubscriptionId)
	if err != nil {
		return nil, err
	}

	return server.DeleteSubscription200JSONResponse(subscriptionOf(held)), s.DB.DeleteSubscription(ctx, held.ID)
}

func subscriptionOf(n store.SeenSubscription) server.Subscription {
	return server.Subscription{
		SubscriptionId: n.ID, Name: n.Name, Url: n.URL, Types: n.Filter.Types, Accounts: n.Filter.Accounts,
		Subjects: n.Filter.Subjects, Ordered: n.Ordered, Batch: n.Batch, PerSecond: n.PerSecond, MaxBacklog: n.MaxBacklog,
		Instruments: items(n.Tokens, func(token ident.Instrument) server.Token {
			return server.Token{InstrumentAdmin: string(token.Admin), InstrumentId: token.ID}
		}),
		Withheld: items(n.Withheld, func(what string) server.Withheld { return server.Withheld(what) }),
		Owner:    n.Owner, State: server.SubscriptionState(n.State), Reason: present(n.Reason), SecretNo: n.SecretNo,
		PreviousSecretUntil: utc(n.PreviousUntil), Cursor: n.Cursor, Backlog: max(n.Head-n.Cursor, 0), Waiting: n.Waiting,
		Dead: n.Dead, Tries: n.Tries, FailingSince: utc(n.FailingSince), CreatedAt: n.CreatedAt.UTC(),
		ChangedAt: n.ChangedAt.UTC(),
	}
}
