package signing

import (
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
)

// value reads one Daml value. A value of which no alternative is set is refused: nobody knows its encoding.
func (d *decoder) value(m message, depth int) Value {
	if depth > maxValueDepth {
		d.failf(ErrTooLarge, "values nest deeper than %d", maxValueDepth)
	}

	var out Value

	for m.next() {
		if m.num >= valueOptional {
			out = d.compound(&m, depth+1)
		} else {
			out = d.leaf(&m)
		}
	}

	if out == nil {
		d.failf(ErrMissingField, "%s without a value", m.name)
	}

	return out
}

func (d *decoder) leaf(m *message) Value {
	switch m.num {
	case valueUnit:
		m.only(protowire.BytesType)

		empty := d.open("unit", m.data)
		for empty.next() {
			empty.unknown()
		}

		return Unit{}
	case valueBool:
		m.only(protowire.VarintType)

		return Bool(m.boolean())
	case valueInt64:
		m.only(protowire.VarintType)

		return Int64(protowire.DecodeZigZag(m.bits))
	case valueDate:
		m.only(protowire.VarintType)

		return d.date(m.signed())
	case valueTimestamp:
		m.only(protowire.Fixed64Type)

		return d.timestamp(int64(m.bits)) //nolint:gosec // sfixed64 is a two's complement
	case valueNumeric:
		m.only(protowire.BytesType)

		return d.numeric(m.string(maxShortText))
	case valueParty:
		m.only(protowire.BytesType)

		return Party(d.party(m.string(maxPartyBytes)))
	case valueText:
		m.only(protowire.BytesType)

		return Text(m.string(MaxBytes))
	case valueContractID:
		m.only(protowire.BytesType)

		return ContractID(d.contractID(m.string(2 * maxContractIDBytes)))
	default:
		m.unknown()

		return nil
	}
}

func (d *decoder) compound(m *message, depth int) Value {
	switch m.num {
	case valueOptional:
		m.only(protowire.BytesType)

		return d.optional(d.open("optional", m.data), depth)
	case valueList:
		m.only(protowire.BytesType)

		return d.list(d.open("list", m.data), depth)
	case valueTextMap:
		m.only(protowire.BytesType)

		return d.textMap(d.open("text_map", m.data), depth)
	case valueGenMap:
		m.only(protowire.BytesType)

		return d.genMap(d.open("gen_map", m.data), depth)
	case valueRecord:
		m.only(protowire.BytesType)

		return d.record(d.open("record", m.data), depth)
	case valueVariant:
		m.only(protowire.BytesType)

		return d.variant(d.open("variant", m.data), depth)
	case valueEnum:
		m.only(protowire.BytesType)

		return d.enum(d.open("enum", m.data))
	default:
		m.unknown()

		return nil
	}
}

func (d *decoder) optional(m message, depth int) Optional {
	var out Optional

	for m.next() {
		if m.num != optionalValue {
			m.unknown()
		}

		out.Value = d.value(m.sub("value"), depth)
	}

	return out
}

func (d *decoder) list(m message, depth int) List {
	var out List

	for m.next() {
		if m.num != collectionItems {
			m.unknown()
		}

		out = append(out, d.value(m.item("elements"), depth))
	}

	return out
}

func (d *decoder) textMap(m message, depth int) TextMap {
	var out TextMap

	keys := map[string]struct{}{}

	for m.next() {
		if m.num != collectionItems {
			m.unknown()
		}

		entry := d.textEntry(m.item("entries"), depth)

		if _, twice := keys[entry.Key]; twice {
			d.failf(ErrInvalidValue, "text map with the key %.80q twice", entry.Key)
		}

		keys[entry.Key] = struct{}{}
		out = append(out, entry)
	}

	return out
}

func (d *decoder) textEntry(m message, depth int) TextEntry {
	var out TextEntry

	for m.next() {
		switch m.num {
		case entryKey:
			out.Key = m.text(MaxBytes)
		case entryValue:
			out.Value = d.value(m.sub("value"), depth)
		default:
			m.unknown()
		}
	}

	m.require(entryValue)

	return out
}

func (d *decoder) genMap(m message, depth int) GenMap {
	var out GenMap

	keys := map[string]struct{}{}

	for m.next() {
		if m.num != collectionItems {
			m.unknown()
		}

		entry := d.genEntry(m.item("entries"), depth)
		if d.err != nil {
			return nil
		}

		// Equal values have equal encodings, and only they.
		e := encoding{}
		e.value(entry.Key)

		if _, twice := keys[string(e.buf)]; twice {
			d.failf(ErrInvalidValue, "map with the same key twice")
		}

		keys[string(e.buf)] = struct{}{}
		out = append(out, entry)
	}

	return out
}

func (d *decoder) genEntry(m message, depth int) GenEntry {
	var out GenEntry

	for m.next() {
		switch m.num {
		case entryKey:
			out.Key = d.value(m.sub("key"), depth)
		case entryValue:
			out.Value = d.value(m.sub("value"), depth)
		default:
			m.unknown()
		}
	}

	m.require(entryKey, entryValue)

	return out
}

func (d *decoder) record(m message, depth int) Record {
	var out Record

	for m.next() {
		switch m.num {
		case typeID:
			out.ID = d.identifier(m.sub("record_id"))
		case recordFields:
			out.Fields = append(out.Fields, d.recordField(m.item("fields"), depth))
		default:
			m.unknown()
		}
	}

	d.checkLabels(out)

	return out
}

// checkLabels refuses a record in which a label could mean two fields.
func (d *decoder) checkLabels(r Record) {
	labels := make(map[string]struct{}, len(r.Fields))

	for _, f := range r.Fields {
		if _, twice := labels[f.Label]; twice && f.Label != "" {
			d.failf(ErrInvalidValue, "record with the field %.80q twice", f.Label)
		}

		labels[f.Label] = struct{}{}
	}
}

func (d *decoder) recordField(m message, depth int) Field {
	var out Field

	for m.next() {
		switch m.num {
		case recordFieldLabel:
			out.Label = m.text(maxShortText)
		case recordFieldValue:
			out.Value = d.value(m.sub("value"), depth)
		default:
			m.unknown()
		}
	}

	m.require(recordFieldValue)

	return out
}

func (d *decoder) variant(m message, depth int) Variant {
	var out Variant

	for m.next() {
		switch m.num {
		case typeID:
			out.ID = d.identifier(m.sub("variant_id"))
		case variantConstructor:
			out.Constructor = m.text(maxShortText)
		case variantValue:
			out.Value = d.value(m.sub("value"), depth)
		default:
			m.unknown()
		}
	}

	m.require(variantConstructor, variantValue)

	return out
}

func (d *decoder) enum(m message) Enum {
	var out Enum

	for m.next() {
		switch m.num {
		case typeID:
			out.ID = d.identifier(m.sub("enum_id"))
		case enumConstructor:
			out.Constructor = m.text(maxShortText)
		default:
			m.unknown()
		}
	}

	m.require(enumConstructor)

	return out
}

func (d *decoder) date(days int32) Date {
	if days < minDate || days > maxDate {
		d.failf(ErrInvalidValue, "date %d outside of the years 1 to 9999", days)
	}

	return Date(days)
}

func (d *decoder) timestamp(micros int64) Timestamp {
	if micros < minTimestamp || micros > maxTimestamp {
		d.failf(ErrInvalidValue, "time %d outside of the years 1 to 9999", micros)
	}

	return Timestamp(micros)
}

// numeric accepts an optional minus, digits, and optionally a point and digits, without superfluous leading zeros.
func (d *decoder) numeric(text string) Numeric {
	unsigned := strings.TrimPrefix(text, "-")
	whole, fraction, pointed := strings.Cut(unsigned, ".")

	ok := digits(whole) && (!pointed || digits(fraction)) && len(whole)+len(fraction) <= maxNumericDigits &&
		(len(whole) == 1 || whole[0] != '0')
	if !ok {
		d.failf(ErrInvalidValue, "numeric %.80q", text)
	}

	return Numeric(text)
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}

	return s != ""
}
