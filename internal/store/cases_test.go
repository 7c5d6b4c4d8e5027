package store_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// queue is a treasury that lists and pays the token, knows account c1, and has money without an owner.
func queue(t *testing.T) *ledger {
	t.Helper()

	l := begin(t)
	l.pays()
	require.NoError(t, l.db.RegisterMemo(t.Context(), l.treasury, "M-1", "c1", now()))

	return l
}

// arrives is a deposit of 5 that was not credited.
func (l *ledger) arrives(name, memo string, state books.DepositState, reason, account string) (uuid.UUID, store.Record) {
	id := uuid.NewSHA1(uuid.Nil, []byte(name))
	kind := books.UnattributedMoney

	if state == books.Held {
		kind = books.HeldMoney
	}

	return id, l.record(1, txhistory.Effects{Created: []txhistory.HoldingCreated{created(ident.ContractID("00"+name), amount.FromInt(5))}}, books.Entries{
		Deposits: []books.Deposit{{
			ID: id, Kind: books.OneStep, Attribution: books.Attribution{State: state, Reason: reason, Account: account}, Instrument: coin(),
			Amount: amount.FromInt(5), Sender: bob, Memo: &memo, Place: &books.Place{Node: 1},
		}},
		Postings: movement(0, kind, "", amount.FromInt(5)),
	})
}

func (l *ledger) ownerless() uuid.UUID {
	l.t.Helper()

	id, r := l.arrives("a", "M-2", books.Unattributed, books.ReasonUnknownMemo, "")
	l.apply(r)

	return id
}

func (l *ledger) held(name string) uuid.UUID {
	l.t.Helper()

	id, r := l.arrives(name, "M-1", books.Held, books.ReasonAwaitsTime, "c1")
	l.apply(r)

	return id
}

func (l *ledger) theCase(id uuid.UUID) store.Case {
	l.t.Helper()

	list, err := l.db.ListCases(l.t.Context(), l.treasury, store.CaseFilter{DepositID: id, States: deposit.CaseStates(), Most: 2})
	require.NoError(l.t, err)
	require.Len(l.t, list, 1)

	return list[0]
}

func (l *ledger) booked(kind books.AccountKind, account string) string {
	l.t.Helper()

	var text string

	err := l.pool.QueryRow(l.t.Context(), `SELECT trim_scale(amount)::text FROM balances WHERE account_kind = $1 AND account = $2`, string(kind), account).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "0"
	}

	require.NoError(l.t, err)

	return text
}

// sound holds cases, deposits and postings against each other.
func (l *ledger) sound() {
	l.t.Helper()

	a, err := l.db.ReadAudit(l.t.Context(), l.treasury)
	require.NoError(l.t, err)
	require.Empty(l.t, a.Cases.Wrong)
	require.Empty(l.t, a.Cases.Caseless)
	require.Empty(l.t, a.Withdrawals.Misbooked)

	waits := amount.Total{}
	for _, o := range a.Cases.Ownerless {
		waits = waits.PlusTotal(o.Amount)
	}

	booked := amount.Total{}

	for _, p := range a.Postings {
		if p.Kind == books.HeldMoney || p.Kind == books.UnattributedMoney {
			booked = booked.PlusTotal(p.Amount)
		}
	}

	require.True(l.t, waits.Equal(booked), "%s wait for an owner, %s are booked", waits, booked)
}

func refusedWith(t *testing.T, err error, code string) {
	t.Helper()

	refused, ok := errors.AsType[*store.RefusedError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, code, string(refused.Reason))
	require.NotEmpty(t, refused.Sentence)
}

func TestADepositIsAssignedOnce(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.ownerless()
	require.Equal(t, deposit.Open, l.theCase(id).State)
	require.Equal(t, "5", l.booked(books.UnattributedMoney, ""))

	_, err := l.db.AssignDeposit(t.Context(), l.party, id, "nobody", "ann", "", now())
	refusedWith(t, err, "unknown_account")
	_, err = l.db.AssignDeposit(t.Context(), l.party, uuid.New(), "c1", "ann", "", now())
	refusedWith(t, err, "unknown_deposit")
	_, err = l.db.AssignDeposit(t.Context(), l.party, id, "c1", " ", "", now())
	refusedWith(t, err, "invalid_operator")

	// Many at once, and once is done.
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			state, err := l.db.AssignDeposit(context.WithoutCancel(t.Context()), l.party, id, "c1", "ann", "she called", now())
			if err != nil || state != deposit.Credited {
				t.Errorf("%s, %v", state, err)
			}
		})
	}

	all.Wait()

	require.Equal(t, "0", l.booked(books.UnattributedMoney, ""))
	require.Equal(t, "5", l.booked(books.Customer, "c1"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM audit_log WHERE action = 'deposit.assign' AND actor = 'ann'"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM events WHERE type = 'deposit.credited' AND payload->>'account' = 'c1' AND payload->>'amount' = '5.0000000000'"))
	require.Equal(t, 1, l.count("SELECT count(*) FROM api.deposits WHERE state = 'credited' AND reason = '' AND account = 'c1'"))
	l.sound()

	// What is done stays done.
	_, err = l.db.AssignDeposit(t.Context(), l.party, id, "c2", "ann", "", now())
	refusedWith(t, err, "already_decided")
	_, err = l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
	refusedWith(t, err, "already_decided")

	acts, err := l.db.Acts(t.Context(), l.treasury, id.String(), 10)
	require.NoError(t, err)
	require.Len(t, acts, 1)
	require.JSONEq(t, `{"account": "c1", "note": "she called", "amount": "5.0000000000"}`, string(acts[0].Detail))

	_, err = l.pool.Exec(t.Context(), "UPDATE audit_log SET actor = 'bob'")
	require.Error(t, err)
	_, err = l.pool.Exec(t.Context(), "TRUNCATE audit_log")
	require.Error(t, err)
}

func TestASecondPersonConfirms(t *testing.T) {
	t.Parallel()

	l := queue(t)
	policy := deposit.DefaultPolicy()
	policy.ConfirmFrom = new(amounttest.Of("5"))
	require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))

	id := l.ownerless()

	refusedWith(t, l.confirms("bob", "bob", id), "nothing_proposed")

	state, err := l.db.AssignDeposit(t.Context(), l.party, id, "c1", "ann", "ticket", now())
	require.NoError(t, err)
	require.Equal(t, deposit.Proposed, state)
	require.Equal(t, "0", l.booked(books.Customer, "c1"))
	l.sound()

	// Not the same person, however the name is written, and nothing else meanwhile.
	for _, same := range []string{"ann", " Ann "} {
		refusedWith(t, l.confirms("another login", same, id), "same_person")
	}

	_, err = l.db.ReturnDeposit(t.Context(), l.party, id, "bob", "", now())
	refusedWith(t, err, "already_decided")

	_, err = l.db.DeclineDeposit(t.Context(), l.party, id, "bob", "not hers", now())
	require.NoError(t, err)
	require.Equal(t, deposit.Open, l.theCase(id).State)

	state, err = l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "not ours", now())
	require.NoError(t, err)
	require.Equal(t, deposit.Proposed, state)
	require.Equal(t, 0, l.count("SELECT count(*) FROM withdrawals"))

	require.NoError(t, l.confirms("bob", "bob", id))
	require.Equal(t, deposit.Returning, l.theCase(id).State)
	require.NoError(t, l.confirms("bob", "bob", id), "said twice")
	require.Equal(t, deposit.Returning, l.theCase(id).State)
	require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals WHERE kind = 'return'"))
	require.Equal(t, 4, l.count("SELECT count(*) FROM audit_log WHERE action LIKE 'deposit.%'"))
	l.sound()
}

// TestAReturn: the money leaves the queue with the request, comes back when it fails, and is gone when it is paid.
func TestAReturn(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.ownerless()

	state, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "no memo of ours", now())
	require.NoError(t, err)
	require.Equal(t, deposit.Returning, state)

	first := l.theCase(id).Return
	require.Equal(t, "return:"+id.String(), first)
	require.Equal(t, "0", l.booked(books.UnattributedMoney, ""))
	require.Equal(t, "5", l.booked(books.WithdrawalsUnderWay, ""))

	w, err := l.db.FindWithdrawal(t.Context(), l.treasury, first)
	require.NoError(t, err)
	require.Equal(t, withdrawal.Return, w.Kind)
	require.Equal(t, "M-2", *w.Memo, "the sender's own words")
	require.Equal(t, bob, w.Receiver)
	l.sound()

	// No customer can take its id.
	_, err = l.db.RequestWithdrawal(t.Context(), l.party, store.WithdrawalRequest{
		ID: "return:x", Account: "c1", Instrument: coin(), Amount: amount.FromInt(1), Receiver: bob,
	}, now())
	refusedWith(t, err, "invalid_id")

	// Cancelled, it waits for a person again; a second return is another payment.
	require.NoError(t, l.db.CancelWithdrawal(t.Context(), l.party, first, now()))

	back := l.theCase(id)
	require.Equal(t, deposit.Open, back.State)
	require.Equal(t, deposit.ReturnFailed, back.Reason)
	require.Equal(t, "5", l.booked(books.UnattributedMoney, ""))
	l.sound()

	_, err = l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "again", now())
	require.NoError(t, err)

	second := l.theCase(id).Return
	require.Equal(t, first+":2", second)

	// History says that it is paid.
	l.apply(l.record(1, txhistory.Effects{}, books.Entries{
		Advances: []books.Advance{{ID: second, State: withdrawal.Completed}},
		Postings: movement(0, books.WithdrawalsUnderWay, "", amount.FromInt(-5)),
	}))
	require.Equal(t, deposit.Returned, l.theCase(id).State)
	require.Equal(t, "0", l.booked(books.WithdrawalsUnderWay, ""))
	require.Equal(t, 1, l.count("SELECT count(*) FROM api.deposits WHERE state = 'returned' AND return_withdrawal_id = 'return:"+id.String()+":2'"))
	l.sound()

	for _, kind := range []string{"returning", "unattributed", "returned"} {
		require.Positive(t, l.count("SELECT count(*) FROM events WHERE type = 'deposit."+kind+"' AND update_no = 0"), kind)
	}
}

// TestAReturnAfterARestore: a database that does not remember the return meets its payment, and pays no second one.
func TestAReturnAfterARestore(t *testing.T) {
	t.Parallel()

	for _, ended := range []withdrawal.State{withdrawal.Completed, withdrawal.Failed} {
		l := queue(t)
		id := l.ownerless()
		found := books.Recovered{ID: "return:" + id.String(), State: ended, Instrument: coin(), Amount: amount.FromInt(5), Receiver: bob}
		entries := books.Entries{Recovered: []books.Recovered{found}}

		if ended == withdrawal.Completed {
			entries.Postings = movement(0, books.RecoveredPayments, "", amount.FromInt(-5))
		} else {
			entries.Recovered[0].Reason = withdrawal.OfferRejected
		}

		l.apply(l.record(1, txhistory.Effects{}, entries))

		state, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
		require.NoError(t, err)
		require.Equal(t, "0", l.booked(books.RecoveredPayments, ""))
		require.Equal(t, "0", l.booked(books.UnattributedMoney, ""))
		l.sound()

		if ended == withdrawal.Completed {
			require.Equal(t, deposit.Returned, state)
			require.Equal(t, 1, l.count("SELECT count(*) FROM withdrawals"))
		} else { // that one has failed, and this is another
			require.Equal(t, deposit.Returning, state)
			require.Equal(t, "return:"+id.String()+":2", l.theCase(id).Return)
		}
	}
}

// TestWhatCannotBeReturned stays where it is.
func TestWhatCannotBeReturned(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.ownerless()

	l.exec("DELETE FROM withdrawal_policies")

	_, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
	refusedWith(t, err, "no_policy")

	l.exec("INSERT INTO withdrawal_policies (instrument_no) SELECT instrument_no FROM instruments")
	l.exec("UPDATE deposits SET sender = ''")

	_, err = l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
	refusedWith(t, err, "unknown_sender")

	l.exec("UPDATE instruments SET listed = false")

	_, err = l.db.AssignDeposit(t.Context(), l.party, id, "c1", "ann", "", now())
	refusedWith(t, err, "unlisted_instrument")
	require.Equal(t, 0, l.count("SELECT count(*) FROM audit_log WHERE action LIKE 'deposit.%'"))
	l.sound()
}

// TestTheMemoThatGoesBackIsBounded: what a stranger wrote becomes a memo that a withdrawal may have.
func TestTheMemoThatGoesBackIsBounded(t *testing.T) {
	t.Parallel()

	l := queue(t)

	for i, c := range []struct{ memo, want string }{
		{"a\x1b[2Jb\n", "a [2Jb"},
		{"", ""},
		{" \t", ""},
		{fmt.Sprintf("%0300d", 7), fmt.Sprintf("%0255d", 0)},
		{strings.Repeat("ö", 200), strings.Repeat("ö", 127)},
	} {
		id, r := l.arrives(fmt.Sprint(i), c.memo, books.Unattributed, books.ReasonUnknownMemo, "")
		l.apply(r)

		_, err := l.db.ReturnDeposit(t.Context(), l.party, id, "ann", "", now())
		require.NoError(t, err)

		w, err := l.db.FindWithdrawal(t.Context(), l.treasury, "return:"+id.String())
		require.NoError(t, err)

		if c.want == "" {
			require.Nil(t, w.Memo)
		} else {
			require.Equal(t, c.want, *w.Memo)
		}
	}
}

func TestHeldDepositsAreReleasedOnce(t *testing.T) {
	t.Parallel()

	l := queue(t)
	policy := deposit.DefaultPolicy()
	policy.CreditDelay = time.Minute
	require.NoError(t, l.db.SetDepositPolicy(t.Context(), coin(), policy))

	ids := []uuid.UUID{l.held("a"), l.held("b"), l.held("c")}
	require.Equal(t, "15", l.booked(books.HeldMoney, ""))
	require.Equal(t, 3, l.count("SELECT count(*) FROM api.deposits WHERE state = 'held' AND account = 'c1' AND reason = 'awaits_time' AND release_at IS NOT NULL"))
	l.sound()

	early, err := l.db.HeldCases(t.Context(), l.treasury, now().Add(59*time.Second), store.HeldCase{}, 10)
	require.NoError(t, err)
	require.Empty(t, early)

	due, err := l.db.HeldCases(t.Context(), l.treasury, now().Add(time.Minute), store.HeldCase{}, 2)
	require.NoError(t, err)
	require.Len(t, due, 2)
	require.True(t, due[0].Grounds.Enabled)

	rest, err := l.db.HeldCases(t.Context(), l.treasury, now().Add(time.Minute), due[1], 2)
	require.NoError(t, err)
	require.Len(t, rest, 1)

	// One is returned by a person, one is left to a person; the rest is credited, by several at once.
	_, err = l.db.ReturnDeposit(t.Context(), l.party, ids[0], "ann", "", now())
	require.NoError(t, err)
	require.Equal(t, "10", l.booked(books.HeldMoney, ""))

	left := store.HeldDecision{DepositID: ids[1], State: deposit.Open, Reason: deposit.SenderBlocked}
	require.NoError(t, l.db.HoldDeposits(t.Context(), l.treasury, []store.HeldDecision{left}, now()))
	require.Equal(t, deposit.SenderBlocked, l.theCase(ids[1]).Reason)

	var (
		all   sync.WaitGroup
		mu    sync.Mutex
		total int
	)

	for range 10 {
		all.Go(func() {
			n, err := l.db.ReleaseDeposits(context.WithoutCancel(t.Context()), l.treasury, ids, now())
			if err != nil {
				t.Error(err)
			}

			mu.Lock()
			defer mu.Unlock()

			total += n
		})
	}

	all.Wait()
	require.Equal(t, 1, total)
	require.Equal(t, "5", l.booked(books.Customer, "c1"))
	require.Equal(t, "5", l.booked(books.HeldMoney, ""), "waits for a person where it is")
	l.sound()

	// A return that fails brings it back to where it was.
	require.NoError(t, l.db.CancelWithdrawal(t.Context(), l.party, "return:"+ids[0].String(), now()))
	require.Equal(t, "10", l.booked(books.HeldMoney, ""))
	l.sound()
}

// TestCasesSurviveARebuild: what people decided is no part of what history says.
func TestCasesSurviveARebuild(t *testing.T) {
	t.Parallel()

	l := queue(t)

	var (
		records []store.Record
		ids     []uuid.UUID
	)

	setUp := l.position.No

	for _, name := range []string{"a", "b", "c"} {
		id, r := l.arrives(name, "M-2", books.Unattributed, books.ReasonUnknownMemo, "")
		l.apply(r)

		ids, records = append(ids, id), append(records, r)
	}

	require.Equal(t, setUp+3, l.position.No)

	_, err := l.db.AssignDeposit(t.Context(), l.party, ids[0], "c1", "ann", "", now())
	require.NoError(t, err)
	_, err = l.db.ReturnDeposit(t.Context(), l.party, ids[1], "ann", "", now())
	require.NoError(t, err)
	l.exec("DELETE FROM deposit_cases WHERE deposit_id = $1", ids[2])

	// l.pays() wrote an update without money first.
	first := l.record(1, txhistory.Effects{}, books.Entries{})
	first.No = 1
	differences := l.rebuild(true, nothing, append([]store.Record{first}, records...)...)
	require.Empty(t, differences)

	require.Equal(t, deposit.Credited, l.theCase(ids[0]).State)
	require.Equal(t, deposit.Returning, l.theCase(ids[1]).State)
	require.Equal(t, deposit.Open, l.theCase(ids[2]).State, "a deposit without a case gets one")
	require.Equal(t, "5", l.booked(books.Customer, "c1"))
	require.Equal(t, "5", l.booked(books.UnattributedMoney, ""))
	l.sound()
}

// TestARebuildWaitsForDecisions: who decides while rows are replaced waits, and finds the new rows.
func TestARebuildWaitsForDecisions(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id, r := l.arrives("a", "M-2", books.Unattributed, books.ReasonUnknownMemo, "")
	l.apply(r)

	first := l.record(1, txhistory.Effects{}, books.Entries{})
	first.No = 1

	done := make(chan error, 1)

	l.rebuild(true, func() error {
		go func() {
			_, err := l.db.AssignDeposit(context.WithoutCancel(t.Context()), l.party, id, "c1", "ann", "", now())
			done <- err
		}()

		return l.awaitWaiting(func(waiting int) bool { return waiting == 1 })
	}, first, r)
	require.NoError(t, <-done)
	require.Equal(t, "5", l.booked(books.Customer, "c1"))
	l.sound()
}

// TestCasesGoOnAsThePackageSays: the database allows the steps of package deposit and no others.
func TestCasesGoOnAsThePackageSays(t *testing.T) {
	t.Parallel()

	_, pool := open(t)

	var source string

	require.NoError(t, pool.QueryRow(t.Context(), "SELECT prosrc FROM pg_proc WHERE proname = 'case_goes_on'").Scan(&source))

	allowed := map[[2]deposit.CaseState]bool{}
	for _, m := range regexp.MustCompile(`\('(\w+)', '(\w+)'\)`).FindAllStringSubmatch(source, -1) {
		allowed[[2]deposit.CaseState{deposit.CaseState(m[1]), deposit.CaseState(m[2])}] = true
	}

	said := map[[2]deposit.CaseState]bool{}
	for _, s := range deposit.CaseSteps() {
		said[[2]deposit.CaseState{s.From, s.To}] = true
	}

	require.Equal(t, said, allowed)
}

// TestRefusalsAreExplained: every refusal of the database is in package deposit, which the document is drawn from.
func TestRefusalsAreExplained(t *testing.T) {
	t.Parallel()

	_, pool := open(t)

	rows, err := pool.Query(t.Context(), `SELECT p.prosrc FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
		WHERE n.nspname IN ('public', 'api') AND p.prosrc LIKE '%refuse_decision(%'`)
	require.NoError(t, err)

	sources, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)

	made := map[string]bool{}

	for _, source := range sources {
		for _, m := range regexp.MustCompile(`refuse_decision\(\s*'([^']*)'`).FindAllStringSubmatch(source, -1) {
			made[m[1]] = true
		}
	}

	explained := map[string]bool{}
	for _, r := range deposit.Refusals() {
		explained[r.Code] = true
	}

	require.Equal(t, made, explained)
}

// TestBrokenCasesAreFound: what reconciliation asks about cases finds what is wrong with them.
func TestBrokenCasesAreFound(t *testing.T) {
	t.Parallel()

	for name, breakIt := range map[string]string{
		"no case":            "DELETE FROM deposit_cases",
		"no deposit":         "DELETE FROM deposits",
		"never booked":       "ALTER TABLE deposit_cases DISABLE TRIGGER ALL; UPDATE deposit_cases SET state = 'credited', action = 'assign', account = 'c1'",
		"booked to another":  "SELECT resolve_deposit(t.party, d.deposit_id, 'assign', 'c1', 'ann', '', now()) FROM deposits d, treasuries t; UPDATE deposit_cases SET account = 'c2'",
		"booked, still open": "SELECT resolve_deposit(t.party, d.deposit_id, 'assign', 'c1', 'ann', '', now()) FROM deposits d, treasuries t; ALTER TABLE deposit_cases DISABLE TRIGGER ALL; UPDATE deposit_cases SET state = 'open', action = ''",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			l := queue(t)
			l.ownerless()
			l.exec(breakIt)

			a, err := l.db.ReadAudit(t.Context(), l.treasury)
			require.NoError(t, err)
			require.Len(t, a.Cases.Wrong, 1)
		})
	}
}
