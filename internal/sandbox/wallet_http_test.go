package sandbox_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

func wallet(p ident.Party, rest string) string {
	return "/sandbox/v1/wallets/" + url.PathEscape(string(p)) + rest
}

func TestWalletsOverHTTP(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})

	party := func(hint string) ident.Party {
		return ok[map[string]ident.Party](n, http.MethodPost, "/sandbox/v1/parties", map[string]any{"hint": hint})["party"]
	}

	alice, treasury := party("alice"), party("treasury")
	require.Contains(t, ok[map[string][]ident.Party](n, http.MethodGet, "/sandbox/v1/parties", nil)["parties"], alice)

	ok[sandbox.Receipt](n, http.MethodPost, wallet(treasury, "/preapproval"), nil)
	tapped := ok[sandbox.Receipt](n, http.MethodPost, wallet(alice, "/tap"), `{"amount":"100"}`)
	require.NotEmpty(t, tapped.UpdateID)
	require.Equal(t, n.LedgerEnd(), tapped.Offset)

	sent := ok[sandbox.Receipt](n, http.MethodPost, wallet(alice, "/transfers"), map[string]any{
		"receiver": treasury, "amount": "30.5", "instrument": "Amulet", "memo": "ACC-1",
	})
	require.Empty(t, sent.Instructions)
	require.Equal(t, "30.5", n.total(treasury, n.Amulet()))

	offered := ok[sandbox.Receipt](n, http.MethodPost, wallet(treasury, "/transfers"), map[string]any{
		"receiver": alice, "amount": "1", "instrument": map[string]any{"admin": n.DSO(), "id": "Amulet"},
		"executeBefore": n.clock.Now().Add(time.Hour),
	})
	require.Len(t, offered.Instructions, 1)

	offers := ok[map[string][]sandbox.Offer](n, http.MethodGet, wallet(alice, "/offers"), nil)["offers"]
	require.Len(t, offers, 1)
	require.Nil(t, offers[0].Memo)
	require.Equal(t, n.clock.Now().Add(time.Hour), offers[0].ExecuteBefore)

	ok[sandbox.Receipt](n, http.MethodPost, wallet(alice, "/offers/"+string(offers[0].ContractID)+"/accept"), nil)
	require.Equal(t, "70.5", n.total(alice, n.Amulet()))

	for _, end := range []struct {
		who ident.Party
		do  string
	}{{alice, "reject"}, {treasury, "withdraw"}} {
		offered = ok[sandbox.Receipt](n, http.MethodPost, wallet(treasury, "/transfers"), map[string]any{
			"receiver": alice, "amount": "1", "instrument": "Amulet",
		})
		ok[sandbox.Receipt](n, http.MethodPost, wallet(end.who, "/offers/"+string(offered.Instructions[0])+"/"+end.do), nil)
	}

	holdings := ok[map[string][]sandbox.Holding](n, http.MethodGet, wallet(alice, "/holdings"), nil)["holdings"]
	require.Len(t, holdings, 2)
	require.Equal(t, n.Amulet(), holdings[0].Instrument.Ident())

	ok[sandbox.Receipt](n, http.MethodDelete, wallet(treasury, "/preapproval"), nil)

	ok[sandbox.Receipt](n, http.MethodPost, wallet(alice, "/transfers"), map[string]any{
		"receiver": treasury, "amount": "1", "instrument": "Amulet", "executeBefore": n.clock.Now().Add(time.Minute),
	})
	n.clock.Advance(time.Hour)

	expired := ok[map[string][]sandbox.Receipt](n, http.MethodPost, "/sandbox/v1/admin/expire-offers", nil)["updates"]
	require.Len(t, expired, 1)

	oracle := ok[sandbox.Oracle](n, http.MethodGet, "/sandbox/v1/admin/ledger", nil)
	require.Equal(t, n.LedgerEnd(), oracle.LedgerEnd)
	require.Len(t, oracle.Transfers, 5)
	require.Equal(t, "ACC-1", *oracle.Transfers[0].Memo)
	require.Equal(t, sandbox.TransferExpired, oracle.Transfers[4].State)
	require.NotEmpty(t, oracle.Visible[alice])

	ok[map[string]any](n, http.MethodPost, "/sandbox/v1/admin/prune", fmt.Sprintf(`{"offset":%d}`, n.LedgerEnd()))
	require.Equal(t, n.LedgerEnd(), n.PrunedUpTo())
}

func TestWalletsRefuse(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	for name, c := range map[string]struct {
		method, path string
		body         any
		status       int
	}{
		"unknown member": {http.MethodPost, wallet(n.alice, "/tap"), `{"amount":"1","ammount":"2"}`, 400},
		"a number":       {http.MethodPost, wallet(n.alice, "/tap"), `{"amount":1}`, 400},
		"two bodies":     {http.MethodPost, wallet(n.alice, "/tap"), `{"amount":"1"}{}`, 400},
		"no body":        {http.MethodPost, wallet(n.alice, "/tap"), nil, 400},
		"nothing to tap": {http.MethodPost, wallet(n.alice, "/tap"), `{}`, 400},
		"nobody":         {http.MethodPost, wallet("nobody::1220", "/tap"), `{"amount":"1"}`, 404},
		"bad hint":       {http.MethodPost, "/sandbox/v1/parties", `{"hint":"a::b"}`, 400},
		"too much": {http.MethodPost, wallet(n.alice, "/transfers"), map[string]any{
			"receiver": n.bob, "amount": "1000000", "instrument": "Amulet",
		}, 409},
		"no such token": {http.MethodPost, wallet(n.alice, "/transfers"), map[string]any{
			"receiver": n.bob, "amount": "1", "instrument": "Bitcoin",
		}, 404},
		"half a token": {http.MethodPost, wallet(n.alice, "/transfers"), map[string]any{
			"receiver": n.bob, "amount": "1", "instrument": map[string]any{"id": "Amulet"},
		}, 400},
		"no token": {http.MethodPost, wallet(n.alice, "/transfers"), map[string]any{
			"receiver": n.bob, "amount": "1",
		}, 400},
		"no such offer":    {http.MethodPost, wallet(n.alice, "/offers/00/accept"), nil, 404},
		"no preapproval":   {http.MethodDelete, wallet(n.alice, "/preapproval"), nil, 404},
		"two preapprovals": {http.MethodPost, wallet(n.treasury, "/preapproval"), nil, 409},
		"prune the future": {http.MethodPost, "/sandbox/v1/admin/prune", `{"offset":1000000}`, 400},
	} {
		status, contentType, raw := n.call(c.method, c.path, c.body)
		require.Equal(t, c.status, status, "%s: %s", name, raw)
		require.Equal(t, "application/json", contentType)
		require.Contains(t, string(raw), `"error"`)
	}
}

func TestTapOfAnotherInstrument(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	ok[sandbox.Receipt](n, http.MethodPost, wallet(n.alice, "/tap"), `{"amount":"5","instrument":"AcmeToken"}`)
	ok[sandbox.Receipt](n, http.MethodPost, wallet(n.alice, "/tap"), `{"amount":"5","instrument":"Amulet"}`)
	require.Equal(t, "1005", n.total(n.alice, n.AcmeToken()))
	require.Equal(t, "1005", n.total(n.alice, n.Amulet()))
}

func TestSlashesInPathsAreNotTwisted(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	got := ok[map[string][]map[string]any](n, http.MethodGet, "/v2/parties/"+url.PathEscape(string(n.alice)), nil)
	require.Equal(t, string(n.alice), got["partyDetails"][0]["party"])

	got = ok[map[string][]map[string]any](n, http.MethodGet, "/v2/parties/nobody::1220", nil)
	require.Empty(t, got["partyDetails"])
}
