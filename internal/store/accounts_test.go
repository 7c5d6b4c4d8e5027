package store_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/store"
)

// TestDatabaseMakesMemosAsWeDo: out of the same bytes the same memo, the same opinion of any text, and the same of it is
// kept.
func TestDatabaseMakesMemosAsWeDo(t *testing.T) {
	t.Parallel()

	_, pool := open(t)

	ours := rapid.StringMatching(`[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{9}`)
	typed := rapid.OneOf(ours, hostileMemo(), rapid.Custom(func(t *rapid.T) string {
		text := []rune(ours.Draw(t, "memo"))
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.Rune().Draw(t, "rune")

		return string(text)
	}))

	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "random")
		want, err := memo.Issue(bytes.NewReader(raw))
		require.NoError(t, err)

		text := strings.ReplaceAll(strings.ToValidUTF8(typed.Draw(t, "typed"), "?"), "\x00", "0")
		text += strings.Repeat(rapid.StringN(1, 3, -1).Filter(func(s string) bool { return !strings.Contains(s, "\x00") }).Draw(t, "filling"),
			rapid.SampledFrom([]int{0, 0, 1, 1300, 2100}).Draw(t, "times"))
		isOurs, wrong := memo.Check(text)

		var (
			made, kept  string
			form, right bool
		)

		require.NoError(t, pool.QueryRow(context.Background(), `SELECT memo_of($1), memo_stored($2), memo_is_ours(k),
			memo_is_ours(k) AND memo_check_digit(left(k, 8)) = right(k, 1) FROM memo_key(memo_stored($2)) AS k`, raw, text).Scan(&made, &kept, &form, &right))
		require.Equal(t, want, made)
		require.Equal(t, memo.Stored(text), kept)
		require.Equal(t, isOurs, form, "%q", text)
		require.Equal(t, isOurs && wrong == nil, right, "%q", text)
	})

	seen := map[string]bool{}

	for range 200 {
		var drawn string
		require.NoError(t, pool.QueryRow(t.Context(), "SELECT draw_memo()").Scan(&drawn))

		isOurs, err := memo.Check(drawn)
		require.NoError(t, err)
		require.True(t, isOurs)
		require.Equal(t, strings.ToUpper(drawn), drawn)

		seen[drawn] = true
	}

	require.Len(t, seen, 200)

	for at := range 8 { // each place takes all its characters: none rests on those bits of a UUID that are fixed
		here := map[byte]bool{}
		for drawn := range seen {
			here[drawn[at]] = true
		}

		require.Greater(t, len(here), 16, "place %d", at)
	}
}

// TestManyAskForAMemoAtOnce, and are told the same one; who wants another gets another.
func TestManyAskForAMemoAtOnce(t *testing.T) {
	t.Parallel()

	l := begin(t)

	var group errgroup.Group

	const many = 50

	told := make([]store.IssuedMemo, many)

	for i := range many {
		group.Go(func() (err error) {
			told[i], err = l.db.IssueMemo(t.Context(), party, "c1", false, "", now())

			return err
		})
	}

	require.NoError(t, group.Wait())

	fresh := 0

	for _, one := range told {
		require.Equal(t, told[0].Memo, one.Memo)

		if !one.Repeated {
			fresh++
		}
	}

	require.Equal(t, 1, fresh)
	require.Equal(t, 1, l.count("SELECT count(*) FROM deposit_accounts WHERE issued AND enabled AND created_by = current_user"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM audit_log"), "what the others were told changed nothing")
	require.Equal(t, 1, l.count("SELECT count(*) FROM audit_log WHERE action = 'memo.create' AND actor = session_user AND subject = 'c1'"))

	another, err := l.db.IssueMemo(t.Context(), party, "c1", true, "ann", now().Add(time.Second))
	require.NoError(t, err)
	require.NotEqual(t, told[0].Memo, another.Memo)
	require.False(t, another.Repeated)

	again, err := l.db.IssueMemo(t.Context(), party, "c1", false, "", now().Add(time.Minute))
	require.NoError(t, err)
	require.Equal(t, store.IssuedMemo{Memo: another.Memo, Repeated: true}, again, "the newest")
	require.Equal(t, 1, l.count("SELECT count(*) FROM audit_log WHERE action = 'memo.issue' AND actor = 'ann' AND detail ->> 'account' = 'c1'"))

	// A disabled one is not told again, and neither is a text of the exchange's own.
	_, err = l.db.AddMemo(t.Context(), party, "c1", "OWN-1", "", now().Add(time.Hour))
	require.NoError(t, err)
	_, err = l.db.DisableMemo(t.Context(), party, another.Memo, "ann", "", now())
	require.NoError(t, err)
	again, err = l.db.IssueMemo(t.Context(), party, "c1", false, "", now())
	require.NoError(t, err)
	require.Equal(t, store.IssuedMemo{Memo: told[0].Memo, Repeated: true}, again)

	// Where all are disabled, a program that repeats itself does not give the account a way in again.
	_, err = l.db.DisableMemo(t.Context(), party, told[0].Memo, "ann", "", now())
	require.NoError(t, err)
	_, err = l.db.IssueMemo(t.Context(), party, "c1", false, "", now())
	refusedWith(t, err, "memo_disabled")
	_, err = l.db.IssueMemo(t.Context(), party, "c1", true, "ann", now())
	require.NoError(t, err)
}

// TestTakenMemosAreDrawnAgain, and not for ever.
func TestTakenMemosAreDrawnAgain(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.exec(`CREATE SEQUENCE draws; CREATE OR REPLACE FUNCTION draw_memo() RETURNS text VOLATILE LANGUAGE sql AS $$
		SELECT memo_of(decode(lpad(to_hex(nextval('public.draws') / 5), 16, '0'), 'hex')) $$`)

	memos := map[string]string{}

	for i := range 10 {
		account := fmt.Sprintf("c%d", i)
		issued, err := l.db.IssueMemo(t.Context(), party, account, false, "", now())
		require.NoError(t, err)
		require.Empty(t, memos[issued.Memo])

		memos[issued.Memo] = account
	}

	l.exec(`CREATE OR REPLACE FUNCTION draw_memo() RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT memo_of('\x0000000000000000') $$`)

	_, err := l.db.IssueMemo(t.Context(), party, "c-last", false, "", now())
	require.ErrorContains(t, err, "every memo that was drawn is taken")
	require.Equal(t, 10, l.count("SELECT count(*) FROM deposit_accounts"))
}

func TestAnAccountHasABoundedNumberOfMemos(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for range 100 {
		_, err := l.db.IssueMemo(t.Context(), party, "c1", true, "", now())
		require.NoError(t, err)
	}

	_, err := l.db.IssueMemo(t.Context(), party, "c1", true, "", now())
	refusedWith(t, err, "too_many_memos")

	issued, err := l.db.IssueMemo(t.Context(), party, "c1", false, "", now())
	require.NoError(t, err)
	require.True(t, issued.Repeated)

	_, err = l.db.IssueMemo(t.Context(), party, "c2", true, "", now())
	require.NoError(t, err)
}

// TestMemosAreNeverReused: whatever happens to a memo, it is its first account's.
func TestMemosAreNeverReused(t *testing.T) {
	t.Parallel()

	l := begin(t)
	own := func(account, text, operator string) (bool, error) {
		return l.db.AddMemo(t.Context(), party, account, text, operator, now())
	}

	repeated, err := own("c1", "Own text 1", "ann")
	require.NoError(t, err)
	require.False(t, repeated)

	repeated, err = own("c1", " own TEXT 1\n", "ann")
	require.NoError(t, err)
	require.True(t, repeated)
	require.Equal(t, 1, l.count("SELECT count(*) FROM audit_log WHERE action = 'memo.register' AND subject = 'own text 1' AND actor = 'ann'"))

	_, err = own("c2", "OWN TEXT 1", "")
	refusedWith(t, err, "memo_taken")

	off, err := l.db.DisableMemo(t.Context(), party, " OWN text 1 ", "ann", "he has left", now())
	require.NoError(t, err)
	require.Equal(t, store.SwitchedMemo{Account: "c1", Changed: true}, off)

	off, err = l.db.DisableMemo(t.Context(), party, "Own text 1", "bob", "", now())
	require.NoError(t, err)
	require.Equal(t, store.SwitchedMemo{Account: "c1"}, off, "said twice")

	_, err = own("c2", "Own text 1", "")
	refusedWith(t, err, "memo_taken")
	_, err = own("c1", "Own text 1", "")
	refusedWith(t, err, "memo_disabled")
	require.ErrorIs(t, l.db.RegisterMemo(t.Context(), l.treasury, "Own text 1", "c1", now()), store.ErrMemoTaken)
	require.Equal(t, 1, l.count("SELECT count(*) FROM deposit_accounts WHERE NOT enabled AND disabled_by = 'ann' AND disabled_at IS NOT NULL"))

	on, err := l.db.EnableMemo(t.Context(), party, "Own text 1", "bob", "he is back", now())
	require.NoError(t, err)
	require.Equal(t, store.SwitchedMemo{Account: "c1", Changed: true}, on)

	acts, err := l.db.Acts(t.Context(), l.treasury, "own text 1", 10)
	require.NoError(t, err)
	require.Len(t, acts, 3)
	require.Equal(t, "memo.enable", acts[0].Action)
	require.JSONEq(t, `{"account": "c1", "memo": "Own text 1", "note": "he has left"}`, string(acts[1].Detail))

	// Not by hand either.
	for _, statement := range []string{
		"UPDATE deposit_accounts SET account = 'c2'", "UPDATE deposit_accounts SET memo_key = 'x'", "UPDATE deposit_accounts SET memo = 'x'",
		"DELETE FROM deposit_accounts", "TRUNCATE deposit_accounts",
	} {
		_, err := l.pool.Exec(t.Context(), statement)
		require.ErrorContains(t, err, "belongs to its account for ever", statement)
	}
}

func TestWhatCannotBeAMemo(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for _, text := range []string{"", " \t\u00a0", strings.Repeat("x", 129), "\xff", "a\x00", "\ufffd", strings.Repeat(" ", 4000) + "x", "x" + strings.Repeat(" ", 4000)} {
		_, err := l.db.AddMemo(t.Context(), party, "c1", text, "", now())
		refusedWith(t, err, "invalid_memo")
	}

	for _, account := range []string{"", strings.Repeat("é", 129), "\xff", "a\x00"} {
		_, err := l.db.AddMemo(t.Context(), party, account, "OWN", "", now())
		refusedWith(t, err, "invalid_account")
		_, err = l.db.IssueMemo(t.Context(), party, account, false, "", now())
		refusedWith(t, err, "invalid_account")
	}

	const nobody = ident.Party("nobody::1220")

	_, err := l.db.AddMemo(t.Context(), nobody, "c1", "OWN", "", now())
	refusedWith(t, err, "unknown_treasury")
	_, err = l.db.IssueMemo(t.Context(), nobody, "c1", false, "", now())
	refusedWith(t, err, "unknown_treasury")
	_, err = l.db.MatchMemo(t.Context(), nobody, "OWN")
	refusedWith(t, err, "unknown_treasury")
	_, err = l.db.NearestMemos(t.Context(), nobody, "OWN")
	refusedWith(t, err, "unknown_treasury")

	_, err = l.db.IssueMemo(t.Context(), party, "c1", false, "ann\n", now())
	refusedWith(t, err, "invalid_operator")
	_, err = l.db.AddMemo(t.Context(), party, "c1", "OWN", strings.Repeat("n", 201), now())
	refusedWith(t, err, "invalid_operator")
	_, err = l.db.DisableMemo(t.Context(), party, "OWN", "ann", "", now())
	refusedWith(t, err, "unknown_memo")
	require.Equal(t, 0, l.count("SELECT count(*) FROM deposit_accounts"))

	_, err = l.db.AddMemo(t.Context(), party, strings.Repeat("é", 128), strings.Repeat("é", 64), "", now())
	require.NoError(t, err)
	_, err = l.db.DisableMemo(t.Context(), party, strings.Repeat("é", 64), "", "", now())
	refusedWith(t, err, "invalid_operator")
	_, err = l.db.DisableMemo(t.Context(), party, strings.Repeat("é", 64), "ann", strings.Repeat("n", 1001), now())
	refusedWith(t, err, "invalid_note")
	require.Equal(t, 1, l.count("SELECT count(*) FROM deposit_accounts WHERE enabled"))
}

// TestDepositAccountsBySQL is what an exchange's own programs do: a role that may call the functions of the schema api,
// and nothing else.
func TestDepositAccountsBySQL(t *testing.T) {
	t.Parallel()

	l := begin(t)
	require.NoError(t, l.db.ListInstrument(t.Context(), coin(), amounttest.Of("2.5"), now()))

	role := "desk_" + strings.ToLower(t.Name())
	l.exec("CREATE ROLE " + role + "; GRANT USAGE ON SCHEMA api TO " + role + "; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO " + role)
	t.Cleanup(func() { // roles are the whole server's
		_, err := l.pool.Exec(context.WithoutCancel(t.Context()), "DROP OWNED BY "+role+"; DROP ROLE "+role)
		require.NoError(t, err)
	})

	as := func(who, query string, args ...any) (row map[string]any, err error) {
		err = pgx.BeginFunc(t.Context(), l.pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), "SET LOCAL ROLE "+who); err != nil {
				return fmt.Errorf("become %s: %w", who, err)
			}

			rows, err := tx.Query(t.Context(), query, args...)
			if err != nil {
				return fmt.Errorf("query: %w", err)
			}

			row, err = pgx.CollectExactlyOneRow(rows, pgx.RowToMap)

			return err
		})

		return row, err
	}
	must := func(query string, args ...any) map[string]any {
		t.Helper()

		row, err := as(role, query, args...)
		require.NoError(t, err, query)

		return row
	}
	treasury := string(party)

	issued := must("SELECT memo, repeated FROM api.issue_memo($1, 'c1')", treasury)
	require.Equal(t, false, issued["repeated"])
	require.Equal(t, true, must("SELECT memo, repeated FROM api.issue_memo(treasury => $1, account => 'c1', operator => 'ann')", treasury)["repeated"])
	require.Equal(t, false, must("SELECT api.register_memo($1, 'c2', 'OWN-2') AS repeated", treasury)["repeated"])
	require.Equal(t, "matched", must("SELECT code FROM api.match_memo($1, 'own-2')", treasury)["code"])
	require.Equal(t, map[string]any{"account": "c2", "changed": true}, must("SELECT account, changed FROM api.disable_memo($1, 'OWN-2', 'ann', 'asked to')", treasury))
	require.Equal(t, "disabled", must("SELECT code FROM api.match_memo($1, 'own-2')", treasury)["code"])
	require.Equal(t, map[string]any{"account": "c2", "changed": true}, must("SELECT account, changed FROM api.enable_memo($1, 'OWN-2', 'ann')", treasury))

	near := must("SELECT memo FROM api.nearest_memos($1, $2)", treasury, mistype(issued["memo"].(string), 0))
	require.Equal(t, issued["memo"], near["memo"])

	shown := must("SELECT party, memo FROM api.deposit_instructions($1, 'c1')", treasury)
	require.Equal(t, issued["memo"], shown["memo"])
	require.Equal(t, treasury, shown["party"])

	address := must("SELECT api.deposit_address($1, 'c2') AS address", treasury)["address"].(map[string]any)
	require.Equal(t, "OWN-2", address["memo"])
	require.Equal(t, "2.5", address["tokens"].([]any)[0].(map[string]any)["minimumDeposit"])

	_, err := as(role, "SELECT api.register_memo($1, 'c1', 'own-2')", treasury)

	var refused *pgconn.PgError

	require.ErrorAs(t, err, &refused)
	require.Equal(t, "CE001", refused.Code)
	require.Equal(t, "memo_taken", refused.Message)
	require.NotEmpty(t, refused.Detail)

	for _, forbidden := range []string{
		"SELECT count(*) FROM deposit_accounts", "INSERT INTO deposit_accounts VALUES (1, 'm', 'm', 'c', true, now())", "UPDATE deposit_accounts SET enabled = false",
		"SELECT count(*) FROM audit_log", "SELECT give_memo(1, 'c1', 'mine', '', now())", "SELECT issue_memo('treasury::1220aa', 'c9', false, '', now())",
		"SELECT count(*) FROM api.deposit_accounts", "SELECT memo_to_tell(1, 'c1')",
	} {
		_, err := as(role, forbidden)
		require.ErrorAs(t, err, &refused, forbidden)
		require.Equal(t, "42501", refused.Code, forbidden)
	}

	// Without the right not even that.
	l.exec("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA api FROM " + role)

	for _, forbidden := range []string{
		"SELECT api.issue_memo('', '')", "SELECT api.register_memo('', '', '')", "SELECT api.disable_memo('', '', '')", "SELECT api.enable_memo('', '', '')",
		"SELECT api.match_memo('', '')", "SELECT api.nearest_memos('', '')", "SELECT api.deposit_instructions('', '')", "SELECT api.deposit_address('', '')",
	} {
		_, err := as(role, forbidden)
		require.ErrorAs(t, err, &refused, forbidden)
		require.Equal(t, "42501", refused.Code, forbidden)
	}
}
