package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/memo/memotest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/service"
)

func TestMemosByHand(t *testing.T) {
	t.Parallel()

	environ := []string{"CES_DATABASE_URL=" + emptyDatabase(t), party}
	ok := func(args ...string) string {
		t.Helper()

		code, stdout, stderr := call(t, environ, args...)
		require.Equal(t, service.ExitOK, code, stderr)
		require.False(t, memotest.Hides(strings.ReplaceAll(stdout, "\n", "")), "%+q", stdout)

		return stdout
	}
	refuses := func(exit int, args ...string) string {
		t.Helper()

		code, stdout, stderr := call(t, environ, args...)
		require.Equal(t, exit, code, stdout)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)

		return stderr
	}

	require.Contains(t, refuses(service.ExitFailure, "memo", "x"), "unknown_treasury: ")

	told := ok("issue-memo", "alice")
	issued := regexp.MustCompile(`with memo ([0-9A-Z]{9}) are credited to account alice`).FindStringSubmatch(told)
	require.Len(t, issued, 2, told)

	require.Contains(t, ok("issue-memo", "alice"), issued[1]+" already; nothing was changed")
	require.NotContains(t, ok("issue-memo", "alice", "another", "ann"), issued[1])
	require.Contains(t, refuses(service.ExitUsage, "issue-memo", "alice", "ann", "bob"), "usage: treasury issue-memo ACCOUNT [another] [OPERATOR]")
	require.Contains(t, refuses(service.ExitFailure, "issue-memo", ""), "invalid_account: ")

	// A memo of the exchange's own, which is nobody else's for ever.
	require.Contains(t, ok("add-memo", "bob", "Client 17", "ann"), `memo "Client 17" are credited to account "bob"`)
	require.Contains(t, ok("add-memo", "bob", "CLIENT 17"), "already; nothing was changed")
	require.Contains(t, refuses(service.ExitFailure, "add-memo", "carol", "CLIENT 17"), "memo_taken: ")
	require.Contains(t, refuses(service.ExitFailure, "add-memo", "carol", " "), "invalid_memo: ")
	require.Contains(t, refuses(service.ExitFailure, "add-memo", "carol", "\xff"), "invalid_memo: ")
	require.Contains(t, ok("disable-memo", "client 17", "ann", "he has left"), "account bob waits for a person")
	require.Contains(t, ok("disable-memo", "client 17", "ann", "he has left"), "was disabled already")
	require.Contains(t, refuses(service.ExitFailure, "add-memo", "bob", "Client 17"), "memo_disabled: ")
	require.Contains(t, refuses(service.ExitFailure, "add-memo", "carol", "Client 17"), "memo_taken: ")
	require.Contains(t, refuses(service.ExitFailure, "disable-memo", "nobody's", "ann", ""), "unknown_memo: ")

	found := squeezed(ok("memo", "\tCLIENT 17 "))
	require.Contains(t, found, "disabled The memo is disabled.")
	require.Contains(t, found, `memo "Client 17"`)
	require.Contains(t, found, "account bob")
	require.Contains(t, found, `ann memo.disable "client 17"`)
	require.Contains(t, found, "he has left")

	require.Regexp(t, `"Client 17" bob disabled \S+ by ann the exchange `, squeezed(ok("memos", "bob")))
	require.Contains(t, ok("enable-memo", "client 17", "ann", "he is back"), "credited to account bob again")
	require.Contains(t, ok("enable-memo", "client 17", "ann", "he is back"), "was enabled already")
	require.Contains(t, squeezed(ok("memos", "bob")), `"Client 17" bob enabled the exchange `)
	require.Equal(t, "none\n", ok("memos", "carol"))
	require.Equal(t, 4, strings.Count(ok("memos"), "\n"), "a head and three memos")

	// What a customer typed.
	require.Contains(t, ok("memo", "client 17"), "matched  Money with this memo is credited")
	require.Contains(t, ok("memo", "client 18"), "unknown  ")
	require.Contains(t, ok("memo", ""), "empty  ")

	swapped := issued[1][:7] + issued[1][8:] + issued[1][7:8]
	if swapped == issued[1] {
		swapped = issued[1][1:2] + issued[1][:1] + issued[1][2:]
	}

	if swapped != issued[1] {
		guess := ok("memo", strings.ToLower(swapped))
		require.Contains(t, guess, "mistyped  It looks like a memo of ours")
		require.Contains(t, guess, "perhaps  "+issued[1]+" of account alice was meant (swapped characters). Ask the customer")
	}

	// Whatever is looked up or registered, it is shown and nothing else.
	for _, text := range memotest.Injections() {
		ok("memo", text)
	}

	ok("add-memo", "\x1b[2J", "\x1b[2J \u202e")
	require.Contains(t, ok("memos"), `"\x1b[2J`)
	ok("memo", "\x1b[2J \u202e")
	ok("deposit-address", "\x1b[2J")
	require.Contains(t, refuses(service.ExitFailure, "deposit-address", "\x1b[3J"), "unknown_account: ")
}

func TestWhatSupportReadsOut(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	e.ok("list-token", string(e.AcmeToken().Admin), e.AcmeToken().ID, "2")
	e.ok("set-deposit-policy", string(e.AcmeToken().Admin), e.AcmeToken().ID, "minimum_offer=5", "credit_delay_seconds=1h", "screen=true", "lead_seconds=10m")
	e.ok("set-deposit-policy", string(e.Amulet().Admin), e.Amulet().ID, "accept_offers=false")
	e.ok("issue-memo", "alice")

	told := e.ok("deposit-address", "alice")
	plainly := squeezed(told)
	memo := regexp.MustCompile(`\nmemo "([0-9A-Z]{9})"\n`).FindStringSubmatch(plainly)
	require.Len(t, memo, 2, "the newest memo: %s", told)

	for _, want := range []string{
		"account alice\nsend to " + string(e.party) + "\n",
		"compare it begins with " + string(e.party)[:len("treasury::1220")+8] + " and ends with " + string(e.party)[len(e.party)-8:] + "\n",
		"spelled " + strings.Join(strings.Split(memo[1][:3], ""), " ") + " - ",
		"token \"AcmeToken@" + string(e.AcmeToken().Admin) + "\"\nleast 2\nas offer at least 5, which must have 10m0s left when we see it\n" +
			"credited usually within 1h1m, or when the screening has passed it\n",
		"needs at least 5 AcmeToken. It is usually on your account within 61 minutes.",
		"token \"Amulet@" + string(e.DSO()) + "\"\nleast 0\nas offer not accepted\ncredited usually within 1m0s\n",
	} {
		require.Contains(t, plainly, want)
	}

	require.Contains(t, e.refuses(service.ExitFailure, "deposit-address", "bob"), "unknown_account: ")
}

// TestADisabledMemoCreditsNobody: what comes in one step waits for a person, though its account is known, and what comes
// after it is enabled again is credited.
func TestADisabledMemoCreditsNobody(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	payer, err := e.AllocateParty("another")
	require.NoError(t, err)
	_, err = e.Tap(payer, amounttest.Of("50"))
	require.NoError(t, err)

	pay := func(value string) {
		_, err := e.Transfer(sandbox.TransferRequest{
			Sender: payer, Receiver: e.party, Instrument: e.Amulet(), Amount: amounttest.Of(value), Memo: new("acc-1"),
		})
		require.NoError(t, err)
	}

	e.ok("disable-memo", "ACC-1", "ann", "she has left")
	pay("7")
	e.until("disabled_memo", "deposits")

	listed := squeezed(e.ok("deposits"))
	require.Contains(t, listed, "disabled_memo 7 Amulet")
	require.Contains(t, listed, "alice (disabled)")
	require.Equal(t, 1, strings.Count(listed, "disabled_memo"))

	e.ok("enable-memo", "ACC-1", "ann", "she is back")
	pay("8")
	e.until("2 credited: 108 ", "status")
	require.Contains(t, squeezed(e.ok("deposits")), "disabled_memo 7 Amulet", "it still waits")
}
