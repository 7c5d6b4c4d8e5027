// Package ident gives every identifier of the ledger its own type, so that a party can never be passed
// where a contract id is meant, and so that each identifier is checked once, where it enters.
package ident

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds on what strangers can make us store. Canton's own limits are lower or equal where they are known
// (a party hint has at most 185 characters and its fingerprint 68, a fully suffixed contract id 138 hex
// characters).
const (
	maxParty      = 255
	maxContract   = 512
	maxUpdate     = 255
	maxName       = 1000
	maxInstrument = 255
)

// ErrInvalid is wrapped by every error of this package.
var ErrInvalid = errors.New("invalid identifier")

type (
	// Party is a party id, name::fingerprint.
	Party string
	// ContractID is a contract id, opaque.
	ContractID string
	// UpdateID names one update on the whole network; the same on every validator node.
	UpdateID string
	// SynchronizerID is a logical synchronizer id, name::fingerprint.
	SynchronizerID string
	// ParticipantID names a validator node.
	ParticipantID string
	// Offset is a position in one validator node's stream. It means nothing on another node.
	Offset int64
	// NodeID numbers the events of one transaction in pre-order, with gaps where we may not look.
	NodeID int32
)

// Begin is the offset before the first update of a node.
const Begin Offset = 0

// ParseParty checks the outer form of a party id: name::fingerprint, printable ASCII, bounded.
func ParseParty(text string) (Party, error) {
	name, fingerprint, ok := strings.Cut(text, "::")
	if !ok || name == "" || fingerprint == "" || len(text) > maxParty || !printable(text) {
		return "", invalid("party", text, "want name::fingerprint")
	}

	return Party(text), nil
}

// ParseContractID checks that a contract id is not empty, bounded and printable.
func ParseContractID(text string) (ContractID, error) {
	if text == "" || len(text) > maxContract || !printable(text) {
		return "", invalid("contract id", text, "want 1 to 512 printable characters")
	}

	return ContractID(text), nil
}

// ParseUpdateID checks that an update id is not empty, bounded and printable.
func ParseUpdateID(text string) (UpdateID, error) {
	if text == "" || len(text) > maxUpdate || !printable(text) {
		return "", invalid("update id", text, "want 1 to 255 printable characters")
	}

	return UpdateID(text), nil
}

// ParseSynchronizerID checks that a synchronizer id is not empty, bounded and printable.
func ParseSynchronizerID(text string) (SynchronizerID, error) {
	if text == "" || len(text) > maxParty || !printable(text) {
		return "", invalid("synchronizer id", text, "want name::fingerprint")
	}

	return SynchronizerID(text), nil
}

// Instrument is a token's identity: the id alone says nothing, because anybody can issue another "Amulet"
// under another admin.
type Instrument struct {
	Admin Party
	ID    string
}

// ParseInstrument checks both halves of a token's identity. The id is a stranger's text: it is bounded and
// must not hold control characters, but may be any other Unicode.
func ParseInstrument(admin, id string) (Instrument, error) {
	party, err := ParseParty(admin)
	if err != nil {
		return Instrument{}, fmt.Errorf("instrument admin: %w", err)
	}

	if id == "" || len(id) > maxInstrument || strings.ContainsFunc(id, control) {
		return Instrument{}, invalid("instrument id", id, "want 1 to 255 bytes without control characters")
	}

	return Instrument{Admin: party, ID: id}, nil
}

// String is id@admin, for logs.
func (i Instrument) String() string { return i.ID + "@" + string(i.Admin) }

func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}

	return true
}

func control(r rune) bool {
	return r < ' ' || (r >= 0x7f && r < 0xa0) || r == '\u2028' || r == '\u2029'
}

func invalid(what, text, want string) error {
	const shown = 80
	if len(text) > shown {
		text = text[:shown] + "…"
	}

	return fmt.Errorf("%w: %s %q: %s", ErrInvalid, what, text, want)
}
