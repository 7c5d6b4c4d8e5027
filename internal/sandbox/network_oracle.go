package sandbox

import (
	"sort"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Holding is one holding of a wallet.
type Holding struct {
	ContractID ident.ContractID `json:"contractId"`
	Owner      ident.Party      `json:"owner"`
	Instrument InstrumentID     `json:"instrument"`
	Amount     amount.Amount    `json:"amount"`
	Locked     bool             `json:"locked"`
	// Bare marks a look-alike: a contract that claims to be this and is worth nothing.
	Bare           bool                 `json:"bare"`
	SynchronizerID ident.SynchronizerID `json:"synchronizerId"`
}

// Offer is one live transfer instruction of a wallet, in or out.
type Offer struct {
	ContractID    ident.ContractID `json:"contractId"`
	Sender        ident.Party      `json:"sender"`
	Receiver      ident.Party      `json:"receiver"`
	Instrument    InstrumentID     `json:"instrument"`
	Amount        amount.Amount    `json:"amount"`
	Memo          *string          `json:"memo"`
	ExecuteBefore time.Time        `json:"executeBefore"`
	// Waiting marks an accepted offer that waits for its registry.
	Waiting bool `json:"waiting"`
}

// Holdings lists what a party owns, oldest first.
func (s *Sandbox) Holdings(party ident.Party) ([]Holding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	state, err := s.party(party)
	if err != nil {
		return nil, err
	}

	list := make([]Holding, 0, state.holdings.len())
	for c := range state.holdings.all() {
		list = append(list, publicHolding(c))
	}

	return list, nil
}

func publicHolding(c *contract) Holding {
	h := holdingOf(c)

	return Holding{
		ContractID: c.id, Owner: h.owner, Instrument: instrumentOf(h.instrument), Amount: h.amount,
		Locked: h.locked, Bare: h.bare, SynchronizerID: c.home.id,
	}
}

// Offers lists the live instructions that a party sends or receives, oldest first.
func (s *Sandbox) Offers(party ident.Party) ([]Offer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	state, err := s.party(party)
	if err != nil {
		return nil, err
	}

	list := make([]Offer, 0, len(state.offers))

	for _, c := range state.offers {
		o := offerOf(c)
		list = append(list, Offer{
			ContractID: c.id, Sender: o.transfer.Sender, Receiver: o.transfer.Receiver,
			Instrument: o.transfer.Instrument, Amount: o.transfer.Amount, Memo: memoOf(o.transfer.Meta),
			ExecuteBefore: time.Time(o.transfer.ExecuteBefore), Waiting: o.waiting,
		})
	}

	return list, nil
}

// ActiveContract is one contract of a party at the ledger end.
type ActiveContract struct {
	ContractID ident.ContractID
	Template   ident.Name
	// Holding is set for a holding, whoever vouches for it.
	Holding *Holding
}

// ActiveContracts lists every live contract that party is a stakeholder of, oldest first.
func (s *Sandbox) ActiveContracts(party ident.Party) []ActiveContract {
	s.mu.Lock()
	defer s.mu.Unlock()

	list := []ActiveContract{}

	for _, c := range s.order {
		if !c.active() || !contains(c.stakeholders(), party) {
			continue
		}

		a := ActiveContract{ContractID: c.id, Template: c.template}

		if holdingOf(c) != nil {
			h := publicHolding(c)
			a.Holding = &h
		}

		list = append(list, a)
	}

	return list
}

// contains searches a sorted list of parties.
func contains(sorted []ident.Party, party ident.Party) bool {
	i := sort.Search(len(sorted), func(i int) bool { return sorted[i] >= party })

	return i < len(sorted) && sorted[i] == party
}

// Balance is what one party owns of one instrument, locked holdings included, look-alikes left out.
type Balance struct {
	Party      ident.Party   `json:"party"`
	Instrument InstrumentID  `json:"instrument"`
	Amount     amount.Amount `json:"amount"`
}

// Oracle is the whole truth, for tests and people to compare with.
type Oracle struct {
	LedgerEnd  ident.Offset              `json:"ledgerEnd"`
	PrunedUpTo ident.Offset              `json:"prunedUpTo"`
	Balances   []Balance                 `json:"balances"`
	Transfers  []Transfer                `json:"transfers"`
	Visible    map[ident.Party][]Visible `json:"updates"`
}

// Oracle tells the whole truth at one moment of a quiet network; under traffic its parts may differ by the
// updates that come between them.
func (s *Sandbox) Oracle() (*Oracle, error) {
	out := &Oracle{
		LedgerEnd: s.LedgerEnd(), PrunedUpTo: s.PrunedUpTo(), Transfers: s.Transfers(), Balances: []Balance{},
		Visible: map[ident.Party][]Visible{},
	}

	for _, party := range s.Parties() {
		out.Visible[party] = s.Updates(party)

		holdings, err := s.Holdings(party)
		if err != nil {
			return nil, err
		}

		balances, err := totals(party, holdings)
		if err != nil {
			return nil, err
		}

		out.Balances = append(out.Balances, balances...)
	}

	return out, nil
}

func totals(party ident.Party, holdings []Holding) ([]Balance, error) {
	var list []Balance

	index := map[InstrumentID]int{}

	for _, h := range holdings {
		if h.Bare {
			continue
		}

		i, ok := index[h.Instrument]
		if !ok {
			i = len(list)
			index[h.Instrument] = i
			list = append(list, Balance{Party: party, Instrument: h.Instrument})
		}

		sum, err := list[i].Amount.Add(h.Amount)
		if err != nil {
			return nil, err
		}

		list[i].Amount = sum
	}

	return list, nil
}
