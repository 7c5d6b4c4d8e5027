package signing

import "google.golang.org/protobuf/encoding/protowire"

// Each kind of value writes itself as an alternative of Value.sum, which is there even if it is zero.

func (Unit) write(w *writer)         { w.message(valueUnit, func() {}) }
func (b Bool) write(w *writer)       { w.varintAlways(valueBool, protowire.EncodeBool(bool(b))) }
func (n Int64) write(w *writer)      { w.varintAlways(valueInt64, protowire.EncodeZigZag(int64(n))) }
func (n Numeric) write(w *writer)    { w.textAlways(valueNumeric, string(n)) }
func (p Party) write(w *writer)      { w.textAlways(valueParty, string(p)) }
func (t Text) write(w *writer)       { w.textAlways(valueText, string(t)) }
func (c ContractID) write(w *writer) { w.textAlways(valueContractID, string(c)) }

func (d Date) write(w *writer) {
	w.varintAlways(valueDate, uint64(int64(d))) //nolint:gosec // two's complement
}

func (t Timestamp) write(w *writer) {
	w.buf = protowire.AppendTag(w.buf, protowire.Number(valueTimestamp), protowire.Fixed64Type)
	w.buf = protowire.AppendFixed64(w.buf, uint64(t)) //nolint:gosec // two's complement
}

func (o Optional) write(w *writer) {
	w.message(valueOptional, func() { w.value(optionalValue, o.Value) })
}

func (l List) write(w *writer) {
	w.message(valueList, func() {
		for _, element := range l {
			w.value(collectionItems, element)
		}
	})
}

func (t TextMap) write(w *writer) {
	w.message(valueTextMap, func() {
		for _, entry := range t {
			w.message(collectionItems, func() {
				w.text(entryKey, entry.Key)
				w.value(entryValue, entry.Value)
			})
		}
	})
}

func (g GenMap) write(w *writer) {
	w.message(valueGenMap, func() {
		for _, entry := range g {
			w.message(collectionItems, func() {
				w.value(entryKey, entry.Key)
				w.value(entryValue, entry.Value)
			})
		}
	})
}

func (r Record) write(w *writer) {
	w.message(valueRecord, func() {
		w.identifier(typeID, r.ID)

		for _, f := range r.Fields {
			w.message(recordFields, func() {
				w.text(recordFieldLabel, f.Label)
				w.value(recordFieldValue, f.Value)
			})
		}
	})
}

func (v Variant) write(w *writer) {
	w.message(valueVariant, func() {
		w.identifier(typeID, v.ID)
		w.text(variantConstructor, v.Constructor)
		w.value(variantValue, v.Value)
	})
}

func (n Enum) write(w *writer) {
	w.message(valueEnum, func() {
		w.identifier(typeID, n.ID)
		w.text(enumConstructor, n.Constructor)
	})
}
