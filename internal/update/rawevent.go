package update

import (
	"fmt"
	"strconv"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// RawEvents cuts a raw update into its events, as the node sent them, by node id. It is for keeping evidence of what
// was not understood, not for the hot path.
func RawEvents(raw []byte) (map[ident.NodeID][]byte, error) {
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

	events := map[ident.NodeID][]byte{}

	for _, box := range item.Update {
		for key, event := range box.Value.EventsByID {
			if node, err := strconv.ParseInt(key, 10, 32); err == nil {
				events[ident.NodeID(node)] = event
			}
		}

		for _, event := range box.Value.Events {
			if node := nodeOf(event); node >= 0 {
				events[node] = event
			}
		}
	}

	return events, nil
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
