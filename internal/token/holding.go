package token

import (
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// wireHolding is the view of both versions: V1 has an owner, V2 an account.
type wireHolding struct {
	Owner      *string        `json:"owner"`
	Account    *wireAccount   `json:"account"`
	Instrument wireInstrument `json:"instrumentId"`
	Amount     *amount.Amount `json:"amount"`
	Lock       *wireLock      `json:"lock"`
	Meta       *wireMeta      `json:"meta"`
}

type wireLock struct {
	Holders      []string     `json:"holders"`
	ExpiresAt    *time.Time   `json:"expiresAt"`
	ExpiresAfter *wireRelTime `json:"expiresAfter"`
	Context      string       `json:"context"`
}

// DecodeHolding reads the view of a Holding interface, HoldingV1 or HoldingV2. The owner is empty for a V2
// holding in an account that has none. Errors wrap ErrDecode.
func DecodeHolding(iface ident.Name, view strictjson.Raw) (Holding, error) {
	var w wireHolding
	if err := decode("holding view", view, &w); err != nil {
		return Holding{}, err
	}

	owner, err := w.owner(iface)
	if err != nil {
		return Holding{}, err
	}

	h := Holding{Owner: owner, Meta: w.Meta.metadata()}

	if h.Amount, err = notNegative(w.Amount); err != nil {
		return Holding{}, err
	}

	if h.Lock, err = w.Lock.lock(); err != nil {
		return Holding{}, err
	}

	if h.Instrument, err = w.Instrument.instrument(); err != nil {
		return Holding{}, err
	}

	return h, nil
}

// HoldingOwner reads whose holding a view is, also of one that DecodeHolding refuses; false if not even that can be
// read.
func HoldingOwner(iface ident.Name, view strictjson.Raw) (ident.Party, bool) {
	var w struct {
		Owner   *string      `json:"owner"`
		Account *wireAccount `json:"account"`
	}
	if decode("holding view", view, &w) != nil {
		return "", false
	}

	owner, err := wireHolding{Owner: w.Owner, Account: w.Account}.owner(iface)

	return owner, err == nil
}

func (w wireHolding) owner(iface ident.Name) (ident.Party, error) {
	switch {
	case iface.Is(HoldingV1) && w.Owner != nil:
		return parseParty("owner", *w.Owner)
	case iface.Is(HoldingV1):
		return "", fmt.Errorf("%w: holding has no owner", ErrDecode)
	case iface.Is(HoldingV2):
		account, err := w.Account.account()

		return account.Owner, err
	default:
		return "", fmt.Errorf("%w: %s is not a Holding interface", ErrDecode, iface)
	}
}

func (w *wireLock) lock() (*Lock, error) {
	if w == nil {
		return nil, nil //nolint:nilnil // an absent optional
	}

	if len(w.Holders) > maxHolders {
		return nil, fmt.Errorf("%w: lock has %d holders, at most %d are read", ErrDecode, len(w.Holders), maxHolders)
	}

	after, err := w.ExpiresAfter.duration()
	if err != nil {
		return nil, err
	}

	lock := Lock{ExpiresAt: w.ExpiresAt, ExpiresAfter: after, Holders: make([]ident.Party, len(w.Holders))}

	for i, text := range w.Holders {
		if lock.Holders[i], err = parseParty("lock holder", text); err != nil {
			return nil, err
		}
	}

	if len(w.Context) <= MaxMetaValue {
		lock.Context = w.Context
	}

	return &lock, nil
}
