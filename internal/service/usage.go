package service

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// writeTable prints variables for a terminal.
func writeTable(w io.Writer, variables []Variable) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)

	// Errors of a tabwriter's writes come from its Flush.
	_, _ = fmt.Fprintln(table, "  VARIABLE\tDEFAULT\tREQUIRED\tMEANING")
	for _, v := range variables {
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\t%s\n", v.Name, orDash(v.Default), yes(v.Required), v.meaning())
	}

	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the variables: %w", err)
	}

	return nil
}

// Markdown is the same table for our documents.
func Markdown(variables []Variable) string {
	var b strings.Builder

	b.WriteString("| Variable | Default | Required | Meaning |\n|---|---|---|---|\n")

	for _, v := range variables {
		value := "–"
		if v.Default != "" {
			value = "`" + escapeCell(v.Default) + "`"
		}

		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", v.Name, value, yes(v.Required), escapeCell(v.meaning()))
	}

	return b.String()
}

func (v Variable) meaning() string {
	if v.Secret {
		return v.Help + " Secret: or name a file that holds it in " + v.Name + fileSuffix + "."
	}

	return v.Help
}

func escapeCell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

func orDash(text string) string {
	if text == "" {
		return "-"
	}

	return text
}

func yes(b bool) string {
	if b {
		return "yes"
	}

	return "no"
}
