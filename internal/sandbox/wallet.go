package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Bounds on what a wallet may ask for.
const (
	defaultOfferLife = 24 * time.Hour
	maxBatch         = 100
	maxMetaEntries   = 100
	maxMetaBytes     = 64 << 10
	booksPerUpdate   = 4 // how many transfers the books keep for each update that the history may hold
)

// TransferRequest is a transfer as a customer's wallet asks for it. The wallet selects the inputs itself.
type TransferRequest struct {
	Sender     ident.Party
	Receiver   ident.Party
	Instrument ident.Instrument
	Amount     amount.Amount
	// Memo becomes the reason in the transfer's metadata; nil leaves it out, "" writes an empty one.
	Memo *string
	// Meta is further metadata of the transfer.
	Meta map[string]string
	// ExecuteBefore is the deadline, 24 hours from now when zero. It must be in the future.
	ExecuteBefore time.Time
}

// Receipt says where on the ledger an action ended up.
type Receipt struct {
	UpdateID   ident.UpdateID `json:"updateId"`
	Offset     ident.Offset   `json:"offset"`
	RecordTime time.Time      `json:"recordTime"`
	// Instructions are the offers that the action made, in the order of the transfers asked for.
	Instructions []ident.ContractID `json:"instructions"`
	// Holdings are the holdings that the action created and that still exist.
	Holdings []ident.ContractID `json:"holdings"`
}

// Memo is a memo for TransferRequest.Memo.
//
//go:fix inline
func Memo(text string) *string { return new(text) }

// act runs build in a transaction of submitter and commits it.
func (s *Sandbox) act(
	submitter ident.Party, home *synchronizer, build func(*transaction) error,
) (Receipt, error) {
	return s.actTogether([]ident.Party{submitter}, home, build)
}

// actTogether runs build in a transaction that several parties submit, and commits it.
func (s *Sandbox) actTogether(
	submitters []ident.Party, home *synchronizer, build func(*transaction) error,
) (Receipt, error) {
	if s.replay {
		return Receipt{}, ErrReplay
	}

	for _, submitter := range submitters {
		if _, err := s.party(submitter); err != nil {
			return Receipt{}, err
		}
	}

	if err := s.rotate(); err != nil {
		return Receipt{}, err
	}

	t := s.begin(home, submitters...)
	if err := build(t); err != nil {
		return Receipt{}, err
	}

	u, err := t.commit()
	if err != nil {
		return Receipt{}, err
	}

	r := Receipt{UpdateID: u.id, Offset: u.offsets[0], RecordTime: u.recordTime}
	r.Instructions, r.Holdings = []ident.ContractID{}, []ident.ContractID{}

	for _, c := range t.created {
		claim, _ := claimOf(c)

		switch {
		case t.consumed[c] != nil:
		case offerOf(c) != nil:
			r.Instructions = append(r.Instructions, c.id)
		case claim != nil:
			r.Holdings = append(r.Holdings, c.id)
		}
	}

	return r, nil
}

// Transfer moves tokens: in one step to a receiver with a Canton Coin preapproval, otherwise as an offer.
func (s *Sandbox) Transfer(req TransferRequest) (Receipt, error) {
	return s.Batch([]TransferRequest{req})
}

// Merge is a transfer to oneself: it merges up to 100 holdings, those with an expired lock too, smallest
// first, and splits off the amount.
func (s *Sandbox) Merge(owner ident.Party, instrument ident.Instrument, value amount.Amount) (Receipt, error) {
	return s.Transfer(TransferRequest{Sender: owner, Receiver: owner, Instrument: instrument, Amount: value})
}

// Batch makes several transfers of one sender in one update. Their inputs are disjoint, as for the commands of
// one submission, so the sender needs holdings enough.
func (s *Sandbox) Batch(requests []TransferRequest) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if len(requests) == 0 || len(requests) > maxBatch {
		return Receipt{}, fmt.Errorf("%w: batch of %d transfers, want 1 to %d", ErrInvalid, len(requests), maxBatch)
	}

	first := requests[0]

	if err := s.roomInBooks(len(requests)); err != nil {
		return Receipt{}, err
	}

	return s.act(first.Sender, s.home(first.Sender, first.Instrument), func(t *transaction) error {
		for _, req := range requests {
			if req.Sender != first.Sender {
				return fmt.Errorf("%w: a batch has one sender", ErrInvalid)
			}

			if err := t.transfer(req); err != nil {
				return fmt.Errorf("transfer %s %s to %s: %w", req.Amount.Short(), req.Instrument, req.Receiver, err)
			}
		}

		return nil
	})
}

func (t *transaction) transfer(req TransferRequest) error {
	p, err := t.plan(req)
	if err != nil {
		return err
	}

	need, err := t.expectedCost(p)
	if err != nil {
		return err
	}

	if p.sender() == p.receiver() {
		err = t.mergeInputs(p, need)
	} else {
		p.inputs, p.total, err = t.selectInputs(p.sender(), req.Instrument, need)
	}

	if err != nil {
		return err
	}

	p.transfer.Inputs = ids(p.inputs)
	if req.Instrument == t.s.Amulet() {
		err = t.transferAmulet(p)
	} else {
		err = t.transferAcme(p)
	}

	if err != nil {
		return err
	}

	t.settle(p.record)

	return nil
}

// settle enters a transfer into the books once it is committed.
func (t *transaction) settle(record *Transfer) {
	record.State = TransferCompleted
	if record.Instruction != "" {
		record.State = TransferOffered
	}

	t.onCommit = append(t.onCommit, func(u *update) {
		record.UpdateID, record.Offset, record.last = u.id, u.offsets[0], u.offsets
		t.s.books.transfers = append(t.s.books.transfers, record)
	})
}

// plan checks what does not depend on the wallet's holdings.
func (t *transaction) plan(req TransferRequest) (*plan, error) {
	for _, party := range []ident.Party{req.Sender, req.Receiver} {
		if _, err := t.s.party(party); err != nil {
			return nil, err
		}
	}

	if req.Amount.Sign() <= 0 {
		return nil, fmt.Errorf("%w: amount %s is not positive", ErrInvalid, req.Amount.Short())
	}

	if _, err := ident.ParseInstrument(string(req.Instrument.Admin), req.Instrument.ID); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}

	m, err := transferMeta(req)
	if err != nil {
		return nil, err
	}

	before := req.ExecuteBefore
	if before.IsZero() {
		before = t.at.Add(defaultOfferLife)
	}

	before = micros(before)
	if !before.After(t.at) {
		return nil, fmt.Errorf("executeBefore %s is not after %s: %w", before, t.at, ErrExpired)
	}

	return &plan{
		before: before,
		transfer: transferRecord{
			Sender: req.Sender, Receiver: req.Receiver, Amount: req.Amount, Instrument: instrumentOf(req.Instrument),
			RequestedAt: damlTime(t.at), ExecuteBefore: damlTime(before), Meta: m,
		},
		record: &Transfer{
			Sender: req.Sender, Receiver: req.Receiver, Amount: req.Amount, Instrument: InstrumentID(req.Instrument),
			Memo: memoOf(m), Meta: besideMemo(m), ExecuteBefore: before,
		},
	}, nil
}

func memoOf(m metadata) *string {
	if memo, ok := m.Values[keyReason]; ok {
		return &memo
	}

	return nil
}

// besideMemo is what else metadata says, as one may keep it.
func besideMemo(m metadata) map[string]string {
	rest := maps.Clone(m.Values)
	delete(rest, keyReason)

	if len(rest) == 0 {
		return nil
	}

	return rest
}

func transferMeta(req TransferRequest) (metadata, error) {
	m := meta()
	maps.Copy(m.Values, req.Meta)

	if req.Memo != nil {
		m.Values[keyReason] = *req.Memo
	}

	return m, checkMeta(m)
}

// checkMeta bounds what strangers can put on the ledger; the standard itself sets no bound.
func checkMeta(m metadata) error {
	size := 0
	for key, value := range m.Values {
		size += len(key) + len(value)
	}

	if len(m.Values) > maxMetaEntries || size > maxMetaBytes {
		return fmt.Errorf("%w: metadata of %d entries and %d bytes", ErrInvalid, len(m.Values), size)
	}

	return nil
}

// mergeInputs takes every holding for a merge, smallest first and at most maxInputs of them.
func (t *transaction) mergeInputs(p *plan, need amount.Amount) error {
	all := t.spendable(p.sender(), p.instrument(), p.instrument() == t.s.Amulet())
	slices.SortFunc(all, compareHoldings)
	p.inputs = all[max(0, len(all)-maxInputs):]
	p.total = amount.Zero()

	for _, c := range p.inputs {
		var err error
		if p.total, err = p.total.Add(holdingOf(c).amount); err != nil {
			return fmt.Errorf("add up inputs: %w", err)
		}
	}

	if len(p.inputs) == 0 || p.total.Cmp(need) < 0 {
		return fmt.Errorf("merge of %s: %w", p.total.Short(), ErrFunds)
	}

	return nil
}
