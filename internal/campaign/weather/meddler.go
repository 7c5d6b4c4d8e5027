package weather

import (
	"bytes"
	"context"
	"crypto/sha256"
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

// Meddling is what stands between a program and the node does to its requests. Each number is one in how many it happens
// to; 0 is never.
type Meddling struct {
	// Refuses passes a request to execute on, and answers that it was refused.
	Refuses int
	// Claims passes nothing on, and answers that it was made before.
	Claims int
	// Repeats hands a request in twice, as a proxy does that saw its connection break.
	Repeats int
	// Holds passes a request on when nobody waits for its answer any more.
	Holds int
	// Misleads answers wrongly what a registry is asked of an offer.
	Misleads int
	// Forges has something else prepared than was asked for.
	Forges int
}

// Meddler is a proxy that gets things wrong. No answer of it may decide anything.
type Meddler struct {
	next http.Handler

	mu   sync.Mutex
	now  Meddling
	rng  *rand.Rand
	done map[string]int
	// last is what a registry said of the offer before, contract the offer that was answered before.
	last     []byte
	contract string
	// forged are the transactions that were prepared and not asked for.
	forged map[[sha256.Size]byte]bool

	late sync.WaitGroup
}

// NewMeddler makes a proxy before a handler. Until it is Set it passes everything on.
func NewMeddler(next http.Handler, rng *rand.Rand) *Meddler {
	return &Meddler{next: next, rng: rng, done: map[string]int{}, forged: map[[sha256.Size]byte]bool{}}
}

// Set changes what happens to requests from now on.
func (m *Meddler) Set(now Meddling) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.now = now
}

// Counts are what it did.
func (m *Meddler) Counts() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()

	return maps.Clone(m.done)
}

// Wait is until all that was held back has been passed on.
func (m *Meddler) Wait() { m.late.Wait() }

// choose says what happens to the next request to execute.
func (m *Meddler) choose() (string, int) {
	m.mu.Lock()
	defer m.mu.Unlock()

	for _, c := range []struct {
		name string
		odds int
	}{{"refuses", m.now.Refuses}, {"claims", m.now.Claims}, {"repeats", m.now.Repeats}, {"holds", m.now.Holds}} {
		if c.odds > 0 && m.rng.IntN(c.odds) == 0 {
			m.done[c.name]++

			return c.name, m.rng.IntN(1000)
		}
	}

	return "", 0
}

// ServeHTTP implements http.Handler.
func (m *Meddler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, executes):
		m.execute(w, r)
	case strings.HasSuffix(r.URL.Path, prepares):
		m.prepare(w, r)
	case strings.HasSuffix(r.URL.Path, contexts):
		m.context(w, r)
	default:
		m.next.ServeHTTP(w, r)
	}
}

func (m *Meddler) execute(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "Bad Gateway", http.StatusBadGateway)

		return
	}

	m.caught(body)
	r.Body = io.NopCloser(bytes.NewReader(body))

	what, luck := m.choose()

	switch what {
	case "":
		m.next.ServeHTTP(w, r)
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

// pass hands a request in, whoever waits for it, and gives the answer.
func (m *Meddler) pass(r *http.Request, body []byte) *httptest.ResponseRecorder {
	heard := httptest.NewRecorder()
	m.next.ServeHTTP(heard, with(r, body))

	return heard
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
