package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
)

// SeeMemos lists memos, of one account or of all, the newest first.
func (db *DB) SeeMemos(
	ctx context.Context, treasury TreasuryID, account string, w Window,
) (Page[DepositAccount], error) {
	c := of(treasury)
	c.equals("account", account)

	type row struct {
		DepositAccount

		key string
	}

	list := &listing[row]{
		name:    "memos",
		columns: `memo, account, enabled, issued, created_at, created_by, disabled_at, disabled_by, memo_key`,
		key:     []keyColumn{{"created_at", aTime}, {"memo_key", aText}},
		scan: func(r pgx.CollectableRow) (m row, err error) {
			err = r.Scan(&m.Memo, &m.Account, &m.Enabled, &m.Issued, &m.CreatedAt, &m.CreatedBy, &m.DisabledAt, &m.DisabledBy,
				&m.key)

			return m, wrap("read a memo", err)
		},
		keyOf: func(r row) []any { return []any{r.CreatedAt, r.key} },
	}

	page, err := list.read(ctx, db, w, branch{view: "api.deposit_accounts", where: c})

	return Page[DepositAccount]{
		Items: mapped(page.Items, func(r row) DepositAccount { return r.DepositAccount }), Next: page.Next,
	}, err
}

// SeenBalance is what an account of the books holds of a token: a row of api.balances.
type SeenBalance struct {
	Kind, Account string
	Admin         ident.Party
	InstrumentID  string
	Amount        amount.Total
	number        int32
}

// AccountFilter says which accounts of the books are wanted; what is empty does not matter.
type AccountFilter struct {
	Kind    books.AccountKind
	Account string
	Token   *ident.Instrument
}

// accounts are the conditions of a filter. Only accounts of customers have names, so that the kind follows from a name,
// and the empty name from another kind: that is where the indexes begin. It reports false if there can be none.
func (db *DB) accounts(ctx context.Context, treasury TreasuryID, f AccountFilter) (conditions, bool, error) {
	c := of(treasury)

	switch {
	case f.Account != "" && f.Kind != "" && f.Kind != books.Customer:
		return c, false, nil
	case f.Account != "":
		c.and("account_kind = 'customer' AND account = ?", memo.Stored(f.Account))
	case f.Kind == books.Customer:
		c.and("account_kind = 'customer'")
	case f.Kind != "":
		c.and("account_kind = ? AND account = ''", string(f.Kind))
	}

	known, err := db.ofToken(ctx, &c, f.Token)

	return c, known, err
}

// SeeBalances lists what accounts hold, in the order of their names.
func (db *DB) SeeBalances(
	ctx context.Context, treasury TreasuryID, f AccountFilter, w Window,
) (Page[SeenBalance], error) {
	c, some, err := db.accounts(ctx, treasury, f)
	if err != nil || !some {
		return Page[SeenBalance]{}, err
	}

	list := &listing[SeenBalance]{
		name: "balances", columns: "account_kind, account, instrument_admin, instrument_id, amount, instrument_no",
		key:       []keyColumn{{"account_kind", aText}, {"account", aText}, {"instrument_no", aSmallNumber}},
		ascending: true, grouped: true,
		scan: func(r pgx.CollectableRow) (b SeenBalance, err error) {
			err = r.Scan(&b.Kind, &b.Account, &b.Admin, &b.InstrumentID, &b.Amount, &b.number)

			return b, wrap("read a balance", err)
		},
		keyOf: func(b SeenBalance) []any { return []any{b.Kind, b.Account, b.number} },
	}

	return list.read(ctx, db, w, branch{view: "api.balances", where: c})
}

// SeenPosting is a line of the books: a row of api.postings.
type SeenPosting struct {
	Origin         string
	OriginNo       int64
	Movement, Line int32
	Kind, Account  string
	Admin          ident.Party
	InstrumentID   string
	Amount         amount.Amount
	PostedAt       time.Time
}

// SeePostings lists postings, the newest first.
func (db *DB) SeePostings(
	ctx context.Context, treasury TreasuryID, f AccountFilter, w Window,
) (Page[SeenPosting], error) {
	c, some, err := db.accounts(ctx, treasury, f)
	if err != nil || !some {
		return Page[SeenPosting]{}, err
	}

	list := &listing[SeenPosting]{
		name: "postings",
		columns: `origin, origin_no, movement, line, account_kind, account, instrument_admin, instrument_id, amount,
			posted_at`,
		key: []keyColumn{
			{"posted_at", aTime}, {"origin", aText}, {"origin_no", aNumber}, {"movement", aSmallNumber}, {"line", aSmallNumber},
		},
		scan:  pgx.RowToStructByPos[SeenPosting],
		keyOf: func(p SeenPosting) []any { return []any{p.PostedAt, p.Origin, p.OriginNo, p.Movement, p.Line} },
	}

	return list.read(ctx, db, w, branch{view: "api.postings", where: c})
}

// StatementLine is something that moved a customer account: a row of api.statements.
type StatementLine struct {
	At              time.Time
	What, Reference string
	Admin           ident.Party
	InstrumentID    string
	// Amount is positive where the account gained.
	Amount   amount.Amount
	UpdateID *string
}

// Statement lists what moved a customer account, the oldest first.
func (db *DB) Statement(
	ctx context.Context, treasury TreasuryID, account string, s Span, w Window,
) (Page[StatementLine], error) {
	c := of(treasury) // what a cursor is of
	c.and("account = ?", memo.Stored(account))
	c.within("at", s)

	list := &listing[StatementLine]{
		name: "statement",
		key:  []keyColumn{{"at", aTime}, {"what", aText}, {"reference", aText}},
		ask: func(after []any, rows int) (string, []any) {
			if after == nil {
				after = []any{nil, nil, nil}
			}

			return "SELECT * FROM api.statement_page($1, $2, $3, $4, $5, $6, $7, $8)",
				append([]any{int32(treasury), memo.Stored(account), s.Since, s.Until}, append(after, rows)...)
		},
		scan:  pgx.RowToStructByPos[StatementLine],
		keyOf: func(l StatementLine) []any { return []any{l.At, l.What, l.Reference} },
	}

	return list.read(ctx, db, w, branch{view: "api.statement_page", where: c})
}

// WholeStatement gives the lines of a statement to each, page by page, beginning after a cursor if there is one. All
// are of one moment, so that they sum to what the account held then: pages that are read one by one miss what comes
// before the place of their cursor meanwhile. It holds a connection, and back the vacuum: for as long as ctx allows,
// and few at once. ErrBusy if there are as many.
func (db *DB) WholeStatement(
	ctx context.Context, treasury TreasuryID, account string, s Span, cursor string, each func([]StatementLine) error,
) error {
	select {
	case db.long <- struct{}{}:
		defer func() { <-db.long }()
	default:
		return ErrBusy
	}

	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

	err := pgx.BeginTxFunc(ctx, db.pool, options, func(tx pgx.Tx) error {
		within := *db
		within.exec = tx

		for w := (Window{Cursor: cursor, Limit: MostRows}); ; {
			page, err := within.Statement(ctx, treasury, account, s, w)
			if err != nil {
				return err
			}

			if err := each(page.Items); err != nil || page.Next == "" {
				return err
			}

			w.Cursor = page.Next
		}
	})

	return wrap("read statement", err)
}

// SeenToken is a token and how the exchange deals in it: a row of api.instruments.
type SeenToken struct {
	Instrument        ident.Instrument
	Listed            bool
	MinimumDeposit    amount.Amount
	AcceptOffers      bool
	MinimumOffer      amount.Amount
	CreditDelay       time.Duration
	Screened          bool
	Withdrawals       bool
	MinimumWithdrawal *amount.Amount
	MaximumWithdrawal *amount.Amount
	Decimals          *int16
	ApproveFrom       *amount.Amount
}

// SeeTokens lists tokens, those first that the exchange deals in, and then those that were met first; at most so many,
// because strangers can invent them.
func (db *DB) SeeTokens(ctx context.Context, listed bool, most int) ([]SeenToken, error) {
	where := ""
	if listed {
		where = " WHERE listed"
	}

	return all(ctx, db, "tokens", `
		SELECT instrument_admin, instrument_id, listed, minimum_deposit, accept_offers, minimum_offer, credit_delay_seconds,
		 screened, withdrawals, minimum_withdrawal, maximum_withdrawal, decimals, approve_from
		FROM api.instruments`+where+` ORDER BY listed DESC, instrument_no LIMIT $1`, scanToken, most)
}

func scanToken(row pgx.CollectableRow) (t SeenToken, err error) {
	var delay int64

	err = row.Scan(&t.Instrument.Admin, &t.Instrument.ID, &t.Listed, &t.MinimumDeposit, &t.AcceptOffers, &t.MinimumOffer,
		&delay, &t.Screened, &t.Withdrawals, &t.MinimumWithdrawal, &t.MaximumWithdrawal, &t.Decimals, &t.ApproveFrom)
	t.CreditDelay = time.Duration(delay) * time.Second

	return t, wrap("read a token", err)
}

// SeenTreasury is a party of the exchange.
type SeenTreasury struct {
	Party     ident.Party
	CreatedAt time.Time
}

// SeeTreasuries lists the treasuries.
func (db *DB) SeeTreasuries(ctx context.Context) ([]SeenTreasury, error) {
	return all(ctx, db, "treasuries", "SELECT treasury, created_at FROM api.treasuries ORDER BY treasury_no LIMIT 10000",
		pgx.RowToStructByPos[SeenTreasury])
}

// TreasuryOf is FindTreasury for a party that a stranger names.
func (db *DB) TreasuryOf(ctx context.Context, party ident.Party) (TreasuryID, error) {
	const find = "SELECT treasury_no FROM api.treasuries WHERE treasury = $1"

	var id TreasuryID

	err := db.exec.QueryRow(ctx, find, memo.Stored(string(party))).Scan(&id)
	if notThere(err) {
		return 0, fmt.Errorf("find treasury: %w", &RefusedError{
			"unknown_treasury", "No treasury with this party id is registered.",
		})
	}

	return id, wrap("find treasury", err)
}
