package sandbox

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
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

	v.answer(w, r, http.StatusOK, obj{
		"version": v.cfg.Version,
		"features": obj{
			"experimental":     obj{"staticTime": supported, "commandInspectionService": supported},
			"userManagement":   obj{"supported": false, "maxRightsPerUser": 0, "maxUsersPageSize": 0},
			"partyManagement":  obj{"maxPartiesPageSize": v.cfg.MaxParties},
			"offsetCheckpoint": obj{"maxOffsetCheckpointEmissionDelay": delay},
			"packageFeature":   obj{"maxVettedPackagesPageSize": 0},
		},
	})
}

func (v *Validator) getLedgerEnd(w http.ResponseWriter, r *http.Request) {
	v.answer(w, r, http.StatusOK, obj{"offset": v.LedgerEnd()})
}

func (v *Validator) getPruned(w http.ResponseWriter, r *http.Request) {
	pruned := v.PrunedUpTo()
	v.answer(w, r, http.StatusOK, obj{
		"participantPrunedUpToInclusive": pruned, "allDivulgedContractsPrunedUpToInclusive": pruned,
	})
}

func (v *Validator) getSynchronizers(w http.ResponseWriter, r *http.Request) {
	list := []obj{}

	v.mu.Lock()
	_, known := v.parties[ident.Party(r.URL.Query().Get("party"))]

	if known || !r.URL.Query().Has("party") {
		for _, home := range v.synchronizers {
			list = append(list, obj{
				"synchronizerAlias": home.alias, "synchronizerId": home.id, "permission": permissionSubmission.String(),
			})
		}
	}
	v.mu.Unlock()

	v.answer(w, r, http.StatusOK, obj{"connectedSynchronizers": list})
}

func (v *Validator) getParticipant(w http.ResponseWriter, r *http.Request) {
	v.answer(w, r, http.StatusOK, obj{"participantId": v.participant})
}

func (v *Validator) getParty(w http.ResponseWriter, r *http.Request) {
	asked, err := url.PathUnescape(chi.URLParam(r, "party"))
	if err != nil {
		http.Error(w, "Invalid value for: path parameter party", http.StatusBadRequest)

		return
	}

	details := []obj{}

	v.mu.Lock()
	for _, name := range append([]string{asked}, r.URL.Query()["parties"]...) {
		if _, ok := v.parties[ident.Party(name)]; ok {
			details = append(details, obj{
				"party": name, "isLocal": true, "identityProviderId": "",
				"localMetadata": obj{"resourceVersion": "0", "annotations": obj{}},
			})
		}
	}
	v.mu.Unlock()

	v.answer(w, r, http.StatusOK, obj{"partyDetails": details})
}
