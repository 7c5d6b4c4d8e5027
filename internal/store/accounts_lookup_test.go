package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/memo/memotest"
	"github.com/canton-exchange/suite/internal/store"
)

func TestWhatATypedMemoWouldMatch(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for text, account := range map[string]string{"ACC-1": "c1", "ACC-2": "c2"} {
		_, err := l.db.AddMemo(t.Context(), party, account, text, "", now())
		require.NoError(t, err)
	}

	_, err := l.db.DisableMemo(t.Context(), party, "ACC-2", "ann", "", now())
	require.NoError(t, err)
	issued, err := l.db.IssueMemo(t.Context(), party, "c3", false, "", now())
	require.NoError(t, err)

	wrong := mistype(issued.Memo, 3)

	// A text of the exchange's own may look like a mistyped memo of ours.
	_, err = l.db.AddMemo(t.Context(), party, "c4", mistype(issued.Memo, 4), "", now())
	require.NoError(t, err)

	codes := map[memo.Match]bool{}

	for typed, want := range map[string]store.MemoMatch{
		"ACC-1":                            {Code: memo.Matched, Account: "c1", Memo: "ACC-1"},
		"\tacc-1\u3000":                    {Code: memo.Matched, Account: "c1", Memo: "ACC-1"},
		"ACC-1" + strings.Repeat(" ", 1e4): {Code: memo.Matched, Account: "c1", Memo: "ACC-1"},
		strings.Repeat(" ", 1e4) + "ACC-1": {Code: memo.Empty},
		"ACC-2":                            {Code: memo.Disabled, Account: "c2", Memo: "ACC-2", DisabledAt: new(now())},
		strings.ToLower(issued.Memo):       {Code: memo.Matched, Account: "c3", Memo: issued.Memo},
		mistype(issued.Memo, 4):            {Code: memo.Matched, Account: "c4", Memo: mistype(issued.Memo, 4)},
		wrong:                              {Code: memo.Mistyped},
		"ACC-3":                            {Code: memo.Unknown},
		"ACC\u20111":                       {Code: memo.Unknown},
		"":                                 {Code: memo.Empty},
		"\u00a0\n":                         {Code: memo.Empty},
		strings.Repeat("x", 129):           {Code: memo.TooLong},
		strings.Repeat("x", 1e5):           {Code: memo.TooLong},
		"ACC-1\x00":                        {Code: memo.Unreadable},
		"\xff":                             {Code: memo.Unreadable},
		"'; DROP TABLE deposit_accounts":   {Code: memo.Unknown},
	} {
		got, err := l.db.MatchMemo(t.Context(), party, typed)
		require.NoError(t, err, "%.50q", typed)
		require.True(t, strings.HasSuffix(got.Sentence, "."), got.Sentence)

		if got.DisabledAt != nil {
			got.DisabledAt = new(got.DisabledAt.UTC())
		}

		codes[got.Code], got.Sentence = true, ""
		require.Equal(t, want, got, "%.50q", typed)
	}

	require.Len(t, codes, len(memo.Matches()))

	var none, late string
	require.NoError(t, l.pool.QueryRow(t.Context(), "SELECT a.code, b.code FROM match_memo($1, NULL) AS a, match_memo($1, repeat(' ', 4000) || 'ACC-1') AS b", string(party)).Scan(&none, &late))
	require.Equal(t, []string{"empty", "empty"}, []string{none, late})
}

// mistype is a memo of ours with another character of the alphabet in one place.
func mistype(text string, at int) string {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

	next := (strings.IndexByte(alphabet, text[at]) + 1) % len(alphabet)

	return text[:at] + alphabet[next:next+1] + text[at+1:]
}

// TestMistypedMemosAreFound: every single wrong character and every pair that changed places is recognized, and leads
// back; look-ups say the same as money with this memo would.
func TestMistypedMemosAreFound(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for i := range 30 {
		_, err := l.db.IssueMemo(t.Context(), party, fmt.Sprintf("c%d", i), false, "", now())
		require.NoError(t, err)
	}

	issued, err := l.db.IssueMemo(t.Context(), party, "c0", false, "", now())
	require.NoError(t, err)

	leadsBack := func(typed, difference string) {
		t.Helper()

		match, err := l.db.MatchMemo(t.Context(), party, typed)
		require.NoError(t, err)
		require.Contains(t, []memo.Match{memo.Mistyped, memo.Unknown}, match.Code, typed)

		near, err := l.db.NearestMemos(t.Context(), party, typed)
		require.NoError(t, err)
		require.Contains(t, near, store.NearMemo{Memo: issued.Memo, Account: "c0", Enabled: true, Difference: difference}, typed)
		require.LessOrEqual(t, len(near), 17)
	}

	for at := range issued.Memo {
		leadsBack(mistype(issued.Memo, at), "another_character")
		leadsBack(" "+issued.Memo[:at]+"о"+issued.Memo[at+1:], "another_character") // Cyrillic
	}

	for at := range len(issued.Memo) - 1 {
		swapped := []byte(issued.Memo)
		swapped[at], swapped[at+1] = swapped[at+1], swapped[at]

		if swapped[at] != swapped[at+1] {
			leadsBack(string(swapped), "swapped_characters")
		}
	}

	// A text of the exchange's own is no guess, even if it could be one of ours.
	typed := mistype(issued.Memo, 0)

	for _, digit := range "0123456789ABCDEFGHJKMNPQRSTVWXYZ" {
		if _, wrong := memo.Check(typed[:8] + string(digit)); wrong == nil {
			_, err = l.db.AddMemo(t.Context(), party, "own", typed[:8]+string(digit), "", now())
			require.NoError(t, err)
		}
	}

	near, err := l.db.NearestMemos(t.Context(), party, typed)
	require.NoError(t, err)
	require.Equal(t, 1, l.count("SELECT count(*) FROM deposit_accounts WHERE account = 'own'"))

	for _, n := range near {
		require.NotEqual(t, "own", n.Account)
	}

	for _, none := range []string{issued.Memo, issued.Memo[:8], issued.Memo + "0", "", mistype(mistype(issued.Memo, 1), 5)} {
		near, err := l.db.NearestMemos(t.Context(), party, none)
		require.NoError(t, err)

		for _, n := range near {
			require.NotEqual(t, issued.Memo, n.Memo, "%q", none)
		}
	}
}

// TestLookUpsSayWhatIngestionDoes: a look-up matches exactly where the look-up of ingestion does.
func TestLookUpsSayWhatIngestionDoes(t *testing.T) {
	t.Parallel()

	l := begin(t)

	texts := append(memotest.Nasty(), "ACC-1", "acc-1 ", "0")
	for i, text := range texts {
		if i%3 == 0 {
			_, _ = l.db.AddMemo(t.Context(), party, "c", text, "", now()) // many are none, or there already
		}
	}

	require.Greater(t, l.count("SELECT count(*) FROM deposit_accounts"), 100)

	known := map[string]bool{}
	rows, err := l.pool.Query(t.Context(), "SELECT memo_key FROM deposit_accounts")
	require.NoError(t, err)
	keys, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)

	for _, key := range keys {
		known[key] = true
	}

	for _, text := range texts {
		match, err := l.db.MatchMemo(t.Context(), party, text)
		require.NoError(t, err)
		require.Equal(t, known[memo.Key(text)], match.Code == memo.Matched, "%.100q", text)
	}
}
