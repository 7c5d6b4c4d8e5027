package sandbox

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/sandbox/model"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
)

// Sandbox is one network with one validator node, or two. All its methods may be called at once from anywhere.
type Sandbox struct {
	cfg   Config
	known map[string]map[string]bool

	closed chan struct{}

	mu            sync.Mutex
	rng           *rand.Rand
	replay        bool
	stopped       bool
	validators    []*Validator // fixed at the start
	effective     time.Time    // the last ledger effective time
	synchronizers []*synchronizer
	contracts     map[ident.ContractID]*contract
	order         []*contract // by creation
	species       map[ident.Name]*species
	unlocked      map[ident.Name]*species // of unlocked holdings, by names with the package's name
	parties       map[ident.Party]*partyState
	partyOrder    []ident.Party
	changed       chan struct{} // closed, and replaced, whenever an update is appended
	ticks         uint64        // counts calls of Tick

	plan            *fault.Plan // when to misbehave
	began           time.Time   // of uptime
	lookout         lookout
	network         *networkClock
	upgrade         window      // how long nothing can be submitted
	upgrading       atomic.Bool // until the window is over and the successors are there
	accomplice      ident.Party // whom lies give to; none before the first
	stale           map[staleKey]*contract
	annotated       int // bytes of all parties' annotations
	contractsAtMost int // maxContracts
	joining         map[ident.Party]*joining
	catalog         *model.Catalog
	behaviours      map[string]behaviour
	births          map[string]birth
	locked          map[*contract]*submission // inputs of submissions in flight
	lost            []*submission             // never sequenced, waiting for their time to be over
	sequenced       sequencedBefore

	inputs map[*contract]*signing.Create // signed forms of the network's own contracts, while these are active

	amulet amuletState
	acme   acmeState
	books  books
}

// partyState is what the network knows about one party.
type partyState struct {
	preapprovals []*contract               // of which it is the receiver; they may have run out
	keys         topology.KeySet           // of an external party; none for a party that the node itself signs for
	permission   [maxValidators]permission // of each validator; unspecified where it does not host the party
	annotations  map[string]string
	version      uint64 // of the annotations
	holdings     pile
	lookAlikes   pile        // that say it owns them
	offers       []*contract // live instructions it sends or receives
}

// New starts a network: the Canton Coin and AcmeToken registries are there, no customer is.
func New(cfg Config) (*Sandbox, error) {
	s, err := newEmpty(cfg)
	if err != nil {
		return nil, err
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	fingerprint := s.fingerprint()
	s.addValidator()

	if s.cfg.TwoValidators {
		s.addValidator()
	}

	s.connect("global", "global-domain::"+fingerprint, 0)

	if s.cfg.TwoSynchronizers {
		s.connect("private", "private-domain::"+s.fingerprint(), secondSynchronizerLag)
	}

	for _, v := range s.validators {
		if err := v.administer(); err != nil {
			return nil, err
		}
	}

	if err := s.startAmulet("DSO::" + fingerprint); err != nil {
		return nil, fmt.Errorf("start Canton Coin: %w", err)
	}

	if err := s.startAcme(); err != nil {
		return nil, fmt.Errorf("start AcmeToken: %w", err)
	}

	if err := s.startFaults(); err != nil {
		return nil, err
	}

	return s, nil
}

// secondSynchronizerLag makes record times of two synchronizers disagree, as the ledger API allows.
const secondSynchronizerLag = 3 * time.Second

// Sizes of what a node makes up.
const (
	hashBytes     = 32 // of a SHA-256 in an id
	traceBytes    = 16
	spanBytes     = 8
	maxOffsetStep = 3                      // an offset is 1 to 3 above the last
	minSequencing = 100 * time.Microsecond // from effective time to record time
	maxSequencing = time.Millisecond
)

func newEmpty(cfg Config) (*Sandbox, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}

	const stream = 0x9E3779B97F4A7C15 // any constant: the seed alone decides

	return &Sandbox{
		cfg: cfg, known: knownPackages(cfg.EventsV2), closed: make(chan struct{}),
		rng:       rand.New(rand.NewPCG(cfg.Seed, stream)), //nolint:gosec // a reproducible simulation, no secrets
		contracts: map[ident.ContractID]*contract{}, parties: map[ident.Party]*partyState{},
		contractsAtMost: maxContracts,
		species:         map[ident.Name]*species{}, unlocked: map[ident.Name]*species{},
		changed: make(chan struct{}),
		books:   newBooks(), plan: fault.New(cfg.FaultSeed),
		network: &networkClock{Clock: cfg.Clock}, began: clock.System{}.Now(),
		catalog: model.New(cfg.EventsV2), behaviours: behaviours(), births: births(),
		locked: map[*contract]*submission{}, joining: map[ident.Party]*joining{},
		inputs: map[*contract]*signing.Create{},
		stale:  map[staleKey]*contract{},
	}, nil
}

// Close cuts every stream and waits for them. The sandbox answers no request afterwards.
func (s *Sandbox) Close() {
	s.mu.Lock()
	if !s.stopped {
		s.stopped = true
		close(s.closed)
	}
	s.mu.Unlock()

	for _, v := range s.validators {
		v.CutStreams()
		v.streams.Wait()
	}

	s.lookout.close()
}

// DSO is the admin party of Canton Coin.
func (s *Sandbox) DSO() ident.Party { return s.amulet.dso }

// Amulet is the instrument of Canton Coin.
func (s *Sandbox) Amulet() ident.Instrument {
	return ident.Instrument{Admin: s.amulet.dso, ID: "Amulet"}
}

// AcmeToken is the second token's instrument.
func (s *Sandbox) AcmeToken() ident.Instrument {
	return ident.Instrument{Admin: s.acme.registrar, ID: "AcmeToken"}
}

func (s *Sandbox) fingerprint() string { return "1220" + s.hexDigits(hashBytes) }

func (s *Sandbox) connect(alias, id string, lag time.Duration) {
	s.synchronizers = append(s.synchronizers, &synchronizer{id: ident.SynchronizerID(id), alias: alias, lag: lag})
}

func (s *Sandbox) primary() *synchronizer { return s.synchronizers[0] }

// ledgerTime is the effective time of the next transaction: the clock's, never before an earlier one's.
func (s *Sandbox) ledgerTime() time.Time {
	if now := micros(s.network.Now()); now.After(s.effective) {
		s.effective = now
	}

	return s.effective
}

// nextRecordTime gives the next record time: at or after the clock, after every earlier one.
func (s *Sandbox) nextRecordTime(home *synchronizer) time.Time {
	delay := minSequencing + time.Duration(s.rng.Int64N(int64(maxSequencing-minSequencing)))
	next := micros(s.ledgerTime().Add(delay - home.lag))
	if !next.After(home.last) {
		next = home.last.Add(time.Microsecond)
	}

	home.last = next

	return next
}

// micros cuts to the ledger's resolution.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// room reports whether the history of every node takes n more updates.
func (s *Sandbox) room(n int) error {
	switch {
	case s.replay:
		return ErrReplay
	case s.stopped:
		return ErrClosed
	}

	for _, v := range s.validators {
		v.makeRoom(n)

		if len(v.history)+n > s.cfg.MaxUpdates {
			return fmt.Errorf("history holds %d updates, prune first: %w", len(v.history), ErrFull)
		}
	}

	return nil
}

// maxContracts bounds the contracts on the ledger, those archived and not pruned among them: about 2 kB each.
const maxContracts = 4_000_000

// roomForContracts refuses to let a full ledger grow; what archives as much as it makes is always taken.
func (s *Sandbox) roomForContracts(created, archived int) error {
	if created > archived && len(s.contracts)+created > s.contractsAtMost {
		return fmt.Errorf("the ledger holds %d contracts, archive some and prune: %w", len(s.contracts), ErrFull)
	}

	return nil
}

// appendUpdate sequences u and adds it to the history of every node that it concerns.
func (s *Sandbox) appendUpdate(u *update) error {
	if err := s.room(1); err != nil {
		return err
	}

	u.id = ident.UpdateID(s.fingerprint())
	if u.recordTime.IsZero() {
		u.recordTime = s.nextRecordTime(u.synchronizer)
	}

	u.traceparent = "00-" + s.hexDigits(traceBytes) + "-" + s.hexDigits(spanBytes) + "-01"

	for _, v := range s.validators {
		if v.sees(u) {
			v.record(u)
		}
	}

	return nil
}

// publish wakes the open streams.
func (s *Sandbox) publish() {
	close(s.changed)
	s.changed = make(chan struct{})
}
