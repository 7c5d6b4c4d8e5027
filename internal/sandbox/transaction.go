package sandbox

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// contractIDInfix separates the discriminator of a contract id from its suffix (contract id version 1).
const contractIDInfix = "ca111220"

// transaction is a transaction under construction. Nothing of it reaches the ledger before commit, so a
// transaction that fails half way is simply dropped. It is used under Sandbox.mu.
type transaction struct {
	s         *Sandbox
	home      *synchronizer
	submitter ident.Party
	at        time.Time // ledger effective time: what the token logic calls now
	roots     []*node
	parent    *node
	created   []*contract
	consumed  map[*contract]*node
	onCommit  []func(*update)
}

func (s *Sandbox) begin(submitter ident.Party, home *synchronizer) *transaction {
	return &transaction{
		s: s, home: home, submitter: submitter, at: s.ledgerTime(), consumed: map[*contract]*node{},
	}
}

// creation describes a contract to create.
type creation struct {
	template    ident.Name
	packageName string
	argument    any
	signatories []ident.Party
	observers   []ident.Party
	views       map[ident.Name]any
	payload     any
}

func (t *transaction) add(n *node) {
	if t.parent == nil {
		t.roots = append(t.roots, n)
	} else {
		t.parent.children = append(t.parent.children, n)
	}
}

func (t *transaction) create(spec creation) (*contract, error) {
	argument, err := encodeValue(spec.argument)
	if err != nil {
		return nil, err
	}

	c := &contract{
		id: t.s.newContractID(), template: spec.template, packageName: spec.packageName, argument: argument,
		signatories: spec.signatories, observers: spec.observers, createdAt: t.at, payload: spec.payload, home: t.home,
	}

	for name, value := range spec.views {
		raw, err := encodeValue(value)
		if err != nil {
			return nil, err
		}

		c.views = append(c.views, view{iface: name, value: raw})
	}

	sortViews(c.views)

	c.node = &node{kind: nodeCreate, contract: c}
	t.created = append(t.created, c)
	t.add(c.node)

	return c, nil
}

// exercise describes a choice to exercise.
type exercise struct {
	on        *contract
	iface     ident.Name
	choice    string
	argument  any
	acting    []ident.Party
	observers []ident.Party
	consuming bool
}

// exercise adds a choice; body adds what it does and returns its result.
func (t *transaction) exercise(spec exercise, body func() (any, error)) error {
	argument, err := encodeValue(spec.argument)
	if err != nil {
		return err
	}

	n := &node{
		kind: nodeExercise, contract: spec.on, iface: spec.iface, choice: spec.choice, argument: argument,
		acting: spec.acting, informed: spec.observers, consuming: spec.consuming,
	}

	if err := t.use(spec.on, n); err != nil {
		return err
	}

	t.add(n)

	outer := t.parent
	t.parent = n
	result, err := body()
	t.parent = outer

	if err != nil {
		return err
	}

	n.result, err = encodeValue(result)

	return err
}

// use checks that a contract is there to be used, and marks it archived when n consumes it.
func (t *transaction) use(c *contract, n *node) error {
	if !c.active() || t.consumed[c] != nil {
		return fmt.Errorf("contract %s: %w", c.id, ErrInactive)
	}

	if c.home != t.home && !c.anywhere {
		return fmt.Errorf("contract %s is on synchronizer %s, not %s: %w", c.id, c.home.id, t.home.id, ErrConflict)
	}

	if n.consuming {
		t.consumed[c] = n
	}

	return nil
}

// fetch adds a node without an event.
func (t *transaction) fetch(c *contract, acting ...ident.Party) {
	t.add(&node{kind: nodeFetch, contract: c, acting: acting, last: 0})
}

// fetchAll looks at every input, as the choices of Canton Coin do before they spend any.
func (t *transaction) fetchAll(inputs []*contract) {
	for _, c := range inputs {
		t.fetch(c)
	}
}

// archive adds a plain Archive by the signatories.
func (t *transaction) archive(c *contract) error {
	return t.exercise(exercise{
		on: c, choice: "Archive", argument: struct{}{}, acting: c.signatories, consuming: true,
	}, func() (any, error) { return struct{}{}, nil })
}

// commit puts the transaction on the ledger, all of it at once.
func (t *transaction) commit() (*update, error) {
	u := &update{
		kind: updateTransaction, submitter: t.submitter, effectiveAt: t.at, synchronizer: t.home,
		nodes: number(t.roots), commandID: t.s.newCommandID(), trafficCost: t.s.trafficCost(),
	}

	if err := t.s.appendUpdate(u); err != nil {
		return nil, err
	}

	for _, c := range t.created {
		c.created = u.offsets
		t.s.contracts[c.id] = c
		t.s.order = append(t.s.order, c)

		if archiver := t.consumed[c]; archiver != nil {
			c.node.transient, archiver.transient = true, true
		}
	}

	for c, n := range t.consumed {
		c.archived, c.archivedBy = u.offsets, n
	}

	t.s.indexPayloads(t)

	for _, f := range t.onCommit {
		f(u)
	}

	t.s.publish()

	return u, nil
}

// encodeValue writes a Daml value once, when it enters the ledger: what is committed can no longer change.
func encodeValue(value any) (json.RawMessage, error) {
	if raw, ok := value.(json.RawMessage); ok {
		return raw, nil
	}

	var buf bytes.Buffer

	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)

	if err := enc.Encode(value); err != nil {
		return nil, fmt.Errorf("encode ledger value: %w", err)
	}

	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

func (s *Sandbox) newContractID() ident.ContractID {
	return ident.ContractID("00" + s.hexDigits(hashBytes) + contractIDInfix + s.hexDigits(hashBytes))
}

// hexDigits returns n random bytes in hex.
func (s *Sandbox) hexDigits(n int) string {
	raw := make([]byte, n)
	for i := range raw {
		raw[i] = byte(s.rng.UintN(math.MaxUint8 + 1)) //nolint:gosec // fits by construction
	}

	return hex.EncodeToString(raw)
}

func (s *Sandbox) newCommandID() string {
	h := s.hexDigits(traceBytes)

	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// trafficCost is what a submission cost in bytes of traffic; real ones are near 20 kB (node operations guide).
func (s *Sandbox) trafficCost() int64 {
	const least, spread = 12_000, 12_000

	return least + s.rng.Int64N(spread)
}
