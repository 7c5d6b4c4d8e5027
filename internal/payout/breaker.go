package payout

import (
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// breaker keeps what does not answer from holding up everything else: after some failures in a row it is left alone for
// a while, longer each time, and then tried with one job. Its zero value is ready.
type breaker struct {
	mu       sync.Mutex
	circuits map[string]circuit
}

type circuit struct {
	failures int
	until    time.Time
}

// enough failures in a row open a circuit.
const enough = 3

// theNode is the circuit of a node that does not answer.
const theNode = "node"

func registryOf(admin ident.Party) string { return "registry of " + string(admin) }

// preparing is the circuit of a node that refuses to prepare transfers of one token, whose packages it may lack.
func preparing(instrument ident.Instrument) string { return "preparing " + instrument.String() }

func shaping(instrument ident.Instrument) string { return "shaping " + instrument.String() }

// open reports whether something is to be left alone now.
func (b *breaker) open(about string, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return now.Before(b.circuits[about].until)
}

// suspect reports whether something has failed so often that one job is enough to try it with.
func (b *breaker) suspect(about string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.circuits[about].failures >= enough
}

func (b *breaker) failed(about string, now time.Time) {
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

func (b *breaker) worked(about string) {
	b.mu.Lock()
	defer b.mu.Unlock()

	delete(b.circuits, about)
}
