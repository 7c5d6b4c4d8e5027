package ingest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

func requireHoldings(t *testing.T, want expectation, audit store.Audit) {
	t.Helper()
	require.Len(t, audit.Holdings, len(want.Holdings))

	for _, got := range audit.Holdings {
		h, ok := want.Holdings[got.Contract]
		require.True(t, ok, "unexpected holding %s", got.Contract)
		require.Equal(t, ident.Instrument{Admin: h.Instrument.Admin, ID: h.Instrument.ID}, got.Instrument)
		require.Equal(t, exact(t, h.Amount).String(), got.Amount.String())
		require.Equal(t, h.Lock != nil, got.Locked)
	}
}

func requirePending(t *testing.T, want expectation, audit store.Audit) {
	t.Helper()
	require.Len(t, audit.Instructions, len(want.Pending))

	for _, got := range audit.Instructions {
		p, ok := want.Pending[got.Contract]
		require.True(t, ok, "unexpected instruction %s", got.Contract)
		require.Equal(t, p.Transfer.Sender, got.Sender)
		require.Equal(t, p.Transfer.Receiver, got.Receiver)
		require.Equal(t, exact(t, p.Transfer.Amount).String(), got.Amount.String())
	}
}

// intended lists every transfer that we find where the Java sample finds none, with the reason. Of the other
// direction there is none: each of its transfers is one of ours.
var intended = map[string]string{
	"update-6/1 out completed 10.0000000000 treasury::normalized aliceValidator::normalized": "the validator wallet's " +
		"batch sends with TransferPreapproval_Send: the sample calls it unrecognized (J3), " +
		"the result's metadata says that the treasury sent it",
}

func requireTransfers(t *testing.T, want expectation, db *store.DB, treasury store.TreasuryID) {
	t.Helper()

	ours := map[string]int{}

	rows, err := db.Pool().Query(t.Context(), `
		SELECT concat_ws(' ', u.update_id || '/' || t.node_id, direction, status, amount, sender, receiver)
		FROM transfers t JOIN ledger_updates u USING (treasury_id, update_no) WHERE treasury_id = $1`, int32(treasury))
	require.NoError(t, err)

	for rows.Next() {
		var text string
		require.NoError(t, rows.Scan(&text))
		ours[text]++
	}

	require.NoError(t, rows.Err())

	for _, entry := range want.Log {
		if entry.Transfer == nil {
			continue
		}

		x := entry.Transfer
		key := fmt.Sprintf("%s/%d %s %s %s %s %s", entry.Update.ID, entry.Node, direction[x.Kind], status[x.Details.Status],
			exact(t, x.Details.Amount), x.Sender, x.Receiver)
		require.Equal(t, 1, ours[key], "missing transfer %s; have %v", key, ours)
		delete(ours, key)
	}

	for key := range ours {
		require.Contains(t, intended, key, "a transfer that nobody expects")
	}
}

var (
	direction = map[string]string{"TRANSFER_IN": "in", "TRANSFER_OUT": "out", "TRANSFER_SELF": "self"}
	status    = map[string]string{
		"PENDING": "pending", "COMPLETED": "completed", "REJECTED": "rejected", "WITHDRAWN": "withdrawn",
		"FAILED_OTHER": "failed",
	}
)

// requireBooksClose checks from the outside that the accounts sum to zero, and to the holdings.
func requireBooksClose(t *testing.T, audit store.Audit) {
	t.Helper()

	type sums struct{ held, booked, all amount.Total }

	of := map[ident.Instrument]*sums{}
	get := func(i ident.Instrument) *sums {
		if of[i] == nil {
			of[i] = &sums{}
		}

		return of[i]
	}

	for _, h := range audit.Holdings {
		s := get(h.Instrument)
		s.held = s.held.Plus(h.Amount)
	}

	for _, p := range audit.Postings {
		s := get(p.Instrument)
		s.all = s.all.PlusTotal(p.Amount)

		if p.Kind != books.Network {
			s.booked = s.booked.PlusTotal(p.Amount)
		}
	}

	require.NotEmpty(t, of)

	for i, s := range of {
		require.Equal(t, s.held.String(), s.booked.String(), "accounts against holdings of %s", i)
		require.True(t, s.all.IsZero(), "accounts of %s sum to %s", i, s.all)
	}
}
