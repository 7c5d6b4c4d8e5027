package daml

import "github.com/canton-exchange/suite/internal/ident"

// kind is the sort of a type.
type kind uint8

const (
	kindUnit kind = iota
	kindBool
	kindInt64
	kindNumeric
	kindTimestamp
	kindDate
	kindParty
	kindText
	kindContractID
	kindOptional
	kindList
	kindTextMap
	kindGenMap
	kindRecord
	kindVariant
	kindEnum
)

// Type is a serializable Daml type. It does not change once it is made, so that any number of goroutines may use it.
type Type struct {
	kind   kind
	name   ident.Name
	key    *Type   // of a GenMap
	of     *Type   // what an Optional, a List or a map holds
	fields []Field // of a Record; the constructors of a Variant or an Enum
}

// Field is a labelled part of a record, or a constructor of a variant with what it carries.
type Field struct {
	Label string
	Type  *Type
}

// Unit is Daml's ().
func Unit() *Type { return &Type{kind: kindUnit} }

// Bool is true or false.
func Bool() *Type { return &Type{kind: kindBool} }

// Int64 is Daml's Int.
func Int64() *Type { return &Type{kind: kindInt64} }

// Numeric is Daml's Decimal, Numeric 10.
func Numeric() *Type { return &Type{kind: kindNumeric} }

// Timestamp is Daml's Time: microseconds, UTC.
func Timestamp() *Type { return &Type{kind: kindTimestamp} }

// Date is a day of the calendar.
func Date() *Type { return &Type{kind: kindDate} }

// Party is a party id.
func Party() *Type { return &Type{kind: kindParty} }

// Text is any Unicode text.
func Text() *Type { return &Type{kind: kindText} }

// ContractID is a contract's id, of whatever template: JSON does not tell.
func ContractID() *Type { return &Type{kind: kindContractID} }

// Optional is a value or none.
func Optional(of *Type) *Type { return &Type{kind: kindOptional, of: of} }

// List is any number of values.
func List(of *Type) *Type { return &Type{kind: kindList, of: of} }

// TextMap has texts as keys.
func TextMap(of *Type) *Type { return &Type{kind: kindTextMap, of: of} }

// GenMap is Daml's Map, with keys of any type.
func GenMap(key, of *Type) *Type { return &Type{kind: kindGenMap, key: key, of: of} }

// Record has labelled fields, in this order. Labels differ.
func Record(name ident.Name, fields ...Field) *Type {
	return &Type{kind: kindRecord, name: name, fields: fields}
}

// Variant is one of several constructors. One without arguments carries Unit, one with labelled arguments a record.
func Variant(name ident.Name, constructors ...Field) *Type {
	return &Type{kind: kindVariant, name: name, fields: constructors}
}

// Enum is one of several constructors of which none carries anything.
func Enum(name ident.Name, constructors ...string) *Type {
	t := &Type{kind: kindEnum, name: name}
	for _, constructor := range constructors {
		t.fields = append(t.fields, Field{Label: constructor})
	}

	return t
}

// Recursive is a type that contains itself: build is given the type to come, and must not look into it.
func Recursive(build func(self *Type) *Type) *Type {
	self := &Type{}
	*self = *build(self)

	return self
}

// Name is the name of a record, a variant or an enum; zero for others.
func (t *Type) Name() ident.Name { return t.name }

// nested reports whether t is an optional of an optional, which JSON writes in another form.
func (t *Type) nested() bool { return t.of.kind == kindOptional }

// position finds a field. Who writes JSON mostly keeps to the declared order, so the search begins at the next field.
func (t *Type) position(label string, next int) int {
	if next < len(t.fields) && t.fields[next].Label == label {
		return next
	}

	for i := range t.fields {
		if t.fields[i].Label == label {
			return i
		}
	}

	return -1
}
