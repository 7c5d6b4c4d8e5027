package intent

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

// errUnread is a value that has not the form it should have.
var errUnread = errors.New("not readable")

// reader reads records. After an error the rest of what it reads is worthless, and the first error stands.
type reader struct{ err error }

func (r *reader) failf(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{errUnread}, args...)...)
	}
}

// at is the value of type T at the end of labels.
func at[T signing.Value](r *reader, v signing.Value, labels ...string) T {
	found, err := signing.At[T](v, labels...)
	if err != nil && r.err == nil {
		r.err = err
	}

	return found
}

// only demands that a record has these fields in their order, then perhaps some of those that may follow, and no other:
// a field that we do not know could mean anything. A node leaves out optional fields at the end that hold nothing.
func (r *reader) only(v signing.Value, must []string, may ...string) {
	record, ok := v.(signing.Record)
	if !ok {
		r.failf("%T where a record was expected", v)

		return
	}

	for i, label := range must {
		if i >= len(record.Fields) || record.Fields[i].Label != label {
			r.failf("no field %s in its place", label)

			return
		}
	}

	for _, f := range record.Fields[len(must):] {
		at := slices.Index(may, f.Label)
		if at < 0 {
			r.failf("unknown field %s", shown(f.Label, maxShown))

			return
		}

		may = may[at+1:]
	}
}

// optional is the value of type T in an optional field, which may also be left out; false if there is none.
func optional[T signing.Value](r *reader, v signing.Value, label string) (T, bool) {
	var none T

	record, ok := v.(signing.Record)
	if !ok {
		return none, false
	}

	field, there := record.Get(label)
	if !there {
		return none, false
	}

	wrapped, ok := field.(signing.Optional)
	if !ok {
		r.failf("field %s is not optional", label)

		return none, false
	}

	if wrapped.Value == nil {
		return none, false
	}

	value, ok := wrapped.Value.(T)
	if !ok {
		r.failf("field %s holds %T", label, wrapped.Value)
	}

	return value, ok
}

func (r *reader) amount(v signing.Value, labels ...string) amount.Amount {
	value, err := at[signing.Numeric](r, v, labels...).Amount()
	if err != nil && r.err == nil {
		r.err = err
	}

	return value
}

func (r *reader) party(v signing.Value, labels ...string) ident.Party {
	return ident.Party(at[signing.Party](r, v, labels...))
}

func (r *reader) text(v signing.Value, labels ...string) string {
	return string(at[signing.Text](r, v, labels...))
}

func (r *reader) parties(list signing.List) []ident.Party {
	out := make([]ident.Party, 0, len(list))
	for _, v := range list {
		out = append(out, r.party(v))
	}

	return out
}

func (r *reader) contracts(list signing.List) []ident.ContractID {
	out := make([]ident.ContractID, 0, len(list))
	for _, v := range list {
		out = append(out, ident.ContractID(at[signing.ContractID](r, v)))
	}

	return out
}

// instrument is the standard's InstrumentId.
func (r *reader) instrument(v signing.Value) ident.Instrument {
	r.only(v, []string{"admin", "id"})

	return ident.Instrument{Admin: r.party(v, "admin"), ID: r.text(v, "id")}
}

// metadata is the standard's Metadata.
func (r *reader) metadata(v signing.Value) token.Metadata {
	r.only(v, []string{"values"})

	entries := at[signing.TextMap](r, v, "values")
	out := make(token.Metadata, len(entries))

	for _, entry := range entries {
		out[entry.Key] = r.text(entry.Value)
	}

	return out
}

// transfer is the standard's Transfer, of V1.
func (r *reader) transfer(v signing.Value) token.Transfer {
	r.only(v, []string{
		"sender", "receiver", "amount", "instrumentId", "requestedAt", "executeBefore", "inputHoldingCids", "meta",
	})

	return token.Transfer{
		Sender: r.party(v, "sender"), Receiver: r.party(v, "receiver"), Amount: r.amount(v, "amount"),
		Instrument:    r.instrument(at[signing.Record](r, v, "instrumentId")),
		RequestedAt:   at[signing.Timestamp](r, v, "requestedAt").Time(),
		ExecuteBefore: at[signing.Timestamp](r, v, "executeBefore").Time(),
		Inputs:        r.contracts(at[signing.List](r, v, "inputHoldingCids")),
		Meta:          r.metadata(at[signing.Record](r, v, "meta")),
	}
}

// readTransfer is the transfer in a contract's field of that name. What a record of another standard calls a transfer
// is an error.
func readTransfer(argument signing.Value) (token.Transfer, error) {
	r := &reader{}
	transfer := r.transfer(at[signing.Record](r, argument, "transfer"))

	return transfer, r.err
}

// sameTransfer compares everything but the inputs, which a registry may rewrite.
func (c *checker) sameTransfer(field string, want, got token.Transfer) {
	c.equal(field+".sender", string(want.Sender), string(got.Sender))
	c.equal(field+".receiver", string(want.Receiver), string(got.Receiver))
	c.equal(field+".amount", want.Amount.String(), got.Amount.String())
	c.equal(field+".instrumentId.admin", string(want.Instrument.Admin), string(got.Instrument.Admin))
	c.equal(field+".instrumentId.id", want.Instrument.ID, got.Instrument.ID)
	c.equal(field+".requestedAt", stamp(want.RequestedAt), stamp(got.RequestedAt))
	c.equal(field+".executeBefore", stamp(want.ExecuteBefore), stamp(got.ExecuteBefore))
	c.sameMeta(field+".meta", want.Meta, got.Meta)
}

func (c *checker) sameMeta(field string, want, got token.Metadata) {
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if text, ok := got[key]; !ok {
			c.differs(field+"."+key, want[key], "no such entry")
		} else {
			c.equal(field+"."+key, want[key], text)
		}
	}

	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, asked := want[key]; !asked {
			c.differs(field+"."+key, "no such entry", got[key])
		}
	}
}

func (c *checker) sameContracts(field string, want, got []ident.ContractID) {
	if !slices.Equal(want, got) {
		c.differs(field, joined(want), joined(got))
	}
}

// joined is a list of contracts, shortened for people.
func joined(list []ident.ContractID) string {
	const most = 8

	text := ""

	for i, id := range list {
		if i == most {
			return fmt.Sprintf("%s and %d more", text, len(list)-most)
		}

		if i > 0 {
			text += ", "
		}

		text += brief(id)
	}

	if text == "" {
		return "none"
	}

	return text
}

// brief is the beginning of a contract id, and where it is long its end.
func brief(id ident.ContractID) string {
	const head, tail = 12, 6
	if len(id) <= head+tail {
		return string(id)
	}

	return string(id[:head]) + ".." + string(id[len(id)-tail:])
}

// extraArgs compares the part of a choice's arguments that a registry and the caller share: the context is the
// registry's, the metadata are ours.
func (c *checker) extraArgs(argument signing.Value, meta token.Metadata) {
	r := &reader{}
	extra := at[signing.Record](r, argument, "extraArgs")
	r.only(extra, []string{"context", "meta"})

	context := at[signing.Record](r, extra, "context")
	r.only(context, []string{"values"})

	entries := at[signing.TextMap](r, context, "values")
	got := r.metadata(at[signing.Record](r, extra, "meta"))

	if r.err != nil {
		c.differs("extraArgs", "context and meta", r.err.Error())

		return
	}

	const most = 256
	c.expect(len(entries) <= most, "extraArgs.context", fmt.Sprintf("%d entries at most", most), fmt.Sprint(len(entries)))
	c.sameMeta("extraArgs.meta", meta, got)
}

// cids are the contract ids anywhere inside a value.
func cids(v signing.Value, into map[ident.ContractID]bool) {
	switch x := v.(type) { //nolint:exhaustive // values are values
	case signing.ContractID:
		into[ident.ContractID(x)] = true
	case signing.Optional:
		cids(x.Value, into)
	case signing.Variant:
		cids(x.Value, into)
	case signing.List:
		for _, item := range x {
			cids(item, into)
		}
	case signing.Record:
		for _, f := range x.Fields {
			cids(f.Value, into)
		}
	case signing.TextMap:
		for _, entry := range x {
			cids(entry.Value, into)
		}
	case signing.GenMap:
		for _, entry := range x {
			cids(entry.Key, into)
			cids(entry.Value, into)
		}
	}
}
