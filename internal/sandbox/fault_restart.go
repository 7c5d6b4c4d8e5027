package sandbox

import (
	"net/http"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// restarts are the restarts of one node. Nothing is lost by one: a node keeps everything in its database, and what it
// prepared it does not keep at all.
type restarts struct {
	window window // in which it is not back yet

	mu   sync.Mutex
	next chan struct{} // closed by the next restart; nil while nobody waits
}

// signal is closed when the node restarts.
func (r *restarts) signal() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()

	if r.next == nil {
		r.next = make(chan struct{})
	}

	return r.next
}

func (r *restarts) begin(until time.Duration) {
	r.window.open(until)

	r.mu.Lock()
	defer r.mu.Unlock()

	if r.next != nil {
		close(r.next)
		r.next = nil
	}
}

// restart ends every stream and every wait, and refuses requests until the node is back. What it has taken in goes on.
func (v *Validator) restart(d time.Duration) {
	v.faults.restarts.begin(v.uptime() + d)

	for _, stream := range v.openStreams() {
		stream.end(shuttingDown())
	}
}

func shuttingDown() *cantonerr.Error {
	return cantonerr.New(http.StatusServiceUnavailable, cantonerr.GRPCUnavailable, cantonerr.CategoryTransient,
		"ABORTED_DUE_TO_SHUTDOWN", "Aborted the request due to shutdown")
}
