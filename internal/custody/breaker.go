package custody

import (
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/withdrawal"
)

// Breaker keeps what does not answer from holding up everything else: after some failures in a row it is left alone for
// a while, longer each time, and then tried with one job. Its zero value is ready.
type Breaker struct {
	mu       sync.Mutex
	circuits map[string]circuit
}

type circuit struct {
	failures int
	until    time.Time
}

// enough failures in a row open a circuit.
const enough = 3

// Open reports whether something is to be left alone now.
func (b *Breaker) Open(about string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return now.Before(b.circuits[about].until)
}

// Suspect reports whether something has failed so often that one job is enough to try it with.
func (b *Breaker) Suspect(about string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.circuits[about].failures >= enough
}

// Failed counts one more failure in a row.
func (b *Breaker) Failed(about string, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()

	if b.circuits == nil {
		b.circuits = map[string]circuit{}
	}

	c := b.circuits[about]
	if now.Before(c.until) { // of the same wave as those that opened it
		return
	}

	c.failures++
	if c.failures >= enough {
		c.until = now.Add(withdrawal.Pause(c.failures - enough + 1))
	}

	b.circuits[about] = c
}

// Worked closes the circuit.
func (b *Breaker) Worked(about string) {
	b.mu.Lock()
	defer b.mu.Unlock()

	delete(b.circuits, about)
}
