package signing

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// decoder carries what is shared by all messages nested in one: the first error, where we are, and how much was read.
// After an error every message is at its end, so that code which reads fields needs no check after each.
type decoder struct {
	err      error
	path     []string
	elements int
	texts    [recentTexts]string
	names    [recentNames]recentName
}

// message steps through the fields of one protobuf message, more strictly than protobuf asks for. The caller's switch
// over num must read the field with exactly one accessor, or call unknown.
type message struct {
	d    *decoder
	name string
	rest []byte
	num  number
	typ  protowire.Type
	bits uint64 // of varint and fixed64 fields
	data []byte // of length-delimited fields
	// seen holds a bit per singular field: numbers below firstHighNumber in the first word, those from there on in the
	// second.
	seen [2]uint64
}

// The schema's field numbers are below 64, or from 1000 on.
const firstHighNumber = 1000

func (d *decoder) failf(kind error, format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%s: %w: %s", strings.Join(d.path, "."), kind, fmt.Sprintf(format, args...))
	}
}

// count accounts for one more message or list item.
func (d *decoder) count() {
	d.elements++
	if d.elements > maxElements {
		d.failf(ErrTooLarge, "more than %d elements", maxElements)
	}
}

// open begins to read a message. It must be read to its end.
func (d *decoder) open(name string, raw []byte) message {
	d.path = append(d.path, name)
	d.count()

	return message{d: d, name: name, rest: raw}
}

// next reads the following field. It reports false at the end and after an error.
func (m *message) next() bool {
	if m.d.err != nil {
		return false
	}

	if len(m.rest) == 0 {
		m.d.path = m.d.path[:len(m.d.path)-1]

		return false
	}

	num, typ, n := protowire.ConsumeTag(m.rest)
	if n < 0 {
		m.d.failf(ErrMalformed, "tag: %v", protowire.ParseError(n))

		return false
	}

	if n != protowire.SizeVarint(protowire.EncodeTag(num, typ)) {
		m.d.failf(ErrNotCanonical, "tag of field %d", num)

		return false
	}

	m.num, m.typ, m.rest = number(num), typ, m.rest[n:]

	return m.content()
}

func (m *message) content() bool {
	var n, canonical int

	switch m.typ {
	case protowire.VarintType:
		m.bits, n = protowire.ConsumeVarint(m.rest)
		canonical = protowire.SizeVarint(m.bits)
	case protowire.Fixed64Type:
		m.bits, n = protowire.ConsumeFixed64(m.rest)
		canonical = protowire.SizeFixed64()
	case protowire.BytesType:
		m.data, n = protowire.ConsumeBytes(m.rest)
		canonical = protowire.SizeBytes(len(m.data))
	case protowire.Fixed32Type, protowire.StartGroupType, protowire.EndGroupType:
		m.d.failf(ErrUnknownField, "field %d has wire type %d, which no field of the schema has", m.num, m.typ)

		return false
	default:
		m.d.failf(ErrMalformed, "field %d has wire type %d", m.num, m.typ)

		return false
	}

	if n < 0 {
		m.d.failf(ErrMalformed, "field %d: %v", m.num, protowire.ParseError(n))

		return false
	}

	if n != canonical {
		m.d.failf(ErrNotCanonical, "field %d is longer than necessary", m.num)

		return false
	}

	m.rest = m.rest[n:]

	return true
}

// unknown refuses a field that the schema does not have.
func (m *message) unknown() { m.d.failf(ErrUnknownField, "number %d", m.num) }

// require refuses a message without a singular field.
func (m *message) require(fields ...number) {
	for _, num := range fields {
		if word, bit := seenBit(num); m.seen[word]&bit == 0 {
			m.missing(num)
		}
	}
}

// missing refuses a message that ended without a field.
func (m *message) missing(num number) { m.d.failf(ErrMissingField, "%s, number %d", m.name, num) }

func seenBit(num number) (word int, bit uint64) {
	if num < firstHighNumber {
		return 0, 1 << num
	}

	return 1, 1 << (num - firstHighNumber)
}

// once notes a singular field and its wire type.
func (m *message) once(typ protowire.Type) {
	word, bit := seenBit(m.num)
	if m.seen[word]&bit != 0 {
		m.d.failf(ErrDuplicateField, "number %d", m.num)
	}

	m.seen[word] |= bit
	m.typed(typ)
}

// only notes a field of a oneof in a message that has nothing else.
func (m *message) only(typ protowire.Type) {
	if m.seen != [2]uint64{} {
		m.d.failf(ErrDuplicateField, "number %d beside another alternative", m.num)
	}

	m.once(typ)
}

func (m *message) typed(typ protowire.Type) {
	if m.typ != typ {
		m.d.failf(ErrMalformed, "field %d has wire type %d instead of %d", m.num, m.typ, typ)
		m.bits, m.data = 0, nil
	}
}

// sub opens a singular message field.
func (m *message) sub(name string) message {
	m.once(protowire.BytesType)

	return m.d.open(name, m.data)
}

// item opens one message of a repeated field.
func (m *message) item(name string) message {
	m.typed(protowire.BytesType)

	return m.d.open(name, m.data)
}

// bytes is a singular bytes field. The result shares memory with the input.
func (m *message) bytes() []byte {
	m.once(protowire.BytesType)

	return m.data
}

// text is a singular string of at most limit bytes.
func (m *message) text(limit int) string {
	m.once(protowire.BytesType)

	return m.string(limit)
}

// itemText is one string of a repeated field.
func (m *message) itemText(limit int) string {
	m.typed(protowire.BytesType)
	m.d.count()

	return m.string(limit)
}

func (m *message) string(limit int) string {
	switch {
	case len(m.data) > limit:
		m.d.failf(ErrTooLarge, "field %d has %d bytes, at most %d are allowed", m.num, len(m.data), limit)
	case !utf8.Valid(m.data):
		m.d.failf(ErrInvalidValue, "field %d is not UTF-8", m.num)
	default:
		return m.d.keep(m.data)
	}

	return ""
}

func (m *message) bool() bool {
	m.once(protowire.VarintType)

	return m.boolean()
}

func (m *message) boolean() bool {
	if m.bits > 1 {
		m.d.failf(ErrNotCanonical, "field %d is %d, not a boolean", m.num, m.bits)
	}

	return m.bits == 1
}

// int32 is a singular int32, whose negative values protobuf extends to 64 bits.
func (m *message) int32() int32 {
	m.once(protowire.VarintType)

	return m.signed()
}

func (m *message) signed() int32 {
	v := int64(m.bits) //nolint:gosec // the bits are a two's complement
	if v < math.MinInt32 || v > math.MaxInt32 {
		m.d.failf(ErrNotCanonical, "field %d does not fit 32 bits", m.num)

		return 0
	}

	return int32(v)
}

// uint32 is a singular uint32 below 2^31: what is hashed is a signed number.
func (m *message) uint32() uint32 {
	m.once(protowire.VarintType)

	if m.bits > math.MaxInt32 {
		m.d.failf(ErrNotCanonical, "field %d is %d, more than 31 bits", m.num, m.bits)

		return 0
	}

	return uint32(m.bits)
}

// micros is a singular uint64 of microseconds since 1970.
func (m *message) micros() Timestamp {
	m.once(protowire.VarintType)

	if m.bits > maxTimestamp {
		m.d.failf(ErrInvalidValue, "field %d is %d, after the year 9999", m.num, m.bits)

		return 0
	}

	return Timestamp(m.bits)
}
