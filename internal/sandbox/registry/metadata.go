package registry

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

const (
	// pageSize is the published default.
	pageSize = 25
	// maxPageSize bounds an answer; a client that asks for more gets this many and a token for the rest.
	maxPageSize = 1000
)

// supported maps the APIs of the standard to the minor version that is served.
type supported map[string]int

// The published document tells registry-wide APIs apart from those of an instrument.
func registryAPIs() supported { return supported{"splice-api-token-metadata-v1": 1} }

func instrumentAPIs() supported {
	return supported{
		"splice-api-token-metadata-v1": 1, "splice-api-token-holding-v1": 1,
		"splice-api-token-transfer-instruction-v1": 1,
		"splice-api-token-allocation-v1":           1, "splice-api-token-allocation-instruction-v1": 1,
	}
}

func (a *api) getInfo(r *http.Request) (any, error) {
	admin, err := a.admin(r)
	if err != nil {
		return nil, err
	}

	// Whether the admin runs a registry at all is known by its tokens.
	if _, err := a.ledger.Instruments(admin); err != nil {
		return nil, fmt.Errorf("registry of %s: %w", admin, err)
	}

	return struct {
		Admin     ident.Party `json:"adminId"`
		Supported supported   `json:"supportedApis"`
	}{admin, registryAPIs()}, nil
}

// instrumentShown is the standard's Instrument. Members about a pause are of a later version of the document, where
// their absence means that the token moves.
type instrumentShown struct {
	ID         string         `json:"id"`
	Name       string         `json:"name"`
	Symbol     string         `json:"symbol"`
	Supply     *amount.Amount `json:"totalSupply,omitzero"`
	SupplyAsOf string         `json:"totalSupplyAsOf,omitzero"`
	Decimals   int            `json:"decimals"`
	Supported  supported      `json:"supportedApis"`
	Paused     bool           `json:"paused,omitzero"`
	Pause      *pauseShown    `json:"pauseInfo,omitzero"`
}

type pauseShown struct {
	Reason string `json:"reason,omitzero"`
	Until  string `json:"until,omitzero"`
}

func showInstrument(i Instrument) instrumentShown {
	shown := instrumentShown{
		ID: i.ID, Name: i.Name, Symbol: i.Symbol, Decimals: i.Decimals, Supported: instrumentAPIs(),
	}

	if !i.SupplyAsOf.IsZero() {
		shown.Supply, shown.SupplyAsOf = &i.Supply, offledger.Stamp(i.SupplyAsOf)
	}

	if i.Pause != nil {
		shown.Paused, shown.Pause = true, &pauseShown{Reason: i.Pause.Reason}
		if !i.Pause.Until.IsZero() {
			shown.Pause.Until = offledger.Stamp(i.Pause.Until)
		}
	}

	return shown
}

// instruments are the admin's tokens, ordered by id.
func (a *api) instruments(r *http.Request) ([]Instrument, error) {
	admin, err := a.admin(r)
	if err != nil {
		return nil, err
	}

	all, err := a.ledger.Instruments(admin)
	if err != nil {
		return nil, fmt.Errorf("instruments of %s: %w", admin, err)
	}

	return slices.SortedFunc(slices.Values(all), func(a, b Instrument) int { return cmp.Compare(a.ID, b.ID) }), nil
}

// listInstruments pages by the last id shown, so that a token which appears between two pages shifts nothing.
func (a *api) listInstruments(r *http.Request) (any, error) {
	size, err := pageSizeOf(r.URL.Query().Get("pageSize"))
	if err != nil {
		return nil, err
	}

	all, err := a.instruments(r)
	if err != nil {
		return nil, err
	}

	if after := r.URL.Query().Get("pageToken"); after != "" {
		first := slices.IndexFunc(all, func(i Instrument) bool { return i.ID > after })
		if first < 0 {
			first = len(all)
		}

		all = all[first:]
	}

	answer := struct {
		Instruments []instrumentShown `json:"instruments"`
		Next        string            `json:"nextPageToken,omitzero"`
	}{Instruments: []instrumentShown{}}

	if len(all) > size {
		all = all[:size]
		answer.Next = all[size-1].ID
	}

	for _, i := range all {
		answer.Instruments = append(answer.Instruments, showInstrument(i))
	}

	return answer, nil
}

func pageSizeOf(text string) (int, error) {
	if text == "" {
		return pageSize, nil
	}

	size, err := strconv.ParseInt(text, 10, 32)
	if err != nil || size < 1 {
		return 0, fmt.Errorf("%w: pageSize %.20q: want a number from 1", offledger.ErrInvalid, text)
	}

	return int(min(size, maxPageSize)), nil
}

func (a *api) getInstrument(r *http.Request) (any, error) {
	id, err := offledger.PathText(r, "instrument")
	if err != nil {
		return nil, err
	}

	all, err := a.instruments(r)
	if err != nil {
		return nil, err
	}

	for _, i := range all {
		if i.ID == id {
			return showInstrument(i), nil
		}
	}

	return nil, offledger.Errorf(offledger.ErrUnknown, "No instrument with id %.255q is known here", id)
}
