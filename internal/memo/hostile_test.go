package memo_test

import (
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/memo/memotest"
)

// hostile draws what somebody may write into a memo who wants to be taken for somebody else, or to do harm where the
// memo is stored or shown.
func hostile() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.SampledFrom(memotest.Injections()), rapid.SampledFrom(memotest.Unseen()), rapid.SampledFrom(memotest.Spaces()),
		rapid.SampledFrom([]string{"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x80", "\ufffd", "\uffff"}),
		lookAlike(), rapid.String(), rapid.StringMatching(`[A-Za-z0-9 -]{1,12}`),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }),
	)

	return rapid.Custom(func(t *rapid.T) string {
		text := strings.Join(rapid.SliceOfN(part, 0, 6).Draw(t, "parts"), "")

		return strings.Repeat(text, rapid.SampledFrom([]int{1, 1, 1, 1, 2, 40, 500}).Draw(t, "times"))
	})
}

// lookAlike draws one of them.
func lookAlike() *rapid.Generator[string] {
	var flat []rune
	for _, others := range memotest.LookAlikes() {
		flat = append(flat, others...)
	}

	slices.Sort(flat)

	return rapid.Map(rapid.SampledFrom(flat), func(r rune) string { return string(r) })
}
