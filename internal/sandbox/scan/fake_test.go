package scan_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger/offledgertest"
	"github.com/canton-exchange/suite/internal/sandbox/scan"
)

const (
	dso       ident.Party          = "DSO::1220aa"
	validator ident.Party          = "validator-operator::1220bb"
	treasury  ident.Party          = "treasury::1220cc"
	nobody    ident.Party          = "nobody::1220dd"
	global    ident.SynchronizerID = "global-domain::1220ee"
	node      ident.ParticipantID  = "participant::1220ff"
)

func contract(id, entity, payload string) scan.Contract {
	return scan.Contract{
		TemplateID:  ident.Name{Package: "abcd", Module: "Splice.AmuletRules", Entity: entity},
		PackageName: "splice-amulet", ContractID: ident.ContractID(id), Payload: json.RawMessage(payload),
		Blob: []byte{0xff, 0x00, 0xfe}, SynchronizerID: global,
		CreatedAt: time.Date(2026, 8, 22, 10, 0, 0, 123456789, time.UTC),
	}
}

// shown is what scan makes of a contract.
func shown(id, entity, payload string) string {
	return `{"template_id":"abcd:Splice.AmuletRules:` + entity + `","contract_id":"` + id + `","payload":` + payload +
		`,"created_event_blob":"/wD+","created_at":"2026-08-22T10:00:00.123456Z"}`
}

// placed is a contract with its synchronizer.
func placed(contract string) string {
	return `{"contract":` + contract + `,"domain_id":"` + string(global) + `"}`
}

// fake is a network with one preapproval and one featured app.
type fake struct {
	mu           sync.Mutex
	rules        scan.Rules
	rounds       scan.Rounds
	preapprovals map[ident.Party]scan.Contract
	cancel       error
	owners       []ident.Party
	before       bool
	total        scan.Holdings
	limits       []int
	closed       bool // nobody may administer the validator
}

func newFake() *fake {
	return &fake{
		rules: scan.Rules{
			Amulet: contract("00a1", "AmuletRules", `{"isDevNet":true}`), ExternalParty: contract("00e1", "External", ""),
			DSO: contract("00d1", "DsoRules", ""), NodeStates: []scan.Contract{contract("0051", "SvNodeState", "")},
		},
		rounds: scan.Rounds{
			Open:     []scan.Contract{contract("0b01", "OpenMiningRound", ""), contract("0b02", "OpenMiningRound", "")},
			Issuing:  []scan.Contract{contract("0c01", "IssuingMiningRound", "")},
			Earliest: 41, Fresh: 90 * time.Second,
		},
		preapprovals: map[ident.Party]scan.Contract{treasury: contract("00f1", "TransferPreapproval", `{"dso":"x"}`)},
		total: scan.Holdings{
			RecordTime: time.Date(2026, 8, 22, 10, 0, 0, 0, time.UTC),
			Owners: []scan.OwnerHoldings{
				{Owner: treasury, Unlocked: amount.FromInt(5), Locked: amount.FromInt(2)}, {Owner: validator},
			},
		},
	}
}

func (f *fake) serve(t testing.TB) *offledgertest.Server {
	t.Helper()

	return offledgertest.Serve(t, func(r chi.Router) {
		scan.Mount(r, f, scan.Guards{Authorize: offledgertest.Authorize, Administer: f.administer})
	})
}

func (f *fake) Network() scan.Network {
	return scan.Network{
		DSO: dso, SV: "sv::1220ab", Validator: validator, User: "administrator", Synchronizer: global, MigrationID: 3,
	}
}

func (f *fake) Rules() scan.Rules { return f.rules }

func (f *fake) Rounds() scan.Rounds { return f.rounds }

func (f *fake) Preapproval(receiver ident.Party) (scan.Contract, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()

	c, ok := f.preapprovals[receiver]

	return c, ok
}

func (f *fake) Preapprovals(limit int) []scan.Contract {
	f.limits = append(f.limits, limit)

	list := []scan.Contract{}
	for _, c := range f.preapprovals {
		list = append(list, c)
	}

	return list
}

func (f *fake) CancelPreapproval(receiver ident.Party) error {
	f.mu.Lock()
	defer f.mu.Unlock()

	if f.cancel != nil {
		return f.cancel
	}

	if _, ok := f.preapprovals[receiver]; !ok {
		return fmt.Errorf("preapproval: %w", offledger.ErrUnknown)
	}

	delete(f.preapprovals, receiver)

	return nil
}

func (f *fake) FeaturedApp(provider ident.Party) (scan.Contract, bool) {
	return contract("00b1", "FeaturedAppRight", `{}`), provider == validator
}

func (f *fake) FeaturedApps(limit int) []scan.Contract {
	f.limits = append(f.limits, limit)

	return []scan.Contract{contract("00b1", "FeaturedAppRight", `{}`)}
}

func (f *fake) Holdings(owners []ident.Party, at time.Time, before bool) (scan.Holdings, error) {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.owners, f.before = owners, before

	if at.Before(time.Unix(0, 0)) {
		return scan.Holdings{}, fmt.Errorf("snapshot: %w", offledger.ErrUnknown)
	}

	return f.total, nil
}

func (f *fake) Traffic(synchronizer ident.SynchronizerID, member ident.ParticipantID) (scan.Traffic, error) {
	if synchronizer != global || member != node {
		return scan.Traffic{}, offledger.ErrUnknown
	}

	return scan.Traffic{Consumed: 1, Limit: 1 << 60, Purchased: 3}, nil
}

// administer turns everybody away while nobody may.
func (f *fake) administer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.closed {
			http.Error(w, "not you", http.StatusForbidden)

			return
		}

		next.ServeHTTP(w, r)
	})
}
