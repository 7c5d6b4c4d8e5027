package ident

import "strings"

// Name is a template or interface id, package:Module:Entity, where the package part is either #package-name
// or a package hash. Answers of a node always carry the hash, and the hash changes with every upgrade, so
// names are compared with Is, which leaves the package out.
type Name struct {
	Package string
	Module  string
	Entity  string
}

// ParseName splits package:Module:Entity. All three parts must be there.
func ParseName(text string) (Name, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" || len(text) > maxName || !printable(text) {
		return Name{}, invalid("template or interface id", text, "want package:Module:Entity")
	}

	return Name{Package: parts[0], Module: parts[1], Entity: parts[2]}, nil
}

// Is reports whether both name the same module and entity, whatever the package.
func (n Name) Is(other Name) bool { return n.Module == other.Module && n.Entity == other.Entity }

// IsZero reports whether the name is absent, as the interface of a template's own choice is.
func (n Name) IsZero() bool { return n == Name{} }

// String is the wire form; empty for the zero name.
func (n Name) String() string {
	if n.IsZero() {
		return ""
	}

	return n.Package + ":" + n.Module + ":" + n.Entity
}
