package utxo_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/utxo"
)

func TestSelect(t *testing.T) {
	t.Parallel()

	mixed := []utxo.Holding{of("a", "60"), of("b", "50"), of("c", "45"), of("d", "3"), of("e", "2"), of("f", "1")}

	for name, tc := range map[string]struct {
		holdings []utxo.Holding
		inputs   int
		amount   string
		want     []ident.ContractID
		total    string
	}{
		"exact, though smaller ones would do":         {mixed, 100, "3", ids("d"), "3"},
		"exact, the lowest id":                        {[]utxo.Holding{of("z", "7"), of("y", "7"), of("x", "8")}, 100, "7", ids("y"), "7"},
		"exact in another notation":                   {[]utxo.Holding{of("a", "8"), of("b", "7.50")}, 100, "7.5", ids("b"), "7.5"},
		"small ones are enough":                       {mixed, 100, "5.5", ids("d", "e", "f"), "6"},
		"no input too many":                           {mixed, 100, "4.5", ids("d", "e"), "5"},
		"the smallest largest":                        {mixed, 100, "46", ids("c", "f"), "46"},
		"large ones only as needed":                   {mixed, 100, "100", ids("b", "c", "d", "e"), "100"},
		"within two inputs":                           {mixed, 2, "100", ids("a", "c"), "105"},
		"everything":                                  {mixed, 6, "161", ids("a", "b", "c", "d", "e", "f"), "161"},
		"the last unit":                               {mixed, 6, "160.0000000001", ids("a", "b", "c", "d", "e", "f"), "161"},
		"dust is left where it would be no help":      {append(many("d", 10, "0.1"), of("whale", "1000")), 3, "500", ids("whale"), "1000"},
		"equal ones by id":                            {many("e", 9, "10"), 100, "25", ids("e02", "e01", "e00"), "30"},
		"amounts that together are beyond the range":  {many("h", 3, "9999999999999999999999999999"), 2, "9999999999999999999999999999.5", ids("h01", "h00"), "19999999999999999999999999998"},
		"the largest amount, that comes in one piece": {many("h", 1, "9999999999999999999999999999.9999999999"), 2, "9999999999999999999999999999.9999999999", ids("h00"), "9999999999999999999999999999.9999999999"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got, err := pool(t, tc.inputs, tc.holdings...).Select(amounttest.Of(tc.amount))
			require.NoError(t, err)
			require.Equal(t, tc.want, got.Inputs)
			require.Equal(t, tc.total, got.Total.Short())
			require.Zero(t, got.Swept)
		})
	}
}

func TestSelectSweepsDustIntoTheChange(t *testing.T) {
	t.Parallel()

	holdings := append(many("d", 5, "0.1"), of("small", "1"), of("big", "70"), of("whale", "1000"))
	rules := utxo.Rules{MaxInputs: 4, Sweep: 10, Dust: amounttest.Of("1")}

	got, err := poolOf(t, rules, holdings...).Select(amounttest.Of("500"))
	require.NoError(t, err)
	require.Equal(t, ids("whale", "d00", "d01", "d02"), got.Inputs, "as many as there is room for")
	require.Equal(t, 3, got.Swept)
	require.Equal(t, "1000.3", got.Total.Short())

	got, err = poolOf(t, rules, holdings...).Select(amounttest.Of("70"))
	require.NoError(t, err)
	require.Equal(t, ids("big"), got.Inputs, "no change, nothing to merge into")

	rules.MaxInputs, rules.Sweep = 100, 2
	got, err = poolOf(t, rules, holdings...).Select(amounttest.Of("70.25"))
	require.NoError(t, err)
	require.Equal(t, ids("big", "d02", "d01", "d00", "d03", "d04"), got.Inputs, "beyond what is needed, each once")
	require.Equal(t, 2, got.Swept)
}

func TestSelectSpendsOnlyWhatMayBeSpent(t *testing.T) {
	t.Parallel()

	reserved, locked, ended, last := of("reserved", "10"), of("locked", "10"), of("ended", "10"), of("last", "10")
	reserved.Reserved = true
	locked.Locked = true
	ended.Locked, ended.LockEnds = true, noon.Add(-time.Microsecond)
	last.Locked, last.LockEnds = true, noon

	flying, away := of("flying", "10"), of("away", "10")
	flying.InFlight, away.Synchronizer = true, "other::1220"

	fake, other := of("fake", "10"), of("other", "10")
	fake.Instrument.Admin, other.Instrument.ID = "mallory::1220", "Token"

	holdings := []utxo.Holding{
		reserved, locked, ended, last, flying, away, fake, other, of("free", "10"), of("nothing", "0"),
	}

	p := pool(t, 100, holdings...)
	count, total := p.Spendable()
	require.Equal(t, 1, count)
	require.Equal(t, "10", total.Short())

	p = poolOf(t, utxo.Rules{MaxInputs: 100, ExpiredLocks: true}, holdings...)
	got, err := p.Select(amounttest.Of("20"))
	require.NoError(t, err)
	require.Equal(t, ids("free", "ended"), got.Inputs, "the lock's last instant belongs to it")

	s := shortageOf(t, p, "60")
	require.Equal(t, utxo.HeldBack, s.Reason)
	require.Equal(t, []string{"20", "10", "20", "20", "0"}, []string{
		s.Spendable.Short(), s.Reserved.Short(), s.Locked.Short(), s.Elsewhere.Short(), s.Kept.Short(),
	})

	ended.Reserved = true
	_, err = poolOf(t, utxo.Rules{MaxInputs: 100, ExpiredLocks: true}, ended).Select(amounttest.Of("5"))
	require.Error(t, err, "a lock that has ended frees no reservation")
}

func TestShortageSaysUntilWhen(t *testing.T) {
	t.Parallel()

	hour := noon.Add(time.Hour)
	early, late, both, ever := of("early", "10"), of("late", "10"), of("both", "10"), of("ever", "10")
	early.Reserved, early.ReservedUntil = true, noon.Add(time.Minute)
	late.Locked, late.LockEnds = true, noon.Add(30*time.Minute)
	both.Locked, both.LockEnds, both.Reserved, both.ReservedUntil = true, noon.Add(time.Second), true, hour
	ever.Locked = true

	over := of("over", "10") // its time has passed, but the ledger has not told what came of it
	over.Reserved, over.ReservedUntil = true, noon

	p := pool(t, 100, early, late, both, ever, over, of("free", "1"))

	for _, tc := range []struct {
		amount string
		reason utxo.Reason
		until  time.Time
	}{
		{"1.5", utxo.HeldBack, noon.Add(time.Minute)},
		{"11", utxo.HeldBack, noon.Add(time.Minute)},
		{"11.0000000001", utxo.HeldBack, noon.Add(30 * time.Minute)},
		{"31", utxo.HeldBack, hour},
		{"31.5", utxo.HeldBack, time.Time{}},
		{"51", utxo.HeldBack, time.Time{}},
		{"51.5", utxo.Insufficient, time.Time{}},
	} {
		s := shortageOf(t, p, tc.amount)
		require.Equal(t, tc.reason, s.Reason, tc.amount)
		require.Equal(t, tc.until, s.Until, tc.amount)
		require.Empty(t, s.Merges)
	}

	require.Equal(t, "cannot pay 31: held_back: spendable 1, reserved 30, locked 20, elsewhere 0, kept for others 0, "+
		"until 2026-03-01T13:00:00Z", shortageOf(t, p, "31").Error())
}

func TestShortageNamesTheMergesThatHelp(t *testing.T) {
	t.Parallel()

	// 10 would need 10 of the inputs of 1; three are allowed, so the 8 smallest of these become 2 and later 1.
	holdings := append(many("one", 10, "1"), many("dust", 10, "0.1")...)
	s := shortageOf(t, pool(t, 3, holdings...), "10")
	require.Equal(t, utxo.NeedsMerge, s.Reason)
	require.Equal(t, []utxo.Transfer{
		{Purpose: utxo.Merge, Inputs: ids("one00", "one01", "one02"), Amount: amounttest.Of("3")},
		{Purpose: utxo.Merge, Inputs: ids("one03", "one04", "one05"), Amount: amounttest.Of("3")},
		{Purpose: utxo.Merge, Inputs: ids("one06", "one07", "one08"), Amount: amounttest.Of("3")},
	}, plain(s.Merges))

	s = shortageOf(t, pool(t, 9, holdings...), "10")
	require.Equal(t, []utxo.Transfer{
		{Purpose: utxo.Merge, Inputs: ids("one00", "one01"), Amount: amounttest.Of("2")},
	}, plain(s.Merges), "no more than needed")
}

// plain gives equal amounts one representation, so that transfers can be compared.
func plain(transfers []utxo.Transfer) []utxo.Transfer {
	list := make([]utxo.Transfer, len(transfers))
	for i, t := range transfers {
		t.Amount = amounttest.Of(t.Amount.Short())
		list[i] = t
	}

	return list
}

func TestRefused(t *testing.T) {
	t.Parallel()

	p := pool(t, 100, of("a", "1"))
	for _, bad := range []string{"0", "-1"} {
		_, err := p.Select(amounttest.Of(bad))
		require.ErrorIs(t, err, utxo.ErrAmount)

		_, err = p.Serve([]utxo.Waiting{{Amount: amounttest.Of(bad)}}, utxo.Fairness{})
		require.ErrorIs(t, err, utxo.ErrAmount)
	}

	for _, rules := range []utxo.Rules{
		{}, {MaxInputs: 1}, {MaxInputs: 101}, {MaxInputs: 9, Sweep: -1}, {MaxInputs: 9, Dust: amounttest.Of("-1")},
	} {
		_, err := utxo.NewPool(scope, rules, noon, nil)
		require.ErrorIs(t, err, utxo.ErrPolicy)
	}

	for _, fairness := range []utxo.Fairness{{MaxOvertaken: -1}, {MaxWait: -1}} {
		_, err := p.Serve(nil, fairness)
		require.ErrorIs(t, err, utxo.ErrPolicy)
	}

	one, two, above := amount.FromInt(1), amount.FromInt(2), amounttest.Of("100000000000000000000000000.1")

	for _, shape := range []utxo.Shape{
		{Target: -1}, {MaxTransfers: -1}, {Decimals: -1}, {Decimals: 11},
		{Target: 1}, {Target: 1, Large: amounttest.Of("-1")}, {Target: 1, Large: amounttest.Of("0.5")},
		{MergeFrom: 1}, {MergeFrom: -1}, {Tiny: one}, {Tiny: amounttest.Of("-1")},
		{Dust: above}, {Target: 1, Large: above, Decimals: 1}, {Target: 1, Large: one, Dust: two},
	} {
		_, err := p.Plan(shape, 0)
		require.ErrorIs(t, err, utxo.ErrPolicy, "%+v", shape)
	}
}
