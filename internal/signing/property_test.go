package signing

import (
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
)

// builder makes random transactions that are valid.
type builder struct {
	t        *rapid.T
	node     ident.NodeID
	contract int
	v3       bool
}

func (b *builder) text() string { return rapid.StringN(0, 12, 40).Draw(b.t, "text") }

func (b *builder) parties() []ident.Party {
	var none []ident.Party // as it is read

	return append(none, rapid.SliceOfN(rapid.SampledFrom([]ident.Party{treasury, customer, "a"}), 0, 3).
		Draw(b.t, "parties")...)
}

func (b *builder) contractID() ident.ContractID {
	b.contract++

	return ident.ContractID(strconv.FormatInt(int64(b.contract)+0x1000, 16))
}

func (b *builder) name() ident.Name {
	return rapid.SampledFrom([]ident.Name{named("A"), named("A.B"), {Package: "p", Module: "M", Entity: "E"}}).
		Draw(b.t, "name")
}

func (b *builder) optionalName() ident.Name {
	if rapid.Bool().Draw(b.t, "left out") {
		return ident.Name{}
	}

	return b.name()
}

func (b *builder) value(depth int) Value {
	const leaves, kinds = 9, 16

	last := kinds
	if depth == 0 {
		last = leaves
	}

	switch rapid.IntRange(1, last).Draw(b.t, "kind") {
	case 1:
		return Unit{}
	case 2:
		return Bool(rapid.Bool().Draw(b.t, "bool"))
	case 3:
		return Int64(rapid.Int64().Draw(b.t, "int64"))
	case 4:
		return Numeric(rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,10})?`).Draw(b.t, "numeric"))
	case 5:
		return Timestamp(rapid.Int64Range(minTimestamp, maxTimestamp).Draw(b.t, "timestamp"))
	case 6:
		return Date(rapid.Int32Range(minDate, maxDate).Draw(b.t, "date"))
	case 7:
		return Party("p" + strconv.Itoa(rapid.IntRange(0, 9).Draw(b.t, "party")))
	case 8:
		return Text(b.text())
	case leaves:
		return ContractID(b.contractID())
	default:
		return b.compound(depth - 1)
	}
}

func (b *builder) compound(depth int) Value {
	count := rapid.IntRange(0, 3).Draw(b.t, "count")

	switch rapid.IntRange(1, 7).Draw(b.t, "compound") {
	case 1:
		if count == 0 {
			return Optional{}
		}

		return Optional{Value: b.value(depth)}
	case 2:
		var list List
		for range count {
			list = append(list, b.value(depth))
		}

		return list
	case 3:
		var entries TextMap
		for i := range count {
			entries = append(entries, TextEntry{Key: strconv.Itoa(i), Value: b.value(depth)})
		}

		return entries
	case 4:
		var entries GenMap
		for i := range count {
			entries = append(entries, GenEntry{Key: List{Int64(i), Unit{}}, Value: b.value(depth)})
		}

		return entries
	case 5:
		return Variant{ID: b.optionalName(), Constructor: "C" + b.text(), Value: b.value(depth)}
	case 6:
		return Enum{ID: b.optionalName(), Constructor: "E" + b.text()}
	default:
		record := Record{ID: b.optionalName()}
		for i := range count {
			record.Fields = append(record.Fields, Field{Label: "l" + strconv.Itoa(i), Value: b.value(depth)})
		}

		return record
	}
}

func (b *builder) key() *ContractKey {
	if !b.v3 || rapid.Bool().Draw(b.t, "no key") {
		return nil
	}

	return &ContractKey{
		Template: b.name(), PackageName: b.text(), Key: b.value(1), Hash: Hash{3: 3}, Maintainers: b.parties(),
	}
}

func (b *builder) version() string {
	if b.v3 && rapid.Bool().Draw(b.t, "version 2") {
		return LFVersion2
	}

	return LFVersion1
}

func (b *builder) create() Create {
	return Create{
		LFVersion: b.version(), ContractID: b.contractID(), PackageName: b.text(), Template: b.name(),
		Argument: b.value(2), Signatories: b.parties(), Stakeholders: b.parties(), Key: b.key(),
	}
}

func (b *builder) nodes(depth, most int) []*Node {
	if depth == 0 {
		return nil
	}

	var out []*Node
	for range rapid.IntRange(0, most).Draw(b.t, "nodes") {
		out = append(out, b.oneNode(depth))
	}

	return out
}

func (b *builder) oneNode(depth int) *Node {
	b.node += ident.NodeID(rapid.Int32Range(1, 3).Draw(b.t, "gap"))
	n := &Node{ID: b.node}
	seed := &Seed{0: byte(b.node % math.MaxUint8)}

	switch rapid.IntRange(1, 5).Draw(b.t, "action") {
	case 1:
		n.Seed, n.Action = seed, b.create()
	case 2:
		n.Action = Fetch{
			LFVersion: b.version(), ContractID: b.contractID(), PackageName: b.text(), Template: b.name(),
			Signatories: b.parties(), Stakeholders: b.parties(), ActingParties: b.parties(), Interface: b.optionalName(),
			Key: b.key(), ByKey: b.v3,
		}
	case 3:
		n.Action = Rollback{Children: b.nodes(depth-1, 2)}
	case 4:
		if b.v3 {
			n.Action = QueryByKey{
				LFVersion: b.version(), Template: b.name(), Exhaustive: true, Key: ContractKey{Template: b.name(), Key: Unit{}},
			}

			break
		}

		fallthrough
	default:
		n.Seed = seed
		x := Exercise{
			LFVersion: b.version(), ContractID: b.contractID(), PackageName: b.text(), Template: b.name(),
			Signatories: b.parties(), Stakeholders: b.parties(), ActingParties: b.parties(), Interface: b.optionalName(),
			Choice: "C" + b.text(), Argument: b.value(2), Consuming: rapid.Bool().Draw(b.t, "consuming"),
			Children: b.nodes(depth-1, 3), Observers: b.parties(), Key: b.key(), ByKey: b.v3,
		}

		if rapid.Bool().Draw(b.t, "result") {
			x.Result = b.value(1)
		}

		n.Action = x
	}

	return n
}

func (b *builder) prepared() Prepared {
	p := Prepared{
		Transaction: Transaction{Version: LFVersion1, Roots: append(b.nodes(3, 2), b.oneNode(3))},
		Metadata: Metadata{
			ActAs: append(b.parties(), treasury), CommandID: b.text(), SynchronizerID: "s::1",
			MediatorGroup: rapid.Uint32Range(0, math.MaxInt32).Draw(b.t, "mediator"), TransactionUUID: "u" + b.text(),
			PreparationTime: Timestamp(rapid.Int64Range(0, maxTimestamp).Draw(b.t, "prepared")),
		},
	}

	for range rapid.IntRange(0, 3).Draw(b.t, "inputs") {
		p.Metadata.InputContracts = append(p.Metadata.InputContracts, InputContract{
			Create: b.create(), CreatedAt: Timestamp(rapid.Int64Range(0, maxTimestamp).Draw(b.t, "created")),
		})
	}

	for _, bound := range []**Timestamp{
		&p.Metadata.MinLedgerTime, &p.Metadata.MaxLedgerTime, &p.Metadata.MaxRecordTime,
	} {
		if rapid.Bool().Draw(b.t, "bounded") {
			*bound = new(Timestamp(rapid.Int64Range(0, maxTimestamp).Draw(b.t, "bound")))
		}
	}

	return p
}

func TestWhatIsWrittenIsReadAndEveryChangeIsSeen(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		b := builder{t: t, v3: rapid.Bool().Draw(t, "V3")}
		scheme := V2

		if b.v3 {
			scheme = V3
		}

		p := b.prepared()
		raw := Encode(p)

		again, err := Decode(raw)
		require.NoError(t, err)
		require.Equal(t, p, again)

		o := newOriginal(t, scheme, raw)

		want, err := p.Hash(scheme)
		require.NoError(t, err)
		require.Equal(t, want, o.hash)

		changed := slices.Clone(raw)
		i := rapid.IntRange(0, len(raw)-1).Draw(t, "where")
		changed[i] ^= rapid.ByteRange(1, math.MaxUint8).Draw(t, "flip")
		_ = o.refusedOrDifferent(t, changed)

		cut := slices.Delete(slices.Clone(raw), i, min(len(raw), i+rapid.IntRange(1, 40).Draw(t, "length")))
		_ = o.refusedOrDifferent(t, cut)
	})
}

// Nodes and seeds are found by their ids: their order in the message is nothing. Everything else has its order hashed,
// the entries of maps included.
func TestOrders(t *testing.T) {
	t.Parallel()

	reverse := func(num number) func(parts []part) []part {
		return func(parts []part) []part {
			var items []part

			for _, p := range parts {
				if p.num == num {
					items = append([]part{p}, items...)
				}
			}

			out := slices.Clone(parts)

			for i := range out {
				if out[i].num == num {
					out[i], items = items[0], items[1:]
				}
			}

			return out
		}
	}

	whole, ok := takeApart(Encode(sample()))
	require.True(t, ok)

	want, err := sample().Hash(V2)
	require.NoError(t, err)

	for _, num := range []number{transactionNodes, transactionNodeSeeds} {
		shuffled := slices.Clone(whole)
		shuffled[0].inside = reverse(num)(shuffled[0].inside)
		require.NotEqual(t, Encode(sample()), putTogether(shuffled))

		got, err := HashBytes(putTogether(shuffled), V2)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}

	orders := map[string]func(p *Prepared){
		"of input contracts": func(p *Prepared) { slices.Reverse(p.Metadata.InputContracts) },
		"of acting parties":  func(p *Prepared) { p.Metadata.ActAs = []ident.Party{customer, treasury} },
		"of children": func(p *Prepared) {
			x, _ := p.Transaction.RootExercise()
			slices.Reverse(x.Children)
		},
		"of a text map": func(p *Prepared) {
			x, _ := p.Transaction.RootExercise()
			entries, _ := At[TextMap](x.Argument, "transfer", "texts")
			slices.Reverse(entries)
		},
		"of a map": func(p *Prepared) {
			x, _ := p.Transaction.RootExercise()
			entries, _ := At[GenMap](x.Argument, "transfer", "map")
			slices.Reverse(entries)
		},
		"of a list": func(p *Prepared) {
			x, _ := p.Transaction.RootExercise()
			elements, _ := At[List](x.Argument, "transfer", "list")
			slices.Reverse(elements)
		},
	}

	for name, change := range orders {
		p := sample()
		p.Metadata.ActAs = []ident.Party{treasury, customer}

		before, err := p.Hash(V2)
		require.NoError(t, err)

		change(&p)

		after, err := p.Hash(V2)
		require.NoError(t, err)
		require.NotEqual(t, before, after, name)
	}
}

// The recorded transactions, changed at random places.
func TestEveryChangeOfARecordedTransactionIsSeen(t *testing.T) {
	t.Parallel()

	var originals []original

	var raws [][]byte

	for _, v := range conformance[[]preparedVector](t, "prepared-transactions.json") {
		if !unreal(v.Name) {
			raws = append(raws, unbase64(t, v.Prepared))
			originals = append(originals, newOriginal(t, V2, raws[len(raws)-1]))
		}
	}

	rapid.Check(t, func(t *rapid.T) {
		which := rapid.IntRange(0, len(raws)-1).Draw(t, "which")
		changed := slices.Clone(raws[which])
		changed[rapid.IntRange(0, len(changed)-1).Draw(t, "where")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		_ = originals[which].refusedOrDifferent(t, changed)
	})
}
