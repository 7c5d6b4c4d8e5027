package sandbox

import (
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
)

func (s *Sandbox) getLive(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

func (s *Sandbox) getReady(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")

	if _, err := w.Write([]byte("[+] ledger ok (SERVING)\nreadyz check passed\n")); err != nil {
		s.cfg.Logger.DebugContext(r.Context(), "write answer", slog.Any("error", err))
	}
}

// getVersion advertises the same bounds as a node; the checkpoint delay is the sandbox's own.
func (s *Sandbox) getVersion(w http.ResponseWriter, r *http.Request) {
	supported := obj{"supported": false}

	pace := max(s.cfg.CheckpointInterval, 0)
	delay := obj{"seconds": int64(pace / time.Second), "nanos": int64(pace % time.Second)}

	s.answer(w, r, http.StatusOK, obj{
		"version": s.cfg.Version,
		"features": obj{
			"experimental":     obj{"staticTime": supported, "commandInspectionService": supported},
			"userManagement":   obj{"supported": false, "maxRightsPerUser": 0, "maxUsersPageSize": 0},
			"partyManagement":  obj{"maxPartiesPageSize": s.cfg.MaxParties},
			"offsetCheckpoint": obj{"maxOffsetCheckpointEmissionDelay": delay},
			"packageFeature":   obj{"maxVettedPackagesPageSize": 0},
		},
	})
}

func (s *Sandbox) getLedgerEnd(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, http.StatusOK, obj{"offset": s.LedgerEnd()})
}

func (s *Sandbox) getPruned(w http.ResponseWriter, r *http.Request) {
	pruned := s.PrunedUpTo()
	s.answer(w, r, http.StatusOK, obj{
		"participantPrunedUpToInclusive": pruned, "allDivulgedContractsPrunedUpToInclusive": pruned,
	})
}

func (s *Sandbox) getSynchronizers(w http.ResponseWriter, r *http.Request) {
	list := []obj{}

	s.mu.Lock()
	_, known := s.parties[ident.Party(r.URL.Query().Get("party"))]

	if known || !r.URL.Query().Has("party") {
		for _, home := range s.synchronizers {
			list = append(list, obj{
				"synchronizerAlias": home.alias, "synchronizerId": home.id, "permission": permissionSubmission,
			})
		}
	}
	s.mu.Unlock()

	s.answer(w, r, http.StatusOK, obj{"connectedSynchronizers": list})
}

func (s *Sandbox) getParticipant(w http.ResponseWriter, r *http.Request) {
	s.answer(w, r, http.StatusOK, obj{"participantId": s.participant})
}

func (s *Sandbox) getParty(w http.ResponseWriter, r *http.Request) {
	asked, err := url.PathUnescape(chi.URLParam(r, "party"))
	if err != nil {
		http.Error(w, "Invalid value for: path parameter party", http.StatusBadRequest)

		return
	}

	details := []obj{}

	s.mu.Lock()
	for _, name := range append([]string{asked}, r.URL.Query()["parties"]...) {
		if _, ok := s.parties[ident.Party(name)]; ok {
			details = append(details, obj{
				"party": name, "isLocal": true, "identityProviderId": "",
				"localMetadata": obj{"resourceVersion": "0", "annotations": obj{}},
			})
		}
	}
	s.mu.Unlock()

	s.answer(w, r, http.StatusOK, obj{"partyDetails": details})
}
