// Command draw puts the catalogue of events, as package event has it, into the document that its argument names.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/canton-exchange/suite/internal/docpart"
	"github.com/canton-exchange/suite/internal/event"
)

const command = "go generate ./internal/event"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "draw:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: draw DOCUMENT")
	}

	return docpart.Write(arguments[0], command, parts()...)
}

func parts() []docpart.Part {
	return []docpart.Part{{Name: "types", Content: types()}, {Name: "data", Content: data()}}
}

// types is the table of what there is.
func types() string {
	var b strings.Builder

	b.WriteString("\n| type | when | subject |\n|---|---|---|\n")

	for _, t := range event.Catalogue() {
		fmt.Fprintf(&b, "| `%s` | %s | `%s` |\n", t.Name, t.When, t.Subject)
	}

	return b.String() + "\n"
}

// data is a table of members for each kind of data. Types that have the same are told of once.
func data() string {
	var (
		b     strings.Builder
		order []string
	)

	names := map[string][]string{}

	for _, t := range event.Catalogue() {
		table := members(t.Fields)
		if _, ok := names[table]; !ok {
			order = append(order, table)
		}

		names[table] = append(names[table], "`"+t.Name+"`")
	}

	for _, table := range order {
		fmt.Fprintf(&b, "\n%s\n\n%s", strings.Join(names[table], ", "), table)
	}

	return b.String() + "\n"
}

func members(fields []event.Field) string {
	var b strings.Builder

	b.WriteString("| member | kind | |\n|---|---|---|\n")

	for _, f := range fields {
		says := f.Says
		if f.Optional {
			says = "Optional. " + says
		}

		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Name, f.Kind, says)
	}

	return b.String()
}
