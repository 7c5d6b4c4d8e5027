package sandbox

import (
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// SeenTransaction is a transaction as a party sees it, without the detour over JSON.
type SeenTransaction struct {
	Offset ident.Offset
	Events []SeenEvent
}

// SeenEvent is one of its events.
type SeenEvent struct {
	NodeID     ident.NodeID
	ContractID ident.ContractID
	Create     bool
	Consuming  bool
	Delta      bool
	Witnesses  []ident.Party
}

// Seen projects the whole history for one party.
func Seen(s *Sandbox, party ident.Party) []SeenTransaction {
	s.mu.Lock()
	defer s.mu.Unlock()

	f := &format{byParty: map[ident.Party]*filter{party: {selection: selection{wildcard: true}}}}

	var list []SeenTransaction

	for _, u := range s.first().history {
		tx := SeenTransaction{Offset: u.offsets[0]}

		for _, e := range project(u, f, true) {
			tx.Events = append(tx.Events, SeenEvent{
				NodeID: e.node.id, ContractID: e.node.contract.id, Create: e.node.kind == nodeCreate,
				Consuming: e.node.consuming, Delta: e.delta, Witnesses: e.witnesses,
			})
		}

		if len(tx.Events) > 0 {
			list = append(list, tx)
		}
	}

	return list
}

// HostEverywhere makes a party that lives on every node.
func HostEverywhere(s *Sandbox, hint string) (ident.Party, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	party := ident.Party(hint + "::" + s.fingerprint())
	state := &partyState{}

	for _, v := range s.validators {
		state.permission[v.index] = permissionConfirmation
	}

	return party, s.host(party, state)
}

// SignLast makes the last update of the first node one whose hash external parties signed.
func SignLast(s *Sandbox, hash [32]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()

	last := s.first().history[len(s.first().history)-1]
	last.signed, last.externalHash = true, hash
}

// Discloses reports which contract a blob discloses; none when it is not one of this network.
func Discloses(s *Sandbox, blob []byte) ident.ContractID {
	s.mu.Lock()
	defer s.mu.Unlock()

	c, err := s.disclosed(blob)
	if err != nil {
		return ""
	}

	return c.id
}

// InFlight is how many submissions the first node has on their way.
func InFlight(s *Sandbox) int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return len(s.first().inFlight)
}

// Lost is how many submissions never reached a sequencer and wait for their time to be over.
func Lost(s *Sandbox) int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return len(s.lost)
}

// Upgrading reports whether the synchronizers are being upgraded.
func Upgrading(s *Sandbox) bool { return s.upgrading.Load() }

// Crowd bounds how many websockets the first node has room for, and how long their clients may take for a request. It
// is called before there are any.
func Crowd(s *Sandbox, seats int, silence time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.first().seats, s.first().silence = seats, silence
}

// Seats is how many websockets the first node has room for.
func Seats(s *Sandbox) int {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.first().seats
}
