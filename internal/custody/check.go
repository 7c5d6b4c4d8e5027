package custody

import (
	"encoding/base64"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/signing"
)

// Check decodes what the node wants signed, computes its hash, and compares all of it with what was asked for.
func Check(answer ledger.Prepared, want intent.Request) (signing.Hash, error) {
	prepared, err := signing.Decode(answer.Transaction)
	if err != nil {
		return signing.Hash{}, fmt.Errorf("read what the node prepared: %w", err)
	}

	if err := intent.Check(prepared, want); err != nil {
		return signing.Hash{}, fmt.Errorf("%w; it says: %s", err, intent.Describe(prepared))
	}

	hash, err := prepared.Hash(answer.Scheme)
	if err != nil {
		return signing.Hash{}, fmt.Errorf("hash what the node prepared: %w", err)
	}

	if hash != answer.Hash {
		return signing.Hash{}, fmt.Errorf("%w: its hash is %s, the node says %s", intent.ErrMismatch, hash, answer.Hash)
	}

	return hash, nil
}

// Disclosed is what a registry disclosed, as the ledger takes it.
func Disclosed(list []registry.DisclosedContract, synchronizer ident.SynchronizerID) []ledger.DisclosedContract {
	out := make([]ledger.DisclosedContract, 0, len(list))

	for _, c := range list {
		blob, err := base64.StdEncoding.DecodeString(c.Blob)
		if err != nil {
			continue // the registry client has decoded it before
		}

		at := c.Synchronizer
		if at == "" {
			at = synchronizer
		}

		out = append(out, ledger.DisclosedContract{
			Template: c.Template, Contract: c.Contract, EventBlob: blob, Synchronizer: at,
		})
	}

	return out
}
