package model

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
)

// builder fills a catalog. Types that several packages use are kept in it, by the package that declares them.
type builder struct {
	catalog *Catalog
	withV2  bool

	stdlib     stdlib
	metadata   metadataTypes
	holding    holdingTypes
	transfer   transferTypes
	allocation allocationTypes
	amulet     amuletTypes
}

func (b *builder) declare() {
	b.declareStdlib()
	b.declareMetadataV1()
	b.declareHoldingV1()
	b.declareTransferV1()
	b.declareAllocationV1()
	b.declareAllocationInstructionV1()
	b.declareAllocationRequestV1()
	b.declareBurnMintV1()

	if b.withV2 {
		b.declareStandardV2()
	}

	b.declareAmulet()
	b.declareWallet()
	b.declareAcme()
	b.declareBare()
	b.declareSettlement()
	b.declarePing()
}

// published adds a package with a known hash.
func (b *builder) published(name, hash string) Package {
	return b.add(Package{Name: name, Version: versionStandard, ID: hash})
}

// own adds a package with a made-up hash.
func (b *builder) own(name, version string) Package {
	return b.add(Package{Name: name, Version: version, ID: madeUpHash(name)})
}

func (b *builder) add(p Package) Package {
	b.catalog.packages = append(b.catalog.packages, p)

	return p
}

// module is one module of a package.
type module struct {
	pkg  Package
	name string
}

func (m module) id(entity string) ident.Name {
	return ident.Name{Package: m.pkg.ID, Module: m.name, Entity: entity}
}

func (m module) record(entity string, fields ...daml.Field) *daml.Type {
	return daml.Record(m.id(entity), fields...)
}

func (m module) variant(entity string, constructors ...daml.Field) *daml.Type {
	return daml.Variant(m.id(entity), constructors...)
}

func (m module) enum(entity string, constructors ...string) *daml.Type {
	return daml.Enum(m.id(entity), constructors...)
}

// consuming is a choice that archives its contract. Its argument is a record of the choice's name.
func (m module) consuming(name string, result *daml.Type, fields ...daml.Field) Choice {
	return Choice{Name: name, Argument: m.record(name, fields...), Result: result, Consuming: true}
}

// nonconsuming is a choice that leaves its contract standing.
func (m module) nonconsuming(name string, result *daml.Type, fields ...daml.Field) Choice {
	return Choice{Name: name, Argument: m.record(name, fields...), Result: result}
}

// iface adds an interface.
func (b *builder) iface(m module, entity string, view *daml.Type, choices ...Choice) {
	e := &Entity{Package: m.pkg, Name: m.id(entity), IsInterface: true, View: view, Choices: map[string]Choice{}}
	b.insert(e, choices)
}

// template adds a template, whose argument is a record of its name, with the choice that all templates have.
func (b *builder) template(m module, argument *daml.Type, implements []ident.Name, choices ...Choice) {
	e := &Entity{
		Package: m.pkg, Name: argument.Name(), Argument: argument, Implements: implements, Choices: map[string]Choice{},
	}
	b.insert(e, append(choices, b.stdlib.archive))
}

func (b *builder) insert(e *Entity, choices []Choice) {
	for _, choice := range choices {
		e.Choices[choice.Name] = choice
	}

	b.catalog.entities[place{e.Name.Module, e.Name.Entity}] = e
}

// holdingInterfaces are what the holdings of a token implement.
func (b *builder) holdingInterfaces() []ident.Name {
	names := []ident.Name{b.holding.iface}
	if b.withV2 {
		names = append(names, module{Package{ID: hashHoldingV2}, modHoldingV2}.id("Holding"))
	}

	return names
}

// factoryInterfaces are what the contract implements on which a token's choices are exercised.
func (b *builder) factoryInterfaces(more ...ident.Name) []ident.Name {
	return append(append([]ident.Name{b.transfer.factory, b.allocation.factory}, more...), b.eventInterfaces()...)
}

// eventInterfaces are what the contract implements on which changes of holdings are told.
func (b *builder) eventInterfaces() []ident.Name {
	if !b.withV2 {
		return nil
	}

	return []ident.Name{module{Package{ID: hashEventsV2}, modEventsV2}.id("EventLog")}
}

func field(label string, t *daml.Type) daml.Field { return daml.Field{Label: label, Type: t} }

// contracts is a list of contract ids.
func contracts() *daml.Type { return daml.List(daml.ContractID()) }

// stdlib are types that come with Daml.
type stdlib struct {
	relTime *daml.Type
	archive Choice
	set     module
	tuple   module
}

func (b *builder) declareStdlib() {
	relTime := module{b.own(pkgTime, versionStandard), modTime}
	template := module{b.own(pkgTemplate, versionStandard), modTemplate}

	b.stdlib = stdlib{
		relTime: relTime.record("RelTime", field("microseconds", daml.Int64())),
		archive: template.consuming(ChoiceArchive, daml.Unit()),
		set:     module{b.own(pkgSet, versionStandard), modSet},
		tuple:   module{b.own(pkgTuple, versionStandard), modTuple},
	}
}

// setOf is Daml's Set: a record with a map to nothing.
func (s stdlib) setOf(of *daml.Type) *daml.Type {
	return s.set.record("Set", field("map", daml.GenMap(of, daml.Unit())))
}

func (s stdlib) pair(first, second *daml.Type) *daml.Type {
	return s.tuple.record("Tuple2", field("_1", first), field("_2", second))
}
