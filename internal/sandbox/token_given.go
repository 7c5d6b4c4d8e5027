package sandbox

import (
	"fmt"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Keys of metadata in which version 2 of the standard writes accounts down for version 1 begin with these.
const (
	accountSender   = "cip-112/sender."
	accountReceiver = "cip-112/receiver."
)

// useContext takes from the context what a transfer of Canton Coin needs.
func (p *plan) useContext(t *transaction, context choiceContext) error {
	if err := t.goBy(context); err != nil {
		return err
	}

	if p.sender() == p.receiver() {
		return nil
	}

	approval, err := context.contract(t, contextPreapproval)
	if err != nil || approval == nil {
		return err
	}

	known := preapprovalOf(approval)
	if known == nil || known.receiver != p.receiver() {
		return fmt.Errorf("%w: the preapproval given is not that of %s", ErrInvalid, p.receiver())
	}

	if !t.isBefore(known.expiresAt) {
		return fmt.Errorf("preapproval of %s: %w", p.receiver(), ErrExpired)
	}

	p.approval = approval

	return nil
}

// usePermits takes from the context what a transfer of a permissioned token needs. Another token's choices do not read
// these entries, whatever a registry writes there.
func (p *plan) usePermits(t *transaction, context choiceContext) error {
	if !t.s.isPermissioned(p.transfer.Instrument.Admin) {
		return nil
	}

	for i, key := range []string{contextSenderPermit, contextReceiverPermit} {
		c, err := context.contract(t, key)
		if err != nil {
			return err
		}

		p.permits[i] = c
	}

	return nil
}

// planGiven checks a transfer that a client asks a factory for.
func (t *transaction) planGiven(factory *contract, admin ident.Party, transfer transferRecord) (*plan, error) {
	own := factory.signatories[0]

	switch {
	case admin != own:
		return nil, fmt.Errorf("%w: expectedAdmin %s is not %s", ErrInvalid, admin, own)
	case transfer.Instrument.Admin != own:
		return nil, fmt.Errorf("%w: instrument of %s at the factory of %s", ErrInvalid, transfer.Instrument.Admin, own)
	case transfer.Amount.Sign() <= 0:
		return nil, fmt.Errorf("%w: amount %s is not positive", ErrInvalid, transfer.Amount.Short())
	}

	if err := checkMeta(transfer.Meta); err != nil {
		return nil, err
	}

	if factory == t.s.amulet.externalRules && t.s.cfg.Shape == ShapeCurrent {
		if err := refuseAccounts(transfer.Meta); err != nil {
			return nil, err
		}
	}

	before := time.Time(transfer.ExecuteBefore)
	p := &plan{
		transfer: transfer, before: before,
		record: &Transfer{
			Sender: transfer.Sender, Receiver: transfer.Receiver, Amount: transfer.Amount,
			Instrument: transfer.Instrument, Memo: memoOf(transfer.Meta), Meta: besideMemo(transfer.Meta), ExecuteBefore: before,
		},
	}

	var err error

	p.inputs, p.total, err = t.given(transfer.Sender, p.instrument(), transfer.Inputs)
	if err != nil {
		return nil, err
	}

	need, err := t.expectedCost(p)
	if err == nil && p.total.Cmp(need) < 0 {
		err = fmt.Errorf("inputs of %s, needs %s: %w", p.total.Short(), need.Short(), ErrFunds)
	}

	return p, err
}

// refuseAccounts refuses metadata that stands for accounts, which version 2 of the standard has, as the factory of
// version 1 of Canton Coin does (ExternalPartyAmuletRules since amulet 0.1.21).
func refuseAccounts(m metadata) error {
	for key := range m.Values {
		name := key[strings.IndexByte(key, '/')+1:]
		if strings.HasPrefix(key, accountSender) || strings.HasPrefix(key, accountReceiver) ||
			strings.HasPrefix(name, accountSender) || strings.HasPrefix(name, accountReceiver) {
			return fmt.Errorf("%w: metadata %.80q is for version 2 of the standard", ErrInvalid, key)
		}
	}

	return nil
}

// given are the holdings that a client wants spent: all of them one owner's, one token, and free to be spent.
func (t *transaction) given(
	owner ident.Party, instrument ident.Instrument, ids []ident.ContractID,
) ([]*contract, amount.Amount, error) {
	total := amount.Zero()

	switch {
	case len(ids) == 0:
		return nil, total, fmt.Errorf("%w: No holdings provided", ErrInvalid)
	case len(ids) > maxInputs:
		return nil, total, fmt.Errorf("%d inputs, at most %d: %w", len(ids), maxInputs, ErrTooManyInputs)
	}

	inputs := make([]*contract, 0, len(ids))
	twice := make(map[ident.ContractID]bool, len(ids))

	for _, id := range ids {
		c := t.s.contracts[id]
		if err := t.look(c); err != nil {
			return nil, total, fmt.Errorf("input %s: %w", id, err)
		}

		h := holdingOf(c)

		switch {
		case twice[id]:
			return nil, total, fmt.Errorf("%w: input %s is given twice", ErrInvalid, id)
		case h == nil || h.owner != owner || h.instrument != instrument:
			return nil, total, fmt.Errorf("%w: input %s is no %s of %s", ErrInvalid, id, instrument.ID, owner)
		case h.locked && !t.lockIsOver(h):
			return nil, total, fmt.Errorf("input %s is locked: %w", id, ErrConflict)
		}

		twice[id] = true
		inputs = append(inputs, c)

		var err error
		if total, err = total.Add(h.amount); err != nil {
			return nil, total, fmt.Errorf("add up inputs: %w", err)
		}
	}

	return inputs, total, nil
}

// lockIsOver reports whether an owner may spend a locked holding: Canton Coin whose lock has run out.
func (t *transaction) lockIsOver(h *holding) bool {
	return h.instrument == t.s.Amulet() && t.isFrom(h.expiresAt)
}
