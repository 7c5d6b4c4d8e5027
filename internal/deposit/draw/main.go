// Command draw puts the life of a case and the refusals of decisions, as package deposit has them, into the document
// that its argument names.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/docpart"
)

const command = "go generate ./internal/deposit"

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
	return []docpart.Part{{Name: "cases", Content: cases()}, {Name: "refusals", Content: refusals()}}
}

// cases is the picture, one arrow for each pair of states, and the table of what each arrow stands for.
func cases() string {
	var picture, table strings.Builder

	picture.WriteString("\n```mermaid\nstateDiagram-v2\n    [*] --> held: arrived, its policy waits\n" +
		"    [*] --> open: arrived, owner unknown\n")
	table.WriteString("\n| from | to | who | when |\n|---|---|---|---|\n")

	for _, from := range deposit.CaseStates() {
		for _, to := range deposit.CaseStates() {
			var movers []string

			for _, s := range deposit.CaseSteps() {
				if s.From != from || s.To != to {
					continue
				}

				if !slices.Contains(movers, s.By) {
					movers = append(movers, s.By)
				}

				fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", s.From, s.To, s.By, s.When)
			}

			if len(movers) > 0 {
				fmt.Fprintf(&picture, "    %s --> %s: %s\n", from, to, strings.Join(movers, ", "))
			}
		}

		if from.Final() {
			fmt.Fprintf(&picture, "    %s --> [*]\n", from)
		}
	}

	return picture.String() + "```\n" + table.String() + "\n"
}

func refusals() string {
	var b strings.Builder

	b.WriteString("\n| code | what it means |\n|---|---|\n")

	for _, r := range deposit.Refusals() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", r.Code, r.Sentence)
	}

	return b.String() + "\n"
}
