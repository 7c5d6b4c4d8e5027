package scan

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// withState is the published ContractWithState.
type withState struct {
	Contract offledger.Scanned    `json:"contract"`
	Domain   ident.SynchronizerID `json:"domain_id,omitzero"`
}

func stateOf(c Contract) withState {
	return withState{Contract: offledger.Scan(c), Domain: c.SynchronizerID}
}

func statesOf(contracts []Contract) []withState {
	shown := make([]withState, 0, len(contracts))
	for _, c := range contracts {
		shown = append(shown, stateOf(c))
	}

	return shown
}

// cached is the published MaybeCachedContractWithState: without the contract if the client has it already, with
// neither if there is none.
type cached struct {
	Contract *offledger.Scanned   `json:"contract,omitzero"`
	Domain   ident.SynchronizerID `json:"domain_id,omitzero"`
}

func cachedOf(c Contract, known bool) cached {
	if c.ContractID == "" {
		return cached{}
	}

	if known {
		return cached{Domain: c.SynchronizerID}
	}

	shown := offledger.Scan(c)

	return cached{Contract: &shown, Domain: c.SynchronizerID}
}
