package store_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

const (
	party    = ident.Party("treasury::1220aa")
	alice    = ident.Party("alice::1220bb")
	bob      = ident.Party("bob::1220cc")
	node     = ident.ParticipantID("participant::1220dd")
	home     = ident.SynchronizerID("global::1220ee")
	patience = 30 * time.Second

	pollInterval = 10 * time.Millisecond
	someChain    = ident.ContractID("00c0")
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func coin() ident.Instrument { return ident.Instrument{Admin: "dso::1220dd", ID: "Amulet"} }

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func migrate(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) }

// open gives a migrated database of the test's own, and a pool for looking into it.
func open(t *testing.T) (*store.DB, *pgxpool.Pool) {
	t.Helper()

	pool := pgtest.New(t, migrate)

	return reopen(t, pool), pool
}

// reopen opens the database as another process would.
func reopen(t *testing.T, pool *pgxpool.Pool) *store.DB {
	t.Helper()

	db, err := store.Open(t.Context(), secret.New(pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(db.Close)

	return db
}

// ledger is a treasury whose history the test writes by hand.
type ledger struct {
	t        *testing.T
	db       *store.DB
	pool     *pgxpool.Pool
	treasury store.TreasuryID
	party    ident.Party
	epoch    int64
	position store.Position
	lastID   ident.UpdateID
}

func begin(t *testing.T) *ledger {
	t.Helper()

	db, pool := open(t)

	return beginAs(t, db, pool, party)
}

func beginAs(t *testing.T, db *store.DB, pool *pgxpool.Pool, as ident.Party) *ledger {
	t.Helper()

	id, err := db.EnsureTreasury(t.Context(), as, now())
	require.NoError(t, err)
	require.NoError(t, db.CreateCursor(t.Context(), store.Cursor{Treasury: id, Participant: node, Derivation: 1}, now()))

	c, err := db.TakeOver(t.Context(), id, now())
	require.NoError(t, err)
	require.NoError(t, db.EnsureInstruments(t.Context(), []ident.Instrument{coin()}, now()))

	return &ledger{t: t, db: db, pool: pool, treasury: id, party: as, epoch: c.Epoch}
}

// as is the ledger for a subtest.
func (l *ledger) as(t *testing.T) *ledger {
	t.Helper()

	sub := *l
	sub.t = t

	return &sub
}

// record makes update number +1, +2 … of the effects.
func (l *ledger) record(ahead int64, e txhistory.Effects, entries books.Entries) store.Record {
	no := l.position.No + ahead
	r := store.Record{
		No: no, Raw: []byte(`{"a":1}`), Effects: e, Entries: entries,
		Update: update.Update{
			Kind: update.Transaction, ID: ident.UpdateID(fmt.Sprintf("%s-%d", l.party, no)), Offset: ident.Offset(no * 10), RecordTime: now(), Synchronizer: home,
		},
	}

	for range e.Unrecognized {
		r.Evidence = append(r.Evidence, []byte("{}"))
	}

	return r
}

func (l *ledger) batch(records ...store.Record) store.Batch {
	to := store.Position{Offset: l.position.Offset + 10*ident.Offset(len(records)), No: l.position.No + int64(len(records))}
	b := store.Batch{
		Treasury: l.treasury, Party: l.party, Epoch: l.epoch, From: l.position, To: to, LastID: l.lastID, Records: records, Now: now(),
	}

	if len(records) > 0 {
		b.LastID = records[len(records)-1].Update.ID
	}

	return b
}

// apply stores records that must be storable.
func (l *ledger) apply(records ...store.Record) {
	l.t.Helper()

	b := l.batch(records...)
	require.NoError(l.t, l.db.Apply(l.t.Context(), b))
	l.position, l.lastID = b.To, b.LastID
}

// refuse stores records that must be refused with want, and checks that nothing of them is there.
func (l *ledger) refuse(want error, records ...store.Record) {
	l.t.Helper()
	l.refuseBatch(want, l.batch(records...))
}

func (l *ledger) refuseBatch(want error, b store.Batch) {
	l.t.Helper()

	before := contents(l.t, l.pool)
	err := l.db.Apply(l.t.Context(), b)
	require.Error(l.t, err)

	if want != nil {
		require.ErrorIs(l.t, err, want)
	}

	require.Equal(l.t, before, contents(l.t, l.pool), "a refused batch left something behind")
}

// tables are all that a batch can write to.
func tables() []string {
	return []string{
		"ingestion_cursors", "synchronizer_clocks", "ledger_updates", "ledger_update_bodies", "holdings", "transfers", "transfer_instructions",
		"unrecognized", "deposits", "withdrawals", "postings", "balances", "events",
	}
}

// contents is the whole database as text.
func contents(t require.TestingT, pool *pgxpool.Pool) map[string]string {
	out := map[string]string{}

	for _, table := range tables() {
		var text string

		err := pool.QueryRow(context.Background(), "SELECT coalesce(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM "+table+" AS r").Scan(&text)
		require.NoError(t, err)

		out[table] = text
	}

	return out
}

func (l *ledger) count(query string) int {
	l.t.Helper()

	var n int

	require.NoError(l.t, l.pool.QueryRow(l.t.Context(), query).Scan(&n))

	return n
}

func created(id ident.ContractID, a amount.Amount) txhistory.HoldingCreated {
	return txhistory.HoldingCreated{
		Node: 1, Contract: id, Holding: token.Holding{Owner: party, Instrument: coin(), Amount: a}, CreatedAt: now(),
		Template: ident.Name{Package: "#p", Module: "M", Entity: "E"},
	}
}

func archived(id ident.ContractID) txhistory.HoldingArchived {
	return txhistory.HoldingArchived{Node: 2, Contract: id}
}

func offered(id ident.ContractID, memo *string) txhistory.InstructionOpened {
	o := txhistory.InstructionOpened{Node: 3, Contract: id, Instruction: token.Instruction{AwaitsReceiver: true, Transfer: token.Transfer{
		Sender: alice, Receiver: party, Instrument: coin(), Amount: amount.FromInt(5), RequestedAt: now(), ExecuteBefore: now().Add(time.Hour),
		Meta: token.Metadata{},
	}}}
	if memo != nil {
		o.Instruction.Transfer.Meta[token.KeyReason] = *memo
	}

	return o
}

func closed(id ident.ContractID) txhistory.InstructionClosed {
	return txhistory.InstructionClosed{Node: 4, Contract: id, Status: txhistory.Completed}
}

func offer(id ident.ContractID) books.Deposit {
	return books.Deposit{
		ID: uuid.NewSHA1(uuid.Nil, []byte(id)), Kind: books.ByOffer, Attribution: books.Attribution{State: books.Offered}, Instrument: coin(),
		Amount: amount.FromInt(5), Sender: alice, Correlation: id, Offered: true,
	}
}

func settled(id ident.ContractID) books.Settlement {
	return books.Settlement{
		Correlation: id, Attribution: books.Attribution{State: books.Credited, Account: "c1"}, Amount: amount.FromInt(4), Sender: alice,
		Place: books.Place{Node: 9, Leg: 1},
	}
}

// movement is one movement of double entry from the network to an account.
func movement(no int, kind books.AccountKind, account string, a amount.Amount) []books.Posting {
	return []books.Posting{
		{Origin: books.ByLedger, Movement: no, Line: 0, Kind: books.Network, Instrument: coin(), Amount: a.Neg()},
		{Origin: books.ByLedger, Movement: no, Line: 1, Kind: kind, Account: account, Instrument: coin(), Amount: a},
	}
}
