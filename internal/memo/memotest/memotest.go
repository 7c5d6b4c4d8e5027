// Package memotest is what strangers may write, for tests.
package memotest

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Injections are texts that mean something where they are stored, logged or shown.
func Injections() []string {
	return []string{
		"'; DROP TABLE deposits; --", `" OR "1"="1`, "$1", "%s%n%!d(string=)", "\\'; SELECT pg_sleep(9) --", "{{.Memo}}",
		"${jndi:ldap://h/a}",
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "&lt;b&gt;", "javascript:alert(1)", "]]>", "<!--",
		"\x1b[2J\x1b[1;1H", "\x1b]0;title\a", "\x1b]8;;http://h\x1b\\here\x1b]8;;\x1b\\", "\x1bP$q\x1b\\", "\u009b31m",
		"\b\b\b\b", "\r",
		"\n2026-01-01 level=INFO msg=paid", `\u0000`, `","level":"INFO","msg":"paid`, "=1+cmd|' /C calc'!A0", "+1", "-1",
		"@SUM(A1)", "\t=1",
		"$(reboot)", "`reboot`", "'; reboot #", "../../../etc/passwd", "NULL", "none", "-", "0", "\\N", "true",
	}
}

// Unseen are characters that a reader does not see, or that change how others are seen.
func Unseen() []string {
	return strings.Split("\x00 \x01 \x7f \u0080 \u009f \u00ad \u034f \u061c \u115f \u17b4 \u180e \u200b \u200c \u200d "+
		"\u200e \u200f \u202a \u202b \u202c \u202d \u202e \u2060 \u2061 \u2066 \u2067 \u2068 \u2069 \u2800 \u3164 \ufe00 "+
		"\ufe0f \ufeff \uffa0 \ufff9 \U000e0001 \U000e0041 \U000e0100 \u0300 \u0301 \u0338 \u20dd \u0489", " ")
}

// Spaces are all that Unicode calls white space.
func Spaces() (all []string) {
	for _, r := range unicode.White_Space.R16 {
		for c := r.Lo; c <= r.Hi; c += r.Stride {
			all = append(all, string(rune(c)))
		}
	}

	return all
}

// LookAlikes are characters that are taken for a letter or a digit, by what they are taken for.
func LookAlikes() map[rune][]rune {
	all := map[rune][]rune{}
	pairs := func(of, like string) {
		others := []rune(like)
		for i, r := range []rune(of) {
			all[r] = append(all[r], others[i])
		}
	}

	pairs("ABCEHIJKMOPSTXYaceijopsxyh", "АВСЕНІЈКМОРЅТХУасеіјорѕхуһ") // Cyrillic
	pairs("ABEZHIKMNOPTYXovu", "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονυ")                   // Greek
	pairs("0011OlI58SB2Z", "OoIl0I1SB58Z2")                           // of ASCII
	pairs("KkSsAi", "\u212a\u212aſſÅı")
	pairs("0123456789", "٠١٢٣٤٥٦٧٨٩")
	pairs("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
	pairs("12345678", "①②③④⑤⑥⑦⑧")
	pairs("-----", "‐‑–−\u00ad")

	for r := range 'Z' - 'A' + 1 {
		for _, block := range []rune{0xff21, 0x1d400, 0x1d434, 0x1d5a0, 0x1d670, 0x24b6, 0x1f130} {
			all['A'+r] = append(all['A'+r], block+r)
		}

		for _, block := range []rune{0xff41, 0x1d41a, 0x1d5ba, 0x1d68a, 0x24d0} {
			all['a'+r] = append(all['a'+r], block+r)
		}
	}

	for r := range rune(10) {
		for _, block := range []rune{0xff10, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7f6} {
			all['0'+r] = append(all['0'+r], block+r)
		}
	}

	return all
}

// Nasty are whole memos, of which none is acc-1: what looks like it, what only begins like it, and what does harm.
func Nasty() []string {
	const (
		memo = "ACC-1"
		long = 9000
	)

	all := append(Injections(), Unseen()...)
	all = append(all, "", memo[1:], memo+memo, memo+" "+memo, "ACC 1", "A\tCC-1", memo+"\x00", "\x00"+memo, "\ufffd",
		strings.Repeat("a", 128), strings.Repeat("a", 129), strings.Repeat("é", 64), strings.Repeat("é", 128),
		strings.Repeat("𝒜", 128),
		strings.Repeat("\u202e", 2000), strings.Repeat(" ", long)+memo, strings.Repeat("\x00", long),
		strings.Repeat("\u0301", long),
		strings.Repeat("<", long), strings.Repeat("😀", long), noise(long))

	for _, r := range memo {
		for _, other := range LookAlikes()[r] {
			all = append(all, strings.Replace(memo, string(r), string(other), 1))
		}
	}

	for i := range len(memo) + 1 {
		for _, hidden := range Unseen() {
			all = append(all, memo[:i]+hidden+memo[i:])
		}
	}

	for _, injected := range Injections() {
		all = append(all, memo+"."+injected, injected+"."+memo)
	}

	return all
}

// noise is a long text that no database can compress to fit into an index.
func noise(length int) string {
	var b strings.Builder

	for i := byte(0); b.Len() < length; i++ {
		sum := sha256.Sum256([]byte{i})
		b.WriteString(base64.StdEncoding.EncodeToString(sum[:]))
	}

	return b.String()[:length]
}

// Hides says whether a text that is shown on a line holds what is not seen, what steers a terminal, or what changes how
// other characters are seen. It goes by a list of what does harm.
func Hides(shown string) bool {
	return !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool {
		return r < ' ' || r >= 0x7f && r < 0xa0 || r != ' ' && unicode.IsSpace(r) || r == '\u2800' ||
			unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs, unicode.Bidi_Control, unicode.Join_Control,
				unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point)
	})
}
