package ledger

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
)

// Interface is a Daml interface whose views we ask for.
type Interface struct {
	ID ident.Name
	// Mandatory means that a node without it is of no use. Others are left out where the node does not know them.
	Mandatory bool
}

// StandardInterfaces are those of the token standard, version 1 and 2 (CIP-0056 and CIP-0112), that say what happens to
// holdings. Their package names are those of the published packages.
func StandardInterfaces() []Interface {
	optional := func(pkg, module, entity string) Interface {
		return Interface{ID: ident.Name{Package: "#" + pkg, Module: module, Entity: entity}}
	}

	holding := optional("splice-api-token-holding-v1", "Splice.Api.Token.HoldingV1", "Holding")
	holding.Mandatory = true

	const transferV1, transferV2 = "Splice.Api.Token.TransferInstructionV1", "Splice.Api.Token.TransferInstructionV2"

	// Without it an offer to the treasury would be a contract that says nothing, and a deposit would not be seen.
	instruction := optional("splice-api-token-transfer-instruction-v1", transferV1, "TransferInstruction")
	instruction.Mandatory = true

	return []Interface{
		holding,
		instruction,
		optional("splice-api-token-transfer-instruction-v1", transferV1, "TransferFactory"),
		optional("splice-api-token-allocation-v1", "Splice.Api.Token.AllocationV1", "Allocation"),
		optional("splice-api-token-holding-v2", "Splice.Api.Token.HoldingV2", "Holding"),
		optional("splice-api-token-transfer-instruction-v2", transferV2, "TransferInstruction"),
		optional("splice-api-token-transfer-instruction-v2", transferV2, "TransferFactory"),
		optional("splice-api-token-transfer-events-v2", "Splice.Api.Token.TransferEventsV2", "EventLog"),
		optional("splice-api-token-allocation-v2", "Splice.Api.Token.AllocationV2", "Allocation"),
	}
}

// relearnAfter is how long an interface that the node did not know is left out. Its package may be uploaded any day.
const relearnAfter = time.Minute

// interfaceSet is what we ask for now: all interfaces but those the node said it does not know.
type interfaceSet struct {
	all    []Interface
	clock  clock.Clock
	logger *slog.Logger

	mu      sync.Mutex
	unknown map[ident.Name]time.Time // since when
}

func newInterfaceSet(cfg *Config) *interfaceSet {
	return &interfaceSet{
		all: cfg.Interfaces, clock: cfg.Clock, logger: cfg.Logger,
		unknown: map[ident.Name]time.Time{},
	}
}

// wanted is the list to ask for.
func (s *interfaceSet) wanted() []ident.Name {
	s.mu.Lock()
	defer s.mu.Unlock()

	names := make([]ident.Name, 0, len(s.all))

	for _, i := range s.all {
		since, left := s.unknown[i.ID]
		if left && s.clock.Now().Sub(since) < relearnAfter {
			continue
		}

		names = append(names, i.ID)
	}

	return names
}

// learn takes the interfaces that asked names and err says the node does not know out of the set. It reports whether
// asking again can help.
func (s *interfaceSet) learn(asked []ident.Name, err error) bool {
	e, ok := errors.AsType[*Error](err)
	if !ok || !isUnknownName(err) {
		return false
	}

	s.mu.Lock()
	defer s.mu.Unlock()

	unknown := s.named(asked, e)
	if len(unknown) == 0 {
		unknown = s.optional(asked) // the node does not say which: do without all that can be done without
	}

	for _, name := range unknown {
		s.unknown[name] = s.clock.Now()
	}

	if len(unknown) > 0 {
		s.tell(unknown, e.Code)
	}

	return len(unknown) > 0
}

// isUnknownName reports whether the node does not know a template or interface that it was asked for by name.
func isUnknownName(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && (e.Code == codeUnknownPackages || e.Code == codeUnknownNames || e.Code == codeUnknownInterface ||
		e.Code == codeUnknownTemplate)
}

// tell logs on one line what is left out now. It is no problem of the operator's: version 2 of the standard, say, may
// come to the network later.
func (s *interfaceSet) tell(unknown []ident.Name, code string) {
	names := make([]string, 0, len(unknown))
	for _, name := range unknown {
		names = append(names, name.String())
	}

	s.logger.Info("the node does not know these interfaces yet: they are asked for again",
		slog.Any("interfaces", names), slog.String("code", code), slog.Duration("after", relearnAfter))
}

// named are the optional interfaces among asked that the error mentions, by package or by module and entity.
func (s *interfaceSet) named(asked []ident.Name, e *Error) []ident.Name {
	said := strings.Join(append(slices.Collect(maps.Values(e.Context)), e.Cause), " ")

	var names []ident.Name

	for _, name := range s.optional(asked) {
		if mentions(said, strings.TrimPrefix(name.Package, "#")) || mentions(said, name.Module+":"+name.Entity) {
			names = append(names, name)
		}
	}

	return names
}

func (s *interfaceSet) optional(asked []ident.Name) []ident.Name {
	var names []ident.Name

	for _, name := range asked {
		for _, i := range s.all {
			if i.ID == name && !i.Mandatory {
				names = append(names, name)
			}
		}
	}

	return names
}

// mentions reports whether text holds name as a whole: not as the beginning of a longer one.
func mentions(text, name string) bool {
	for {
		at := strings.Index(text, name)
		if at < 0 {
			return false
		}

		after := text[at+len(name):]
		if after == "" || !nameByte(after[0]) {
			return true
		}

		text = after
	}
}

func nameByte(b byte) bool {
	return b == '-' || b == '_' || b == '.' || b >= '0' && b <= '9' || b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z'
}
