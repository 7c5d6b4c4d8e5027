package daml

import (
	"strconv"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// maxContractID bounds a contract id as Canton does: 255 bytes, in hexadecimal.
const maxContractID = 2 * 255

func (d *decoder) leaf(t *Type) (signing.Value, *Error) {
	switch t.kind {
	case kindUnit:
		return d.unit()
	case kindBool:
		return d.boolean()
	case kindInt64:
		return d.integer()
	case kindNumeric:
		return d.numeric()
	case kindTimestamp:
		return d.timestamp()
	case kindDate:
		return d.date()
	case kindParty:
		return d.party()
	case kindContractID:
		return d.contractID()
	case kindText, kindOptional, kindList, kindTextMap, kindGenMap, kindRecord, kindVariant, kindEnum:
	}

	text, err := d.quoted("a text")
	if err != nil {
		return nil, err
	}

	return signing.Text(text), nil
}

// unit is a record without fields to a node.
func (d *decoder) unit() (signing.Value, *Error) {
	var ignored []string

	err := d.members(func(label string) *Error { return d.ignore(label, &ignored) })
	if err != nil {
		return nil, err
	}

	return signing.Unit{}, nil
}

func (d *decoder) boolean() (signing.Value, *Error) {
	switch {
	case d.literal("true"):
		return signing.Bool(true), nil
	case d.literal("false"):
		return signing.Bool(false), nil
	default:
		return nil, d.want("a boolean")
	}
}

// integer takes strings only: a JSON number is an error to a node.
func (d *decoder) integer() (signing.Value, *Error) {
	text, err := d.quoted("an integer in a string")
	if err != nil {
		return nil, err
	}

	n, failed := strconv.ParseInt(text, 10, 64)
	if failed != nil || text[0] == '+' {
		return nil, problem("%.80q is no integer of 64 bits", text)
	}

	return signing.Int64(n), nil
}

func (d *decoder) party() (signing.Value, *Error) {
	text, err := d.quoted("a party")
	if err != nil {
		return nil, err
	}

	party, failed := ident.ParseParty(text)
	if failed != nil {
		return nil, problem("%.80q is no party", text)
	}

	return signing.Party(party), nil
}

// contractID accepts the one spelling that the transaction's hash knows.
func (d *decoder) contractID() (signing.Value, *Error) {
	text, err := d.quoted("a contract id")
	if err != nil {
		return nil, err
	}

	if text == "" || len(text) > maxContractID || len(text)%2 != 0 || strings.ContainsFunc(text, notLowerHex) {
		return nil, problem("%.80q is no contract id", text)
	}

	return signing.ContractID(text), nil
}

func notLowerHex(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }
