package signing

import (
	"encoding/binary"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ident"
)

// Encode writes a prepared transaction as a node sends it, fields in the order of their numbers and nodes in the order
// of Walk. It is the inverse of Decode for what Decode accepts, and does not itself check what it is given: who builds
// a transaction decodes what Encode wrote.
func Encode(p Prepared) []byte {
	w := writer{buf: make([]byte, 0, firstBytes)}

	w.message(preparedTransactionField, func() { w.transaction(p.Transaction) })
	w.message(preparedMetadataField, func() { w.metadata(p.Metadata) })

	return w.buf
}

// writer appends fields. As protobuf has it, a plain field that is zero or empty is left out; what must be there even
// then, in a oneof or optional, has methods of its own.
type writer struct{ buf []byte }

// firstBytes is what a writer begins with: a transfer of one input takes about 20 kB.
const firstBytes = 32 << 10

// message appends a message field; a message is there even if it is empty. The content is written in its place, behind
// one byte for its length, and moves up if the length takes more: copying it at every level would be quadratic.
func (w *writer) message(num number, content func()) {
	w.buf = append(protowire.AppendTag(w.buf, protowire.Number(num), protowire.BytesType), 0)
	begin := len(w.buf)

	content()

	length := len(w.buf) - begin
	if more := protowire.SizeVarint(uint64(length)) - 1; more > 0 { //nolint:gosec // a length is not negative
		w.buf = append(w.buf, make([]byte, more)...)
		copy(w.buf[begin+more:], w.buf[begin:begin+length])
	}

	binary.PutUvarint(w.buf[begin-1:], uint64(length)) //nolint:gosec // the same
}

func (w *writer) text(num number, s string) {
	if s != "" {
		w.textAlways(num, s)
	}
}

func (w *writer) textAlways(num number, s string) {
	w.buf = protowire.AppendTag(w.buf, protowire.Number(num), protowire.BytesType)
	w.buf = protowire.AppendString(w.buf, s)
}

func (w *writer) bytes(num number, b []byte) {
	if len(b) > 0 {
		w.buf = protowire.AppendTag(w.buf, protowire.Number(num), protowire.BytesType)
		w.buf = protowire.AppendBytes(w.buf, b)
	}
}

func (w *writer) varint(num number, n uint64) {
	if n != 0 {
		w.varintAlways(num, n)
	}
}

func (w *writer) varintAlways(num number, n uint64) {
	w.buf = protowire.AppendTag(w.buf, protowire.Number(num), protowire.VarintType)
	w.buf = protowire.AppendVarint(w.buf, n)
}

func (w *writer) bool(num number, b bool) { w.varint(num, protowire.EncodeBool(b)) }

func (w *writer) time(num number, t Timestamp) { w.varint(num, uint64(max(t, 0))) }

func (w *writer) optionalTime(num number, t *Timestamp) {
	if t != nil {
		w.varintAlways(num, uint64(max(*t, 0)))
	}
}

func (w *writer) parties(num number, parties []ident.Party) {
	for _, p := range parties {
		w.textAlways(num, string(p))
	}
}

func (w *writer) identifier(num number, name ident.Name) {
	if name.IsZero() {
		return
	}

	w.message(num, func() {
		w.text(identifierPackageID, name.Package)
		w.text(identifierModuleName, name.Module)
		w.text(identifierEntityName, name.Entity)
	})
}

func (w *writer) metadata(m Metadata) {
	w.message(metadataSubmitterInfo, func() {
		w.parties(submitterActAs, m.ActAs)
		w.text(submitterCommandID, m.CommandID)
	})
	w.text(metadataSynchronizerID, string(m.SynchronizerID))
	w.varint(metadataMediatorGroup, uint64(m.MediatorGroup))
	w.text(metadataTransactionUUID, m.TransactionUUID)
	w.time(metadataPreparationTime, m.PreparationTime)

	for _, input := range m.InputContracts {
		w.message(metadataInputContracts, func() {
			w.message(inputCreateV1, func() { w.create(input.Create) })
			w.time(inputCreatedAt, input.CreatedAt)
			w.bytes(inputEventBlob, input.EventBlob)
		})
	}

	w.optionalTime(metadataMinLedgerTime, m.MinLedgerTime)
	w.optionalTime(metadataMaxLedgerTime, m.MaxLedgerTime)
	w.optionalTime(metadataMaxRecordTime, m.MaxRecordTime)
}

func (w *writer) transaction(t Transaction) {
	w.text(transactionVersion, t.Version)

	for _, root := range t.Roots {
		w.textAlways(transactionRoots, nodeName(root))
	}

	t.Walk(func(s Step) bool {
		w.message(transactionNodes, func() {
			w.text(nodeID, nodeName(s.Node))
			w.message(nodeV1, func() { s.Node.Action.write(w) })
		})

		return true
	})

	t.Walk(func(s Step) bool {
		if s.Node.Seed != nil {
			w.message(transactionNodeSeeds, func() {
				w.varint(seedNodeID, uint64(min(uint32(s.Node.ID), math.MaxInt32))) //nolint:gosec // ids are not negative
				w.bytes(seedSeed, s.Node.Seed[:])
			})
		}

		return true
	})
}

func nodeName(n *Node) string { return strconv.FormatInt(int64(n.ID), 10) }

func (w *writer) children(num number, children []*Node) {
	for _, child := range children {
		w.textAlways(num, nodeName(child))
	}
}

func (c Create) write(w *writer)     { w.message(kindCreate, func() { w.create(c) }) }
func (f Fetch) write(w *writer)      { w.message(kindFetch, func() { w.fetch(f) }) }
func (x Exercise) write(w *writer)   { w.message(kindExercise, func() { w.exercise(x) }) }
func (q QueryByKey) write(w *writer) { w.message(kindQueryByKey, func() { w.queryByKey(q) }) }

func (r Rollback) write(w *writer) {
	w.message(kindRollback, func() { w.children(rollbackChildren, r.Children) })
}

func (w *writer) create(c Create) {
	w.text(actionLFVersion, c.LFVersion)
	w.text(actionContractID, string(c.ContractID))
	w.text(actionPackageName, c.PackageName)
	w.identifier(actionTemplateID, c.Template)
	w.value(createArgument, c.Argument)
	w.parties(createSignatories, c.Signatories)
	w.parties(createStakeholders, c.Stakeholders)
	w.contractKey(createKey, c.Key)
}

func (w *writer) exercise(x Exercise) {
	w.text(actionLFVersion, x.LFVersion)
	w.text(actionContractID, string(x.ContractID))
	w.text(actionPackageName, x.PackageName)
	w.identifier(actionTemplateID, x.Template)
	w.parties(exerciseSignatories, x.Signatories)
	w.parties(exerciseStakeholders, x.Stakeholders)
	w.parties(exerciseActingParties, x.ActingParties)
	w.identifier(exerciseInterfaceID, x.Interface)
	w.text(exerciseChoiceID, x.Choice)
	w.value(exerciseChosenValue, x.Argument)
	w.bool(exerciseConsuming, x.Consuming)
	w.children(exerciseChildren, x.Children)
	w.value(exerciseResult, x.Result)
	w.parties(exerciseChoiceObservers, x.Observers)
	w.contractKey(exerciseKey, x.Key)
	w.bool(exerciseByKey, x.ByKey)
}

func (w *writer) fetch(f Fetch) {
	w.text(actionLFVersion, f.LFVersion)
	w.text(actionContractID, string(f.ContractID))
	w.text(actionPackageName, f.PackageName)
	w.identifier(actionTemplateID, f.Template)
	w.parties(fetchSignatories, f.Signatories)
	w.parties(fetchStakeholders, f.Stakeholders)
	w.parties(fetchActingParties, f.ActingParties)
	w.identifier(fetchInterfaceID, f.Interface)
	w.contractKey(fetchKey, f.Key)
	w.bool(fetchByKey, f.ByKey)
}

func (w *writer) queryByKey(q QueryByKey) {
	w.text(queryLFVersion, q.LFVersion)
	w.text(queryPackageName, q.PackageName)
	w.identifier(queryTemplateID, q.Template)
	w.bool(queryExhaustive, q.Exhaustive)
	w.contractKey(queryKey, &q.Key)

	for _, id := range q.Result {
		w.textAlways(queryResult, string(id))
	}
}

func (w *writer) contractKey(num number, key *ContractKey) {
	if key == nil {
		return
	}

	w.message(num, func() {
		w.message(keyGlobalKey, func() {
			w.identifier(globalKeyTemplateID, key.Template)
			w.text(globalKeyPackageName, key.PackageName)
			w.value(globalKeyValue, key.Key)
			w.bytes(globalKeyHash, key.Hash[:])
		})
		w.parties(keyMaintainers, key.Maintainers)
	})
}

// value appends a value field, or nothing for nil.
func (w *writer) value(num number, v Value) {
	if v != nil {
		w.message(num, func() { v.write(w) })
	}
}
