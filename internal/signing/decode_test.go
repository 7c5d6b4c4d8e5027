package signing

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ident"
)

func TestSamplesSurvive(t *testing.T) {
	t.Parallel()

	for scheme, p := range map[Scheme]Prepared{V2: sample(), V3: sampleV3()} {
		again, err := Decode(Encode(p))
		require.NoError(t, err)
		require.Equal(t, p, again)
		require.NoError(t, again.CheckInputs())

		want, err := p.Hash(scheme)
		require.NoError(t, err)

		got, err := HashBytes(Encode(p), scheme)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestSchemesDoNotHashWhatTheyDoNotCover(t *testing.T) {
	t.Parallel()

	_, err := sampleV3().Hash(V2)
	require.ErrorIs(t, err, ErrNotHashable)

	for _, scheme := range []Scheme{0, 1, 4} {
		_, err := sample().Hash(scheme)
		require.ErrorIs(t, err, ErrUnsupported)
	}

	v2, err := sample().Hash(V2)
	require.NoError(t, err)

	v3, err := sample().Hash(V3)
	require.NoError(t, err)
	require.NotEqual(t, v2, v3)

	key := &ContractKey{Template: named("K"), Key: Unit{}}
	changes := map[string]struct {
		change  func(p *Prepared, x *Exercise)
		schemes []Scheme
	}{
		"a key":             {func(_ *Prepared, x *Exercise) { x.Key = key }, []Scheme{V2}},
		"by key":            {func(_ *Prepared, x *Exercise) { x.ByKey = true }, []Scheme{V2}},
		"version 2":         {func(_ *Prepared, x *Exercise) { x.LFVersion = LFVersion2 }, []Scheme{V2}},
		"a newer version":   {func(_ *Prepared, x *Exercise) { x.LFVersion = "2.3" }, []Scheme{V2, V3}},
		"a key of an input": {func(p *Prepared, _ *Exercise) { p.Metadata.InputContracts[0].Create.Key = key }, []Scheme{V2}},
		"a query": {func(_ *Prepared, x *Exercise) {
			x.Children = append(x.Children, &Node{ID: 30, Action: QueryByKey{LFVersion: LFVersion1, Key: *key}})
		}, []Scheme{V2}},
	}

	for name, tt := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			p := sample()
			x, _ := p.Transaction.RootExercise()
			tt.change(&p, &x)
			p.Transaction.Roots[0].Action = x

			for _, scheme := range []Scheme{V2, V3} {
				_, err := p.Hash(scheme)
				if slices.Contains(tt.schemes, scheme) {
					require.ErrorIs(t, err, ErrNotHashable)
				} else {
					require.NoError(t, err)
				}
			}
		})
	}
}

func TestBuiltTransactionsThatMakeNoSense(t *testing.T) {
	t.Parallel()

	broken := map[string]func(p *Prepared){
		"a node that is nil":   func(p *Prepared) { p.Transaction.Roots = []*Node{nil} },
		"a node that does not": func(p *Prepared) { p.Transaction.Roots[0].Action = nil },
		"no argument":          func(p *Prepared) { p.Transaction.Roots[0].Action = Create{LFVersion: LFVersion1} },
		"no seed":              func(p *Prepared) { p.Transaction.Roots[0].Seed = nil },
		"no contract id":       func(p *Prepared) { p.Metadata.InputContracts[0].Create.ContractID = "xy" },
	}

	for name, change := range broken {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			p := sample()
			change(&p)

			_, err := p.Hash(V2)
			require.Error(t, err)
		})
	}

	loop := &Node{ID: 1}
	loop.Action = Rollback{Children: []*Node{loop}}

	_, err := Transaction{Roots: []*Node{loop}}.hash(V2)
	require.ErrorIs(t, err, ErrTooLarge)
}

func TestNodesMustBeAForest(t *testing.T) {
	t.Parallel()

	exercise := func(id ident.NodeID, children ...string) []byte {
		x, _ := sample().Transaction.RootExercise()
		x.Children = nil

		var inner writer

		inner.exercise(x)

		for _, child := range children {
			inner.textAlways(exerciseChildren, child)
		}

		var w writer

		w.message(transactionNodes, func() {
			w.text(nodeID, nodeName(&Node{ID: id}))
			w.message(nodeV1, func() { w.bytes(kindExercise, inner.buf) })
		})

		return w.buf
	}
	root := func(id string) []byte { return protoText(transactionRoots, id) }
	seed := func(id uint64) []byte {
		var w writer

		w.message(transactionNodeSeeds, func() {
			w.varint(seedNodeID, id)
			w.bytes(seedSeed, make([]byte, seedBytes))
		})

		return w.buf
	}
	fetch := message1(transactionNodes, protoText(nodeID, "5"), message1(nodeV1, message1(kindFetch,
		protoText(actionLFVersion, LFVersion1), protoText(actionContractID, "00"),
		message1(actionTemplateID, protoText(1, "p"), protoText(2, "M"), protoText(3, "E")))))

	tests := map[string]struct {
		parts [][]byte
		want  error
	}{
		"a tree":           {[][]byte{root("0"), exercise(0, "1"), exercise(1), seed(0), seed(1)}, nil},
		"two trees":        {[][]byte{root("1"), root("0"), exercise(0), exercise(1), seed(0), seed(1)}, nil},
		"a fetch":          {[][]byte{root("5"), fetch}, nil},
		"nothing":          {nil, ErrStructure},
		"no root":          {[][]byte{exercise(0), seed(0)}, ErrStructure},
		"an unknown root":  {[][]byte{root("1"), exercise(0), seed(0)}, ErrStructure},
		"an unknown child": {[][]byte{root("0"), exercise(0, "1"), seed(0)}, ErrStructure},
		"a stray fetch":    {[][]byte{root("0"), exercise(0), fetch, seed(0)}, ErrStructure},
		"a stray node":     {[][]byte{root("0"), exercise(0), exercise(1), seed(0), seed(1)}, ErrStructure},
		"a root twice":     {[][]byte{root("0"), root("0"), exercise(0), seed(0)}, ErrStructure},
		"a child twice":    {[][]byte{root("0"), exercise(0, "1", "1"), exercise(1), seed(0), seed(1)}, ErrStructure},
		"a child and root": {[][]byte{root("0"), root("1"), exercise(0, "1"), exercise(1), seed(0), seed(1)}, ErrStructure},
		"an own child":     {[][]byte{root("0"), exercise(0, "0"), seed(0)}, ErrStructure},
		"a circle":         {[][]byte{root("0"), exercise(0, "1"), exercise(1, "0"), seed(0), seed(1)}, ErrStructure},
		"a circle apart": {
			[][]byte{root("5"), fetch, exercise(0, "1"), exercise(1, "0"), seed(0), seed(1)}, ErrStructure,
		},
		"one id, two nodes":  {[][]byte{root("0"), exercise(0), exercise(0), seed(0)}, ErrStructure},
		"no seed":            {[][]byte{root("0"), exercise(0)}, ErrStructure},
		"two seeds":          {[][]byte{root("0"), exercise(0), seed(0), seed(0)}, ErrStructure},
		"a seed for nothing": {[][]byte{root("0"), exercise(0), seed(0), seed(1)}, ErrStructure},
		"a seed for a fetch": {[][]byte{root("5"), fetch, seed(5)}, ErrStructure},
		"an id with a zero":  {[][]byte{root("00"), exercise(0), seed(0)}, ErrStructure},
		"a negative id":      {[][]byte{root("-1"), exercise(-1), seed(1<<64 - 1)}, ErrStructure},
		"an id too large":    {[][]byte{root("4294967296"), exercise(0), seed(0)}, ErrStructure},
	}

	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var metadata writer

			metadata.metadata(sample().Metadata)

			parts := append([][]byte{protoText(transactionVersion, LFVersion1)}, tt.parts...)
			_, err := Decode(slices.Concat(message1(preparedTransactionField, parts...),
				message1(preparedMetadataField, metadata.buf)))

			if tt.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tt.want)
			}
		})
	}
}

func TestMessagesThatAreRefused(t *testing.T) {
	t.Parallel()

	encoded := func(write func(w *writer)) []byte {
		var w writer

		write(&w)

		return w.buf
	}

	metadata := encoded(func(w *writer) { w.metadata(sample().Metadata) })
	transaction := encoded(func(w *writer) { w.transaction(sample().Transaction) })
	without := func(raw []byte, num number) []byte {
		parts, _ := takeApart(raw)

		return putTogether(slices.DeleteFunc(parts, func(p part) bool { return p.num == num }))
	}
	node := func(kind number, content ...[]byte) []byte {
		return message1(transactionNodes, protoText(nodeID, "99"), message1(nodeV1, message1(kind, content...)))
	}
	madeContract := encoded(func(w *writer) { w.create(create("0b")) })
	contractKey := func(content ...[]byte) []byte {
		made := node(kindCreate, madeContract, message1(createKey, message1(keyGlobalKey, content...)))

		return slices.Concat(transaction, made)
	}
	identifier := encoded(func(w *writer) { w.identifier(globalKeyTemplateID, named("K")) })
	hash := protoText(globalKeyHash, strings.Repeat("h", hashBytes))
	after9999 := uint64(maxTimestamp + 1)

	tests := map[string]struct {
		transaction, metadata []byte
		want                  error
	}{
		"no submitter":      {nil, without(metadata, metadataSubmitterInfo), ErrMissingField},
		"no synchronizer":   {nil, without(metadata, metadataSynchronizerID), ErrMissingField},
		"no transaction id": {nil, without(metadata, metadataTransactionUUID), ErrMissingField},
		"nobody acts": {
			nil, slices.Concat(without(metadata, metadataSubmitterInfo), message1(metadataSubmitterInfo)), ErrMissingField,
		},
		"a bad synchronizer":     {nil, protoText(metadataSynchronizerID, "a b"), ErrInvalidValue},
		"mediator group 2^31":    {nil, varint(metadataMediatorGroup, 1<<31), ErrNotCanonical},
		"prepared after 9999":    {nil, varint(metadataPreparationTime, after9999), ErrInvalidValue},
		"key mapping":            {nil, message1(metadataGlobalKeyMapping), ErrUnhashedField},
		"the reserved field":     {nil, protoText(1, "x"), ErrUnknownField},
		"an input of nothing":    {nil, slices.Concat(metadata, message1(metadataInputContracts)), ErrMissingField},
		"no version":             {without(transaction, transactionVersion), metadata, ErrMissingField},
		"a seed of nothing":      {slices.Concat(transaction, message1(transactionNodeSeeds)), metadata, ErrMissingField},
		"a short seed":           {message1(transactionNodeSeeds, protoText(seedSeed, "short")), metadata, ErrInvalidValue},
		"a node of nothing":      {message1(transactionNodes, protoText(nodeID, "1")), metadata, ErrMissingField},
		"an action of nothing":   {message1(transactionNodes, message1(nodeV1)), metadata, ErrMissingField},
		"an unknown action":      {node(6), metadata, ErrUnknownField},
		"a create of nothing":    {node(kindCreate), metadata, ErrMissingField},
		"a fetch of nothing":     {node(kindFetch), metadata, ErrMissingField},
		"an exercise of nothing": {node(kindExercise), metadata, ErrMissingField},
		"a query of nothing":     {node(kindQueryByKey), metadata, ErrMissingField},
		"two actions": {
			message1(transactionNodes, message1(nodeV1, message1(kindRollback), message1(kindRollback))), metadata,
			ErrDuplicateField,
		},
		"external calls":       {node(kindExercise, message1(exerciseExternalCallResults)), metadata, ErrUnhashedField},
		"a key of nothing":     {node(kindCreate, madeContract, message1(createKey)), metadata, ErrMissingField},
		"a key without a hash": {contractKey(identifier, unit(globalKeyValue)), metadata, ErrMissingField},
		"a key without a type": {contractKey(unit(globalKeyValue), hash), metadata, ErrMissingField},
		"a key without itself": {contractKey(identifier, hash), metadata, ErrMissingField},
	}

	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			if tt.transaction == nil {
				tt.transaction = transaction
			}

			_, err := Decode(slices.Concat(message1(preparedTransactionField, tt.transaction),
				message1(preparedMetadataField, tt.metadata)))
			require.ErrorIs(t, err, tt.want)
		})
	}

	_, err := Decode(message1(preparedMetadataField, metadata))
	require.ErrorIs(t, err, ErrMissingField)

	_, err = Decode(message1(preparedTransactionField, transaction))
	require.ErrorIs(t, err, ErrMissingField)

	_, err = Decode(nil)
	require.ErrorIs(t, err, ErrMissingField)
}

func protoText(num number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, protowire.Number(num), protowire.BytesType), s)
}

func TestAContractIsDescribedOnce(t *testing.T) {
	t.Parallel()

	p := sample()
	p.Metadata.InputContracts = append(p.Metadata.InputContracts, InputContract{Create: create("0a")})
	_, err := Decode(Encode(p))
	require.ErrorIs(t, err, ErrStructure)

	p = sample()
	p.Metadata.InputContracts = append(p.Metadata.InputContracts, InputContract{Create: create("0b")})
	_, err = Decode(Encode(p))
	require.ErrorIs(t, err, ErrStructure, "made and used as input")
}

func TestCheckInputs(t *testing.T) {
	t.Parallel()

	p := sample()
	p.Metadata.InputContracts = p.Metadata.InputContracts[1:]
	require.ErrorIs(t, p.CheckInputs(), ErrStructure)

	p = sample()
	p.Metadata.InputContracts = append(p.Metadata.InputContracts, InputContract{Create: create("0f")})
	require.ErrorIs(t, p.CheckInputs(), ErrStructure)

	p = sample()
	x, _ := p.Transaction.RootExercise()
	made, _ := x.Children[0].Action.(Exercise)
	made.ContractID = contract("0b") // before it is made, and what was given is left over
	x.Children[0].Action = made
	require.ErrorIs(t, p.CheckInputs(), ErrStructure)
}

func TestBounds(t *testing.T) {
	t.Parallel()

	_, err := Decode(make([]byte, MaxBytes+1))
	require.ErrorIs(t, err, ErrTooLarge)

	_, err = DecodeTopology(make([]byte, MaxTopologyBytes+1))
	require.ErrorIs(t, err, ErrTooLarge)

	within := func(argument Value) error {
		p := sample()
		p.Transaction.Roots = []*Node{{Seed: &Seed{}, Action: create("0b")}}
		made := create("0b")
		made.Argument = argument
		p.Transaction.Roots[0].Action = made

		_, err := Decode(Encode(p))

		return err
	}

	nested := func(depth int) Value {
		var v Value = Unit{}
		for range depth {
			v = Optional{Value: v}
		}

		return v
	}
	require.NoError(t, within(nested(maxValueDepth)))
	require.ErrorIs(t, within(nested(maxValueDepth+1)), ErrTooLarge)

	many := func(n int) Value {
		list := make(List, n)
		for i := range list {
			list[i] = Bool(true)
		}

		return list
	}
	require.NoError(t, within(many(maxElements-100)))
	require.ErrorIs(t, within(many(maxElements)), ErrTooLarge)

	require.NoError(t, within(Text(strings.Repeat("x", 1<<20))))
	require.ErrorIs(t, within(Party(strings.Repeat("x", maxPartyBytes+1))), ErrTooLarge)
	require.ErrorIs(t, within(ContractID(strings.Repeat("00", maxContractIDBytes+1))), ErrTooLarge)

	deep := func(depth int) error {
		p := sample()
		n := &Node{ID: 0, Action: Rollback{}}

		for id := range depth {
			n = &Node{ID: ident.NodeID(id + 1), Action: Rollback{Children: []*Node{n}}}
		}

		p.Transaction.Roots = []*Node{n}

		_, err := p.Hash(V2)
		require.Equal(t, depth >= maxNodeDepth, err != nil)

		_, err = Decode(Encode(p))

		return err
	}
	require.NoError(t, deep(maxNodeDepth-1))
	require.ErrorIs(t, deep(maxNodeDepth), ErrTooLarge)
}

func TestReadingATransaction(t *testing.T) {
	t.Parallel()

	p := sample()
	x, ok := p.Transaction.RootExercise()
	require.True(t, ok)
	require.Equal(t, "TransferFactory_Transfer", x.Choice)

	numeric, err := At[Numeric](x.Argument, "transfer", "amount")
	require.NoError(t, err)

	a, err := numeric.Amount()
	require.NoError(t, err)
	require.Equal(t, "12.5000000000", a.String())

	_, err = Numeric("0.00000000001").Amount()
	require.Error(t, err)

	for _, labels := range [][]string{{"transfer", "sum"}, {"amount"}, {"transfer", "amount", "x"}, {"transfer"}, {""}} {
		_, err := At[Numeric](x.Argument, labels...)
		require.ErrorIs(t, err, ErrNotThere)
	}

	_, err = At[Numeric](Record{Fields: []Field{{Value: Numeric("1")}}}, "")
	require.ErrorIs(t, err, ErrNotThere, "a label that was left out names nothing")

	texts, err := At[TextMap](x.Argument, "transfer", "texts")
	require.NoError(t, err)

	v, ok := texts.Get("b")
	require.True(t, ok)
	require.Equal(t, Bool(true), v)

	_, ok = texts.Get("c")
	require.False(t, ok)

	var created, consumed []ident.ContractID
	for _, c := range p.Transaction.Creates() {
		created = append(created, c.ContractID)
	}

	for _, c := range p.Transaction.Consumed() {
		consumed = append(consumed, c.ContractID)
	}

	require.Equal(t, []ident.ContractID{contract("0b")}, created, "what was rolled back is not made")
	require.Equal(t, []ident.ContractID{contract("0a")}, consumed)

	input, ok := p.Metadata.Input(contract("0a"))
	require.True(t, ok)
	require.Equal(t, Timestamp(5), input.CreatedAt)

	_, ok = p.Metadata.Input(contract("0b"))
	require.False(t, ok)

	require.Equal(t, "2023-11-14T22:13:20Z", p.Metadata.PreparationTime.Time().Format("2006-01-02T15:04:05Z07:00"))
	require.Equal(t, p.Metadata.PreparationTime, TimestampOf(p.Metadata.PreparationTime.Time()))

	p.Transaction.Roots = append(p.Transaction.Roots, p.Transaction.Roots[0])
	_, ok = p.Transaction.RootExercise()
	require.False(t, ok, "one root beside another is not the root")

	steps := 0
	p.Transaction.Walk(func(Step) bool { steps++; return steps < 3 })
	require.Equal(t, 3, steps)
}
