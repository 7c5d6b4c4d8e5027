package daml_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
	"github.com/canton-exchange/suite/internal/signing"
)

func TestEveryKindIsReadAndWritten(t *testing.T) {
	t.Parallel()

	v, err := everything().Decode([]byte(everythingJSON))
	require.NoError(t, err)
	require.Equal(t, everythingValue(), v)

	raw, err := daml.JSON(v)
	require.NoError(t, err)
	require.Equal(t, everythingJSON, string(raw)) //nolint:testifylint // the order of fields counts
}

func TestAValueIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		kind, v := pairs{t}.draw(4)

		raw, err := daml.JSON(v)
		require.NoError(t, err)

		got, err := kind.Decode(raw)
		require.NoError(t, err, string(raw))
		require.Equal(t, v, got, string(raw))
	})
}

// decoded reads raw with a type and writes it again; errors start with "!".
func decoded(kind *daml.Type, raw string) string {
	v, err := kind.Decode([]byte(raw))
	if err != nil {
		return "!" + err.Error()
	}

	out, err := daml.JSON(v)
	if err != nil {
		return "unprintable: " + err.Error()
	}

	return string(out)
}

func TestLeaves(t *testing.T) {
	t.Parallel()

	const refused = "!"

	numeric, at, day := daml.Numeric(), daml.Timestamp(), daml.Date()

	for _, c := range []struct {
		kind      *daml.Type
		raw, want string
	}{
		{numeric, `"1"`, `"1.0000000000"`},
		{numeric, ` "100.0" `, `"100.0000000000"`},
		{numeric, `"-0"`, `"0.0000000000"`},
		{numeric, `"-0.0000000000"`, `"0.0000000000"`},
		{numeric, `"007.5"`, `"7.5000000000"`},
		{numeric, `"-00.0000000001"`, `"-0.0000000001"`},
		{numeric, `100`, `"100.0000000000"`},
		{numeric, `0.1`, `"0.1000000000"`},
		{numeric, `-1.5e3`, `"-1500.0000000000"`},
		{numeric, `1e-10`, `"0.0000000001"`},
		{numeric, `12.5E-1`, `"1.2500000000"`},
		{numeric, `1.00000000000000000e1`, `"10.0000000000"`},
		{numeric, `0e99`, `"0.0000000000"`},
		{numeric, `9007199254740993`, `"9007199254740993.0000000000"`},
		{numeric, `"` + strings.Repeat("9", 28) + `"`, `"` + strings.Repeat("9", 28) + `.0000000000"`},
		{numeric, `"` + strings.Repeat("9", 29) + `"`, refused},
		{numeric, `"0.12345678901"`, refused},
		{numeric, `1e-11`, refused},
		{numeric, `1e28`, refused},
		{numeric, `1e99999999999999999999`, refused},
		{numeric, `1e99`, refused},
		{numeric, `"1e2"`, refused},
		{numeric, `".5"`, refused},
		{numeric, `"5."`, refused},
		{numeric, `"+5"`, refused},
		{numeric, `"5 "`, refused},
		{numeric, `""`, refused},
		{numeric, `"-"`, refused},
		{numeric, `"NaN"`, refused},
		{numeric, `01`, refused},
		{numeric, `1.`, refused},
		{numeric, `-`, refused},
		{numeric, `+1`, refused},
		{numeric, `1e`, refused},
		{numeric, `null`, refused},
		{numeric, `true`, refused},
		{daml.Int64(), `"9223372036854775807"`, `"9223372036854775807"`},
		{daml.Int64(), `"-9223372036854775808"`, `"-9223372036854775808"`},
		{daml.Int64(), `"9223372036854775808"`, refused},
		{daml.Int64(), `42`, refused},
		{daml.Int64(), `"+42"`, refused},
		{daml.Int64(), `""`, refused},
		{daml.Int64(), `"1_000"`, refused},
		{daml.Int64(), `"4.2"`, refused},
		{daml.Bool(), `false`, `false`},
		{daml.Bool(), `"true"`, refused},
		{daml.Bool(), `1`, refused},
		{daml.Unit(), ` { } `, `{}`},
		{daml.Unit(), `{"x":null}`, `{}`},
		{daml.Unit(), `{"x":1}`, refused},
		{daml.Unit(), `[]`, refused},
		{daml.Unit(), `null`, refused},
		{at, `"2026-02-03T04:05:06Z"`, `"2026-02-03T04:05:06Z"`},
		{at, `"2026-02-03T04:05:06.100000Z"`, `"2026-02-03T04:05:06.1Z"`},
		{at, `"2026-02-03T04:05:06.123456Z"`, `"2026-02-03T04:05:06.123456Z"`},
		{at, `"2026-02-03T04:05:06.123456999Z"`, `"2026-02-03T04:05:06.123456Z"`},
		{at, `"1969-12-31T23:59:59.9999999Z"`, `"1969-12-31T23:59:59.999999Z"`},
		{at, `"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00Z"`},
		{at, `"9999-12-31T23:59:59.999999Z"`, `"9999-12-31T23:59:59.999999Z"`},
		{at, `"2024-02-29T00:00:00Z"`, `"2024-02-29T00:00:00Z"`},
		{at, `"0000-12-31T00:00:00Z"`, refused},
		{at, `"2023-02-29T00:00:00Z"`, refused},
		{at, `"2026-02-03T24:00:00Z"`, refused},
		{at, `"2026-02-03T04:60:00Z"`, refused},
		{at, `"2026-02-03T04:05:60Z"`, refused},
		{at, `"2026-02-03T04:05:06"`, refused},
		{at, `"2026-02-03T04:05:06+00:00"`, refused},
		{at, `"2026-02-03T04:05:06.Z"`, refused},
		{at, `"2026-02-03T04:05:06,5Z"`, refused},
		{at, `"2026-02-03T04:05:06.1234567891Z"`, refused},
		{at, `"2026-02-03t04:05:06Z"`, refused},
		{at, `"2026-02-03T04:05:06z"`, refused},
		{at, `"2026-02-03T04:05:06.55"`, refused},
		{at, `"2026-02-03T04-05-06Z"`, refused},
		{at, `"2026-02-03T04:05:0xZ"`, refused},
		{at, `"2026-02-03T04:05Z"`, refused},
		{at, `1770091506`, refused},
		{day, `"2026-02-03"`, `"2026-02-03"`},
		{day, `"0001-01-01"`, `"0001-01-01"`},
		{day, `"2026-02-30"`, refused},
		{day, `"2026-13-01"`, refused},
		{day, `"2026-00-01"`, refused},
		{day, `"2026-2-3"`, refused},
		{day, `"+026-02-03"`, refused},
		{daml.Party(), `"alice::1220aa"`, `"alice::1220aa"`},
		{daml.Party(), `"alice"`, refused},
		{daml.Party(), `""`, refused},
		{daml.Party(), `"` + strings.Repeat("a", 260) + `::1"`, refused},
		{daml.ContractID(), `"00ab"`, `"00ab"`},
		{daml.ContractID(), `"` + strings.Repeat("ab", 255) + `"`, `"` + strings.Repeat("ab", 255) + `"`},
		{daml.ContractID(), `"` + strings.Repeat("ab", 256) + `"`, refused},
		{daml.ContractID(), `"00AB"`, refused},
		{daml.ContractID(), `"00a"`, refused},
		{daml.ContractID(), `""`, refused},
		{daml.Text(), `""`, `""`},
		{daml.Text(), `"\u0001\u007f\/"`, "\"\\u0001\x7f/\""},
		{daml.Text(), `"\u00fc\n\ud83d\ude00<"`, `"ü\n😀<"`},
		{daml.Text(), `"\ud83d"`, refused},
		{daml.Text(), `"\x"`, refused},
		{daml.Text(), "\"\xff\"", refused},
		{daml.Text(), "\"a\nb\"", refused},
		{daml.Text(), `"a`, refused},
		{daml.Text(), `"a\`, refused},
		{daml.Text(), `"a\"`, refused},
		{daml.Text(), `'a'`, refused},
		{daml.Text(), `"a" "b"`, refused},
		{daml.Text(), `"a",`, refused},
		{daml.Text(), "\"a\"\x00", refused},
		{daml.Text(), ``, refused},
	} {
		got := decoded(c.kind, c.raw)
		if c.want == refused {
			require.True(t, strings.HasPrefix(got, refused), "%s became %s", c.raw, got)
		} else {
			require.Equal(t, c.want, got, c.raw)
		}
	}
}

func TestDecimalsAreReadAsAmountsAre(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?[0-9]{0,29}(\.[0-9]{0,10})?`).Draw(t, "text")

		v, err := daml.Numeric().Decode([]byte(`"` + text + `"`))

		want, wrong := amount.Parse(text)
		if wrong != nil {
			require.Error(t, err, text)

			return
		}

		require.NoError(t, err, text)

		if want.IsZero() {
			want = amount.Zero()
		}

		require.Equal(t, signing.Numeric(want.String()), v)
	})
}

func TestCompounds(t *testing.T) {
	t.Parallel()

	optional := daml.Optional(daml.Int64())
	nest := daml.Optional(optional)
	record := daml.Record(named("R"), field("a", daml.Int64()), field("b", optional), field("c", nest))
	pair := daml.GenMap(daml.Text(), daml.Int64())
	one := daml.Record(named("One"), field("x", daml.Int64()))
	inner := daml.Variant(named("V"), field("A", daml.Unit()), field("B", one))

	for _, c := range []struct {
		kind      *daml.Type
		raw, want string
	}{
		{record, `{"c":[["3"]],"b":"2","a":"1"}`, `{"a":"1","b":"2","c":[["3"]]}`},
		{record, `{"a":"1"}`, `{"a":"1","b":null,"c":null}`},
		{record, `{"a":"1","b":null,"c":[],"z":null,"y":null}`, `{"a":"1","b":null,"c":null}`},
		{record, `{"a":"1","c":null}`, `{"a":"1","b":null,"c":null}`},
		{record, `{"a":"1","c":[[]]}`, `{"a":"1","b":null,"c":[[]]}`},
		{record, `{"b":"1"}`, `!a: a required field is missing`},
		{record, `{"a":null}`, `!a: want an integer in a string, found null`},
		{record, `{"a":"1","z":0}`, `!z: an unexpected field`},
		{record, `{"a":"1","a":"1"}`, `!a: a field that is there twice`},
		{record, `{"a":"1","b":null,"b":null}`, `!b: a field that is there twice`},
		{record, `{"a":"1","z":null,"z":null}`, `!z: a field that is there twice`},
		{record, `{"A":"1"}`, `!A: an unexpected field`},
		{record, `{"a":"1","c":"3"}`, `!c: want an array, found a string`},
		{record, `{"a":"1","c":[null]}`, `!c[0]: want an array, found null`},
		{record, `{"a":"1","c":[[],[]]}`, `!c[1]: an optional has one element at most`},
		{record, `{"a":"1","c":[["1","2"]]}`, `!c[0][1]: an optional has one element at most`},
		{record, `["1"]`, `!want an object, found an array`},
		{record, `{"a":"1",}`, `!want a name, found }`},
		{record, `{"a":"1"`, `!want a comma or the end of the object, found the end`},
		{record, `{"a" "1"}`, `!want a colon, found a string`},
		{record, `{a:"1"}`, `!want a name, found something that is no JSON`},
		{daml.List(record), `[{"a":"1"},{"a":"x"}]`, `![1].a: "x" is no integer of 64 bits`},
		{daml.List(daml.Bool()), `[true,false]`, `[true,false]`},
		{daml.List(daml.Bool()), `[]`, `[]`},
		{daml.List(daml.Bool()), `[true,]`, `![1]: want a boolean, found ]`},
		{daml.List(daml.Bool()), `[true`, `!want a comma or the end of the array, found the end`},
		{daml.List(daml.Bool()), `{}`, `!want an array, found an object`},
		{daml.TextMap(daml.Bool()), `{"b":true,"":false,"a":true}`, `{"":false,"a":true,"b":true}`},
		{daml.TextMap(daml.Bool()), `{"b":true,"a":true,"b":true}`, `!b: a key that is there twice`},
		{daml.TextMap(daml.Bool()), `{"a":true,"\u0061":true}`, `!a: a key that is there twice`},
		{daml.TextMap(daml.Bool()), `{"a.b":1}`, `!a.b: want a boolean, found a number`},
		{daml.TextMap(optional), `{"a":null}`, `{"a":null}`},
		{pair, `[["b","1"],["a","2"]]`, `[["b","1"],["a","2"]]`},
		{pair, `[["b","1"],["b","2"]]`, `![1]: a key that is there twice`},
		{pair, `[["b"]]`, `![0]: an entry of a map is a key and a value`},
		{pair, `[["b","1","2"]]`, `![0][2]: an entry of a map is a key and a value`},
		{pair, `{"b":"1"}`, `!want an array, found an object`},
		{inner, `{"tag":"A","value":{}}`, `{"tag":"A","value":{}}`},
		{inner, `{"value":{"x":"1"},"tag":"B"}`, `{"tag":"B","value":{"x":"1"}}`},
		{inner, `{"value":{"x":1},"tag":"B"}`, `!value.x: want an integer in a string, found a number`},
		{inner, `{"value":{"x":"1"]},"tag":"B"}`, `!value: want a comma or the end of the object, found ]`},
		{inner, `{"tag":"C","value":{}}`, `!tag: V has no constructor "C"`},
		{inner, `{"tag":"A"}`, `!value: a required field is missing`},
		{inner, `{"value":{}}`, `!tag: a required field is missing`},
		{inner, `{"tag":"A","tag":"A","value":{}}`, `!tag: a field that is there twice`},
		{inner, `{"tag":"A","value":{},"value":{}}`, `!value: a field that is there twice`},
		{inner, `{"value":{},"tag":"A","value":{}}`, `!value: a field that is there twice`},
		{inner, `{"tag":"A","value":{},"extra":null}`, `!extra: an unexpected field`},
		{inner, `"A"`, `!want an object, found a string`},
		{daml.Enum(named("E"), "A", "B"), `"B"`, `"B"`},
		{daml.Enum(named("E"), "A", "B"), `"C"`, `!E has no constructor "C"`},
		{daml.Enum(named("E"), "A", "B"), `{"tag":"A","value":{}}`, `!want a constructor, found an object`},
	} {
		require.Equal(t, c.want, decoded(c.kind, c.raw), c.raw)
	}
}

func TestErrorsTellAnUnexpectedFieldFromTheRest(t *testing.T) {
	t.Parallel()

	kind := daml.Record(named("R"), field("a", daml.List(daml.Record(named("S")))))

	var failed *daml.Error

	_, err := kind.Decode([]byte(`{"a":[{},{"zz":1}]}`))
	require.ErrorAs(t, err, &failed)
	require.Equal(t, daml.Error{Path: "a[1].zz", Problem: "an unexpected field", Unexpected: true}, *failed)

	_, err = kind.Decode([]byte(`{}`))
	require.ErrorAs(t, err, &failed)
	require.Equal(t, daml.Error{Path: "a", Problem: "a required field is missing"}, *failed)

	_, err = kind.Decode([]byte(`{"a":[{"` + strings.Repeat("z", 1000) + `":1}]}`))
	require.ErrorAs(t, err, &failed)
	require.Less(t, len(failed.Error()), 150)
}

func nested(depth int) string {
	return strings.Repeat(`{"tag":"AV_List","value":[`, depth) + strings.Repeat(`]}`, depth)
}

// TestNestingIsBounded also asks what the bound is for: a transaction with the deepest value can be read.
func TestNestingIsBounded(t *testing.T) {
	t.Parallel()

	kind := anyValue()

	v, err := kind.Decode([]byte(nested(50))) // a variant and a list each
	require.NoError(t, err)
	require.Equal(t, nested(50), decoded(kind, nested(50)))
	requireSignable(t, v)

	_, err = daml.Optional(kind).Decode([]byte(nested(50)))
	require.ErrorContains(t, err, "nested")

	for _, raw := range []string{
		nested(51), strings.Repeat(`{"tag":"AV_List","value":[`, 100_000),
		`{"value":` + strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000) + `,"tag":"AV_List"}`,
	} {
		_, err := kind.Decode([]byte(raw))
		require.ErrorContains(t, err, "nested")
	}

	// A tag that comes late costs a second look, which nesting must not multiply without end.
	late := func(depth int) string {
		return strings.Repeat(`{"value":[`, depth) + strings.Repeat(`],"tag":"AV_List"}`, depth)
	}
	require.Equal(t, nested(15), decoded(kind, late(15)))

	_, err = kind.Decode([]byte(late(50)))
	require.ErrorContains(t, err, "value before the tag")

	deep := signing.Value(signing.Unit{})
	for range 100 {
		deep = signing.Optional{Value: deep}
	}

	_, err = daml.JSON(deep)
	require.ErrorIs(t, err, daml.ErrUnprintable)
}

func TestSizesAreBounded(t *testing.T) {
	t.Parallel()

	_, err := daml.Text().Decode([]byte(`"` + strings.Repeat("a", daml.MaxBytes) + `"`))
	require.ErrorContains(t, err, "bytes")

	units := daml.List(daml.Unit())
	_, err = units.Decode([]byte("[" + strings.Repeat("{},", 65_534) + "{}]"))
	require.NoError(t, err)

	_, err = units.Decode([]byte("[" + strings.Repeat("{},", 65_535) + "{}]"))
	require.ErrorContains(t, err, "more than 65536 values")

	var members []string
	for i := range 101 {
		members = append(members, fmt.Sprintf(`"z%d":null`, i))
	}

	_, err = daml.Unit().Decode([]byte("{" + strings.Join(members[:100], ",") + "}"))
	require.NoError(t, err)

	_, err = daml.Unit().Decode([]byte("{" + strings.Join(members, ",") + "}"))
	require.ErrorContains(t, err, "too many unexpected fields")
}

func TestWhatNoNodeHoldsIsNotWritten(t *testing.T) {
	t.Parallel()

	for _, v := range []signing.Value{
		nil,
		signing.List{nil},
		signing.Numeric("x"),
		signing.Numeric("0.12345678901"),
		signing.Text("\xff"),
		signing.Record{Fields: []signing.Field{{Value: signing.Unit{}}}},
		signing.Record{Fields: []signing.Field{{Label: "a"}}},
		signing.TextMap{{Key: "a"}},
		signing.GenMap{{Key: signing.Unit{}}},
		signing.GenMap{{Value: signing.Unit{}}},
		signing.Variant{Constructor: "A"},
		signing.Optional{Value: signing.Optional{Value: signing.Numeric("x")}},
	} {
		_, err := daml.JSON(v)
		require.ErrorIs(t, err, daml.ErrUnprintable, "%#v", v)
	}
}

func TestANumericOfAnotherScaleIsWrittenCanonically(t *testing.T) {
	t.Parallel()

	raw, err := daml.AppendJSON([]byte("amount="), signing.Numeric("125.1002"))
	require.NoError(t, err)
	require.Equal(t, `amount="125.1002000000"`, string(raw))
}

// requireSignable puts v into a transaction, and expects to find it there again, hashed.
func requireSignable(t require.TestingT, v signing.Value) {
	p := signing.Prepared{
		Transaction: signing.Transaction{Version: signing.LFVersion1, Roots: []*signing.Node{{
			Seed: &signing.Seed{1}, Action: signing.Create{
				LFVersion: signing.LFVersion1, ContractID: "00ab", PackageName: "sample", Template: named("T"),
				Argument: v, Signatories: []ident.Party{alice}, Stakeholders: []ident.Party{alice, bob},
			},
		}}},
		Metadata: signing.Metadata{
			ActAs: []ident.Party{alice}, CommandID: "c", SynchronizerID: "global::1220cc", MediatorGroup: 1,
			TransactionUUID: "5d1f0a3e-0000-4000-8000-000000000000", PreparationTime: 1,
		},
	}

	got, err := signing.Decode(signing.Encode(p))
	require.NoError(t, err)
	require.Equal(t, v, got.Transaction.Creates()[0].Argument)

	for _, scheme := range []signing.Scheme{signing.V2, signing.V3} {
		want, err := p.Hash(scheme)
		require.NoError(t, err)

		hash, err := got.Hash(scheme)
		require.NoError(t, err)
		require.Equal(t, want, hash)
	}
}

func TestValuesCanBeSigned(t *testing.T) {
	t.Parallel()

	requireSignable(t, everythingValue())

	rapid.Check(t, func(t *rapid.T) {
		kind, v := pairs{t}.draw(3)

		raw, err := daml.JSON(v)
		require.NoError(t, err)

		got, err := kind.Decode(raw)
		require.NoError(t, err)
		requireSignable(t, got)
	})
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		everythingJSON, `{}`, `[]`, `null`, `{"unit":{},"bool":false}`, nested(3), `{"a":1e5}`, `{"value":[],"tag":"AV_List"}`,
	} {
		f.Add([]byte(seed))
	}

	types := []*daml.Type{everything(), anyValue(), daml.Numeric(), daml.TextMap(daml.Text()), daml.Timestamp()}

	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, kind := range types {
			v, err := kind.Decode(raw)
			if err != nil {
				var failed *daml.Error

				require.ErrorAs(t, err, &failed)

				continue
			}

			again, err := daml.JSON(v)
			require.NoError(t, err)

			got, err := kind.Decode(again)
			require.NoError(t, err)
			require.Equal(t, v, got)
		}
	})
}
