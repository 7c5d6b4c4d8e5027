package update

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// RawEvent cuts the event of one node out of a raw update, as the node sent it. It is for keeping evidence of
// what was not understood, not for the hot path.
func RawEvent(raw []byte, node ident.NodeID) ([]byte, error) {
	var item struct {
		Update map[string]struct {
			Value struct {
				Events     []strictjson.Raw          `json:"events"`
				EventsByID map[string]strictjson.Raw `json:"eventsById"`
			} `json:"value"`
		} `json:"update"`
	}
	if err := strictjson.Decode(raw, &item); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	for _, box := range item.Update {
		if event, ok := box.Value.EventsByID[fmt.Sprint(node)]; ok {
			return event, nil
		}

		for _, event := range box.Value.Events {
			if nodeOf(event) == node {
				return event, nil
			}
		}
	}

	return nil, fmt.Errorf("%w: no event at node %d", ErrMalformed, node)
}

// nodeOf reads the node id of {"CreatedEvent":{"nodeId":…}} or its like; −1 if there is none.
func nodeOf(event strictjson.Raw) ident.NodeID {
	var box map[string]struct {
		NodeID *ident.NodeID `json:"nodeId"`
	}
	if strictjson.Decode(event, &box) != nil {
		return -1
	}

	for _, body := range box {
		if body.NodeID != nil {
			return *body.NodeID
		}
	}

	return -1
}
