package sandbox

import (
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/signing"
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

	// What is prepared from now on is later than what was prepared until now, be the clock as coarse as it may.
	upgraded := s.ledgerTime()
	s.effective = upgraded.Add(time.Microsecond)

	for _, home := range s.synchronizers {
		home.serial++
		home.upgraded = upgraded
	}

	s.upgrading.Store(false)
	s.cfg.Logger.Info("the synchronizers are upgraded")
}

// checkUpgraded refuses a transaction that was prepared for the predecessor of a synchronizer: the physical id that it
// names says so, and where nodes name logical ids only, the time of its preparation.
func (s *Sandbox) checkUpgraded(m signing.Metadata) error {
	for _, home := range s.synchronizers {
		current := m.SynchronizerID == home.id || m.SynchronizerID == home.physical(s.cfg.Version)
		if !current && !strings.HasPrefix(string(m.SynchronizerID), string(home.id)+"::") {
			continue
		}

		if !current || !m.PreparationTime.Time().After(home.upgraded) {
			return cantonerr.State("NO_SYNCHRONIZER_FOR_SUBMISSION",
				"No valid synchronizer for submission found: %.300s has been upgraded to %s, prepare the transaction again",
				m.SynchronizerID, home.physical(s.cfg.Version))
		}
	}

	return nil
}
