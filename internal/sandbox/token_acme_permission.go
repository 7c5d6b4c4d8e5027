package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
)

// permit is what the token logic knows of an AcmePermission.
type permit struct{ holder ident.Party }

// Permit puts a party on AcmeToken's permission list, or takes it off. The list matters where Config.AcmePermissioned
// is set: then both sides of a transfer must be on it when it is offered and again when it is completed, and so must
// those for whom tokens are minted.
func (s *Sandbox) Permit(holder ident.Party, allowed bool) (Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, err := s.party(holder); err != nil {
		return Receipt{}, err
	}

	old := s.acme.permits[holder]
	if (old != nil) == allowed {
		return Receipt{}, fmt.Errorf("permission of %s is so already: %w", holder, ErrConflict)
	}

	return s.act(s.acme.registrar, s.primary(), func(t *transaction) error {
		if !allowed {
			return t.archive(old)
		}

		c, err := t.create(creation{
			template: templateName(pkgAcme, modAcme, "AcmePermission"), packageName: pkgAcme,
			argument:    obj{"admin": s.acme.registrar, "holder": holder},
			signatories: []ident.Party{s.acme.registrar}, observers: []ident.Party{holder},
			payload: &permit{holder: holder},
		})
		if err != nil {
			return err
		}

		c.anywhere = true
		t.onCommit = append(t.onCommit, func(*update) { s.acme.permits[holder] = c })

		return nil
	})
}

// admit puts a party of the sandbox's own making on the permission list where there is one to be on.
func (s *Sandbox) admit(holder ident.Party) error {
	if !s.cfg.AcmePermissioned {
		return nil
	}

	if _, err := s.Permit(holder, true); err != nil && !errors.Is(err, ErrConflict) {
		return err
	}

	return nil
}

// isPermissioned reports whether transfers of an admin's tokens need permissions.
func (s *Sandbox) isPermissioned(admin ident.Party) bool {
	return s.cfg.AcmePermissioned && admin == s.acme.registrar
}

// permissions is the context that AcmeToken's registry gives for a transfer.
func (t *transaction) permissions(p *plan) obj {
	context := obj{}
	if !t.s.isPermissioned(p.transfer.Instrument.Admin) {
		return context
	}

	p.permits = [2]*contract{t.s.acme.permits[p.sender()], t.s.acme.permits[p.receiver()]}

	for i, key := range []string{contextSenderPermit, contextReceiverPermit} {
		if c := p.permits[i]; c != nil {
			context[key] = avContract(c.id)
		}
	}

	return context
}

// completionArgs are the own arguments of a choice that completes an offer, with the context that the registry gives;
// of arguments that a client gave, it takes the permissions instead.
func (t *transaction) completionArgs(p *plan, args json.RawMessage) (obj, error) {
	if args == nil {
		return obj{"extraArgs": choiceArgs(t.permissions(p))}, nil
	}

	var given struct {
		Extra givenArgs `json:"extraArgs"`
	}

	if err := read(args, &given); err != nil {
		return nil, err
	}

	return obj{}, p.usePermits(t, given.Extra.Context.Values)
}

// permitted checks that both sides of a transfer are on the permission list.
func (t *transaction) permitted(p *plan) error {
	if !t.s.isPermissioned(p.transfer.Instrument.Admin) {
		return nil
	}

	for i, party := range []ident.Party{p.sender(), p.receiver()} {
		c := p.permits[i]
		if c == nil {
			return fmt.Errorf("%s is not permitted to hold %s: %w", party, p.transfer.Instrument.ID, ErrForbidden)
		}

		if held, _ := c.payload.(*permit); held == nil || held.holder != party {
			return fmt.Errorf("%w: the permission given is not that of %s", ErrInvalid, party)
		}

		t.fetch(c)
	}

	return nil
}
