package fault_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

func TestTextRoundTrip(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		want := anyRule(t)
		require.NoError(t, want.Check())

		got, err := fault.Parse(want.String())
		require.NoError(t, err)
		require.Equal(t, want, got)
	})
}

func TestParse(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]fault.Rule{
		"kind=reply-lost": {Kind: fault.ReplyLost},
		"kind=reply-lost,p=50/1000,times=3,path=/v2/interactive-submission": {
			Kind: fault.ReplyLost, Probability: fault.Probability{Hits: 50, Of: 1000}, Times: 3,
			Match: fault.Match{Path: "/v2/interactive-submission"},
		},
		"p=0,kind=lie-memo,party=alice::":    {Kind: fault.LieMemo, Probability: fault.Probability{Of: 1}, Match: fault.Match{Party: "alice::"}},
		"kind=lie-memo,p=1,after=2":          {Kind: fault.LieMemo, Probability: fault.Probability{Hits: 1, Of: 1}, After: 2},
		"kind=node-down,every=1m,delay=1.5s": {Kind: fault.NodeDown, Every: time.Minute, Delay: 1500 * time.Millisecond},
		"kind=clock-jump,delay=-1h":          {Kind: fault.ClockJump, Delay: -time.Hour},
		"kind=stream-cut,size=7":             {Kind: fault.StreamCut, Size: 7},
		"kind=status-503,path=/a?b=c":        {Kind: fault.Status503, Match: fault.Match{Path: "/a?b=c"}},
	} {
		got, err := fault.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"":                                     "known kinds: reply-lost, reply-delayed",
		"reply-lost":                           "known kinds: reply-lost",
		"p=1/2":                                "kind is missing; known kinds: reply-lost",
		"kind=reply-losst":                     `unknown kind "reply-losst"; known kinds: reply-lost`,
		"kind=reply-lost,":                     "want name=value",
		"kind=reply-lost,p=":                   "want name=value",
		"kind=reply-lost,kind=reply-lost":      "kind is given twice",
		"kind=reply-lost,prob=1":               "unknown field \"prob\"; known: kind, p,",
		"kind=reply-lost,p=5%":                 "want n/m",
		"kind=reply-lost,p=1/0":                "want n/m",
		"kind=reply-lost,p=0/0":                "want n/m",
		"kind=reply-lost,p=2/1":                "0 <= n <= m",
		"kind=reply-lost,p=-1/2":               "0 <= n <= m",
		"kind=reply-lost,p=1/1000001":          "0 <= n <= m",
		"kind=reply-lost,times=x":              "want a whole number",
		"kind=reply-lost,times=-1":             "times -1: want 0 to",
		"kind=reply-lost,after=1000000001":     "after 1000000001: want 0 to",
		"kind=stream-cut,size=-1":              "size -1: want 0 to",
		"kind=reply-lost,path=v2":              "begins with /",
		"kind=reply-lost,path=/ü":              "printable ASCII",
		"kind=reply-lost,party=a b":            "printable ASCII",
		"kind=reply-lost,delay=1s":             "delay means nothing here",
		"kind=reply-lost,size=1":               "size means nothing here",
		"kind=reply-lost,every=1m":             "it strikes by chance",
		"kind=reply-delayed,delay=soon":        "want a duration",
		"kind=reply-delayed,delay=-1s":         "delay -1s: want 0s to 24h0m0s",
		"kind=reply-delayed,delay=25h":         "delay 25h0m0s: want",
		"kind=clock-jump,delay=-20000h":        "want -17520h0m0s",
		"kind=stream-cut,every=1ms":            "every 1ms: want 10ms",
		"kind=stream-cut,every=-1m":            "every -1m0s: want 10ms",
		"kind=stream-cut,every=1m,path=/v2":    "it strikes by time, path and party",
		"kind=prune,party=a::b":                "it strikes by time, path and party",
		"kind=prune,times=2":                   "need every",
		"kind=prune,after=1":                   "need every",
		"kind=lie-memo,path=/" + long(255):     "at most 255",
		"kind=lie-memo,path=/" + long(1000):    "longer than 1000",
		"kind=lie-memo,p=" + long(100):         "want n/m",
		"kind=lie-memo,p=99999999999999999999": "want n/m",
	} {
		_, err := fault.Parse(text)
		require.ErrorIs(t, err, fault.ErrInvalid, text)
		require.ErrorContains(t, err, want, text)
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func TestCheckRefusesWhatTextCannotSay(t *testing.T) {
	t.Parallel()

	for name, r := range map[string]fault.Rule{
		"hits in nothing":  {Kind: fault.LieMemo, Probability: fault.Probability{Hits: 1}},
		"a comma in path":  {Kind: fault.LieMemo, Match: fault.Match{Path: "/a,times=1"}},
		"a comma in party": {Kind: fault.LieMemo, Match: fault.Match{Party: "a,times=1"}},
	} {
		require.ErrorIs(t, r.Check(), fault.ErrInvalid, name)
	}
}

func TestCatalogue(t *testing.T) {
	t.Parallel()

	seen := map[fault.Kind]bool{}

	for _, e := range fault.Catalogue() {
		require.False(t, seen[e.Kind], e.Kind)
		seen[e.Kind] = true

		require.NotEmpty(t, e.Does, e.Kind)
		require.NotContains(t, e.Does, "\n")
		require.Contains(t, []fault.Trigger{fault.ByChance, fault.ByTime, fault.ByEither}, e.Strikes)
		require.Equal(t, e.Delay != "", e.DefaultDelay != 0, "a delay that means something has a default: %s", e.Kind)
		require.NoError(t, fault.Rule{Kind: e.Kind, Delay: e.DefaultDelay}.Check())
	}

	require.Len(t, seen, 31)
}

func FuzzParse(f *testing.F) {
	f.Add("kind=reply-lost,p=50/1000,times=3,path=/v2/interactive-submission")
	f.Add("kind=stream-cut,every=1m,delay=1s,size=3,after=1,party=a::b")

	f.Fuzz(func(t *testing.T, text string) {
		rule, err := fault.Parse(text)
		if err != nil {
			require.ErrorIs(t, err, fault.ErrInvalid)

			return
		}

		again, err := fault.Parse(rule.String())
		require.NoError(t, err)
		require.Equal(t, rule, again)
	})
}
