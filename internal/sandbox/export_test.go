package sandbox

import "github.com/canton-exchange/suite/internal/ident"

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
