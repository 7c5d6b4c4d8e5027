package update

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// DecodeCreated reads a createdEvent that stands alone, as the answers about active contracts and about single
// contracts hold it. The node id and the offset say where the contract was created, or assigned to its synchronizer;
// that may be history the node has pruned.
func DecodeCreated(raw []byte) (*Created, ident.NodeID, ident.Offset, error) {
	var event wireCreated
	if err := strictjson.Decode(raw, &event); err != nil {
		return nil, 0, 0, fmt.Errorf("%w: created event: %w", ErrMalformed, err)
	}

	var at struct {
		Offset *int64 `json:"offset"`
	}
	if err := strictjson.Decode(raw, &at); err != nil {
		return nil, 0, 0, fmt.Errorf("%w: created event: %w", ErrMalformed, err)
	}

	created, node, err := event.created()
	if err != nil {
		return nil, 0, 0, fmt.Errorf("%w: created event: %w", ErrMalformed, err)
	}

	if at.Offset == nil || *at.Offset < 0 {
		return nil, 0, 0, fmt.Errorf("%w: created event of %s has no offset", ErrMalformed, shown(string(created.Contract)))
	}

	return created, node, ident.Offset(*at.Offset), nil
}
