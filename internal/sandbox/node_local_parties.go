package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
)

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

	var (
		party ident.Party
		err   error
	)

	if req.UserID != "" { // who must be there before anything is done for it
		err = v.admin.Grant(req.UserID)
	}

	if err == nil {
		party, err = v.allocateLocal(req.Hint, req.Metadata.Annotations)
	}

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
	v.mu.Lock()
	defer v.mu.Unlock()

	size, err := v.checkAnnotations(nil, annotations)
	if err != nil {
		return "", err
	}

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
		return "", cantonerr.Exists("PARTY_ALREADY_EXISTS",
			"Party already exists: party %s is already allocated on this node", party)
	}

	if len(v.parties) >= v.cfg.MaxParties {
		return "", rejection(ErrFull)
	}

	state := localParty(v)
	state.annotations = maps.Clone(annotations)

	if err := v.host(party, state); err != nil {
		return "", err
	}

	v.annotated = size

	return party, nil
}

// checkAnnotations bounds what is kept with one party, and with all. It returns what all of them then come to when one
// party's annotations take the place of those that it has.
func (v *Validator) checkAnnotations(old, annotations map[string]string) (int, error) {
	size := sizeOf(annotations)
	if len(annotations) > maxAnnotations || size > maxAnnotationBytes {
		return 0, cantonerr.Argument("annotations of %d entries and %d bytes", len(annotations), size)
	}

	all := v.annotated - sizeOf(old) + size
	if all > maxAllAnnotations {
		return 0, rejection(fmt.Errorf("annotations of all parties of %d bytes: %w", all, ErrFull))
	}

	return all, nil
}

func sizeOf(annotations map[string]string) int {
	size := 0
	for key, value := range annotations {
		size += len(key) + len(value)
	}

	return size
}

// patchParty changes the annotations that the node keeps with a party; an empty value takes one away.
func (v *Validator) patchParty(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Details struct {
			Party    ident.Party `json:"party"`
			Provider string      `json:"identityProviderId"`
			Metadata struct {
				Version     string            `json:"resourceVersion"`
				Annotations map[string]string `json:"annotations"`
			} `json:"localMetadata"`
		} `json:"partyDetails"`
		Mask struct {
			Paths []string `json:"paths"`
		} `json:"updateMask"`
	}
	if !v.read(w, r, &req) {
		return
	}

	name, err := url.PathUnescape(chi.URLParam(r, "party"))
	if err != nil {
		http.Error(w, "Invalid value for: path parameter party", http.StatusBadRequest)

		return
	}

	claims := admin.ClaimsOf(r.Context())
	if !claims.Admin() && !claims.ProviderAdmin(req.Details.Provider) {
		v.fail(w, r, cantonerr.PermissionDenied())

		return
	}

	var details obj

	changes := req.Details.Metadata.Annotations
	if changes, err = masked(changes, req.Mask.Paths); err == nil && string(req.Details.Party) != name {
		err = cantonerr.Argument("party %.128q in the path is not %.128q of the body", name, req.Details.Party)
	}

	if err == nil {
		details, err = v.annotate(ident.Party(name), req.Details.Metadata.Version, changes)
	}

	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, obj{"partyDetails": details})
}

// masked are the changes that an update mask, in the names of the gRPC API, lets through.
func masked(changes map[string]string, paths []string) (map[string]string, error) {
	var through map[string]string

	for _, path := range paths {
		switch path {
		case "local_metadata", "local_metadata.annotations":
			through = changes
		case "party", "local_metadata.resource_version": // they say which party, and which state of it, is meant
		default:
			return nil, cantonerr.Invalid("INVALID_PARTY_DETAILS_UPDATE_REQUEST",
				"the update mask has the unknown path %.80q", path)
		}
	}

	if len(paths) == 0 {
		return nil, cantonerr.Invalid("INVALID_PARTY_DETAILS_UPDATE_REQUEST", "the update mask is empty")
	}

	return through, nil
}

// annotate changes annotations. The version that the caller has seen may be empty.
func (v *Validator) annotate(party ident.Party, seen string, changes map[string]string) (obj, error) {
	v.mu.Lock()
	defer v.mu.Unlock()

	state, ok := v.parties[party]
	if !ok {
		return nil, cantonerr.NotFound("PARTY_NOT_FOUND", "Party not found: %.255s", party)
	}

	if seen != "" && seen != strconv.FormatUint(state.version, 10) {
		return nil, cantonerr.Contention("CONCURRENT_PARTY_DETAILS_UPDATE_DETECTED",
			"party %s was updated in the meantime", party).On("PARTY", string(party))
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

	size, err := v.checkAnnotations(state.annotations, merged)
	if err != nil {
		return nil, err
	}

	v.annotated = size
	state.annotations = merged
	state.version++

	return v.partyDetails(party), nil
}
