package sandbox

import (
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// pauseForUpgrade stops submissions for a logical synchronizer upgrade, or goes on to stop them. What is on its way is
// never sequenced.
func (s *Sandbox) pauseForUpgrade(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.upgrade.open(s.uptime() + d)
	s.upgrading.Store(true)
}

// endUpgrade connects the nodes to the successors of their physical synchronizers once the pause is over.
func (s *Sandbox) endUpgrade() {
	if !s.upgrading.Load() {
		return
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	if s.upgrade.isOpen(s.uptime) {
		return
	}

	for _, home := range s.synchronizers {
		home.serial++
	}

	s.upgrading.Store(false)
	s.cfg.Logger.Info("the synchronizers are upgraded")
}

// checkUpgraded refuses a transaction that was prepared for the predecessor of a synchronizer.
func (s *Sandbox) checkUpgraded(named ident.SynchronizerID) error {
	if _, current := s.synchronizerOf(named); current {
		return nil
	}

	for _, home := range s.synchronizers {
		if strings.HasPrefix(string(named), string(home.id)+"::") {
			return cantonerr.State("NO_SYNCHRONIZER_FOR_SUBMISSION",
				"No valid synchronizer for submission found: %.300s has been upgraded to %s, prepare the transaction again",
				named, home.physical(s.cfg.Version))
		}
	}

	return nil
}
