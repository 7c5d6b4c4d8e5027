package sandbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// does pulls a lever of the network or of a wallet.
func (n *network) does(method, path string, body any) sandbox.Receipt {
	n.t.Helper()

	return ok[sandbox.Receipt](n, method, "/sandbox/v1"+path, body)
}

func (n *network) refuses(status int, method, path string, body any) {
	n.t.Helper()

	got, _, raw := n.call(method, "/sandbox/v1"+path, body)
	require.Equal(n.t, status, got, "%s %s: %s", method, path, raw)
}

func permission(p ident.Party) string { return "/admin/permissions/" + url.PathEscape(string(p)) }

func purse(p ident.Party, rest string) string {
	return strings.TrimPrefix(wallet(p, rest), "/sandbox/v1")
}

func TestReassignmentOverHTTP(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{TwoSynchronizers: true})
	holdings, err := n.Holdings(n.alice)
	require.NoError(t, err)

	moved := map[string]any{"contractId": holdings[0].ContractID}
	got := n.does(http.MethodPost, "/admin/reassign", moved)
	require.Equal(t, []ident.ContractID{holdings[0].ContractID}, got.Holdings)

	after, err := n.Holdings(n.alice)
	require.NoError(t, err)
	require.NotEqual(t, holdings[0].SynchronizerID, after[0].SynchronizerID)

	n.refuses(http.StatusNotFound, http.MethodPost, "/admin/reassign", `{"contractId":"00ab"}`)
	n.refuses(http.StatusBadRequest, http.MethodPost, "/admin/reassign", `{"contract":"00ab"}`)

	one := newNetwork(t, sandbox.Config{})
	holdings, err = one.Holdings(one.alice)
	require.NoError(t, err)
	one.refuses(http.StatusConflict, http.MethodPost, "/admin/reassign",
		map[string]any{"contractId": holdings[0].ContractID})
}

func TestPermissionsOverHTTP(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{AcmePermissioned: true, Workflow: sandbox.AcmePending})
	alice, bob := n.party("alice"), n.party("bob")
	tap := `{"amount":"50","instrument":"AcmeToken"}`
	pay := map[string]any{"receiver": bob, "amount": "5", "instrument": "AcmeToken"}
	forbidden := func(path string, body any) {
		t.Helper()
		n.refuses(http.StatusForbidden, http.MethodPost, path, body)
	}

	// Who is not on the list gets nothing minted, sends nothing and receives nothing.
	forbidden(purse(alice, "/tap"), tap)
	n.does(http.MethodPut, permission(alice), nil)
	n.refuses(http.StatusConflict, http.MethodPut, permission(alice), nil)
	n.does(http.MethodPost, purse(alice, "/tap"), tap)
	forbidden(purse(alice, "/transfers"), pay)
	n.does(http.MethodPut, permission(bob), nil)

	// The list is asked again at every step on the way.
	offered := n.does(http.MethodPost, purse(alice, "/transfers"), pay).Instructions[0]
	accept := purse(bob, "/offers/"+string(offered)+"/accept")

	n.does(http.MethodDelete, permission(bob), nil)
	forbidden(accept, nil)
	n.does(http.MethodPut, permission(bob), nil)

	waiting := n.does(http.MethodPost, accept, nil).Instructions[0]
	complete := "/admin/workflows/" + string(waiting) + "/complete"

	for _, party := range []ident.Party{alice, bob} {
		n.does(http.MethodDelete, permission(party), nil)
		forbidden(complete, nil)
		n.does(http.MethodPut, permission(party), nil)
	}

	n.does(http.MethodPost, complete, nil)
	require.Equal(t, "5", n.total(bob, n.AcmeToken()))
	n.refuses(http.StatusNotFound, http.MethodPut, permission("nobody::1220"), nil)
}

func TestWorkflowsOverHTTP(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{Workflow: sandbox.AcmePending})

	for what, c := range map[string]struct {
		wait time.Duration
		want sandbox.TransferState
	}{
		"complete": {0, sandbox.TransferCompleted}, "fail": {0, sandbox.TransferFailed},
		"complete ": {time.Hour, sandbox.TransferExpired}, "fail ": {time.Hour, sandbox.TransferExpired},
	} {
		alice, bob := n.total(n.alice, n.AcmeToken()), n.total(n.bob, n.AcmeToken())
		offered := n.does(http.MethodPost, purse(n.alice, "/transfers"), map[string]any{
			"receiver": n.bob, "amount": "5", "instrument": "AcmeToken", "executeBefore": n.clock.Now().Add(time.Hour),
		}).Instructions[0]
		decide := "/" + strings.TrimSpace(what)

		n.refuses(http.StatusConflict, http.MethodPost, "/admin/workflows/"+string(offered)+decide, nil)

		waiting := n.does(http.MethodPost, purse(n.bob, "/offers/"+string(offered)+"/accept"), nil).Instructions[0]
		n.clock.Advance(c.wait)
		n.does(http.MethodPost, "/admin/workflows/"+string(waiting)+decide, nil)

		all := n.Transfers()
		require.Equal(t, c.want, all[len(all)-1].State, what)

		if c.want == sandbox.TransferCompleted {
			continue
		}

		require.Equal(t, alice, n.total(n.alice, n.AcmeToken()), "%s: the money is back", what)
		require.Equal(t, bob, n.total(n.bob, n.AcmeToken()), what)
		n.refuses(http.StatusConflict, http.MethodPost, "/admin/workflows/"+string(waiting)+decide, nil)
	}

	n.refuses(http.StatusNotFound, http.MethodPost, "/admin/workflows/00/complete", nil)
}

func TestWalletsMergeBatchAndBurnOverHTTP(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	n.tap(n.alice, "10")
	require.Len(t, n.all(n.alice, "Amulet"), 2)

	n.does(http.MethodPost, purse(n.alice, "/merge"), `{"instrument":"Amulet","amount":"1010"}`)
	require.Len(t, n.all(n.alice, "Amulet"), 1)

	n.tap(n.alice, "10")

	batch := func(amounts ...string) map[string]any {
		list := []any{}
		for _, value := range amounts {
			list = append(list, map[string]any{
				"receiver": n.treasury, "amount": value, "instrument": "Amulet", "memo": "ACC-" + value,
			})
		}

		return map[string]any{"transfers": list}
	}

	made := n.does(http.MethodPost, purse(n.alice, "/batch"), batch("900", "7"))
	require.Len(t, n.Transfers(), 3)
	require.Equal(t, made.UpdateID, n.Transfers()[1].UpdateID)
	require.Equal(t, made.UpdateID, n.Transfers()[2].UpdateID)
	require.Equal(t, "ACC-7", *n.Transfers()[2].Memo)

	n.refuses(http.StatusBadRequest, http.MethodPost, purse(n.alice, "/batch"), batch())
	n.refuses(http.StatusConflict, http.MethodPost, purse(n.alice, "/batch"), batch("1", "100000"))

	n.does(http.MethodPost, purse(n.alice, "/burn"), `{"instrument":"AcmeToken","amount":"1000"}`)
	require.Equal(t, "0", n.total(n.alice, n.AcmeToken()))
	n.refuses(http.StatusConflict, http.MethodPost, purse(n.alice, "/burn"), `{"instrument":"AcmeToken","amount":"1"}`)
	n.refuses(http.StatusBadRequest, http.MethodPost, purse(n.alice, "/burn"), `{"instrument":"Amulet"}`)
}

func TestLookAlikesAndDustOverHTTP(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	mallory := n.party("mallory")
	fake := map[string]any{"issuer": mallory, "owner": n.treasury, "instrument": "Amulet", "amount": "1000000"}

	made := n.does(http.MethodPost, "/admin/look-alikes", fake)
	holdings := ok[map[string][]sandbox.Holding](n, http.MethodGet, wallet(n.treasury, "/holdings"), nil)["holdings"]
	last := holdings[len(holdings)-1]
	require.Equal(t, made.Holdings[0], last.ContractID)
	require.True(t, last.Bare)
	require.Equal(t, "1000", n.total(n.treasury, n.Amulet()))

	delete(fake, "amount")
	n.refuses(http.StatusBadRequest, http.MethodPost, "/admin/look-alikes", fake)

	// The other kind has a registry of its own.
	n.does(http.MethodPost, purse(mallory, "/tap"), map[string]any{
		"amount": "7", "instrument": map[string]any{"admin": mallory, "id": "Amulet"},
	})
	require.Equal(t, "7", n.total(mallory, ident.Instrument{Admin: mallory, ID: "Amulet"}))

	n.refuses(http.StatusNotFound, http.MethodPost, "/admin/expire-dust", map[string]any{"contractId": made.Holdings[0]})
	n.does(http.MethodPost, "/admin/expire-dust", map[string]any{"contractId": holdings[0].ContractID})
	require.Equal(t, "0", n.total(n.treasury, n.Amulet()))
}

func TestWalletBodiesAreUnambiguous(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	for name, body := range map[string]string{
		"the same member twice":    `{"amount":"1","amount":"2"}`,
		"and once in another case": `{"amount":"1","Amount":"2"}`,
		"twice further down":       fmt.Sprintf(`{"amount":"1","instrument":{"admin":%q,"id":"x","id":"y"}}`, n.alice),
		"no UTF-8":                 "{\"amount\":\"1\",\"instrument\":\"Amulet\xff\"}",
		"more than a body":         `{"amount":"1"}` + strings.Repeat(" ", 1<<20),
	} {
		n.refuses(http.StatusBadRequest, http.MethodPost, purse(n.alice, "/tap"), body)
		require.Equal(t, "1000", n.total(n.alice, n.Amulet()), name)
	}
}

// largest is the most that an amount holds.
const largest = "9999999999999999999999999999.9999999999"

func TestSupplyFitsIntoAnAmount(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	mallory := n.party("mallory")
	token := map[string]any{"admin": mallory, "id": "Giant"}
	mint := func(value string) map[string]any { return map[string]any{"amount": value, "instrument": token} }

	n.does(http.MethodPost, purse(mallory, "/tap"), mint("9999999999999999999999999999"))
	n.does(http.MethodPost, purse(n.alice, "/tap"), mint("0.9999999999"))
	n.refuses(http.StatusBadRequest, http.MethodPost, purse(n.alice, "/tap"), mint("0.0000000001"))
	n.refuses(http.StatusBadRequest, http.MethodPost, purse(mallory, "/tap"), mint(largest))

	n.does(http.MethodPost, purse(n.alice, "/transfers"), map[string]any{
		"receiver": mallory, "amount": "0.9999999999", "instrument": token,
	})

	minted, _ := n.Supply(ident.Instrument{Admin: mallory, ID: "Giant"})
	require.Equal(t, largest, minted.Short())

	// What was burned was minted all the same: the books count both.
	n.does(http.MethodPost, purse(mallory, "/burn"), mint("5"))
	n.refuses(http.StatusBadRequest, http.MethodPost, purse(mallory, "/tap"), mint("1"))

	oracle := ok[sandbox.Oracle](n, http.MethodGet, "/sandbox/v1/admin/ledger", nil)
	require.Equal(t, n.LedgerEnd(), oracle.LedgerEnd)

	// Look-alikes have no supply, and harm nobody.
	for range 2 {
		n.claims(n.alice, n.Amulet(), largest)
	}

	n.does(http.MethodPost, purse(n.alice, "/transfers"), map[string]any{
		"receiver": n.bob, "amount": "1", "instrument": "Amulet",
	})
	ok[sandbox.Oracle](n, http.MethodGet, "/sandbox/v1/admin/ledger", nil)
}

// TestTapsFitToo begins where 10^20 taps would lead.
func TestTapsFitToo(t *testing.T) {
	t.Parallel()

	alice, _ := funded(t, sandbox.Config{})
	n := alice.n
	sandbox.PretendMinted(n.Sandbox, n.Amulet(), amt("9999999999999999999999999999"))

	command, disclosed := alice.tapCommand("1")
	require.Contains(t, n.cause(preparePath, alice.prepareRequest(command, disclosed)), "mint 1 on top of")
	n.refuses(http.StatusBadRequest, http.MethodPost, purse(alice.party, "/tap"), `{"amount":"1"}`)

	alice.tap("0.5")

	minted, _ := n.Supply(n.Amulet())
	require.Equal(t, "9999999999999999999999999999.5", minted.Short())
}

func TestTheOracleInPages(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	for i := range 7 {
		n.send(n.alice, n.treasury, "1", fmt.Sprint("ACC-", i))
		n.send(n.bob, n.alice, "1", "")
	}

	for range 9 {
		n.tap(n.bob, "5")
	}

	for range 3 {
		_, err := n.Batch([]sandbox.TransferRequest{
			{Sender: n.bob, Receiver: n.treasury, Instrument: n.Amulet(), Amount: amt("1")},
			{Sender: n.bob, Receiver: n.alice, Instrument: n.Amulet(), Amount: amt("2")},
			{Sender: n.bob, Receiver: n.treasury, Instrument: n.Amulet(), Amount: amt("3")},
		})
		require.NoError(t, err)
	}

	ask := func(query string) sandbox.Oracle {
		return ok[sandbox.Oracle](n, http.MethodGet, "/sandbox/v1/admin/ledger"+query, nil)
	}

	whole := ask("")
	require.Zero(t, whole.Next)
	require.Equal(t, jsonText(n.Transfers()), jsonText(whole.Transfers))

	for _, party := range n.Parties() {
		require.Equal(t, n.Updates(party), whole.Visible[party])
	}

	for _, limit := range []int{1, 2, 3, 7, 1000} {
		after, transfers, seen := ident.Offset(0), []sandbox.Transfer{}, map[ident.Party][]sandbox.Visible{}

		for page := ask(fmt.Sprintf("?limit=%d", limit)); ; page = ask(fmt.Sprintf("?limit=%d&after=%d", limit, after)) {
			require.Equal(t, whole.Balances, page.Balances)
			require.LessOrEqual(t, len(page.Visible[n.alice]), limit)
			require.LessOrEqual(t, len(page.Transfers), limit+2, "what happened in one update stays together")

			transfers = append(transfers, page.Transfers...)

			for party, list := range page.Visible {
				seen[party] = append(seen[party], list...)
			}

			if page.Next == 0 {
				break
			}

			require.Greater(t, page.Next, after)
			after = page.Next
		}

		require.Equal(t, whole.Transfers, transfers, limit)

		for party, list := range whole.Visible {
			require.Len(t, seen[party], len(list), limit)
		}
	}

	mine := ask("?party=" + url.QueryEscape(string(n.bob)))
	require.Len(t, mine.Transfers, 16)
	require.Len(t, mine.Visible, 1)
	require.Equal(t, whole.Visible[n.bob], mine.Visible[n.bob])

	for _, b := range mine.Balances {
		require.Equal(t, n.bob, b.Party)
	}

	for _, query := range []string{"?limit=0", "?limit=10001", "?limit=all", "?after=-1", "?after=x"} {
		n.refuses(http.StatusBadRequest, http.MethodGet, "/admin/ledger"+query, nil)
	}

	n.refuses(http.StatusNotFound, http.MethodGet, "/admin/ledger?party=nobody", nil)
	require.Empty(t, ask("?after=9223372036854775807").Transfers)
}

func TestTheOracleAnswersAThousandByDefault(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	alice := n.party("alice")

	for range 1100 {
		n.tap(alice, "1")
	}

	page := ok[sandbox.Oracle](n, http.MethodGet, "/sandbox/v1/admin/ledger", nil)
	require.NotZero(t, page.Next)
	require.LessOrEqual(t, len(page.Visible[alice]), 1000)

	rest := ok[sandbox.Oracle](n, http.MethodGet, fmt.Sprintf("/sandbox/v1/admin/ledger?after=%d", page.Next), nil)
	require.Zero(t, rest.Next)
	require.Equal(t, n.Updates(alice), append(page.Visible[alice], rest.Visible[alice]...))
}
