package sandbox

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// Sandbox is one network with one validator node. All its methods may be called at once from anywhere.
type Sandbox struct {
	cfg    Config
	faults faults
	known  map[string]map[string]bool

	streams sync.WaitGroup
	closed  chan struct{}

	mu            sync.Mutex
	rng           *rand.Rand
	replay        bool
	stopped       bool
	history       []*update
	end           ident.Offset
	prunedTo      ident.Offset
	effective     time.Time // the last ledger effective time
	synchronizers []*synchronizer
	contracts     map[ident.ContractID]*contract
	order         []*contract // by creation
	parties       map[ident.Party]*partyState
	partyOrder    []ident.Party
	participant   string
	changed       chan struct{} // closed, and replaced, whenever an update is appended
	ticks         uint64        // counts calls of Tick
	open          map[*openStream]struct{}

	amulet amuletState
	acme   acmeState
	books  books
}

// partyState is what the network knows about one party.
type partyState struct {
	preapproval *contract
	holdings    []*contract // live ones it owns, by creation
	offers      []*contract // live instructions it sends or receives
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
	s.participant = "participant::" + s.fingerprint()
	s.connect("global", "global-domain::"+fingerprint, 0)

	if s.cfg.TwoSynchronizers {
		s.connect("private", "private-domain::"+s.fingerprint(), secondSynchronizerLag)
	}

	if err := s.startAmulet("DSO::" + fingerprint); err != nil {
		return nil, fmt.Errorf("start Canton Coin: %w", err)
	}

	if err := s.startAcme(); err != nil {
		return nil, fmt.Errorf("start AcmeToken: %w", err)
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
		changed: make(chan struct{}), open: map[*openStream]struct{}{},
		books: newBooks(),
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

	s.CutStreams()
	s.streams.Wait()
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
	if now := micros(s.cfg.Clock.Now()); now.After(s.effective) {
		s.effective = now
	}

	return s.effective
}

// sequence gives the next record time: at or after the clock, after every earlier one.
func (s *Sandbox) sequence(home *synchronizer) time.Time {
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

// appendUpdate numbers u and adds it to the history. Offsets have gaps: a node counts more than updates.
func (s *Sandbox) appendUpdate(u *update) error {
	switch {
	case s.replay:
		return ErrReplay
	case s.stopped:
		return ErrClosed
	case len(s.history) >= s.cfg.MaxUpdates:
		return fmt.Errorf("history holds %d updates, prune first: %w", len(s.history), ErrFull)
	}

	u.offset = s.end + 1 + ident.Offset(s.rng.Int64N(maxOffsetStep))
	u.id = ident.UpdateID(s.fingerprint())
	u.recordTime = s.sequence(u.synchronizer)
	u.traceparent = "00-" + s.hexDigits(traceBytes) + "-" + s.hexDigits(spanBytes) + "-01"
	s.end = u.offset
	s.history = append(s.history, u)

	return nil
}

// publish wakes the open streams.
func (s *Sandbox) publish() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// LedgerEnd is the offset of the last update.
func (s *Sandbox) LedgerEnd() ident.Offset {
	s.mu.Lock()
	defer s.mu.Unlock()

	return s.end
}
