package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Bounds on what clients keep with a party.
const (
	maxAnnotations     = 100
	maxAnnotationBytes = 256 << 10
	maxAllAnnotations  = 16 << 20 // of all parties
)

// maxJoining bounds the parties that wait until every node that is to host them has been told.
const maxJoining = 1_000

// partyRoutes are the endpoints that make parties.
func (v *Validator) partyRoutes(r chi.Router) {
	r.Post("/v2/parties", v.postPartyHint)
	r.Patch("/v2/parties/{party}", v.patchParty)
	r.Post("/v2/parties/external/generate-topology", v.postGenerate)
	r.Post("/v2/parties/external/allocate", v.postAllocate)
}

// body reads a request whose form another package knows.
func (v *Validator) body(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBody+1))

	switch {
	case err != nil:
		http.Error(w, "Invalid value for: body", http.StatusBadRequest)
	case len(raw) > maxRequestBody:
		http.Error(w, "The request content was too large", http.StatusRequestEntityTooLarge)
	default:
		return raw, true
	}

	return nil, false
}

// unreadable is what a request is answered that cannot be read, or that makes no sense.
func unreadable(err error) error {
	if errors.Is(err, strictjson.ErrJSON) {
		return errBody
	}

	return cantonerr.Argument("%s", err)
}

// refuseBody answers an error: in plain text where the body cannot be read, as a node does.
func (v *Validator) refuseBody(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errBody) {
		http.Error(w, "Invalid value for: body", http.StatusBadRequest)

		return
	}

	v.fail(w, r, err)
}

func (v *Validator) postGenerate(w http.ResponseWriter, r *http.Request) {
	raw, ok := v.body(w, r)
	if !ok {
		return
	}

	answer, err := v.generate(raw)
	if err != nil {
		v.refuseBody(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, answer)
}

func (v *Validator) generate(raw []byte) (topology.GenerateResponse, error) {
	var none topology.GenerateResponse

	req, err := topology.ParseGenerate(raw)
	if err != nil {
		return none, unreadable(err)
	}

	if err := v.knowsSynchronizer(req.Synchronizer); err != nil {
		return none, err
	}

	style := topology.SelfContained
	if !v.cfg.Version.atLeast(V34) {
		style = topology.Separate
	}

	asked, err := req.Request(ident.ParticipantID(v.participant), style)
	if err != nil {
		return none, cantonerr.Argument("%s", err)
	}

	made, err := topology.Generate(asked)
	if err != nil {
		return none, cantonerr.Argument("%s", err)
	}

	return made.Response(), nil
}

func (v *Validator) knowsSynchronizer(id string) error {
	v.mu.Lock()
	defer v.mu.Unlock()

	if _, ok := v.synchronizerOf(ident.SynchronizerID(id)); !ok {
		return cantonerr.State("NOT_CONNECTED_TO_SYNCHRONIZER", "The participant is not connected to %.150s", id)
	}

	return nil
}

func (v *Validator) postAllocate(w http.ResponseWriter, r *http.Request) {
	raw, ok := v.body(w, r)
	if !ok {
		return
	}

	party, err := v.allocateExternal(r, raw)
	if err != nil {
		v.refuseBody(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, topology.AllocateResponse{PartyID: party})
}

func (v *Validator) allocateExternal(r *http.Request, raw []byte) (ident.Party, error) {
	req, err := topology.ParseAllocate(raw)
	if err != nil {
		return "", unreadable(err)
	}

	if !v.cfg.Version.atLeast(V35) {
		req.UserID = "" // an older node does not know it
	}

	claims := admin.ClaimsOf(r.Context())
	forSelf := req.UserID != "" && req.UserID == claims.UserID()

	if !claims.Admin() && !claims.ProviderAdmin(req.IdentityProviderID) && !forSelf {
		return "", cantonerr.PermissionDenied()
	}

	onboarding, err := v.authorized(req)
	if err != nil {
		return "", err
	}

	return onboarding.Party, v.forUser(req.UserID, onboarding.Party, func() error {
		return v.onboard(onboarding, req.Signed())
	})
}

// authorized is the onboarding that a request asks for, if it is authorized and concerns this node.
func (v *Validator) authorized(req topology.AllocateRequest) (topology.Onboarding, error) {
	if err := v.knowsSynchronizer(req.Synchronizer); err != nil {
		return topology.Onboarding{}, err
	}

	read := req.Verify
	if !req.Signed() {
		read = req.Read
	}

	onboarding, err := read()
	if err != nil {
		return topology.Onboarding{}, cantonerr.Argument("%s", err)
	}

	if _, hosted := onboarding.Permission(ident.ParticipantID(v.participant)); !hosted {
		return topology.Onboarding{}, cantonerr.Argument("The participant %s does not host %s",
			v.participant, onboarding.Party)
	}

	return onboarding, nil
}

// forUser allocates a party for a user, who must be there before anything is done for it; for nobody when userID is
// empty.
func (v *Validator) forUser(userID string, party ident.Party, allocate func() error) error {
	if userID == "" {
		return allocate()
	}

	if err := v.admin.Grant(userID); err != nil {
		return err
	}

	if err := allocate(); err != nil {
		return err
	}

	return v.admin.Grant(userID, admin.Right{Kind: admin.CanActAs, Party: party})
}

// onboard hosts an external party on this node. A party of several nodes comes to life when every one of them, the
// last being this, has been told.
func (v *Validator) onboard(o topology.Onboarding, signed bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()

	if err := v.room(1); err != nil {
		return rejection(err)
	}

	if _, exists := v.parties[o.Party]; exists {
		return cantonerr.Exists("EXTERNAL_PARTY_ALREADY_EXISTS", "Party %s already exists", o.Party)
	}

	if len(v.parties) >= v.cfg.MaxParties {
		return rejection(ErrFull)
	}

	j := v.joining[o.Party]
	if j == nil || j.onboarding.MultiHash != o.MultiHash {
		j = &joining{onboarding: o}
	}

	j.signed = j.signed || signed
	j.told[v.index] = true

	if !j.complete(v.Sandbox) {
		return v.wait(j)
	}

	state := &partyState{keys: o.Keys}

	for _, node := range v.validators {
		if how, ok := o.Permission(ident.ParticipantID(node.participant)); ok {
			state.permission[node.index] = permission(how)
		}
	}

	delete(v.joining, o.Party)

	return v.host(o.Party, state)
}

// wait keeps a party until the other nodes are told of it. Those that never are must leave room for parties that need
// nobody else.
func (v *Validator) wait(j *joining) error {
	party := j.onboarding.Party
	if _, waits := v.joining[party]; !waits && len(v.joining) >= maxJoining {
		return rejection(fmt.Errorf("%d parties wait for their other nodes: %w", len(v.joining), ErrFull))
	}

	v.joining[party] = j

	return nil
}

// joining is an external party of which not every node that is to host it has been told.
type joining struct {
	onboarding topology.Onboarding
	signed     bool
	told       [maxValidators]bool
}

// complete reports whether the party's signatures are there and every node of this network that hosts it consents.
// Nodes elsewhere are taken to consent.
func (j *joining) complete(s *Sandbox) bool {
	if !j.signed {
		return false
	}

	for _, node := range s.validators {
		if _, hosts := j.onboarding.Permission(ident.ParticipantID(node.participant)); hosts && !j.told[node.index] {
			return false
		}
	}

	return true
}
