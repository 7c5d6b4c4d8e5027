package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/sandbox/published"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}

		return ""
	}
}

func TestFlagsComeBeforeTheEnvironment(t *testing.T) {
	t.Parallel()

	o, err := parse([]string{"-seed", "5"}, env("SANDBOX_SEED", "6", "SANDBOX_TOKEN_FILE", "/t"), io.Discard)
	require.NoError(t, err)
	require.Equal(t, uint64(5), o.seed)
	require.Equal(t, "/t", o.tokenFile)
	require.Equal(t, "127.0.0.1:7575", o.listen)
}

func TestFaultsAreRules(t *testing.T) {
	t.Parallel()

	cut := fault.Rule{Kind: fault.StreamCut, Every: time.Second}
	lost := fault.Rule{Kind: fault.ReplyLost, Times: 2}

	o, err := parse([]string{"-fault", cut.String(), "-fault", lost.String(), "-fault-seed", "9"}, env(), io.Discard)
	require.NoError(t, err)
	require.Equal(t, []fault.Rule{cut, lost}, o.faults)
	require.Equal(t, uint64(9), o.faultSeed)

	o, err = parse(nil, env("SANDBOX_FAULT", cut.String()+"; "+lost.String()), io.Discard)
	require.NoError(t, err)
	require.Equal(t, []fault.Rule{cut, lost}, o.faults)

	for _, text := range []string{"kind=no-such", "", cut.String() + ";", strings.Repeat("kind=prune;", fault.MaxRules) + "kind=prune"} {
		_, err := parse([]string{"-fault", text}, env(), io.Discard)
		require.Error(t, err, text)
	}
}

func TestHelpExplainsEveryFault(t *testing.T) {
	t.Parallel()

	var help strings.Builder

	_, err := parse([]string{"-help"}, env(), &help)
	require.ErrorIs(t, err, flag.ErrHelp)

	for _, e := range fault.Catalogue() {
		require.Contains(t, help.String(), string(e.Kind)+" ")
	}

	require.Contains(t, help.String(), "-fault-seed")
}

func TestBadFlags(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{
		{"-nonsense"}, {"extra"}, {"-traffic", "-1"}, {"-traffic", "1", "-treasury", ""},
		{"-seed", "x"}, {"-canton", "3.2"}, {"-canton", "3.4.12"}, {"-version", "3.5"}, {"-latency", "-5s"}, {"-party", "a::b"},
		{"-replay", "file"}, {"-holdings", "5", "-holders", "0"}, {"-holdings", "-5"}, {"-holders", "5"}, {"-listen", ""},
		{"-checkpoints", "1ns"}, {"-checkpoints", "0s"}, {"-max-updates", "0"}, {"-max-updates", "-1"},
	} {
		_, err := parse(args, env(), io.Discard)
		require.Error(t, err, args)
	}

	for _, flag := range []string{
		"-listen-second=127.0.0.1:0", "-shape=recorded", "-acme-workflow=pending", "-acme-permissioned", "-two-synchronizers",
		"-latency=1s", "-treasury=x", "-traffic=1", "-holdings=1", "-holders=1",
	} {
		args := []string{"-replay", "file", "-party", "a::b"}
		_, err := parse(args, env(), io.Discard)
		require.NoError(t, err)

		_, err = parse(append(args, flag), env(), io.Discard)
		require.ErrorIs(t, err, errUsage, flag)
	}

	_, err := parse([]string{"-replay", "file"}, env("SANDBOX_HOLDINGS", "5", "SANDBOX_PARTY", "a::b"), io.Discard)
	require.ErrorIs(t, err, errUsage)

	_, err = parse([]string{"-checkpoints", "-1s", "-latency", "1ms"}, env(), io.Discard)
	require.NoError(t, err)

	_, err = parse(nil, env("SANDBOX_TRAFFIC", "many"), io.Discard)
	require.ErrorIs(t, err, errUsage)
}

func TestReleaseOfTheNode(t *testing.T) {
	t.Parallel()

	o, err := parse(nil, env(), io.Discard)
	require.NoError(t, err)
	require.Equal(t, string(sandbox.V35), o.version)

	for release, version := range map[string]sandbox.Version{
		"3.3": sandbox.V33, "3.4": sandbox.V34, "3.5": sandbox.V35, "3.6": sandbox.V36,
	} {
		o, err := parse([]string{"-canton", release}, env(), io.Discard)
		require.NoError(t, err)
		require.Equal(t, string(version), o.version)

		o, err = parse(nil, env("SANDBOX_CANTON", release), io.Discard)
		require.NoError(t, err)
		require.Equal(t, string(version), o.version)
	}
}

// lines collects log output and tells when the address is known.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	url  chan string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.text.Write(p)

	if found := regexp.MustCompile(`url=(http://\S+)`).FindSubmatch(p); found != nil {
		l.url <- string(found[1])
	}

	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.text.String()
}

// serve runs the command until the test has asked what it wants.
func serve(t *testing.T, args []string, ask func(url string)) string {
	t.Helper()

	o, err := parse(append([]string{"-listen", "127.0.0.1:0"}, args...), env(), io.Discard)
	require.NoError(t, err)

	o.inspect, o.grace = published.Inspect(t, o.version), 50*time.Millisecond

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	out := &lines{url: make(chan string, 1)}
	done := make(chan error, 1)

	go func() { done <- run(ctx, o, slog.New(slog.NewTextHandler(out, nil))) }()

	select {
	case url := <-out.url:
		ask(url)
	case err := <-done:
		require.NoError(t, err)
	}

	cancel()
	require.NoError(t, <-done)
	http.DefaultClient.CloseIdleConnections()

	return out.String()
}

func get(t *testing.T, url, token string) (int, map[string]any) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)

	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}

	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)

	defer func() { require.NoError(t, resp.Body.Close()) }()

	var answer map[string]any

	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))

	return resp.StatusCode, answer
}

// struck reports whether the first rule of the plan has struck.
func struck(t *testing.T, url, token string) bool {
	t.Helper()

	_, plan := get(t, url+"/sandbox/v1/admin/faults", token)
	rules, _ := plan["rules"].([]any)
	require.Len(t, rules, 1)

	rule, _ := rules[0].(map[string]any)
	fired, _ := rule["fired"].(float64)

	return fired > 0
}

// Not parallel: shares the default client's idle connections.
func TestServesALiveNetworkWithATokenAndTraffic(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("s3cret\n"), 0o600))

	log := serve(t, []string{"-token-file", file, "-traffic", "1000", "-fault", "kind=stream-cut,every=10ms"}, func(url string) {
		status, _ := get(t, url+"/v2/state/ledger-end", "")
		require.Equal(t, http.StatusUnauthorized, status)

		first := 0.0

		require.Eventually(t, func() bool {
			status, answer := get(t, url+"/v2/state/ledger-end", "s3cret")
			require.Equal(t, http.StatusOK, status)

			end, _ := answer["offset"].(float64)
			if first == 0 {
				first = end
			}

			return end > first+20 && struck(t, url, "s3cret")
		}, 20*time.Second, 10*time.Millisecond)
	})

	require.Contains(t, log, "treasury::1220")
	require.Contains(t, log, "customers went home")
	require.Contains(t, log, "rule=stream-cut-1")
	require.NotContains(t, log, "s3cret")
}

// Not parallel: shares the default client's idle connections.
func TestServesARecording(t *testing.T) {
	file := filepath.Join(t.TempDir(), "recording.json")
	require.NoError(t, os.WriteFile(file, []byte(`[{"update":{"Transaction":{"value":{"updateId":"1220aa","offset":0,
		"effectiveAt":"2026-01-01T00:00:00Z","recordTime":"2026-01-01T00:00:00Z","synchronizerId":"s::1",
		"events":[]}}}}]`), 0o600))

	serve(t, []string{"-replay", file, "-party", "a::b"}, func(url string) {
		_, answer := get(t, url+"/v2/state/ledger-end", "")
		require.InDelta(t, 1, answer["offset"], 0)
	})
}

func TestCannotStart(t *testing.T) {
	t.Parallel()

	bad := filepath.Join(t.TempDir(), "bad.json")
	require.NoError(t, os.WriteFile(bad, []byte(`{`), 0o600))

	for _, o := range []options{
		{replay: "/no/such/file", party: "a::b"}, {replay: bad, party: "a::b"}, {replay: bad}, {tokenFile: "/no/such/file"},
		{version: "2.0"}, {treasury: "a b"}, {listen: "nowhere:-1"},
	} {
		require.Error(t, run(t.Context(), o, slog.New(slog.DiscardHandler)))
	}
}
