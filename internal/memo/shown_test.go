package memo_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/memo/memotest"
)

func TestShown(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct{ in, want string }{
		{"", `""`},
		{"ACC-7781", `"ACC-7781"`},
		{"Zoë's 口座 №5 🙂", `"Zoë's 口座 №5 🙂"`},
		{"АСС-7781", `"АСС-7781"`}, // Cyrillic stays what it is
		{`say "hi" \o/`, `"say \"hi\" \\o/"`},
		{"a\r\nlevel=ERROR msg=\"paid\"\t", `"a\r\nlevel=ERROR msg=\"paid\"\t"`},
		{"\x1b[2J\x1b]0;owned\a", `"\x1b[2J\x1b]0;owned\a"`},
		{"\u009b2J\x7f\x00", `"\u009b2J\x7f\x00"`},
		{"\u202egpj.exe\u2066\u2069\u200f\u061c", `"\u202egpj.exe\u2066\u2069\u200f\u061c"`},
		{"a\u200bb\u200c\u200d\u2060\ufeff\u00ad", `"a\u200bb\u200c\u200d\u2060\ufeff\u00ad"`},
		{"a\u3164b\u115f\uffa0\u2800\ufe0f\U000e0041", `"a\u3164b\u115f\uffa0\u2800\ufe0f\U000e0041"`},
		{"a\u00a0b\u2003\u3000\u2028\u2029\u0085", `"a\u00a0b\u2003\u3000\u2028\u2029\u0085"`},
		{"\xff\xed\xa0\x80", `"\xff\xed\xa0\x80"`},
		{"\u0301e\u0301\u0301\u0301 \u0301", `"\u0301` + "e\u0301\u0301" + `\u0301 \u0301"`}, // two marks on a letter, and no more
		{"\U000f0000\ue000\uffff", `"\U000f0000\ue000\uffff"`},
		{strings.Repeat("a", 256), `"` + strings.Repeat("a", 256) + `"`},
		{strings.Repeat("a", 255) + "é", `"` + strings.Repeat("a", 255) + `"… (257 bytes)`},
		{strings.Repeat("\x80", 300), `"` + strings.Repeat(`\x80`, 256-utf8.UTFMax) + `"… (300 bytes)`},
	} {
		require.Equal(t, tc.want, memo.Shown(tc.in), "%+q", tc.in)
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	require.Equal(t, `the memo "a\\b": no\nnode "x\u202ey"`, memo.Line("the memo \"a\\\\b\": no\nnode \"x\u202ey\""))
	require.Equal(t, strings.Repeat("a", 9000), memo.Line(strings.Repeat("a", 9000)))
}

// TestShownHidesNothing: of everything there is, alone and between letters, nothing unseen is left.
func TestShownHidesNothing(t *testing.T) {
	t.Parallel()

	for r := range unicode.MaxRune + 1 {
		if !utf8.ValidRune(r) {
			continue
		}

		for _, text := range []string{string(r), "a" + string(r) + "b"} {
			if shown := memo.Shown(text) + memo.Line(text); memotest.Hides(shown) {
				require.Fail(t, "shown as it is", "%U: %+q", r, shown)
			}
		}
	}
}

func TestShownTellsTextsApart(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		one, other := hostile().Draw(t, "one"), hostile().Draw(t, "other")
		shown := memo.Shown(one)
		require.False(t, memotest.Hides(shown), "%+q", shown)
		require.False(t, memotest.Hides(memo.Line(one)), "%+q", memo.Line(one))
		require.Equal(t, memo.Line(one), memo.Line(memo.Line(one)), "what is a line already is left alone")
		require.LessOrEqual(t, len(shown), 2000)

		if len(one) <= 256 && len(other) <= 256 {
			require.Equal(t, one == other, shown == memo.Shown(other))
		}
	})
}
