package sandbox

import (
	"cmp"
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Bounds of one answer of the oracle over HTTP, in updates and in transfers.
const (
	defaultOraclePage = 1_000
	maxOraclePage     = 10_000
)

// Balance is what one party owns of one instrument, locked holdings included, look-alikes left out.
type Balance struct {
	Party      ident.Party   `json:"party"`
	Instrument InstrumentID  `json:"instrument"`
	Amount     amount.Amount `json:"amount"`
	// TooLarge marks a sum of which only a part fits into Amount.
	TooLarge bool `json:"tooLarge,omitempty"`
}

// Oracle is the truth, for tests and people to compare with.
type Oracle struct {
	LedgerEnd  ident.Offset              `json:"ledgerEnd"`
	PrunedUpTo ident.Offset              `json:"prunedUpTo"`
	Balances   []Balance                 `json:"balances"`
	Transfers  []Transfer                `json:"transfers"`
	Visible    map[ident.Party][]Visible `json:"updates"`
	// Next is the OraclePage.After that goes on where transfers and updates were cut off; 0 when they are complete.
	Next ident.Offset `json:"next,omitempty"`
}

// OraclePage says how much of the truth is asked for. The zero value asks for all of it.
type OraclePage struct {
	// Party leaves out what does not concern it; empty for everybody.
	Party ident.Party
	// After leaves out transfers and updates up to this offset. Balances are always the present ones.
	After ident.Offset
	// Limit bounds the updates looked at and the transfers; 0 for no bound. What happened in one update stays together.
	Limit int
}

// Oracle tells the whole truth.
func (s *Sandbox) Oracle() (*Oracle, error) { return s.OraclePage(OraclePage{}) }

// OraclePage tells the truth at one moment, as much as is asked for. Only an unknown party is an error.
func (s *Sandbox) OraclePage(page OraclePage) (*Oracle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	parties := s.partyOrder

	if page.Party != "" {
		if _, err := s.party(page.Party); err != nil {
			return nil, err
		}

		parties = []ident.Party{page.Party}
	}

	first := s.first()
	out := &Oracle{
		LedgerEnd: first.end, PrunedUpTo: first.prunedTo, Balances: []Balance{}, Transfers: []Transfer{},
		Visible: make(map[ident.Party][]Visible, len(parties)),
	}

	for _, party := range parties {
		out.Visible[party] = []Visible{}
		out.Balances = append(out.Balances, totals(party, &s.parties[party].holdings)...)
	}

	updates, transfers := s.updatesAfter(page.After), s.transfersAfter(page.After)
	out.Next = cutOff(updates, transfers, page.Limit)

	for _, u := range updates {
		if out.Next == 0 || u.offsets[0] <= out.Next {
			u.tell(out.Visible)
		}
	}

	for _, t := range transfers {
		mine := page.Party == "" || page.Party == t.record.Sender || page.Party == t.record.Receiver
		if mine && (out.Next == 0 || t.at <= out.Next) {
			out.Transfers = append(out.Transfers, *t.record)
		}
	}

	return out, nil
}

// updatesAfter is the first node's history after an offset.
func (s *Sandbox) updatesAfter(after ident.Offset) []*update {
	history := s.first().history
	begin, found := slices.BinarySearchFunc(history, after, func(u *update, at ident.Offset) int {
		return cmp.Compare(u.offsets[0], at)
	})

	if found {
		begin++
	}

	return history[begin:]
}

// placed is a transfer with its place in the first node's history.
type placed struct {
	record *Transfer
	at     ident.Offset
}

// transfersAfter are the transfers after an offset. One that the first node did not see comes with the one before it.
func (s *Sandbox) transfersAfter(after ident.Offset) []placed {
	var (
		list []placed
		at   ident.Offset
	)

	for _, record := range s.books.transfers {
		if at = max(at, record.Offset); at > after || at == 0 && after == 0 {
			list = append(list, placed{record: record, at: at})
		}
	}

	return list
}

// cutOff is the offset of the last update that still belongs on a page; 0 when everything does.
func cutOff(updates []*update, transfers []placed, limit int) ident.Offset {
	var last ident.Offset

	if limit > 0 && len(updates) > limit {
		last = updates[limit-1].offsets[0]
	}

	if limit > 0 && len(transfers) > limit {
		if at := transfers[limit-1].at; at > 0 && (last == 0 || at < last) {
			last = at
		}
	}

	return last
}

// tell enters an update for all of these parties that see something of it.
func (u *update) tell(visible map[ident.Party][]Visible) {
	told := map[ident.Party]bool{}
	tell := func(parties []ident.Party) {
		for _, party := range parties {
			if list, asked := visible[party]; asked && !told[party] {
				told[party] = true
				visible[party] = append(list, Visible{UpdateID: u.id, Offset: u.offsets[0], RecordTime: u.recordTime})
			}
		}
	}

	if u.moved != nil {
		tell(u.moved.stakeholders())
	}

	for _, n := range u.nodes {
		if n.kind != nodeFetch {
			tell(n.witnesses)
		}
	}
}

// totals are a party's balances, in the order in which it came to own the instruments.
func totals(party ident.Party, holdings *pile) []Balance {
	var list []Balance

	index := map[ident.Instrument]int{}

	for c := range holdings.all() {
		h := holdingOf(c)

		i, ok := index[h.instrument]
		if !ok {
			i = len(list)
			index[h.instrument] = i
			list = append(list, Balance{Party: party, Instrument: instrumentOf(h.instrument)})
		}

		if sum, err := list[i].Amount.Add(h.amount); err == nil {
			list[i].Amount = sum
		} else {
			list[i].TooLarge = true
		}
	}

	return list
}
