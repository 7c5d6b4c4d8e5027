package sandbox

import (
	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/signing"
)

// mediatorGroup is the only group of mediators that a synchronizer of this network has.
const mediatorGroup = 0

// checkMetadata refuses a transaction whose metadata no node would have written: preparation refuses to write it.
func checkMetadata(m signing.Metadata) error {
	switch {
	case m.CommandID == "":
		return cantonerr.Missing("command_id")
	case len(m.CommandID) > maxCommandID:
		return cantonerr.Field("command_id is longer than %d characters", maxCommandID)
	case len(m.ActAs) > maxReadAs:
		return cantonerr.Argument("%d parties, at most %d", len(m.ActAs), maxReadAs)
	case len(union(m.ActAs)) != len(m.ActAs):
		return cantonerr.Field("act_as names a party twice")
	case m.MediatorGroup != mediatorGroup:
		return cantonerr.Field("mediator_group: the synchronizer has no group %d", m.MediatorGroup)
	}

	for _, party := range m.ActAs {
		if _, err := ident.ParseParty(string(party)); err != nil {
			return cantonerr.Field("act_as: %s", err)
		}
	}

	// The mediator tells transactions apart by this text, so each has one spelling.
	if id, err := uuid.Parse(m.TransactionUUID); err != nil || id.String() != m.TransactionUUID {
		return cantonerr.Field("transaction_uuid %.40q is no UUID", m.TransactionUUID)
	}

	return nil
}
