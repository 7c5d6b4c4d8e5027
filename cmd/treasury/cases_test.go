package main

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/service"
)

// lost sends the treasury coins that name nobody, and gives the id of the deposit.
func (e *exchange) lost(value, note string) string {
	e.t.Helper()

	_, err := e.Tap(e.shop, amounttest.Of(value))
	require.NoError(e.t, err)
	_, err = e.Transfer(sandbox.TransferRequest{
		Sender: e.shop, Receiver: e.party, Instrument: e.Amulet(), Amount: amounttest.Of(value), Memo: &note,
	})
	require.NoError(e.t, err)
	e.until(" open ", "deposits", "open", "amount="+value)

	return firstID(e.ok("deposits", "open", "amount="+value))
}

func firstID(list string) string { return strings.Fields(strings.Split(list, "\n")[1])[0] }

func TestOperatorsDecideAboutMoneyWithoutAName(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	require.Equal(t, "none\n", e.ok("deposits"))

	// A stranger's memo cannot draw on the operator's terminal.
	id := e.lost("7.5", "\x1b[2JACC-1\u202e")
	listed := e.ok("deposits")
	require.Contains(t, squeezed(listed), "open unknown_memo 7.5 Amulet ")
	require.NotContains(t, listed, "\x1b")
	require.NotContains(t, listed, "\u202e")

	shown := e.ok("deposit", id)
	require.Contains(t, squeezed(shown), "\nstate open unknown_memo\n")
	require.NotContains(t, shown, "\x1b")
	require.Contains(t, e.ok("status"), "waiting    1 deposits open unknown_memo, the oldest for ")

	require.Contains(t, e.refuses(service.ExitFailure, "assign-deposit", id, "alcie", "ann", "x"),
		"unknown_account: No memo was ever given to this account. Check the account, or give it a memo first. "+
			"Nothing was changed, no money has moved")
	require.Contains(t, e.ok("assign-deposit", id, "alice", "ann", "ticket 4711"), "is assigned to account alice: the money is on the account")
	require.Contains(t, e.ok("assign-deposit", id, "alice", "ann", "again"), "the money is on the account")
	require.Contains(t, squeezed(e.ok("deposits", "credited")), "credited to alice 7.5 ")

	acts := squeezed(e.ok("audit", id))
	require.Contains(t, acts, " ann deposit.assign "+id+` {"note": "ticket 4711", `)
	require.Equal(t, 1, strings.Count(acts, "deposit.assign"))

	require.Contains(t, e.refuses(service.ExitFailure, "deposit", uuid.NewString()), "was credited when it arrived")
	require.Contains(t, e.refuses(service.ExitUsage, "deposit", "17"), "the id that `treasury deposits` lists")
}

func TestASecondPersonConfirmsAReturn(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	e.ok("set-deposit-policy", string(e.Amulet().Admin), e.Amulet().ID, "confirm_from=10")

	small, large := e.lost("9.9", "who"), e.lost("10", "who")
	require.Contains(t, e.ok("return-deposit", small, "ann", "not ours"), "is being sent back to its sender")
	require.Contains(t, e.ok("return-deposit", large, "ann", "not ours"), "is to be sent back to its sender when another person confirms it")
	require.Contains(t, squeezed(e.ok("deposits", "proposed")), "proposed return by ann 10 ")

	// The person at the same login is who proposed it, whatever name she gives, and so is she at another one.
	require.Contains(t, e.refuses(service.ExitFailure, "confirm-deposit", large, "bob"), "same_person")

	e.environ = append(e.environ, "CES_OPERATOR=bob")
	require.Contains(t, e.refuses(service.ExitFailure, "confirm-deposit", large, "ann"), "same_person")
	require.Contains(t, e.ok("decline-deposit", large, "bob", "wait"), "waits for a decision again; no money has moved")
	require.Contains(t, e.refuses(service.ExitFailure, "confirm-deposit", large, "bob"), "nothing_proposed")

	// Two people at one machine are told apart.
	e.environ = append(e.environ, "CES_OPERATOR=ann")
	e.ok("return-deposit", large, "ann", "not ours")
	require.Contains(t, e.refuses(service.ExitFailure, "confirm-deposit", large, "bob"), "same_person")

	e.environ = append(e.environ, "CES_OPERATOR=bob")
	require.Contains(t, e.ok("confirm-deposit", large, "bob"), "is being dealt with as proposed")
	require.Contains(t, squeezed(e.ok("deposit", large)), "goes back as withdrawal return:"+large)
	require.Contains(t, squeezed(e.ok("withdrawals")), "return:"+large+" requested")
	require.Contains(t, squeezed(e.ok("withdrawal", "return:"+large)), "return")
}

func TestDepositsAreFound(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	id := e.lost("3.25", "who")

	for _, conditions := range [][]string{
		{"id=" + id}, {"sender=shop"}, {"least=3", "most=4"}, {"amount=3.25"}, {"since=2020-01-01"}, {"until=2100-01-01T00:00:00Z"}, {"all"},
		{"open", "proposed"},
	} {
		require.Equal(t, id, firstID(e.ok(append([]string{"deposits"}, conditions...)...)), conditions)
	}

	for _, conditions := range [][]string{
		{"sender=nobody"}, {"least=3.26"}, {"most=3.24"}, {"since=2100-01-01"}, {"until=2020-01-01"}, {"credited"}, {"held"},
		{"update=1220"}, {"id=" + uuid.NewString()},
	} {
		require.Equal(t, "none\n", e.ok(append([]string{"deposits"}, conditions...)...), conditions)
	}

	var update string

	require.NoError(t, e.db.Pool().QueryRow(t.Context(), "SELECT update_id FROM api.unattributed").Scan(&update))
	require.Equal(t, id, firstID(e.ok("deposits", "update="+update)))

	for word, want := range map[string]string{
		"late": "want all, held, open", "colour=red": "want sender, amount", "since=noon": "want a time such as", "least=x": "want a decimal number",
		"id=17": "want the id",
	} {
		require.Contains(t, e.refuses(service.ExitUsage, "deposits", word), want)
	}
}

// TestADepositIsFoundWhateverBecameOfIt: the commonest question is about one that was credited at once.
func TestADepositIsFoundWhateverBecameOfIt(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	id := e.lost("3.25", "who")

	var update, sender string

	require.NoError(t, e.db.Pool().QueryRow(t.Context(), "SELECT update_id, sender FROM api.deposits WHERE state = 'credited'").Scan(&update, &sender))

	for _, known := range []string{"update=" + update, "sender=" + sender, "account=alice"} {
		require.Contains(t, squeezed(e.ok("find-deposit", known)), " credited - 100 Amulet alice \"ACC-1\" ", known)
	}

	require.Contains(t, squeezed(e.ok("find-deposit", "id="+id)), id+" unattributed unknown_memo 3.25 ")
	e.ok("assign-deposit", id, "alice", "ann", "hers")
	require.Contains(t, squeezed(e.ok("find-deposit", "account=alice")), id+" credited - 3.25 ")
	require.Contains(t, e.ok("find-deposit", "update=1220"), "none: ")
	require.Contains(t, e.refuses(service.ExitUsage, "find-deposit", "memo=x"), "want update=ID")

	// Who set what is in the audit log under the name that was given.
	e.environ = append(e.environ, "CES_OPERATOR=olga")
	e.ok("set-deposit-policy", string(e.Amulet().Admin), e.Amulet().ID, "confirm_from=5")
	require.Contains(t, squeezed(e.ok("audit")), " olga deposit_policies.insert ")
}
