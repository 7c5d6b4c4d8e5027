package scan_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger/offledgertest"
	"github.com/canton-exchange/suite/internal/sandbox/scan"
)

const (
	get  = http.MethodGet
	post = http.MethodPost
	del  = http.MethodDelete

	proxy        = "/api/validator/v0/scan-proxy"
	onScan       = "/api/scan/v0"
	preapprovals = "/api/validator/v0/admin/transfer-preapprovals"
)

// call is one request to the scan-proxy, with the path as the document spells it.
type call struct {
	method string
	spec   string
	path   string
	body   any
	status int
}

func calls() []call {
	const (
		featured = "/featured-apps/{provider_party_id}"
		byParty  = "/transfer-preapprovals/by-party/{party}"
		counter  = "/transfer-command-counter/{party}"
		status   = "/transfer-command/status"
		summary  = "/holdings/summary"
		names    = "/ans-entries"
	)

	ask := map[string]any{
		"migration_id": 3, "record_time": "2026-08-22T10:00:00Z", "owner_party_ids": []any{treasury, validator},
	}
	early := map[string]any{
		"migration_id": 3, "record_time": "1960-08-22T10:00:00Z", "owner_party_ids": []any{treasury},
	}

	return []call{
		{get, "/dso-party-id", "/dso-party-id", nil, 200},
		{get, "/dso", "/dso", nil, 200},
		{get, featured, "/featured-apps/" + string(validator), nil, 200},
		{get, featured, "/featured-apps/" + string(nobody), nil, 200},
		{get, "/open-and-issuing-mining-rounds", "/open-and-issuing-mining-rounds", nil, 200},
		{get, "/amulet-rules", "/amulet-rules", nil, 200},
		{get, byParty, "/transfer-preapprovals/by-party/" + string(treasury), nil, 200},
		{get, byParty, "/transfer-preapprovals/by-party/" + offledgertest.Escaped(string(treasury)), nil, 200},
		{get, byParty, "/transfer-preapprovals/by-party/" + string(nobody), nil, 404},
		{get, counter, "/transfer-command-counter/" + string(treasury), nil, 404},
		{get, status, status + "?sender=" + string(treasury) + "&nonce=0", nil, 404},
		{post, summary, summary, ask, 200},
		{post, summary, summary, early, 404},
		{post, summary, summary, "{}", 400},
		{get, names, names + "?page_size=10&name_prefix=a", nil, 200},
		{get, names + "/by-party/{party}", names + "/by-party/" + string(treasury), nil, 404},
		{get, names + "/by-name/{name}", names + "/by-name/a.unverified.cns", nil, 404},
		{post, "/ans-rules", "/ans-rules", "{}", 200},
		{get, "/unclaimed-development-fund-coupons", "/unclaimed-development-fund-coupons", nil, 200},
	}
}

func TestScanProxyConformsToThePublishedDocument(t *testing.T) {
	t.Parallel()

	doc := offledgertest.Document(t, "scan-proxy.yaml")
	server := newFake().serve(t)
	asked := map[string]bool{}

	for _, c := range calls() {
		spec := "/v0/scan-proxy" + c.spec
		asked[spec] = true
		answer := server.Ask(c.method, proxy+c.path, c.body)
		require.Equal(t, c.status, answer.Status, "%s: %s", c.path, answer.Raw)
		offledgertest.Conforms(t, doc, c.method, spec, answer)
	}

	for path := range doc.Paths.Map() {
		require.True(t, asked[path], "%s is in the document and was not asked", path)
	}
}

// TestScanAnswersAsItsProxyWhereTheyAreAlike leaves out the two that scan has in another form.
func TestScanAnswersAsItsProxyWhereTheyAreAlike(t *testing.T) {
	t.Parallel()

	server := newFake().serve(t)

	for _, c := range calls() {
		if c.path == "/amulet-rules" || c.path == "/open-and-issuing-mining-rounds" {
			require.Equal(t, http.StatusMethodNotAllowed, server.Ask(get, onScan+c.path, nil).Status)

			continue
		}

		require.Equal(t, server.Ask(c.method, proxy+c.path, c.body), server.Ask(c.method, onScan+c.path, c.body))
	}
}

func TestOnlyTheValidatorDemandsAToken(t *testing.T) {
	t.Parallel()

	server := newFake().serve(t)
	server.Token = ""

	for _, c := range calls() {
		require.Equal(t, http.StatusUnauthorized, server.Ask(c.method, proxy+c.path, c.body).Status, c.path)
	}

	byParty := preapprovals + "/by-party/" + string(treasury)
	require.Equal(t, http.StatusUnauthorized, server.Ask(get, "/api/validator/v0/validator-user", nil).Status)
	require.Equal(t, http.StatusUnauthorized, server.Ask(get, preapprovals, nil).Status)
	require.Equal(t, http.StatusUnauthorized, server.Ask(get, byParty, nil).Status)
	require.Equal(t, http.StatusUnauthorized, server.Ask(del, byParty, nil).Status)
	require.Equal(t, http.StatusOK, server.Ask(get, onScan+"/dso", nil).Status)
}

func TestTheAdministrationHasAGuardOfItsOwn(t *testing.T) {
	t.Parallel()

	f := newFake()
	f.closed = true
	server := f.serve(t)
	byParty := preapprovals + "/by-party/" + string(treasury)

	require.Equal(t, http.StatusForbidden, server.Ask(get, preapprovals, nil).Status)
	require.Equal(t, http.StatusForbidden, server.Ask(get, byParty, nil).Status)
	require.Equal(t, http.StatusForbidden, server.Ask(del, byParty, nil).Status)
	require.Contains(t, f.preapprovals, treasury)

	require.Equal(t, http.StatusOK, server.Ask(get, "/api/validator/v0/validator-user", nil).Status)
	require.Equal(t, http.StatusOK, server.Ask(get, proxy+"/dso", nil).Status)
}

func TestAnswers(t *testing.T) {
	t.Parallel()

	const (
		member = "/domains/global-domain%3A%3A1220ee/members/PAR%3A%3Aparticipant%3A%3A1220ff/traffic-status"
		rules  = `{"isDevNet":true}`
	)

	server := newFake().serve(t)
	amulet := shown("00a1", "AmuletRules", rules)
	open := shown("0b02", "OpenMiningRound", "{}")
	right := shown("00b1", "FeaturedAppRight", "{}")
	approval := placed(shown("00f1", "TransferPreapproval", `{"dso":"x"}`))

	for _, c := range []struct {
		method, path, body, want string
	}{
		{get, "/api/validator/v0/validator-user", "", `{"party_id":"validator-operator::1220bb",
			"user_name":"administrator","featured":true}`},
		{get, preapprovals, "", `{"contracts":[` + approval + `]}`},
		{get, preapprovals + "/by-party/" + string(treasury), "", `{"transfer_preapproval":` + approval + `}`},
		{get, proxy + "/transfer-preapprovals/by-party/" + string(treasury), "", `{"transfer_preapproval":` + approval + `}`},
		{get, onScan + "/dso-party-id", "", `{"dso_party_id":"DSO::1220aa"}`},
		{get, onScan + "/dso", "", `{"sv_user":"sv","sv_party_id":"sv::1220ab","dso_party_id":"DSO::1220aa",
			"voting_threshold":1,"latest_mining_round":` + placed(open) + `,"amulet_rules":` + placed(amulet) + `,
			"dso_rules":` + placed(shown("00d1", "DsoRules", "{}")) + `,
			"sv_node_states":[` + placed(shown("0051", "SvNodeState", "{}")) + `]}`},
		{get, proxy + "/amulet-rules", "", `{"amulet_rules":` + placed(amulet) + `}`},
		{get, proxy + "/open-and-issuing-mining-rounds", "", `{
			"open_mining_rounds":[` + placed(shown("0b01", "OpenMiningRound", "{}")) + `,` + placed(open) + `],
			"issuing_mining_rounds":[` + placed(shown("0c01", "IssuingMiningRound", "{}")) + `]}`},
		{post, onScan + "/amulet-rules", "{}", `{"amulet_rules_update":` + placed(amulet) + `}`},
		{
			post, onScan + "/amulet-rules",
			`{"cached_amulet_rules_contract_id":"00a1","cached_amulet_rules_domain_id":"global-domain::1220ee"}`,
			`{"amulet_rules_update":{"domain_id":"global-domain::1220ee"}}`,
		},
		{
			post, onScan + "/amulet-rules",
			`{"cached_amulet_rules_contract_id":"00a1","cached_amulet_rules_domain_id":"other::1220ee"}`,
			`{"amulet_rules_update":` + placed(amulet) + `}`,
		},
		{
			post, onScan + "/external-party-amulet-rules", "{}",
			`{"external_party_amulet_rules_update":` + placed(shown("00e1", "External", "{}")) + `}`,
		},
		{
			post, onScan + "/open-and-issuing-mining-rounds",
			`{"cached_open_mining_round_contract_ids":["0b01","0c01"],"cached_issuing_round_contract_ids":[]}`,
			`{"time_to_live_in_microseconds":90000000,
			"open_mining_rounds":{"0b01":{"domain_id":"global-domain::1220ee"},"0b02":` + placed(open) + `},
			"issuing_mining_rounds":{"0c01":` + placed(shown("0c01", "IssuingMiningRound", "{}")) + `}}`,
		},
		{get, onScan + "/featured-apps", "", `{"featured_apps":[` + right + `]}`},
		{get, onScan + "/featured-apps/" + string(validator), "", `{"featured_app_right":` + right + `}`},
		{get, onScan + "/featured-apps/by-provider/" + string(validator), "", `{"featured_app_right":` + right + `}`},
		{get, onScan + "/featured-apps/" + string(nobody), "", `{}`},
		{get, onScan + "/splice-instance-names", "", `{"network_name":"Canton Sandbox","network_favicon_url":"",
			"amulet_name":"Canton Coin","amulet_name_acronym":"CC","name_service_name":"Canton Name Service",
			"name_service_name_acronym":"CNS"}`},
		{get, onScan + member, "", `{"traffic_status":{"actual":{"total_consumed":1,
			"total_limit":1152921504606846976},"target":{"total_purchased":3}}}`},
	} {
		answer := server.Ask(c.method, c.path, c.body)
		require.Equal(t, http.StatusOK, answer.Status, "%s: %s", c.path, answer.Raw)
		require.JSONEq(t, c.want, string(answer.Raw), c.path)
	}
}

func TestADisappearedPreapprovalHasTheTextThatClientsLookFor(t *testing.T) {
	t.Parallel()

	const text = "No TransferPreapproval found for party treasury::1220cc"

	f := newFake()
	server := f.serve(t)
	byParty := preapprovals + "/by-party/" + string(treasury)

	f.cancel = offledger.ErrUnavailable
	server.Refused(503, server.Ask(del, byParty, nil))

	f.cancel = nil
	answer := server.Ask(del, byParty, nil)
	require.Equal(t, http.StatusOK, answer.Status)
	require.Empty(t, answer.Raw)

	require.Equal(t, text, server.Refused(404, server.Ask(del, byParty, nil)))
	require.Equal(t, text, server.Refused(404, server.Ask(get, byParty, nil)))

	for _, root := range []string{proxy, onScan} {
		byParty := root + "/transfer-preapprovals/by-party/" + string(treasury)
		require.Equal(t, text, server.Refused(404, server.Ask(get, byParty, nil)))
	}
}

func TestListsThatAreNotPagedAreBounded(t *testing.T) {
	t.Parallel()

	f := newFake()
	server := f.serve(t)
	server.Object(server.Ask(get, preapprovals, nil))
	server.Object(server.Ask(get, onScan+"/featured-apps", nil))
	require.Equal(t, []int{1000, 1000}, f.limits)
}

func TestHoldingsSummary(t *testing.T) {
	t.Parallel()

	f := newFake()
	server := f.serve(t)
	ask := map[string]any{
		"migration_id": 3, "record_time": "2026-08-22T12:00:00.5Z", "record_time_match": "at_or_before",
		"owner_party_ids": []any{validator, treasury, validator},
	}

	answer := server.Object(server.Ask(post, onScan+"/holdings/summary", ask))
	require.Equal(t, "2026-08-22T10:00:00Z", answer["record_time"])
	require.InDelta(t, 3, answer["migration_id"], 0)
	require.InDelta(t, 41, answer["computed_as_of_round"], 0)
	require.Equal(t, []ident.Party{treasury, validator}, f.owners, "sorted, each once")
	require.True(t, f.before)

	summaries, ok := answer["summaries"].([]any)
	require.True(t, ok)
	require.Len(t, summaries, 2)
	require.Equal(t, map[string]any{
		"party_id": string(treasury), "total_unlocked_coin": "5.0000000000", "total_locked_coin": "2.0000000000",
		"total_coin_holdings": "7.0000000000", "total_available_coin": "5.0000000000",
		"accumulated_holding_fees_unlocked": "0.0000000000", "accumulated_holding_fees_locked": "0.0000000000",
		"accumulated_holding_fees_total": "0.0000000000",
	}, summaries[0])

	ask["as_of_round"], ask["record_time_match"] = 7, "exact"
	answer = server.Object(server.Ask(post, onScan+"/holdings/summary", ask))
	require.InDelta(t, 7, answer["computed_as_of_round"], 0)
	require.False(t, f.before)

	most, err := amount.Parse(strings.Repeat("9", 28))
	require.NoError(t, err)

	f.total.Owners[0] = scan.OwnerHoldings{Owner: treasury, Unlocked: most, Locked: most}
	server.Refused(500, server.Ask(post, onScan+"/holdings/summary", ask))
}

func TestBadRequestsAreRefused(t *testing.T) {
	t.Parallel()

	const (
		summary = "/holdings/summary"
		at      = `"record_time":"2026-08-22T12:00:00Z"`
		one     = `"owner_party_ids":["a::1220"]`
		traffic = "/domains/global-domain::1220ee/members/"
	)

	many := `"owner_party_ids":["` + strings.Repeat(`a::1220","`, 1000) + `a::1220"]`
	f := newFake()
	server := f.serve(t)

	for name, c := range map[string]struct {
		method, path, body string
		status             int
	}{
		"no migration":      {post, summary, `{` + at + `,` + one + `}`, 400},
		"other migration":   {post, summary, `{"migration_id":4,` + at + `,` + one + `}`, 404},
		"no time":           {post, summary, `{"migration_id":3,` + one + `}`, 400},
		"no owner":          {post, summary, `{"migration_id":3,` + at + `,"owner_party_ids":[]}`, 400},
		"too many owners":   {post, summary, `{"migration_id":3,` + at + `,` + many + `}`, 400},
		"owner no party":    {post, summary, `{"migration_id":3,` + at + `,"owner_party_ids":["a"]}`, 400},
		"unknown match":     {post, summary, `{"migration_id":3,"record_time_match":"near",` + at + `,` + one + `}`, 400},
		"no body":           {post, "/amulet-rules", "", 400},
		"cache of numbers":  {post, "/open-and-issuing-mining-rounds", `{"cached_open_mining_round_contract_ids":[1]}`, 400},
		"body too large":    {post, "/ans-rules", `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
		"external no body":  {post, "/external-party-amulet-rules", "", 400},
		"status of whom":    {get, "/transfer-command/status?nonce=1", "", 400},
		"status without":    {get, "/transfer-command/status?sender=a::1220", "", 400},
		"names, no size":    {get, "/ans-entries", "", 400},
		"names, size 0":     {get, "/ans-entries?page_size=0", "", 400},
		"counter, no party": {get, "/transfer-command-counter/x", "", 400},
		"entry, no party":   {get, "/ans-entries/by-party/x", "", 400},
		"app, no party":     {get, "/featured-apps/x", "", 400},
		"approval, party":   {get, "/transfer-preapprovals/by-party/" + strings.Repeat("x", 300) + "::1220", "", 400},
		"member, no kind":   {get, traffic + "participant::1220ff/traffic-status", "", 400},
		"member, unknown":   {get, traffic + "PAR::other::1220ff/traffic-status", "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			text := server.Refused(c.status, server.Ask(c.method, onScan+c.path, c.body))
			require.Less(t, len(text), 600)
		})
	}

	t.Cleanup(func() { require.Nil(t, f.owners, "a refused request reached the ledger") })
}

func TestANetworkWithoutRoundsOrRules(t *testing.T) {
	t.Parallel()

	f := newFake()
	f.rounds = scan.Rounds{Fresh: time.Second}
	f.rules.ExternalParty = scan.Contract{}
	f.cancel = errors.New("disk on fire")
	server := f.serve(t)

	server.Refused(503, server.Ask(get, onScan+"/dso", nil))
	require.JSONEq(t, `{"open_mining_rounds":[],"issuing_mining_rounds":[]}`,
		string(server.Ask(get, proxy+"/open-and-issuing-mining-rounds", nil).Raw))
	require.JSONEq(t, `{"external_party_amulet_rules_update":{}}`,
		string(server.Ask(post, onScan+"/external-party-amulet-rules", "{}").Raw))
	server.Refused(500, server.Ask(del, preapprovals+"/by-party/"+string(treasury), nil))
}
