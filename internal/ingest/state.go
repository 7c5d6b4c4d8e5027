package ingest

import (
	"errors"
	"fmt"
	"sync"
)

// phase is what a service is doing.
type phase string

const (
	starting  phase = "starting"
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

// set says whether anything is new.
func (s *state) set(p phase, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()

	reason := ""
	if err != nil {
		reason = err.Error()
	}

	changed := s.phase != p || s.reason != reason
	s.phase, s.reason = p, reason

	return changed
}

// Ready is nil while the service follows the ledger, or stands by to do so.
func (s *Service) Ready() error {
	s.state.mu.Lock()
	defer s.state.mu.Unlock()

	switch s.state.phase {
	case following, standby:
		return nil
	case retrying, stopped:
		return fmt.Errorf("%s: %s", s.state.phase, s.state.reason)
	default:
		return errors.New(string(starting))
	}
}
