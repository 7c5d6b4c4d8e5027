package scan

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// Where the validator's own API and scan are found, on a host that serves both.
const (
	prefixValidator = "/api/validator/v0"
	prefixAdmin     = prefixValidator + "/admin"
	prefixProxy     = prefixValidator + "/scan-proxy"
	prefixScan      = "/api/scan/v0"
)

// Guards stand before parts of what Mount serves.
type Guards struct {
	// Authorize lets in the users of the node: before all that is the validator's.
	Authorize func(http.Handler) http.Handler
	// Administer, behind Authorize, lets in who may act for the validator's operator: before its administration.
	Administer func(http.Handler) http.Handler
}

// Mount serves the validator's API, its scan-proxy and scan. Scan is open to all.
func Mount(r chi.Router, l Ledger, guards Guards) {
	a := &api{ledger: l}

	r.Group(func(r chi.Router) {
		r.Use(guards.Authorize)
		r.Get(prefixValidator+"/validator-user", offledger.Handler(a.getValidatorUser))
		r.With(guards.Administer).Group(a.adminRoutes)
		a.proxyRoutes(r)
		a.sharedRoutes(r, prefixProxy)
	})

	a.scanRoutes(r)
	a.sharedRoutes(r, prefixScan)
}

// api is all three: they show the same network.
type api struct {
	ledger Ledger
}

func (a *api) adminRoutes(r chi.Router) {
	const preapprovals = prefixAdmin + "/transfer-preapprovals"

	r.Get(preapprovals, offledger.Handler(a.listPreapprovals))
	r.Get(preapprovals+"/by-party/{party}", offledger.Handler(a.getPreapproval))
	r.Delete(preapprovals+"/by-party/{party}", offledger.Handler(a.deletePreapproval))
}

// proxyRoutes are those that the scan-proxy has in a form of its own: without the client's cache.
func (a *api) proxyRoutes(r chi.Router) {
	r.Get(prefixProxy+"/amulet-rules", offledger.Handler(a.getAmuletRules))
	r.Get(prefixProxy+"/open-and-issuing-mining-rounds", offledger.Handler(a.getRounds))
}

func (a *api) scanRoutes(r chi.Router) {
	r.Post(prefixScan+"/amulet-rules", offledger.Handler(a.postAmuletRules))
	r.Post(prefixScan+"/external-party-amulet-rules", offledger.Handler(a.postExternalRules))
	r.Post(prefixScan+"/open-and-issuing-mining-rounds", offledger.Handler(a.postRounds))
	r.Get(prefixScan+"/featured-apps", offledger.Handler(a.listFeaturedApps))
	r.Get(prefixScan+"/featured-apps/by-provider/{provider}", offledger.Handler(a.getFeaturedApp))
	r.Get(prefixScan+"/splice-instance-names", offledger.Handler(a.getNames))
	r.Get(prefixScan+"/domains/{domain}/members/{member}/traffic-status", offledger.Handler(a.getTraffic))
}

// sharedRoutes are alike on scan and the scan-proxy.
func (a *api) sharedRoutes(r chi.Router, prefix string) {
	r.Get(prefix+"/dso", offledger.Handler(a.getDSO))
	r.Get(prefix+"/dso-party-id", offledger.Handler(a.getDSOParty))
	r.Get(prefix+"/featured-apps/{provider}", offledger.Handler(a.getFeaturedApp))
	r.Get(prefix+"/transfer-preapprovals/by-party/{party}", offledger.Handler(a.getPreapproval))
	r.Post(prefix+"/holdings/summary", offledger.Handler(a.postHoldings))

	r.Get(prefix+"/transfer-command-counter/{party}", offledger.Handler(getCommandCounter))
	r.Get(prefix+"/transfer-command/status", offledger.Handler(getCommandStatus))
	r.Get(prefix+"/ans-entries", offledger.Handler(listNames))
	r.Get(prefix+"/ans-entries/by-party/{party}", offledger.Handler(getNameByParty))
	r.Get(prefix+"/ans-entries/by-name/{name}", offledger.Handler(getName))
	r.Post(prefix+"/ans-rules", offledger.Handler(postNameRules))
	r.Get(prefix+"/unclaimed-development-fund-coupons", offledger.Handler(listCoupons))
}
