package intake_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/screening"
)

// asked is one question as the service got it.
type asked struct {
	Kind            string  `json:"kind"`
	DepositID       string  `json:"depositId"`
	Treasury        string  `json:"treasury"`
	InstrumentAdmin string  `json:"instrumentAdmin"`
	InstrumentID    string  `json:"instrumentId"`
	Amount          string  `json:"amount"`
	Sender          *string `json:"sender"`
	Memo            *string `json:"memo"`
	Account         string  `json:"account"`
	ExecuteBefore   string  `json:"executeBefore"`
	UpdateID        string  `json:"updateId"`
	RecordTime      string  `json:"recordTime"`
	Tries           int     `json:"tries"`
}

// hook is an exchange's screening service.
type hook struct {
	t      testing.TB
	server *httptest.Server

	mu     sync.Mutex
	answer func(http.ResponseWriter, asked)
	asked  []asked
	now    map[string]int
	most   int
}

func newHook(t testing.TB, answer func(http.ResponseWriter, asked)) *hook {
	t.Helper()

	h := &hook{t: t, answer: answer, now: map[string]int{}}
	h.server = httptest.NewServer(h)
	t.Cleanup(h.server.Close)

	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q asked
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)

		return
	}

	h.mu.Lock()
	h.asked = append(h.asked, q)
	h.now[q.DepositID]++
	h.most = max(h.most, h.now[q.DepositID])
	answer := h.answer
	h.mu.Unlock()

	answer(w, q)

	h.mu.Lock()
	h.now[q.DepositID]--
	h.mu.Unlock()
}

func (h *hook) says(answer func(http.ResponseWriter, asked)) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.answer = answer
}

func (h *hook) questions() []asked {
	h.mu.Lock()
	defer h.mu.Unlock()

	return append([]asked{}, h.asked...)
}

// says is one answer to all questions.
func says(result deposit.Screening) func(http.ResponseWriter, asked) {
	return func(w http.ResponseWriter, q asked) {
		tell(w, fmt.Sprintf(`{"depositId":%q,"result":%q,"detail":"case \u001b[2J 17"}`, q.DepositID, result))
	}
}

func tell(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(body))
}

func away(w http.ResponseWriter, _ asked) { w.WriteHeader(http.StatusServiceUnavailable) }

// by has an instance ask the hook.
func (h *hook) by(_ *intake.Config, p *intake.Parts) {
	s := screening.Settings{URL: h.server.URL, Timeout: 5 * time.Second, Workers: 4}
	client, err := s.Client()
	require.NoError(h.t, err)
	h.t.Cleanup(client.CloseIdle)

	p.Screening = client
}

func (w *world) screensAll() {
	w.t.Helper()

	for _, token := range []ident.Instrument{w.Amulet(), w.AcmeToken()} {
		w.setPolicy(token, func(p *deposit.Policy) { p.Screen = true })
	}
}

// told is how often a result was told to who reads the events.
func (w *world) told(result deposit.Screening) int {
	w.t.Helper()

	var n int

	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), `SELECT count(*) FROM events WHERE type = 'deposit.screened' AND payload->>'result' = $1`, string(result)).Scan(&n))

	return n
}

// caseOf is the deposit that has a case.
func (w *world) caseOf() (id uuid.UUID) {
	w.t.Helper()

	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), "SELECT deposit_id FROM deposit_cases").Scan(&id))

	return id
}

// TestWhatPassesIsAcceptedAndCredited: an offer is asked about once, and not again when its money arrives.
func TestWhatPassesIsAcceptedAndCredited(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()

	h := newHook(t, says(deposit.Passed))
	node := w.accept(h.by)
	offer := w.offer(w.AcmeToken(), "12.5", new(memo))
	v := w.untilDeposit(offer, "held")
	w.untilCount(1, "credited", "")
	require.Equal(t, "12.5", w.balance(w.AcmeToken()))
	require.Equal(t, int64(1), node.prepared.Load())

	questions := h.questions()
	require.Len(t, questions, 1)

	q := questions[0]
	require.NotEmpty(t, q.ExecuteBefore)
	q.ExecuteBefore = ""
	require.Equal(t, asked{
		Kind: "offer", DepositID: v.ID.String(), Treasury: string(w.party), InstrumentAdmin: string(w.AcmeToken().Admin),
		InstrumentID: w.AcmeToken().ID, Amount: "12.5", Sender: new(string(w.payer)), Memo: new(memo), Account: customer,
	}, q)
	require.Equal(t, 1, w.told(deposit.Passed))
	w.reconciled()
}

// TestADepositInOneStepIsScreened where it is held, and credited exactly once, by however many instances.
func TestADepositInOneStepIsScreened(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()
	w.agrees()

	h := newHook(t, says(deposit.Passed))
	w.accept(h.by)
	w.accept(h.by)
	w.sends("7", memo)
	w.untilCount(1, "credited", "")
	require.Equal(t, "7", w.balance(w.Amulet()))

	questions := h.questions()
	require.Len(t, questions, 1)
	require.Equal(t, "deposit", questions[0].Kind)
	require.Empty(t, questions[0].ExecuteBefore)
	require.NotEmpty(t, questions[0].RecordTime)
	require.Equal(t, customer, questions[0].Account)

	var update string
	require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT update_id FROM api.deposits").Scan(&update))
	require.Equal(t, update, questions[0].UpdateID)

	var postings int
	require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*) FROM postings WHERE origin = 'case'").Scan(&postings))
	require.Equal(t, 2, postings)
	w.reconciled()
}

// TestWhatDoesNotPassIsHeld, and visible; a person has it asked again, or decides.
func TestWhatDoesNotPassIsHeld(t *testing.T) {
	t.Parallel()

	for result, reason := range map[deposit.Screening]deposit.Reason{
		deposit.Doubtful: deposit.ScreeningHolds, deposit.Refused: deposit.ScreeningRefuses,
	} {
		t.Run(string(result), func(t *testing.T) {
			t.Parallel()

			w := newWorld(t, sandbox.Config{})
			w.screensAll()
			w.agrees()

			h := newHook(t, says(result))
			node := w.accept(h.by)
			first, second := w.offer(w.AcmeToken(), "3", new(memo)), w.offer(w.AcmeToken(), "4", new(memo))
			w.sends("7", memo)

			v := w.untilReason(first, reason)
			require.Equal(t, string(deposit.Hold), v.Verdict)
			w.untilReason(second, reason)
			w.untilCount(1, "unattributed", string(reason))
			require.Zero(t, node.prepared.Load())
			require.Equal(t, "0", w.balance(w.Amulet()))
			require.Equal(t, 3, w.told(result))
			w.reconciled()

			list, err := w.db.ListScreenings(t.Context(), w.treasury, "", 10)
			require.NoError(t, err)
			require.Len(t, list, 3)
			require.Equal(t, result, list[0].Result)
			require.Equal(t, "case \x1b[2J 17", list[0].Detail)

			// A person outweighs it.
			id := w.caseOf()
			require.NoError(t, w.db.OperatorVerdict(t.Context(), w.treasury, w.verdict(second).ID, deposit.Ignore, "ann", "no", w.clock.Now()))
			w.untilReason(second, deposit.ByOperator)
			require.Error(t, w.db.RescreenDeposit(t.Context(), w.party, w.verdict(second).ID, "ann", "", w.clock.Now()))

			// The others are asked about again, and pass.
			asked := len(h.questions())
			h.says(says(deposit.Passed))

			for _, again := range []uuid.UUID{id, v.ID} {
				require.NoError(t, w.db.RescreenDeposit(t.Context(), w.party, again, "ann", "ticket 1", w.clock.Now()))
			}

			w.untilCount(2, "credited", "")
			require.Equal(t, "7", w.balance(w.Amulet()))
			require.Equal(t, "3", w.balance(w.AcmeToken()))
			require.Len(t, h.questions(), asked+2)
			require.Equal(t, 2, w.told(deposit.Passed))
			w.reconciled()
		})
	}
}

// TestAServiceThatIsAwayLetsNothingThrough, and what it held goes on by itself when it is back.
func TestAServiceThatIsAwayLetsNothingThrough(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()
	w.agrees()

	h := newHook(t, away)
	s := w.instance(h.by)
	w.run(s.Run)

	offer := w.offer(w.AcmeToken(), "3", new(memo))
	w.sends("7", memo)
	w.untilReason(offer, deposit.ScreeningFailed)
	w.untilCount(1, "held", string(deposit.ScreeningFailed))
	require.ErrorContains(t, s.ScreeningReady(), "HTTP 503")
	w.hurried = true
	w.until("it was asked again and again", func() bool { return len(h.questions()) > 6 })
	require.Equal(t, "offered", w.verdict(offer).Deposit)
	require.Equal(t, "0", w.balance(w.Amulet()))
	require.Equal(t, 2, w.told(deposit.Unavailable), "once each, however often it is asked")

	h.says(says(deposit.Passed))
	w.untilCount(2, "credited", "")
	w.until("it is ready", func() bool { return s.ScreeningReady() == nil })
	require.Equal(t, 2, w.told(deposit.Passed))

	w.hurried = false
	w.reconciled()
}

// TestLiesLetNothingThrough: whatever the service says in another way than was agreed.
func TestLiesLetNothingThrough(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()
	w.agrees()

	elsewhere := newHook(t, says(deposit.Passed))
	lies := []func(http.ResponseWriter, asked){
		func(w http.ResponseWriter, q asked) {
			tell(w, fmt.Sprintf(`{"depositId":%q,"result":"refused","result":"passed"}`, q.DepositID))
		},
		func(w http.ResponseWriter, _ asked) {
			tell(w, `{"depositId":"`+uuid.NewString()+`","result":"passed"}`)
		},
		func(w http.ResponseWriter, _ asked) { tell(w, `{"result":"passed"}`) },
		func(w http.ResponseWriter, q asked) {
			tell(w, fmt.Sprintf(`{"depositId":%q,"result":"passed","detail":%q}`, q.DepositID, strings.Repeat("x", 1<<20)))
		},
		func(w http.ResponseWriter, q asked) {
			w.Header().Set("Location", elsewhere.server.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
			_, _ = fmt.Fprintf(w, `{"depositId":%q,"result":"passed"}`, q.DepositID)
		},
		func(w http.ResponseWriter, q asked) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprintf(w, `{"depositId":%q,"result":"passed"}`, q.DepositID)
		},
		func(w http.ResponseWriter, _ asked) { _, _ = w.Write([]byte("<html>passed</html>")) },
		says("unavailable"), says("PASSED"), says(""),
	}

	h := newHook(t, nil)
	h.says(func(w http.ResponseWriter, q asked) { lies[(len(h.questions())+q.Tries)%len(lies)](w, q) })

	node := w.accept(h.by)
	offer := w.offer(w.AcmeToken(), "3", new(memo))
	w.sends("7", memo)
	w.untilReason(offer, deposit.ScreeningFailed)
	w.untilCount(1, "held", string(deposit.ScreeningFailed))

	w.hurried = true
	w.until("all lies were told", func() bool { return len(h.questions()) > 3*len(lies) })
	require.Equal(t, "offered", w.verdict(offer).Deposit)
	require.Equal(t, "0", w.balance(w.Amulet()))
	require.Zero(t, node.prepared.Load())
	require.Empty(t, elsewhere.questions())
	require.Zero(t, w.told(deposit.Passed))
}

// TestOneQuestionDoesNotHoldUpTheOthers: a stranger can write what the service stumbles over, as often as he likes.
func TestOneQuestionDoesNotHoldUpTheOthers(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()

	h := newHook(t, func(w http.ResponseWriter, q asked) {
		switch q.Amount {
		case "1":
			w.WriteHeader(http.StatusInternalServerError)
		case "2":
			w.WriteHeader(http.StatusBadRequest)
		default:
			says(deposit.Passed)(w, q)
		}
	})

	for i := range 20 {
		w.offer(w.AcmeToken(), strconv.Itoa(1+i%2), new(memo))
	}

	w.accept(h.by)
	w.until("all have failed", func() bool { return w.told(deposit.Unavailable) == 20 })

	// The service is not taken for one that is away.
	w.untilDeposit(w.offer(w.AcmeToken(), "3", new(memo)), "held")
	w.untilCount(1, "credited", "")
	require.Equal(t, "3", w.balance(w.AcmeToken()))
}

// TestInstancesShareTheQuestions: no deposit is asked about by two at a time, and none twice.
func TestInstancesShareTheQuestions(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()

	const many = 30

	for range many {
		w.offer(w.AcmeToken(), "1", new(memo))
	}

	h := newHook(t, says(deposit.Passed))
	for range 3 {
		w.accept(h.by)
	}

	w.until("all are credited", func() bool { return w.balance(w.AcmeToken()) == strconv.Itoa(many) })

	about := map[string]int{}
	for _, q := range h.questions() {
		about[q.DepositID]++
	}

	require.Len(t, about, many)
	require.Len(t, h.questions(), many)
	require.Equal(t, 1, h.most)
	require.Equal(t, many, w.told(deposit.Passed))
	w.reconciled()
}

// TestAKilledAskerIsReplaced when its lease has ended, and what it heard too late changes nothing.
func TestAKilledAskerIsReplaced(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()

	hanging, release := make(chan asked, 1), make(chan struct{})
	h := newHook(t, func(w http.ResponseWriter, q asked) {
		hanging <- q
		<-release
		says(deposit.Passed)(w, q)
	})
	slow := func(_ *intake.Config, p *intake.Parts) {
		s := screening.Settings{URL: h.server.URL, Timeout: 20 * time.Second, Workers: 1}
		client, err := s.Client()
		require.NoError(t, err)

		p.Screening = client
	}

	w.accept(slow)
	offer := w.offer(w.AcmeToken(), "3", new(memo))
	first := <-hanging

	// For its lease nobody else asks. Then another one does, and is told otherwise.
	h.says(says(deposit.Refused))
	w.accept(h.by)
	require.Len(t, h.questions(), 1)
	w.clock.advance(2 * time.Minute)
	w.untilReason(offer, deposit.ScreeningRefuses)

	questions := h.questions()
	require.Len(t, questions, 2)
	require.Equal(t, first, questions[1], "the same question")

	close(release)

	other := w.offer(w.AcmeToken(), "4", new(memo))
	w.untilReason(other, deposit.ScreeningRefuses)
	require.Equal(t, string(deposit.ScreeningRefuses), w.verdict(offer).Reason)
	require.Zero(t, w.told(deposit.Passed))
}

// TestTheAccountIsDisabledMeanwhile: what has passed is not credited to it.
func TestTheAccountIsDisabledMeanwhile(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()
	w.agrees()

	asking, release := make(chan struct{}, 1), make(chan struct{})
	h := newHook(t, func(w http.ResponseWriter, q asked) {
		asking <- struct{}{}
		<-release
		says(deposit.Passed)(w, q)
	})
	w.accept(h.by)
	w.sends("7", memo)
	<-asking

	_, err := w.pool.Exec(t.Context(), "UPDATE deposit_accounts SET enabled = false")
	require.NoError(t, err)
	close(release)
	w.untilCount(1, "unattributed", string(deposit.DisabledMemo))
	require.Equal(t, "0", w.balance(w.Amulet()))
	w.reconciled()
}

// TestWhatHasEndedIsNotAskedAgain: an offer that its sender has taken back, and a deposit that a person has decided.
func TestWhatHasEndedIsNotAskedAgain(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.screensAll()
	w.agrees()

	h := newHook(t, away)
	w.accept(h.by)

	offer := w.offer(w.AcmeToken(), "3", new(memo))
	w.sends("7", memo)
	w.untilReason(offer, deposit.ScreeningFailed)
	w.untilCount(1, "held", string(deposit.ScreeningFailed))

	id := w.caseOf()
	_, err := w.db.AssignDeposit(t.Context(), w.party, id, customer, "ann", "she knows him", w.clock.Now())
	require.NoError(t, err)
	_, err = w.Withdraw(w.payer, offer)
	require.NoError(t, err)
	w.untilDeposit(offer, "withdrawn")

	w.hurried = true
	w.until("nothing is on the list", func() bool {
		waiting, err := w.db.WaitingScreenings(t.Context(), w.treasury)
		require.NoError(t, err)

		return len(waiting) == 0
	})

	before := len(h.questions())
	last := w.offer(w.AcmeToken(), "4", new(memo), func(r *sandbox.TransferRequest) { r.ExecuteBefore = w.clock.Now().Add(1000 * time.Hour) })
	w.untilReason(last, deposit.ScreeningFailed)

	for _, q := range h.questions()[before:] {
		require.Equal(t, w.verdict(last).ID.String(), q.DepositID)
	}

	require.Error(t, w.db.RescreenDeposit(t.Context(), w.party, id, "ann", "", w.clock.Now()))
	require.Equal(t, "7", w.balance(w.Amulet()))
}

// TestWithoutAServiceItIsSaid why nothing is taken.
func TestWithoutAServiceItIsSaid(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	s := w.instance()
	w.run(s.Run)
	w.until("it is ready", func() bool { return s.Ready() == nil })
	require.NoError(t, s.ScreeningReady())

	w.screensAll()
	w.until("it says so", func() bool { return s.ScreeningReady() != nil })
	require.ErrorContains(t, s.ScreeningReady(), "2 tokens are to be screened and CES_SCREENING_URL is not set")

	offer := w.offer(w.AcmeToken(), "3", new(memo))
	w.untilReason(offer, deposit.AwaitsScreening)

	list, err := w.db.ListScreenings(t.Context(), w.treasury, "", 10)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, deposit.NotScreened, list[0].Result)
	require.Equal(t, "3", list[0].Amount.Short())
}
