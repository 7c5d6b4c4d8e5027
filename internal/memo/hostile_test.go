package memo_test

import (
	"slices"
	"strings"
	"unicode"

	"pgregory.net/rapid"
)

// hostile draws what somebody may write into a memo who wants to be taken for somebody else, or to do harm where the
// memo is stored or shown.
func hostile() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.SampledFrom(injections()), rapid.SampledFrom(unseen()), rapid.SampledFrom(spaces()),
		rapid.SampledFrom([]string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80", "\ufffd", "\uffff"}),
		lookAlike(), rapid.String(), rapid.StringMatching(`[A-Za-z0-9 -]{1,12}`),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)

	return rapid.Custom(func(t *rapid.T) string {
		text := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "parts"), "")

		return strings.Repeat(text, rapid.SampledFrom([]int{1, 1, 1, 1, 2, 40, 500}).Draw(t, "times"))
	})
}

func injections() []string {
	return []string{
		"'; DROP TABLE deposits; --", `" OR "1"="1`, "$1", "%s%n%!d(string=)", "\\'; SELECT pg_sleep(9) --", "{{.Memo}}", "${jndi:ldap://h/a}",
		"<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`, "&lt;b&gt;", "javascript:alert(1)", "]]>", "<!--",
		"\x1b[2J\x1b[1;1H", "\x1b]0;title\a", "\x1b]8;;http://h\x1b\\here\x1b]8;;\x1b\\", "\x1bP$q\x1b\\", "\u009b31m", "\b\b\b\b", "\r",
		"\n2026-01-01 level=INFO msg=paid", `\u0000`, `","level":"INFO","msg":"paid`, "=1+cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1",
		"$(reboot)", "`reboot`", "'; reboot #", "../../../etc/passwd", "NULL", "none", "-", "0", "\\N", "true",
	}
}

// unseen are characters that a reader does not see, or that change how others are seen.
func unseen() []string {
	return strings.Split("\x00 \x01 \x7f \u0080 \u009f \u00ad \u034f \u061c \u115f \u17b4 \u180e \u200b \u200c \u200d \u200e \u200f "+
		"\u202a \u202b \u202c \u202d \u202e \u2060 \u2061 \u2066 \u2067 \u2068 \u2069 \u2800 \u3164 \ufe00 \ufe0f \ufeff \uffa0 \ufff9 "+
		"\U000e0001 \U000e0041 \U000e0100 \u0300 \u0301 \u0338 \u20dd \u0489", " ")
}

// spaces are all that Unicode calls white space.
func spaces() (all []string) {
	for _, r := range unicode.White_Space.R16 {
		for c := r.Lo; c <= r.Hi; c += r.Stride {
			all = append(all, string(rune(c)))
		}
	}

	return all
}

// alike are characters that are taken for a letter or a digit, by what they are taken for.
func alike() map[rune][]rune {
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

	for r := range rune(26) {
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

// lookAlike draws one of them.
func lookAlike() *rapid.Generator[string] {
	all := alike()

	var flat []rune
	for _, others := range all {
		flat = append(flat, others...)
	}

	slices.Sort(flat)

	return rapid.Map(rapid.SampledFrom(flat), func(r rune) string { return string(r) })
}
