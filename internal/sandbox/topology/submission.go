package topology

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/signing"
)

// KeySet is the keys that a party registered for its submissions, and how many of them must sign each.
type KeySet struct {
	Keys      []signing.PublicKey
	Threshold uint32
}

// Key is the registered key with this fingerprint.
func (k KeySet) Key(fingerprint signing.Fingerprint) (signing.PublicKey, bool) {
	for _, key := range k.Keys {
		if key.Fingerprint() == fingerprint {
			return key, true
		}
	}

	return signing.PublicKey{}, false
}

// CheckSubmission checks a party's signatures over the hash of a prepared transaction: as many of the registered keys
// as the threshold asks for must have signed its 32 bytes. A second signature by the same key counts for nothing, and
// one that does not hold, or is of another key, does no harm.
func CheckSubmission(hash signing.Hash, keys KeySet, signatures []signing.Signature) error {
	if len(signatures) > MaxSignatures {
		return fmt.Errorf("%w: %d signatures of one party, at most %d are taken",
			ErrExternalSignature, len(signatures), MaxSignatures)
	}

	if keys.Threshold < 1 {
		return fmt.Errorf("%w: the party has no keys", ErrExternalSignature)
	}

	signed := make(map[signing.Fingerprint]bool, len(signatures))

	var fault error

	for _, signature := range signatures {
		key, ok := keys.Key(signature.SignedBy)
		if !ok {
			fault = fmt.Errorf("%w: %.80q is not registered", signing.ErrWrongKey, signature.SignedBy)

			continue
		}

		if err := signing.Verify(key, hash, signature); err != nil {
			fault = err

			continue
		}

		signed[signature.SignedBy] = true
	}

	switch {
	case uint64(len(signed)) >= uint64(keys.Threshold):
		return nil
	case fault != nil:
		return fmt.Errorf("%w: %d of %d needed keys signed: %w", ErrExternalSignature, len(signed), keys.Threshold, fault)
	default:
		return fmt.Errorf("%w: %d of %d needed keys signed", ErrExternalSignature, len(signed), keys.Threshold)
	}
}
