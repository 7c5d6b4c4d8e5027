package sandbox

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// staleKey names what a registry may be out of date about: contracts of one template and one admin.
type staleKey struct {
	admin    ident.Party
	template string
}

// isStale asks whether a registry answers from before its last change. It is called under Sandbox.mu.
func (s *Sandbox) isStale(admin ident.Party) bool {
	_, strikes := s.plan.Take(fault.RegistryStale, fault.Chance{Path: "/registry", Party: admin})

	return strikes
}

// outdated is what a registry that is out of date names instead of one of its contracts: one like it that is archived.
// The registry makes it, once, in a transaction that nobody else sees. Where that is impossible, for want of room, the
// registry is up to date after all.
func (s *Sandbox) outdated(c *contract) *contract {
	admin := c.signatories[0]
	key := staleKey{admin: admin, template: c.template.Entity}

	if known := s.stale[key]; known != nil && s.contracts[known.id] == known { // not pruned
		return known
	}

	t := s.begin(s.primary(), admin)

	old, err := t.create(creation{
		species: c.species, content: c.content, signatories: c.signatories, observers: c.observers, payload: c.payload,
	})
	if err != nil {
		return c
	}

	old.anywhere = true

	if err := t.archive(old); err != nil {
		return c
	}

	if _, err := t.commit(); err != nil {
		return c
	}

	s.stale[key] = old

	return old
}
