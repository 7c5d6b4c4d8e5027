package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
)

// maxValidators is how many nodes one sandbox can play: enough for a party on two of them.
const maxValidators = 2

// offsets are the positions of one update on each validator. An offset means nothing on another node.
type offsets [maxValidators]ident.Offset

// unseen is the offset of an update on a validator that hosts nobody whom it concerns. Streams begin after it.
const unseen = ident.Begin

// Validator is one node of the network: the parties it hosts, the updates it saw, and its JSON Ledger API. Nodes share
// the ledger; each numbers, prunes, answers and fails on its own.
type Validator struct {
	*Sandbox

	index       int
	participant string
	faults      faults
	admin       *admin.Admin // users, rights, tokens, packages

	streams sync.WaitGroup
	silence time.Duration // maxSilence
	handed  *handedOut

	// Guarded by Sandbox.mu.
	history  []*update // what it saw, ascending offsets
	end      ident.Offset
	prunedTo ident.Offset
	lookups  updateIndex // of the history
	open     map[*openStream]struct{}
	seats    int // websockets that there is room for

	traffic     int64                    // bytes of traffic that submissions here have cost
	completions []*completion            // of what was submitted here, ascending offsets
	inFlight    map[changeID]*submission // taken in and not ended
	changes     committedChanges         // for deduplication
}

func (s *Sandbox) addValidator() {
	v := &Validator{
		Sandbox: s, index: len(s.validators), open: map[*openStream]struct{}{},
		handed: newHandedOut(), inFlight: map[changeID]*submission{}, silence: maxSilence,
		seats: maxStreams,
	}
	v.participant = "participant"

	if v.index > 0 {
		v.participant += strconv.Itoa(v.index + 1)
	}

	v.participant += "::" + s.fingerprint()
	s.validators = append(s.validators, v)
}

// Validators are the network's nodes; the first hosts the network's own parties.
func (s *Sandbox) Validators() []*Validator { return slices.Clone(s.validators) }

// Participant is the node's id.
func (v *Validator) Participant() string { return v.participant }

// first is the node that hosts the network's own parties and, where nothing else is said, everybody.
func (s *Sandbox) first() *Validator { return s.validators[0] }

// hosts reports whether a party lives on this node.
func (v *Validator) hosts(party ident.Party) bool {
	state, ok := v.parties[party]

	return ok && state.permission[v.index] != permissionUnspecified
}

// sees reports whether an update concerns anybody on this node.
func (v *Validator) sees(u *update) bool {
	switch {
	case len(v.validators) == 1:
		return true
	case u.kind == updateTopology:
		return v.hosts(u.party)
	case u.moved != nil:
		return slices.ContainsFunc(u.moved.stakeholders(), v.hosts)
	}

	return slices.ContainsFunc(u.nodes, func(n *node) bool { return slices.ContainsFunc(n.witnesses, v.hosts) })
}

// nextOffset is the offset of the node's next update. Offsets have gaps: a node counts more than updates.
func (v *Validator) nextOffset() ident.Offset {
	v.end += 1 + ident.Offset(v.rng.Int64N(maxOffsetStep))

	return v.end
}

// record adds an update to the node's history.
func (v *Validator) record(u *update) {
	u.offsets[v.index] = v.nextOffset()
	v.history = append(v.history, u)
}

// after is the index of the first update of the node's history past offset.
func (v *Validator) after(offset ident.Offset) int {
	return sort.Search(len(v.history), func(i int) bool { return v.history[i].offsets[v.index] > offset })
}

// LedgerEnd is the offset of the node's last update.
func (v *Validator) LedgerEnd() ident.Offset {
	v.mu.Lock()
	defer v.mu.Unlock()

	return v.end
}

// LedgerEnd is the offset of the last update on the first validator.
func (s *Sandbox) LedgerEnd() ident.Offset { return s.first().LedgerEnd() }

// Handler serves the first validator's APIs; see Validator.Handler.
func (s *Sandbox) Handler() http.Handler { return s.first().Handler() }

// CutStreams breaks every open stream of the first validator; see Validator.CutStreams.
func (s *Sandbox) CutStreams() { s.first().CutStreams() }

// SetDown makes the first validator unreachable; see Validator.SetDown.
func (s *Sandbox) SetDown(down bool) { s.first().SetDown(down) }

// GarbleNext damages the first validator's next answer; see Validator.GarbleNext.
func (s *Sandbox) GarbleNext() { s.first().GarbleNext() }

// RejectTokens makes the first validator refuse every token; see Validator.RejectTokens.
func (s *Sandbox) RejectTokens(reject bool) { s.first().RejectTokens(reject) }

// OpenStreams is how many websockets are open on the first validator.
func (s *Sandbox) OpenStreams() int { return s.first().OpenStreams() }

// Prune prunes the first validator.
func (s *Sandbox) Prune(offset ident.Offset) error { return s.first().Prune(offset) }

// PrunedUpTo is the offset up to which the first validator's history is gone.
func (s *Sandbox) PrunedUpTo() ident.Offset { return s.first().PrunedUpTo() }

// administer starts the node's administration. The synchronizers must be connected.
func (v *Validator) administer() error {
	synchronizers := make([]ident.SynchronizerID, 0, len(v.synchronizers))
	for _, home := range v.synchronizers {
		synchronizers = append(synchronizers, home.id)
	}

	packages := []admin.Package{}
	for _, p := range v.catalog.Packages() {
		packages = append(packages, admin.Package{Name: p.Name, ID: p.ID, Version: p.Version})
	}

	var err error

	v.admin, err = admin.New(admin.Config{
		Version: string(v.cfg.Version), Clock: v.cfg.Clock, Participant: ident.ParticipantID(v.participant),
		Synchronizers: synchronizers, Packages: packages, Auth: v.cfg.Auth, Logger: v.cfg.Logger,
	})
	if err != nil {
		return fmt.Errorf("administration of %s: %w", v.participant, err)
	}

	return nil
}

// namespaceOf is the fingerprint in an id.
func namespaceOf(id string) string {
	_, fingerprint, _ := strings.Cut(id, "::")

	return fingerprint
}
