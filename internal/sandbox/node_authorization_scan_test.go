package sandbox_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
)

// Who may ask what the validator app serves.
const (
	openToAll  = iota // without any token
	anyUser           // of the node
	operatorOf        // the node: its administrators, and who acts as its operator
)

// beside is a question to what the node serves beside its ledger API.
type beside struct {
	method string
	route  string // as it is mounted
	path   string
	body   any
	who    int
	status int // when it is allowed
}

// besides are all of them. The last one ends what the others ask for.
func besides(g *guarded) []beside {
	const (
		get, post = http.MethodGet, http.MethodPost
		validator = "/api/validator/v0"
		proxy     = validator + "/scan-proxy"
		scan      = "/api/scan/v0"
		admin     = validator + "/admin/transfer-preapprovals"
		byParty   = "/transfer-preapprovals/by-party/"
		names     = "/ans-entries"
		featured  = "/featured-apps"
	)

	party := string(g.carol)
	traffic := "/members/PAR%3A%3A" + url.PathEscape(g.Validators()[0].Participant()) + "/traffic-status"
	summary := map[string]any{
		"migration_id": 0, "record_time": g.clock.Now(), "owner_party_ids": []ident.Party{g.carol},
	}

	list := []beside{
		{get, validator + "/validator-user", validator + "/validator-user", nil, anyUser, 200},
		{get, proxy + "/amulet-rules", proxy + "/amulet-rules", nil, anyUser, 200},
		{get, proxy + "/open-and-issuing-mining-rounds", proxy + "/open-and-issuing-mining-rounds", nil, anyUser, 200},
		{post, scan + "/amulet-rules", scan + "/amulet-rules", "{}", openToAll, 200},
		{post, scan + "/external-party-amulet-rules", scan + "/external-party-amulet-rules", "{}", openToAll, 200},
		{
			post, scan + "/open-and-issuing-mining-rounds", scan + "/open-and-issuing-mining-rounds",
			`{"cached_open_mining_round_contract_ids":[],"cached_issuing_round_contract_ids":[]}`, openToAll, 200,
		},
		{get, scan + featured, scan + featured, nil, openToAll, 200},
		{get, scan + featured + "/by-provider/{provider}", scan + featured + "/by-provider/" + party, nil, openToAll, 200},
		{get, scan + "/splice-instance-names", scan + "/splice-instance-names", nil, openToAll, 200},
		{
			get, scan + "/domains/{domain}/members/{member}/traffic-status",
			scan + "/domains/" + url.PathEscape(string(g.synchronizer())) + traffic, nil, openToAll, 200,
		},
	}

	for prefix, who := range map[string]int{proxy: anyUser, scan: openToAll} {
		for _, b := range []beside{
			{get, "/dso", "/dso", nil, who, 200},
			{get, "/dso-party-id", "/dso-party-id", nil, who, 200},
			{get, featured + "/{provider}", featured + "/" + party, nil, who, 200},
			{get, byParty + "{party}", byParty + party, nil, who, 200},
			{post, "/holdings/summary", "/holdings/summary", summary, who, 404},
			{get, "/transfer-command-counter/{party}", "/transfer-command-counter/" + party, nil, who, 404},
			{get, "/transfer-command/status", "/transfer-command/status?nonce=0&sender=" + party, nil, who, 404},
			{get, names, names + "?page_size=1", nil, who, 200},
			{get, names + "/by-party/{party}", names + "/by-party/" + party, nil, who, 404},
			{get, names + "/by-name/{name}", names + "/by-name/a", nil, who, 404},
			{post, "/ans-rules", "/ans-rules", "{}", who, 200},
			{get, "/unclaimed-development-fund-coupons", "/unclaimed-development-fund-coupons", nil, who, 200},
		} {
			b.route, b.path = prefix+b.route, prefix+b.path
			list = append(list, b)
		}
	}

	return append(list,
		beside{get, admin, admin, nil, operatorOf, 200},
		beside{get, admin + "/by-party/{party}", admin + "/by-party/" + party, nil, operatorOf, 200},
		beside{http.MethodDelete, admin + "/by-party/{party}", admin + "/by-party/" + party, nil, operatorOf, 200},
	)
}

// TestTheValidatorAndScanAskForTheirRight goes through every path beside the ledger API, and who may have it.
func TestTheValidatorAndScanAskForTheirRight(t *testing.T) {
	t.Parallel()

	g := newGuarded(t)

	var validator struct {
		Operator ident.Party `json:"party_id"`
	}

	g.must(http.MethodGet, "/api/validator/v0/validator-user", nil, &validator)
	operator := validator.Operator
	g.user("operator-acts", right("CanActAs", operator))
	g.user("operator-reads", right("CanReadAs", operator))

	nobody := *g.network
	nobody.token = ""

	_, err := g.Preapprove(g.carol)
	require.NoError(t, err)

	asked := besides(g)

	for _, b := range asked {
		for _, user := range []string{
			"alice-acts", "carol-acts", "carol-reads", "operator-reads", "reads-all", "executes-all", "nobody",
			"operator-acts", "participant_admin",
		} {
			want := b.status
			if b.who == operatorOf && !slices.Contains([]string{"operator-acts", "participant_admin"}, user) {
				want = http.StatusForbidden
			}

			status, _, raw := g.as(user).call(b.method, b.path, b.body)
			require.Equal(t, want, status, "%s %s as %s: %s", b.method, b.path, user, raw)

			if b.method == http.MethodDelete && status == http.StatusOK {
				_, err := g.Preapprove(g.carol)
				require.NoError(t, err, "it is gone, as it should be")
			}
		}

		want := b.status
		if b.who != openToAll {
			want = http.StatusUnauthorized
		}

		status, _, raw := nobody.call(b.method, b.path, b.body)
		require.Equal(t, want, status, "%s %s without a token: %s", b.method, b.path, raw)
	}

	// Nothing is left out.
	routes, ok := g.Handler().(chi.Routes)
	require.True(t, ok)
	require.NoError(t, chi.Walk(routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		own := strings.HasPrefix(route, "/api/validator/") || strings.HasPrefix(route, "/api/scan/")
		if own && !strings.Contains(route, "/registry/") {
			require.True(t, slices.ContainsFunc(asked, func(b beside) bool { return b.method == method && b.route == route }),
				"%s %s is served and was not asked", method, route)
		}

		return nil
	}))
}
