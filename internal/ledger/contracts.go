package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/update"
)

// Flight says whether a contract is on its way between synchronizers.
type Flight string

const (
	// Settled is a contract that is where it is.
	Settled Flight = ""
	// Arriving was assigned to Synchronizer while this node has not seen it leave its Source.
	Arriving Flight = "arriving"
	// Leaving was unassigned from Synchronizer and not yet assigned to its Target: it cannot be used now.
	Leaving Flight = "leaving"
)

// ActiveContract is a contract that was active at the offset asked for.
type ActiveContract struct {
	Created *update.Created
	// Node and Offset say where it was created, or assigned; that update may be pruned.
	Node         ident.NodeID
	Offset       ident.Offset
	Synchronizer ident.SynchronizerID
	// Counter counts the contract's reassignments.
	Counter int64
	// InFlight is Settled for nearly all. Source is set while Arriving, Target while Leaving.
	InFlight       Flight
	Source, Target ident.SynchronizerID

	created strictjson.Raw
}

// Argument is what the contract says, in the ledger's JSON by its template's type. What is read into it must be bounded
// and checked like all that a node tells.
func (c ActiveContract) Argument() (strictjson.Raw, error) {
	var w struct {
		Argument strictjson.Raw `json:"createArgument"`
	}
	if err := strictjson.Decode(c.created, &w); err != nil {
		return nil, malformed(opContracts, "the argument of contract "+string(c.Created.Contract), err)
	}

	return w.Argument, nil
}

// The sizes of the lists of active contracts.
const (
	contractsPage = 2000  // what a node gives by default
	maxPages      = 50000 // a hundred million contracts; more is a node that goes round in circles
)

// ActiveContracts gives every contract of party that was active at the offset and implements one of the interfaces
// asked for. It returns nil only when it gave all of them; after an error those given are not to be used. The offset
// must not be pruned, nor beyond the ledger end. An error of yield ends it and is returned as it is.
func (c *Client) ActiveContracts(
	ctx context.Context, party ident.Party, at ident.Offset, yield func(ActiveContract) error,
) error {
	given := false
	giving := func(contract ActiveContract) error {
		given = true

		return yield(contract)
	}

	for tries := len(c.cfg.Interfaces); ; tries-- {
		names := c.interfaces.wanted()

		// Once something was given it cannot be taken back, so there is no second try.
		err := c.activeContracts(ctx, party, at, names, views(names), giving)
		if err == nil || given || tries == 0 || !c.interfaces.learn(names, err) {
			return err
		}
	}
}

// ActiveContractsOf gives every contract of one template, in the form that names the package, as ActiveContracts does.
// There is none where the node does not know the template, or not yet.
func (c *Client) ActiveContractsOf(
	ctx context.Context, party ident.Party, template ident.Name, at ident.Offset, yield func(ActiveContract) error,
) error {
	err := c.activeContracts(ctx, party, at, []ident.Name{template}, ofTemplate(template), yield)
	if isUnknownName(err) {
		return nil
	}

	return err
}

const opContracts = "read active contracts"

// activeContracts reads what matches the filter, in which these names occur.
func (c *Client) activeContracts(
	ctx context.Context, party ident.Party, at ident.Offset, names []ident.Name, filter []ledgerapi.Filter,
	yield func(ActiveContract) error,
) error {
	body := ledgerapi.ActiveContractsRequest{ActiveAtOffset: int64(at), EventFormat: eventFormat(party, filter)}

	s, err := c.openSocket(ctx, ctx, opContracts, pathContracts, names, body)
	if err == nil {
		return s.contracts(yield)
	}

	if !upgradeRefused(err) {
		return err
	}

	c.cfg.Logger.InfoContext(ctx, "no websocket to the node: reading active contracts over HTTP",
		slog.String("refusal", err.Error()))

	paged, err := c.contractsByPage(ctx, body, yield)
	if paged || err != nil {
		return err
	}

	return c.contractsAtOnce(ctx, body, yield)
}

const (
	pathContracts     = "/v2/state/active-contracts"
	pathContractsPage = "/v2/state/active-contracts-page"
)

// contracts reads the socket to its end. Only the node's own close says that it was all.
func (s *socket) contracts(yield func(ActiveContract) error) error {
	defer s.close()

	for {
		raw, err := s.next()
		if completed(err) {
			return nil
		}

		if err != nil {
			return err
		}

		if !isItem(raw, "contractEntry") {
			return failureMessage(s.op, raw)
		}

		resume := s.pause()
		err = yieldContract(raw, yield)

		resume()

		if err != nil {
			return err
		}
	}
}

// contractsByPage reads pages. It reports false when the node has no such list, which came with 3.5.
func (c *Client) contractsByPage(
	ctx context.Context, body ledgerapi.ActiveContractsRequest, yield func(ActiveContract) error,
) (bool, error) {
	request := request{op: opContracts, method: http.MethodPost, path: pathContractsPage}
	page := ledgerapi.ActiveContractsPageRequest{
		ActiveAtOffset: body.ActiveAtOffset, EventFormat: body.EventFormat, MaxPageSize: contractsPage,
	}

	for n := range maxPages {
		request.body = page

		list, err := read[wireContractsPage](ctx, c, request)
		if n == 0 && noSuchCall(err) && request.method == http.MethodPost {
			request.method = http.MethodGet // 3.5.1 takes the body with a GET
			list, err = read[wireContractsPage](ctx, c, request)
		}

		if n == 0 && noSuchCall(err) {
			return false, nil
		}

		if err != nil {
			return true, err
		}

		if list.At == nil || *list.At != body.ActiveAtOffset {
			return true, malformed(opContracts, "a page of another offset than the one asked for", nil)
		}

		for _, raw := range list.Contracts {
			if err := yieldContract(raw, yield); err != nil {
				return true, err
			}
		}

		if list.Next == nil || *list.Next == "" {
			return true, nil
		}

		page.PageToken = list.Next
	}

	return true, malformed(opContracts, "pages without end", nil)
}

// noSuchCall reports whether the node does not have the route. Its own "not found" errors carry a code.
func noSuchCall(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && e.Code == CodeRefused && (e.HTTPStatus == http.StatusNotFound ||
		e.HTTPStatus == http.StatusMethodNotAllowed || e.HTTPStatus == http.StatusNotImplemented)
}

// contractsAtOnce reads the one list that nodes before 3.5 have over HTTP. Without a limit the node refuses to answer
// with a part, but a list that stalls is answered as it is: one that took that long is not believed.
func (c *Client) contractsAtOnce(
	ctx context.Context, body ledgerapi.ActiveContractsRequest, yield func(ActiveContract) error,
) error {
	idle := c.timing.listIdle
	began := c.cfg.Clock.Now()

	list, err := read[[]strictjson.Raw](ctx, c, request{
		op: opContracts, method: http.MethodPost, path: pathContracts, body: body,
		query: url.Values{"stream_idle_timeout_ms": {strconv.FormatInt(idle.Milliseconds(), 10)}},
	})
	if e, ok := errors.AsType[*Error](err); ok && e.Code == codeListLimit {
		return incomplete("the node has more active contracts than it lists over HTTP; let websockets through to it")
	}

	if err != nil {
		return err
	}

	if c.cfg.Clock.Now().Sub(began) >= idle {
		return incomplete("the node's list stalled and may lack contracts; let websockets through to it")
	}

	for _, raw := range list {
		if err := yieldContract(raw, yield); err != nil {
			return err
		}
	}

	return nil
}

func incomplete(why string) *Error { return &Error{Op: opContracts, Code: CodeIncomplete, Cause: why} }

func yieldContract(raw []byte, yield func(ActiveContract) error) error {
	contract, ok, err := decodeContract(raw)
	if err != nil {
		return malformed(opContracts, "a contract", err)
	}

	if !ok {
		return nil
	}

	return yield(contract)
}

type wireContractsPage struct {
	Contracts []strictjson.Raw `json:"activeContracts"`
	At        *int64           `json:"activeAtOffset"`
	Next      *string          `json:"nextPageToken"`
}

type wireContract struct {
	Entry struct {
		Active *struct {
			Created      strictjson.Raw `json:"createdEvent"`
			Synchronizer string         `json:"synchronizerId"`
			Counter      int64          `json:"reassignmentCounter"`
		} `json:"JsActiveContract"`
		Assigned *struct {
			Event wireReassigned `json:"assignedEvent"`
		} `json:"JsIncompleteAssigned"`
		Unassigned *struct {
			Created strictjson.Raw `json:"createdEvent"`
			Event   wireReassigned `json:"unassignedEvent"`
		} `json:"JsIncompleteUnassigned"`
		Empty strictjson.Raw `json:"JsEmpty"`
	} `json:"contractEntry"`
}

type wireReassigned struct {
	Created strictjson.Raw `json:"createdEvent"`
	Source  string         `json:"source"`
	Target  string         `json:"target"`
	Counter int64          `json:"reassignmentCounter"`
}

// decodeContract reads one entry; false is an entry that says there is nothing.
func decodeContract(raw []byte) (ActiveContract, bool, error) {
	var w wireContract
	if err := strictjson.Decode(raw, &w); err != nil {
		return ActiveContract{}, false, err
	}

	switch e := w.Entry; {
	case e.Active != nil:
		c, err := newContract(e.Active.Created, e.Active.Synchronizer, e.Active.Counter)

		return c, true, err
	case e.Assigned != nil:
		c, err := newContract(e.Assigned.Event.Created, e.Assigned.Event.Target, e.Assigned.Event.Counter)
		if err != nil {
			return ActiveContract{}, false, err
		}

		c.InFlight = Arriving
		c.Source, err = ident.ParseSynchronizerID(e.Assigned.Event.Source)

		return c, true, err
	case e.Unassigned != nil:
		c, err := newContract(e.Unassigned.Created, e.Unassigned.Event.Source, e.Unassigned.Event.Counter)
		if err != nil {
			return ActiveContract{}, false, err
		}

		c.InFlight = Leaving
		c.Target, err = ident.ParseSynchronizerID(e.Unassigned.Event.Target)

		return c, true, err
	case e.Empty != nil:
		return ActiveContract{}, false, nil
	default:
		return ActiveContract{}, false, errors.New("this version does not know this kind of entry")
	}
}

func newContract(created strictjson.Raw, synchronizer string, counter int64) (ActiveContract, error) {
	event, node, offset, err := update.DecodeCreated(created)
	if err != nil {
		return ActiveContract{}, err
	}

	id, err := ident.ParseSynchronizerID(synchronizer)
	if err != nil {
		return ActiveContract{}, fmt.Errorf("contract %s: %w", event.Contract, err)
	}

	return ActiveContract{
		Created: event, Node: node, Offset: offset, Synchronizer: id, Counter: counter, created: created,
	}, nil
}
