package signing

import (
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
)

const (
	treasury = ident.Party("treasury::1220aa")
	customer = ident.Party("customer::1220bb")
)

func contract(digit string) ident.ContractID { return ident.ContractID(strings.Repeat(digit, 66)) }

func named(entity string) ident.Name {
	return ident.Name{Package: "abc123", Module: "Splice.Amulet", Entity: entity}
}

// allValues is an argument with every kind of value.
func allValues() Record {
	return Record{ID: named("Transfer"), Fields: []Field{
		{Label: "unit", Value: Unit{}},
		{Label: "yes", Value: Bool(true)},
		{Label: "no", Value: Bool(false)},
		{Label: "count", Value: Int64(-3)},
		{Label: "amount", Value: Numeric("12.5000000000")},
		{Label: "when", Value: Timestamp(-1)},
		{Label: "day", Value: Date(-1)},
		{Label: "receiver", Value: Party(customer)},
		{Label: "memo", Value: Text("für 東京")},
		{Label: "holding", Value: ContractID(contract("0a"))},
		{Label: "none", Value: Optional{}},
		{Label: "some", Value: Optional{Value: Text("")}},
		{Label: "list", Value: List{Int64(0), Unit{}}},
		{Label: "texts", Value: TextMap{{Key: "", Value: Unit{}}, {Key: "b", Value: Bool(true)}}},
		{Label: "map", Value: GenMap{{Key: Int64(1), Value: Unit{}}, {Key: Int64(2), Value: List(nil)}}},
		{Label: "variant", Value: Variant{ID: named("Choice.V"), Constructor: "Left", Value: Record{}}},
		{Label: "enum", Value: Enum{Constructor: "A"}},
	}}
}

func create(digit string) Create {
	return Create{
		LFVersion: LFVersion1, ContractID: contract(digit), PackageName: "splice-amulet", Template: named("Amulet"),
		Argument:    Record{Fields: []Field{{Label: "amount", Value: Numeric("1.0")}}},
		Signatories: []ident.Party{treasury}, Stakeholders: []ident.Party{customer, treasury},
	}
}

// sample is a transaction with every kind of node that V2 hashes.
func sample() Prepared {
	seed := func(n byte) *Seed { return &Seed{0: n, 31: 1} }

	fetch := Fetch{
		LFVersion: LFVersion1, ContractID: contract("0d"), PackageName: "splice-amulet", Template: named("Rules"),
		Signatories: []ident.Party{customer}, Stakeholders: []ident.Party{treasury},
		ActingParties: []ident.Party{treasury}, Interface: named("Holding"),
	}
	archive := &Node{ID: 3, Seed: seed(3), Action: Exercise{
		LFVersion: LFVersion1, ContractID: contract("0a"), PackageName: "splice-amulet", Template: named("Amulet"),
		Signatories: []ident.Party{treasury}, Stakeholders: []ident.Party{treasury},
		ActingParties: []ident.Party{treasury}, Choice: "Archive", Argument: Record{}, Consuming: true,
	}}
	root := &Node{ID: 0, Seed: seed(1), Action: Exercise{
		LFVersion: LFVersion1, ContractID: contract("0c"), PackageName: "splice-amulet", Template: named("Rules"),
		Signatories: []ident.Party{customer}, Stakeholders: []ident.Party{customer},
		ActingParties: []ident.Party{treasury}, Interface: named("TransferFactory"), Choice: "TransferFactory_Transfer",
		Argument: Record{Fields: []Field{{Label: "transfer", Value: allValues()}}}, Result: Unit{},
		Observers: []ident.Party{customer},
		Children: []*Node{
			archive,
			{ID: 1, Seed: seed(2), Action: create("0b")},
			{ID: 2, Action: fetch},
			{ID: 7, Action: Rollback{Children: []*Node{{ID: 8, Seed: seed(4), Action: create("0e")}}}},
		},
	}}

	return Prepared{
		Transaction: Transaction{Version: LFVersion1, Roots: []*Node{root}},
		Metadata: Metadata{
			ActAs: []ident.Party{treasury}, CommandID: "wd-1", SynchronizerID: "global::1220cc", MediatorGroup: 3,
			TransactionUUID: "4c6471d3-4e09-49dd-addf-6cd90e19c583", PreparationTime: 1_700_000_000_000_000,
			MinLedgerTime: new(Timestamp(0)), MaxLedgerTime: new(Timestamp(9)), MaxRecordTime: new(Timestamp(10)),
			InputContracts: []InputContract{
				{Create: create("0a"), CreatedAt: 5, EventBlob: []byte("blob")},
				{Create: create("0c"), CreatedAt: 6},
				{Create: create("0d"), CreatedAt: 7},
			},
		},
	}
}

// sampleV3 adds what only V3 hashes.
func sampleV3() Prepared {
	p := sample()
	key := ContractKey{
		Template: named("Amulet"), PackageName: "splice-amulet", Key: Text("k"), Hash: Hash{1: 1},
		Maintainers: []ident.Party{treasury},
	}

	root, _ := p.Transaction.RootExercise()
	root.LFVersion, root.Key, root.ByKey = LFVersion2, &key, true

	made := create("0b")
	made.LFVersion, made.Key = LFVersion2, &key
	root.Children[1].Action = made

	fetch, _ := root.Children[2].Action.(Fetch)
	fetch.LFVersion, fetch.Key, fetch.ByKey = LFVersion2, &key, true
	root.Children[2].Action = fetch
	root.Children = append(root.Children, &Node{ID: 9, Action: QueryByKey{
		LFVersion: LFVersion2, PackageName: "splice-amulet", Template: named("Amulet"), Exhaustive: true, Key: key,
		Result: []ident.ContractID{contract("0a")},
	}})
	p.Transaction.Roots[0].Action = root
	p.Transaction.Version = LFVersion2

	return p
}

// hashed is a transaction without what no hash covers, for comparison.
func hashed(p Prepared, scheme Scheme) Prepared {
	if scheme == V2 {
		p.Metadata.MaxRecordTime = nil
	}

	inputs := p.Metadata.InputContracts
	p.Metadata.InputContracts = nil

	for _, input := range inputs {
		input.EventBlob = nil
		p.Metadata.InputContracts = append(p.Metadata.InputContracts, input)
	}

	p.Transaction.Roots = anonymous(p.Transaction.Roots)

	return p
}

// anonymous copies nodes without their ids, which only say how they hang together.
func anonymous(nodes []*Node) []*Node {
	out := make([]*Node, 0, len(nodes))

	for _, n := range nodes {
		c := &Node{Seed: n.Seed, Action: n.Action}

		switch action := n.Action.(type) {
		case Exercise:
			action.Children = anonymous(action.Children)
			c.Action = action
		case Rollback:
			c.Action = Rollback{Children: anonymous(action.Children)}
		case Create, Fetch, QueryByKey:
		}

		out = append(out, c)
	}

	return out
}
