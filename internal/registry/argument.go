package registry

import (
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/token"
)

// wireMetadata writes an empty object for none, as the standard wants it.
type wireMetadata struct {
	Values token.Metadata `json:"values"`
}

type wireInstrumentID struct {
	Admin ident.Party `json:"admin"`
	ID    string      `json:"id"`
}

type wireTransfer struct {
	Sender        ident.Party        `json:"sender"`
	Receiver      ident.Party        `json:"receiver"`
	Amount        amount.Amount      `json:"amount"`
	Instrument    wireInstrumentID   `json:"instrumentId"`
	RequestedAt   string             `json:"requestedAt"`
	ExecuteBefore string             `json:"executeBefore"`
	Inputs        []ident.ContractID `json:"inputHoldingCids"`
	Meta          wireMetadata       `json:"meta"`
}

type wireExtraArgs struct {
	Context strictjson.Raw `json:"context"`
	Meta    wireMetadata   `json:"meta"`
}

type wireArgument struct {
	ExpectedAdmin ident.Party   `json:"expectedAdmin"`
	Transfer      wireTransfer  `json:"transfer"`
	ExtraArgs     wireExtraArgs `json:"extraArgs"`
}

// emptyContext is what stands for the context while it is not known.
const emptyContext = `{"values":{}}`

// TransferArgument writes the argument of TransferFactory_Transfer (token standard V1) as the ledger API's JSON: for
// the command, with TransferFactory.Context.Data of this very transfer and the choice's own metadata. The expected
// admin is the instrument's, never what a registry says it is.
//
// It wants what a ledger would want: a positive amount, inputs (registries refuse to choose them), and times of whole
// microseconds in their order.
func TransferArgument(t token.Transfer, context strictjson.Raw, meta token.Metadata) (strictjson.Raw, error) {
	if err := checkTransfer(t); err != nil {
		return nil, fmt.Errorf("registry: transfer: %w", err)
	}

	raw, err := strictjson.Encode(wireArgument{
		ExpectedAdmin: t.Instrument.Admin,
		Transfer: wireTransfer{
			Sender: t.Sender, Receiver: t.Receiver, Amount: t.Amount,
			Instrument:  wireInstrumentID{Admin: t.Instrument.Admin, ID: t.Instrument.ID},
			RequestedAt: stamp(t.RequestedAt), ExecuteBefore: stamp(t.ExecuteBefore),
			Inputs: t.Inputs, Meta: wireMetadata{t.Meta},
		},
		ExtraArgs: wireExtraArgs{Context: context, Meta: wireMetadata{meta}},
	})
	if err != nil {
		return nil, fmt.Errorf("registry: transfer: %w", err)
	}

	return raw, nil
}

func checkTransfer(t token.Transfer) error {
	if _, err := ident.ParseInstrument(string(t.Instrument.Admin), t.Instrument.ID); err != nil {
		return err
	}

	for _, party := range []ident.Party{t.Sender, t.Receiver} {
		if _, err := ident.ParseParty(string(party)); err != nil {
			return err
		}
	}

	for _, id := range t.Inputs {
		if _, err := ident.ParseContractID(string(id)); err != nil {
			return err
		}
	}

	switch {
	case t.Amount.Sign() <= 0:
		return fmt.Errorf("amount %s: want more than 0", t.Amount)
	case len(t.Inputs) == 0:
		return errors.New("no input holdings")
	case t.RequestedAt.IsZero() || !t.RequestedAt.Before(t.ExecuteBefore):
		return errors.New("want requestedAt before executeBefore")
	case !whole(t.RequestedAt) || !whole(t.ExecuteBefore):
		return errors.New("the ledger's times are whole microseconds")
	default:
		return nil
	}
}

func whole(t time.Time) bool { return t.Equal(t.Truncate(time.Microsecond)) }

// stamp writes a time as the ledger does.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// ChoiceArgument writes the argument of a choice on a transfer instruction (accept, reject, withdraw; token standard
// V1) as the ledger API's JSON, with the Context.Data that the registry gave for this very choice.
func ChoiceArgument(context strictjson.Raw, meta token.Metadata) (strictjson.Raw, error) {
	raw, err := strictjson.Encode(struct {
		ExtraArgs wireExtraArgs `json:"extraArgs"`
	}{wireExtraArgs{Context: context, Meta: wireMetadata{meta}}})
	if err != nil {
		return nil, fmt.Errorf("registry: choice: %w", err)
	}

	return raw, nil
}
