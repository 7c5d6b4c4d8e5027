package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// ruleSeparator stands between rules where several are given at once, as in SANDBOX_FAULT.
const ruleSeparator = ";"

// addFaults reads one rule or several.
func (o *options) addFaults(text string) error {
	for part := range strings.SplitSeq(text, ruleSeparator) {
		rule, err := fault.Parse(strings.TrimSpace(part))
		if err != nil {
			return err
		}

		if len(o.faults) >= fault.MaxRules {
			return fmt.Errorf("%w: at most %d rules", fault.ErrFull, fault.MaxRules)
		}

		o.faults = append(o.faults, rule)
	}

	return nil
}

// explainFaults lists the kinds of faults below the flags.
func explainFaults(w io.Writer) {
	var text strings.Builder

	text.WriteString("\nA fault RULE is kind=KIND, and whatever else of: p=N/M (how likely), after=N and times=N\n" +
		"(chances), path=PREFIX, party=PREFIX, every=DURATION, delay=DURATION, size=N. Kinds that strike\n" +
		"by time strike once without every. For example:\n" +
		"kind=reply-lost,p=50/1000,path=/v2/interactive-submission\n\n")

	for _, e := range fault.Catalogue() {
		_, _ = fmt.Fprintf(&text, "  %-24s %s [by %s]\n", e.Kind, e.Does, e.Strikes) // a builder takes everything
	}

	_, _ = io.WriteString(w, text.String()) // nobody to tell who cannot read the help
}
