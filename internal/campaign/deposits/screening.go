package deposits

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/campaign/chance"
)

// service is the exchange's screening service. What it says of a deposit follows from the deposit's id. Until it is to be
// honest it often says nothing, too late or something else: whatever is not its word says that money may be taken.
type service struct {
	server  *http.Server
	address string

	mu     sync.Mutex
	rng    *rand.Rand
	honest bool
	lies   int
}

const (
	// screeningTimeout is how long a program waits for the service.
	screeningTimeout = 500 * time.Millisecond
	readTimeout      = 10 * time.Second
)

// says is the service's word about a deposit, and the reason for which an offer is held by it; empty if it has passed.
func says(id uuid.UUID) (result, reason string) {
	switch id[0] % 6 {
	case 0:
		return "refused", "screening_refuses"
	case 1:
		return "doubtful", "screening_holds"
	default:
		return "passed", ""
	}
}

func openService(ctx context.Context, seed uint64) (*service, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for questions: %w", err)
	}

	s := &service{address: listener.Addr().String(), rng: chance.Source(seed, "screening")}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: readTimeout}

	go func() { _ = s.server.Serve(listener) }() // until close

	return s, nil
}

func (s *service) close() error {
	if s == nil {
		return nil
	}

	if err := s.server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("close the screening service: %w", err)
	}

	return nil
}

// reform has the service say its word and nothing else from now on.
func (s *service) reform() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.honest = true
}

// mood is how the next question is dealt with; 0 is honestly.
func (s *service) mood() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.honest || s.rng.IntN(2) == 0 {
		return 0
	}

	s.lies++

	return 1 + s.rng.IntN(8)
}

func (s *service) told() int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.lies
}

// ServeHTTP answers a question.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		DepositID uuid.UUID `json:"depositId"`
	}

	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		w.WriteHeader(http.StatusBadRequest)

		return
	}

	result, _ := says(q.DepositID)
	status, id, more := http.StatusOK, q.DepositID, ""

	switch s.mood() {
	case 0:
	case 1:
		result, status = "passed", http.StatusServiceUnavailable
	case 2:
		result, status = "passed", http.StatusNotFound
	case 3:
		result, id = "passed", uuid.NewSHA1(q.DepositID, nil)
	case 4:
		more = `,"result":"passed"`
	case 5:
		result = "approved"
	case 6:
		panic(http.ErrAbortHandler) // the connection is cut
	case 7:
		w.Header().Set("Location", "http://"+s.address+"/?")

		result, status = "passed", http.StatusPermanentRedirect
	default:
		pause(r.Context(), 2*screeningTimeout) // or as long as who asks is there

		result = "passed"
	}

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"depositId":%q,"result":%q%s}`, id, result, more) // who asked may be gone
}

// screenings holds what was said of deposits against the service's word.
func (k *checker) screenings(ctx context.Context) error {
	rows, err := k.Tx.Query(ctx, `SELECT s.deposit_id, s.result, s.next_at IS NOT NULL, coalesce(e.told, 0)
		FROM screenings s
		LEFT JOIN (SELECT subject, count(*) AS told FROM events WHERE treasury_id = $1 AND type = 'deposit.screened' AND payload->>'result' <> 'unavailable' GROUP BY subject) AS e
			ON e.subject = s.deposit_id::text
		WHERE s.treasury_id = $1`, k.Treasury)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}
	defer rows.Close()

	for rows.Next() {
		var (
			id     uuid.UUID
			result string
			again  bool
			told   int
		)

		if err := rows.Scan(&id, &result, &again, &told); err != nil {
			return fmt.Errorf("check: %w", err)
		}

		answered := result != "" && result != "unavailable"

		if word, _ := says(id); answered && result != word {
			k.Reportf(screenedTruly, "%s is %s, and the service says %s", id, result, word)
		}

		if want := map[bool]int{true: 1}[answered]; told != want {
			k.Reportf(eventsAsStates, "%s is screened with %q, which was told %d times", id, result, told)
		}

		if answered && again {
			k.Reportf(screenedTruly, "%s is %s, and is to be asked about again", id, result)
		}
	}

	return rows.Err() //nolint:wrapcheck // it says what it is
}

// unscreened reports whether a deposit was credited although the service has not passed it, and had to all the time.
func (k *checker) unscreened(r row) bool {
	for _, t := range during(k.grounds.terms, r.token(), r.RecordTime, k.now.Add(time.Minute)) {
		if !t.screens {
			return false
		}
	}

	result, _ := says(r.ID)

	return result != "passed"
}

// stopped reports whether the service's word is why a deposit waits for a person.
func (k *checker) stopped(r row, reason string) bool {
	_, word := says(r.ID)

	return word != "" && reason == word &&
		slices.ContainsFunc(during(k.grounds.terms, r.token(), r.RecordTime, k.now.Add(time.Minute)), func(t terms) bool { return t.screens })
}
