package store_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
)

func TestKnownIsWhatIsActiveOrOpen(t *testing.T) {
	t.Parallel()

	l := begin(t)
	memo, expires, after := "a memo", now().Add(time.Hour), time.Minute
	locked := created("00locked", amount.FromInt(3))
	locked.Holding.Lock = &token.Lock{Holders: []ident.Party{alice, bob}, ExpiresAt: &expires, ExpiresAfter: &after, Context: "text\x00"}
	later := offered("00later", &memo)
	later.Instruction.Original, later.Instruction.AwaitsReceiver = "00first", false
	later.Instruction.Transfer.Inputs = []ident.ContractID{"00i1", "00i2"}
	l.apply(l.record(1, txhistory.Effects{
		Created: []txhistory.HoldingCreated{created("00free", amount.FromInt(2)), locked, created("00spent", amount.FromInt(1))},
		Opened:  []txhistory.InstructionOpened{offered("00bare", nil), later, offered("00done", nil)},
	}, books.Entries{}))
	l.apply(l.record(1, txhistory.Effects{
		Archived: []txhistory.HoldingArchived{archived("00spent")}, Closed: []txhistory.InstructionClosed{closed("00done")},
	}, books.Entries{}))

	ids := []ident.ContractID{"00free", "00locked", "00spent", "00bare", "00later", "00done", "00stranger", "", "00free"}
	other := beginAs(t, l.db, l.pool, "other::1220")

	// A fresh process knows tokens only from the database.
	for _, db := range []*store.DB{l.db, reopen(t, l.pool)} {
		known, err := db.Known(t.Context(), l.treasury, party, ids)
		require.NoError(t, err)
		require.Len(t, known.Holdings, 2)
		require.Len(t, known.Instructions, 2)

		require.Equal(t, party, known.Holdings["00free"].Owner)
		require.Equal(t, coin(), known.Holdings["00free"].Instrument)
		require.Nil(t, known.Holdings["00free"].Lock)

		lock := known.Holdings["00locked"].Lock
		require.Equal(t, []ident.Party{alice, bob}, lock.Holders)
		require.True(t, lock.ExpiresAt.Equal(now().Add(time.Minute)), "the earlier limit counts: %s", lock.ExpiresAt)
		require.Equal(t, "text\uFFFD", lock.Context)

		chained := known.Instructions["00later"]
		require.Equal(t, ident.ContractID("00first"), chained.Correlation("00later"))
		require.False(t, chained.AwaitsReceiver)
		require.Equal(t, later.Instruction.Transfer.Inputs, chained.Transfer.Inputs)
		require.Equal(t, memo, *chained.Transfer.Meta.Memo())
		require.True(t, chained.Transfer.ExecuteBefore.Equal(later.Instruction.Transfer.ExecuteBefore))
		require.Equal(t, ident.ContractID("00bare"), known.Instructions["00bare"].Correlation("00bare"))
		require.True(t, known.Instructions["00bare"].AwaitsReceiver)
		require.Nil(t, known.Instructions["00bare"].Transfer.Meta.Memo())

		none, err := db.Known(t.Context(), other.treasury, party, ids)
		require.NoError(t, err)
		require.Empty(t, none.Holdings)
		require.Empty(t, none.Instructions)
	}
}

func TestGroundsAnswerWhatWasAsked(t *testing.T) {
	t.Parallel()

	l := begin(t)
	unlisted := ident.Instrument{Admin: "mallory::1220", ID: "Amulet"}
	require.NoError(t, l.db.EnsureInstruments(t.Context(), []ident.Instrument{unlisted}, now()))
	require.NoError(t, l.db.ListInstrument(t.Context(), coin(), amount.FromInt(3), now()))
	require.NoError(t, l.db.RegisterMemo(t.Context(), l.treasury, " ACC-1 ", "c1", now()))
	require.NoError(t, l.db.RegisterMemo(t.Context(), l.treasury, "acc-2", "c2", now()))
	_, err := l.pool.Exec(t.Context(), "UPDATE deposit_accounts SET enabled = false WHERE account = 'c2'")
	require.NoError(t, err)
	l.apply(l.record(1, fullEffects("00a"), fullEntries("00a")), l.record(2, fullEffects("00b"), fullEntries("00b")))
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Settlements: []books.Settlement{settled("00b")}}))

	q := books.Questions{
		MemoKeys: []string{"acc-1", "acc-2", "acc-3", "", "acc\x00", "acc-1"}, Instruments: []ident.Instrument{coin(), unlisted, coin()},
		DepositChains: []ident.ContractID{"00a", "00b", "00x"}, WithdrawalChains: []ident.ContractID{"00a", "00x"}, WithdrawalIDs: []string{"00b", "nobody", "", "\x00", "00b"},
	}

	for _, db := range []*store.DB{l.db, reopen(t, l.pool)} {
		require.NoError(t, db.EnsureInstruments(t.Context(), q.Instruments, now()))

		g, err := db.Grounds(t.Context(), l.treasury, party, q)
		require.NoError(t, err)
		require.Equal(t, party, g.Treasury)
		require.Equal(t, map[string]books.Account{
			"acc-1": {Name: "c1", Enabled: true, Since: g.Accounts["acc-1"].Since}, "acc-2": {Name: "c2", Since: g.Accounts["acc-2"].Since},
		}, g.Accounts)
		require.WithinDuration(t, now(), g.Accounts["acc-1"].Since, 0)
		require.True(t, g.Listings[coin()].Listed)
		require.True(t, g.Listings[coin()].MinimumDeposit.Equal(amount.FromInt(3)))
		require.False(t, g.Listings[unlisted].Listed)
		require.Equal(t, map[ident.ContractID]books.Offer{
			"00a": {DepositID: offer("00a").ID, Open: true, At: g.Offers["00a"].At}, "00b": {DepositID: offer("00b").ID, At: g.Offers["00b"].At},
		}, g.Offers)
		require.WithinDuration(t, now(), g.Offers["00a"].At, 0)
		require.Len(t, g.Withdrawals, 2, "one by its id, one by its chain")
		require.Equal(t, map[ident.ContractID]string{"00a": "00a", "00b": "00b"}, g.Chains)
		require.Equal(t, books.FromHistory, g.Withdrawals["00a"].Origin)
		require.Nil(t, g.Decided)
	}

	// An operator's change counts at once, cache or not.
	_, err = l.pool.Exec(t.Context(), "UPDATE instruments SET listed = false")
	require.NoError(t, err)

	g, err := l.db.Grounds(t.Context(), l.treasury, party, q)
	require.NoError(t, err)
	require.False(t, g.Listings[coin()].Listed)

	other := beginAs(t, l.db, l.pool, "other::1220")
	g, err = l.db.Grounds(t.Context(), other.treasury, other.party, q)
	require.NoError(t, err)
	require.Empty(t, g.Accounts)
	require.Empty(t, g.Offers)
	require.Empty(t, g.Withdrawals)
}

// TestStrangersTextsNeverStopALookUp: PostgreSQL refuses a text with NUL in it, and one that is no UTF-8.
func TestStrangersTextsNeverStopALookUp(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for _, text := range []string{"\x00", "a\x00b", strings.Repeat("x", 1<<20), "'; DROP TABLE holdings --", "{}", "NULL", "\\", "\xff", "\xed\xa0\x80"} {
		_, err := l.db.Grounds(t.Context(), l.treasury, party, books.Questions{
			MemoKeys: []string{text}, WithdrawalIDs: []string{text}, DepositChains: []ident.ContractID{ident.ContractID(text)},
			WithdrawalChains: []ident.ContractID{ident.ContractID(text)},
		})
		require.NoError(t, err, "%.20q", text)

		_, err = l.db.Known(t.Context(), l.treasury, party, []ident.ContractID{ident.ContractID(text), "00"})
		require.NoError(t, err, "%.20q", text)

		_, err = l.db.KnownUpdates(t.Context(), l.treasury, []ident.UpdateID{ident.UpdateID(text), "x"})
		require.NoError(t, err, "%.20q", text)
	}
}

func TestDecidedIsWhatIsInTheDatabase(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, fullEffects("00a"), fullEntries("00a")), l.record(2, fullEffects("00b"), fullEntries("00b")))
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Settlements: []books.Settlement{settled("00b")}}))

	a, b := offer("00a").ID, offer("00b").ID

	decided, err := l.db.Decided(t.Context(), l.treasury, []uuid.UUID{a, b, uuid.New()})
	require.NoError(t, err)
	require.Equal(t, map[uuid.UUID]books.Attribution{a: {State: books.Offered}, b: {State: books.Credited, Account: "c1"}}, decided)
}

func TestKnownUpdates(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{}))

	known, err := l.db.KnownUpdates(t.Context(), l.treasury, []ident.UpdateID{l.lastID, "other"})
	require.NoError(t, err)
	require.Equal(t, map[ident.UpdateID]bool{l.lastID: true}, known)

	known, err = l.db.KnownUpdates(t.Context(), l.treasury, nil)
	require.NoError(t, err)
	require.Empty(t, known)
}

func TestMemosAreGivenOnce(t *testing.T) {
	t.Parallel()

	l := begin(t)
	require.NoError(t, l.db.RegisterMemo(t.Context(), l.treasury, "ACC-1", "c1", now()))

	for _, text := range []string{"ACC-1", "acc-1", "\tAcc-1 ", "\u00a0ACC-1"} {
		require.ErrorIs(t, l.db.RegisterMemo(t.Context(), l.treasury, text, "c2", now()), store.ErrMemoTaken, "%q", text)
	}

	_, err := l.pool.Exec(t.Context(), "UPDATE deposit_accounts SET enabled = false")
	require.NoError(t, err)
	require.ErrorIs(t, l.db.RegisterMemo(t.Context(), l.treasury, "ACC-1", "c1", now()), store.ErrMemoTaken, "not even after it was disabled")

	for _, text := range []string{"", " \n", "a\x00", strings.Repeat("a", 129), "\xff", strings.Repeat(" ", 5000) + "a"} {
		require.ErrorIs(t, l.db.RegisterMemo(t.Context(), l.treasury, text, "c1", now()), store.ErrBadMemo, "%.20q", text)
	}

	require.Error(t, l.db.RegisterMemo(t.Context(), l.treasury, "fresh", "", now()))
	require.Equal(t, 1, l.count("SELECT count(*) FROM deposit_accounts"))
}

func TestTreasuriesAreFoundOrMade(t *testing.T) {
	t.Parallel()

	db, _ := open(t)
	_, err := db.FindTreasury(t.Context(), party)
	require.ErrorIs(t, err, store.ErrNotFound)

	id, err := db.EnsureTreasury(t.Context(), party, now())
	require.NoError(t, err)

	_, err = db.Cursor(t.Context(), id)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = db.ReadAudit(t.Context(), id)
	require.ErrorIs(t, err, store.ErrNotFound)

	again, err := db.EnsureTreasury(t.Context(), party, now())
	require.NoError(t, err)
	require.Equal(t, id, again)

	found, err := db.FindTreasury(t.Context(), party)
	require.NoError(t, err)
	require.Equal(t, id, found)
}

// TestStrangersTokensDoNotCrowdOutOurs: anybody can invent tokens, more than a process remembers. One that is listed
// must stay listed for the batch in which the memory runs over.
func TestStrangersTokensDoNotCrowdOutOurs(t *testing.T) {
	t.Parallel()

	const remembered = 10_000

	l := begin(t)
	require.NoError(t, l.db.ListInstrument(t.Context(), coin(), amount.Zero(), now()))

	invented := make([]ident.Instrument, remembered-2)
	for i := range invented {
		invented[i] = ident.Instrument{Admin: "mallory::1220", ID: strconv.Itoa(i)}
	}

	require.NoError(t, l.db.EnsureInstruments(t.Context(), invented, now()))

	batch := []ident.Instrument{coin(), {Admin: "mallory::1220", ID: "x"}, {Admin: "mallory::1220", ID: "y"}, {Admin: "mallory::1220", ID: "z"}}
	require.NoError(t, l.db.EnsureInstruments(t.Context(), batch, now()))

	g, err := l.db.Grounds(t.Context(), l.treasury, party, books.Questions{Instruments: batch})
	require.NoError(t, err)
	require.True(t, g.Listings[coin()].Listed)
	require.Len(t, g.Listings, len(batch))
	l.apply(l.record(1, fullEffects("00a"), fullEntries("00a")))
}

// TestGroundsNeedRegisteredTokens: a token without a number is not an unlisted token.
func TestGroundsNeedRegisteredTokens(t *testing.T) {
	t.Parallel()

	l := begin(t)
	_, err := reopen(t, l.pool).Grounds(t.Context(), l.treasury, party, books.Questions{Instruments: []ident.Instrument{coin()}})
	require.ErrorIs(t, err, store.ErrNotFound)
}
