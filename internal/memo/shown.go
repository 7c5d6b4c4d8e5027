package memo

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxShown bounds how much of a text is shown, in bytes before it is escaped: every memo that can belong to somebody
	// is shown whole.
	maxShown = 256
	// maxMarks is how many marks may stand on one letter. Real languages need two; more climb over the lines above.
	maxMarks = 2
)

// Shown is a stranger's text for a terminal, a log or an error: in quotes, in one line, and not longer than a few
// hundred characters. Use it for all that others wrote: memos, metadata, instrument ids, answers of registries and
// nodes.
//
// Whatever is not seen, or changes how its surroundings are seen, is shown as an escape of Go's: control characters,
// line ends, white space but the blank, what is invisible or has no width, what changes the direction of writing,
// invalid UTF-8, characters for private use, and marks that pile up. Two texts that differ are shown differently, as
// long as they are not cut. Letters of all scripts stay as they are, so a look-alike looks alike. The result is not
// safe in HTML or in a shell, which have rules of their own.
//
// For sentences of ours that repeat such texts there is Line.
func Shown(text string) string {
	shown := `"` + escaped(cut(text, maxShown), quoting) + `"`
	if len(text) > maxShown {
		shown += "… (" + strconv.Itoa(len(text)) + " bytes)"
	}

	return shown
}

// Line is a sentence that others may have had a word in, as an error has: in one line, and with the same escapes as
// Shown has, but neither quoted nor cut. A quotation mark and a backslash stay as they are.
func Line(text string) string { return escaped(text, "") }

const quoting = `"\`

// escaped escapes what is not seen, and with a backslash the characters of also.
func escaped(text, also string) string {
	var b strings.Builder

	b.Grow(len(text))

	room := 0 // for marks on what was written last

	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		character := text[:size]
		text = text[size:]

		switch onLetter := unicode.In(r, unicode.Mn, unicode.Me); {
		case r == utf8.RuneError && size == 1, !Seen(r), onLetter && room == 0:
			quoted := strconv.QuoteToASCII(character)
			b.WriteString(quoted[1 : len(quoted)-1])

			room = 0
		case onLetter:
			b.WriteString(character)

			room--
		default:
			if strings.ContainsRune(also, r) {
				b.WriteByte('\\')
			}

			b.WriteString(character)

			room = 0
			if unicode.IsLetter(r) {
				room = maxMarks
			}
		}
	}

	return b.String()
}

// Seen reports whether a reader sees this character and nothing else of it. Some that Unicode calls letters, marks or
// symbols are blank.
func Seen(r rune) bool {
	const (
		blankBraille = '\u2800'
		firstBeyond  = '\x7f'
	)

	if r < firstBeyond {
		return r >= ' '
	}

	return strconv.IsPrint(r) && r != blankBraille &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}
