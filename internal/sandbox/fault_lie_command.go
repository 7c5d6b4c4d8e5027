package sandbox

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// What lies add.
const (
	accompliceHint = "mallory"
	lieMetaKey     = "sandbox.example/added-by-the-node"
	lieMetaValue   = "nobody asked for this"
	lieSuffix      = "0"
)

// toldTransfer are the arguments of TransferFactory_Transfer as far as lies change them.
type toldTransfer struct {
	Admin    ident.Party    `json:"expectedAdmin"`
	Transfer transferRecord `json:"transfer"`
	Extra    struct {
		Context struct {
			Values map[string]json.RawMessage `json:"values"`
		} `json:"context"`
		Meta json.RawMessage `json:"meta"`
	} `json:"extraArgs"`
}

// alter lies about what was asked for.
func (l lie) alter(req *prepareRequest, cmd command) (prepareRequest, command, error) {
	told := *req

	l.v.mu.Lock()
	defer l.v.mu.Unlock()

	if err := l.v.ready(); err != nil {
		return told, cmd, err
	}

	if l.tells(fault.LieReceiver, fault.LieExtraNode, fault.LieRecipientOfChange) {
		if err := l.v.meetAccomplice(); err != nil {
			return told, cmd, err
		}
	}

	if rule, struck := l.rules[fault.LieDeadline]; struck && told.MaxRecordTime != nil {
		later := told.MaxRecordTime.Add(rule.Delay)
		told.MaxRecordTime = &later
	}

	if cmd.choice != choiceTransfer {
		if l.tells(fault.LieMetadata) {
			told.CommandID = lieMetaKey
		}

		return told, cmd, nil
	}

	var args toldTransfer
	if err := read(cmd.argument, &args); err != nil {
		return told, cmd, err
	}

	if err := l.alterTransfer(&told, &args); err != nil {
		return told, cmd, err
	}

	raw, err := encodeValue(args)
	if err == nil {
		cmd.argument, err = canonical(cmd.entity.Choices[cmd.choice].Argument, raw)
	}

	return told, cmd, err
}

func (l lie) alterTransfer(told *prepareRequest, args *toldTransfer) error {
	if args.Transfer.Meta.Values == nil {
		args.Transfer.Meta.Values = map[string]string{}
	}

	if l.tells(fault.LieReceiver) {
		l.payAccomplice(told, args)
	}

	if l.tells(fault.LieAmount) {
		if err := l.v.otherAmount(&args.Transfer); err != nil {
			return err
		}
	}

	if l.tells(fault.LieMemo) {
		args.Transfer.Meta.Values[keyReason] += lieSuffix
	}

	if l.tells(fault.LieMetadata) {
		args.Transfer.Meta.Values[lieMetaKey] = lieMetaValue
	}

	if rule, struck := l.rules[fault.LieDeadline]; struck {
		args.Transfer.ExecuteBefore = damlTime(time.Time(args.Transfer.ExecuteBefore).Add(rule.Delay))
	}

	if l.tells(fault.LieInput) {
		return l.v.otherInput(&args.Transfer)
	}

	return nil
}

// meetAccomplice makes the party that lies give to: one that is paid at once.
func (s *Sandbox) meetAccomplice() error {
	if s.accomplice == "" {
		party, err := s.allocate(accompliceHint)
		if err != nil {
			return err
		}

		s.accomplice = party
	}

	if s.livePreapproval(s.accomplice, s.ledgerTime()) != nil {
		return nil
	}

	if len(s.parties[s.accomplice].preapprovals) > 0 {
		if _, err := s.expirePreapprovals(); err != nil {
			return err
		}
	}

	_, err := s.act(s.accomplice, s.primary(), func(t *transaction) error {
		return t.proposePreapproval(s.accomplice, s.amulet.provider)
	})
	if err != nil {
		return err
	}

	_, err = s.automate()

	return err
}

// payAccomplice redirects a transfer. Where the receiver had a preapproval, the accomplice's takes its place, so that
// it is still a transfer in one step.
func (l lie) payAccomplice(told *prepareRequest, args *toldTransfer) {
	args.Transfer.Receiver = l.v.accomplice

	if _, direct := args.Extra.Context.Values[contextPreapproval]; !direct {
		return
	}

	approval := l.v.livePreapproval(l.v.accomplice, l.v.ledgerTime())
	args.Extra.Context.Values[contextPreapproval] = json.RawMessage(
		fmt.Sprintf(`{"tag":"AV_ContractId","value":%q}`, approval.id))
	told.Disclosed = append(slices.Clone(told.Disclosed), disclosedJSON{Contract: approval.id, Blob: approval.blob()})
}

// otherAmount moves half of the change too, or where there is none only half.
func (s *Sandbox) otherAmount(transfer *transferRecord) error {
	total := amount.Zero()

	for _, id := range transfer.Inputs {
		if c := s.contracts[id]; c != nil && holdingOf(c) != nil {
			sum, err := total.Add(holdingOf(c).amount)
			if err != nil {
				return fmt.Errorf("add up inputs: %w", err)
			}

			total = sum
		}
	}

	change, err := total.Sub(transfer.Amount)
	if err != nil {
		return fmt.Errorf("change: %w", err)
	}

	if change.Sign() <= 0 {
		transfer.Amount, err = half(transfer.Amount)

		return err
	}

	more, err := half(change)
	if err != nil {
		return err
	}

	if more.IsZero() {
		more = change
	}

	if transfer.Amount, err = transfer.Amount.Add(more); err != nil {
		return fmt.Errorf("add to the amount: %w", err)
	}

	return nil
}

func half(a amount.Amount) (amount.Amount, error) {
	out, err := amount.FromScaled(new(big.Int).Rsh(a.Scaled(), 1))
	if err != nil {
		return out, fmt.Errorf("halve %s: %w", a.Short(), err)
	}

	return out, nil
}

// otherInput spends a holding that was not named: instead of the first one that was if it is worth as much, else too.
func (s *Sandbox) otherInput(transfer *transferRecord) error {
	other := s.freeHolding(transfer.Sender, func(c *contract) bool {
		return holdingOf(c).instrument == transfer.Instrument.Ident() && !slices.Contains(transfer.Inputs, c.id)
	})
	if other == nil || len(transfer.Inputs) == 0 {
		return errUntold
	}

	transfer.Inputs = slices.Clone(transfer.Inputs)
	first := s.contracts[transfer.Inputs[0]]

	if first != nil && holdingOf(first) != nil && holdingOf(other).amount.Cmp(holdingOf(first).amount) >= 0 {
		transfer.Inputs[0] = other.id
	} else {
		transfer.Inputs = append(transfer.Inputs, other.id)
	}

	return nil
}

// freeHolding is a holding that its owner may spend; nil when there is none like it.
func (s *Sandbox) freeHolding(owner ident.Party, like func(*contract) bool) *contract {
	state, ok := s.parties[owner]
	if !ok {
		return nil
	}

	for c := range state.holdings.all() {
		if h := holdingOf(c); !h.locked && s.locked[c] == nil && like(c) {
			return c
		}
	}

	return nil
}
