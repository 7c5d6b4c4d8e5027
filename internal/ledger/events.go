package ledger

import (
	"context"
	"fmt"
	"net/http"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/update"
)

// ContractEvents are the beginning and the end of a contract of which the party is a stakeholder. Either is nil where
// the node does not have it or may not show it; not both.
type ContractEvents struct {
	Created  *CreatedAt
	Archived *ArchivedAt
}

// CreatedAt is a contract with the place of its creation.
type CreatedAt struct {
	Created      *update.Created
	Node         ident.NodeID
	Offset       ident.Offset
	Synchronizer ident.SynchronizerID
}

// ArchivedAt is the place of a contract's end.
type ArchivedAt struct {
	Contract     ident.ContractID
	Template     ident.Name
	Node         ident.NodeID
	Offset       ident.Offset
	Synchronizer ident.SynchronizerID
	// Implements lists those of the interfaces asked for that the contract had.
	Implements []ident.Name
}

const opEvents = "read events of contract"

// EventsByContractID gives the creation of a contract and, where it has ended, its end. IsNotFound tells a contract
// that is unknown, is not the party's, or is archived and pruned.
func (c *Client) EventsByContractID(
	ctx context.Context, party ident.Party, contract ident.ContractID,
) (ContractEvents, error) {
	w, err := withInterfaces(c, func(names []ident.Name) (wireContractEvents, error) {
		return read[wireContractEvents](ctx, c, request{
			op: opEvents, method: http.MethodPost, path: "/v2/events/events-by-contract-id",
			body: ledgerapi.ContractEventsRequest{
				ContractId: string(contract), EventFormat: eventFormat(party, everything(names)),
			},
		})
	})
	if err != nil {
		return ContractEvents{}, err
	}

	events, err := w.events(contract)
	if err != nil {
		return ContractEvents{}, malformed(opEvents, "the answer about contract "+string(contract), err)
	}

	return events, nil
}

type wireContractEvents struct {
	Created *struct {
		Event        strictjson.Raw `json:"createdEvent"`
		Synchronizer string         `json:"synchronizerId"`
	} `json:"created"`
	Archived *struct {
		Event        wireArchived `json:"archivedEvent"`
		Synchronizer string       `json:"synchronizerId"`
	} `json:"archived"`
}

type wireArchived struct {
	Offset     *int64   `json:"offset"`
	Node       *int32   `json:"nodeId"`
	Contract   string   `json:"contractId"`
	Template   string   `json:"templateId"`
	Implements []string `json:"implementedInterfaces"`
}

func (w wireContractEvents) events(asked ident.ContractID) (ContractEvents, error) {
	var events ContractEvents

	if w.Created == nil && w.Archived == nil {
		return events, fmt.Errorf("neither created nor archived")
	}

	if w.Created != nil {
		c, err := newContract(w.Created.Event, w.Created.Synchronizer, 0)
		if err != nil {
			return events, err
		}

		if c.Created.Contract != asked {
			return events, fmt.Errorf("created event of another contract")
		}

		events.Created = &CreatedAt{Created: c.Created, Node: c.Node, Offset: c.Offset, Synchronizer: c.Synchronizer}
	}

	if w.Archived != nil {
		archived, err := w.Archived.Event.at(w.Archived.Synchronizer)
		if err != nil {
			return events, err
		}

		if archived.Contract != asked {
			return events, fmt.Errorf("archived event of another contract")
		}

		events.Archived = archived
	}

	return events, nil
}

func (w wireArchived) at(synchronizer string) (*ArchivedAt, error) {
	if w.Offset == nil || *w.Offset < 0 || w.Node == nil || *w.Node < 0 {
		return nil, fmt.Errorf("archived event without offset or node id")
	}

	a := &ArchivedAt{Node: ident.NodeID(*w.Node), Offset: ident.Offset(*w.Offset)}

	var err error
	if a.Contract, err = ident.ParseContractID(w.Contract); err != nil {
		return nil, err
	}

	if a.Template, err = ident.ParseName(w.Template); err != nil {
		return nil, err
	}

	if a.Synchronizer, err = ident.ParseSynchronizerID(synchronizer); err != nil {
		return nil, err
	}

	for _, text := range w.Implements {
		name, err := ident.ParseName(text)
		if err != nil {
			return nil, err
		}

		a.Implements = append(a.Implements, name)
	}

	return a, nil
}
