package daml_test

import (
	"strconv"

	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	alice = "alice::1220aa"
	bob   = "bob::1220bb"
)

func named(entity string) ident.Name {
	return ident.Name{Package: "aa00", Module: "Sample.Module", Entity: entity}
}

func field(label string, t *daml.Type) daml.Field { return daml.Field{Label: label, Type: t} }

// anyValue contains lists of itself, as the standard's AnyValue does.
func anyValue() *daml.Type {
	return daml.Recursive(func(self *daml.Type) *daml.Type {
		return daml.Variant(named("AnyValue"), field("AV_Text", daml.Text()), field("AV_List", daml.List(self)),
			field("AV_Map", daml.TextMap(self)))
	})
}

// everything has a field of every kind, optional ones among required ones.
func everything() *daml.Type {
	return daml.Record(
		named("Everything"), field("unit", daml.Unit()), field("bool", daml.Bool()),
		field("maybe", daml.Optional(daml.Text())), field("int", daml.Int64()), field("numeric", daml.Numeric()),
		field("time", daml.Timestamp()), field("date", daml.Date()), field("party", daml.Party()),
		field("text", daml.Text()), field("contract", daml.ContractID()), field("list", daml.List(daml.Int64())),
		field("textMap", daml.TextMap(daml.Text())), field("genMap", daml.GenMap(daml.Party(), daml.Text())),
		field("variant", anyValue()), field("enum", daml.Enum(named("Side"), "SenderSide", "ReceiverSide")),
		field("nest", daml.Optional(daml.Optional(daml.Optional(daml.Int64())))),
	)
}

const everythingJSON = `{"unit":{},"bool":true,"maybe":null,"int":"-42","numeric":"200.0000000000",` +
	`"time":"2026-02-03T04:05:06.123456Z","date":"2026-02-03","party":"alice::1220aa","text":"a \"b\" ü",` +
	`"contract":"00ab","list":["1","2"],"textMap":{"a":"1","b":"2"},"genMap":[["bob::1220bb","x"],["alice::1220aa","y"]],` +
	`"variant":{"tag":"AV_List","value":[{"tag":"AV_Text","value":"deep"}]},"enum":"SenderSide","nest":[[["7"]]]}`

func everythingValue() signing.Record {
	deep := signing.Variant{ID: named("AnyValue"), Constructor: "AV_Text", Value: signing.Text("deep")}

	return signing.Record{ID: named("Everything"), Fields: []signing.Field{
		{Label: "unit", Value: signing.Unit{}},
		{Label: "bool", Value: signing.Bool(true)},
		{Label: "maybe", Value: signing.Optional{}},
		{Label: "int", Value: signing.Int64(-42)},
		{Label: "numeric", Value: signing.Numeric("200.0000000000")},
		{Label: "time", Value: signing.Timestamp(1770091506123456)},
		{Label: "date", Value: signing.Date(20487)},
		{Label: "party", Value: signing.Party(alice)},
		{Label: "text", Value: signing.Text(`a "b" ü`)},
		{Label: "contract", Value: signing.ContractID("00ab")},
		{Label: "list", Value: signing.List{signing.Int64(1), signing.Int64(2)}},
		{Label: "textMap", Value: signing.TextMap{
			{Key: "a", Value: signing.Text("1")}, {Key: "b", Value: signing.Text("2")},
		}},
		{Label: "genMap", Value: signing.GenMap{
			{Key: signing.Party(bob), Value: signing.Text("x")}, {Key: signing.Party(alice), Value: signing.Text("y")},
		}},
		{Label: "variant", Value: signing.Variant{
			ID: named("AnyValue"), Constructor: "AV_List", Value: signing.List{deep},
		}},
		{Label: "enum", Value: signing.Enum{ID: named("Side"), Constructor: "SenderSide"}},
		{Label: "nest", Value: signing.Optional{Value: signing.Optional{Value: signing.Optional{Value: signing.Int64(7)}}}},
	}}
}

// pairs draws types together with a value of each.
type pairs struct{ t *rapid.T }

func (p pairs) draw(depth int) (*daml.Type, signing.Value) {
	const leaves, kinds = 9, 16

	last := kinds
	if depth == 0 {
		last = leaves
	}

	switch rapid.IntRange(1, last).Draw(p.t, "kind") {
	case 1:
		return daml.Unit(), signing.Unit{}
	case 2:
		return daml.Bool(), signing.Bool(rapid.Bool().Draw(p.t, "bool"))
	case 3:
		return daml.Int64(), signing.Int64(rapid.Int64().Draw(p.t, "int64"))
	case 4:
		return daml.Numeric(), signing.Numeric(rapid.StringMatching(`-[1-9][0-9]{0,27}\.[0-9]{10}|(0|[1-9][0-9]{0,27})\.[0-9]{10}`).Draw(p.t, "numeric"))
	case 5:
		return daml.Timestamp(), signing.Timestamp(rapid.Int64Range(-62135596800000000, 253402300799999999).Draw(p.t, "time"))
	case 6:
		return daml.Date(), signing.Date(rapid.Int32Range(-719162, 2932896).Draw(p.t, "date"))
	case 7:
		return daml.Party(), signing.Party(rapid.SampledFrom([]ident.Party{alice, bob}).Draw(p.t, "party"))
	case 8:
		return daml.Text(), signing.Text(rapid.String().Draw(p.t, "text"))
	case leaves:
		return daml.ContractID(), signing.ContractID(rapid.StringMatching(`([0-9a-f][0-9a-f]){1,40}`).Draw(p.t, "contract"))
	default:
		return p.compound(depth - 1)
	}
}

func (p pairs) compound(depth int) (*daml.Type, signing.Value) {
	of, first := p.draw(depth)
	count := rapid.IntRange(0, 3).Draw(p.t, "count")

	switch rapid.IntRange(1, 7).Draw(p.t, "compound") {
	case 1:
		if count == 0 {
			return daml.Optional(of), signing.Optional{}
		}

		return daml.Optional(of), signing.Optional{Value: first}
	case 2:
		var list signing.List
		for range count {
			list = append(list, first)
		}

		return daml.List(of), list
	case 3:
		var entries signing.TextMap
		for i := range count {
			entries = append(entries, signing.TextEntry{Key: strconv.Itoa(i) + rapid.String().Draw(p.t, "key"), Value: first})
		}

		return daml.TextMap(of), entries
	case 4:
		var entries signing.GenMap
		for i := range count {
			entries = append(entries, signing.GenEntry{Key: signing.List{signing.Int64(count - i)}, Value: first})
		}

		return daml.GenMap(daml.List(daml.Int64()), of), entries
	case 5:
		name := named("V")
		t := daml.Variant(name, field("Other", daml.Bool()), field("This", of))

		return t, signing.Variant{ID: name, Constructor: "This", Value: first}
	case 6:
		name := named("E")

		return daml.Enum(name, "A", "B"), signing.Enum{ID: name, Constructor: "B"}
	default:
		return p.record(count, depth)
	}
}

func (p pairs) record(count, depth int) (*daml.Type, signing.Value) {
	value := signing.Record{ID: named("R")}

	var fields []daml.Field

	for i := range count {
		label := "l" + strconv.Itoa(i)
		t, v := p.draw(depth)
		fields = append(fields, field(label, t))
		value.Fields = append(value.Fields, signing.Field{Label: label, Value: v})
	}

	return daml.Record(value.ID, fields...), value
}
