package store_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	sendIt      = "Send Amulet to this address with this memo, where your wallet asks for a memo, a reason or a description. "
	withoutIt   = "Without the memo, or with another one, it is not on your account until we have found out whose it is. "
	soon        = "It is usually on your account within a minute."
	takesLonger = " We check where it comes from, which may take longer."
)

// TestWhatACustomerMustBeShown, by the policy of a token.
func TestWhatACustomerMustBeShown(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		minimum string
		change  func(*deposit.Policy)
		want    store.TokenInstructions
	}{
		"no policy": {"0", nil, store.TokenInstructions{
			OffersAccepted: true, OfferLead: time.Minute, Expected: time.Minute, Sentence: sendIt + withoutIt + soon,
		}},
		"the token's minimum counts for both": {"2.5", func(p *deposit.Policy) { p.MinimumOffer = amounttest.Of("1") }, store.TokenInstructions{
			Minimum: amounttest.Of("2.5"), OffersAccepted: true, MinimumOffer: amounttest.Of("2.5"), OfferLead: time.Minute, Expected: time.Minute,
			Sentence: strings.Replace(sendIt, "Send", "Send at least 2.5", 1) + withoutIt + soon,
		}},
		"offers need more": {"1", func(p *deposit.Policy) { p.MinimumOffer, p.Lead = amounttest.Of("10"), time.Hour }, store.TokenInstructions{
			Minimum: amounttest.Of("1"), OffersAccepted: true, MinimumOffer: amounttest.Of("10"), OfferLead: time.Hour, Expected: time.Minute,
			Sentence: strings.Replace(sendIt, "Send", "Send at least 1", 1) + withoutIt +
				"A transfer that we have to accept first needs at least 10 Amulet. " + soon,
		}},
		"no offers": {"0", func(p *deposit.Policy) { p.AcceptOffers, p.MinimumOffer = false, amounttest.Of("10") }, store.TokenInstructions{
			MinimumOffer: amounttest.Of("10"), OfferLead: time.Minute, Expected: time.Minute,
			Sentence: sendIt + withoutIt + "A transfer that we would have to accept first is not accepted; your wallet gets it back. " + soon,
		}},
		"late and screened": {"0", func(p *deposit.Policy) { p.CreditDelay, p.Screen = time.Hour, true }, store.TokenInstructions{
			OffersAccepted: true, OfferLead: time.Minute, Expected: time.Hour + time.Minute, Screened: true,
			Sentence: sendIt + withoutIt + strings.Replace(soon, "a minute", "61 minutes", 1) + takesLonger,
		}},
		"a day late": {"0", func(p *deposit.Policy) { p.CreditDelay = 24 * time.Hour }, store.TokenInstructions{
			OffersAccepted: true, OfferLead: time.Minute, Expected: 24*time.Hour + time.Minute,
			Sentence: sendIt + withoutIt + strings.Replace(soon, "a minute", "25 hours", 1),
		}},
		"as late as can be": {"0", func(p *deposit.Policy) { p.CreditDelay = deposit.MaxCreditDelay }, store.TokenInstructions{
			OffersAccepted: true, OfferLead: time.Minute, Expected: deposit.MaxCreditDelay + time.Minute,
			Sentence: sendIt + withoutIt + strings.Replace(soon, "a minute", "31 days", 1),
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			l := begin(t)
			require.NoError(t, l.db.ListInstrument(t.Context(), coin(), amounttest.Of(test.minimum), now()))

			if test.change != nil {
				policy := deposit.DefaultPolicy()
				test.change(&policy)
				require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))
			}

			_, err := l.db.AddMemo(t.Context(), party, "c1", "OWN-1", "", now())
			require.NoError(t, err)

			got, err := l.db.DepositInstructions(t.Context(), party, "c1")
			require.NoError(t, err)
			require.Equal(t, party, got.Party)
			require.Equal(t, "OWN-1", got.Memo)
			require.Len(t, got.Tokens, 1)

			one := got.Tokens[0]
			require.True(t, test.want.Minimum.Equal(one.Minimum), one.Minimum)
			require.True(t, test.want.MinimumOffer.Equal(one.MinimumOffer), one.MinimumOffer)

			one.Minimum, one.MinimumOffer = test.want.Minimum, test.want.MinimumOffer
			test.want.Instrument = coin()
			require.Equal(t, test.want, one)
		})
	}
}

// TestWhoseInstructions: the newest memo that takes deposits, of this account, for all tokens that are listed.
func TestWhoseInstructions(t *testing.T) {
	t.Parallel()

	l := begin(t)
	memoOf := func(account string) string {
		t.Helper()

		got, err := l.db.DepositInstructions(t.Context(), party, account)
		require.NoError(t, err)

		return got.Memo
	}
	refused := func(account string) {
		t.Helper()

		_, err := l.db.DepositInstructions(t.Context(), party, account)
		refusedWith(t, err, "unknown_account")
	}

	refused("c1")
	refused("")
	refused("\x00")

	for i, text := range []string{"OWN-1", "OWN-3", "OWN-2"} {
		_, err := l.db.AddMemo(t.Context(), party, "c1", text, "", now().Add(time.Duration(i)*time.Hour))
		require.NoError(t, err)
	}

	_, err := l.db.AddMemo(t.Context(), party, "c2", "OWN-4", "", now().Add(-time.Hour))
	require.NoError(t, err)

	require.Equal(t, "OWN-2", memoOf("c1"))
	require.Equal(t, "OWN-4", memoOf("c2"))

	for _, text := range []string{"OWN-2", "OWN-1"} {
		_, err := l.db.DisableMemo(t.Context(), party, text, "ann", "", now())
		require.NoError(t, err)
	}

	require.Equal(t, "OWN-3", memoOf("c1"))
	_, err = l.db.DisableMemo(t.Context(), party, "OWN-3", "ann", "", now())
	require.NoError(t, err)
	refused("c1")

	_, err = l.db.DepositInstructions(t.Context(), "nobody::1220", "c2")
	refusedWith(t, err, "unknown_treasury")

	got, err := l.db.DepositInstructions(t.Context(), party, "c2")
	require.NoError(t, err)
	require.Empty(t, got.Tokens)

	var answer json.RawMessage
	require.NoError(t, l.pool.QueryRow(t.Context(), "SELECT deposit_address($1, 'c2')", string(party)).Scan(&answer))
	require.JSONEq(t, `{"party": "treasury::1220aa", "account": "c2", "memo": "OWN-4", "memoRequired": true,
		"memoKey": "splice.lfdecentralizedtrust.org/reason", "tokens": []}`, string(answer))

	hostile := ident.Instrument{Admin: "mallory::1220", ID: `"%s" Amulet`}
	require.NoError(t, l.db.ListInstrument(t.Context(), coin(), amounttest.Of("0.0000000001"), now()))
	require.NoError(t, l.db.EnsureInstruments(t.Context(), []ident.Instrument{{Admin: "mallory::1220", ID: "Amulet"}}, now()))
	require.NoError(t, l.db.ListInstrument(t.Context(), hostile, amounttest.Of("1234567890123456789012345678.0000000001"), now()))
	require.NoError(t, l.pool.QueryRow(t.Context(), "SELECT deposit_address($1, 'c2') -> 'tokens'", string(party)).Scan(&answer))

	var tokens []map[string]any

	require.NoError(t, json.Unmarshal(answer, &tokens))
	require.Len(t, tokens, 2, "what is not listed is not shown")

	for _, one := range tokens {
		delete(one, "sentence")
	}

	require.ElementsMatch(t, []map[string]any{
		{
			"instrumentAdmin": "dso::1220dd", "instrumentId": "Amulet", "minimumDeposit": "0.0000000001", "offersAccepted": true,
			"minimumOffer": "0.0000000001", "offerLeadSeconds": 60.0, "expectedSeconds": 60.0, "screened": false,
		},
		{
			"instrumentAdmin": "mallory::1220", "instrumentId": `"%s" Amulet`, "minimumDeposit": "1234567890123456789012345678.0000000001",
			"offersAccepted": true, "minimumOffer": "1234567890123456789012345678.0000000001", "offerLeadSeconds": 60.0, "expectedSeconds": 60.0,
			"screened": false,
		},
	}, tokens)
}

func TestDepositAccountsAreListed(t *testing.T) {
	t.Parallel()

	l := begin(t)
	_, err := l.db.AddMemo(t.Context(), party, "c1", "OWN-1", "ann", now())
	require.NoError(t, err)
	issued, err := l.db.IssueMemo(t.Context(), party, "c2", false, "", now().Add(time.Hour))
	require.NoError(t, err)
	_, err = l.db.DisableMemo(t.Context(), party, "OWN-1", "bob", "", now().Add(2*time.Hour))
	require.NoError(t, err)

	all, err := l.db.DepositAccounts(t.Context(), l.treasury, "", 10)
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, issued.Memo, all[0].Memo)
	require.True(t, all[0].Issued && all[0].Enabled && all[0].DisabledAt == nil)
	require.True(t, all[1].DisabledAt.Equal(now().Add(2*time.Hour)))

	all[1].DisabledAt, all[1].CreatedAt = nil, time.Time{}
	require.Equal(t, store.DepositAccount{Memo: "OWN-1", Account: "c1", CreatedBy: "ann", DisabledBy: "bob"}, all[1])

	newest, err := l.db.DepositAccounts(t.Context(), l.treasury, "", 1)
	require.NoError(t, err)
	require.Len(t, newest, 1)

	one, err := l.db.DepositAccounts(t.Context(), l.treasury, "c1", 10)
	require.NoError(t, err)
	require.Len(t, one, 1)

	other := beginAs(t, l.db, l.pool, "other::1220")
	none, err := l.db.DepositAccounts(t.Context(), other.treasury, "", 10)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Equal(t, 2, l.count("SELECT count(*) FROM api.deposit_accounts WHERE treasury = 'treasury::1220aa'"))
}
