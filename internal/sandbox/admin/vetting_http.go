package admin

import (
	"net/http"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// Bounds on vetting: MaxVettedPageSize is what GET /v2/version says of packages, maxVettingChanges the sandbox's own.
const (
	MaxVettedPageSize = 100
	maxVettingChanges = 1000
)

func (a *Admin) listVetted(r *http.Request) (any, error) {
	var asked struct {
		vettingFilter

		Token string `json:"pageToken"`
		Size  int    `json:"pageSize"`
	}

	if err := decode(r, &asked); err != nil {
		return nil, err
	}

	if asked.Size > MaxVettedPageSize {
		return nil, cantonerr.Argument("page size %d is more than %d", asked.Size, MaxVettedPageSize)
	}

	wanted, err := parsePage(asked.Size, asked.Token, MaxVettedPageSize)
	if err != nil {
		return nil, err
	}

	list, more := a.packages.listVetted(a.cfg.Participant, asked.vettingFilter, wanted)

	next := ""
	if more {
		next = pageToken(string(list[len(list)-1].Synchronizer))
	}

	return obj{"vettedPackages": list, "nextPageToken": next}, nil
}

// vettingBody is the body of a request that changes what is vetted.
type vettingBody struct {
	Changes []struct {
		Operation struct {
			Vet *struct {
				Value struct {
					Packages []packageRef `json:"packages"`
					From     *time.Time   `json:"newValidFromInclusive"`
					Until    *time.Time   `json:"newValidUntilExclusive"`
				} `json:"value"`
			} `json:"Vet"`
			Unvet *struct {
				Value struct {
					Packages []packageRef `json:"packages"`
				} `json:"value"`
			} `json:"Unvet"`
		} `json:"operation"`
	} `json:"changes"`
	Dry          bool                 `json:"dryRun"`
	Synchronizer ident.SynchronizerID `json:"synchronizerId"`
	Expected     struct {
		Serial struct {
			Prior *struct {
				Value int `json:"value"`
			} `json:"Prior"`
			NoPrior *struct{} `json:"NoPrior"`
		} `json:"serial"`
	} `json:"expectedTopologySerial"`
}

func (b *vettingBody) changes() ([]vettingChange, error) {
	if len(b.Changes) == 0 {
		return nil, cantonerr.Missing("changes")
	}

	if len(b.Changes) > maxVettingChanges {
		return nil, cantonerr.Argument("%d changes, more than %d", len(b.Changes), maxVettingChanges)
	}

	list, refs := make([]vettingChange, 0, len(b.Changes)), 0

	for _, given := range b.Changes {
		var change vettingChange

		switch operation := given.Operation; {
		case operation.Vet != nil:
			value := operation.Vet.Value
			change = vettingChange{vet: true, refs: value.Packages, bounds: validity{inUTC(value.From), inUTC(value.Until)}}
		case operation.Unvet != nil:
			change = vettingChange{refs: operation.Unvet.Value.Packages}
		default:
			return nil, cantonerr.Missing("changes.operation")
		}

		if len(change.refs) == 0 {
			return nil, cantonerr.Missing("changes.operation.packages")
		}

		if refs += len(change.refs); refs > maxVettingChanges {
			return nil, cantonerr.Argument("more than %d package references", maxVettingChanges)
		}

		if bounds := change.bounds; bounds.from != nil && bounds.until != nil && !bounds.from.Before(*bounds.until) {
			return nil, cantonerr.Argument("a package cannot be vetted from %s until %s",
				bounds.from.Format(time.RFC3339), bounds.until.Format(time.RFC3339))
		}

		list = append(list, change)
	}

	return list, nil
}

// inUTC is a time as the ledger keeps it: in UTC, and in microseconds.
func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}

	plain := t.UTC().Truncate(time.Microsecond)

	return &plain
}

// serial is the topology serial that the sender expects: nil for none in particular, 0 for none yet.
func (b *vettingBody) serial() *int {
	switch given := b.Expected.Serial; {
	case given.Prior != nil:
		return &given.Prior.Value
	case given.NoPrior != nil:
		return new(int)
	default:
		return nil
	}
}

func (a *Admin) updateVetted(r *http.Request) (any, error) {
	var asked vettingBody

	if err := decode(r, &asked); err != nil {
		return nil, err
	}

	changes, err := asked.changes()
	if err != nil {
		return nil, err
	}

	past, fresh, err := a.packages.update(a.cfg.Participant, asked.Synchronizer, changes, asked.serial(), asked.Dry)
	if err != nil {
		return nil, err
	}

	return obj{"pastVettedPackages": past, "newVettedPackages": fresh}, nil
}
