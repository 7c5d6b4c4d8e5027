package sandbox

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Keys of the standard's metadata (CIP-0056 and the Amulet implementation's TokenApiUtils).
const (
	keyReason = "splice.lfdecentralizedtrust.org/reason"
	keyTxKind = "splice.lfdecentralizedtrust.org/tx-kind"
	keySender = "splice.lfdecentralizedtrust.org/sender"
	keyBurned = "splice.lfdecentralizedtrust.org/burned"
)

// Values of keyTxKind.
const (
	kindTransfer   = "transfer"
	kindMergeSplit = "merge-split"
	kindBurn       = "burn"
	kindMint       = "mint"
	kindUnlock     = "unlock"
	kindExpireDust = "expire-dust"
)

// obj is a Daml record with few fields, or a TextMap; keys are written in alphabetical order.
type obj map[string]any

// metadata is the standard's Metadata.
type metadata struct {
	Values map[string]string `json:"values"`
}

func meta(pairs ...string) metadata {
	m := metadata{Values: map[string]string{}}
	for i := 0; i+1 < len(pairs); i += 2 {
		m.Values[pairs[i]] = pairs[i+1]
	}

	return m
}

// damlTime is a Daml Time: ISO-8601 in UTC with as many fraction digits as needed, at most six.
type damlTime time.Time

const damlTimeLayout = "2006-01-02T15:04:05.999999Z"

func (t damlTime) MarshalText() ([]byte, error) {
	return []byte(time.Time(t).UTC().Format(damlTimeLayout)), nil
}

func (t *damlTime) UnmarshalText(text []byte) error {
	parsed, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}

	*t = damlTime(micros(parsed))

	return nil
}

func optionalTime(t time.Time) *damlTime {
	if t.IsZero() {
		return nil
	}

	d := damlTime(t)

	return &d
}

// InstrumentID is the standard's InstrumentId as JSON shows it.
type InstrumentID struct {
	Admin ident.Party `json:"admin"`
	ID    string      `json:"id"`
}

// Ident is the same token identity in the project's own type.
func (i InstrumentID) Ident() ident.Instrument { return ident.Instrument(i) }

func instrumentOf(i ident.Instrument) InstrumentID { return InstrumentID(i) }

// lock is the standard's Lock.
type lock struct {
	Holders      []ident.Party `json:"holders"`
	ExpiresAt    *damlTime     `json:"expiresAt"`
	ExpiresAfter *struct{}     `json:"expiresAfter"`
	Context      *string       `json:"context"`
}

// holdingView is the view of the interface Holding, version 1.
type holdingView struct {
	Owner      ident.Party   `json:"owner"`
	Instrument InstrumentID  `json:"instrumentId"`
	Amount     amount.Amount `json:"amount"`
	Lock       *lock         `json:"lock"`
	Meta       metadata      `json:"meta"`
}

// account is the standard's Account, version 2; a basic account has an owner only.
type account struct {
	Owner    *ident.Party `json:"owner"`
	Provider *ident.Party `json:"provider"`
	ID       string       `json:"id"`
}

func accountOf(p ident.Party) account { return account{Owner: &p} }

// holdingViewV2 is the view of the interface Holding, version 2.
type holdingViewV2 struct {
	Account    account       `json:"account"`
	Instrument InstrumentID  `json:"instrumentId"`
	Amount     amount.Amount `json:"amount"`
	Lock       *lock         `json:"lock"`
	Meta       metadata      `json:"meta"`
}

// transferRecord is the standard's Transfer.
type transferRecord struct {
	Sender        ident.Party        `json:"sender"`
	Receiver      ident.Party        `json:"receiver"`
	Amount        amount.Amount      `json:"amount"`
	Instrument    InstrumentID       `json:"instrumentId"`
	RequestedAt   damlTime           `json:"requestedAt"`
	ExecuteBefore damlTime           `json:"executeBefore"`
	Inputs        []ident.ContractID `json:"inputHoldingCids"`
	Meta          metadata           `json:"meta"`
}

// variant is a Daml variant; a constructor without fields carries an empty record.
type variant struct {
	Tag   string `json:"tag"`
	Value any    `json:"value"`
}

func avContract(id ident.ContractID) variant { return variant{Tag: "AV_ContractId", Value: id} }

func avBool(b bool) variant { return variant{Tag: "AV_Bool", Value: b} }

// orOwn are a choice's arguments: those that a client gave, or the network's own.
func orOwn(given json.RawMessage, own any) any {
	if given != nil {
		return given
	}

	return own
}

// extraArgs is the standard's ExtraArgs.
type extraArgs struct {
	Context obj      `json:"context"`
	Meta    metadata `json:"meta"`
}

func choiceArgs(context obj) extraArgs {
	if context == nil {
		context = obj{}
	}

	return extraArgs{Context: obj{"values": context}, Meta: meta()}
}

// instructionResult is the standard's TransferInstructionResult.
type instructionResult struct {
	Output variant            `json:"output"`
	Change []ident.ContractID `json:"senderChangeCids"`
	Meta   metadata           `json:"meta"`
}

func completed(receiver, change []*contract, m metadata) instructionResult {
	return instructionResult{
		Output: variant{"TransferInstructionResult_Completed", obj{"receiverHoldingCids": ids(receiver)}},
		Change: ids(change), Meta: m,
	}
}

func pending(instruction *contract, change []*contract, m metadata) instructionResult {
	return instructionResult{
		Output: variant{"TransferInstructionResult_Pending", obj{"transferInstructionCid": instruction.id}},
		Change: ids(change), Meta: m,
	}
}

func failed(returned []*contract) instructionResult {
	return instructionResult{
		Output: variant{"TransferInstructionResult_Failed", obj{}}, Change: ids(returned), Meta: meta(),
	}
}

// ids never returns nil: an empty Daml list is [].
func ids(contracts []*contract) []ident.ContractID {
	list := make([]ident.ContractID, 0, len(contracts))
	for _, c := range contracts {
		list = append(list, c.id)
	}

	return list
}

// instructionView is the view of the interface TransferInstruction, version 1.
type instructionView struct {
	Original *ident.ContractID `json:"originalInstructionCid"`
	Transfer transferRecord    `json:"transfer"`
	Status   variant           `json:"status"`
	Meta     metadata          `json:"meta"`
}
