package registry

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// AmuletContext is what those choices of Canton Coin need that the token standard does not have, such as the renewal of
// a preapproval: the DSO's rules, and a mining round that is open. A round is good for ten to twenty minutes.
type AmuletContext struct {
	Rules, Round DisclosedContract
}

// Paths of a validator's scan-proxy. Scan itself has none that say the same.
const (
	pathAmuletRules = "/amulet-rules"
	pathRounds      = "/open-and-issuing-mining-rounds"
)

// maxOpenRounds is many times what is open at once: three.
const maxOpenRounds = 100

// AmuletContext asks the DSO's endpoints for it. Only those answer that are a validator's scan-proxy
// (…/api/validator/v0/scan-proxy).
func (c *Client) AmuletContext(ctx context.Context, dso ident.Party) (AmuletContext, error) {
	const opRules, opRounds = "get amulet rules", "get open mining rounds"

	r, err := c.registrar(opRules, dso)
	if err != nil {
		return AmuletContext{}, err
	}

	var out AmuletContext

	q := question{op: opRules, method: http.MethodGet, path: pathAmuletRules, ofProxy: true}
	if out.Rules, err = ask(ctx, r, q, decodeRules); err != nil {
		return AmuletContext{}, err
	}

	q = question{op: opRounds, method: http.MethodGet, path: pathRounds, ofProxy: true}
	out.Round, err = ask(ctx, r, q, func(raw []byte) (DisclosedContract, error) {
		return decodeRounds(raw, r.clock.Now())
	})

	return out, err
}

// wireScanned is a contract as scan shows it.
type wireScanned struct {
	Contract struct {
		Template string         `json:"template_id"`
		ID       string         `json:"contract_id"`
		Payload  strictjson.Raw `json:"payload"`
		Blob     string         `json:"created_event_blob"`
	} `json:"contract"`
	Synchronizer *string `json:"domain_id"`
}

func (w wireScanned) disclosed(module, entity string) (DisclosedContract, error) {
	template, err := strictjson.Encode(w.Contract.Template)
	if err != nil {
		return DisclosedContract{}, fmt.Errorf("template id: %w", err)
	}

	d, err := wireDisclosed{
		Template: template, Contract: w.Contract.ID, Blob: w.Contract.Blob, Synchronizer: w.Synchronizer,
	}.contract()
	if err == nil && (d.Template.Module != module || d.Template.Entity != entity) {
		err = fmt.Errorf("a contract of %s:%s where one of %s:%s was asked for",
			d.Template.Module, d.Template.Entity, module, entity)
	}

	return d, err
}

func decodeRules(raw []byte) (DisclosedContract, error) {
	var w struct {
		Rules *wireScanned `json:"amulet_rules"`
	}
	if err := decode(raw, &w); err != nil {
		return DisclosedContract{}, err
	}

	if w.Rules == nil {
		return DisclosedContract{}, errors.New("amulet_rules is missing")
	}

	return w.Rules.disclosed("Splice.AmuletRules", "AmuletRules")
}

// decodeRounds gives the round that opened last. Some are told before they open.
func decodeRounds(raw []byte, at time.Time) (DisclosedContract, error) {
	var w struct {
		Open *[]wireScanned `json:"open_mining_rounds"`
	}
	if err := decode(raw, &w); err != nil {
		return DisclosedContract{}, err
	}

	if w.Open == nil || len(*w.Open) > maxOpenRounds {
		return DisclosedContract{}, errors.New("open_mining_rounds is missing, or of more rounds than there can be")
	}

	var (
		last   *wireScanned
		opened time.Time
	)

	for i, round := range *w.Open {
		var says struct {
			Opens time.Time `json:"opensAt"`
		}
		if err := strictjson.Decode(round.Contract.Payload, &says); err != nil {
			return DisclosedContract{}, fmt.Errorf("open mining round %d: %w", i, err)
		}

		if !says.Opens.After(at) && (last == nil || says.Opens.After(opened)) {
			last, opened = &(*w.Open)[i], says.Opens
		}
	}

	if last == nil {
		return DisclosedContract{}, fmt.Errorf("none of %d mining rounds is open at %s", len(*w.Open), stamp(at))
	}

	return last.disclosed("Splice.Round", "OpenMiningRound")
}
