package token

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

var (
	// ErrDecode is wrapped by every error about a value that is not what the standard says it should be.
	ErrDecode = errors.New("not a value of the token standard")
	// ErrInstrument is wrapped as well where just the instrument's identity is unacceptable. No such token can
	// ever be listed, so that a caller may set the value aside instead of stopping.
	ErrInstrument = errors.New("instrument that no list can hold")
)

// Bounds on lists that others write. A node that exceeds them lies or is broken.
const (
	maxHolders = 1000
	maxInputs  = 10_000
	maxActions = 1000
	maxLegs    = 10_000
	maxChanged = 100_000
)

// Account is who holds, in V2: a party, perhaps with a provider and a number. Owner is empty for the special
// accounts of an instrument's admin.
type Account struct {
	Owner    ident.Party
	Provider ident.Party
	ID       string
}

type wireInstrument struct {
	Admin string `json:"admin"`
	ID    string `json:"id"`
}

func (w wireInstrument) instrument() (ident.Instrument, error) {
	instrument, err := ident.ParseInstrument(w.Admin, w.ID)
	if err != nil {
		return ident.Instrument{}, fmt.Errorf("%w: %w: %w", ErrDecode, ErrInstrument, err)
	}

	return instrument, nil
}

type wireAccount struct {
	Owner    *string `json:"owner"`
	Provider *string `json:"provider"`
	ID       string  `json:"id"`
}

func (w *wireAccount) account() (Account, error) {
	if w == nil {
		return Account{}, fmt.Errorf("%w: account is missing", ErrDecode)
	}

	a := Account{ID: w.ID}

	for _, side := range []struct {
		text  *string
		party *ident.Party
	}{{w.Owner, &a.Owner}, {w.Provider, &a.Provider}} {
		if side.text == nil {
			continue
		}

		var err error
		if *side.party, err = parseParty("account", *side.text); err != nil {
			return Account{}, err
		}
	}

	return a, nil
}

func parseParty(what, text string) (ident.Party, error) {
	party, err := ident.ParseParty(text)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrDecode, what, err)
	}

	return party, nil
}

// notNegative reads an amount that must be there.
func notNegative(a *amount.Amount) (amount.Amount, error) {
	if a == nil {
		return amount.Zero(), fmt.Errorf("%w: amount is missing", ErrDecode)
	}

	if a.Sign() < 0 {
		return amount.Zero(), fmt.Errorf("%w: amount %s is negative", ErrDecode, *a)
	}

	return *a, nil
}

func positive(a *amount.Amount) (amount.Amount, error) {
	value, err := notNegative(a)
	if err != nil {
		return value, err
	}

	if value.IsZero() {
		return value, fmt.Errorf("%w: amount is zero", ErrDecode)
	}

	return value, nil
}

func contracts(what string, list []string, most int) ([]ident.ContractID, error) {
	if len(list) > most {
		return nil, fmt.Errorf("%w: %d %s, at most %d are read", ErrDecode, len(list), what, most)
	}

	out := make([]ident.ContractID, len(list))

	for i, text := range list {
		id, err := ident.ParseContractID(text)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrDecode, what, err)
		}

		out[i] = id
	}

	return out, nil
}

func optionalContract(what string, text *string) (ident.ContractID, error) {
	if text == nil {
		return "", nil
	}

	id, err := ident.ParseContractID(*text)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrDecode, what, err)
	}

	return id, nil
}

// wireRelTime is a Daml RelTime, {"microseconds":"<int>"}.
type wireRelTime struct {
	Microseconds strictjson.Raw `json:"microseconds"`
}

// duration reads a RelTime. What a Duration cannot hold (292 years) becomes the longest that it can.
func (w *wireRelTime) duration() (*time.Duration, error) {
	if w == nil {
		return nil, nil //nolint:nilnil // an absent optional
	}

	micros, err := strconv.ParseInt(strings.Trim(string(w.Microseconds), `"`), 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%w: relative time %.40q is not a number of microseconds", ErrDecode, w.Microseconds)
	}

	const most = math.MaxInt64 / int64(time.Microsecond)

	d := time.Duration(max(min(micros, most), -most)) * time.Microsecond

	return &d, nil
}

func decode(what string, raw strictjson.Raw, v any) error {
	if len(raw) == 0 {
		return fmt.Errorf("%w: %s is missing", ErrDecode, what)
	}

	if err := strictjson.Decode(raw, v); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDecode, what, err)
	}

	return nil
}

// shown keeps a stranger's text from flooding an error.
func shown(text string) string { return fmt.Sprintf("%.60q", text) }
