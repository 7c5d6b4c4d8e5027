package store_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
)

// TestAnAuditIsOfOneMoment reads while a writer is busy. Every update of the writer spends one holding and makes two,
// so that what an audit sees tells which updates it saw.
func TestAnAuditIsOfOneMoment(t *testing.T) {
	t.Parallel()

	const updates = 120

	l := begin(t)
	done := make(chan error, 1)

	go func() { done <- l.chain(context.Background(), updates) }()

	seen := map[int64]bool{}

	for writing := true; writing; {
		select {
		case err := <-done:
			require.NoError(t, err)

			writing = false
		default:
		}

		a, err := l.db.ReadAudit(t.Context(), 1)
		require.NoError(t, err)
		requireMoment(t, a)

		seen[a.Cursor.Position.No] = true
	}

	require.True(t, seen[updates], "the last audit is after the last update")
	require.Greater(t, len(seen), 2, "the writer was never caught at work")
}

func chained(no int64, side string) ident.ContractID {
	return ident.ContractID(side + string(rune('a'+no/26%26)) + string(rune('a'+no%26)))
}

func (l *ledger) chain(ctx context.Context, updates int64) error {
	for no := int64(1); no <= updates; no++ {
		e := txhistory.Effects{
			Created: []txhistory.HoldingCreated{created(chained(no, "kept"), amount.FromInt(1)), created(chained(no, "next"), amount.FromInt(1))},
			Opened:  []txhistory.InstructionOpened{offered(chained(no, "offer"), nil)},
		}
		if no > 1 {
			e.Archived = []txhistory.HoldingArchived{archived(chained(no-1, "next"))}
		}

		change := amount.FromInt(1)
		if no == 1 {
			change = amount.FromInt(2)
		}

		b := l.batch(l.record(1, e, books.Entries{Postings: movement(0, books.Income, "", change)}))
		if err := l.db.Apply(ctx, b); err != nil {
			return err
		}

		l.position, l.lastID = b.To, b.LastID
	}

	return nil
}

// requireMoment holds everything in an audit against its own cursor.
func requireMoment(t *testing.T, a store.Audit) {
	t.Helper()

	no := a.Cursor.Position.No
	if no == 0 {
		require.Empty(t, a.Holdings)
		require.Empty(t, a.Postings)

		return
	}

	total := amount.FromInt(no + 1)
	require.Len(t, a.Holdings, int(no)+1)
	require.Len(t, a.Instructions, int(no))
	require.Len(t, a.Postings, 2)
	require.Len(t, a.Balances, 2)

	for i := range a.Postings {
		want := total
		if a.Postings[i].Kind == books.Network {
			want = want.Neg()
		}

		require.True(t, a.Postings[i].Amount.Equal(amount.Total{}.Plus(want)), "%s at %d", a.Postings[i].Amount, no)
		require.True(t, a.Balances[i].Amount.Equal(amount.Total{}.Plus(want)), "%s at %d", a.Balances[i].Amount, no)
	}
}
