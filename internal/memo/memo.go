// Package memo compares what a stranger wrote into a transfer with what the exchange told a customer to write.
package memo

import (
	"strings"
	"unicode/utf8"
)

const (
	// MaxKey bounds a memo that can belong to an account, in bytes.
	MaxKey = 128
	// MaxStored bounds how much of a memo is kept beside a transfer, in bytes. The whole text stays in the raw update.
	MaxStored = 4000
)

// Key is the form in which memos are compared, and empty for a text that can belong to nobody.
//
// White space around the memo is dropped and A–Z fold to a–z, because people and wallets change both. Nothing
// else is corrected: Unicode folding would make the Kelvin sign a k, and a memo that is nearly right belongs to
// somebody else as often as not. No source defines the comparison; this is the reference's recommendation.
//
// A text and what Stored keeps of it have the same key, so that an offer is attributed alike whether its memo comes
// from the ledger or from the database.
func Key(text string) string {
	trimmed := strings.TrimSpace(Stored(text))
	if len(trimmed) > MaxKey || strings.ContainsRune(trimmed, utf8.RuneError) {
		return ""
	}

	return strings.Map(fold, trimmed)
}

func fold(r rune) rune {
	if 'A' <= r && r <= 'Z' {
		return r + 'a' - 'A'
	}

	return r
}

// Stored is the text as the database keeps it: cut at MaxStored bytes, and with a mark in the place of what PostgreSQL
// cannot hold, the character NUL and invalid UTF-8. It is still a stranger's text.
func Stored(text string) string {
	text = cut(text, MaxStored) // before the replacement, so that a huge text costs nothing
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", mark), mark)

	return cut(text, MaxStored)
}

const mark = string(utf8.RuneError)

// cut is the text up to so many bytes, and up to the end of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}

	at := most
	for at > most-utf8.UTFMax && !utf8.RuneStart(text[at]) {
		at--
	}

	return text[:at]
}
