package signing

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ident"
)

func (d *decoder) action(m message) (action Action, children []string) {
	for m.next() {
		switch m.num {
		case kindCreate:
			m.only(protowire.BytesType)
			action = d.create(d.open("create", m.data))
		case kindFetch:
			m.only(protowire.BytesType)
			action = d.fetch(d.open("fetch", m.data))
		case kindExercise:
			m.only(protowire.BytesType)
			action, children = d.exercise(d.open("exercise", m.data))
		case kindRollback:
			m.only(protowire.BytesType)
			action, children = Rollback{}, d.rollback(d.open("rollback", m.data))
		case kindQueryByKey:
			m.only(protowire.BytesType)
			action = d.queryByKey(d.open("query_by_key", m.data))
		default:
			m.unknown()
		}
	}

	if action == nil {
		d.failf(ErrMissingField, "a node without an action")
	}

	return action, children
}

func (d *decoder) create(m message) Create {
	var out Create

	for m.next() {
		switch m.num {
		case actionLFVersion:
			out.LFVersion = m.text(maxShortText)
		case actionContractID:
			out.ContractID = d.contractID(m.text(2 * maxContractIDBytes))
		case actionPackageName:
			out.PackageName = m.text(maxShortText)
		case actionTemplateID:
			out.Template = d.identifier(m.sub("template_id"))
		case createArgument:
			out.Argument = d.value(m.sub("argument"), 0)
		case createSignatories:
			out.Signatories = append(out.Signatories, d.party(m.itemText(maxPartyBytes)))
		case createStakeholders:
			out.Stakeholders = append(out.Stakeholders, d.party(m.itemText(maxPartyBytes)))
		case createKey:
			out.Key = new(d.contractKey(m.sub("key")))
		default:
			m.unknown()
		}
	}

	m.require(actionLFVersion, actionContractID, actionTemplateID, createArgument)

	return out
}

//nolint:cyclop // one case per field
func (d *decoder) exercise(m message) (out Exercise, children []string) {
	for m.next() {
		switch m.num {
		case actionLFVersion:
			out.LFVersion = m.text(maxShortText)
		case actionContractID:
			out.ContractID = d.contractID(m.text(2 * maxContractIDBytes))
		case actionPackageName:
			out.PackageName = m.text(maxShortText)
		case actionTemplateID:
			out.Template = d.identifier(m.sub("template_id"))
		case exerciseSignatories:
			out.Signatories = append(out.Signatories, d.party(m.itemText(maxPartyBytes)))
		case exerciseStakeholders:
			out.Stakeholders = append(out.Stakeholders, d.party(m.itemText(maxPartyBytes)))
		case exerciseActingParties:
			out.ActingParties = append(out.ActingParties, d.party(m.itemText(maxPartyBytes)))
		case exerciseInterfaceID:
			out.Interface = d.identifier(m.sub("interface_id"))
		case exerciseChoiceID:
			out.Choice = m.text(maxShortText)
		case exerciseChosenValue:
			out.Argument = d.value(m.sub("chosen_value"), 0)
		case exerciseConsuming:
			out.Consuming = m.bool()
		case exerciseChildren:
			children = append(children, m.itemText(maxShortText))
		case exerciseResult:
			out.Result = d.value(m.sub("exercise_result"), 0)
		case exerciseChoiceObservers:
			out.Observers = append(out.Observers, d.party(m.itemText(maxPartyBytes)))
		case exerciseKey:
			out.Key = new(d.contractKey(m.sub("key")))
		case exerciseByKey:
			out.ByKey = m.bool()
		case exerciseExternalCallResults:
			d.failf(ErrUnhashedField, "external_call_results")
		default:
			m.unknown()
		}
	}

	m.require(actionLFVersion, actionContractID, actionTemplateID, exerciseChoiceID, exerciseChosenValue)

	return out, children
}

func (d *decoder) fetch(m message) Fetch {
	var out Fetch

	for m.next() {
		switch m.num {
		case actionLFVersion:
			out.LFVersion = m.text(maxShortText)
		case actionContractID:
			out.ContractID = d.contractID(m.text(2 * maxContractIDBytes))
		case actionPackageName:
			out.PackageName = m.text(maxShortText)
		case actionTemplateID:
			out.Template = d.identifier(m.sub("template_id"))
		case fetchSignatories:
			out.Signatories = append(out.Signatories, d.party(m.itemText(maxPartyBytes)))
		case fetchStakeholders:
			out.Stakeholders = append(out.Stakeholders, d.party(m.itemText(maxPartyBytes)))
		case fetchActingParties:
			out.ActingParties = append(out.ActingParties, d.party(m.itemText(maxPartyBytes)))
		case fetchInterfaceID:
			out.Interface = d.identifier(m.sub("interface_id"))
		case fetchKey:
			out.Key = new(d.contractKey(m.sub("key")))
		case fetchByKey:
			out.ByKey = m.bool()
		default:
			m.unknown()
		}
	}

	m.require(actionLFVersion, actionContractID, actionTemplateID)

	return out
}

func (d *decoder) rollback(m message) (children []string) {
	for m.next() {
		if m.num != rollbackChildren {
			m.unknown()
		}

		children = append(children, m.itemText(maxShortText))
	}

	return children
}

func (d *decoder) queryByKey(m message) QueryByKey {
	var out QueryByKey

	for m.next() {
		switch m.num {
		case queryLFVersion:
			out.LFVersion = m.text(maxShortText)
		case queryPackageName:
			out.PackageName = m.text(maxShortText)
		case queryTemplateID:
			out.Template = d.identifier(m.sub("template_id"))
		case queryExhaustive:
			out.Exhaustive = m.bool()
		case queryKey:
			out.Key = d.contractKey(m.sub("key"))
		case queryResult:
			out.Result = append(out.Result, d.contractID(m.itemText(2*maxContractIDBytes)))
		default:
			m.unknown()
		}
	}

	m.require(queryLFVersion, queryTemplateID, queryKey)

	return out
}

func (d *decoder) contractKey(m message) ContractKey {
	var out ContractKey

	var maintainers []ident.Party

	for m.next() {
		switch m.num {
		case keyGlobalKey:
			out = d.globalKey(m.sub("key"))
		case keyMaintainers:
			maintainers = append(maintainers, d.party(m.itemText(maxPartyBytes)))
		default:
			m.unknown()
		}
	}

	m.require(keyGlobalKey)

	out.Maintainers = maintainers

	return out
}

func (d *decoder) globalKey(m message) ContractKey {
	var out ContractKey

	for m.next() {
		switch m.num {
		case globalKeyTemplateID:
			out.Template = d.identifier(m.sub("template_id"))
		case globalKeyPackageName:
			out.PackageName = m.text(maxShortText)
		case globalKeyValue:
			out.Key = d.value(m.sub("key"), 0)
		case globalKeyHash:
			d.fixed(out.Hash[:], m.bytes())
		default:
			m.unknown()
		}
	}

	m.require(globalKeyTemplateID, globalKeyValue, globalKeyHash)

	return out
}
