package webhook_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/webhook"
)

const (
	// nodeLimit bounds the installation, and how long a receiver runs.
	nodeLimit = 3 * time.Minute
)

// The library's words.
const (
	noMatch = "WebhookVerificationError: No matching signature found"
	tooOld  = "WebhookVerificationError: Message timestamp too old"
	tooNew  = "WebhookVerificationError: Message timestamp too new"
	missing = "WebhookVerificationError: Missing required headers"
)

// TestTheExampleInTypeScript verifies what is sent with the library of Standard Webhooks in the npm registry, as it is
// published and locked.
func TestTheExampleInTypeScript(t *testing.T) {
	t.Parallel()

	script := installReceiver(t)

	t.Run("a challenge, then events", func(t *testing.T) {
		t.Parallel()
		challengeAndEvents(t, script)
	})
	t.Run("a secret is rotated", func(t *testing.T) {
		t.Parallel()
		rotation(t, script)
	})
	t.Run("what was changed", func(t *testing.T) {
		t.Parallel()
		changed(t, script)
	})
	t.Run("what was recorded", func(t *testing.T) {
		t.Parallel()
		recorded(t, script)
	})
	t.Run("what breaks off", func(t *testing.T) {
		t.Parallel()
		brokenOff(t, script)
	})
}

// challengeAndEvents has everything delivered once, one at a time and in lists.
func challengeAndEvents(t *testing.T, script string) {
	t.Helper()

	for batch, want := range map[string]string{
		"1": "0 delivered 200, 1 delivered 204, 1 delivered 204, 1 delivered 204",
		"3": "0 delivered 200, 3 delivered 204",
	} {
		w := begin(t)
		r := w.node(script, "sub_000000000001", 1)
		id := w.subscribe(r.url, "state = 'pending', batch = "+batch)
		w.tell(3)
		w.start()
		w.eventually(func() bool { return w.cursor(id) == 3 })

		require.Equal(t, "active", w.state(id))
		require.Equal(t, want, w.text("SELECT string_agg(concat_ws(' ', events, outcome, status), ', ' ORDER BY attempt_no) FROM subscription_attempts"))
		require.Equal(t, numbers(1, 3), r.stop())
		t.Logf("taken, up to %s at once: %s", batch, want)
	}
}

// rotation has both secrets verify for as long as both count. What the secret before does not verify any more is not
// lost.
func rotation(t *testing.T, script string) {
	t.Helper()

	w := begin(t)
	before, after := w.node(script, "sub_000000000001", 1), w.node(script, "sub_000000000001", 2)
	id := w.subscribe(before.url, rotated(2))
	w.tell(1)
	w.start()
	w.eventually(func() bool { return w.cursor(id) == 1 })

	w.exec("UPDATE subscriptions SET url = $1, changed_at = now()", after.url)
	w.tell(1)
	w.eventually(func() bool { return w.cursor(id) == 2 })
	t.Log("taken during the overlap with the secret before, and with the new one")

	w.exec("UPDATE subscriptions SET url = $1, previous_until = now() - interval '1 second', changed_at = now()", before.url)
	w.tell(1)
	w.eventually(func() bool { return w.count("SELECT tries FROM subscriptions") == 1 })
	require.Equal(t, 2, w.cursor(id))
	require.Equal(t, "failed 503 "+noMatch, w.text("SELECT concat_ws(' ', outcome, status, detail) FROM subscription_attempts ORDER BY attempt_no DESC LIMIT 1"))
	t.Log("refused after the overlap with the secret before: " + noMatch)

	w.exec("UPDATE subscriptions SET url = $1, next_at = now(), changed_at = now()", after.url)
	w.eventually(func() bool { return w.cursor(id) == 3 })
	t.Log("taken with the new secret, though refused before")

	require.Equal(t, []string{"1"}, before.stop())
	require.Equal(t, []string{"2", "3"}, after.stop())
}

// changed sends a delivery again as it was, in ways that mean the same, and in ways that must be refused.
func changed(t *testing.T, script string) {
	t.Helper()

	w := begin(t)
	r := receive(t, nil)
	id := w.subscribe(r.URL, rotated(2))
	w.tell(1)
	w.start()
	w.eventually(func() bool { return w.cursor(id) == 1 })

	sent := r.requests()[0]
	signed := strings.Fields(sent.header.Get("Webhook-Signature"))
	require.Len(t, signed, 3)
	require.Regexp(t, `^v1,\S+ v1,\S+ v1a,\S+$`, strings.Join(signed, " "))

	before, after, other := w.node(script, id, 1), w.node(script, id, 2), w.node(script, "sub_anotherone00", 2)
	signatures := func(these ...string) func(*request) {
		return func(q *request) { q.header.Set("Webhook-Signature", strings.Join(these, " ")) }
	}
	header := func(name, value string) func(*request) {
		return func(q *request) { q.header.Set(name, value) }
	}
	body := func(old, replacement string) func(*request) {
		return func(q *request) {
			require.Contains(t, string(q.body), old)
			q.body = bytes.Replace(q.body, []byte(old), []byte(replacement), 1)
		}
	}

	for _, c := range []struct {
		name   string
		to     *node
		change func(*request)
		want   string // why it is refused
	}{
		{"v1, v1 and v1a, with the new secret", after, signatures(signed...), ""},
		{"v1, v1 and v1a, with the secret before", before, signatures(signed...), ""},
		{"v1a first", after, signatures(signed[2], signed[1], signed[0]), ""},
		{"one v1 alone", after, signatures(signed[0]), ""},

		{"another subscription's secret", other, signatures(signed...), noMatch},
		{"the other secret's v1 alone", after, signatures(signed[1]), noMatch},
		{"v1a alone", after, signatures(signed[2]), noMatch},
		{"v1a passed off as v1", after, signatures("v1," + strings.TrimPrefix(signed[2], "v1a,")), noMatch},
		{"no signature", after, header("Webhook-Signature", ""), missing},
		{"a value of the body", after, body("because", "becausE"), noMatch},
		{"a blank in the body", after, body(`":`, `": `), noMatch},
		{"another id", after, header("Webhook-Id", "8d8ac610-566d-4ef0-9c22-186b2a5ed793"), noMatch},
		{"another time", after, header("Webhook-Timestamp", advanced(t, sent)), noMatch},
	} {
		q := request{header: sent.header.Clone(), body: sent.body}
		c.change(&q)

		status, answer := c.to.post(q)
		require.Equal(t, c.want, answer, c.name)

		if c.want == "" {
			require.Equal(t, http.StatusNoContent, status, c.name)
			t.Logf("taken: %s", c.name)
		} else {
			require.Equal(t, http.StatusServiceUnavailable, status, c.name)
			t.Logf("refused: %s: %s", c.name, answer)
		}
	}

	require.Equal(t, []string{"1"}, before.stop())
	require.Equal(t, []string{"1"}, after.stop(), "once, however often it comes")
	require.Empty(t, other.stop())
}

// advanced is a second after a request was signed, which alone nobody would refuse.
func advanced(t *testing.T, sent request) string {
	t.Helper()

	at, err := strconv.ParseInt(sent.header.Get("Webhook-Timestamp"), 10, 64)
	require.NoError(t, err)

	return strconv.FormatInt(at+1, 10)
}

// recorded has what was signed too long ago, or by a clock that is ahead, refused.
func recorded(t *testing.T, script string) {
	t.Helper()

	w := begin(t)
	r := w.node(script, "sub_000000000001", 1)

	for ahead, want := range map[time.Duration]string{
		-6 * time.Minute: tooOld, -4 * time.Minute: "", 0: "", 4 * time.Minute: "", 6 * time.Minute: tooNew,
	} {
		sender, err := webhook.NewSender(settings(), w.keys, &shifted{ahead: ahead}, rand.Reader)
		require.NoError(t, err)
		t.Cleanup(sender.CloseIdle)

		got, err := sender.Challenge(t.Context(), webhook.Receiver{ID: "sub_000000000001", URL: r.url, Salt: salt(1)})
		require.NoError(t, err)

		if want == "" {
			require.Equal(t, webhook.Delivered, got.Outcome, got.Detail)
			t.Logf("taken: signed at %+d min", int(ahead.Minutes()))
		} else {
			require.Equal(t, webhook.Failed, got.Outcome)
			require.Equal(t, want, got.Detail)
			t.Logf("refused: signed at %+d min: %s", int(ahead.Minutes()), got.Detail)
		}
	}
}

// brokenOff has a receiver go on after a body that breaks off and one that is too large.
func brokenOff(t *testing.T, script string) {
	t.Helper()

	w := begin(t)
	r := w.node(script, "sub_000000000001", 1)

	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.url, "http://"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })

	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: receiver\r\nContent-Length: 10\r\n\r\n{")
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	_, err = io.ReadAll(conn) // until it was noticed
	require.NoError(t, err)

	_, answer := r.post(request{header: http.Header{}, body: make([]byte, 8<<20)})
	require.Equal(t, missing, answer)
	_, answer = r.post(request{header: http.Header{}, body: make([]byte, 8<<20+1)})
	require.Equal(t, "Error: the body is too large", answer)

	got, err := w.sender(settings()).Challenge(t.Context(), webhook.Receiver{ID: "sub_000000000001", URL: r.url, Salt: salt(1)})
	require.NoError(t, err)
	require.Equal(t, webhook.Delivered, got.Outcome, got.Detail)
	t.Log("taken: what comes after a body that broke off, and one that was too large")
}

// installReceiver puts the example and what it depends on, exactly as locked, into a folder of the test's own, and has
// its types checked. It returns what Node.js is to run: the example as it is, or where Node.js cannot do that, as it was
// compiled.
func installReceiver(t *testing.T) string {
	t.Helper()

	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed: Node.js 20.15 or later is needed", program)
		}
	}

	dir := t.TempDir()

	for _, name := range []string{"receiver.ts", "tsconfig.json", "package.json", "package-lock.json", ".npmrc"} {
		raw, err := os.ReadFile(examples + name)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), raw, 0o600))
	}

	command := func(name string, args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), nodeLimit)
		defer cancel()

		cmd := exec.CommandContext(ctx, name, args...)
		cmd.Dir = dir
		cmd.WaitDelay = time.Second

		output, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", output)

		return strings.TrimSpace(string(output))
	}

	command("npm", "ci", "--ignore-scripts", "--prefer-offline")
	command("npm", "run", "build")

	script := filepath.Join(dir, "receiver.ts")
	if command("node", "--print", "process.features.typescript") != "strip" {
		script = filepath.Join(dir, "built", "receiver.js")
	}

	t.Logf("Node.js %s, standardwebhooks %s, %s", command("node", "--version"),
		command("node", "--print", "require('./node_modules/standardwebhooks/package.json').version"), filepath.Base(script))

	return script
}

// node is the example in TypeScript as it runs.
type node struct {
	t       *testing.T
	url     string
	program *exec.Cmd
	lines   *bufio.Scanner
}

// node runs the example with a subscription's n-th secret until the test ends.
func (w *world) node(script, subscription string, n int) *node {
	ctx, cancel := context.WithTimeout(w.t.Context(), nodeLimit)

	r := &node{t: w.t}
	r.program = exec.CommandContext(ctx, "node", script, w.keys.WebhookSecret(subscription, salt(n)).Reveal(), "0")
	r.program.Stderr = os.Stderr
	output, err := r.program.StdoutPipe()
	require.NoError(w.t, err)
	require.NoError(w.t, r.program.Start())
	w.t.Cleanup(func() {
		cancel()
		_ = r.program.Wait()
	})

	r.lines = bufio.NewScanner(output)
	require.True(w.t, r.lines.Scan())
	port := regexp.MustCompile(`port: (\d+)`).FindStringSubmatch(r.lines.Text())
	require.NotNil(w.t, port, r.lines.Text())

	r.url = "http://127.0.0.1:" + port[1]

	return r
}

// post returns what is answered.
func (r *node) post(q request) (int, string) {
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.url, bytes.NewReader(q.body))
	require.NoError(r.t, err)

	req.Header = q.header

	resp, err := http.DefaultClient.Do(req)
	require.NoError(r.t, err)

	answer, err := io.ReadAll(resp.Body)
	require.NoError(r.t, err)
	require.NoError(r.t, resp.Body.Close())

	return resp.StatusCode, string(answer)
}

// stop ends it, and returns the subjects of all that it was told.
func (r *node) stop() []string {
	require.NoError(r.t, r.program.Process.Kill())

	var subjects []string

	for r.lines.Scan() {
		words := strings.Fields(r.lines.Text())
		require.Len(r.t, words, 3)
		require.Equal(r.t, "withdrawal.alarm", words[1])

		subjects = append(subjects, words[2])
	}

	return subjects
}
