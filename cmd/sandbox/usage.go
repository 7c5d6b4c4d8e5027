package main

import (
	"flag"
	"fmt"
	"io"
	"strings"
)

// group is a part of the help: flags that are about one thing.
type group struct {
	title string
	flags []string
}

func groups() []group {
	return []group{
		{"Where", []string{"listen", "listen-second"}},
		{"Which network", []string{
			"canton", "seed", "shape", "events-v2", "acme-workflow", "acme-permissioned", "two-synchronizers", "latency",
			"checkpoints", "own-node-ids", "replay", "party",
		}},
		{"Who is let in (everybody, unless one of these is given)", []string{
			"token-file", "jwt-hs256-file", "jwt-audience", "jwt-max-lifetime",
		}},
		{"What is there at the start", []string{"treasury", "traffic", "holdings", "holders"}},
		{"How much is remembered", []string{"max-updates", "auto-prune"}},
		{"What goes wrong", []string{"fault", "fault-seed"}},
	}
}

const introduction = `sandbox plays a Canton network in one process: a validator node's JSON Ledger API, Canton Coin and
a second token with their registries, a faucet, and customers' wallets. It keeps everything in memory and is for
development and tests.

  sandbox                              a network on http://127.0.0.1:7575, tokens unchecked
  curl -d '{"hint":"alice"}' http://127.0.0.1:7575/sandbox/v1/parties
  sandbox -canton 3.4 -traffic 5       the release of 3.4, five customers' actions a second
  sandbox -fault kind=reply-lost,p=5/100

docs/sandbox.md has the endpoints, the parties, the faucet and a walk-through with curl.
Every flag can be given as a variable too: -acme-workflow is SANDBOX_ACME_WORKFLOW.
`

// explain prints the help. A flag that no group names comes last, so that none is ever missing.
func explain(set *flag.FlagSet, out io.Writer) {
	_, _ = fmt.Fprint(out, introduction)
	shown := map[string]bool{}

	for _, g := range groups() {
		_, _ = fmt.Fprintf(out, "\n%s\n", g.title)

		for _, name := range g.flags {
			if f := set.Lookup(name); f != nil {
				explainFlag(f, out)
			}

			shown[name] = true
		}
	}

	set.VisitAll(func(f *flag.Flag) {
		if !shown[f.Name] {
			explainFlag(f, out)
		}
	})

	explainFaults(out)
}

// column is where the texts of flags begin, and width where their lines end.
const (
	column = 30
	width  = 120
)

// explainFlag prints one flag.
func explainFlag(f *flag.Flag, out io.Writer) {
	kind, text := flag.UnquoteUsage(f)

	head := "  -" + f.Name
	if kind != "" {
		head += " " + kind
	}

	if len(head) >= column {
		head += "\n" + strings.Repeat(" ", column)
	} else {
		head += strings.Repeat(" ", column-len(head))
	}

	if f.DefValue != "" && f.DefValue != "0" && f.DefValue != "false" && f.DefValue != "0s" {
		text += fmt.Sprintf(" (default %s)", f.DefValue)
	}

	_, _ = fmt.Fprintln(out, head+folded(text))
}

// folded breaks a text into lines.
func folded(text string) string {
	var out strings.Builder

	room := width - column

	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case len(word) >= room:
			out.WriteString("\n" + strings.Repeat(" ", column))

			room = width - column
		default:
			out.WriteString(" ")

			room--
		}

		out.WriteString(word)

		room -= len(word)
	}

	return out.String()
}
