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

// Holdings lists what a party owns, oldest first, and then what only says that it is the party's.
func (s *Sandbox) Holdings(party ident.Party) ([]Holding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	state, err := s.party(party)
	if err != nil {
		return nil, err
	}

	list := make([]Holding, 0, state.holdings.len()+state.lookAlikes.len())

	for _, kind := range []*pile{&state.holdings, &state.lookAlikes} {
		for c := range kind.all() {
			list = append(list, *publicHolding(c))
		}
	}

	return list, nil
}

// publicHolding is a holding, or a look-alike of one, as wallets show it; nil for any other contract.
func publicHolding(c *contract) *Holding {
	h, bare := claimOf(c)
	if h == nil {
		return nil
	}

	return &Holding{
		ContractID: c.id, Owner: h.owner, Instrument: instrumentOf(h.instrument), Amount: h.amount,
		Locked: h.locked, Bare: bare, SynchronizerID: c.home.id,
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

		list = append(list, ActiveContract{ContractID: c.id, Template: c.template, Holding: publicHolding(c)})
	}

	return list
}

// contains searches a sorted list of parties.
func contains(sorted []ident.Party, party ident.Party) bool {
	i := sort.Search(len(sorted), func(i int) bool { return sorted[i] >= party })

	return i < len(sorted) && sorted[i] == party
}
