package token

import (
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// wireTransfer is the transfer record of both versions: in V1 sender and receiver are parties, in V2 accounts.
type wireTransfer struct {
	Sender        strictjson.Raw `json:"sender"`
	Receiver      strictjson.Raw `json:"receiver"`
	Amount        *amount.Amount `json:"amount"`
	Instrument    wireInstrument `json:"instrumentId"`
	RequestedAt   *time.Time     `json:"requestedAt"`
	ExecuteBefore *time.Time     `json:"executeBefore"`
	Inputs        []string       `json:"inputHoldingCids"`
	Meta          *wireMeta      `json:"meta"`
}

func (w *wireTransfer) transfer() (Transfer, error) {
	if w == nil {
		return Transfer{}, fmt.Errorf("%w: transfer is missing", ErrDecode)
	}

	if w.RequestedAt == nil || w.ExecuteBefore == nil {
		return Transfer{}, fmt.Errorf("%w: transfer lacks requestedAt or executeBefore", ErrDecode)
	}

	t := Transfer{RequestedAt: *w.RequestedAt, ExecuteBefore: *w.ExecuteBefore, Meta: w.Meta.metadata()}

	var err error
	if t.Sender, err = holder("sender", w.Sender); err != nil {
		return Transfer{}, err
	}

	if t.Receiver, err = holder("receiver", w.Receiver); err != nil {
		return Transfer{}, err
	}

	if t.Amount, err = positive(w.Amount); err != nil {
		return Transfer{}, err
	}

	if t.Inputs, err = contracts("input holdings", w.Inputs, maxInputs); err != nil {
		return Transfer{}, err
	}

	if t.Instrument, err = w.Instrument.instrument(); err != nil {
		return Transfer{}, err
	}

	return t, nil
}

// holder is the party behind one side of a transfer: a JSON string in V1, an account in V2, where it is empty
// for an account without an owner.
func holder(side string, raw strictjson.Raw) (ident.Party, error) {
	switch raw.Kind() {
	case '"':
		var text string
		if err := decode(side, raw, &text); err != nil {
			return "", err
		}

		return parseParty(side, text)
	case '{':
		var w wireAccount
		if err := decode(side, raw, &w); err != nil {
			return "", err
		}

		account, err := w.account()

		return account.Owner, err
	default:
		return "", fmt.Errorf("%w: %s is neither a party nor an account", ErrDecode, side)
	}
}

// DecodeTransferArgument reads the transfer out of the argument of TransferFactory_Transfer, V1 or V2.
func DecodeTransferArgument(argument strictjson.Raw) (Transfer, error) {
	var w struct {
		Transfer *wireTransfer `json:"transfer"`
	}
	if err := decode("transfer factory argument", argument, &w); err != nil {
		return Transfer{}, err
	}

	return w.Transfer.transfer()
}

// wireInstruction is the view of both versions: V1 has a status, V2 the actions that are available.
type wireInstruction struct {
	Original *string        `json:"originalInstructionCid"`
	Transfer *wireTransfer  `json:"transfer"`
	Status   *wireVariant   `json:"status"`
	Actions  strictjson.Raw `json:"availableActions"`
	Meta     *wireMeta      `json:"meta"`
}

type wireVariant struct {
	Tag   string         `json:"tag"`
	Value strictjson.Raw `json:"value"`
}

// DecodeInstruction reads the view of a TransferInstruction interface, V1 or V2. Errors wrap ErrDecode.
func DecodeInstruction(iface ident.Name, view strictjson.Raw) (Instruction, error) {
	var w wireInstruction
	if err := decode("transfer instruction view", view, &w); err != nil {
		return Instruction{}, err
	}

	original, err := optionalContract("original instruction", w.Original)
	if err != nil {
		return Instruction{}, err
	}

	i := Instruction{Original: original, Meta: w.Meta.metadata()}

	if i.Transfer, err = w.Transfer.transfer(); err != nil {
		return Instruction{}, err
	}

	switch {
	case iface.Is(TransferInstructionV1):
		i.AwaitsReceiver, err = w.awaitsReceiver()
	case iface.Is(TransferInstructionV2):
		i.AwaitsReceiver, err = mayAccept(w.Actions, i.Transfer.Receiver)
	default:
		err = fmt.Errorf("%w: %s is not a TransferInstruction interface", ErrDecode, iface)
	}

	if err != nil {
		return Instruction{}, err
	}

	return i, nil
}

func (w wireInstruction) awaitsReceiver() (bool, error) {
	if w.Status == nil {
		return false, fmt.Errorf("%w: instruction has no status", ErrDecode)
	}

	switch w.Status.Tag {
	case tagAwaitReceiver:
		return true, nil
	case tagAwaitInternal:
		return false, nil
	default:
		return false, fmt.Errorf("%w: unknown instruction status %s", ErrDecode, shown(w.Status.Tag))
	}
}

// mayAccept looks in V2's availableActions for an accept that the receiver can give alone. The map is an array
// of pairs. Released packages map an action to lists of parties; an older draft maps parties to actions: both are read.
func mayAccept(raw strictjson.Raw, receiver ident.Party) (bool, error) {
	if len(raw) == 0 || raw.Kind() == 'n' {
		return false, nil
	}

	var pairs [][]strictjson.Raw
	if err := decode("available actions", raw, &pairs); err != nil {
		return false, err
	}

	if len(pairs) > maxActions {
		return false, fmt.Errorf("%w: %d available actions, at most %d are read", ErrDecode, len(pairs), maxActions)
	}

	for _, pair := range pairs {
		if len(pair) != 2 {
			return false, fmt.Errorf("%w: available actions are not pairs", ErrDecode)
		}

		if isAccept(pair[0]) && hasAlone(pair[1], receiver) || isAlone(pair[0], receiver) && hasAccept(pair[1]) {
			return true, nil
		}
	}

	return false, nil
}

// isAccept knows the action as a variant and as a plain string.
func isAccept(raw strictjson.Raw) bool {
	var (
		text    string
		variant wireVariant
	)

	switch raw.Kind() {
	case '"':
		return strictjson.Decode(raw, &text) == nil && text == tagActionAccept
	case '{':
		return strictjson.Decode(raw, &variant) == nil && variant.Tag == tagActionAccept
	default:
		return false
	}
}

func isAlone(raw strictjson.Raw, party ident.Party) bool {
	var list []string

	return raw.Kind() == '[' && strictjson.Decode(raw, &list) == nil && len(list) == 1 && list[0] == string(party)
}

func hasAlone(raw strictjson.Raw, party ident.Party) bool {
	return anyOf(raw, func(element strictjson.Raw) bool { return isAlone(element, party) })
}

func hasAccept(raw strictjson.Raw) bool { return anyOf(raw, isAccept) }

func anyOf(raw strictjson.Raw, is func(strictjson.Raw) bool) bool {
	var list []strictjson.Raw

	return raw.Kind() == '[' && strictjson.Decode(raw, &list) == nil && slices.ContainsFunc(list, is)
}
