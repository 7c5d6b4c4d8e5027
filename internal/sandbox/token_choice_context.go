package sandbox

import (
	"encoding/json"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
)

// Keys of choice contexts: those of the recorded generation of Canton Coin, those of the current one (CIP-0107), and
// those of the sandbox's own registry. To clients they are opaque.
const (
	contextRules      = "amulet-rules"
	contextRound      = "open-round"
	contextConfig     = "external-party-config-state"
	contextExpireLock = "expire-lock"

	contextPreapproval = "transfer-preapproval"

	contextSenderPermit   = "acme-token/sender-permission"
	contextReceiverPermit = "acme-token/receiver-permission"
)

// choiceContext is the registry's part of a choice's arguments, as the client passed it on.
type choiceContext map[string]struct {
	Tag   string          `json:"tag"`
	Value json.RawMessage `json:"value"`
}

// givenArgs is the standard's ExtraArgs as a client gives it.
type givenArgs struct {
	Context struct {
		Values choiceContext `json:"values"`
	} `json:"context"`
	Meta metadata `json:"meta"`
}

// contract is the active contract that a key names; nil when the key is not there. The transaction depends on it once
// it is fetched or exercised, not before.
func (c choiceContext) contract(t *transaction, key string) (*contract, error) {
	entry, ok := c[key]
	if !ok {
		return nil, nil //nolint:nilnil // most keys are optional
	}

	var id ident.ContractID
	if err := unmarshal(entry.Value, &id); err != nil || entry.Tag != "AV_ContractId" {
		return nil, fmt.Errorf("%w: context entry %s is no contract id", ErrInvalid, key)
	}

	found := t.s.contracts[id]
	if err := t.sees(found); err != nil {
		return nil, fmt.Errorf("context entry %s: %w", key, err)
	}

	return found, nil
}

// needed is the active contract that a key names, which must be there.
func (c choiceContext) needed(t *transaction, key string) (*contract, error) {
	found, err := c.contract(t, key)
	if err == nil && found == nil {
		err = fmt.Errorf("%w: Missing context entry for: %s", ErrInvalid, key)
	}

	return found, err
}

// goBy makes the transaction use the figures that the context names instead of the newest ones.
func (t *transaction) goBy(context choiceContext) error {
	if t.s.cfg.Shape == ShapeRecorded {
		rules, err := context.needed(t, contextRules)
		if err != nil {
			return err
		}

		if rules != t.s.amulet.rules {
			return fmt.Errorf("%w: context entry %s is no AmuletRules", ErrInvalid, contextRules)
		}

		t.round, err = context.needed(t, contextRound)
		if err == nil && (eraOf(t.round) == nil || t.round.template.Module != modRound) {
			err = fmt.Errorf("%w: context entry %s is no OpenMiningRound", ErrInvalid, contextRound)
		}

		return err
	}

	config, err := context.needed(t, contextConfig)
	if err != nil {
		return err
	}

	if eraOf(config) == nil || config.template.Module != modExternalCfg {
		return fmt.Errorf("%w: context entry %s is no ExternalPartyConfigState", ErrInvalid, contextConfig)
	}

	t.config = config

	return nil
}
