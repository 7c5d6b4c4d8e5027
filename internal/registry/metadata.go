package registry

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Info is what a registry says about itself.
type Info struct {
	Admin ident.Party
	// APIs maps what the registry serves for all tokens to minor versions, such as splice-api-token-metadata-v1 to 1.
	APIs map[string]int
}

// Instrument is a token as its registry describes it.
type Instrument struct {
	Instrument ident.Instrument
	// Name and Symbol are a stranger's words for people, bounded and without control characters. Anybody can take any.
	Name, Symbol string
	// Decimals is how many decimals an amount that people type may have, 0 to 10. The ledger keeps 10 of any token.
	Decimals int32
	// Paused is a token that does not move now. PauseReason is a stranger's words, PausedUntil zero if not known.
	Paused      bool
	PauseReason string
	PausedUntil time.Time
	// APIs maps what is served for this token to minor versions.
	APIs map[string]int
}

// Bounds on metadata.
const (
	maxAPIs      = 200
	maxLabel     = 255
	maxPageToken = 1000
	maxPage      = 10_000
)

func decodeInfo(raw []byte, admin ident.Party) (Info, error) {
	var w struct {
		Admin string         `json:"adminId"`
		APIs  map[string]int `json:"supportedApis"`
	}
	if err := decode(raw, &w); err != nil {
		return Info{}, err
	}

	if w.Admin != string(admin) {
		return Info{}, fmt.Errorf("it is the registry of %.80q", w.Admin)
	}

	apis, err := bounded(w.APIs)

	return Info{Admin: admin, APIs: apis}, err
}

func bounded(apis map[string]int) (map[string]int, error) {
	if len(apis) > maxAPIs {
		return nil, fmt.Errorf("%d supported APIs, at most %d are taken", len(apis), maxAPIs)
	}

	for name := range apis {
		if len(name) > maxLabel {
			return nil, fmt.Errorf("the name of a supported API has %d bytes", len(name))
		}
	}

	return apis, nil
}

type wireInstrument struct {
	ID       string         `json:"id"`
	Name     string         `json:"name"`
	Symbol   string         `json:"symbol"`
	Decimals *int32         `json:"decimals"`
	APIs     map[string]int `json:"supportedApis"`
	Paused   bool           `json:"paused"`
	Pause    struct {
		Reason string    `json:"reason"`
		Until  time.Time `json:"until"`
	} `json:"pauseInfo"`
}

// decodeInstrument reads the answer to a question about one token.
func decodeInstrument(raw []byte, asked ident.Instrument) (Instrument, error) {
	var w wireInstrument
	if err := decode(raw, &w); err != nil {
		return Instrument{}, err
	}

	if w.ID != asked.ID {
		return Instrument{}, fmt.Errorf("it tells about instrument %.80q", w.ID)
	}

	return w.instrument(asked.Admin)
}

func (w wireInstrument) instrument(admin ident.Party) (Instrument, error) {
	id, err := ident.ParseInstrument(string(admin), w.ID)
	if err != nil {
		return Instrument{}, err
	}

	out := Instrument{
		Instrument: id, Name: label(w.Name), Symbol: label(w.Symbol), Decimals: amount.Scale,
		Paused: w.Paused, PauseReason: label(w.Pause.Reason), PausedUntil: w.Pause.Until,
	}

	if w.Decimals != nil {
		out.Decimals = *w.Decimals
	}

	if out.Decimals < 0 || out.Decimals > amount.Scale {
		return Instrument{}, fmt.Errorf("%d decimals: want 0 to %d", out.Decimals, amount.Scale)
	}

	out.APIs, err = bounded(w.APIs)

	return out, err
}

// page is a part of the list of instruments. Next asks for the following one; empty at the end.
type page struct {
	instruments []Instrument
	next        string
}

func decodePage(raw []byte, admin ident.Party) (page, error) {
	var w struct {
		Instruments []wireInstrument `json:"instruments"`
		Next        string           `json:"nextPageToken"`
	}
	if err := decode(raw, &w); err != nil {
		return page{}, err
	}

	if len(w.Instruments) > maxPage || len(w.Next) > maxPageToken {
		return page{}, fmt.Errorf("a page of %d instruments with a token of %d bytes", len(w.Instruments), len(w.Next))
	}

	out := page{next: w.Next}

	for _, each := range w.Instruments {
		i, err := each.instrument(admin)
		if err != nil {
			return page{}, err
		}

		out.instruments = append(out.instruments, i)
	}

	return out, nil
}

// label makes a stranger's words fit for one line.
func label(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return -1
		}

		return r
	}, text)

	if len(text) > maxLabel {
		text = strings.ToValidUTF8(text[:maxLabel], "")
	}

	return text
}
