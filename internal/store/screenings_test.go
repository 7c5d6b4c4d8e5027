package store_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/books"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// awaits is a deposit that is held for a screening.
func (l *ledger) awaits(name string) uuid.UUID {
	l.t.Helper()

	id, r := l.arrives(name, "M-1", books.Held, books.ReasonAwaitsScreening, "c1")
	l.apply(r)

	return id
}

func (l *ledger) enroll(at time.Time) int {
	l.t.Helper()

	require.NoError(l.t, l.db.DropScreenings(l.t.Context(), l.treasury, at, 100))

	n, err := l.db.EnrollScreenings(l.t.Context(), l.treasury, at, 100)
	require.NoError(l.t, err)

	return n
}

// ask claims what is due, for a minute.
func (l *ledger) ask(at time.Time, most int) []store.ScreeningJob {
	l.t.Helper()

	jobs, err := l.db.ClaimScreenings(l.t.Context(), l.treasury, at, at.Add(time.Minute), most)
	require.NoError(l.t, err)

	return jobs
}

func (l *ledger) answers(j store.ScreeningJob, result deposit.Screening, at time.Time) error {
	a := store.ScreeningAnswer{Result: result, Detail: "case 17"}
	if result == deposit.Unavailable {
		a.Again = at.Add(time.Second)
	}

	return l.db.AnswerScreening(l.t.Context(), l.treasury, j, a, at)
}

func (l *ledger) screening(id uuid.UUID) (result string, tries int) {
	l.t.Helper()
	require.NoError(l.t, l.pool.QueryRow(l.t.Context(), "SELECT result, tries FROM screenings WHERE deposit_id = $1", id).Scan(&result, &tries))

	return result, tries
}

func (l *ledger) toldScreenings() (results []string) {
	l.t.Helper()

	rows, err := l.pool.Query(l.t.Context(), "SELECT payload->>'result' FROM events WHERE type = 'deposit.screened' ORDER BY event_no")
	require.NoError(l.t, err)

	for rows.Next() {
		var result string
		require.NoError(l.t, rows.Scan(&result))
		results = append(results, result)
	}

	require.NoError(l.t, rows.Err())

	return results
}

// TestAnAnswerThatComesTooLateChangesNothing: when a lease has ended another one asks, and only its answer counts.
func TestAnAnswerThatComesTooLateChangesNothing(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.awaits("a")
	at := now()
	require.Equal(t, 1, l.enroll(at))
	require.Zero(t, l.enroll(at), "once")

	first := l.ask(at, 10)
	require.Len(t, first, 1)
	require.Equal(t, store.ScreeningJob{
		DepositID: id, Arrived: true, Amount: first[0].Amount, Instrument: coin(), Sender: bob, Memo: new("M-1"), Account: "c1",
		RecordTime: first[0].RecordTime, Update: first[0].Update, Epoch: 1,
	}, first[0])
	require.Equal(t, "5", first[0].Amount.Short())
	require.NotEmpty(t, first[0].Update)
	require.Empty(t, l.ask(at.Add(59*time.Second), 10), "it is in another's hands")

	second := l.ask(at.Add(time.Minute), 10)
	require.Len(t, second, 1)
	require.ErrorIs(t, l.answers(first[0], deposit.Passed, at), store.ErrScreeningMoved, "while the other one asks")
	require.NoError(t, l.answers(second[0], deposit.Refused, at))
	require.ErrorIs(t, l.answers(first[0], deposit.Passed, at), store.ErrScreeningMoved, "after it")
	require.ErrorIs(t, l.answers(second[0], deposit.Passed, at), store.ErrScreeningMoved, "once")

	result, tries := l.screening(id)
	require.Equal(t, "refused", result)
	require.Equal(t, 1, tries)
	require.Equal(t, []string{"refused"}, l.toldScreenings())
	require.Zero(t, l.enroll(at.Add(time.Hour)))
	require.Empty(t, l.ask(at.Add(time.Hour), 10), "an answer is final")
}

// TestWithoutAnAnswerItIsAskedAgain, after its pause; that the service is away is told once.
func TestWithoutAnAnswerItIsAskedAgain(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.awaits("a")
	at := now()
	l.enroll(at)

	for tries := range 3 {
		jobs := l.ask(at, 10)
		require.Len(t, jobs, 1)
		require.Equal(t, tries, jobs[0].Tries)
		require.NoError(t, l.answers(jobs[0], deposit.Unavailable, at))
		require.Empty(t, l.ask(at.Add(999*time.Millisecond), 10))

		at = at.Add(time.Second)
	}

	waiting, err := l.db.WaitingScreenings(t.Context(), l.treasury)
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Equal(t, deposit.Unavailable, waiting[0].Result)
	require.Equal(t, int64(1), waiting[0].Count)

	require.NoError(t, l.answers(l.ask(at, 10)[0], deposit.Passed, at))
	require.Equal(t, []string{"unavailable", "passed"}, l.toldScreenings())

	_, tries := l.screening(id)
	require.Equal(t, 4, tries)
}

// TestNobodyAsksAboutWhatAPersonHasDecided, and what is held again is asked about again.
func TestNobodyAsksAboutWhatAPersonHasDecided(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id, other := l.awaits("a"), l.awaits("b")
	at := now()
	require.Equal(t, 2, l.enroll(at))

	_, err := l.db.AssignDeposit(t.Context(), l.party, id, "c1", "ann", "", at)
	require.NoError(t, err)

	jobs := l.ask(at, 10)
	require.Len(t, jobs, 1)
	require.Equal(t, other, jobs[0].DepositID)

	waiting, err := l.db.WaitingScreenings(t.Context(), l.treasury)
	require.NoError(t, err)
	require.Equal(t, int64(2), waiting[0].Count)
	require.Zero(t, l.enroll(at))

	waiting, err = l.db.WaitingScreenings(t.Context(), l.treasury)
	require.NoError(t, err)
	require.Equal(t, int64(1), waiting[0].Count, "it is taken from the list")

	// Its policy wants no screening for a while: it waits for its time alone. Then it does again.
	held := func(reason string) {
		_, err := l.pool.Exec(t.Context(), "UPDATE deposit_cases SET reason = $1 WHERE state = 'held'", reason)
		require.NoError(t, err)
	}
	at = at.Add(time.Hour)

	held("awaits_time")
	require.Empty(t, l.ask(at, 10))
	require.Zero(t, l.enroll(at))
	held("awaits_screening")
	require.Equal(t, 1, l.enroll(at))
	require.Len(t, l.ask(at, 10), 1)
}

// TestManyAskAtOnce: each deposit is in one asker's hands at a time.
func TestManyAskAtOnce(t *testing.T) {
	t.Parallel()

	l := queue(t)

	const many = 40

	for i := range many {
		l.awaits(string(rune('a'+i/26)) + string(rune('a'+i%26)))
	}

	var (
		group errgroup.Group
		mu    sync.Mutex
		about = map[uuid.UUID]int{}
	)

	at := now()

	for range 8 {
		group.Go(func() error {
			for range many {
				if _, err := l.db.EnrollScreenings(t.Context(), l.treasury, at, 7); err != nil {
					return err
				}

				jobs, err := l.db.ClaimScreenings(t.Context(), l.treasury, at, at.Add(time.Minute), 3)
				if err != nil {
					return err
				}

				for _, j := range jobs {
					mu.Lock()
					about[j.DepositID]++
					mu.Unlock()

					if err := l.answers(j, deposit.Passed, at); err != nil {
						return err
					}
				}
			}

			return nil
		})
	}

	require.NoError(t, group.Wait())
	require.Len(t, about, many)

	for id, times := range about {
		require.Equal(t, 1, times, id)
	}

	require.Len(t, l.toldScreenings(), many)
}

// TestRescreening is what a person may have done again, and what not.
func TestRescreening(t *testing.T) {
	t.Parallel()

	l := queue(t)
	id := l.awaits("a")
	at := now()

	again := func(operator, note string) withdrawal.Reason {
		err := l.db.RescreenDeposit(t.Context(), l.party, id, operator, note, at)
		if err == nil {
			return ""
		}

		reason, ok := refusal(err)
		require.True(t, ok, err)

		return reason
	}
	acts := func() int {
		list, err := l.db.Acts(t.Context(), l.treasury, id.String(), 10)
		require.NoError(t, err)

		return len(list)
	}

	require.Equal(t, withdrawal.Reason("never_screened"), again("ann", ""))
	l.enroll(at)
	require.Empty(t, again("ann", ""), "it is about to be asked")
	require.Zero(t, acts())

	// While somebody asks, a person has it asked again: what is under way does not count.
	jobs := l.ask(at, 1)
	require.NoError(t, l.answers(jobs[0], deposit.Unavailable, at))

	at = at.Add(time.Second)
	slow := l.ask(at, 1)
	require.Equal(t, withdrawal.Reason("invalid_operator"), again("", ""))
	require.Empty(t, again("ann", "ticket 1"))
	require.Equal(t, 1, acts())
	require.ErrorIs(t, l.answers(slow[0], deposit.Passed, at), store.ErrScreeningMoved)

	// The service wants a person to look: the case is open. She has it asked again: it is held as before.
	jobs = l.ask(at, 1)
	require.ErrorIs(t, l.answers(slow[0], deposit.Passed, at), store.ErrScreeningMoved)
	require.NoError(t, l.answers(jobs[0], deposit.Doubtful, at))

	before := l.theCase(id)
	require.NoError(t, l.db.HoldDeposits(t.Context(), l.treasury, []store.HeldDecision{{
		DepositID: id, Steps: 0, State: deposit.Open, Reason: deposit.ScreeningHolds,
	}}, at))
	require.Equal(t, deposit.Open, l.theCase(id).State)
	require.Empty(t, l.theCase(id).Account)
	require.Empty(t, again("ann", "ticket 2"))

	after := l.theCase(id)
	require.Equal(t, deposit.Held, after.State)
	require.Equal(t, deposit.AwaitsScreening, after.Reason)
	require.Equal(t, before.Account, after.Account)
	require.Equal(t, before.ReleaseAt, after.ReleaseAt)
	require.Equal(t, "5", l.booked(books.HeldMoney, ""))
	l.sound()

	var detail string
	require.NoError(t, l.pool.QueryRow(t.Context(), "SELECT detail->>'was' FROM audit_log ORDER BY audit_no DESC LIMIT 1").Scan(&detail))
	require.Equal(t, "doubtful", detail)

	// A person decides: nothing is asked any more.
	require.NoError(t, l.answers(l.ask(at, 1)[0], deposit.Refused, at))

	_, err := l.db.AssignDeposit(t.Context(), l.party, id, "c1", "ann", "", at)
	require.NoError(t, err)
	require.Equal(t, withdrawal.Reason("already_decided"), again("ann", ""))
	require.Equal(t, "5", l.booked(books.Customer, "c1"))
	require.Equal(t, []string{"unavailable", "doubtful", "refused"}, l.toldScreenings())
	l.sound()

	// What has passed is not asked again.
	id = l.awaits("b")
	l.enroll(at)
	require.NoError(t, l.answers(l.ask(at, 1)[0], deposit.Passed, at))
	require.Equal(t, withdrawal.Reason("already_passed"), again("ann", ""))
	require.Equal(t, "5", l.booked(books.HeldMoney, ""))

	ids := map[uuid.UUID]bool{}

	rows, err := l.pool.Query(t.Context(), "SELECT event_id FROM events WHERE type = 'deposit.screened'")
	require.NoError(t, err)

	for rows.Next() {
		var event uuid.UUID
		require.NoError(t, rows.Scan(&event))

		ids[event] = true
	}

	require.Len(t, ids, 4, "each has an id of its own")
}
