package payments

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// meddling is what stands between payments and the node does to requests to execute. Each number is one in how many it
// happens to; 0 is never.
type meddling struct {
	// refuses passes a request on, and answers that it was refused.
	refuses int
	// claims passes nothing on, and answers that it was made before.
	claims int
	// repeats hands a request in twice, as a proxy does that saw its connection break.
	repeats int
	// holds passes a request on when nobody waits for its answer any more.
	holds int
}

// meddler is a proxy that gets things wrong. No answer of it may decide anything.
type meddler struct {
	next http.Handler

	mu   sync.Mutex
	now  meddling
	rng  *rand.Rand
	done map[string]int

	late sync.WaitGroup
}

func newMeddler(next http.Handler, rng *rand.Rand) *meddler {
	return &meddler{next: next, rng: rng, done: map[string]int{}}
}

func (m *meddler) set(now meddling) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.now = now
}

// counts are what it did.
func (m *meddler) counts() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()

	return maps.Clone(m.done)
}

// choose says what happens to the next request.
func (m *meddler) choose() (string, int) {
	m.mu.Lock()
	defer m.mu.Unlock()

	for _, c := range []struct {
		name string
		odds int
	}{{"refuses", m.now.refuses}, {"claims", m.now.claims}, {"repeats", m.now.repeats}, {"holds", m.now.holds}} {
		if c.odds > 0 && m.rng.IntN(c.odds) == 0 {
			m.done[c.name]++

			return c.name, m.rng.IntN(1000)
		}
	}

	return "", 0
}

// ServeHTTP implements http.Handler.
func (m *meddler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, executes) {
		m.next.ServeHTTP(w, r)

		return
	}

	what, luck := m.choose()
	if what == "" {
		m.next.ServeHTTP(w, r)

		return
	}

	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "Bad Gateway", http.StatusBadGateway)

		return
	}

	switch what {
	case "refuses":
		m.pass(r, body)
		answer(w, refusals()[luck%len(refusals())])
	case "claims":
		answer(w, claim())
	case "repeats":
		m.pass(r, body)
		m.next.ServeHTTP(w, with(r, body))
	case "holds":
		m.late.Go(func() {
			timer := time.NewTimer(time.Duration(500+luck*3) * time.Millisecond)
			defer timer.Stop()

			<-timer.C
			m.pass(r, body)
		})
		answer(w, said{status: http.StatusGatewayTimeout, body: []byte("Gateway Timeout")})
	}
}

// pass hands a request in, whoever waits for it.
func (m *meddler) pass(r *http.Request, body []byte) {
	m.next.ServeHTTP(httptest.NewRecorder(), with(r, body))
}

func with(r *http.Request, body []byte) *http.Request {
	again := r.Clone(context.WithoutCancel(r.Context()))
	again.Body = io.NopCloser(bytes.NewReader(body))

	return again
}

// said is an answer.
type said struct {
	status int
	kind   string
	body   []byte
}

func answer(w http.ResponseWriter, s said) {
	if s.kind != "" {
		w.Header().Set("Content-Type", s.kind)
	}

	w.WriteHeader(s.status)
	_, _ = w.Write(s.body) // who does not read it does not want it
}

// refusals are what is said of requests that were taken in: by the node's code that they never can be, that they must be
// prepared again, or later; and by somebody at the door that they may not pass.
func refusals() []said {
	return []said{
		{http.StatusForbidden, "", []byte("Forbidden")},
		node(cantonerr.Argument("The submitted request has invalid arguments")),
		node(cantonerr.NotFound("CONTRACT_NOT_FOUND", "Contract could not be found")),
		node(cantonerr.NotFound("LOCAL_VERDICT_INACTIVE_CONTRACTS", "Rejected transaction is referring to inactive contracts")),
		node(cantonerr.Contention("SEQUENCER_BACKPRESSURE", "The sequencer is overloaded").RetryIn("1 second")),
		node(cantonerr.Invalid("DAML_FAILURE", "The token refuses")),
	}
}

func claim() said {
	return node(cantonerr.Exists("DUPLICATE_COMMAND", "A command with the given command id has already been successfully processed"))
}

func node(e *cantonerr.Error) said {
	raw, err := json.Marshal(e)
	if err != nil {
		return said{status: http.StatusInternalServerError}
	}

	return said{e.Status, "application/json", raw}
}
