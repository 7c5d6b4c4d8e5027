package topology

import (
	"fmt"
	"maps"

	"github.com/canton-exchange/suite/internal/signing"
)

// Transaction is one topology transaction as a client hands it in.
type Transaction struct {
	// Raw is the serialized transaction.
	Raw []byte
	// Signatures are over this transaction's own hash; there are none if the multi-hash is signed instead.
	Signatures []signing.Signature
}

// Verify reads an onboarding and checks that it is authorized: the namespace's key signed every transaction, and every
// key that is registered signed the transaction that registers it, either by itself or through the multi-hash of
// exactly these transactions. All 34 bytes of a hash are signed. A signature that does not hold is an error even if
// others would do.
func Verify(transactions []Transaction, multiHash []signing.Signature) (Onboarding, error) {
	raw := make([][]byte, 0, len(transactions))
	for _, t := range transactions {
		raw = append(raw, t.Raw)
	}

	o, err := Read(raw)
	if err != nil {
		return Onboarding{}, err
	}

	keys := map[signing.Fingerprint]signing.PublicKey{o.namespace.Fingerprint(): o.namespace}
	for _, key := range o.Keys.Keys {
		keys[key.Fingerprint()] = key
	}

	overall := signers{}
	if err := overall.add(keys, o.MultiHash, multiHash); err != nil {
		return Onboarding{}, fmt.Errorf("multi-hash: %w", err)
	}

	for i, t := range transactions {
		signed := maps.Clone(overall)
		if err := signed.add(keys, signing.TopologyTransactionHash(t.Raw), t.Signatures); err != nil {
			return Onboarding{}, fmt.Errorf("transaction %d: %w", i, err)
		}

		if err := o.authorized(i, signed); err != nil {
			return Onboarding{}, err
		}
	}

	return o, nil
}

// authorized checks that everybody whose consent a transaction needs has signed it.
func (o Onboarding) authorized(transaction int, signed signers) error {
	needed := []signing.PublicKey{o.namespace}
	if transaction == o.registers {
		needed = append(needed, o.Keys.Keys...)
	}

	for _, key := range needed {
		if !signed[key.Fingerprint()] {
			return fmt.Errorf("%w: transaction %d is not signed by %s", ErrUnauthorized, transaction, key.Fingerprint())
		}
	}

	return nil
}

// signers are the keys that signed something.
type signers map[signing.Fingerprint]bool

// add checks signatures over a hash. Each must be one of a key that has a say, and hold.
func (s signers) add(
	keys map[signing.Fingerprint]signing.PublicKey, hash signing.TopologyHash, signatures []signing.Signature,
) error {
	if len(signatures) > MaxSignatures {
		return fmt.Errorf("%w: %d signatures, at most %d are taken", ErrInvalid, len(signatures), MaxSignatures)
	}

	for _, signature := range signatures {
		key, ok := keys[signature.SignedBy]
		if !ok {
			return fmt.Errorf("%w: %w: %.80q is no key of this onboarding",
				ErrUnauthorized, signing.ErrWrongKey, signature.SignedBy)
		}

		if err := signing.Verify(key, hash, signature); err != nil {
			return fmt.Errorf("%w: %w", ErrUnauthorized, err)
		}

		s[signature.SignedBy] = true
	}

	return nil
}
