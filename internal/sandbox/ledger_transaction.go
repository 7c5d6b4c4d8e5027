package sandbox

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// transaction is a transaction under construction. Nothing of it reaches the ledger before commit, so a
// transaction that fails half way is simply dropped. It is used under Sandbox.mu.
type transaction struct {
	s          *Sandbox
	home       *synchronizer
	submitters []ident.Party
	at         time.Time // ledger effective time: what the token logic calls now
	seed       seed
	suffixes   seed   // of its contract ids
	made       uint64 // contract ids made from the seed so far
	roots      []*node
	parent     *node
	authority  []ident.Party // of the action under construction: who has agreed to what it does
	reach      reach
	created    []*contract
	consumed   map[*contract]*node
	inputs     map[*contract]struct{} // used and not made here
	bounds     bounds
	nodes      []*node // once it is complete, in pre-order
	failed     error   // see fail
	onCommit   []func(*update)
	bare       *details      // of all its creates
	signed     []ident.Party // the last holding
	looking    *details      // of its last fetch

	// The network's contracts that this transaction goes by.
	config *contract // ExternalPartyConfigState
	round  *contract // OpenMiningRound
	// byRound: coins count from the mining round even where the configuration state has taken its place.
	byRound bool
}

// reach is which contracts a submission may use: those that its parties see, and those disclosed to it. The zero value
// reaches everything, as the network's own wallets do.
type reach struct {
	limited   bool
	parties   []ident.Party // sorted
	disclosed map[*contract]struct{}
}

func (r reach) includes(c *contract) bool {
	if !r.limited {
		return true
	}

	if _, ok := r.disclosed[c]; ok {
		return true
	}

	return slices.ContainsFunc(r.parties, func(p ident.Party) bool {
		return slices.Contains(c.signatories, p) || slices.Contains(c.observers, p)
	})
}

func (s *Sandbox) begin(home *synchronizer, submitters ...ident.Party) *transaction {
	return s.beginAt(home, s.ledgerTime(), s.newSeed(), submitters)
}

// beginAt begins a transaction that is a function of its seed, of the time and of the ledger: the same three give the
// same transaction again.
func (s *Sandbox) beginAt(home *synchronizer, at time.Time, from seed, submitters []ident.Party) *transaction {
	parties := union(submitters)

	return &transaction{
		s: s, home: home, submitters: parties, authority: parties, at: at, seed: from, suffixes: from,
		consumed: map[*contract]*node{}, inputs: map[*contract]struct{}{}, bare: &details{},
		config: s.amulet.config, round: s.amulet.round,
	}
}

func (t *transaction) add(n *node) {
	if t.parent == nil {
		t.roots = append(t.roots, n)
	} else {
		t.parent.children = append(t.parent.children, n)
	}
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

	n := &node{kind: nodeExercise, contract: spec.on, details: &details{
		iface: spec.iface, choice: spec.choice, argument: argument, acting: spec.acting, informed: spec.observers,
		consuming: spec.consuming,
	}}

	if missing := lacking(t.authority, spec.acting); missing != "" {
		return fmt.Errorf("exercise %s without the authority of %s: %w", spec.choice, missing, ErrUnauthorized)
	}

	if err := t.use(spec.on, n); err != nil {
		return err
	}

	t.add(n)

	outer, before := t.parent, t.authority
	t.parent, t.authority = n, union(spec.on.signatories, spec.acting)
	result, err := body()
	t.parent, t.authority = outer, before

	if err == nil {
		err = t.failed
	}

	if err != nil {
		return err
	}

	n.result, err = encodeValue(result)

	return err
}

// use checks that a contract is there to be used, and marks it archived when n consumes it.
func (t *transaction) use(c *contract, n *node) error {
	if err := t.look(c); err != nil {
		return err
	}

	if c.home != t.home && !c.anywhere {
		return fmt.Errorf("contract %s is on synchronizer %s, not %s: %w", c.id, c.home.id, t.home.id, errElsewhere)
	}

	if n.consuming {
		t.consumed[c] = n
	}

	return nil
}

// sees checks that a contract is there to be looked at.
func (t *transaction) sees(c *contract) error {
	switch {
	case c == nil || !t.reach.includes(c) && !t.makes(c):
		return fmt.Errorf("contract %s: %w", nameOf(c), ErrUnknown)
	case !c.active() || t.consumed[c] != nil:
		return fmt.Errorf("contract %s: %w", c.id, ErrInactive)
	}

	return nil
}

// look checks that a contract is there to be looked at, and remembers it as one that the transaction depends on.
func (t *transaction) look(c *contract) error {
	if err := t.sees(c); err != nil {
		return err
	}

	if !t.makes(c) {
		t.inputs[c] = struct{}{}
	}

	return nil
}

func (t *transaction) makes(c *contract) bool { return slices.Contains(t.created, c) }

func nameOf(c *contract) ident.ContractID {
	if c == nil {
		return "(none)"
	}

	return c.id
}

// fetch adds a node without an event. A contract that cannot be looked at fails the choice that is being exercised.
func (t *transaction) fetch(c *contract, acting ...ident.Party) {
	if err := t.look(c); err != nil {
		t.fail(err)

		return
	}

	t.add(&node{kind: nodeFetch, contract: c, details: t.lookAs(acting)})
}

// lookAs are the details of a fetch, which fetches next to one another share.
func (t *transaction) lookAs(acting []ident.Party) *details {
	if last := t.looking; last != nil && slices.Equal(last.acting, acting) && slices.Equal(last.authority, t.authority) {
		return last
	}

	t.looking = &details{acting: acting, authority: t.authority}

	return t.looking
}

// fail makes the transaction one that cannot be committed; the first reason counts.
func (t *transaction) fail(err error) {
	if t.failed == nil {
		t.failed = err
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
	return t.commitAs(&update{effectiveAt: t.at, commandID: t.s.newCommandID()})
}

// finish numbers the nodes; after it nothing can be added.
func (t *transaction) finish() []*node {
	if t.nodes == nil {
		t.nodes = number(t.roots, t.s.cfg.OwnNodeIDs)
	}

	return t.nodes
}

// commitAs puts the transaction on the ledger under what u says of its submission.
func (t *transaction) commitAs(u *update) (*update, error) {
	if t.failed != nil {
		return nil, t.failed
	}

	if err := t.s.roomForContracts(len(t.created), len(t.consumed)); err != nil {
		return nil, err
	}

	u.kind, u.submitters, u.synchronizer, u.nodes = updateTransaction, t.submitters, t.home, t.finish()
	if u.trafficCost == 0 {
		u.trafficCost = t.trafficCost()
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
		delete(t.s.inputs, c)
	}

	t.s.indexPayloads(t)

	for _, f := range t.onCommit {
		f(u)
	}

	t.s.publish()

	return u, nil
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

// trafficCost is what a submission costs in bytes of traffic: real ones are near 20 kB (node operations guide), more
// for larger transactions.
func (t *transaction) trafficCost() int64 {
	const base, each = 8_000, 900

	return base + each*int64(len(t.finish()))
}
