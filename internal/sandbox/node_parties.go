package sandbox

import (
	"net/http"
	"net/url"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
)

// listParties lists the parties of the network by their ids, those hosted elsewhere too, in pages.
func (v *Validator) listParties(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size := v.cfg.MaxParties

	if text := query.Get("pageSize"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			http.Error(w, "Invalid value for: query parameter pageSize", http.StatusBadRequest)

			return
		}

		if n < 0 || n > v.cfg.MaxParties {
			v.fail(w, r, errArgument("page_size %d: want 0 to %d", n, v.cfg.MaxParties))

			return
		}

		if n > 0 {
			size = n
		}
	}

	after, err := readPageToken(query.Get("pageToken"), partiesPage)
	if err != nil {
		v.fail(w, r, errField("page_token: %s", err))

		return
	}

	prefix := ""
	if v.cfg.Version.atLeast(V34) {
		prefix = query.Get("filter-party")
	}

	details, next := v.partiesAfter(ident.Party(after.Item), prefix, size)
	answer := obj{"partyDetails": details, "nextPageToken": next}
	v.answer(w, r, http.StatusOK, answer)
}

// partiesPage is what page tokens of listParties are for.
const partiesPage = "parties"

func (v *Validator) partiesAfter(after ident.Party, prefix string, size int) ([]obj, string) {
	v.mu.Lock()
	defer v.mu.Unlock()

	known := slices.Clone(v.partyOrder)
	slices.Sort(known)

	details := []obj{}

	for _, party := range known[sort.Search(len(known), func(i int) bool { return known[i] > after }):] {
		if !strings.HasPrefix(string(party), prefix) {
			continue
		}

		if len(details) == size {
			return details, pageToken{For: partiesPage, Item: string(after)}.String()
		}

		details = append(details, v.partyDetails(party))
		after = party
	}

	return details, ""
}

// partyDetails is what the node tells of a party. It is called under Sandbox.mu.
func (v *Validator) partyDetails(party ident.Party) obj {
	annotations := map[string]string{}
	version := uint64(0)

	if state := v.parties[party]; state != nil && state.annotations != nil {
		annotations, version = state.annotations, state.version
	}

	return obj{
		"party": party, "isLocal": v.hosts(party), "identityProviderId": "",
		"localMetadata": obj{"resourceVersion": strconv.FormatUint(version, 10), "annotations": annotations},
	}
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
			details = append(details, v.partyDetails(ident.Party(name)))
		}
	}
	v.mu.Unlock()

	v.answer(w, r, http.StatusOK, obj{"partyDetails": details})
}
