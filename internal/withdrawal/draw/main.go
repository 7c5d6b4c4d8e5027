// Command draw puts the life of a withdrawal, as package withdrawal has it, into the document that its argument names.
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/docpart"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

const command = "go generate ./internal/withdrawal"

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
	return []docpart.Part{{Name: "states", Content: states()}, {Name: "reasons", Content: reasons()}}
}

// states is the picture, one arrow for each pair of states, and the table of what each arrow stands for.
func states() string {
	var picture, table strings.Builder

	picture.WriteString("\n```mermaid\nstateDiagram-v2\n    [*] --> requested: exchange\n")
	table.WriteString("\n| from | to | who | when |\n|---|---|---|---|\n")

	for _, from := range withdrawal.States() {
		for _, to := range withdrawal.States() {
			var movers []string

			for _, t := range withdrawal.Transitions() {
				if t.From != from || t.To != to {
					continue
				}

				if !slices.Contains(movers, string(t.By)) {
					movers = append(movers, string(t.By))
				}

				fmt.Fprintf(&table, "| %s | %s | %s | %s |\n", t.From, t.To, t.By, t.When)
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

// reasons are the tables of reason codes, one for each standing.
func reasons() string {
	var b strings.Builder

	for _, group := range []struct {
		standing withdrawal.Standing
		title    string
	}{
		{withdrawal.Refusal, "Requests that are refused: nothing was stored, no money has moved"},
		{withdrawal.Waits, "Why a withdrawal waits (`waiting`)"},
		{withdrawal.Ends, "Why a withdrawal has failed (`reason`): the money is back where it was taken from"},
	} {
		fmt.Fprintf(&b, "\n%s:\n\n| code | what it means |\n|---|---|\n", group.title)

		for _, e := range withdrawal.Explanations() {
			if e.Standing == group.standing {
				fmt.Fprintf(&b, "| `%s` | %s |\n", e.Reason, e.Sentence)
			}
		}
	}

	return b.String() + "\n"
}
