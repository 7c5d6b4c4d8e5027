package preapproval_test

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

func decode(t *testing.T, raw []byte, into any) {
	t.Helper()
	require.NoError(t, json.Unmarshal(raw, into))
}

const (
	commands  = "/v2/commands/"
	scanProxy = "/api/validator/v0/scan-proxy"
)

// TestOursIsRenewedOnceBeforeItsEnd by two instances that look at the same time.
func TestOursIsRenewedOnceBeforeItsEnd(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	old := w.preapprove(w.ours, 40*day)
	one, other := w.keep(), w.keep()
	w.untilState(deposit.PreapprovalFine, deposit.RenewalNotDue)
	require.Equal(t, old.Contract, w.outlook().Contract)

	w.pass(9 * day)
	one.looksOn()
	other.looksOn()
	require.Equal(t, old.Contract, w.standing()[0].Contract)

	w.pass(day)
	w.until("it is renewed", func() bool { return len(w.events()) > 0 })
	one.looksOn()
	other.looksOn()

	standing := w.standing()
	require.Len(t, standing, 1)
	require.Equal(t, old.ExpiresAt.Add(90*day), standing[0].ExpiresAt)
	require.Equal(t, w.ours, standing[0].Provider)
	require.Equal(t, int64(1), one.submitted.Load()+other.submitted.Load(), "one of them, once")
	require.Equal(t, []string{"preapproval.renewed " + string(old.Contract)}, w.events())
	require.Equal(t, standing[0].Contract, w.outlook().Contract)

	// It goes on standing after the old end, and is renewed again in its time.
	w.pass(35 * day)
	one.looksOn()
	require.True(t, w.direct())

	w.pass(55 * day)
	w.until("it is renewed again", func() bool { return len(w.events()) == 2 })
	one.looksOn()
	other.looksOn()
	require.Equal(t, old.ExpiresAt.Add(180*day), w.standing()[0].ExpiresAt)
	require.Equal(t, int64(2), one.submitted.Load()+other.submitted.Load())
}

// TestALostReplyRenewsOnce: the node has it, and says nothing.
func TestALostReplyRenewsOnce(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	old := w.preapprove(w.ours, 20*day)
	w.fault(fault.Rule{Kind: fault.ReplyLost, Times: 1, Match: fault.Match{Path: commands}})

	k := w.keep()
	w.until("it is renewed", func() bool { return len(w.events()) > 0 })
	w.pass(time.Hour)
	k.looksOn()

	require.Equal(t, old.ExpiresAt.Add(90*day), w.standing()[0].ExpiresAt)
	require.Equal(t, int64(1), k.submitted.Load())
	require.Equal(t, []string{"preapproval.renewed " + string(old.Contract)}, w.events())

	var byUs bool
	require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT (payload->>'byUs')::boolean FROM events").Scan(&byUs))
	require.True(t, byUs)
}

// TestWhatPassesIsTriedAgainAfterAPause, and always as the same command.
func TestWhatPassesIsTriedAgainAfterAPause(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	old := w.preapprove(w.ours, 20*day)
	w.fault(fault.Rule{Kind: fault.Status503, Times: 2, Match: fault.Match{Path: commands}})
	w.fault(fault.Rule{Kind: fault.Status503, Times: 1, Match: fault.Match{Path: scanProxy}})

	k := w.keep()
	w.untilState(deposit.PreapprovalFine, deposit.TriedBefore)
	k.looksOn()
	require.Zero(t, k.submitted.Load(), "the registry is away")

	for tries := int64(1); tries <= 2; tries++ {
		w.pass(time.Hour)
		w.until("it is tried again", func() bool { return k.submitted.Load() == tries })
		k.looksOn()
		require.Equal(t, tries, k.submitted.Load(), "and no more before its time")
		require.Empty(t, w.events())

		list, err := w.db.Preapprovals(t.Context(), w.id)
		require.NoError(t, err)
		require.Equal(t, deposit.RenewalTried, list[0].Renewal)
		require.NotEmpty(t, list[0].Detail)
	}

	w.pass(time.Hour)
	w.until("it is renewed", func() bool { return len(w.events()) > 0 })
	require.Equal(t, old.ExpiresAt.Add(90*day), w.standing()[0].ExpiresAt)
	k.stop()

	for _, c := range k.commands {
		require.Equal(t, k.commands[0].CommandID, c.CommandID)
		require.Equal(t, []ident.Party{w.ours}, c.ActAs)
	}
}

// TestSomebodyElsesIsOnlyWatched: a person is called, once for each thing, and deposits go on as offers.
func TestSomebodyElsesIsOnlyWatched(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	theirs := w.party("theirs")
	old := w.preapprove(theirs, 40*day)
	k, other := w.keep(), w.keep()

	w.pass(20 * day)
	w.untilState(deposit.PreapprovalFine, deposit.ProviderIsOther)
	k.looksOn()
	require.Empty(t, w.events())
	require.True(t, w.direct())

	w.pass(7 * day)
	w.untilState(deposit.PreapprovalExpiring, deposit.ProviderIsOther)
	k.looksOn()
	other.looksOn()
	require.Equal(t, []string{"preapproval.expiring " + string(old.Contract)}, w.events())
	require.True(t, w.direct())

	w.pass(13 * day)
	w.untilState(deposit.PreapprovalLapsed, deposit.RenewalTooLate)
	k.looksOn()
	other.looksOn()
	require.False(t, w.direct(), "an offer")

	_, err := w.ExpireOffers() // the DSO takes it away, which changes nothing
	require.NoError(t, err)
	require.Empty(t, w.standing())
	k.looksOn()
	require.Equal(t, []string{
		"preapproval.expiring " + string(old.Contract), "preapproval.lapsed " + string(old.Contract),
	}, w.events())
	require.Equal(t, old.Contract, w.outlook().Contract)
	require.Zero(t, k.submitted.Load()+other.submitted.Load())

	// A new one from the same provider comes too late to be a renewal, and puts things right.
	w.preapprove(theirs, 90*day)
	w.untilState(deposit.PreapprovalFine, deposit.RenewalNotDue)
	require.True(t, w.direct())
	require.Len(t, w.events(), 2)
}

// TestItsProviderRenewsIt, as the validator app does for its operator: told, and nothing else.
func TestItsProviderRenewsIt(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	theirs := w.party("theirs")
	old := w.preapprove(theirs, 20*day)
	watching := w.keep()
	w.untilState(deposit.PreapprovalFine, deposit.ProviderIsOther)
	watching.stop()

	asThem := w.keep(func(p *deposit.RenewalPolicy) { p.Provider = theirs })
	w.until("it is renewed", func() bool { return len(w.events()) > 0 })
	asThem.looksOn()
	require.Equal(t, []string{"preapproval.renewed " + string(old.Contract)}, w.events())
	require.Zero(t, watching.submitted.Load())
}

// TestTheTreasurysOwnIsOnlyWatched: its coins are reserved for withdrawals.
func TestTheTreasurysOwnIsOnlyWatched(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.preapprove(w.treasury, 10*day)
	k := w.keep()
	w.untilState(deposit.PreapprovalExpiring, deposit.ProviderIsTreasury)
	k.looksOn()
	require.Zero(t, k.submitted.Load())
}

// TestACancelledOneHasLapsed, whatever its end was.
func TestACancelledOneHasLapsed(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	k := w.keep()
	w.untilState(deposit.NoPreapproval, deposit.NothingToRenew)
	k.looksOn()
	require.Empty(t, w.events(), "what never was has not lapsed")

	// One that the treasury provides to somebody else is not the treasury's.
	_, err := w.PreapproveWith(sandbox.PreapprovalRequest{Receiver: w.payer, Provider: w.treasury, Life: day})
	require.NoError(t, err)
	k.looksOn()
	require.Equal(t, deposit.NoPreapproval, w.outlook().State)
	require.False(t, w.direct())

	old := w.preapprove(w.ours, 90*day)
	w.untilState(deposit.PreapprovalFine, deposit.RenewalNotDue)

	_, err = w.CancelPreapproval(w.treasury)
	require.NoError(t, err)
	w.untilState(deposit.PreapprovalLapsed, deposit.RenewalTooLate)
	k.looksOn()
	require.Equal(t, []string{"preapproval.lapsed " + string(old.Contract)}, w.events())
	require.False(t, w.direct())
}

// TestARefusalStops until a person or a setting says otherwise: it is told once, and not tried again. Two instances
// with different settings do not take turns.
func TestARefusalStops(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	old := w.preapprove(w.ours, 20*day)

	// A year beyond the free days costs 200 coins. There is one that is worth more than may be spent.
	_, err := w.Tap(w.ours, amounttest.Of("1000"))
	require.NoError(t, err)

	paid := func(most string) func(*deposit.RenewalPolicy) {
		return func(p *deposit.RenewalPolicy) { p.Extend, p.MaxCost = 455*day, amounttest.Of(most) }
	}
	stingy, none := w.keep(paid("300")), w.keep(paid("0"))

	w.until("both are refused", func() bool { return stingy.submitted.Load() > 0 && none.submitted.Load() > 0 })
	stingy.looksOn() // what is under way goes by this hour's mining round: it has to end before time passes
	none.looksOn()
	w.untilState(deposit.PreapprovalFine, deposit.RefusedBefore)

	w.pass(time.Hour)
	stingy.looksOn()
	none.looksOn()
	w.pass(day)
	stingy.looksOn()
	none.looksOn()
	require.Equal(t, int64(1), stingy.submitted.Load())
	require.Equal(t, int64(1), none.submitted.Load())
	require.Equal(t, []string{"preapproval.refused " + string(old.Contract)}, w.events())

	list, err := w.db.Preapprovals(t.Context(), w.id)
	require.NoError(t, err)
	require.Equal(t, deposit.RenewalRefused, list[0].Renewal)
	require.Contains(t, list[0].Detail, "refused_by_network: ledger: submit command: DAML_FAILURE")

	// A person says to try again, before anything is better.
	none.stop()

	n, err := w.db.RetryRenewals(t.Context(), w.id)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	w.until("it is tried again", func() bool { return stingy.submitted.Load() == 2 })
	stingy.looksOn()
	require.Len(t, w.events(), 1, "told once for each contract")

	// Coins that are together within what it may cost are enough. The large one is not touched, and the rest comes back.
	for _, worth := range []string{"150", "90", "70", "0.5"} {
		_, err := w.Tap(w.ours, amounttest.Of(worth))
		require.NoError(t, err)
	}

	_, err = w.db.RetryRenewals(t.Context(), w.id)
	require.NoError(t, err)
	w.until("it is renewed", func() bool { return len(w.events()) == 2 })
	require.Equal(t, "preapproval.renewed "+string(old.Contract), w.events()[1])
	require.Equal(t, old.ExpiresAt.Add(455*day), w.standing()[0].ExpiresAt)
	require.Equal(t, []string{"1000", "70", "40.5"}, w.worths(w.ours))
}

// worths are the coins of a party, the largest first.
func (w *world) worths(party ident.Party) []string {
	w.t.Helper()

	holdings, err := w.Holdings(party)
	require.NoError(w.t, err)

	slices.SortFunc(holdings, func(a, b sandbox.Holding) int { return b.Amount.Cmp(a.Amount) })

	list := make([]string, len(holdings))
	for i, h := range holdings {
		list[i] = h.Amount.Short()
	}

	return list
}

// TestOtherSettingsAreTried at once, where the old ones were refused.
func TestOtherSettingsAreTried(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	old := w.preapprove(w.ours, 20*day)

	k := w.keep(func(p *deposit.RenewalPolicy) { p.Extend, p.MaxCost = 455*day, amount.Zero() })
	w.untilState(deposit.PreapprovalFine, deposit.RefusedBefore)
	k.stop()

	w.keep()
	w.until("it is renewed", func() bool { return len(w.events()) == 2 })
	require.Equal(t, old.ExpiresAt.Add(90*day), w.standing()[0].ExpiresAt)
}

// TestWhatOperatorsWatch is there by name.
func TestWhatOperatorsWatch(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	old := w.preapprove(w.party("theirs"), 40*day)
	k := w.keep()
	w.untilState(deposit.PreapprovalFine, deposit.RenewalNotDue)
	k.looksOn()
	k.stop()

	families, err := k.registry.Gather()
	require.NoError(t, err)

	found := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			found[f.GetName()+" "+m.GetLabel()[0].GetValue()] = m.GetGauge().GetValue()
		}
	}

	require.InDelta(t, float64(old.ExpiresAt.Unix()), found["ces_deposit_preapproval_expires_seconds "+string(old.Provider)], 1)
	require.InDelta(t, 1, found["ces_deposit_preapproval_state fine"], 0)
	require.InDelta(t, 0, found["ces_deposit_preapproval_state lapsed"], 0)
}

// TestANodeWithoutTheTreasurySaysNothing: that it tells of no preapproval is no word about it.
func TestANodeWithoutTheTreasurySaysNothing(t *testing.T) {
	t.Parallel()

	w := newWorld(t)
	w.preapprove(w.party("theirs"), 90*day)
	k := w.keep()
	w.untilState(deposit.PreapprovalFine, deposit.RenewalNotDue)
	k.looksOn()
	k.stop()

	server := httptest.NewServer(w.Validators()[1].Handler())
	t.Cleanup(func() {
		w.Close()
		server.CloseClientConnections()
		server.Close()
	})

	elsewhere, err := ledger.New(ledger.Config{URL: server.URL})
	require.NoError(t, err)
	t.Cleanup(elsewhere.CloseIdle)

	w.keepAt(elsewhere).looksOn()
	require.Equal(t, deposit.PreapprovalFine, w.outlook().State)
	require.Empty(t, w.events())
}
