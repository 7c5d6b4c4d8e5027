package model

import (
	"maps"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
)

// Package is one package on the network.
type Package struct {
	Name    string
	Version string
	// ID is the package's hash.
	ID string
}

// Entity is a template or an interface.
type Entity struct {
	Package Package
	Name    ident.Name
	// IsInterface tells an interface, which has a View, from a template, which has an Argument.
	IsInterface bool
	Argument    *daml.Type
	View        *daml.Type
	// Implements are the interfaces of a template.
	Implements []ident.Name
	// Choices are the entity's own; those of an interface are the interface's.
	Choices map[string]Choice
}

// Choice is what can be done with a contract.
type Choice struct {
	Name      string
	Argument  *daml.Type
	Result    *daml.Type
	Consuming bool
}

// ChoiceArchive is the choice that every template has.
const ChoiceArchive = "Archive"

// Catalog is what all packages declare. It does not change; treat what it returns as read-only.
type Catalog struct {
	packages []Package
	entities map[place]*Entity
}

// place is a name without its package.
type place struct{ module, entity string }

// New declares everything. With version 2 of the token standard, its packages are there and tokens implement them.
func New(withV2 bool) *Catalog {
	b := &builder{catalog: &Catalog{entities: map[place]*Entity{}}, withV2: withV2}
	b.declare()
	slices.SortFunc(b.catalog.packages, func(x, y Package) int { return strings.Compare(x.Name, y.Name) })

	return b.catalog
}

// Lookup finds a template or an interface, whichever package the client named.
func (c *Catalog) Lookup(module, entity string) (*Entity, bool) {
	e, ok := c.entities[place{module, entity}]

	return e, ok
}

// Packages are all packages, by name. The caller gets a list of its own.
func (c *Catalog) Packages() []Package { return slices.Clone(c.packages) }

// Package finds a package by its name or by its id.
func (c *Catalog) Package(nameOrID string) (Package, bool) {
	for _, p := range c.packages {
		if p.Name == nameOrID || p.ID == nameOrID {
			return p, true
		}
	}

	return Package{}, false
}

// Entities are all templates and interfaces, by package, module and entity.
func (c *Catalog) Entities() []*Entity {
	return slices.SortedFunc(maps.Values(c.entities), func(x, y *Entity) int {
		return strings.Compare(x.Package.Name+":"+x.Name.Module+":"+x.Name.Entity,
			y.Package.Name+":"+y.Name.Module+":"+y.Name.Entity)
	})
}

// Choice finds a choice that can be exercised on a contract of a template: with an interface named, that interface's,
// if the template implements it; else the template's own.
func (c *Catalog) Choice(template *Entity, iface ident.Name, choice string) (Choice, bool) {
	if iface.IsZero() {
		found, ok := template.Choices[choice]

		return found, ok
	}

	if !slices.ContainsFunc(template.Implements, iface.Is) {
		return Choice{}, false
	}

	e, ok := c.Lookup(iface.Module, iface.Entity)
	if !ok {
		return Choice{}, false
	}

	found, ok := e.Choices[choice]

	return found, ok
}
