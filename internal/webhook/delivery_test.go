package webhook_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/webhook"
)

// verifies reports whether the official library takes a request for one that was signed with the n-th secret.
func (w *world) verifies(r request, subscription string, n int) bool {
	official, err := standardwebhooks.NewWebhook(w.keys.WebhookSecret(subscription, salt(n)).Reveal())
	require.NoError(w.t, err)

	return official.VerifyIgnoringTimestamp(r.body, r.header) == nil // the test's clock runs ahead
}

// TestDeliveriesAreSigned as Standard Webhooks has it, with the secret, the one before it for as long as it counts, and
// the public key; and the body is the signed event, byte by byte.
func TestDeliveriesAreSigned(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, nil)
	id := w.subscribe(r.URL, rotated(3))
	w.start()
	w.tell(1)
	w.eventually(func() bool { return len(r.requests()) == 1 })

	got := r.requests()[0]
	require.Equal(t, event.MediaType, got.header.Get("Content-Type"))
	require.Equal(t, got.ids[0], got.id())
	require.Equal(t, w.text("SELECT convert_from(body, 'UTF8') FROM event_log"), string(got.body))
	require.NoError(t, event.Verify(got.body, w.keys.Signer().Keys()))

	for n, want := range map[int]bool{1: false, 2: true, 3: true, 4: false} {
		require.Equal(t, want, w.verifies(got, id, n), "secret %d", n)
	}

	require.False(t, w.verifies(got, "sub_anotherone00", 3))

	official, err := standardwebhooks.NewWebhook(w.keys.WebhookSecret(id, salt(3)).Reveal())
	require.NoError(t, err)
	require.NoError(t, official.Verify(got.body, got.header), "the time as well")

	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(webhook.PublicKey(w.keys), "whpk_"))
	require.NoError(t, err)

	signatures := strings.Split(got.header.Get("Webhook-Signature"), " ")
	require.Len(t, signatures, 3)
	signed, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signatures[2], "v1a,"))
	require.NoError(t, err)
	require.True(t, ed25519.Verify(public, []byte(got.id()+"."+got.header.Get("Webhook-Timestamp")+"."+string(got.body)), signed))

	// After its time the secret before does not count any more.
	w.exec("UPDATE subscriptions SET previous_until = now() - interval '1 second', changed_at = now()")
	w.tell(1)
	w.eventually(func() bool { return len(r.requests()) >= 2 })

	got = r.requests()[1]
	require.False(t, w.verifies(got, id, 2))
	require.True(t, w.verifies(got, id, 3))
}

// TestOnlyWhatIsWanted is told, without what is to be withheld, and the cursor goes past the rest.
func TestOnlyWhatIsWanted(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, nil)
	id := w.subscribe(r.URL, "types = '{deposit.*}', withheld = '{memo}'")
	w.start()
	w.tell(3)
	w.tellOf("deposit.credited", 1)
	w.tell(2)
	w.eventually(func() bool { return w.cursor(id) == 6 })

	require.Equal(t, []string{"4"}, r.subjects())

	body := r.requests()[0].body
	require.NotContains(t, string(body), `"memo":"text"`)
	require.NoError(t, event.Verify(body, w.keys.Signer().Keys()))
}

// TestATestIsForOneAlone: it is told to the subscription that it names, whatever that one chooses, and to no other.
func TestATestIsForOneAlone(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r, other := receive(t, nil), receive(t, nil)
	id := w.subscribe(r.URL, "types = '{deposit.*}'")
	others := w.subscribe(other.URL, "")
	w.exec(`INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
		VALUES ($1, gen_random_uuid(), 'subscription.test', $2, 0, '{}', now())`, int32(w.treasury), id)
	w.number()
	w.start()
	w.eventually(func() bool { return w.cursor(id) == 1 && w.cursor(others) == 1 })
	require.Equal(t, []string{id}, r.subjects())
	require.Empty(t, other.requests())
}

// TestBatches are lists in the order of events, with an id that is the same for the same content.
func TestBatches(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, func(n int, _ request, _ http.ResponseWriter) int {
		if n == 2 {
			return http.StatusServiceUnavailable
		}

		return 0
	})
	id := w.subscribe(r.URL, "batch = 3")
	w.tell(7)
	w.start()
	w.eventually(func() bool { return w.count("SELECT tries FROM subscriptions") == 1 })
	w.tell(1) // does not change the batch that failed
	w.clock.advance(time.Minute)
	w.eventually(func() bool { return w.cursor(id) == 8 })

	all := r.requests()
	require.Equal(t, [][]string{{"1", "2", "3"}, {"4", "5", "6"}, {"4", "5", "6"}},
		[][]string{all[0].subjects, all[1].subjects, all[2].subjects})

	var rest []string // in one batch or two: the last one may be late
	for _, got := range all[3:] {
		rest = append(rest, got.subjects...)
	}

	require.Equal(t, []string{"7", "8"}, rest)
	require.Equal(t, all[1].id(), all[2].id())
	require.Equal(t, all[1].body, all[2].body)
	require.NotEqual(t, all[0].id(), all[1].id())

	for _, got := range all {
		require.Equal(t, event.BatchMediaType, got.header.Get("Content-Type"))
		require.True(t, w.verifies(got, id, 1))
	}
}

// TestOrderIsHeld: what fails comes again before anything else, and the cursor waits for it.
func TestOrderIsHeld(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, func(n int, q request, _ http.ResponseWriter) int {
		if q.subjects[0] == "3" && n < 6 {
			return http.StatusInternalServerError
		}

		return 0
	})
	id := w.subscribe(r.URL, "")
	w.start()
	w.tell(5)

	for try := 1; try <= 3; try++ {
		w.eventually(func() bool { return w.count("SELECT tries FROM subscriptions") == try })
		require.Equal(t, 2, w.cursor(id))
		w.clock.advance(10 * time.Minute)
	}

	w.eventually(func() bool { return w.cursor(id) == 5 })
	require.Equal(t, numbers(1, 5), r.subjects())
	require.Zero(t, w.count("SELECT tries FROM subscriptions"))
	require.Zero(t, w.count("SELECT count(*) FROM subscription_failures"))
	require.Equal(t, 8, w.count("SELECT count(*) FROM subscription_attempts"))
	require.Equal(t, 3, w.count("SELECT count(*) FROM subscription_attempts WHERE (first_seq, last_seq, status, outcome) = (3, 3, 500, 'failed')"))
}

// TestALineThatStandsStillForDays is given up, and says so.
func TestALineThatStandsStillForDays(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, func(int, request, http.ResponseWriter) int { return http.StatusBadGateway })
	id := w.subscribe(r.URL, "")
	w.tell(2)
	w.start()

	for range 20 {
		tries := w.count("SELECT tries FROM subscriptions")
		if w.state(id) == "disabled gave_up" {
			break
		}

		w.clock.advance(13 * time.Hour)
		w.eventually(func() bool { return w.count("SELECT tries FROM subscriptions") > tries || w.state(id) != "active" })
	}

	w.eventually(func() bool { return w.state(id) == "disabled gave_up" })
	require.Zero(t, w.cursor(id))
	require.Equal(t, 1, w.count("SELECT count(*) FROM events WHERE type = 'subscription.disabled' AND subject = $1 AND payload->>'backlog' = '2'", id))
}

// TestARefusalForGood does not hold the line up: it is a dead letter, and somebody may have it replayed.
func TestARefusalForGood(t *testing.T) {
	t.Parallel()

	for _, ordered := range []string{"true", "false"} {
		t.Run("ordered "+ordered, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			r := receive(t, func(n int, q request, _ http.ResponseWriter) int {
				if q.subjects[0] == "2" && n < 5 {
					return http.StatusUnprocessableEntity
				}

				return 0
			})
			id := w.subscribe(r.URL, "ordered = "+ordered)
			w.tell(4)
			w.start()
			w.eventually(func() bool { return w.cursor(id) == 4 })
			require.ElementsMatch(t, []string{"1", "3", "4"}, r.subjects())
			require.Equal(t, "2 dead 1 HTTP 422", w.text("SELECT concat_ws(' ', seq, state, tries, reason) FROM subscription_failures"))

			w.exec("UPDATE subscription_failures SET state = 'waiting', tries = 0, first_failed_at = now(), next_at = now()")
			w.eventually(func() bool { return w.count("SELECT count(*) FROM subscription_failures") == 0 })
			require.ElementsMatch(t, numbers(1, 4), r.subjects())
		})
	}
}

// TestIndependent: what fails waits by itself, and in the end is a dead letter.
func TestIndependent(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, func(n int, q request, _ http.ResponseWriter) int {
		if q.subjects[0] == "7" || (q.subjects[0] == "5" && n <= 30) {
			return http.StatusInternalServerError
		}

		return 0
	})
	id := w.subscribe(r.URL, "ordered = false")
	w.tell(30)
	w.start()
	w.eventually(func() bool { return w.cursor(id) == 30 })
	w.eventually(func() bool { return len(r.subjects()) == 28 })
	require.Equal(t, "5,7", w.text("SELECT string_agg(seq::text, ',' ORDER BY seq) FROM subscription_failures WHERE state = 'waiting' AND tries = 1"))

	w.clock.advance(time.Minute)
	w.eventually(func() bool { return w.count("SELECT count(*) FROM subscription_failures WHERE seq = 5") == 0 })

	w.eventually(func() bool {
		w.clock.advance(13 * time.Hour)

		return w.count("SELECT count(*) FROM subscription_failures WHERE (seq, state) = (7, 'dead')") == 1
	})
	require.Equal(t, "active", w.state(id))
	require.Len(t, r.subjects(), 29)

	// Whoever has it replayed gives it all its time again.
	w.exec("UPDATE subscription_failures SET state = 'waiting', tries = 0, next_at = now()")
	w.eventually(func() bool {
		return w.count("SELECT count(*) FROM subscription_failures WHERE (seq, state, tries) = (7, 'waiting', 1)") == 1
	})
}

// TestWhatAnswersMean: when it is tried again, or that it is not.
func TestWhatAnswersMean(t *testing.T) {
	t.Parallel()

	elsewhere := receive(t, nil)

	for name, c := range map[string]struct {
		answer   answers
		change   func(*webhook.Settings)
		state    string
		outcome  string
		atLeast  time.Duration // until it is tried again
		taken    bool
		detail   string
		detailIs int
	}{
		"gone":       {answer: says(http.StatusGone), state: "disabled gone", outcome: "gone"},
		"too many":   {answer: retryAfter(http.StatusTooManyRequests, "3600"), state: "active", outcome: "failed", atLeast: 50 * time.Minute},
		"for ever":   {answer: retryAfter(http.StatusServiceUnavailable, "99999999"), state: "active", outcome: "failed", atLeast: 23 * time.Hour},
		"not a wait": {answer: retryAfter(http.StatusServiceUnavailable, "-5"), state: "active", outcome: "failed"},
		"conflict":   {answer: says(http.StatusConflict), state: "active", outcome: "failed"},
		"timeout":    {answer: says(http.StatusRequestTimeout), state: "active", outcome: "failed"},
		"early":      {answer: says(http.StatusTooEarly), state: "active", outcome: "failed"},
		"refused":    {answer: says(http.StatusForbidden), state: "active", outcome: "refused", taken: true},
		"moved": {
			answer: func(_ int, _ request, w http.ResponseWriter) int {
				w.Header().Set("Location", elsewhere.URL)

				return http.StatusTemporaryRedirect
			},
			state: "active", outcome: "failed", detail: "a redirect, which is not followed",
		},
		"silent": {
			answer: func(_ int, _ request, w http.ResponseWriter) int {
				hijacked, _, err := w.(http.Hijacker).Hijack()
				require.NoError(t, err)
				t.Cleanup(func() { _ = hijacked.Close() })

				return http.StatusInternalServerError
			},
			change: func(s *webhook.Settings) { s.Timeout = 50 * time.Millisecond },
			state:  "active", outcome: "failed", detail: "no answer within 50ms",
		},
		"endless": {
			answer: func(_ int, _ request, w http.ResponseWriter) int {
				w.WriteHeader(http.StatusOK)

				chunk := []byte(strings.Repeat("\x00ä\xff", 10_000))
				for {
					if _, err := w.Write(chunk); err != nil {
						return http.StatusOK
					}
				}
			},
			state: "active", outcome: "delivered", taken: true, detailIs: 500,
		},
		"huge headers": {
			answer: func(_ int, _ request, w http.ResponseWriter) int {
				w.Header().Set("X-Long", strings.Repeat("x", 100<<10))

				return 0
			},
			state: "active", outcome: "failed",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			r := receive(t, c.answer)
			id := w.subscribe(r.URL, "")
			w.tell(1)

			change := c.change
			if change == nil {
				change = func(*webhook.Settings) {}
			}

			w.start(change)
			w.eventually(func() bool { return w.count("SELECT count(*) FROM subscription_attempts") > 0 })
			w.eventually(func() bool { return w.state(id) == c.state })
			require.Equal(t, c.outcome, w.text("SELECT outcome FROM subscription_attempts ORDER BY attempt_no LIMIT 1"))
			require.LessOrEqual(t, w.count("SELECT max(octet_length(detail)) FROM subscription_attempts"), 500)
			require.GreaterOrEqual(t, w.count("SELECT max(octet_length(detail)) FROM subscription_attempts"), c.detailIs-4)
			require.Contains(t, w.text("SELECT detail FROM subscription_attempts ORDER BY attempt_no LIMIT 1"), c.detail)

			if c.taken {
				w.eventually(func() bool { return w.cursor(id) == 1 })
			} else {
				require.Zero(t, w.cursor(id))
			}

			wait := w.count("SELECT extract(epoch FROM next_at - now())::integer FROM subscriptions")
			require.GreaterOrEqual(t, time.Duration(wait)*time.Second, c.atLeast)
			require.LessOrEqual(t, wait, 24*60*60)
		})
	}

	t.Cleanup(func() { require.Empty(t, elsewhere.requests()) })
}

func says(status int) answers { return func(int, request, http.ResponseWriter) int { return status } }

func retryAfter(status int, text string) answers {
	return func(_ int, _ request, w http.ResponseWriter) int {
		w.Header().Set("Retry-After", text)

		return status
	}
}
