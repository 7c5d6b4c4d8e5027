package registry_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/token"
)

type ctx = context.Context

func TestCantonCoinAtEveryPlace(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	raw := strings.ReplaceAll(registrars, "{admin}", string(n.DSO()))

	for _, place := range []string{
		"", "/", "/registry", "/registry/", "/api/scan", "/api/scan/registry/", scanProxy, scanProxy + "/registry",
		registrars, registrars + "/registry/", raw, raw + "/registry", strings.ReplaceAll(raw, "::", "%3A%3A"),
	} {
		c := n.client(registry.Endpoint{URL: n.url + place, Tokens: &tokens{current: n.token}})

		info, err := c.Info(t.Context(), n.DSO())
		require.NoError(t, err, place)
		require.Equal(t, n.DSO(), info.Admin)
		require.Contains(t, info.APIs, "splice-api-token-metadata-v1")

		coin, err := c.Instrument(t.Context(), n.Amulet())
		require.NoError(t, err, place)
		require.Equal(t, n.Amulet(), coin.Instrument)
		require.Equal(t, int32(10), coin.Decimals)
		require.Equal(t, "CC", coin.Symbol)
		require.False(t, coin.Paused)

		f, err := c.TransferFactory(t.Context(), n.transfer(n.bob, n.Amulet(), "1"))
		require.NoError(t, err, place)
		require.Equal(t, registry.KindOffer, f.Kind)
		require.NotEmpty(t, f.Context.Disclosed)

		_, err = c.WithdrawContext(t.Context(), n.DSO(), "00dead", nil)
		require.Equal(t, registry.Gone, registry.KindOf(err), "%s: %v", place, err)
	}
}

// TestAnswersAreGoodForTheLedger pays with what the registries answer, in all the ways there are.
func TestAnswersAreGoodForTheLedger(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	c := n.client(n.proxy())

	_, err := n.Preapprove(n.bob)
	require.NoError(t, err)

	for _, each := range []struct {
		to         ident.Party
		instrument ident.Instrument
		kind       registry.TransferKind
	}{
		{n.bob, n.Amulet(), registry.KindDirect},
		{n.alice, n.Amulet(), registry.KindSelf},
		{n.alice, n.AcmeToken(), registry.KindSelf},
		{n.bob, n.AcmeToken(), registry.KindOffer},
	} {
		transfer := n.transfer(each.to, each.instrument, "7.5")
		f, err := c.TransferFactory(t.Context(), transfer)
		require.NoError(t, err)
		require.Equal(t, each.kind, f.Kind)

		status, said := n.pay(transfer, f)
		require.Equal(t, http.StatusOK, status, said)
	}

	require.Equal(t, "7.5", n.total(n.bob, n.Amulet()))
	require.Equal(t, "92.5", n.total(n.alice, n.Amulet()))

	list := n.Transfers()
	require.NotEmpty(t, list)
	require.Equal(t, `memo "ü" & more`, *list[0].Memo)
}

func TestContextsOfOffers(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	c := n.client(n.proxy())

	for _, instrument := range []ident.Instrument{n.Amulet(), n.AcmeToken()} {
		for _, each := range []struct {
			by     ident.Party
			choice string
			get    func(ctx, ident.Party, ident.ContractID, token.Metadata) (registry.Context, error)
		}{
			{n.bob, token.ChoiceReject, c.RejectContext},
			{n.alice, token.ChoiceWithdraw, c.WithdrawContext},
			{n.bob, token.ChoiceAccept, c.AcceptContext},
		} {
			transfer := n.transfer(n.bob, instrument, "3")
			f, err := c.TransferFactory(t.Context(), transfer)
			require.NoError(t, err)

			status, said := n.pay(transfer, f)
			require.Equal(t, http.StatusOK, status, said)

			id := n.offer()
			given, err := each.get(t.Context(), instrument.Admin, id, token.Metadata{"example.com/note": "x"})
			require.NoError(t, err)

			status, said = n.answer(each.by, id, each.choice, given)
			require.Equal(t, http.StatusOK, status, "%s %s: %s", instrument, each.choice, said)

			_, err = each.get(t.Context(), instrument.Admin, id, nil)
			require.Equal(t, registry.Gone, registry.KindOf(err), "%v", err)
			require.ErrorContains(t, err, "not found")
		}

		require.Equal(t, "3", n.total(n.bob, instrument))
		require.Equal(t, "97", n.total(n.alice, instrument))
	}
}

func TestPermissionedTokenRefuses(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{AcmePermissioned: true})
	c := n.client(n.proxy())
	transfer := n.transfer(n.bob, n.AcmeToken(), "1")

	_, err := c.TransferFactory(t.Context(), transfer)
	require.Equal(t, registry.Refused, registry.KindOf(err), "%v", err)
	require.ErrorContains(t, err, "must be permitted to hold")

	_, err = n.Permit(n.bob, true)
	require.NoError(t, err)

	f, err := c.TransferFactory(t.Context(), transfer)
	require.NoError(t, err)

	status, said := n.pay(transfer, f)
	require.Equal(t, http.StatusOK, status, said)
}

func TestInstrumentsOfAnAdmin(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	admin := n.AcmeToken().Admin
	strange := ident.Instrument{Admin: admin, ID: "a/b?c%41 ünd+{admin}"}

	_, err := n.Mint(n.bob, strange, amt("1"))
	require.NoError(t, err)

	c := n.client(n.proxy())
	list, err := c.Instruments(t.Context(), admin)
	require.NoError(t, err)
	require.Len(t, list, 2)

	got, err := c.Instrument(t.Context(), strange)
	require.NoError(t, err)
	require.Equal(t, strange, got.Instrument)

	_, err = c.Instrument(t.Context(), ident.Instrument{Admin: admin, ID: "Amulet"})
	require.Equal(t, registry.Refused, registry.KindOf(err), "%v", err)
}

func TestRegistryDown(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	down := func(path string) {
		_, err := n.Faults().Add(fault.Rule{
			Kind: fault.RegistryDown, Match: fault.Match{Path: path, Party: string(n.DSO())},
		})
		require.NoError(t, err)
	}

	c := n.client(n.proxy(), registry.Endpoint{URL: n.url + "/api/scan"})
	transfer := n.transfer(n.bob, n.Amulet(), "1")

	down(scanProxy)

	f, err := c.TransferFactory(t.Context(), transfer)
	require.NoError(t, err, "the other endpoint answers")
	require.Equal(t, registry.KindOffer, f.Kind)

	down("/api/scan")

	_, err = c.TransferFactory(t.Context(), transfer)
	require.Equal(t, registry.Later, registry.KindOf(err), "%v", err)

	_, err = c.Info(t.Context(), n.AcmeToken().Admin)
	require.NoError(t, err, "another admin's registry is up")

	n.Faults().Clear()

	_, err = c.TransferFactory(t.Context(), transfer)
	require.NoError(t, err)
}

// TestStaleContextsAreNotKept: after the ledger has refused what a registry said, the next answer is a fresh one.
func TestStaleContextsAreNotKept(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	c := n.client(n.proxy())

	for _, instrument := range []ident.Instrument{n.Amulet(), n.AcmeToken()} {
		_, err := n.Faults().Add(fault.Rule{
			Kind: fault.RegistryStale, Times: 1, Match: fault.Match{Party: string(instrument.Admin)},
		})
		require.NoError(t, err)

		transfer := n.transfer(n.bob, instrument, "1")
		f, err := c.TransferFactory(t.Context(), transfer)
		require.NoError(t, err)

		status, said := n.pay(transfer, f)
		require.Equal(t, http.StatusNotFound, status, said)

		f, err = c.TransferFactory(t.Context(), transfer)
		require.NoError(t, err)

		status, said = n.pay(transfer, f)
		require.Equal(t, http.StatusOK, status, said)
	}
}

func TestScanProxyWantsItsToken(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})

	c := n.client(registry.Endpoint{URL: n.url + scanProxy})
	_, err := c.Info(t.Context(), n.DSO())
	require.Equal(t, registry.Misconfigured, registry.KindOf(err), "%v", err)

	renewed := &tokens{current: "outdated", next: n.token}
	_, err = n.client(registry.Endpoint{URL: n.url + scanProxy, Tokens: renewed}).Info(t.Context(), n.DSO())
	require.NoError(t, err)
	require.Equal(t, int32(1), renewed.invalidated.Load())

	wrong := &tokens{current: "wrong-token", next: "another-wrong-token"}
	_, err = n.client(registry.Endpoint{URL: n.url + scanProxy, Tokens: wrong}).Info(t.Context(), n.DSO())
	require.Equal(t, registry.Misconfigured, registry.KindOf(err), "%v", err)
	require.NotContains(t, err.Error(), "wrong-token")
}
