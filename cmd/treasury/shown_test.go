package main

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo/memotest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func TestPlain(t *testing.T) {
	t.Parallel()

	for text, want := range map[string]string{
		"w-1": "w-1", "": `""`, "w 2": `"w 2"`, `a"b`: `"a\"b"`, "a\tb": `"a\tb"`, "\u202eb": `"\u202eb"`, "Zoë": "Zoë",
	} {
		require.Equal(t, want, plain(text))
	}

	require.Equal(t, `"x\" in 7\u200b@admin::1220"`, named(ident.Instrument{Admin: "admin::1220", ID: "x\" in 7\u200b"}))
	require.Equal(t, `"a: "b" \x1b[2J"`, said("a: \"b\" \x1b[2J"))
}

// TestShellWords: what a person copies into a shell is one word, and the one that was meant.
func TestShellWords(t *testing.T) {
	t.Parallel()

	for _, text := range append(memotest.Nasty(), "plain", "it's", `back\slash`, "both'\u202e\\", "$HOME", "a b") {
		if strings.ContainsRune(text, 0) || len(text) > 300 {
			continue // no argument of a program is like this
		}

		word := shellWord(text)
		require.False(t, memotest.Hides(word), "%+q", word)

		command := exec.CommandContext(t.Context(), "bash", "-c", "printf '%s|' "+word)
		command.Env = []string{"LC_ALL=C.UTF-8"}
		out, err := command.Output()
		require.NoError(t, err, "%+q", word)
		require.Equal(t, text+"|", string(out), "%+q", word)
	}
}

// TestNothingHostileIsShownAsItIs drives the commands over a database in which strangers have written all that they can.
func TestNothingHostileIsShownAsItIs(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	token := ident.Instrument{ID: "\u202etelumA' '; reboot #\u200b"}

	var err error
	token.Admin, err = e.AllocateParty("mallory")
	require.NoError(t, err)

	e.shown(service.ExitOK, "list-token", string(token.Admin), token.ID)
	e.shown(service.ExitOK, "list-token", string(e.AcmeToken().Admin), e.AcmeToken().ID)
	e.payHostile(token)

	treasury, err := e.db.FindTreasury(t.Context(), e.party)
	require.NoError(t, err)

	for _, command := range [][]string{
		{"status"}, {"offers"}, {"deposits"}, {"deposits", "all"}, {"set-policy", string(token.Admin), token.ID, "minimum=1"},
		{"set-deposit-policy", string(token.Admin), token.ID}, {"freeze", string(token.Admin), token.ID, "\x1b[2J\nFROZEN \u202e"},
		{"add-memo", "\u202ebob", "\x1b[31mmemo"}, {"rebuild", "check"}, {"withdrawals", "all"}, {"audit"},
		e.request("w\u202e1", "2", "\u2066memo\u200b"), {"withdrawal", "w\u202e1"}, {"block-sender", string(token.Admin), "ann\u200b", "\x1b[2J"},
		{"memos"}, {"memos", "\u202ebob"}, {"memo", "\x1b[31mMEMO\n"}, {"screenings"}, {"preapproval"},
		{"audit"}, {"unblock-sender", string(token.Admin), "ann\u200b", "\n\u009b"},
	} {
		e.shown(service.ExitOK, command...)
	}

	// Every deposit that waits, with what a person wrote about it.
	cases, err := e.db.ListCases(t.Context(), treasury, store.CaseFilter{States: []deposit.CaseState{deposit.Open}, Most: listed})
	require.NoError(t, err)
	require.Greater(t, len(cases), 50)

	for _, c := range cases[:5] {
		e.shown(service.ExitOK, "assign-deposit", c.DepositID.String(), "alice", "ann\u202e", "\x1b[2J\u2066\ninjected")
		e.shown(service.ExitOK, "deposit", c.DepositID.String())
	}

	// What the programs keep of others' errors.
	_, err = e.db.FreezeWithdrawals(t.Context(), treasury, store.Freeze{
		Reason: withdrawal.RefusedToSign, Detail: "offer: \x1b[2J\nFROZEN \u202e\u200b", At: time.Now(),
	})
	require.NoError(t, err)

	for table, column := range map[string]string{"offer_verdicts": "detail", "withdrawals": "detail"} {
		_, err := e.db.Pool().Exec(t.Context(), fmt.Sprintf("UPDATE %s SET %s = $1", table, column), "node: \x1b[2J\ninjected\n\u202e\u200b\u3164")
		require.NoError(t, err)
	}

	for _, command := range [][]string{{"status"}, {"offers"}, {"withdrawals", "all"}, {"withdrawal", "w\u202e1"}} {
		e.shown(service.ExitOK, command...)
	}

	// Differences, and refusals that repeat what they refuse.
	_, err = e.db.Pool().Exec(t.Context(), "UPDATE transfer_instructions SET memo = memo || E'\\u202e\\u001b[2J'")
	require.NoError(t, err)

	e.environ = append(e.environ, "CES_LEDGER_URL="+e.address)
	require.Contains(t, e.shown(service.ExitFailure, "reconcile"), "DIFFERENCE")

	for _, text := range append(memotest.Injections(), memotest.Unseen()...) {
		if strings.ContainsRune(text, 0) {
			continue
		}

		e.shown(service.ExitUsage, text)
		e.shown(service.ExitUsage, "offers", text)
		e.shown(service.ExitOK, "memo", text)
	}

	e.shown(service.ExitUsage, "list-token", "\u202e", "\x1b[2J")
	e.shown(service.ExitFailure, "withdrawal", "\u202e\x1b[2J")
	e.shown(service.ExitFailure, "add-memo", "bob", "\u202e\x1b[2J"+strings.Repeat("x", 200))
}

// payHostile has strangers offer and pay, with all memos that mean harm, and with tokens of such names.
func (e *exchange) payHostile(token ident.Instrument) {
	e.t.Helper()

	giver, err := e.AllocateParty("giver")
	require.NoError(e.t, err)
	_, err = e.Tap(giver, amounttest.Of("10000"))
	require.NoError(e.t, err)

	for _, i := range []ident.Instrument{e.AcmeToken(), token} {
		_, err = e.Mint(giver, i, amounttest.Of("10000"))
		require.NoError(e.t, err)
	}

	for n, text := range append(memotest.Injections(), memotest.Unseen()...) {
		for _, i := range []ident.Instrument{e.Amulet(), e.AcmeToken(), token} {
			memo := text
			if n%5 == 0 {
				memo = strings.Repeat(text, 2000/len(text))
			}

			_, err = e.Transfer(sandbox.TransferRequest{Sender: giver, Receiver: e.party, Instrument: i, Amount: amounttest.Of("3"), Memo: &memo})
			require.NoError(e.t, err)
		}
	}

	e.until("reboot", "offers")
	end := e.LedgerEnd()
	treasury, err := e.db.FindTreasury(e.t.Context(), e.party)
	require.NoError(e.t, err)
	require.Eventually(e.t, func() bool {
		cursor, err := e.db.Cursor(e.t.Context(), treasury)

		return err == nil && cursor.Position.Offset >= end
	}, 40*time.Second, 10*time.Millisecond)
}

// shown is what a command prints, with nothing unseen in it, and no line that a stranger began.
func (e *exchange) shown(exit int, args ...string) string {
	e.t.Helper()

	code, stdout, stderr := call(e.t, e.environ, args...)
	require.Equal(e.t, exit, code, "%+q: %s", args, stderr)

	for line := range strings.Lines(stdout + stderr) {
		line = strings.TrimSuffix(line, "\n")
		require.False(e.t, memotest.Hides(line), "%+q shows %+q", args, line)
		require.NotRegexp(e.t, `^(2026-01-01 level=INFO|injected)`, line, "%+q", args)
		require.LessOrEqual(e.t, len(line), 9000, "%+q", args)
	}

	return stdout
}
