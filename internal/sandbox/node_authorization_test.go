package sandbox_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/secret"
)

const hmacKey = "unsafe"

// tokenOf is a good token of a user for the first node.
func (n *network) tokenOf(user string, change jwt.MapClaims) string {
	n.t.Helper()

	claims := jwt.MapClaims{"sub": user, "scope": "daml_ledger_api", "exp": n.clock.Now().Add(time.Minute).Unix()}
	maps.Copy(claims, change)

	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(hmacKey))
	require.NoError(n.t, err)

	return text
}

// as is the network as a user sees it.
func (n *network) as(user string) *network {
	other := *n
	other.token = n.tokenOf(user, nil)

	return &other
}

func right(kind string, party ident.Party) map[string]any {
	value := map[string]any{}
	if party != "" {
		value["party"] = party
	}

	return map[string]any{"kind": map[string]any{kind: map[string]any{"value": value}}}
}

func (n *network) user(id string, rights ...any) {
	n.t.Helper()

	if rights == nil {
		rights = []any{}
	}

	n.must(http.MethodPost, "/v2/users", map[string]any{
		"user": map[string]any{
			"id": id, "primaryParty": "", "isDeactivated": false, "identityProviderId": "",
			"metadata": map[string]any{"resourceVersion": "", "annotations": map[string]any{}},
		}, "rights": rights,
	}, nil)
}

// guarded is a network that demands tokens: alice and bob are external, carol and dan are not.
type guarded struct {
	*network

	external, other *external
	carol, dan      ident.Party
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()

	n := newBare(t, sandbox.Config{Auth: admin.AuthConfig{HS256: secret.New(hmacKey)}, Version: sandbox.V36})
	n.token = n.tokenOf("participant_admin", nil)

	g := &guarded{network: n, external: n.onboard("alice"), other: n.onboard("bob")}
	g.carol, g.dan = n.party("carol"), n.party("dan")
	n.tap(g.external.party, "1000")

	for _, party := range []struct {
		name string
		id   ident.Party
	}{{"alice", g.external.party}, {"bob", g.other.party}, {"carol", g.carol}, {"dan", g.dan}} {
		n.user(party.name+"-reads", right("CanReadAs", party.id))
		n.user(party.name+"-acts", right("CanActAs", party.id))
		n.user(party.name+"-executes", right("CanExecuteAs", party.id))
	}

	n.user("reads-all", right("CanReadAsAnyParty", ""))
	n.user("executes-all", right("CanExecuteAsAnyParty", ""))
	n.user("nobody")

	return g
}

// signedAs prepares, as who may, and has alice sign; the request has no user id, so that the token's counts.
func (g *guarded) signedAs() map[string]any {
	g.t.Helper()

	reader := *g.external
	reader.n = g.as("alice-acts")

	request := reader.prepareRequest(pingCommand(g.external.party, g.other.party), []any{})
	delete(request, "userId")

	g.commands++
	request["commandId"] = "signed-" + g.command()

	var p prepared

	reader.n.must(http.MethodPost, preparePath, request, &p)

	signed := reader.executeRequest(p)
	delete(signed, "userId")

	return signed
}

// TestEveryEndpointAsksForItsRight goes through what an endpoint shows or does, and who may have it.
func TestEveryEndpointAsksForItsRight(t *testing.T) {
	t.Parallel()

	g := newGuarded(t)
	alice := g.external.party
	end := g.LedgerEnd()
	contract := g.external.inputs(g.Amulet())[0]
	update := g.Updates(alice)[0]

	everybody := []string{
		"alice-reads", "alice-acts", "alice-executes", "bob-reads", "bob-acts", "bob-executes", "carol-reads", "carol-acts",
		"carol-executes", "dan-reads", "dan-acts", "reads-all", "executes-all", "nobody", "participant_admin",
	}
	readers := []string{"alice-reads", "alice-acts", "reads-all"}
	own := func(body map[string]any) func() map[string]any {
		return func() map[string]any { return body }
	}
	anyParty := map[string]any{"filtersForAnyParty": map[string]any{"cumulative": []any{}}}
	bounded := updatesRequest(alice, 0)
	bounded["endInclusive"] = end
	older := map[string]any{"beginExclusive": 0, "endInclusive": end, "filter": anyParty}

	prepare := func() map[string]any {
		r := g.external.prepareRequest(pingCommand(alice, g.other.party), []any{})
		delete(r, "userId")

		return r
	}
	submit := func() map[string]any {
		r := g.commandsOf(g.carol, pingCommand(g.carol, g.dan))
		delete(r, "userId")

		return r
	}

	for name, c := range map[string]struct {
		path string
		body func() map[string]any
		may  []string
	}{
		"updates":            {"/v2/updates", own(bounded), readers},
		"updates of all":     {"/v2/updates", own(older), []string{"reads-all"}},
		"pages":              {"/v2/updates/get-updates-page", own(map[string]any{"updateFormat": updateFormat(alice)}), readers},
		"update by id":       {"/v2/updates/update-by-id", own(map[string]any{"updateId": update.UpdateID, "updateFormat": updateFormat(alice)}), readers},
		"update by offset":   {"/v2/updates/update-by-offset", own(map[string]any{"offset": update.Offset, "updateFormat": updateFormat(alice)}), readers},
		"contracts":          {"/v2/state/active-contracts", own(map[string]any{"activeAtOffset": end, "eventFormat": standardFormat(alice)}), readers},
		"contracts in pages": {"/v2/state/active-contracts-page", own(map[string]any{"eventFormat": standardFormat(alice)}), readers},
		"contracts of all":   {"/v2/state/active-contracts", own(map[string]any{"activeAtOffset": end, "eventFormat": anyParty}), []string{"reads-all"}},
		"events":             {"/v2/events/events-by-contract-id", own(map[string]any{"contractId": contract, "eventFormat": standardFormat(alice)}), readers},
		"contract":           {"/v2/contracts/contract-by-id", own(map[string]any{"contractId": contract, "queryingParties": []any{alice}}), readers},
		"completions": {
			completionsPath, own(map[string]any{"parties": []any{alice}, "beginExclusive": 0}),
			[]string{"alice-reads", "alice-acts", "alice-executes", "reads-all", "executes-all"},
		},
		"completions of all": {allCompletionsPath, own(map[string]any{"parties": []any{}, "beginExclusive": 0}), []string{"reads-all"}},
		"prepare":            {preparePath, prepare, readers},
		"execute":            {executePath, g.signedAs, []string{"alice-acts", "alice-executes", "executes-all"}},
		"execute and wait":   {waitPath, g.signedAs, []string{"alice-acts", "alice-executes", "executes-all"}},
		"and tell":           {transactionPath, g.signedAs, []string{"alice-acts", "alice-executes", "executes-all"}},
		"and tell of bob": {transactionPath, func() map[string]any {
			r := g.signedAs()
			r["transactionFormat"] = map[string]any{
				"eventFormat": standardFormat(g.other.party), "transactionShape": "TRANSACTION_SHAPE_ACS_DELTA",
			}

			return r
		}, nil},
		"submit":       {submitPath, submit, []string{"carol-acts"}},
		"submit async": {submitAsyncPath, submit, []string{"carol-acts"}},
		"submit, reading as dan": {submitPath, func() map[string]any {
			r := submit()
			r["readAs"] = []any{g.dan}

			return r
		}, nil},
		"allocate":          {allocatePath, func() map[string]any { return g.freshOnboarding() }, []string{"participant_admin"}},
		"allocate a party":  {"/v2/parties", func() map[string]any { return g.freshParty() }, []string{"participant_admin"}},
		"generate topology": {generatePath, own(g.generateRequest("eve")), everybody},
	} {
		for _, user := range everybody {
			if user == "participant_admin" && !slices.Contains(c.may, user) {
				require.False(t, g.allowed(user, c.path, c.body()), "%s: an administrator neither reads nor acts", name)

				continue
			}

			require.Equal(t, slices.Contains(c.may, user), g.allowed(user, c.path, c.body()), "%s as %s", name, user)
		}

		for kind, token := range map[string]string{
			"none": "", "garbage": "x.y.z", "expired": g.tokenOf("alice-acts", jwt.MapClaims{"exp": g.clock.Now().Unix()}),
			"too long": g.tokenOf("alice-acts", jwt.MapClaims{"exp": g.clock.Now().Add(time.Hour).Unix()}),
			"unscoped": g.tokenOf("alice-acts", jwt.MapClaims{"scope": "other"}),
		} {
			other := *g.network
			other.token = token
			status, _, raw := other.call(http.MethodPost, c.path, c.body())
			require.Equal(t, http.StatusUnauthorized, status, "%s with %s token: %s", name, kind, raw)
			require.Contains(t, string(raw), `"code":"NA"`)
		}
	}
}

func (g *guarded) freshOnboarding() map[string]any {
	g.commands++
	request, _ := g.allocateRequest("fresh-" + g.command())

	return request
}

func (g *guarded) freshParty() map[string]any {
	g.commands++

	return map[string]any{"partyIdHint": "local-" + g.command(), "identityProviderId": "", "synchronizerId": "", "userId": ""}
}

func TestPartiesAreTheAdministratorsToSee(t *testing.T) {
	t.Parallel()

	g := newGuarded(t)
	alice := string(g.external.party)
	synchronizers := "/v2/state/connected-synchronizers"

	for path, may := range map[string][]string{
		"/v2/parties":                     {"participant_admin"},
		"/v2/parties/" + alice:            {"participant_admin"},
		"/v2/parties/participant-id":      {"participant_admin", "alice-reads", "alice-executes", "bob-acts", "nobody"},
		"/v2/state/ledger-end":            {"participant_admin", "alice-reads", "alice-executes", "bob-acts", "nobody"},
		synchronizers:                     {"participant_admin", "alice-reads", "alice-executes", "bob-acts", "nobody"},
		synchronizers + "?party=" + alice: {"participant_admin", "alice-reads", "alice-executes"},
	} {
		for _, user := range []string{"participant_admin", "alice-reads", "alice-executes", "bob-acts", "nobody"} {
			want := http.StatusForbidden
			if slices.Contains(may, user) {
				want = http.StatusOK
			}

			status, _, raw := g.as(user).call(http.MethodGet, path, nil)
			require.Equal(t, want, status, "%s as %s: %s", path, user, raw)
		}
	}
}

// allowed reports whether a user is answered; the only other answer is 403.
func (g *guarded) allowed(user, path string, body map[string]any) bool {
	g.t.Helper()

	status, _, raw := g.as(user).call(http.MethodPost, path, body)
	if status == http.StatusForbidden {
		require.Contains(g.t, string(raw), `"code":"NA"`)

		return false
	}

	require.Equal(g.t, http.StatusOK, status, "%s %s: %s", user, path, raw)

	return true
}

func TestNothingIsSubmittedForWhomMayNotSeeIt(t *testing.T) {
	t.Parallel()

	g := newGuarded(t)
	end := g.LedgerEnd()
	request := g.signedAs()
	request["transactionFormat"] = map[string]any{
		"eventFormat": standardFormat(g.other.party), "transactionShape": "TRANSACTION_SHAPE_ACS_DELTA",
	}

	require.False(t, g.allowed("alice-acts", transactionPath, request))
	require.Equal(t, end, g.LedgerEnd())
}

func TestUserIdsMustBeTheTokens(t *testing.T) {
	t.Parallel()

	g := newGuarded(t)
	request := g.signedAs()
	request["userId"] = "bob-acts"
	require.False(t, g.allowed("alice-acts", executePath, request))

	request["userId"] = "alice-acts"
	require.True(t, g.allowed("alice-acts", executePath, request))

	list := completionsOf(g.as("alice-acts"), completionsPath, map[string]any{"parties": []any{g.external.party}})
	require.Equal(t, "alice-acts", list[0].UserID)
	require.False(t, g.allowed("alice-reads", completionsPath,
		map[string]any{"userId": "alice-acts", "parties": []any{g.external.party}}))

	// A user may onboard a party for itself from 3.5 on, and no other.
	own := g.freshOnboarding()
	own["userId"] = "nobody"
	require.True(t, g.allowed("nobody", allocatePath, own))

	another := g.freshOnboarding()
	another["userId"] = "bob-acts"
	require.False(t, g.allowed("nobody", allocatePath, another))
}

// TestStreamsEndWithTheirAuthorization opens streams of every kind and lets the token expire, or the rights change.
func TestStreamsEndWithTheirAuthorization(t *testing.T) {
	t.Parallel()

	for path, request := range map[string]func(g *guarded) any{
		"/v2/updates": func(g *guarded) any { return updatesRequest(g.external.party, g.LedgerEnd()) },
		completionsPath: func(g *guarded) any {
			return map[string]any{"parties": []any{g.external.party}, "beginExclusive": g.LedgerEnd()}
		},
		allCompletionsPath: func(g *guarded) any {
			return map[string]any{"parties": []any{g.external.party}, "beginExclusive": g.LedgerEnd()}
		},
	} {
		for want, end := range map[string]func(g *guarded){
			"ACCESS_TOKEN_EXPIRED": func(g *guarded) {
				g.clock.Advance(2 * time.Minute)
				g.token = g.tokenOf("participant_admin", nil)
			},
			"STALE_STREAM_AUTHORIZATION": func(g *guarded) {
				g.must(http.MethodPost, "/v2/users/alice-acts/rights", map[string]any{
					"userId": "alice-acts", "identityProviderId": "", "rights": []any{right("CanReadAs", g.dan)},
				}, nil)
			},
		} {
			t.Run(path+" "+want, func(t *testing.T) {
				t.Parallel()

				g := newGuarded(t)
				s := g.as("alice-acts").stream(path, request(g))

				// The stream has begun when it tells something.
				g.as("alice-acts").must(http.MethodPost, executePath, g.signedAs(), nil)

				for {
					if i := s.next(); i.Update.Transaction != nil || path != "/v2/updates" {
						break
					}
				}

				end(g)

				// Only what comes next is held to what the token is worth by now.
				g.as("alice-acts").must(http.MethodPost, executePath, g.signedAs(), nil)

				for {
					raw, err := s.raw()
					require.NoError(t, err)

					var told refusal

					require.NoError(t, json.Unmarshal(raw, &told))

					if told.Code != "" {
						require.Equal(t, want, told.Code)

						break
					}
				}
			})
		}

		// Without the right, or without a token, the socket opens and the first message says so.
		g := newGuarded(t)
		raw, err := g.as("bob-acts").stream(path, request(g)).raw()
		require.NoError(t, err)
		require.Contains(t, string(raw), `"code":"NA"`, path)

		g.token = ""
		raw, err = g.stream(path, request(g)).raw()
		require.NoError(t, err)
		require.Contains(t, string(raw), `"code":"NA"`, path)
	}
}
