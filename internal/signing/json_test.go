package signing

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
)

// The published vectors give nodes, values and metadata as protobuf JSON. These types read it, strictly, by way of the
// writer under test: what is hashed has gone through Encode's parts and Decode's.

type jsonIdentifier struct {
	PackageID  string `json:"packageId"`
	ModuleName string `json:"moduleName"`
	EntityName string `json:"entityName"`
}

func (i *jsonIdentifier) name() ident.Name {
	if i == nil {
		return ident.Name{}
	}

	return ident.Name{Package: i.PackageID, Module: i.ModuleName, Entity: i.EntityName}
}

type jsonTyped struct {
	RecordID  *jsonIdentifier `json:"recordId"`
	VariantID *jsonIdentifier `json:"variantId"`
	EnumID    *jsonIdentifier `json:"enumId"`

	Fields []struct {
		Label string    `json:"label"`
		Value jsonValue `json:"value"`
	} `json:"fields"`
	Constructor string     `json:"constructor"`
	Value       *jsonValue `json:"value"`
}

type jsonValue struct {
	Unit       *struct{} `json:"unit"`
	Bool       *bool     `json:"bool"`
	Int64      *string   `json:"int64"`
	Date       *int32    `json:"date"`
	Timestamp  *string   `json:"timestamp"`
	Numeric    *string   `json:"numeric"`
	Party      *string   `json:"party"`
	Text       *string   `json:"text"`
	ContractID *string   `json:"contractId"`
	Optional   *struct {
		Value *jsonValue `json:"value"`
	} `json:"optional"`
	List *struct {
		Elements []jsonValue `json:"elements"`
	} `json:"list"`
	TextMap *struct {
		Entries []struct {
			Key   string    `json:"key"`
			Value jsonValue `json:"value"`
		} `json:"entries"`
	} `json:"textMap"`
	GenMap *struct {
		Entries []struct {
			Key   jsonValue `json:"key"`
			Value jsonValue `json:"value"`
		} `json:"entries"`
	} `json:"genMap"`
	Record  *jsonTyped `json:"record"`
	Variant *jsonTyped `json:"variant"`
	Enum    *jsonTyped `json:"enum"`
}

func number64(tb testing.TB, text string) int64 {
	tb.Helper()

	n, err := strconv.ParseInt(text, 10, 64)
	require.NoError(tb, err)

	return n
}

func (v jsonValue) value(tb testing.TB) Value {
	tb.Helper()

	switch {
	case v.Unit != nil:
		return Unit{}
	case v.Bool != nil:
		return Bool(*v.Bool)
	case v.Int64 != nil:
		return Int64(number64(tb, *v.Int64))
	case v.Date != nil:
		return Date(*v.Date)
	case v.Timestamp != nil:
		return Timestamp(number64(tb, *v.Timestamp))
	case v.Numeric != nil:
		return Numeric(*v.Numeric)
	case v.Party != nil:
		return Party(*v.Party)
	case v.Text != nil:
		return Text(*v.Text)
	case v.ContractID != nil:
		return ContractID(*v.ContractID)
	default:
		return v.compound(tb)
	}
}

func (v jsonValue) compound(tb testing.TB) Value {
	tb.Helper()

	switch {
	case v.Optional != nil && v.Optional.Value == nil:
		return Optional{}
	case v.Optional != nil:
		return Optional{Value: v.Optional.Value.value(tb)}
	case v.List != nil:
		var out List
		for _, element := range v.List.Elements {
			out = append(out, element.value(tb))
		}

		return out
	case v.TextMap != nil:
		var out TextMap
		for _, entry := range v.TextMap.Entries {
			out = append(out, TextEntry{Key: entry.Key, Value: entry.Value.value(tb)})
		}

		return out
	case v.GenMap != nil:
		var out GenMap
		for _, entry := range v.GenMap.Entries {
			out = append(out, GenEntry{Key: entry.Key.value(tb), Value: entry.Value.value(tb)})
		}

		return out
	case v.Record != nil:
		out := Record{ID: v.Record.RecordID.name()}
		for _, f := range v.Record.Fields {
			out.Fields = append(out.Fields, Field{Label: f.Label, Value: f.Value.value(tb)})
		}

		return out
	case v.Variant != nil:
		return Variant{
			ID: v.Variant.VariantID.name(), Constructor: v.Variant.Constructor, Value: v.Variant.Value.value(tb),
		}
	default:
		require.NotNil(tb, v.Enum, "no known value")

		return Enum{ID: v.Enum.EnumID.name(), Constructor: v.Enum.Constructor}
	}
}

type jsonKey struct {
	Key struct {
		TemplateID  *jsonIdentifier `json:"templateId"`
		PackageName string          `json:"packageName"`
		Key         jsonValue       `json:"key"`
		Hash        []byte          `json:"hash"`
	} `json:"key"`
	Maintainers []ident.Party `json:"maintainers"`
}

func (k *jsonKey) key(tb testing.TB) *ContractKey {
	tb.Helper()

	if k == nil {
		return nil
	}

	return &ContractKey{
		Template: k.Key.TemplateID.name(), PackageName: k.Key.PackageName, Key: k.Key.Key.value(tb),
		Hash: Hash(k.Key.Hash), Maintainers: k.Maintainers,
	}
}

// jsonAction has the fields of all kinds of nodes; an input contract is a bare one.
type jsonAction struct {
	LFVersion       string             `json:"lfVersion"`
	ContractID      ident.ContractID   `json:"contractId"`
	PackageName     string             `json:"packageName"`
	TemplateID      *jsonIdentifier    `json:"templateId"`
	Argument        *jsonValue         `json:"argument"`
	Signatories     []ident.Party      `json:"signatories"`
	Stakeholders    []ident.Party      `json:"stakeholders"`
	ActingParties   []ident.Party      `json:"actingParties"`
	InterfaceID     *jsonIdentifier    `json:"interfaceId"`
	ChoiceID        string             `json:"choiceId"`
	ChosenValue     *jsonValue         `json:"chosenValue"`
	Consuming       bool               `json:"consuming"`
	Children        []string           `json:"children"`
	ExerciseResult  *jsonValue         `json:"exerciseResult"`
	ChoiceObservers []ident.Party      `json:"choiceObservers"`
	Key             *jsonKey           `json:"key"`
	ByKey           bool               `json:"byKey"`
	Exhaustive      bool               `json:"exhaustive"`
	Result          []ident.ContractID `json:"result"`
	ExternalCalls   []json.RawMessage  `json:"externalCallResults"`
}

type jsonNode struct {
	jsonAction

	Create     *jsonAction `json:"create"`
	Exercise   *jsonAction `json:"exercise"`
	Fetch      *jsonAction `json:"fetch"`
	Rollback   *jsonAction `json:"rollback"`
	QueryByKey *jsonAction `json:"queryByKey"`
}

func (a *jsonAction) create(tb testing.TB) Create {
	tb.Helper()

	return Create{
		LFVersion: a.LFVersion, ContractID: a.ContractID, PackageName: a.PackageName, Template: a.TemplateID.name(),
		Argument: a.Argument.value(tb), Signatories: a.Signatories, Stakeholders: a.Stakeholders, Key: a.Key.key(tb),
	}
}

func (a *jsonAction) exercise(tb testing.TB) Exercise {
	tb.Helper()

	return Exercise{
		LFVersion: a.LFVersion, ContractID: a.ContractID, PackageName: a.PackageName, Template: a.TemplateID.name(),
		Signatories: a.Signatories, Stakeholders: a.Stakeholders, ActingParties: a.ActingParties,
		Interface: a.InterfaceID.name(), Choice: a.ChoiceID, Argument: a.ChosenValue.value(tb), Consuming: a.Consuming,
		Result: a.ExerciseResult.value(tb), Observers: a.ChoiceObservers, Key: a.Key.key(tb), ByKey: a.ByKey,
	}
}

func (n jsonNode) action(tb testing.TB) Action {
	tb.Helper()

	switch {
	case n.Create != nil:
		return n.Create.create(tb)
	case n.Exercise != nil:
		return n.Exercise.exercise(tb)
	case n.Fetch != nil:
		a := n.Fetch

		return Fetch{
			LFVersion: a.LFVersion, ContractID: a.ContractID, PackageName: a.PackageName, Template: a.TemplateID.name(),
			Signatories: a.Signatories, Stakeholders: a.Stakeholders, ActingParties: a.ActingParties,
			Interface: a.InterfaceID.name(), Key: a.Key.key(tb), ByKey: a.ByKey,
		}
	case n.QueryByKey != nil:
		a := n.QueryByKey

		return QueryByKey{
			LFVersion: a.LFVersion, PackageName: a.PackageName, Template: a.TemplateID.name(), Exhaustive: a.Exhaustive,
			Key: *a.Key.key(tb), Result: a.Result,
		}
	case n.Rollback != nil:
		return Rollback{}
	default:
		return n.jsonAction.create(tb)
	}
}

type jsonMetadata struct {
	SubmitterInfo struct {
		ActAs     []ident.Party `json:"actAs"`
		CommandID string        `json:"commandId"`
	} `json:"submitterInfo"`
	SynchronizerID  ident.SynchronizerID `json:"synchronizerId"`
	TransactionUUID string               `json:"transactionUuid"`
	InputContracts  []struct {
		V1        jsonAction `json:"v1"`
		CreatedAt string     `json:"createdAt"`
	} `json:"inputContracts"`
	MinLedgerEffectiveTime string `json:"minLedgerEffectiveTime"`
	MaxLedgerEffectiveTime string `json:"maxLedgerEffectiveTime"`
	MaxRecordTime          string `json:"maxRecordTime"`
}

func (m jsonMetadata) metadata(tb testing.TB) Metadata {
	tb.Helper()

	optional := func(text string) *Timestamp {
		if text == "" {
			return nil
		}

		return new(Timestamp(number64(tb, text)))
	}

	out := Metadata{
		ActAs: m.SubmitterInfo.ActAs, CommandID: m.SubmitterInfo.CommandID, SynchronizerID: m.SynchronizerID,
		TransactionUUID: m.TransactionUUID, MinLedgerTime: optional(m.MinLedgerEffectiveTime),
		MaxLedgerTime: optional(m.MaxLedgerEffectiveTime), MaxRecordTime: optional(m.MaxRecordTime),
	}

	for _, input := range m.InputContracts {
		out.InputContracts = append(out.InputContracts, InputContract{
			Create: input.V1.create(tb), CreatedAt: Timestamp(number64(tb, input.CreatedAt)),
		})
	}

	return out
}
