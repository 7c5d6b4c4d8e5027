package registry_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/sandbox"
)

func TestTheContextOfCantonCoin(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{})
	c := n.client(registry.Endpoint{URL: n.url + "/api/scan"}, n.proxy())

	p := n.proxy()
	p.URL += "/registry/"
	_, err := n.client(p).AmuletContext(t.Context(), n.DSO())
	require.NoError(t, err)

	got, err := c.AmuletContext(t.Context(), n.DSO())
	require.NoError(t, err, "scan does not have it, the scan-proxy does")
	require.Equal(t, "AmuletRules", got.Rules.Template.Entity)
	require.Equal(t, "OpenMiningRound", got.Round.Template.Entity)
	require.NotEmpty(t, got.Rules.Blob)
	require.NotEmpty(t, got.Round.Blob)
	require.NotEmpty(t, got.Round.Synchronizer)

	_, err = n.client(registry.Endpoint{URL: n.url + "/api/scan"}).AmuletContext(t.Context(), n.DSO())
	require.Equal(t, registry.Misconfigured, registry.KindOf(err), "%v", err)

	_, err = c.AmuletContext(t.Context(), n.alice)
	require.Equal(t, registry.Misconfigured, registry.KindOf(err), "%v", err)
}

// aQuarterPast is when those rounds are asked for.
type aQuarterPast struct{}

func (aQuarterPast) Now() time.Time { return time.Date(2026, 1, 1, 0, 15, 0, 0, time.UTC) }

// TestTheRoundThatOpenedLast is what is used, and a wrong answer is not.
func TestTheRoundThatOpenedLast(t *testing.T) {
	t.Parallel()

	contract := func(template, id, payload string) string {
		return `{"contract":{"template_id":"` + template + `","contract_id":"` + id + `","payload":` + payload +
			`,"created_event_blob":"AQ==","created_at":"2026-01-01T00:00:00Z"},"domain_id":"s::1220"}`
	}
	rules := contract("p:Splice.AmuletRules:AmuletRules", "00aa", "{}")
	round := func(id, opens string) string {
		return contract("p:Splice.Round:OpenMiningRound", id, `{"opensAt":"`+opens+`","round":{"number":"7"}}`)
	}
	rounds := func(list ...string) string { return `{"open_mining_rounds":[` + strings.Join(list, ",") + `]}` }
	good := rounds(round("00b2", "2026-01-01T00:10:00Z"), round("00b3", "2026-01-01T00:20:00Z"),
		round("00b1", "2026-01-01T00:00:00Z"))

	many := make([]string, 101)
	for i := range many {
		many[i] = round("00b1", "2026-01-01T00:00:00Z")
	}

	for name, tc := range map[string]struct{ rules, rounds, want string }{
		"the last that is open": {`{"amulet_rules":` + rules + `}`, good, ""},
		"no rules":              {`{}`, good, "amulet_rules is missing"},
		"other rules":           {`{"amulet_rules":` + round("00b1", "2026-01-01T00:00:00Z") + `}`, good, "was asked for"},
		"no blob":               {`{"amulet_rules":` + strings.Replace(rules, "AQ==", "", 1) + `}`, good, "createdEventBlob"},
		"no rounds":             {`{"amulet_rules":` + rules + `}`, `{}`, "open_mining_rounds is missing"},
		"not open yet": {
			`{"amulet_rules":` + rules + `}`, rounds(round("00b3", "2026-01-01T00:20:00Z")), "none of 1 mining rounds",
		},
		"too many":    {`{"amulet_rules":` + rules + `}`, rounds(many...), "more rounds than there can be"},
		"no time":     {`{"amulet_rules":` + rules + `}`, rounds(contract("p:a:b", "00b1", `{"opensAt":7}`)), "mining round 0"},
		"other round": {`{"amulet_rules":` + rules + `}`, rounds(strings.Replace(round("00b1", "2026-01-01T00:00:00Z"), "Open", "Closed", 1)), "was asked for"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")

			body := tc.rounds
			if strings.HasSuffix(r.URL.Path, "/amulet-rules") {
				body = tc.rules
			}

			_, _ = w.Write([]byte(body))
		}))

		c, err := registry.New(registry.Config{
			Registries: []registry.Registry{{Admin: "dso::1220", Endpoints: []registry.Endpoint{{URL: server.URL}}}},
			Retry:      registry.Retry{Rounds: 1, Initial: time.Millisecond, Max: time.Millisecond},
			Clock:      aQuarterPast{},
		})
		require.NoError(t, err)

		got, err := c.AmuletContext(t.Context(), "dso::1220")
		c.CloseIdle()
		server.Close()

		if tc.want != "" {
			require.ErrorContains(t, err, tc.want, name)

			continue
		}

		require.NoError(t, err, name)
		require.Equal(t, "00b2", string(got.Round.Contract))
		require.Equal(t, "00aa", string(got.Rules.Contract))
	}
}
