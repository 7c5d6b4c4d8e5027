package intake

import (
	"context"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/update"
)

// maxMetadata bounds, in bytes, the metadata of an offer that is accepted: all of it is in the transaction that is
// decoded and stored.
const maxMetadata = 128 << 10

var (
	// errGone is an offer that the node does not have any more.
	errGone = errors.New("the node does not have the offer")
	// errMetadata is an offer whose sender wrote more beside it than we deal with. It is nobody's lie.
	errMetadata = errors.New("the sender's metadata is beyond our bounds")
)

// transfer is the offer's transfer as its contract has it. All that matters is what history says; the metadata of a
// stranger, of which history keeps the reason alone, is read from the node. What the node says of it is compared with
// the contract that the prepared transaction consumes.
func (s *Service) transfer(ctx context.Context, offer store.Offer) (token.Transfer, error) {
	t := offer.Instruction.Transfer

	events, err := s.Node.EventsByContractID(ctx, s.config.Party, offer.Contract)

	switch {
	case ledger.IsNotFound(err), err == nil && (events.Created == nil || events.Archived != nil):
		return t, errGone
	case err != nil:
		return t, err
	}

	if t.Meta, err = metadata(events.Created.Created); err != nil {
		return t, err
	}

	was, is := offer.Instruction.Transfer.Meta.Memo(), t.Meta.Memo()
	if (was == nil) != (is == nil) || is != nil && memo.Stored(*is) != *was {
		return t, fmt.Errorf("%w: of offer %s another memo is shown than was streamed", intent.ErrMismatch, offer.Contract)
	}

	return t, nil
}

// metadata is the whole metadata of an instruction's transfer.
func metadata(c *update.Created) (token.Metadata, error) {
	for _, v := range c.Views {
		if !v.Interface.Is(token.TransferInstructionV1) || v.Status != 0 {
			continue
		}

		var shown struct {
			Transfer struct {
				Meta struct {
					Values token.Metadata `json:"values"`
				} `json:"meta"`
			} `json:"transfer"`
		}

		if err := strictjson.Decode(v.Value, &shown); err != nil {
			return nil, fmt.Errorf("%w: the view of offer %s: %w", intent.ErrMismatch, c.Contract, err)
		}

		values, size := shown.Transfer.Meta.Values, 0
		for key, value := range values {
			size += len(key) + len(value)
		}

		if size > maxMetadata || len(values) > token.MaxMetaEntries || len(values[token.KeyReason]) > token.MaxMetaValue {
			return nil, fmt.Errorf("%w: %d entries of %d bytes", errMetadata, len(values), size)
		}

		return values, nil
	}

	return nil, fmt.Errorf("%w: the node shows offer %s as no transfer instruction", intent.ErrMismatch, c.Contract)
}
