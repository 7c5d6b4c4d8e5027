package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// maxRequirements bounds the packages that one request prefers.
const maxRequirements = 1000

func (a *Admin) listPackages(*http.Request) (any, error) {
	return obj{"packageIds": a.packages.ids()}, nil
}

// getPackage answers the archive of an uploaded package. Those that the sandbox implements itself have none.
func (a *Admin) getPackage(w http.ResponseWriter, r *http.Request) {
	id, err := pathParam(r, "package-id")
	if err != nil {
		a.fail(w, r, err)

		return
	}

	p, ok := a.packages.find(id)

	switch {
	case !ok:
		a.fail(w, r, errPackageNotFound(id))
	case p.archive == nil:
		a.fail(w, r, cantonerr.NotFound("PACKAGE_NOT_FOUND",
			"package %s is built into the sandbox, which has no archive of it", id).On("PACKAGE", id))
	default:
		a.write(w, r, "application/octet-stream", p.archive)
	}
}

func (a *Admin) getPackageStatus(r *http.Request) (any, error) {
	id, err := pathParam(r, "package-id")
	if err != nil {
		return nil, err
	}

	status := "PACKAGE_STATUS_UNSPECIFIED"
	if _, ok := a.packages.find(id); ok {
		status = "PACKAGE_STATUS_REGISTERED"
	}

	return obj{"packageStatus": status}, nil
}

func (a *Admin) uploadDar(r *http.Request) (any, error) {
	return obj{}, a.receiveDar(r, false)
}

// validateDar answers nothing when the DAR could be uploaded.
func (a *Admin) validateDar(w http.ResponseWriter, r *http.Request) {
	if err := a.receiveDar(r, true); err != nil {
		a.fail(w, r, err)

		return
	}

	w.WriteHeader(http.StatusOK)
}

// receiveDar reads an upload and stores it, or only checks that it could be when dry is set.
func (a *Admin) receiveDar(r *http.Request, dry bool) error {
	query, vet := r.URL.Query(), true

	if text := query.Get("vetAllPackages"); text != "" && !dry {
		given, err := strconv.ParseBool(text)
		if err != nil {
			return errQuery
		}

		vet = given
	}

	raw, err := readBody(r, maxDar)
	if err != nil {
		return err
	}

	dar, err := parseDar(raw)
	if err != nil {
		return err
	}

	return a.packages.add(dar, ident.SynchronizerID(query.Get("synchronizerId")), vet, dry)
}

func (a *Admin) postPreferredPackages(r *http.Request) (any, error) {
	var asked struct {
		Requirements []struct {
			Parties []ident.Party `json:"parties"`
			Name    string        `json:"packageName"`
		} `json:"packageVettingRequirements"`
		Synchronizer ident.SynchronizerID `json:"synchronizerId"`
		At           *time.Time           `json:"vettingValidAt"`
	}

	if err := decode(r, &asked); err != nil {
		return nil, err
	}

	if len(asked.Requirements) == 0 {
		return nil, cantonerr.Missing("package_vetting_requirements")
	}

	if len(asked.Requirements) > maxRequirements {
		return nil, cantonerr.Argument("more than %d package vetting requirements", maxRequirements)
	}

	names, seen := make([]string, 0, len(asked.Requirements)), map[string]bool{}

	for _, requirement := range asked.Requirements {
		if err := checkRequirement(requirement.Name, requirement.Parties); err != nil {
			return nil, err
		}

		if seen[requirement.Name] {
			return nil, cantonerr.Argument("package %.255q is required twice", requirement.Name)
		}

		seen[requirement.Name] = true
		names = append(names, requirement.Name)
	}

	found, synchronizer, err := a.packages.preferredOf(asked.Synchronizer, names, a.or(asked.At))
	if err != nil {
		return nil, err
	}

	return obj{"packageReferences": found, "synchronizerId": synchronizer}, nil
}

func checkRequirement(name string, parties []ident.Party) error {
	if name == "" {
		return cantonerr.Missing("package_name")
	}

	if len(parties) == 0 {
		return cantonerr.Missing("parties")
	}

	for _, party := range parties {
		if err := checkParty("parties", party); err != nil {
			return err
		}
	}

	return nil
}

// or is the time asked for, or else now.
func (a *Admin) or(asked *time.Time) time.Time {
	if asked != nil {
		return *asked
	}

	return a.cfg.Clock.Now()
}

// getPreferredPackage answers an empty object when no package is preferred.
func (a *Admin) getPreferredPackage(r *http.Request) (any, error) {
	query := r.URL.Query()

	var at *time.Time

	if text := query.Get("vetting_valid_at"); text != "" {
		given, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			return nil, errQuery
		}

		at = &given
	}

	name := query.Get("package-name")
	parties := make([]ident.Party, 0, len(query["parties"]))

	for _, party := range query["parties"] {
		parties = append(parties, ident.Party(party))
	}

	if err := checkRequirement(name, parties); err != nil {
		return nil, err
	}

	asked := ident.SynchronizerID(query.Get("synchronizer-id"))

	found, synchronizer, err := a.packages.preferredOf(asked, []string{name}, a.or(at))
	if err != nil {
		return obj{}, nil //nolint:nilerr // to prefer nothing is an answer here
	}

	return obj{"packagePreference": obj{"packageReference": found[0], "synchronizerId": synchronizer}}, nil
}
