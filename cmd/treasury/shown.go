package main

import (
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
)

// plain is a text of somebody else's as a word of a table or a sentence, quoted if it could be taken for something that
// it is not.
func plain[T ~string](word T) string {
	text := string(word)

	shown := memo.Shown(text)
	if shown == `"`+text+`"` && !strings.Contains(text, " ") && text != "" {
		return text
	}

	return shown
}

// named is a token, id@admin and whole: both are shorter than what is cut.
func named(i ident.Instrument) string {
	return strings.TrimSuffix(memo.Shown(i.ID), `"`) + "@" + strings.TrimPrefix(memo.Shown(string(i.Admin)), `"`)
}

// said is a sentence of ours in which others may have had a word, whole.
func said(sentence string) string { return `"` + memo.Line(sentence) + `"` }

// shellWord is a text as one word for a shell: people copy the commands that they are told. What is not seen is written
// as bash, zsh and ksh read it.
func shellWord(text string) string {
	if memo.Line(text) != text {
		return "$'" + memo.Line(strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text)) + "'"
	}

	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
