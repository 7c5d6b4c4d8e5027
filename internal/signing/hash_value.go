package signing

// Value tags.
const (
	tagUnit       = 0x00
	tagBool       = 0x01
	tagInt64      = 0x02
	tagNumeric    = 0x03
	tagTimestamp  = 0x04
	tagDate       = 0x05
	tagParty      = 0x06
	tagText       = 0x07
	tagContractID = 0x08
	tagOptional   = 0x09
	tagList       = 0x0a
	tagTextMap    = 0x0b
	tagRecord     = 0x0c
	tagVariant    = 0x0d
	tagEnum       = 0x0e
	tagGenMap     = 0x0f
)

// value is the encoding of a value, the same in every scheme.
func (e *encoding) value(v Value) {
	if v == nil {
		e.failf(ErrMissingField, "no encoding for a value that is not there")

		return
	}

	v.encode(e)
}

func (Unit) encode(e *encoding) { e.byte(tagUnit) }

func (b Bool) encode(e *encoding) {
	e.byte(tagBool)
	e.bool(bool(b))
}

func (n Int64) encode(e *encoding) {
	e.byte(tagInt64)
	e.int64(int64(n))
}

func (n Numeric) encode(e *encoding) {
	e.byte(tagNumeric)
	e.str(string(n))
}

func (t Timestamp) encode(e *encoding) {
	e.byte(tagTimestamp)
	e.int64(int64(t))
}

func (d Date) encode(e *encoding) {
	e.byte(tagDate)
	e.int32(int32(d))
}

func (p Party) encode(e *encoding) {
	e.byte(tagParty)
	e.str(string(p))
}

func (t Text) encode(e *encoding) {
	e.byte(tagText)
	e.str(string(t))
}

func (c ContractID) encode(e *encoding) {
	e.byte(tagContractID)
	e.hex(string(c))
}

func (o Optional) encode(e *encoding) {
	e.byte(tagOptional)
	e.bool(o.Value != nil)

	if o.Value != nil {
		e.value(o.Value)
	}
}

func (l List) encode(e *encoding) {
	e.byte(tagList)
	e.length(len(l))

	for _, element := range l {
		e.value(element)
	}
}

func (t TextMap) encode(e *encoding) {
	e.byte(tagTextMap)
	e.length(len(t))

	for _, entry := range t {
		e.str(entry.Key)
		e.value(entry.Value)
	}
}

func (g GenMap) encode(e *encoding) {
	e.byte(tagGenMap)
	e.length(len(g))

	for _, entry := range g {
		e.value(entry.Key)
		e.value(entry.Value)
	}
}

func (r Record) encode(e *encoding) {
	e.byte(tagRecord)
	e.optionalIdentifier(r.ID)
	e.length(len(r.Fields))

	for _, f := range r.Fields {
		e.bool(true) // a label could be absent; the scheme always writes it
		e.str(f.Label)
		e.value(f.Value)
	}
}

func (v Variant) encode(e *encoding) {
	e.byte(tagVariant)
	e.optionalIdentifier(v.ID)
	e.str(v.Constructor)
	e.value(v.Value)
}

func (n Enum) encode(e *encoding) {
	e.byte(tagEnum)
	e.optionalIdentifier(n.ID)
	e.str(n.Constructor)
}
