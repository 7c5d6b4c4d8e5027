package store_test

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/memo/memotest"
	"github.com/canton-exchange/suite/internal/store"
)

// hostileMemo draws what a stranger may write.
func hostileMemo() *rapid.Generator[string] {
	parts := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.SampledFrom(memotest.Nasty()), rapid.SampledFrom(memotest.Spaces())), 0, 5)

	return rapid.Map(parts, func(parts []string) string { return strings.Join(parts, "") })
}

// TestDatabaseComparesMemosAsWeDo: the function by which the database compares memos is memo.Key in other words.
func TestDatabaseComparesMemosAsWeDo(t *testing.T) {
	t.Parallel()

	_, pool := open(t)
	same := func(t require.TestingT, texts []string) {
		stored := make([]string, len(texts))
		for i, text := range texts {
			stored[i] = memo.Stored(text)
		}

		rows, err := pool.Query(context.Background(), "SELECT text, memo_key(text) FROM unnest($1::text[]) WITH ORDINALITY AS u(text, n) ORDER BY n", stored)
		require.NoError(t, err)

		type pair struct{ Text, Key string }

		got, err := pgx.CollectRows(rows, pgx.RowToStructByPos[pair])
		require.NoError(t, err)

		for i, text := range texts {
			if want := (pair{stored[i], memo.Key(text)}); want != got[i] {
				require.Equal(t, want, got[i], "%.200q", text)
			}
		}
	}

	var all []string

	for r := range '\uFFFF' + 1 {
		if utf8.ValidRune(r) {
			all = append(all, string(r), "a"+string(r)+"Z")
		}
	}

	same(t, append(all, memotest.Nasty()...))
	rapid.Check(t, func(t *rapid.T) { same(t, rapid.SliceOfN(hostileMemo(), 1, 50).Draw(t, "memos")) })
}

// TestMemosBelongToOne: of what can be registered, each key once, and it comes back as it was written.
func TestMemosBelongToOne(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	treasury, err := db.EnsureTreasury(t.Context(), party, now())
	require.NoError(t, err)

	taken := map[string]bool{}

	rapid.Check(t, func(t *rapid.T) {
		text := hostileMemo().Draw(t, "memo")
		key := memo.Key(text)
		err := db.RegisterMemo(context.Background(), treasury, text, "alice", now())

		switch {
		case key == "" || memo.Stored(text) != text:
			require.ErrorIs(t, err, store.ErrBadMemo)
			require.False(t, memotest.Hides(err.Error()), "%+q", err)

			return
		case taken[key]:
			require.ErrorIs(t, err, store.ErrMemoTaken)

			return
		}

		require.NoError(t, err)

		taken[key] = true

		var stored string

		require.NoError(t, pool.QueryRow(context.Background(), "SELECT memo FROM deposit_accounts WHERE memo_key = $1", key).Scan(&stored))
		require.Equal(t, text, stored)
	})

	require.NotEmpty(t, taken)
}
