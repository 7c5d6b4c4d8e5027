package intake

import (
	"context"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/screening"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

// Node is what the acceptance of offers needs of a validator node.
type Node interface {
	Version(ctx context.Context) (ledger.Version, error)
	EventsByContractID(ctx context.Context, party ident.Party, contract ident.ContractID) (ledger.ContractEvents, error)
	Prepare(ctx context.Context, r ledger.PrepareRequest) (ledger.Prepared, error)
	Execute(ctx context.Context, r ledger.ExecuteRequest) error
}

// Registries are the tokens' registries.
type Registries interface {
	AcceptContext(
		ctx context.Context, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
	) (registry.Context, error)
	RejectContext(
		ctx context.Context, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
	) (registry.Context, error)
}

// Screening is the exchange's service that says whether money may be taken.
type Screening interface {
	Ask(ctx context.Context, q screening.Question) (screening.Answer, error)
}

// Signer signs for the treasury.
type Signer interface {
	Sign(ctx context.Context, what signing.Signable) (signing.Signature, error)
}
