package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
)

func notThere(err error) bool { return errors.Is(err, pgx.ErrNoRows) }

// SeenDeposit is a deposit as the exchange's systems see it: a row of api.deposits. Texts that are empty are not there.
type SeenDeposit struct {
	ID              uuid.UUID
	Kind            string
	State, Reason   string
	Account         *string
	Admin           ident.Party
	InstrumentID    string
	Amount          amount.Amount
	Sender          string
	Memo            *string
	Correlation     *string
	UpdateID        *string
	RecordTime      time.Time
	ExecuteBefore   *time.Time
	ReleaseAt       *time.Time
	ReturnedBy      *string
	DecidedAt       *time.Time
	ProposedAction  *string
	ProposedAccount *string
	ProposedBy      *string
}

const depositColumns = `deposit_id, kind, state, reason, account, instrument_admin, instrument_id, amount, sender, memo,
	correlation_id, update_id, record_time, execute_before, release_at, return_withdrawal_id, decided_at, proposed_action,
	proposed_account, proposed_by`

// SeeDeposit reads a deposit; ErrNotFound if there is none.
func (db *DB) SeeDeposit(ctx context.Context, treasury TreasuryID, id uuid.UUID) (SeenDeposit, error) {
	return one(ctx, db, "deposit "+id.String(),
		"SELECT "+depositColumns+" FROM api.deposits WHERE treasury_no = $1 AND deposit_id = $2",
		pgx.RowToStructByPos[SeenDeposit], int32(treasury), id)
}

// SeenFilter says which deposits are wanted; what is empty does not matter.
type SeenFilter struct {
	// State is one of those that api.deposits shows.
	State    string
	Account  string
	Sender   ident.Party
	UpdateID string
	Token    *ident.Instrument
	Span     Span
}

func depositList() *listing[SeenDeposit] {
	return &listing[SeenDeposit]{
		name: "deposits", columns: depositColumns, key: []keyColumn{{"record_time", aTime}, {"deposit_id", anID}},
		scan:  pgx.RowToStructByPos[SeenDeposit],
		keyOf: func(d SeenDeposit) []any { return []any{d.RecordTime, d.ID} },
	}
}

// SeeDeposits lists deposits, the newest first.
func (db *DB) SeeDeposits(ctx context.Context, treasury TreasuryID, f SeenFilter, w Window) (Page[SeenDeposit], error) {
	c := of(treasury)
	c.equals("sender", string(f.Sender))
	c.equals("update_id", f.UpdateID)

	if known, err := db.ofToken(ctx, &c, f.Token); err != nil || !known {
		return Page[SeenDeposit]{}, err
	}

	list := depositList()
	list.skewed = severalOf(f.State != "", f.Account != "", f.Sender != "", f.UpdateID != "", f.Token != nil)

	branches := depositBranches(c, f)
	for i, b := range branches { // the time of either table, as its index has it
		branches[i].where.within(append(b.order, "record_time")[0], f.Span)
	}

	return list.read(ctx, db, w, branches...)
}

// depositBranches are the ways to the deposits of a state or an account. What a deposit is now says its row of history,
// or its case if it has one: a state or an account is looked for in both.
func depositBranches(c conditions, f SeenFilter) []branch {
	const (
		view   = "api.deposits"
		byCase = "case_account = ?"
		byMemo = "memo_account = ?"
		later  = "case_state = 'credited'" // than it arrived
	)

	inCase, account := []string{"arrived_at", "deposit_id"}, memo.Stored(f.Account)

	var branches []branch

	switch {
	case f.State == "" && f.Account == "":
		return []branch{{view: view, where: c}}
	case f.State == "":
		branches = []branch{
			{view: view, where: c.with(byMemo+" AND case_state IS DISTINCT FROM 'credited'", account)},
			{view: view, where: c.with(byCase+" AND "+later, account), order: inCase},
		}
	case f.State == string(books.Credited):
		arrived, decided := c.with("arrived_as = 'credited'"), c.with(later)
		if f.Account != "" {
			arrived.and(byMemo, account)
			decided.and(byCase, account)
		}

		branches = []branch{{view: view, where: arrived}, {view: view, where: decided, order: inCase}}
	default:
		text, cases := stateCondition(f.State)
		where := c.with(text)
		where.equals("memo_account", f.Account)

		branches = []branch{{view: view, where: where}}
		if cases {
			branches[0].order = inCase
		}
	}

	return branches
}

// stateCondition is the constant text by which deposits of a state are found, and whether that is by their cases.
func stateCondition(state string) (text string, cases bool) {
	switch {
	case state == string(books.Unattributed):
		return "case_state IN ('open', 'proposed')", true
	case slices.Contains([]string{"held", "returning", "returned"}, state):
		return "case_state = '" + known(state, "held", "returning", "returned") + "'", true
	default:
		return "arrived_as = '" + known(state, "offered", "rejected", "withdrawn", "expired", "failed") + "'", false
	}
}

// known is the one of our own words that a word is, and empty for any other: a caller's text never becomes SQL. The
// words stand in the statement so that the planner sees which partial index has them.
func known(word string, words ...string) string {
	if i := slices.Index(words, word); i >= 0 {
		return words[i]
	}

	return ""
}

// SeenUnattributed is a deposit that waits for a person.
type SeenUnattributed struct {
	Deposit SeenDeposit
	// MemoAccount is whose the memo would be today; nil if nobody's.
	MemoAccount *string
	MemoEnabled *bool
}

// SeeUnattributed lists what waits for a person, the oldest first.
func (db *DB) SeeUnattributed(
	ctx context.Context, treasury TreasuryID, f SeenFilter, w Window,
) (Page[SeenUnattributed], error) {
	c := of(treasury)
	c.equals("sender", string(f.Sender))
	c.within("arrived_at", f.Span)

	if known, err := db.ofToken(ctx, &c, f.Token); err != nil || !known {
		return Page[SeenUnattributed]{}, err
	}

	list := &listing[SeenUnattributed]{
		name: "unattributed",
		columns: `deposit_id, kind, state, reason, account, instrument_admin, instrument_id, amount, sender, memo,
			correlation_id, update_id, record_time, execute_before, changed_at, proposed_action, proposed_account, proposed_by,
			memo_account, memo_enabled, arrived_at`,
		key: []keyColumn{{"arrived_at", aTime}, {"deposit_id", anID}}, ascending: true,
		scan:  scanUnattributed,
		keyOf: func(u SeenUnattributed) []any { return []any{u.Deposit.RecordTime, u.Deposit.ID} },
	}

	return list.read(ctx, db, w, branch{view: "api.unattributed", where: c})
}

func scanUnattributed(row pgx.CollectableRow) (u SeenUnattributed, err error) {
	var (
		state                 string
		action, account, asks *string
		arrived               time.Time
	)

	d := &u.Deposit
	err = row.Scan(&d.ID, &d.Kind, &state, &d.Reason, &d.Account, &d.Admin, &d.InstrumentID, &d.Amount, &d.Sender, &d.Memo,
		&d.Correlation, &d.UpdateID, &d.RecordTime, &d.ExecuteBefore, &d.DecidedAt, &action, &account, &asks,
		&u.MemoAccount, &u.MemoEnabled, &arrived)
	d.State = string(books.Unattributed)

	if state == string(deposit.Proposed) {
		d.ProposedAction, d.ProposedAccount, d.ProposedBy = action, account, asks
	}

	return u, wrap("read a deposit that waits", err)
}

// SeenOffer is an offer and what becomes of it: a row of api.offers.
type SeenOffer struct {
	ID            uuid.UUID
	Open          bool
	Verdict       string
	Reason        string
	Work          string
	Tries         int32
	Detail        string
	Operator      string
	Note          string
	DecidedAt     time.Time
	Admin         ident.Party
	InstrumentID  string
	Amount        amount.Amount
	Sender        string
	Memo          *string
	Account       *string
	ExecuteBefore *time.Time
	State         string
	RecordTime    time.Time
}

const offerColumns = `deposit_id, open, verdict, reason, work, tries, detail, operator, note, decided_at,
	instrument_admin, instrument_id, amount, sender, memo, account, execute_before, state, record_time`

// SeeOffer reads an offer; ErrNotFound if there is none.
func (db *DB) SeeOffer(ctx context.Context, treasury TreasuryID, id uuid.UUID) (SeenOffer, error) {
	return one(ctx, db, "offer "+id.String(),
		"SELECT "+offerColumns+" FROM api.offers WHERE treasury_no = $1 AND deposit_id = $2",
		pgx.RowToStructByPos[SeenOffer], int32(treasury), id)
}

// SeeOffers lists offers, the newest first: those that have not ended or all, with any verdict or one.
func (db *DB) SeeOffers(
	ctx context.Context, treasury TreasuryID, open bool, verdict deposit.Verdict, w Window,
) (Page[SeenOffer], error) {
	c := of(treasury)
	c.equals("verdict", string(verdict))

	switch {
	case open && verdict != "":
		c.and("state = 'offered' AND open")
	case open:
		c.and("state = 'offered'")
	default:
		c.and("kind = 'offer'")
	}

	list := &listing[SeenOffer]{
		name: "offers", columns: offerColumns, key: []keyColumn{{"record_time", aTime}, {"deposit_id", anID}},
		scan:  pgx.RowToStructByPos[SeenOffer],
		keyOf: func(o SeenOffer) []any { return []any{o.RecordTime, o.ID} },
	}

	return list.read(ctx, db, w, branch{view: "api.offers", where: c})
}
