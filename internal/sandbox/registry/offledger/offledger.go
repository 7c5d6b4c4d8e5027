// Package offledger is what the HTTP beside a validator node's ledger API has in common: the registries of tokens,
// the validator's own API and scan. They name the same refusals, show contracts that a client discloses to its
// node, and answer errors as {"error": text}.
package offledger

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// The refusals that have a status of their own. What wraps none of them is answered as an internal error.
var (
	// ErrInvalid is a request that cannot be meant: 400.
	ErrInvalid = errors.New("invalid request")
	// ErrUnknown is something that is not there, or no more: 404.
	ErrUnknown = errors.New("not found")
	// ErrConflict is a contract that is on its way to another synchronizer: 409. The same request may be good later.
	ErrConflict = errors.New("conflict")
	// ErrUnavailable is a service that is down for now: 503.
	ErrUnavailable = errors.New("unavailable")
)

// Contract is an active contract with all that another node needs to use it without being its stakeholder.
type Contract struct {
	// TemplateID is the template with the package hash, as the node writes it.
	TemplateID  ident.Name
	PackageName string
	ContractID  ident.ContractID
	// Payload is the create argument, an object; none counts as the empty one.
	Payload json.RawMessage
	// Blob is the created event blob, not yet in base64.
	Blob           []byte
	SynchronizerID ident.SynchronizerID
	CreatedAt      time.Time
}
