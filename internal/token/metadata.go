package token

import (
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
)

// Bounds on metadata. The standard has none and senders write it, so that too much of it must neither stop
// us nor fill our database: what is over the bound is left out, and stays readable in the raw update.
const (
	// MaxMetaEntries is how many entries are kept; of a larger map only the standard's own keys are.
	MaxMetaEntries = 256
	// MaxMetaValue is the longest text that is kept, in bytes. A longer memo counts as no memo: it is nobody's.
	MaxMetaValue = 64 << 10
	// maxMetaKey follows from the key's syntax in CIP-0056: a DNS name of at most 253 characters, a slash, a
	// name of at most 63.
	maxMetaKey = 253 + 1 + 63

	standardPrefix = "splice.lfdecentralizedtrust.org/"
)

// KeyWithdrawal is ours, in the syntax that CIP-0056 gives to keys: the id of the withdrawal that a transfer of the
// treasury pays. It is written where the reason is a memo of the receiver's own; otherwise the reason is the id.
const KeyWithdrawal = "canton-exchange.github.io/withdrawal-id"

type wireMeta struct {
	Values map[string]string `json:"values"`
}

// metadata applies the bounds. It is nil where nothing is left.
func (w *wireMeta) metadata() Metadata {
	if w == nil || len(w.Values) == 0 {
		return nil
	}

	tooMany := len(w.Values) > MaxMetaEntries
	for key, value := range w.Values {
		if len(key) > maxMetaKey || len(value) > MaxMetaValue || tooMany && !strings.HasPrefix(key, standardPrefix) {
			delete(w.Values, key)
		}
	}

	if len(w.Values) == 0 || len(w.Values) > MaxMetaEntries {
		return standardOnly(w.Values)
	}

	return w.Values
}

// standardOnly is the last resort for a map that has too many keys under the standard's own prefix.
func standardOnly(values map[string]string) Metadata {
	var kept Metadata

	for _, key := range []string{KeyReason, KeyTxKind, KeySender, KeyBurned} {
		if value, ok := values[key]; ok {
			if kept == nil {
				kept = make(Metadata)
			}

			kept[key] = value
		}
	}

	return kept
}

// Memo is the reason text exactly as it stands on the ledger, and nil where there is none. An empty text is
// not the same as none.
func (m Metadata) Memo() *string {
	memo, ok := m[KeyReason]
	if !ok {
		return nil
	}

	return &memo
}

// Withdrawal is the withdrawal's id exactly as it stands under KeyWithdrawal, and nil where there is none.
func (m Metadata) Withdrawal() *string {
	id, ok := m[KeyWithdrawal]
	if !ok {
		return nil
	}

	return &id
}

// TxKind is what the metadata of an exercise's result says the exercise did; empty if it does not say.
func (m Metadata) TxKind() TxKind { return TxKind(m[KeyTxKind]) }

// Sender is who the metadata of an exercise's result says has sent; empty if it does not say or is no party.
func (m Metadata) Sender() ident.Party {
	party, err := ident.ParseParty(m[KeySender])
	if err != nil {
		return ""
	}

	return party
}
