package sandbox

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

func (v *Validator) getLive(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func (v *Validator) getReady(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")

	if _, err := w.Write([]byte("[+] ledger ok (SERVING)\nreadyz check passed\n")); err != nil {
		v.cfg.Logger.DebugContext(r.Context(), "write answer", slog.Any("error", err))
	}
}

// getVersion advertises the same bounds as a node; the checkpoint delay is the sandbox's own.
func (v *Validator) getVersion(w http.ResponseWriter, r *http.Request) {
	supported := obj{"supported": false}

	pace := max(v.cfg.CheckpointInterval, 0)
	delay := obj{"seconds": int64(pace / time.Second), "nanos": int64(pace % time.Second)}

	features := obj{
		"experimental": obj{"staticTime": supported, "commandInspectionService": supported},
		"userManagement": obj{
			"supported": true, "maxRightsPerUser": admin.MaxRightsPerUser, "maxUsersPageSize": admin.MaxUsersPageSize,
		},
		"partyManagement":  obj{"maxPartiesPageSize": v.cfg.MaxParties},
		"offsetCheckpoint": obj{"maxOffsetCheckpointEmissionDelay": delay},
	}
	if v.cfg.Version.atLeast(V34) {
		features["packageFeature"] = obj{"maxVettedPackagesPageSize": admin.MaxVettedPageSize}
	}

	v.answer(w, r, http.StatusOK, obj{"version": v.cfg.Version, "features": features})
}

func (v *Validator) getLedgerEnd(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	answer := obj{"offset": v.end}

	if v.cfg.Version.atLeast(V36) {
		answer["synchronizerTimes"] = v.advance()
	}
	v.mu.Unlock()

	v.answer(w, r, http.StatusOK, answer)
}

func (v *Validator) getPruned(w http.ResponseWriter, r *http.Request) {
	pruned := v.PrunedUpTo()
	v.answer(w, r, http.StatusOK, obj{
		"participantPrunedUpToInclusive": pruned, "allDivulgedContractsPrunedUpToInclusive": pruned,
	})
}

// getSynchronizers lists where the node is connected; asked for a party, where the node hosts it, and how.
func (v *Validator) getSynchronizers(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	party, asked := ident.Party(query.Get("party")), query.Get("party") != ""

	if asked && !mayOperate(r.Context(), party) {
		v.fail(w, r, cantonerr.PermissionDenied())

		return
	}

	v.mu.Lock()
	host := v.participantOf(query.Get("participantId"))
	list := []obj{}

	if host != nil && (!asked || host.hosts(party)) {
		how := permissionUnspecified
		if asked {
			how = host.permission(party)
		}

		for _, home := range v.synchronizers {
			list = append(list, obj{
				"synchronizerAlias": home.alias, "synchronizerId": home.id, "permission": how.String(),
			})
		}
	}
	v.mu.Unlock()

	v.answer(w, r, http.StatusOK, obj{"connectedSynchronizers": list})
}

// participantOf is the node of that id, this one when none is given, nil when there is none.
func (v *Validator) participantOf(id string) *Validator {
	if id == "" {
		return v
	}

	for _, other := range v.validators {
		if other.participant == id {
			return other
		}
	}

	return nil
}

// permission is what the node may do for a party that it hosts. It is called under Sandbox.mu.
func (v *Validator) permission(party ident.Party) permission {
	if !v.hosts(party) {
		return permissionUnspecified
	}

	return v.parties[party].permission[v.index]
}

func (v *Validator) getParticipant(w http.ResponseWriter, r *http.Request) {
	v.answer(w, r, http.StatusOK, obj{"participantId": v.participant})
}
