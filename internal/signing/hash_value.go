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
//
//nolint:cyclop // one case per kind
func (e *encoding) value(v Value) {
	switch v := v.(type) {
	case Unit:
		e.byte(tagUnit)
	case Bool:
		e.byte(tagBool)
		e.bool(bool(v))
	case Int64:
		e.byte(tagInt64)
		e.int64(int64(v))
	case Numeric:
		e.byte(tagNumeric)
		e.str(string(v))
	case Timestamp:
		e.byte(tagTimestamp)
		e.int64(int64(v))
	case Date:
		e.byte(tagDate)
		e.int32(int32(v))
	case Party:
		e.byte(tagParty)
		e.str(string(v))
	case Text:
		e.byte(tagText)
		e.str(string(v))
	case ContractID:
		e.byte(tagContractID)
		e.hex(string(v))
	case Enum:
		e.byte(tagEnum)
		e.optionalIdentifier(v.ID)
		e.str(v.Constructor)
	case Optional, List, TextMap, GenMap, Record, Variant:
		e.compound(v)
	default:
		e.fail(ErrMissingField, "no encoding for a value of type %T", v)
	}
}

func (e *encoding) compound(v Value) {
	switch v := v.(type) {
	case Optional:
		e.byte(tagOptional)
		e.bool(v.Value != nil)

		if v.Value != nil {
			e.value(v.Value)
		}
	case List:
		e.byte(tagList)
		e.length(len(v))

		for _, element := range v {
			e.value(element)
		}
	case TextMap:
		e.byte(tagTextMap)
		e.length(len(v))

		for _, entry := range v {
			e.str(entry.Key)
			e.value(entry.Value)
		}
	case GenMap:
		e.byte(tagGenMap)
		e.length(len(v))

		for _, entry := range v {
			e.value(entry.Key)
			e.value(entry.Value)
		}
	case Record:
		e.byte(tagRecord)
		e.optionalIdentifier(v.ID)
		e.length(len(v.Fields))

		for _, f := range v.Fields {
			e.bool(true) // a label could be absent; the scheme always writes it
			e.str(f.Label)
			e.value(f.Value)
		}
	case Variant:
		e.byte(tagVariant)
		e.optionalIdentifier(v.ID)
		e.str(v.Constructor)
		e.value(v.Value)
	}
}
