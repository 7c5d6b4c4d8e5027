package sandbox

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
)

// Reassign moves a contract to the other synchronizer: two updates, the second right after the first. It needs
// TwoSynchronizers. Holdings locked in an offer stay where their offer is.
func (s *Sandbox) Reassign(id ident.ContractID) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.replay {
		return Receipt{}, ErrReplay
	}

	c, ok := s.contracts[id]

	switch {
	case !ok:
		return Receipt{}, fmt.Errorf("contract %.150q: %w", string(id), ErrUnknown)
	case len(s.synchronizers) < 2:
		return Receipt{}, fmt.Errorf("reassign %s: there is one synchronizer: %w", id, ErrConflict)
	case !c.active():
		return Receipt{}, fmt.Errorf("reassign %s: %w", id, ErrInactive)
	case c.anywhere:
		return Receipt{}, fmt.Errorf("reassign %s: it belongs to the network: %w", id, ErrInvalid)
	}

	if h, _ := claimOf(c); h == nil || h.locked {
		return Receipt{}, fmt.Errorf("reassign %s: only unlocked holdings move: %w", id, ErrInvalid)
	}

	return s.reassign(c)
}

func (s *Sandbox) reassign(c *contract) (Receipt, error) {
	target := s.synchronizers[0]
	if c.home == target {
		target = s.synchronizers[1]
	}

	if err := s.room(2); err != nil {
		return Receipt{}, err
	}

	claim, _ := claimOf(c)
	m := &move{
		id: "00" + s.hexDigits(hashBytes), source: c.home, target: target, submitter: claim.owner,
		counter: int64(len(c.moves) + 1),
	}

	out := &update{kind: updateUnassign, synchronizer: m.source, effectiveAt: s.ledgerTime(), moved: c, move: m}
	if err := s.appendUpdate(out); err != nil {
		return Receipt{}, err
	}

	in := &update{kind: updateAssign, synchronizer: m.target, effectiveAt: s.ledgerTime(), moved: c, move: m}
	if err := s.appendUpdate(in); err != nil {
		return Receipt{}, err
	}

	m.unassigned, m.assigned = out.offsets, in.offsets
	c.moves = append(c.moves, m)
	c.home = target
	s.publish()

	return Receipt{
		UpdateID: in.id, Offset: in.offsets[0], RecordTime: in.recordTime,
		Instructions: []ident.ContractID{}, Holdings: []ident.ContractID{c.id},
	}, nil
}
