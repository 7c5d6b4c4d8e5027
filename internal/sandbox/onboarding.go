package sandbox

import (
	"io"
	"maps"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
)

// Bounds on what clients keep with a party.
const (
	maxAnnotations     = 100
	maxAnnotationBytes = 256 << 10
)

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

func (v *Validator) postGenerate(w http.ResponseWriter, r *http.Request) {
	raw, ok := v.body(w, r)
	if !ok {
		return
	}

	answer, err := v.generate(raw)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, answer)
}

func (v *Validator) generate(raw []byte) (topology.GenerateResponse, error) {
	var none topology.GenerateResponse

	req, err := topology.ParseGenerate(raw)
	if err != nil {
		return none, cantonerr.Argument("%s", err)
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
		v.fail(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, topology.AllocateResponse{PartyID: party})
}

func (v *Validator) allocateExternal(r *http.Request, raw []byte) (ident.Party, error) {
	req, err := topology.ParseAllocate(raw)
	if err != nil {
		return "", cantonerr.Argument("%s", err)
	}

	claims := admin.ClaimsOf(r.Context())
	forSelf := v.cfg.Version.atLeast(V35) && req.UserID != "" && req.UserID == claims.UserID()

	if !claims.Admin() && !claims.ProviderAdmin(req.IdentityProviderID) && !forSelf {
		return "", cantonerr.PermissionDenied()
	}

	if err := v.knowsSynchronizer(req.Synchronizer); err != nil {
		return "", err
	}

	read := req.Verify
	if !req.Signed() {
		read = req.Read
	}

	onboarding, err := read()
	if err != nil {
		return "", cantonerr.Argument("%s", err)
	}

	if _, hosted := onboarding.Permission(ident.ParticipantID(v.participant)); !hosted {
		return "", cantonerr.Argument("The participant %s does not host %s", v.participant, onboarding.Party)
	}

	if err := v.onboard(onboarding, req.Signed()); err != nil {
		return "", err
	}

	if req.UserID != "" && v.cfg.Version.atLeast(V35) {
		if err := v.admin.Grant(req.UserID, admin.Right{Kind: admin.CanActAs, Party: onboarding.Party}); err != nil {
			return "", err //nolint:wrapcheck // an answer of the node
		}
	}

	return onboarding.Party, nil
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

	if len(v.parties)+len(v.joining) >= v.cfg.MaxParties {
		return rejection(ErrFull)
	}

	j := v.joining[o.Party]
	if j == nil || j.onboarding.MultiHash != o.MultiHash {
		j = &joining{onboarding: o}
		v.joining[o.Party] = j
	}

	j.signed = j.signed || signed
	j.told[v.index] = true

	if !j.complete(v.Sandbox) {
		return nil
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

// postPartyHint allocates a party for which this node signs itself.
func (v *Validator) postPartyHint(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Hint     string `json:"partyIdHint"`
		UserID   string `json:"userId"`
		Provider string `json:"identityProviderId"`
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"localMetadata"`
	}
	if !v.read(w, r, &req) {
		return
	}

	claims := admin.ClaimsOf(r.Context())
	if !claims.Admin() && !claims.ProviderAdmin(req.Provider) {
		v.fail(w, r, cantonerr.PermissionDenied())

		return
	}

	party, err := v.allocateLocal(req.Hint, req.Metadata.Annotations)
	if err == nil && req.UserID != "" {
		err = v.admin.Grant(req.UserID, admin.Right{Kind: admin.CanActAs, Party: party})
	}

	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.mu.Lock()
	details := v.partyDetails(party)
	v.mu.Unlock()

	v.answer(w, r, http.StatusOK, obj{"partyDetails": details})
}

func (v *Validator) allocateLocal(hint string, annotations map[string]string) (ident.Party, error) {
	if err := checkAnnotations(annotations); err != nil {
		return "", err
	}

	v.mu.Lock()
	defer v.mu.Unlock()

	if err := v.room(1); err != nil {
		return "", rejection(err)
	}

	if hint == "" {
		hint = "party-" + v.newUUID()
	}

	if err := topology.CheckHint(hint); err != nil {
		return "", cantonerr.Argument("%s", err)
	}

	// A participant signs for its parties with its own key, whose fingerprint they share.
	party := ident.Party(hint + "::" + namespaceOf(v.participant))
	if _, exists := v.parties[party]; exists {
		return "", cantonerr.Exists("PARTY_ALREADY_EXISTS", "Party already exists: party %s is already allocated on this node", party)
	}

	if len(v.parties) >= v.cfg.MaxParties {
		return "", rejection(ErrFull)
	}

	state := localParty(v)
	state.annotations = maps.Clone(annotations)

	return party, v.host(party, state)
}

func checkAnnotations(annotations map[string]string) error {
	size := 0
	for key, value := range annotations {
		size += len(key) + len(value)
	}

	if len(annotations) > maxAnnotations || size > maxAnnotationBytes {
		return cantonerr.Argument("annotations of %d entries and %d bytes", len(annotations), size)
	}

	return nil
}

// patchParty changes the annotations that the node keeps with a party; an empty value takes one away.
func (v *Validator) patchParty(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Details struct {
			Party    ident.Party `json:"party"`
			Metadata struct {
				Annotations map[string]string `json:"annotations"`
			} `json:"localMetadata"`
		} `json:"partyDetails"`
	}
	if !v.read(w, r, &req) {
		return
	}

	name, err := url.PathUnescape(chi.URLParam(r, "party"))
	if err != nil {
		http.Error(w, "Invalid value for: path parameter party", http.StatusBadRequest)

		return
	}

	if !admin.ClaimsOf(r.Context()).Admin() {
		v.fail(w, r, cantonerr.PermissionDenied())

		return
	}

	details, err := v.annotate(ident.Party(name), req.Details.Metadata.Annotations)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, obj{"partyDetails": details})
}

func (v *Validator) annotate(party ident.Party, changes map[string]string) (obj, error) {
	v.mu.Lock()
	defer v.mu.Unlock()

	state, ok := v.parties[party]
	if !ok {
		return nil, cantonerr.NotFound("PARTY_NOT_FOUND", "Party not found: %.255s", party)
	}

	merged := maps.Clone(state.annotations)
	if merged == nil {
		merged = map[string]string{}
	}

	for key, value := range changes {
		if value == "" {
			delete(merged, key)
		} else {
			merged[key] = value
		}
	}

	if err := checkAnnotations(merged); err != nil {
		return nil, err
	}

	state.annotations = merged
	state.version++

	return v.partyDetails(party), nil
}
