package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// scanPage is how many events are looked at with one question, mostScanned with one request.
	scanPage    = 500
	mostScanned = 5000
	// mostEventBytes bounds an answer: after the event that reaches it, there is no other.
	mostEventBytes = 4 << 20
	// maxEventWaiting bounds how many requests wait for events at once, and maxEventWaitingOfOne how many of one caller's.
	maxEventWaiting      = 200
	maxEventWaitingOfOne = 50
)

// eventQuery is which events are asked for.
type eventQuery struct {
	types, account, subject *string
	admin                   *server.InstrumentAdminParam
	id                      *server.InstrumentIdParam
}

// eventFilter is the filter that a request asks for.
func (s *Service) eventFilter(ctx context.Context, q eventQuery) (event.Filter, error) {
	var f event.Filter

	if q.types != nil {
		f.Types = strings.Split(*q.types, ",")
		if err := knownTypes("query: type", f.Types); err != nil {
			return f, err
		}
	}

	if q.account != nil {
		f.Accounts = []string{*q.account}
	}

	if q.subject != nil {
		f.Subjects = []string{*q.subject}
	}

	token, err := tokenOf(q.admin, q.id)
	if err != nil || token == nil {
		return f, err
	}

	number, err := s.DB.InstrumentNo(ctx, *token)
	if errors.Is(err, store.ErrNotFound) { // one that was never met has no events, and no number
		number, err = -1, nil
	}

	f.InstrumentNos = []int32{number}

	return f, err
}

// knownTypes refuses types that there are not, which would choose nothing for ever.
func knownTypes(where string, types []string) error {
	if len(types) > event.MaxFilter {
		return invalid(where + ": has more than " + strconv.Itoa(event.MaxFilter) + " elements. Nothing was done.")
	}

	for _, one := range types {
		if !event.KnownType(one) {
			return invalid(where + ": there is no type of events " + quoted(one) + ". Nothing was done.")
		}
	}

	return nil
}

// scan is a reading of a treasury's events.
type scan struct {
	*Service

	treasury store.TreasuryID
	filter   event.Filter
	at       event.Place // up to here was looked
}

// page looks at the next events, and gives those that match, at most so many. It reports false at the end of what there
// is.
func (s *scan) page(ctx context.Context, most int) (matching []store.LoggedEvent, more bool, err error) {
	events, err := s.Events.Read(ctx, s.treasury, s.at.Seq, scanPage)

	switch {
	case err != nil:
		return nil, false, err
	case len(events) == 0:
		return nil, false, s.still(ctx)
	case !events[0].Follows(s.at): // nothing, until it is known which history is the right one
		if err := s.find(ctx, s.at); err != nil {
			return nil, false, err
		}

		if events, err = s.DB.EventsAfter(ctx, s.treasury, s.at.Seq, scanPage); err != nil || len(events) == 0 {
			return nil, false, err
		}

		if !events[0].Follows(s.at) {
			return nil, false, eventsForked(s.at)
		}
	}

	for i := range events {
		s.at = events[i].Place()

		if !s.filter.Matches(events[i].About) {
			continue
		}

		if matching = append(matching, events[i]); len(matching) == most {
			return matching, true, nil
		}
	}

	return matching, len(events) == scanPage, nil
}

// still is an error if nobody can go on from the place any more. As long as it is the last one known, that is not
// asked.
func (s *scan) still(ctx context.Context) error {
	if last, known := s.Events.Last(s.treasury); known && last.Same(s.at) {
		return nil
	}

	return s.find(ctx, s.at)
}

// find begins at a place, if it is one of these events.
func (s *scan) find(ctx context.Context, p event.Place) error {
	at, err := s.Events.Find(ctx, s.treasury, p)

	switch {
	case errors.Is(err, store.ErrEventsGone):
		head, err := s.DB.EventHead(ctx, s.treasury)
		if err != nil {
			return err
		}

		return eventsGone(head.Pruned)
	case errors.Is(err, store.ErrEventsForked):
		return eventsForked(p)
	case err != nil:
		return err
	}

	s.at = at

	return nil
}

// codeGone and codeForked are of places that nobody can go on from.
const (
	codeGone   = "events_gone"
	codeForked = "events_forked"
)

func eventsForked(p event.Place) error {
	return problem(http.StatusConflict, codeForked, fmt.Sprintf(
		"The place %s is not in these events: the database was put back to an earlier time since you read it, and what "+
			"happened then is told again, with other numbers. Go on from a place that you had before that time, drop what you "+
			"have already by its id, and compare with the lists of deposits and withdrawals.", p))
}

func eventsGone(pruned int64) error {
	return problem(http.StatusGone, codeGone, fmt.Sprintf(
		"Events up to %d are not kept any more. Read what is there now at the lists of deposits and withdrawals, and go on "+
			"with what comes after %d.", pruned, pruned))
}

// ListEvents implements server.StrictServerInterface.
func (s *Service) ListEvents(
	ctx context.Context, r server.ListEventsRequestObject,
) (server.ListEventsResponseObject, error) {
	p := r.Params

	scan, err := s.scanning(ctx, r.Treasury, eventQuery{p.Type, p.Account, p.Subject, p.InstrumentAdmin, p.InstrumentId})
	if err != nil {
		return nil, err
	}

	if err := scan.begin(ctx, p.After, func(head store.EventHead) event.Place {
		return event.Place{Seq: head.Pruned}
	}); err != nil {
		return nil, err
	}

	most := defaultRows
	if p.Limit != nil {
		most = *p.Limit
	}

	page, err := scan.awaited(ctx, most, p.Wait)
	if err != nil {
		return nil, err
	}

	page.head = max(s.Events.Head(scan.treasury), scan.at.Seq)

	return page, nil
}

func (s *Service) scanning(ctx context.Context, party string, q eventQuery) (*scan, error) {
	filter, err := s.eventFilter(ctx, q)
	if err != nil {
		return nil, err
	}

	treasury, err := s.treasury(ctx, party)
	if err != nil {
		return nil, err
	}

	return &scan{Service: s, treasury: treasury, filter: filter}, nil
}

// begin begins at the place that the reader names, or where it begins by itself.
func (s *scan) begin(ctx context.Context, named *string, byItself func(store.EventHead) event.Place) error {
	if named != nil {
		at, err := event.ParsePlace(*named)
		if err != nil {
			return invalid("after: is not a place in the order of events.")
		}

		return s.find(ctx, at)
	}

	head, err := s.DB.EventHead(ctx, s.treasury)
	s.at = byItself(head)

	return err
}

// collect reads events that match: until they are enough, or enough were looked at, or there are no more, which it
// reports.
func (s *scan) collect(ctx context.Context, most int, budget *int) (page *eventPage, atEnd bool, err error) {
	page = &eventPage{}
	size := 0

	for *budget > 0 && size < mostEventBytes {
		before := s.at.Seq

		found, more, err := s.page(ctx, most-len(page.events))
		if err != nil {
			return nil, false, err
		}

		*budget -= max(int(s.at.Seq-before), 1)

		for i := range found {
			page.events = append(page.events, found[i].Body)

			if size += len(found[i].Body); size >= mostEventBytes {
				s.at = found[i].Place() // those after it come again

				break
			}
		}

		if !more || len(page.events) == most {
			return page.upTo(s.at), !more, nil
		}
	}

	return page.upTo(s.at), false, nil
}

// awaited collects, and waits for something that matches for at most so many seconds.
func (s *scan) awaited(ctx context.Context, most int, seconds *server.EventWaitParam) (*eventPage, error) {
	budget := mostScanned

	page, atEnd, err := s.collect(ctx, most, &budget)
	if err != nil || seconds == nil || *seconds == 0 || !atEnd || len(page.events) > 0 {
		return page, err
	}

	who := asking(ctx).Actor
	if !s.eventWaiting.take(who) {
		return nil, tooManyWait()
	}
	defer s.eventWaiting.leave(who)

	ends := time.NewTimer(time.Duration(*seconds) * time.Second)
	defer ends.Stop()

	for atEnd && len(page.events) == 0 {
		if more, err := s.news(ctx, ends.C); err != nil || !more {
			return page, err
		}

		if page, atEnd, err = s.collect(ctx, most, &budget); err != nil {
			return nil, err
		}
	}

	return page, nil
}

// news waits until the treasury has more events. It reports false where it was ended before.
func (s *scan) news(ctx context.Context, ends <-chan time.Time) (bool, error) {
	for {
		select {
		case <-s.Events.News(s.treasury, s.at.Seq):
		case <-ends:
			return false, nil
		case <-draining(ctx):
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err() //nolint:wrapcheck // nobody is there to read it
		}

		switch {
		case s.Events.Ended():
			return false, nil
		case s.Events.Head(s.treasury) > s.at.Seq:
			return true, nil
		}

		if err := s.still(ctx); err != nil { // otherwise the news was another treasury's
			return false, err
		}
	}
}

// eventPage is an answer with events, of which each is told in the very bytes that were signed.
type eventPage struct {
	events [][]byte
	last   event.Place
	head   int64
}

func (p *eventPage) upTo(last event.Place) *eventPage {
	p.last = last

	return p
}

// VisitListEventsResponse implements server.ListEventsResponseObject.
func (p *eventPage) VisitListEventsResponse(w http.ResponseWriter) error {
	var b bytes.Buffer

	b.WriteString(`{"items":[`)
	b.Write(bytes.Join(p.events, []byte(",")))
	fmt.Fprintf(&b, `],"next":%q,"last":%d,"head":%d}`, p.last, p.last.Seq, p.head)

	return raw(w, "application/json", b.Bytes())
}

func raw(w http.ResponseWriter, kind string, body []byte) error {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(http.StatusOK)

	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("write events: %w", err)
	}

	return nil
}

// oneEvent is an event in the bytes that were signed.
type oneEvent []byte

// VisitGetEventResponse implements server.GetEventResponseObject.
func (e oneEvent) VisitGetEventResponse(w http.ResponseWriter) error {
	return raw(w, event.MediaType, e)
}

// GetEvent implements server.StrictServerInterface.
func (s *Service) GetEvent(
	ctx context.Context, r server.GetEventRequestObject,
) (server.GetEventResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	found, err := s.DB.EventByID(ctx, treasury, r.EventId)

	return oneEvent(found.Body), err
}
