package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// choiceUpdate is the registry's own choice on an instruction.
const choiceUpdate = "Update"

// Accept takes an offer as its receiver. With AcmePending an AcmeToken offer then waits for CompleteWorkflow.
func (s *Sandbox) Accept(receiver ident.Party, instruction ident.ContractID) (Receipt, error) {
	return s.onOffer(receiver, instruction, func(t *transaction, c *contract) (TransferState, error) {
		if offerOf(c).transfer.Receiver != receiver {
			return "", fmt.Errorf("accept %s as %s: %w", c.id, receiver, ErrConflict)
		}

		return t.acceptOffer(c, nil)
	})
}

// acceptOffer is the receiver's Accept; args are as a client gave them, or nil.
func (t *transaction) acceptOffer(c *contract, args json.RawMessage) (TransferState, error) {
	switch o := offerOf(c); {
	case o.waiting:
		return "", fmt.Errorf("accept %s: it waits for its registry: %w", c.id, ErrConflict)
	case o.instrument() == t.s.Amulet():
		return TransferCompleted, t.acceptAmulet(c, args)
	case t.s.cfg.Workflow == AcmePending:
		return TransferPending, t.acceptAcme(c, args)
	default:
		return TransferCompleted, t.acceptAcme(c, args)
	}
}

// Reject refuses an offer as its receiver; the money goes back to the sender.
func (s *Sandbox) Reject(receiver ident.Party, instruction ident.ContractID) (Receipt, error) {
	return s.onOffer(receiver, instruction, func(t *transaction, c *contract) (TransferState, error) {
		if o := offerOf(c); o.transfer.Receiver != receiver || o.waiting {
			return "", fmt.Errorf("reject %s as %s: %w", c.id, receiver, ErrConflict)
		}

		return TransferRejected, t.endOffer(c, "Reject", receiver, nil)
	})
}

// Withdraw takes an offer back as its sender.
func (s *Sandbox) Withdraw(sender ident.Party, instruction ident.ContractID) (Receipt, error) {
	return s.onOffer(sender, instruction, func(t *transaction, c *contract) (TransferState, error) {
		if offerOf(c).transfer.Sender != sender {
			return "", fmt.Errorf("withdraw %s as %s: %w", c.id, sender, ErrConflict)
		}

		return TransferWithdrawn, t.endOffer(c, "Withdraw", sender, nil)
	})
}

// CompleteWorkflow lets the registrar approve an accepted AcmeToken offer. Past the offer's deadline that only ends the
// offer: the money goes back to the sender.
func (s *Sandbox) CompleteWorkflow(instruction ident.ContractID) (Receipt, error) {
	return s.onWorkflow(instruction, func(t *transaction, c *contract) (TransferState, error) {
		return t.decideAcme(c, nil)
	})
}

// FailWorkflow lets the registrar refuse an accepted AcmeToken offer: the money goes back to the sender.
func (s *Sandbox) FailWorkflow(instruction ident.ContractID) (Receipt, error) {
	return s.onWorkflow(instruction, func(t *transaction, c *contract) (TransferState, error) {
		state := TransferFailed
		if !t.isBefore(time.Time(offerOf(c).transfer.ExecuteBefore)) {
			state = TransferExpired // which the ledger cannot tell from a refusal
		}

		return state, t.endOffer(c, choiceUpdate, offerOf(c).transfer.Instrument.Admin, nil)
	})
}

func (s *Sandbox) onWorkflow(
	instruction ident.ContractID, build func(*transaction, *contract) (TransferState, error),
) (Receipt, error) {
	s.mu.Lock()
	c, err := s.instruction(instruction)
	s.mu.Unlock()

	if err != nil {
		return Receipt{}, err
	}

	if o := offerOf(c); !o.waiting {
		return Receipt{}, fmt.Errorf("instruction %s waits for its receiver: %w", instruction, ErrConflict)
	}

	return s.onOffer(offerOf(c).transfer.Instrument.Admin, instruction, build)
}

func (t *transaction) endOffer(c *contract, choice string, actor ident.Party, args json.RawMessage) error {
	if offerOf(c).instrument() == t.s.Amulet() {
		return t.endAmuletOffer(c, choice, actor, args)
	}

	return t.endAcmeOffer(c, choice, actor, args)
}

func (s *Sandbox) instruction(id ident.ContractID) (*contract, error) {
	c, ok := s.contracts[id]
	if !ok || offerOf(c) == nil {
		return nil, fmt.Errorf("instruction %.150q: %w", string(id), ErrUnknown)
	}

	if !c.active() {
		return nil, fmt.Errorf("instruction %s: %w", id, ErrInactive)
	}

	return c, nil
}

// onOffer runs one choice on one instruction, and enters its outcome into the books.
func (s *Sandbox) onOffer(
	actor ident.Party, id ident.ContractID, build func(*transaction, *contract) (TransferState, error),
) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	c, err := s.instruction(id)
	if err != nil {
		return Receipt{}, err
	}

	return s.act(actor, c.home, func(t *transaction) error {
		state, err := build(t, c)
		if err != nil {
			return err
		}

		t.conclude(offerOf(c).record, state)

		return nil
	})
}

func (t *transaction) conclude(record *Transfer, state TransferState) {
	t.onCommit = append(t.onCommit, func(u *update) {
		record.State, record.last = state, u.offsets
		if state != TransferPending {
			record.EndedBy = u.id
		}
	})
}

// Expire ends one offer whose deadline has passed, by its registry's Update alone.
func (s *Sandbox) Expire(instruction ident.ContractID) (Receipt, error) {
	s.mu.Lock()
	c, err := s.instruction(instruction)
	s.mu.Unlock()

	if err != nil {
		return Receipt{}, err
	}

	admin := offerOf(c).transfer.Instrument.Admin

	return s.onOffer(admin, instruction, func(t *transaction, c *contract) (TransferState, error) {
		if t.at.Before(time.Time(offerOf(c).transfer.ExecuteBefore)) {
			return "", fmt.Errorf("expire %s before its deadline: %w", c.id, ErrConflict)
		}

		return TransferExpired, t.endOffer(c, choiceUpdate, admin, nil)
	})
}

// ExpireOffers ends every offer whose deadline has passed, as the registries' automation does: Canton Coin's in
// one update per synchronizer, every other token's one by one. Preapprovals that have run out go too. It returns the
// updates it made.
func (s *Sandbox) ExpireOffers() ([]Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	receipts := []Receipt{}

	for _, home := range s.synchronizers {
		made, err := s.expireOn(home)
		if err != nil {
			return receipts, err
		}

		receipts = append(receipts, made...)
	}

	gone, err := s.expirePreapprovals()

	return append(receipts, gone...), err
}

func (s *Sandbox) expireOn(home *synchronizer) ([]Receipt, error) {
	var (
		coins    []*contract
		receipts []Receipt
	)

	for _, c := range s.expiredOffers(home) {
		if offerOf(c).instrument() == s.Amulet() {
			coins = append(coins, c)

			continue
		}

		admin := offerOf(c).transfer.Instrument.Admin

		r, err := s.act(admin, home, func(t *transaction) error {
			t.conclude(offerOf(c).record, TransferExpired)

			return t.endOffer(c, choiceUpdate, admin, nil)
		})
		if err != nil {
			return receipts, err
		}

		receipts = append(receipts, r)
	}

	for batch := range slices.Chunk(coins, maxBatch) {
		r, err := s.act(s.amulet.dso, home, func(t *transaction) error {
			for _, c := range batch {
				t.conclude(offerOf(c).record, TransferExpired)
			}

			return t.expireAmuletOffers(batch)
		})
		if err != nil {
			return receipts, err
		}

		receipts = append(receipts, r)
	}

	return receipts, nil
}

// expiredOffers lists live offers past their deadline, oldest first. The party order makes it deterministic.
func (s *Sandbox) expiredOffers(home *synchronizer) []*contract {
	now := s.ledgerTime()

	var expired []*contract

	for _, party := range s.partyOrder {
		for _, c := range s.parties[party].offers {
			o := offerOf(c)
			if o.transfer.Sender == party && c.home == home && !now.Before(time.Time(o.transfer.ExecuteBefore)) {
				expired = append(expired, c)
			}
		}
	}

	return expired
}
