package intent

import (
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

// Check reports whether signing the transaction does exactly what was asked for, and nothing else. The error is a
// *MismatchError, which wraps ErrMismatch; then nothing may be signed, and an honest node would not have caused it.
//
// Check judges the decoded content. The caller computes the hash from the same Prepared and signs that hash, not the
// node's.
func Check(p signing.Prepared, want Request) error {
	c := &checker{request: want, prepared: p, contracts: map[ident.ContractID]*contract{}}

	if err := p.CheckInputs(); err != nil {
		c.differs("metadata.input_contracts", "the contracts that are used", err.Error())
	}

	c.metadata()

	if want.Action == nil {
		c.differs("action", "an action", "none was asked for")
	} else {
		c.trace()
		want.Action.check(c)
	}

	if len(c.found.Mismatches) > 0 {
		return &c.found
	}

	return nil
}

// checker is one check.
type checker struct {
	request   Request
	prepared  signing.Prepared
	found     MismatchError
	contracts map[ident.ContractID]*contract
	order     []*contract // inputs, then what is made, in order
}

func (c *checker) metadata() {
	m := c.prepared.Metadata

	c.expect(len(m.ActAs) == 1 && m.ActAs[0] == c.request.Party,
		"metadata.act_as", string(c.request.Party), parties(m.ActAs))
	c.equal("metadata.command_id", c.request.CommandID, m.CommandID)
	c.equal("metadata.synchronizer_id", logical(c.request.Synchronizer), logical(m.SynchronizerID))

	id, err := uuid.Parse(m.TransactionUUID)
	c.expect(err == nil && id.String() == strings.ToLower(m.TransactionUUID),
		"metadata.transaction_uuid", "a UUID", m.TransactionUUID)

	c.times(m)
}

// logical is the part of a synchronizer's id that stays the same through upgrades: name::fingerprint.
func logical(id ident.SynchronizerID) string {
	parts := strings.SplitN(string(id), "::", 3) // the rest is protocol version and serial
	if len(parts) < 2 {
		return string(id)
	}

	return parts[0] + "::" + parts[1]
}

func (c *checker) times(m signing.Metadata) {
	prepared := m.PreparationTime.Time()

	// The window is compared in this order, and not by subtraction, because a time can be centuries away.
	c.expect(!prepared.Before(c.request.Now.Add(-c.request.Tolerance)) &&
		!prepared.After(c.request.Now.Add(c.request.Tolerance)),
		"metadata.preparation_time", "within "+c.request.Tolerance.String()+" of "+stamp(c.request.Now), stamp(prepared))

	var asked *signing.Timestamp
	if !c.request.MaxRecordTime.IsZero() {
		asked = new(signing.TimestampOf(c.request.MaxRecordTime))
	}

	c.equal("metadata.max_record_time", optionalStamp(asked), optionalStamp(m.MaxRecordTime))

	// Bounds that are too narrow only make the transaction fail, and so do those that have passed meanwhile: an answer may
	// be late. Those that leave no moment, or none after the preparation, are no honest node's.
	if m.MinLedgerTime != nil && m.MaxLedgerTime != nil && *m.MinLedgerTime > *m.MaxLedgerTime {
		c.differs("metadata.min_ledger_time", "not after "+optionalStamp(m.MaxLedgerTime), optionalStamp(m.MinLedgerTime))
	}

	if m.MaxLedgerTime != nil {
		c.expect(m.MaxLedgerTime.Time().After(prepared), "metadata.max_ledger_time",
			"after "+stamp(prepared), optionalStamp(m.MaxLedgerTime))
	}

	if m.MinLedgerTime != nil && asked != nil {
		c.expect(*m.MinLedgerTime <= *asked, "metadata.min_ledger_time",
			"not after "+optionalStamp(asked), optionalStamp(m.MinLedgerTime))
	}
}

// window holds the ledger time bounds against those that a transfer has by itself: it may not happen before it was
// requested, nor from its deadline on.
func (c *checker) window(t token.Transfer) {
	m := c.prepared.Metadata

	if m.MinLedgerTime != nil {
		c.expect(!m.MinLedgerTime.Time().Before(t.RequestedAt), "metadata.min_ledger_time",
			"not before "+stamp(t.RequestedAt), optionalStamp(m.MinLedgerTime))
	}

	if m.MaxLedgerTime != nil {
		c.expect(m.MaxLedgerTime.Time().Before(t.ExecuteBefore), "metadata.max_ledger_time",
			"before "+stamp(t.ExecuteBefore), optionalStamp(m.MaxLedgerTime))
	}
}

// root is the transaction's one root, which should be the choice that was asked for, on the contract that was meant,
// by the party alone. It is false if it is another action altogether, so that there is no more to compare.
func (c *checker) root(iface ident.Name, choice string, on ident.ContractID, consuming bool) (signing.Exercise, bool) {
	root, ok := c.prepared.Transaction.RootExercise()
	if !ok {
		c.differs("transaction", "one root, "+choice, roots(c.prepared.Transaction))

		return signing.Exercise{}, false
	}

	c.equal("root.contract_id", string(on), string(root.ContractID))
	c.equal("root.choice", choice, root.Choice)
	c.expect(root.Interface.Is(iface), "root.interface", iface.String(), name(root.Interface))
	c.expect(root.Consuming == consuming, "root.consuming", fmt.Sprint(consuming), fmt.Sprint(root.Consuming))
	c.expect(!root.ByKey && root.Key == nil, "root.key", "none", "a contract key")
	c.expect(len(root.ActingParties) == 1 && root.ActingParties[0] == c.request.Party,
		"root.acting_parties", string(c.request.Party), parties(root.ActingParties))

	return root, root.Choice == choice && root.Interface.Is(iface)
}

// roots tells what a transaction consists of, for a mismatch.
func roots(t signing.Transaction) string {
	if len(t.Roots) != 1 {
		return fmt.Sprintf("%d roots", len(t.Roots))
	}

	return "one root, " + title(t.Roots[0])
}

func title(n *signing.Node) string {
	switch a := n.Action.(type) { //nolint:exhaustive // actions are values
	case signing.Create:
		return "create of " + name(a.Template)
	case signing.Exercise:
		return word(a.Choice) + " on " + name(a.Template)
	case signing.Fetch:
		return "fetch of " + name(a.Template)
	case signing.Rollback:
		return "rollback"
	case signing.QueryByKey:
		return "query by key of " + name(a.Template)
	default:
		return "unknown node"
	}
}

// name is a template or interface for people: the package is a hash.
func name(n ident.Name) string {
	if n.IsZero() {
		return "none"
	}

	return word(n.Module + ":" + n.Entity)
}

// parties is a list for people, bounded because a node can make it as long as it likes.
func parties(list []ident.Party) string {
	const most = 8

	texts := make([]string, 0, most+1)

	for i, p := range list {
		if i == most {
			texts = append(texts, fmt.Sprintf("%d more", len(list)-most))

			break
		}

		texts = append(texts, word(string(p)))
	}

	return strings.Join(texts, ", ")
}

// stamp is a time in the ledger's resolution.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999999Z") }

func optionalStamp(t *signing.Timestamp) string {
	if t == nil {
		return "none"
	}

	return stamp(t.Time())
}
