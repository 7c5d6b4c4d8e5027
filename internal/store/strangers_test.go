package store_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/txhistory"
)

func TestCustomersCanBeDebited(t *testing.T) {
	t.Parallel()

	l := begin(t)
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.Customer, "c1", amount.FromInt(5))}))
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.Customer, "c1", amount.FromInt(-5))}))
	require.Equal(t, 1, l.count("SELECT count(*) FROM balances WHERE account = 'c1' AND amount = 0"))
}

func TestAStrangersTokenCannotStopIngestion(t *testing.T) {
	t.Parallel()

	l := begin(t)
	most := amounttest.Of("9999999999999999999999999999.9999999999")

	for range 2 {
		l.apply(l.record(1, txhistory.Effects{}, books.Entries{Postings: movement(0, books.UnattributedMoney, "", most)}))
	}

	_, err := l.db.ReadAudit(t.Context(), l.treasury)
	require.NoError(t, err)
}
