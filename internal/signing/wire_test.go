package signing

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"
)

// part is a field of a message taken apart without a schema: what can be a message is taken for one.
type part struct {
	num    number
	typ    protowire.Type
	raw    []byte // tag and content
	inside []part // nil if no message
}

func takeApart(raw []byte) ([]part, bool) {
	var parts []part

	for len(raw) > 0 {
		num, typ, n := protowire.ConsumeField(raw)
		if n < 0 {
			return nil, false
		}

		p := part{num: number(num), typ: typ, raw: raw[:n]}

		if typ == protowire.BytesType {
			_, _, tag := protowire.ConsumeTag(raw)
			content, _ := protowire.ConsumeBytes(raw[tag:])

			if inside, ok := takeApart(content); ok && len(content) > 0 {
				p.inside = inside
			}
		}

		parts = append(parts, p)
		raw = raw[n:]
	}

	return parts, true
}

func putTogether(parts []part) []byte {
	var out []byte

	for _, p := range parts {
		if p.inside == nil {
			out = append(out, p.raw...)

			continue
		}

		out = protowire.AppendTag(out, protowire.Number(p.num), protowire.BytesType)
		out = protowire.AppendBytes(out, putTogether(p.inside))
	}

	return out
}

// variations calls visit with the whole message once for every list of fields in it, changed by change.
func variations(whole []part, change func([]part) [][]part, visit func(raw []byte)) {
	var descend func(parts []part, rebuild func([]part) []byte)

	descend = func(parts []part, rebuild func([]part) []byte) {
		for _, changed := range change(parts) {
			visit(rebuild(changed))
		}

		for i, p := range parts {
			if p.inside == nil {
				continue
			}

			descend(p.inside, func(inside []part) []byte {
				outer := slices.Clone(parts)
				outer[i].inside = inside

				return rebuild(outer)
			})
		}
	}

	descend(whole, putTogether)
}

// samples are encoded transactions with the scheme that hashes them.
func samples() map[Scheme][]byte {
	return map[Scheme][]byte{V2: Encode(sample()), V3: Encode(sampleV3())}
}

// original is a transaction that is going to be changed.
type original struct {
	prepared Prepared
	scheme   Scheme
	hash     Hash
	hashed   Prepared
}

func newOriginal(tb rapid.TB, scheme Scheme, raw []byte) original {
	tb.Helper()

	p, err := Decode(raw)
	require.NoError(tb, err)

	hash, err := p.Hash(scheme)
	require.NoError(tb, err)

	return original{prepared: p, scheme: scheme, hash: hash, hashed: hashed(p, scheme)}
}

// refusedOrDifferent is the rule of this package: a changed message is refused, or its hash is another, or what was
// changed is read, and is something that is known not to be hashed. It returns the refusal.
func (o original) refusedOrDifferent(tb rapid.TB, changed []byte) error {
	tb.Helper()

	p, err := Decode(changed)
	if err != nil {
		return err
	}

	hash, err := p.Hash(o.scheme)
	if err != nil {
		return err
	}

	if hash == o.hash {
		require.Equal(tb, o.hashed, hashed(p, o.scheme), "changed unseen: %x", changed)
		require.NotEqual(tb, o.prepared, p, "changed and not read: %x", changed)
	}

	return nil
}

func TestEveryFlippedBitIsSeen(t *testing.T) {
	t.Parallel()

	for scheme, raw := range samples() {
		t.Run(scheme.String(), func(t *testing.T) {
			t.Parallel()

			o := newOriginal(t, scheme, raw)
			accepted := 0

			for i := range raw {
				for bit := range 8 {
					changed := slices.Clone(raw)
					changed[i] ^= 1 << bit

					if o.refusedOrDifferent(t, changed) == nil {
						accepted++
					}
				}
			}

			require.Greater(t, accepted, len(raw), "hardly anything was accepted, so hardly anything was tested")
		})
	}
}

func TestEveryUnknownFieldIsRefused(t *testing.T) {
	t.Parallel()

	unknown := []part{
		{raw: protowire.AppendVarint(protowire.AppendTag(nil, 999, protowire.VarintType), 1)},
		{raw: protowire.AppendString(protowire.AppendTag(nil, 18, protowire.BytesType), "new")},
		{raw: protowire.AppendFixed64(protowire.AppendTag(nil, 63, protowire.Fixed64Type), 1)},
		{raw: protowire.AppendFixed32(protowire.AppendTag(nil, 1, protowire.Fixed32Type), 1)},
		{raw: []byte{0x0b, 0x0c}}, // an empty group
	}

	for scheme, raw := range samples() {
		t.Run(scheme.String(), func(t *testing.T) {
			t.Parallel()

			whole, ok := takeApart(raw)
			require.True(t, ok)

			refused := 0

			add := func(parts []part) [][]part {
				var out [][]part
				for _, u := range unknown {
					out = append(out, append(slices.Clone(parts), u), append([]part{u}, parts...))
				}

				return out
			}

			o := newOriginal(t, scheme, raw)

			// Texts may look like messages; there it is the hash that tells.
			variations(whole, add, func(changed []byte) {
				if errors.Is(o.refusedOrDifferent(t, changed), ErrUnknownField) {
					refused++
				}
			})

			require.Greater(t, refused, 1200)
		})
	}
}

func TestEveryFieldIsNeededOnce(t *testing.T) {
	t.Parallel()

	twice := func(parts []part) [][]part {
		var out [][]part
		for i := range parts {
			out = append(out, slices.Insert(slices.Clone(parts), i, parts[i]), append(slices.Clone(parts), parts[i]))
		}

		return out
	}
	missing := func(parts []part) [][]part {
		var out [][]part
		for i := range parts {
			out = append(out, slices.Delete(slices.Clone(parts), i, i+1))
		}

		return out
	}

	for scheme, raw := range samples() {
		t.Run(scheme.String(), func(t *testing.T) {
			t.Parallel()

			whole, ok := takeApart(raw)
			require.True(t, ok)

			o := newOriginal(t, scheme, raw)
			refused := 0

			for _, change := range []func([]part) [][]part{twice, missing} {
				variations(whole, change, func(changed []byte) {
					if o.refusedOrDifferent(t, changed) != nil {
						refused++
					}
				})
			}

			require.Greater(t, refused, 300)
		})
	}
}

func TestTheOrderOfFieldsDoesNotMatterAndThatOfItemsDoes(t *testing.T) {
	t.Parallel()

	for scheme, raw := range samples() {
		t.Run(scheme.String(), func(t *testing.T) {
			t.Parallel()

			whole, ok := takeApart(raw)
			require.True(t, ok)

			same := 0

			swap := func(parts []part) [][]part {
				var out [][]part

				for i := range len(parts) - 1 {
					changed := slices.Clone(parts)
					changed[i], changed[i+1] = changed[i+1], changed[i]
					out = append(out, changed)
				}

				return out
			}

			o := newOriginal(t, scheme, raw)

			variations(whole, swap, func(changed []byte) {
				p, err := Decode(changed)
				if err != nil {
					return // a text that looks like a message, and is none
				}

				hash, err := p.Hash(scheme)
				require.NoError(t, err)

				if hash == o.hash {
					require.Equal(t, o.prepared, p)

					same++
				}
			})

			require.Greater(t, same, 200, "swapping different fields must leave the message what it is")
		})
	}
}

func TestWhatReadersDifferAbout(t *testing.T) {
	t.Parallel()

	text := func(num number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(nil, protowire.Number(num), protowire.BytesType), s)
	}

	tests := map[string]struct {
		raw  []byte
		want error
	}{
		"no value":                         {nil, ErrMissingField},
		"two values":                       {append(text(valueText, "a"), text(valueParty, "b")...), ErrDuplicateField},
		"a value twice":                    {append(text(valueText, "a"), text(valueText, "b")...), ErrDuplicateField},
		"an unknown value":                 {text(17, ""), ErrUnknownField},
		"an unknown value far off":         {text(5000, ""), ErrUnknownField},
		"a field in unit":                  {text(valueUnit, "\x08\x01"), ErrUnknownField},
		"a wrong wire type":                {text(valueBool, "\x01"), ErrMalformed},
		"an overlong tag":                  {[]byte{0x90, 0x00, 0x01}, ErrNotCanonical},
		"an overlong boolean":              {[]byte{0x10, 0x81, 0x00}, ErrNotCanonical},
		"a boolean of two":                 {[]byte{0x10, 0x02}, ErrNotCanonical},
		"an overlong length":               {[]byte{0x42, 0x81, 0x00, 'a'}, ErrNotCanonical},
		"an overlong integer":              {[]byte{0x18, 0x80, 0x00}, ErrNotCanonical},
		"a date in 33 bits":                {[]byte{0x20, 0x80, 0x80, 0x80, 0x80, 0x10}, ErrNotCanonical},
		"a negative date in 32 bits":       {[]byte{0x20, 0xff, 0xff, 0xff, 0xff, 0x0f}, ErrNotCanonical},
		"a date after 9999":                {[]byte{0x20, 0x85, 0x82, 0xb3, 0x01}, ErrInvalidValue},
		"a time after 9999":                {[]byte{0x29, 0, 0, 0, 0, 0, 0, 0, 0x7f}, ErrInvalidValue},
		"a number without end":             {append([]byte{0x18}, bytes.Repeat([]byte{0xff}, 11)...), ErrMalformed},
		"a text cut short":                 {[]byte{0x42, 0x05, 'a'}, ErrMalformed},
		"a tag of field zero":              {[]byte{0x00, 0x00}, ErrMalformed},
		"a text that is not UTF-8":         {text(valueText, "\xff"), ErrInvalidValue},
		"a contract id in capitals":        {text(valueContractID, "00AB"), ErrInvalidValue},
		"half a contract id":               {text(valueContractID, "00a"), ErrInvalidValue},
		"no contract id":                   {text(valueContractID, ""), ErrInvalidValue},
		"a party that is no text":          {text(valueParty, "a\nb"), ErrInvalidValue},
		"a number with an exponent":        {text(valueNumeric, "1e5"), ErrInvalidValue},
		"a number with a plus":             {text(valueNumeric, "+1"), ErrInvalidValue},
		"a number without digits":          {text(valueNumeric, "-"), ErrInvalidValue},
		"a number that ends in its point":  {text(valueNumeric, "1."), ErrInvalidValue},
		"a number with an idle zero":       {text(valueNumeric, "01"), ErrInvalidValue},
		"a map key twice":                  {twoKeys(valueTextMap, text(entryKey, "a")), ErrInvalidValue},
		"a map key twice, as a value":      {twoKeys(valueGenMap, message1(entryKey, text(valueText, "a"))), ErrInvalidValue},
		"a label twice":                    {twoLabels("amount"), ErrInvalidValue},
		"a type that is there and nothing": {message1(valueEnum, message1(typeID), text(2, "A")), ErrInvalidValue},
		"an entry without a value": {
			message1(valueTextMap, message1(collectionItems, text(entryKey, "a"))), ErrMissingField,
		},
		"a field without a value": {
			message1(valueRecord, message1(recordFields, text(recordFieldLabel, "a"))), ErrMissingField,
		},
		"a type without a package": {
			message1(valueEnum, message1(typeID, text(2, "M")), text(2, "A")), ErrInvalidValue,
		},
		"a type whose module has a colon": {message1(valueEnum, message1(typeID, text(1, "p"), text(2, "M:N"), text(3, "E")),
			text(2, "A")), ErrInvalidValue},
	}

	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			d := &decoder{}
			d.value(d.open("value", tt.raw), 0)
			require.ErrorIs(t, d.err, tt.want)
		})
	}

	// Labels that a node left out are no label.
	d := &decoder{}
	d.value(d.open("value", twoLabels("")), 0)
	require.NoError(t, d.err)
}

func message1(num number, content ...[]byte) []byte {
	tag := protowire.AppendTag(nil, protowire.Number(num), protowire.BytesType)

	return protowire.AppendBytes(tag, slices.Concat(content...))
}

func unit(num number) []byte { return message1(num, message1(valueUnit)) }

func twoKeys(kind number, key []byte) []byte {
	entry := message1(collectionItems, key, unit(entryValue))

	return message1(kind, entry, entry)
}

func twoLabels(label string) []byte {
	var w writer

	w.text(recordFieldLabel, label)

	field := message1(recordFields, w.buf, unit(recordFieldValue))

	return message1(valueRecord, field, field)
}
