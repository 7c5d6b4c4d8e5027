package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// journey is the reassignments of one contract between two synchronizers, in an order in which a node may tell them:
// each synchronizer's own events in order, the two mixed at will.
func journey(t *rapid.T, id ident.ContractID) []store.ContractMove {
	synchronizers := [2]ident.SynchronizerID{home, "private::1220"}

	var streams [2][]store.ContractMove

	for i := range rapid.IntRange(1, 5).Draw(t, "reassignments") {
		from, to := i%2, (i+1)%2
		counter := int64(i + 1)
		streams[from] = append(streams[from], store.ContractMove{Contract: id, Synchronizer: synchronizers[from], Counter: counter})
		streams[to] = append(streams[to], store.ContractMove{Contract: id, Synchronizer: synchronizers[to], Counter: counter, Arrived: true})
	}

	var told []store.ContractMove

	for len(streams[0])+len(streams[1]) > 0 {
		from := rapid.IntRange(0, 1).Draw(t, "synchronizer")
		if len(streams[from]) == 0 {
			from = 1 - from
		}

		told = append(told, streams[from][0])
		streams[from] = streams[from][1:]
	}

	return told[:rapid.IntRange(1, len(told)).Draw(t, "told")]
}

// place is where a contract is after what has been told: the latest reassignment counts, and of its halves the arrival.
func place(told []store.ContractMove) string {
	last := told[0]
	for _, m := range told[1:] {
		if m.Counter > last.Counter || m.Counter == last.Counter && m.Arrived {
			last = m
		}
	}

	return fmt.Sprintf("%s in flight: %t", last.Synchronizer, !last.Arrived)
}

// TestHoldingsAreWhereTheyWentLast tells journeys update by update and in batches.
func TestHoldingsAreWhereTheyWentLast(t *testing.T) {
	t.Parallel()

	l := begin(t)

	rapid.Check(t, func(t *rapid.T) {
		id := ident.ContractID(uuid.NewString())
		told := journey(t, id)
		born := l.record(1, txhistory.Effects{Created: []txhistory.HoldingCreated{created(id, amount.FromInt(1))}}, books.Entries{})

		if rapid.Bool().Draw(t, "born before") {
			l.apply(born)
			l.tell(t, nil, told)
		} else {
			l.tell(t, []store.Record{born}, told)
		}

		var got string

		require.NoError(t, l.pool.QueryRow(context.Background(),
			"SELECT format('%s in flight: %s', synchronizer_id, in_flight::text) FROM holdings WHERE contract_id = $1", string(id)).Scan(&got))
		require.Equal(t, place(told), got)
	})
}

// tell stores the moves in batches, the first of them with what comes before.
func (l *ledger) tell(t *rapid.T, batch []store.Record, told []store.ContractMove) {
	for _, m := range told {
		r := l.record(int64(len(batch)+1), txhistory.Effects{}, books.Entries{})
		r.Moves = []store.ContractMove{m}
		batch = append(batch, r)

		if rapid.Bool().Draw(t, "commit") {
			l.apply(batch...)

			batch = nil
		}
	}

	if len(batch) > 0 {
		l.apply(batch...)
	}
}

func TestMovesOfStrangersChangeNothing(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, fullEffects("00a"), fullEntries("00a")))
	before := contents(t, l.pool)["holdings"]

	r := l.record(1, txhistory.Effects{}, books.Entries{})
	r.Moves = []store.ContractMove{{Contract: "00x", Synchronizer: "private::1220", Counter: 1, Arrived: true}}
	l.apply(r)
	require.Equal(t, before, contents(t, l.pool)["holdings"])
}
