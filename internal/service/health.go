package service

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/memo"
)

const (
	checkTimeout   = 2 * time.Second
	maxCheckReason = 300 // bytes
)

var errCheckTimeout = errors.New("no answer in time")

// Check reports why a program cannot do its work now; nil when it can. It must end with its context.
type Check func(ctx context.Context) error

// Health is a program's readiness: named checks, all of which must pass. The zero value is ready.
type Health struct {
	mu     sync.Mutex
	checks []namedCheck

	probing sync.Mutex // one round at a time, however many ask
}

type namedCheck struct {
	name  string
	check Check
}

type checkResult struct {
	Name   string `json:"name"`
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

// Register adds a check. Results are listed in the order of registration.
func (h *Health) Register(name string, check Check) {
	h.mu.Lock()
	defer h.mu.Unlock()

	h.checks = append(h.checks, namedCheck{name, check})
}

// probe runs all checks side by side and waits for them.
func (h *Health) probe(ctx context.Context) (results []checkResult, ready bool) {
	h.probing.Lock()
	defer h.probing.Unlock()

	h.mu.Lock()
	checks := slices.Clip(h.checks)
	h.mu.Unlock()

	ctx, cancel := context.WithTimeoutCause(ctx, checkTimeout, errCheckTimeout)
	defer cancel()

	results = make([]checkResult, len(checks))

	var probes sync.WaitGroup
	for i, c := range checks {
		probes.Go(func() { results[i] = c.run(ctx) })
	}
	probes.Wait()

	ready = true
	for _, result := range results {
		ready = ready && result.Ready
	}

	return results, ready
}

func (c namedCheck) run(ctx context.Context) checkResult {
	err := c.check(ctx)
	if err == nil {
		return checkResult{Name: c.name, Ready: true}
	}

	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}

	// One line, bounded: a reason may quote somebody else's server.
	reason := strings.Join(strings.Fields(err.Error()), " ")
	if len(reason) > maxCheckReason {
		reason = strings.ToValidUTF8(reason[:maxCheckReason], "") + "…"
	}

	return checkResult{Name: c.name, Reason: memo.Line(reason)}
}

// serveReady answers 200 or 503, and lists each check: as JSON where that is asked for, else as text.
func (h *Health) serveReady(w http.ResponseWriter, r *http.Request) {
	results, ready := h.probe(r.Context())

	status := http.StatusOK
	if !ready {
		status = http.StatusServiceUnavailable
	}

	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)

		answer := struct {
			Ready  bool          `json:"ready"`
			Checks []checkResult `json:"checks"`
		}{ready, results}
		_ = json.NewEncoder(w).Encode(answer) //nolint:errchkjson // the client may be gone

		return
	}

	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)

	for _, result := range results {
		if result.Ready {
			_, _ = fmt.Fprintf(w, "%s: ready\n", result.Name)
		} else {
			_, _ = fmt.Fprintf(w, "%s: not ready: %s\n", result.Name, result.Reason)
		}
	}

	if ready {
		_, _ = fmt.Fprintln(w, "ready")
	} else {
		_, _ = fmt.Fprintln(w, "not ready")
	}
}
