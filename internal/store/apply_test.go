package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// full is effects and entries of every kind that one update can have.
func full(id ident.ContractID) (txhistory.Effects, books.Entries) {
	memo := "acc-1"
	e := txhistory.Effects{
		Created: []txhistory.HoldingCreated{created(id, amount.FromInt(5))},
		Opened:  []txhistory.InstructionOpened{offered(id, &memo)},
		Transfers: []txhistory.Transfer{{
			Node: 3, Direction: txhistory.In, Status: txhistory.Pending, Evidence: txhistory.ByInstruction, Sender: alice, Receiver: party,
			Instrument: coin(), Amount: amount.FromInt(5), Memo: &memo, Correlation: id, Next: id,
		}},
		Unrecognized: []txhistory.Unrecognized{{Node: 1, Problem: txhistory.ProblemAmount, Detail: "d"}},
	}

	return e, books.Entries{
		Deposits: []books.Deposit{offer(id)},
		Recovered: []books.Recovered{{
			ID: string(id), State: withdrawal.Offered, Instrument: coin(), Amount: amount.FromInt(1), Receiver: bob, Correlation: id,
		}},
		Postings: movement(0, books.Customer, "c1", amount.FromInt(5)),
		Events:   []books.Event{{Type: "t", Subject: "s", Payload: []byte(`{}`)}},
	}
}

func TestEveryKindOfRowIsStored(t *testing.T) {
	t.Parallel()

	l := begin(t)
	b := l.batch(l.record(1, fullEffects("00a"), fullEntries("00a")))
	b.Clocks = []store.Clock{{Synchronizer: home, RecordTime: now()}}
	require.NoError(t, l.db.Apply(t.Context(), b))

	for table, text := range contents(t, l.pool) {
		require.NotEmpty(t, text, table)
	}

	c, err := l.db.Cursor(t.Context(), l.treasury)
	require.NoError(t, err)
	require.Equal(t, b.To, c.Position)
	require.Equal(t, b.LastID, c.LastID)
}

func fullEffects(id ident.ContractID) txhistory.Effects {
	e, _ := full(id)

	return e
}

func fullEntries(id ident.ContractID) books.Entries {
	_, e := full(id)

	return e
}

func TestAFencedWriterStoresNothing(t *testing.T) { //nolint:tparallel // one database, one step after the other
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, fullEffects("00a"), fullEntries("00a")))

	for name, spoil := range map[string]func(*store.Batch){
		"older epoch": func(b *store.Batch) { b.Epoch-- }, "newer epoch": func(b *store.Batch) { b.Epoch++ },
		"offset before": func(b *store.Batch) { b.From.Offset-- }, "offset after": func(b *store.Batch) { b.From.Offset++ },
		"number before": func(b *store.Batch) { b.From.No-- }, "number after": func(b *store.Batch) { b.From.No++ },
		"another treasury": func(b *store.Batch) { b.Treasury += 7 },
	} {
		t.Run(name, func(t *testing.T) {
			b := l.batch(l.record(1, fullEffects("00b"), fullEntries("00b")))
			b.Clocks = []store.Clock{{Synchronizer: home, RecordTime: now()}}
			spoil(&b)
			l.as(t).refuseBatch(store.ErrFenced, b)
		})
	}

	_, err := l.db.TakeOver(t.Context(), l.treasury, now())
	require.NoError(t, err)
	l.refuse(store.ErrFenced, l.record(1, fullEffects("00b"), fullEntries("00b")))
}

func TestTheSameBatchTwiceIsFenced(t *testing.T) {
	t.Parallel()

	l := begin(t)
	b := l.batch(l.record(1, fullEffects("00a"), fullEntries("00a")))
	require.NoError(t, l.db.Apply(t.Context(), b))
	l.refuseBatch(store.ErrFenced, b)
}

func TestAKnownUpdateStoresNothing(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, fullEffects("00a"), fullEntries("00a")))

	again := l.record(2, fullEffects("00c"), fullEntries("00c"))
	again.Update.ID = l.lastID
	l.refuse(store.ErrKnownUpdate, l.record(1, fullEffects("00b"), fullEntries("00b")), again)

	twin := l.record(2, txhistory.Effects{}, books.Entries{})
	first := l.record(1, txhistory.Effects{}, books.Entries{})
	twin.Update.ID = first.Update.ID
	l.refuse(store.ErrKnownUpdate, first, twin)
}

// TestOtherTreasuriesSeeTheSameUpdates: one transaction can concern two treasuries of one exchange.
func TestOtherTreasuriesSeeTheSameUpdates(t *testing.T) {
	t.Parallel()

	l := begin(t)
	other := beginAs(t, l.db, l.pool, "second::1220ff")

	r := l.record(1, fullEffects("00a"), fullEntries("00a"))
	l.apply(r)
	other.apply(r)
	require.Equal(t, 2, l.count("SELECT count(*) FROM deposits WHERE correlation_id = '00a'"))
}

func TestContradictionsStoreNothing(t *testing.T) { //nolint:tparallel // one database, one step after the other
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, fullEffects("00a"), fullEntries("00a")))
	l.apply(l.record(1, txhistory.Effects{
		Archived: []txhistory.HoldingArchived{archived("00a")}, Closed: []txhistory.InstructionClosed{closed("00a")},
	}, books.Entries{
		Settlements: []books.Settlement{settled("00a")}, Advances: []books.Advance{{ID: "00a", State: withdrawal.Completed}},
	}))

	l.apply(l.record(1, fullEffects("00open"), fullEntries("00open")))

	type part struct {
		effects txhistory.Effects
		entries books.Entries
	}

	archive := func(id ident.ContractID) part {
		return part{effects: txhistory.Effects{Archived: []txhistory.HoldingArchived{archived(id)}}}
	}
	end := func(id ident.ContractID) part {
		return part{effects: txhistory.Effects{Closed: []txhistory.InstructionClosed{closed(id)}}}
	}
	settle := func(id ident.ContractID) part {
		return part{entries: books.Entries{Settlements: []books.Settlement{settled(id)}}}
	}
	advance := func(id string, state withdrawal.State) part {
		return part{entries: books.Entries{Advances: []books.Advance{{ID: id, State: state, Reason: withdrawal.OfferFailed}}}}
	}
	born := part{fullEffects("00b"), fullEntries("00b")}

	for name, parts := range map[string][]part{
		"archive of a stranger": {archive("00x")}, "archive of the archived": {archive("00a")}, "archive twice": {archive("00open"), archive("00open")},
		"archive twice of the born": {born, archive("00b"), archive("00b")},
		"close of a stranger":       {end("00x")}, "close of the closed": {end("00a")}, "close twice": {end("00open"), end("00open")},
		"close twice of the born": {born, end("00b"), end("00b")},
		"settle of a stranger":    {settle("00x")}, "settle of the settled": {settle("00a")}, "settle twice": {settle("00open"), settle("00open")},
		"settle twice of the born": {born, settle("00b"), settle("00b")},
		"advance of a stranger":    {advance("nobody", withdrawal.Failed)}, "advance of the completed": {advance("00a", withdrawal.Failed)},
		"advance of the born that has ended": {born, advance("00b", withdrawal.Failed), advance("00b", withdrawal.Completed)},
		"advance after its end":              {advance("00open", withdrawal.Failed), advance("00open", withdrawal.Completed)},
	} {
		t.Run(name, func(t *testing.T) {
			var records []store.Record
			for i, p := range append([]part{{fullEffects("00c"), fullEntries("00c")}}, parts...) {
				records = append(records, l.record(int64(i+1), p.effects, p.entries))
			}

			l.as(t).refuse(store.ErrContradiction, records...)
		})
	}
}

func TestWhatExistsIsNotStoredAgain(t *testing.T) { //nolint:tparallel // one database, one step after the other
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, fullEffects("00a"), fullEntries("00a")))

	all := fullEntries("00a")
	for name, r := range map[string]store.Record{
		"holding":     l.record(1, txhistory.Effects{Created: fullEffects("00a").Created}, books.Entries{}),
		"instruction": l.record(1, txhistory.Effects{Opened: fullEffects("00a").Opened}, books.Entries{}),
		"deposit":     l.record(1, txhistory.Effects{}, books.Entries{Deposits: all.Deposits}),
		"withdrawal":  l.record(1, txhistory.Effects{}, books.Entries{Recovered: all.Recovered}),
	} {
		t.Run(name, func(t *testing.T) { l.as(t).refuse(nil, r) })
	}

	second := offer("00a")
	second.ID[0]++
	l.refuse(nil, l.record(1, txhistory.Effects{}, books.Entries{Deposits: []books.Deposit{second}}))
}

// TestBornAndGone creates and ends things within one update, within one batch, and across batches: the rows are the same.
func TestBornAndGone(t *testing.T) {
	t.Parallel()

	beginning, entries := full("00a")
	ending := txhistory.Effects{
		Archived: []txhistory.HoldingArchived{archived("00a")}, Closed: []txhistory.InstructionClosed{closed("00a")},
	}
	endEntries := books.Entries{
		Settlements: []books.Settlement{settled("00a")},
		Advances:    []books.Advance{{ID: "00a", State: withdrawal.Failed, Reason: "rejected", Correlation: "00a"}},
	}

	once, sameBatch, apart := begin(t), begin(t), begin(t)

	both, bothEntries := beginning, entries
	both.Archived, both.Closed = ending.Archived, ending.Closed
	bothEntries.Settlements, bothEntries.Advances = endEntries.Settlements, endEntries.Advances
	once.apply(once.record(1, both, bothEntries))
	require.Equal(t, 1, once.count("SELECT count(*) FROM holdings WHERE archived_no = 1 AND archived_node = 2"))
	require.Equal(t, 1, once.count("SELECT count(*) FROM transfer_instructions WHERE closed_no = 1 AND closed_node = 4 AND outcome = 'completed'"))
	require.Equal(t, 1, once.count("SELECT count(*) FROM deposits WHERE state = 'credited' AND offered_no = 1 AND settled_no = 1"))
	require.Equal(t, 1, once.count("SELECT count(*) FROM withdrawals WHERE state = 'failed' AND offered_no = 1 AND settled_no = 1"))

	sameBatch.apply(sameBatch.record(1, beginning, entries), sameBatch.record(2, ending, endEntries))
	apart.apply(apart.record(1, beginning, entries))
	apart.apply(apart.record(1, ending, endEntries))

	want, got := contents(t, apart.pool), contents(t, sameBatch.pool)
	for _, table := range []string{"holdings", "transfer_instructions", "deposits", "withdrawals", "postings", "balances", "transfers"} {
		require.NotEmpty(t, want[table])
		require.Equal(t, want[table], got[table], table)
	}

	require.Equal(t, 1, apart.count(`SELECT count(*) FROM deposits WHERE state = 'credited' AND account = 'c1' AND amount = 4 AND offered_no = 1
		AND settled_no = 2 AND settled_node = 9 AND settled_leg = 1`))
}

func TestAWithdrawalAdvancesTwiceInABatch(t *testing.T) {
	t.Parallel()

	l := begin(t)
	_, err := l.pool.Exec(t.Context(), `INSERT INTO withdrawals (treasury_id, withdrawal_id, withdrawal_no, origin, state, reason, account, instrument_no, amount, receiver, requested_at)
		SELECT $1, w, nextval('withdrawal_numbers'), 'requested', 'submitted', '', 'c1', 1, 5, 'bob::1', now() FROM unnest(ARRAY['w-1', 'w-2']) AS w`, int32(l.treasury))
	require.NoError(t, err)

	l.apply(
		l.record(1, txhistory.Effects{}, books.Entries{Advances: []books.Advance{
			{ID: "w-1", State: withdrawal.Offered, Correlation: "00c"}, {ID: "w-2", State: withdrawal.Offered, Correlation: "00d"},
			{ID: "w-2", State: withdrawal.Completed, Correlation: "00d"},
		}}),
		l.record(2, txhistory.Effects{}, books.Entries{Advances: []books.Advance{
			{ID: "w-1", State: withdrawal.Failed, Reason: "rejected", Correlation: "00c"},
		}}),
	)
	require.Equal(t, 1, l.count(`SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'w-1' AND state = 'failed' AND reason = 'rejected'
		AND correlation_id = '00c' AND offered_no = 1 AND settled_no = 2`))
	require.Equal(t, 1, l.count(`SELECT count(*) FROM withdrawals WHERE withdrawal_id = 'w-2' AND state = 'completed' AND reason = ''
		AND correlation_id = '00d' AND offered_no = 1 AND settled_no = 1`))
}

func TestClocksOnlyGoForward(t *testing.T) {
	t.Parallel()

	l := begin(t)
	imported := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	tell := func(times ...time.Time) {
		b := l.batch(l.record(1, txhistory.Effects{}, books.Entries{}))
		for i, at := range times {
			b.Clocks = append(b.Clocks, store.Clock{Synchronizer: home + ident.SynchronizerID('0'+rune(i)), RecordTime: at})
		}

		require.NoError(t, l.db.Apply(t.Context(), b))
		l.position, l.lastID = b.To, b.LastID
	}

	tell(now(), imported)
	tell(imported, now())
	tell(now().Add(-time.Second), now().Add(time.Microsecond))

	clocks, err := l.db.Clocks(t.Context(), l.treasury)
	require.NoError(t, err)
	require.Len(t, clocks, 2)
	require.True(t, now().Equal(clocks[0].RecordTime))
	require.True(t, now().Add(time.Microsecond).Equal(clocks[1].RecordTime))
}

func TestRecordTimeOfYearOneComesBack(t *testing.T) {
	t.Parallel()

	l := begin(t)
	imported := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	r := l.record(1, txhistory.Effects{}, books.Entries{Deposits: []books.Deposit{offer("00a")}})
	r.Update.RecordTime = imported
	l.apply(r)

	var stored, deposit time.Time

	require.NoError(t, l.pool.QueryRow(t.Context(), "SELECT u.record_time, d.record_time FROM ledger_updates u, deposits d").Scan(&stored, &deposit))
	require.True(t, imported.Equal(stored), stored)
	require.True(t, imported.Equal(deposit), deposit)
}

func TestHostileMemosAreStoredReadably(t *testing.T) {
	t.Parallel()

	l := begin(t)

	var all strings.Builder
	for r := range rune(0x20) {
		all.WriteRune(r)
	}

	all.WriteString("\u202e\u2066\ufeff\U0010FFFF'\"\\$$ {}")
	text := strings.Repeat(all.String(), 10<<10/all.Len()+1)
	d := offer("00a")
	d.Memo = &text
	e := fullEffects("00b")
	e.Opened = []txhistory.InstructionOpened{offered("00b", &text)}
	e.Transfers[0].Memo = &text
	e.Unrecognized[0].Detail = text

	lock := created("00c", amount.FromInt(1))
	e.Created = append(e.Created, lock)

	entries := books.Entries{Deposits: []books.Deposit{d}, Events: []books.Event{{Type: "t", Subject: text, Payload: []byte(`{}`)}}}
	r := l.record(1, e, entries)
	r.Raw, r.Update.CommandID, r.Update.TransactionHash = []byte("\x00\xff raw as it came"), text, "\x00"
	r.Evidence = [][]byte{[]byte("\x00\xff")}
	l.apply(r)

	want := strings.ReplaceAll(text, "\x00", "\uFFFD")

	for _, query := range []string{
		"SELECT memo FROM deposits", "SELECT memo FROM transfers", "SELECT memo FROM transfer_instructions", "SELECT detail FROM unrecognized",
		"SELECT command_id FROM ledger_updates", "SELECT subject FROM events", "SELECT memo FROM api.deposits",
	} {
		var got string

		require.NoError(t, l.pool.QueryRow(t.Context(), query).Scan(&got))
		require.True(t, strings.HasPrefix(want, got), query)
		require.Greater(t, len(got), 3900, query)
		require.LessOrEqual(t, len(got), 4000, query)
	}

	var body []byte

	require.NoError(t, l.pool.QueryRow(t.Context(), "SELECT body FROM ledger_update_bodies").Scan(&body))
	require.Equal(t, r.Raw, body)
}
