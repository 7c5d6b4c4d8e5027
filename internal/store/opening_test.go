package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// part is one part of an opening snapshot, numbered from 0 within itself as ingestion makes it.
func (l *ledger) part(id ident.ContractID, node ident.NodeID) store.Record {
	e, entries := full(id)
	e.Transfers[0].Node, e.Unrecognized[0].Node = node, node
	entries.Postings = append(movement(0, books.Opening, "", amount.FromInt(5)), movement(1, books.Opening, "", amount.FromInt(7))...)

	r := l.record(0, e, entries)
	r.Update.Kind, r.Update.ID, r.Update.Offset = store.SnapshotKind, "snapshot:node:100", 100

	return r
}

func TestAnOpeningOfManyParts(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	id, err := db.EnsureTreasury(t.Context(), party, now())
	require.NoError(t, err)
	require.NoError(t, db.EnsureInstruments(t.Context(), []ident.Instrument{coin()}, now()))

	l := &ledger{t: t, db: db, pool: pool, treasury: id, party: party}
	first, second := l.part("00a", 0), l.part("00b", 1000)
	second.Moves = []store.ContractMove{{Contract: "00b", Synchronizer: "private::1220", Counter: 3}}
	cursor := store.Cursor{Treasury: id, Participant: node, Origin: 100, Derivation: 2}

	// Nothing of an opening that cannot be stored as a whole.
	empty := contents(t, pool)
	spoilt := l.part("00c", 2000)
	spoilt.Entries.Postings = spoilt.Entries.Postings[:1]
	require.Error(t, db.ApplyOpening(t.Context(), cursor, party, []store.Record{first, second, spoilt}, now()))
	require.Equal(t, empty, contents(t, pool))

	require.NoError(t, db.ApplyOpening(t.Context(), cursor, party, []store.Record{first, second}, now()))
	require.Equal(t, 1, l.count("SELECT count(*) FROM ledger_updates WHERE update_no = 0 AND kind = 'snapshot'"))
	require.Equal(t, 8, l.count("SELECT count(*) FROM postings WHERE origin_no = 0"))
	require.Equal(t, 2, l.count("SELECT count(*) FROM unrecognized"))
	require.Equal(t, 2, l.count("SELECT count(*) FROM holdings WHERE created_no = 0"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM holdings WHERE contract_id = '00b' AND in_flight"))
	require.Equal(t, 2, l.count("SELECT count(*) FROM deposits WHERE state = 'offered' AND offered_no = 0"))

	c, err := db.Cursor(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, store.Position{Offset: 100}, c.Position)
	require.Equal(t, ident.Offset(100), c.Origin)
	require.Equal(t, 2, c.Derivation)

	recent, err := db.RecentUpdates(t.Context(), id, 10)
	require.NoError(t, err)
	require.Empty(t, recent, "a snapshot is no update that a node could be asked about")

	before := contents(t, pool)
	require.Error(t, db.ApplyOpening(t.Context(), cursor, party, []store.Record{l.part("00d", 0)}, now()), "a history begins once")
	require.Equal(t, before, contents(t, pool))

	// History goes on from there, on what the opening left.
	c, err = db.TakeOver(t.Context(), id, now())
	require.NoError(t, err)

	l.epoch, l.position = c.Epoch, c.Position
	l.apply(l.record(1, txhistory.Effects{Archived: []txhistory.HoldingArchived{archived("00a")}}, books.Entries{
		Settlements: []books.Settlement{settled("00b")}, Postings: movement(0, books.Customer, "c1", amount.FromInt(4)),
	}))
	require.Equal(t, 1, l.count("SELECT count(*) FROM deposits WHERE state = 'credited' AND offered_no = 0 AND settled_no = 1"))
}

func TestAnOpeningOfNothing(t *testing.T) {
	t.Parallel()

	db, _ := open(t)
	id, err := db.EnsureTreasury(t.Context(), party, now())
	require.NoError(t, err)
	require.NoError(t, db.ApplyOpening(t.Context(), store.Cursor{Treasury: id, Participant: node, Origin: 7, Derivation: 1}, party, nil, now()))

	a, err := db.ReadAudit(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, ident.Offset(7), a.Cursor.Position.Offset)
	require.Empty(t, a.Holdings)
}

func TestATakeOverFencesEveryEarlierWriter(t *testing.T) {
	t.Parallel()

	l := begin(t)

	for want := l.epoch + 1; want < l.epoch+4; want++ {
		c, err := l.db.TakeOver(t.Context(), l.treasury, now())
		require.NoError(t, err)
		require.Equal(t, want, c.Epoch)
	}

	l.refuse(store.ErrFenced, l.record(1, txhistory.Effects{}, books.Entries{}))

	_, err := l.db.TakeOver(t.Context(), l.treasury+1, now())
	require.Error(t, err)
}
