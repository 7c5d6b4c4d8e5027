package ingest

import (
	"errors"
	"fmt"
	"sync"
)

// phase is what a service is doing.
type phase string

const (
	starting  phase = "" // until the first session has begun
	standby   phase = "standing by"
	following phase = "following the ledger"
	retrying  phase = "retrying"
	stopped   phase = "stopped"
)

// state is what a service is doing and what is wrong, for its operators. Its zero value is starting.
type state struct {
	mu     sync.Mutex
	phase  phase
	reason string
}

// set replaces the phase; err is what is wrong, nil if nothing is.
func (s *state) set(p phase, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.phase, s.reason = p, ""
	if err != nil {
		s.reason = err.Error()
	}
}

// Ready is nil while the service follows the ledger, or stands by to do so.
func (s *Service) Ready() error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()

	switch s.state.phase {
	case following, standby:
		return nil
	case starting:
		return errors.New("starting")
	case retrying, stopped:
	}

	return fmt.Errorf("%s: %s", s.state.phase, s.state.reason)
}
