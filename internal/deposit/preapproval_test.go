package deposit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
)

const (
	day      = 24 * time.Hour
	us       = ident.Party("ours::1220aa")
	them     = ident.Party("validator::1220bb")
	treasury = ident.Party("treasury::1220cc")
)

func renewalPolicy() deposit.RenewalPolicy {
	return deposit.RenewalPolicy{
		Treasury: treasury, Provider: us, Warn: 14 * day, Renew: 30 * day, Extend: 90 * day, MaxCost: amounttest.Of("10"),
	}
}

// left is a preapproval with so much time left at the moment of the tests.
func left(contract string, provider ident.Party, ends time.Duration) deposit.Preapproval {
	return deposit.Preapproval{
		Contract: ident.ContractID(contract), Provider: provider, DSO: "dso::1220", ExpiresAt: moment().Add(ends),
	}
}

func moment() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func TestForesee(t *testing.T) {
	t.Parallel()

	type list = []deposit.Preapproval

	ours := renewalPolicy()
	refused := func(contract string) []deposit.RenewalTry {
		return []deposit.RenewalTry{{
			Contract: ident.ContractID(contract), RefusedUnder: []string{"others", ours.Settings()},
		}}
	}
	tried := func(again time.Duration) []deposit.RenewalTry {
		return []deposit.RenewalTry{{Contract: "b", Again: moment().Add(day)}, {Contract: "a", Again: moment().Add(again)}}
	}

	for name, tc := range map[string]struct {
		standing, gone list
		tries          []deposit.RenewalTry
		change         func(*deposit.RenewalPolicy)
		state          deposit.PreapprovalState
		current        string
		renew          string // empty: why says why not
		why            deposit.WhyNot
	}{
		"there never was one": {state: deposit.NoPreapproval, why: deposit.NothingToRenew},
		"much time": {
			standing: list{left("a", us, 90*day)}, state: deposit.PreapprovalFine, current: "a", why: deposit.RenewalNotDue,
		},
		"a moment before it is renewed": {
			standing: list{left("a", us, 30*day+1)}, state: deposit.PreapprovalFine, current: "a", why: deposit.RenewalNotDue,
		},
		"to be renewed": {standing: list{left("a", us, 30*day)}, state: deposit.PreapprovalFine, current: "a", renew: "a"},
		"somebody else's": {
			standing: list{left("a", them, 30*day)}, state: deposit.PreapprovalFine, current: "a", why: deposit.ProviderIsOther,
		},
		"the treasury's own": {
			standing: list{left("a", treasury, 30*day)}, state: deposit.PreapprovalFine, current: "a",
			why: deposit.ProviderIsTreasury,
		},
		"nobody renews": {
			standing: list{left("a", us, day)}, change: func(p *deposit.RenewalPolicy) { p.Provider = "" },
			state: deposit.PreapprovalExpiring, current: "a", why: deposit.ProviderIsOther,
		},
		"the treasury is never ours": {
			standing: list{left("a", treasury, day)}, change: func(p *deposit.RenewalPolicy) { p.Provider = treasury },
			state: deposit.PreapprovalExpiring, current: "a", why: deposit.ProviderIsTreasury,
		},
		"a moment before the alarm": {
			standing: list{left("a", them, 14*day+1)}, state: deposit.PreapprovalFine, current: "a",
			why: deposit.ProviderIsOther,
		},
		"expiring": {
			standing: list{left("a", them, 14*day)}, state: deposit.PreapprovalExpiring, current: "a",
			why: deposit.ProviderIsOther,
		},
		"expiring, and ours": {
			standing: list{left("a", us, 1)}, state: deposit.PreapprovalExpiring, current: "a", renew: "a",
		},
		"its time has come": {
			standing: list{left("a", us, 0)}, state: deposit.PreapprovalLapsed, current: "a", why: deposit.RenewalTooLate,
		},
		"taken away by the DSO": {
			gone: list{left("a", us, -time.Hour)}, state: deposit.PreapprovalLapsed, current: "a", why: deposit.RenewalTooLate,
		},
		"cancelled": {
			gone: list{left("a", us, 50*day)}, state: deposit.PreapprovalLapsed, current: "a", why: deposit.RenewalTooLate,
		},
		"of those that have ended, the last": {
			standing: list{left("b", us, -2)}, gone: list{left("a", us, -3), left("c", us, -1)},
			state: deposit.PreapprovalLapsed, current: "c", why: deposit.RenewalTooLate,
		},
		"one that follows another": {
			standing: list{left("b", us, 80*day)}, gone: list{left("a", us, -3)},
			state: deposit.PreapprovalFine, current: "b", why: deposit.RenewalNotDue,
		},
		"the one that ends last counts": {
			standing: list{left("b", us, day), left("a", them, 40*day), left("c", us, -day)},
			state:    deposit.PreapprovalFine, current: "a", why: deposit.RenewalNotDue,
		},
		"ours is renewed where theirs ends last": {
			standing: list{left("b", us, day), left("a", them, 10*day), left("c", us, -day)},
			state:    deposit.PreapprovalExpiring, current: "a", renew: "b",
		},
		"of two of ours the later": {
			standing: list{left("b", us, day), left("a", us, 2*day)}, state: deposit.PreapprovalExpiring, current: "a", renew: "a",
		},
		"of two that end together the same one always": {
			standing: list{left("b", us, day), left("a", us, day), left("c", us, day)}, state: deposit.PreapprovalExpiring, current: "a", renew: "a",
		},
		"refused": {
			standing: list{left("a", us, day)}, tries: refused("a"),
			state: deposit.PreapprovalExpiring, current: "a", why: deposit.RefusedBefore,
		},
		"refused under other settings": {
			standing: list{left("a", us, day)}, tries: refused("a"),
			change: func(p *deposit.RenewalPolicy) { p.MaxCost = amounttest.Of("11") },
			state:  deposit.PreapprovalExpiring, current: "a", renew: "a",
		},
		"refused was another": {
			standing: list{left("a", us, day)}, tries: refused("b"),
			state: deposit.PreapprovalExpiring, current: "a", renew: "a",
		},
		"tried a moment ago": {
			standing: list{left("a", us, 20*day)}, tries: tried(1),
			state: deposit.PreapprovalFine, current: "a", why: deposit.TriedBefore,
		},
		"tried a while ago": {
			standing: list{left("a", us, 20*day)}, tries: tried(0),
			state: deposit.PreapprovalFine, current: "a", renew: "a",
		},
	} {
		policy := ours
		if tc.change != nil {
			tc.change(&policy)
		}

		standing := slices.Clone(tc.standing)
		got := deposit.Foresee(tc.standing, tc.gone, tc.tries, policy, moment())
		require.Equal(t, standing, tc.standing, "the lists are left as they are")
		require.Equal(t, tc.state, got.State, name)
		require.Equal(t, tc.current, string(got.Current.Contract), name)
		require.Equal(t, tc.why, got.WhyNot, name)

		if tc.why == deposit.RenewNow {
			require.Equal(t, tc.renew, string(got.Renew.Contract), name)
			require.Equal(t, got.Renew.ExpiresAt.Add(90*day), got.Until, name)
		}
	}
}

// TestForeseeingKeepsItsWord: whatever there is, in whatever order, only what stands, is ours, ends soon and was not
// refused is renewed; and what is to come depends on no order.
func TestForeseeingKeepsItsWord(t *testing.T) {
	t.Parallel()

	one := rapid.Custom(func(t *rapid.T) deposit.Preapproval {
		return left(fmt.Sprint(rapid.IntRange(0, 5).Draw(t, "contract")),
			rapid.SampledFrom([]ident.Party{us, them, treasury}).Draw(t, "provider"),
			time.Duration(rapid.IntRange(-40, 40).Draw(t, "days"))*day)
	})

	rapid.Check(t, func(t *rapid.T) {
		key := func(p deposit.Preapproval) ident.ContractID { return p.Contract }
		standing := rapid.SliceOfNDistinct(one, 0, 5, key).Draw(t, "standing")
		gone := rapid.SliceOfNDistinct(one, 0, 3, key).Draw(t, "gone")
		policy := renewalPolicy()
		policy.Provider = rapid.SampledFrom([]ident.Party{us, ""}).Draw(t, "provider")

		var tries []deposit.RenewalTry
		for _, p := range standing {
			tries = append(tries, deposit.RenewalTry{
				Contract: p.Contract, Again: moment().Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "again"))),
				RefusedUnder: rapid.SliceOfN(rapid.SampledFrom([]string{"others", policy.Settings()}), 0, 1).Draw(t, "refused"),
			})
		}

		got := deposit.Foresee(standing, gone, tries, policy, moment())
		require.Equal(t, got, deposit.Foresee(rapid.Permutation(standing).Draw(t, "mixed"), gone, tries, policy, moment()))
		require.Contains(t, deposit.PreapprovalStates(), got.State)

		alive := slices.ContainsFunc(standing, func(p deposit.Preapproval) bool { return p.ExpiresAt.After(moment()) })
		require.Equal(t, alive, got.State == deposit.PreapprovalFine || got.State == deposit.PreapprovalExpiring)
		require.Equal(t, len(standing)+len(gone) == 0, got.State == deposit.NoPreapproval)

		if got.WhyNot != deposit.RenewNow {
			return
		}

		require.Contains(t, standing, got.Renew)
		require.Equal(t, us, got.Renew.Provider)
		require.True(t, got.Renew.ExpiresAt.After(moment()))
		require.LessOrEqual(t, got.Current.ExpiresAt.Sub(moment()), policy.Renew)

		for _, try := range tries {
			if try.Contract == got.Renew.Contract {
				require.NotContains(t, try.RefusedUnder, policy.Settings())
				require.False(t, moment().Before(try.Again))
			}
		}
	})
}

func TestRenewalPolicies(t *testing.T) {
	t.Parallel()

	good := renewalPolicy()
	require.NoError(t, good.Validate())

	good.Provider = ""
	require.NoError(t, good.Validate())

	for name, change := range map[string]func(*deposit.RenewalPolicy){
		"never warned":       func(p *deposit.RenewalPolicy) { p.Warn = 0 },
		"renewed after all":  func(p *deposit.RenewalPolicy) { p.Renew = p.Warn - 1 },
		"always renewed":     func(p *deposit.RenewalPolicy) { p.Renew = 3651 * day },
		"by nothing":         func(p *deposit.RenewalPolicy) { p.Extend = 0 },
		"for ever":           func(p *deposit.RenewalPolicy) { p.Extend = 3651 * day },
		"for less than free": func(p *deposit.RenewalPolicy) { p.MaxCost = amounttest.Of("-1") },
		"by the treasury":    func(p *deposit.RenewalPolicy) { p.Provider = treasury },
		"by nobody known":    func(p *deposit.RenewalPolicy) { p.Provider = "somebody" },
	} {
		bad := renewalPolicy()
		change(&bad)
		require.Error(t, bad.Validate(), name)
	}
}

func TestPausesBetweenRenewalsGrowToAnHour(t *testing.T) {
	t.Parallel()

	require.Equal(t, time.Minute, deposit.RenewalPause(0))
	require.Equal(t, time.Minute, deposit.RenewalPause(1))
	require.Equal(t, 2*time.Minute, deposit.RenewalPause(2))
	require.Equal(t, 32*time.Minute, deposit.RenewalPause(6))
	require.Equal(t, time.Hour, deposit.RenewalPause(7))
	require.Equal(t, time.Hour, deposit.RenewalPause(1_000_000))
}
