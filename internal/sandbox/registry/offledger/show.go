package offledger

import (
	"encoding/json"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// Stamp writes a time as the ledger does: UTC, to the microsecond.
func Stamp(t time.Time) string {
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

// Object is raw, or the given empty object when there is none.
func Object(raw json.RawMessage, empty string) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage(empty)
	}

	return raw
}

// Disclosed is a contract as the registry API shows it.
type Disclosed struct {
	TemplateID       string               `json:"templateId"`
	ContractID       ident.ContractID     `json:"contractId"`
	CreatedEventBlob []byte               `json:"createdEventBlob"`
	SynchronizerID   ident.SynchronizerID `json:"synchronizerId"`
	DebugPackageName string               `json:"debugPackageName,omitzero"`
	DebugPayload     json.RawMessage      `json:"debugPayload,omitzero"`
	DebugCreatedAt   string               `json:"debugCreatedAt,omitzero"`
}

// Disclose shows contracts to be handed to a node, with what helps people to read them unless the client has no
// use for it.
func Disclose(contracts []Contract, excludeDebug bool) []Disclosed {
	shown := make([]Disclosed, 0, len(contracts))

	for _, c := range contracts {
		d := Disclosed{
			TemplateID: c.TemplateID.String(), ContractID: c.ContractID, CreatedEventBlob: c.Blob,
			SynchronizerID: c.SynchronizerID,
		}

		if !excludeDebug {
			d.DebugPackageName = c.PackageName
			d.DebugPayload = Object(c.Payload, "{}")
			d.DebugCreatedAt = Stamp(c.CreatedAt)
		}

		shown = append(shown, d)
	}

	return shown
}

// Scanned is a contract as scan and the validator show it.
type Scanned struct {
	TemplateID       string           `json:"template_id"`
	ContractID       ident.ContractID `json:"contract_id"`
	Payload          json.RawMessage  `json:"payload"`
	CreatedEventBlob []byte           `json:"created_event_blob"`
	CreatedAt        string           `json:"created_at"`
}

// Scan shows a contract.
func Scan(c Contract) Scanned {
	return Scanned{
		TemplateID: c.TemplateID.String(), ContractID: c.ContractID, Payload: Object(c.Payload, "{}"),
		CreatedEventBlob: c.Blob, CreatedAt: Stamp(c.CreatedAt),
	}
}
