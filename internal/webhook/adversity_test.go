package webhook_test

import (
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/webhook"
)

// takeOver makes a lease another instance's, as happens when it ends while its holder is stuck.
func (w *world) takeOver() {
	w.exec("UPDATE subscriptions SET lease_epoch = lease_epoch + 1, lease_until = '-infinity', lease_owner = ''")
}

// inOrder reports whether a receiver was told all of it in order, where repetitions go back and then on without a gap.
func inOrder(t *testing.T, told []string, n int) {
	t.Helper()

	all := numbers(1, n)
	furthest := -1

	for i, subject := range told {
		at := slices.Index(all, subject)
		require.LessOrEqual(t, at, furthest+1, "a gap before %s: %v", subject, told)

		if i > 0 && at > slices.Index(all, told[i-1])+1 {
			require.Fail(t, "a gap", "%v", told)
		}

		furthest = max(furthest, at)
	}

	require.Equal(t, n-1, furthest)
}

// TestALeaseThatIsLostInTheMiddle: what was answered and not stored comes again with the same id, the order holds, and
// who has lost the lease stores nothing.
func TestALeaseThatIsLostInTheMiddle(t *testing.T) {
	t.Parallel()

	w := begin(t)

	var lost atomic.Bool

	r := receive(t, func(_ int, q request, _ http.ResponseWriter) int {
		if q.subjects[0] == "5" && lost.CompareAndSwap(false, true) {
			w.takeOver() // the answer is 2xx, and whoever sent it cannot store that
		}

		return 0
	})
	id := w.subscribe(r.URL, "")
	w.start()
	w.start()
	w.tell(30)
	w.eventually(func() bool { return w.cursor(id) == 30 })

	told := r.subjects()
	inOrder(t, told, 30)

	var again []request

	for _, q := range r.requests() {
		if q.subjects[0] == "5" {
			again = append(again, q)
		}
	}

	require.Len(t, again, 2)
	require.Equal(t, again[0].id(), again[1].id())
	require.Equal(t, again[0].body, again[1].body)
	require.Less(t, len(told), 30+11, "no more comes again than was not stored")
}

// TestWhatCannotBeStored comes again with the same id, as after a kill between the answer and the cursor, and nothing is
// passed over.
func TestWhatCannotBeStored(t *testing.T) {
	t.Parallel()

	for _, ordered := range []string{"true", "false"} {
		t.Run("ordered "+ordered, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			r := receive(t, func(n int, _ request, _ http.ResponseWriter) int {
				if n == 1 {
					w.exec("CREATE TRIGGER is_full BEFORE INSERT ON subscription_attempts FOR EACH ROW EXECUTE FUNCTION refuse_change()")
				}

				return 0
			})
			id := w.subscribe(r.URL, "ordered = "+ordered)
			w.start()
			w.tell(3)
			w.eventually(func() bool { return len(r.requests()) >= 6 })
			require.Zero(t, w.cursor(id))
			w.exec("DROP TRIGGER is_full ON subscription_attempts")
			w.eventually(func() bool { return w.cursor(id) == 3 })

			ids := map[string]string{}

			for _, q := range r.requests() {
				require.Contains(t, []string{"", q.id()}, ids[q.subjects[0]])
				ids[q.subjects[0]] = q.id()
			}

			require.Len(t, ids, 3)

			if ordered == "true" {
				inOrder(t, r.subjects(), 3)
			}
		})
	}
}

// TestTwoDispatchersAndManyThefts: at least once and in order, whoever takes what from whom.
func TestTwoDispatchersAndManyThefts(t *testing.T) {
	t.Parallel()

	w := begin(t)

	var underWay, most atomic.Int64

	r := receive(t, func(n int, _ request, _ http.ResponseWriter) int {
		most.Store(max(most.Load(), underWay.Add(1)))
		defer underWay.Add(-1)

		if n%17 == 0 {
			w.takeOver()
		}

		if n%23 == 0 {
			return http.StatusInternalServerError
		}

		return 0
	})
	id := w.subscribe(r.URL, "")
	w.start()
	w.start()
	w.tell(100)
	w.eventually(func() bool {
		w.clock.advance(time.Second)

		return w.cursor(id) == 100
	})
	inOrder(t, r.subjects(), 100)
	require.LessOrEqual(t, most.Load(), int64(2), "one at a time, and one that was robbed in the middle")
}

// TestOneAtATime: without thefts never two requests of an ordered subscription are under way.
func TestOneAtATime(t *testing.T) {
	t.Parallel()

	w := begin(t)

	var underWay, most atomic.Int64

	r := receive(t, func(int, request, http.ResponseWriter) int {
		most.Store(max(most.Load(), underWay.Add(1)))

		others, err := w.db.ClaimPushes(t.Context(), "another instance", nil, false, w.clock.Now(), time.Minute, 10)
		if err != nil || len(others) > 0 {
			most.Store(100)
		}

		underWay.Add(-1)

		return 0
	})
	id := w.subscribe(r.URL, "")

	for range 3 {
		w.start()
	}

	for range 10 {
		w.tell(10)
	}

	w.eventually(func() bool { return w.cursor(id) == 100 })
	require.Equal(t, numbers(1, 100), r.subjects())
	require.Equal(t, int64(1), most.Load())
}

// TestASlowReceiverDelaysNobody else.
func TestASlowReceiverDelaysNobody(t *testing.T) {
	t.Parallel()

	w := begin(t)
	release := make(chan struct{})
	slow := receive(t, func(int, request, http.ResponseWriter) int {
		<-release

		return 0
	})
	quick := receive(t, nil)
	w.subscribe(slow.URL, "")
	id := w.subscribe(quick.URL, "")

	w.start()
	w.tell(20)
	w.eventually(func() bool { return w.cursor(id) == 20 && len(slow.requests()) == 1 })
	close(release)
	w.eventually(func() bool { return len(slow.subjects()) == 20 })
}

// TestRequestsAreSpread: after as many as a second may have, the next one waits.
func TestRequestsAreSpread(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, nil)
	id := w.subscribe(r.URL, "per_second = 1")
	w.tell(2)
	w.start()
	w.eventually(func() bool { return w.cursor(id) == 2 })
	require.Equal(t, 1, w.count("SELECT count(*) FROM (SELECT max(at) - min(at) AS apart FROM subscription_attempts) AS a WHERE apart > interval '900 ms'"))
}

// TestFewHandsServeMany: those that wait for events make room for those that have some.
func TestFewHandsServeMany(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, nil)

	for range 4 {
		w.subscribe(r.URL, "")
	}

	w.start(func(s *webhook.Settings) { s.Workers = 1 })
	w.tell(3)
	w.eventually(func() bool {
		w.clock.advance(time.Second)

		return w.count("SELECT count(*) FROM subscriptions WHERE cursor_seq = 3") == 4
	})
	require.Len(t, r.subjects(), 12)
}

// TestAnEndIsWaitedFor: what is under way when the service ends is answered and stored.
func TestAnEndIsWaitedFor(t *testing.T) {
	t.Parallel()

	w := begin(t)
	came, release := make(chan struct{}), make(chan struct{})
	r := receive(t, func(int, request, http.ResponseWriter) int {
		came <- struct{}{}
		<-release

		return 0
	})
	id := w.subscribe(r.URL, "")
	stop := w.start()
	w.tell(3)
	<-came

	stopped := make(chan struct{})

	go func() {
		stop()
		close(stopped)
	}()

	release <- struct{}{}
	<-stopped
	require.Equal(t, 1, w.cursor(id))
	require.Len(t, r.requests(), 1)
	require.Equal(t, 1, w.count("SELECT count(*) FROM subscriptions WHERE lease_until <= clock_timestamp()"), "another one may go on at once")
}

// TestAnEndInTheMiddleOfMany: what was answered by then does not come again, but for what was under way.
func TestAnEndInTheMiddleOfMany(t *testing.T) {
	t.Parallel()

	w := begin(t)
	came, release := make(chan struct{}), make(chan struct{})
	r := receive(t, func(n int, _ request, _ http.ResponseWriter) int {
		if n > 16 && n <= 24 {
			came <- struct{}{}
			<-release
		}

		return 0
	})
	id := w.subscribe(r.URL, "ordered = false")
	stop := w.start()
	w.tell(60)

	for range 8 {
		<-came
	}

	stopped := make(chan struct{})

	go func() {
		stop()
		close(stopped)
	}()

	close(release)
	<-stopped
	w.start()
	w.eventually(func() bool { return w.cursor(id) == 60 })
	require.Subset(t, r.subjects(), numbers(1, 60))
	require.LessOrEqual(t, len(r.requests()), 60+7)
}

// TestAChangeIsNoticed: whoever pauses a subscription is obeyed while its worker waits, and while it works.
func TestAChangeIsNoticed(t *testing.T) {
	t.Parallel()

	w := begin(t)

	var pauses atomic.Bool

	r := receive(t, func(n int, _ request, _ http.ResponseWriter) int {
		if n == 5 {
			pauses.Store(true)
			w.exec("UPDATE subscriptions SET state = 'paused', changed_at = clock_timestamp()")
		}

		return 0
	})
	other := receive(t, nil)
	w.subscribe(r.URL, "")
	w.start()
	w.tell(100)
	w.eventually(pauses.Load)
	w.eventually(func() bool {
		return w.count("SELECT count(*) FROM subscription_attempts") <= 100 && len(r.requests()) < 30
	})

	w.exec("UPDATE subscriptions SET state = 'active', url = $1, cursor_seq = 50, changed_at = clock_timestamp()", other.URL)
	w.eventually(func() bool { return len(other.subjects()) == 50 })
	require.Equal(t, numbers(51, 100), other.subjects())
	require.Less(t, len(r.requests()), 30)
}

// TestEventsThatAreGone are never passed over in silence.
func TestEventsThatAreGone(t *testing.T) {
	t.Parallel()

	for name, keep := range map[string]int{"some": 2, "all": 0} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			r := receive(t, nil)
			id := w.subscribe(r.URL, "cursor_seq = 1")
			w.tell(5)
			w.exec("DELETE FROM event_log WHERE seq <= $1", 5-keep)
			w.exec("UPDATE event_heads SET pruned_seq = $1", 5-keep)
			w.start()
			w.eventually(func() bool { return w.state(id) == "disabled events_gone" })
			require.Empty(t, r.requests())
			require.Equal(t, 1, w.cursor(id))
			require.Equal(t, 1, w.count("SELECT count(*) FROM events WHERE type = 'subscription.disabled'"))
		})
	}
}

// TestWhatWaitsAndIsGone is a dead letter: it cannot be told, and does not vanish.
func TestWhatWaitsAndIsGone(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, says(http.StatusInternalServerError))
	w.subscribe(r.URL, "ordered = false")
	w.tell(1)
	w.start()
	w.eventually(func() bool { return w.count("SELECT count(*) FROM subscription_failures WHERE state = 'waiting'") == 1 })
	w.exec("DELETE FROM event_log")
	w.clock.advance(time.Hour)
	w.eventually(func() bool {
		return w.count("SELECT count(*) FROM subscription_failures WHERE (state, reason) = ('dead', 'event_gone')") == 1
	})
}

// TestTheOwnersRights: a subscription is told no more than its owner may read.
func TestTheOwnersRights(t *testing.T) {
	t.Parallel()

	key := func(w *world, id, scopes, treasuries, successor, more string) {
		w.exec(`INSERT INTO api_keys (key_id, name, prefix, secret_hash, scopes, treasuries, per_second, created_by, created_at, successor)
			VALUES ($1, 'n', 'p', sha256('x'), $2::text[], nullif($3, '')::text[], 1, 'o', now(), nullif($4, ''))`, id, scopes, treasuries, successor)

		if more != "" {
			w.exec("UPDATE api_keys SET "+more+" WHERE key_id = $1", id)
		}
	}

	const first, second = "k_000000000001", "k_000000000002"

	for name, c := range map[string]struct {
		keys func(w *world)
		lost bool
	}{
		"a key":            {func(w *world) { key(w, first, "{read,webhooks}", "", "", "") }, false},
		"of this treasury": {func(w *world) { key(w, first, "{read,webhooks}", "{"+string(party)+"}", "", "") }, false},
		"of another":       {func(w *world) { key(w, first, "{read,webhooks}", "{other::1220}", "", "") }, true},
		"without reading":  {func(w *world) { key(w, first, "{withdrawals}", "", "", "") }, true},
		"without webhooks": {func(w *world) { key(w, first, "{read}", "", "", "") }, true},
		"revoked":          {func(w *world) { key(w, first, "{read,webhooks}", "", "", "revoked_at = now()") }, true},
		"expired":          {func(w *world) { key(w, first, "{read,webhooks}", "", "", "expires_at = now() - interval '1 second'") }, true},
		"no such key":      {func(*world) {}, true},
		"rotated": {func(w *world) {
			key(w, second, "{read,webhooks}", "", "", "")
			key(w, first, "{read,webhooks}", "", second, "expires_at = now() - interval '1 second'")
		}, false},
		"rotated and revoked": {func(w *world) {
			key(w, second, "{read,webhooks}", "", "", "revoked_at = now()")
			key(w, first, "{read,webhooks}", "", second, "expires_at = now() - interval '1 second'")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			c.keys(w)

			r := receive(t, nil)
			id := w.subscribe(r.URL, "owner = '"+first+"'")
			w.tell(1)
			w.start()

			if !c.lost {
				w.eventually(func() bool { return w.cursor(id) == 1 })

				// It loses them while its worker waits.
				w.exec("UPDATE api_keys SET revoked_at = now()")
				require.NoError(t, w.dispatcher().Tidy(t.Context()))
				require.Equal(t, "disabled owner_lost_rights", w.state(id))
				w.clock.advance(5 * time.Second) // which is not the end of its lease

				other := w.subscribe(receive(t, nil).URL, "")
				w.tell(1)
				w.eventually(func() bool { return w.cursor(other) == 3 })
				require.Equal(t, 1, w.cursor(id))
				require.Len(t, r.requests(), 1, "nothing is sent on an old word")

				return
			}

			w.eventually(func() bool { return w.state(id) == "disabled owner_lost_rights" })
			require.Empty(t, r.requests())
			require.Equal(t, 1, w.count("SELECT count(*) FROM events WHERE type = 'subscription.disabled' AND payload->>'reason' = 'owner_lost_rights'"))
		})
	}
}

// TestABacklogIsToldOnce until it is half of what is allowed, and events of subscriptions are no reason for others.
func TestABacklogIsToldOnce(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, nil)
	id := w.subscribe(r.URL, "max_backlog = 4")
	d := w.dispatcher()
	warnings := func() int {
		require.NoError(t, d.Look(t.Context()))
		require.NoError(t, d.Look(t.Context()))
		w.number()

		return w.count("SELECT count(*) FROM event_log WHERE type = 'subscription.backlog' AND subject = $1", id)
	}

	w.tell(4)
	require.Zero(t, warnings())
	w.tell(1)
	require.Equal(t, 1, warnings())
	require.Equal(t, "max_backlog 5", w.text("SELECT concat_ws(' ', payload->>'reason', payload->>'backlog') FROM events WHERE type = 'subscription.backlog'"))

	w.exec("UPDATE subscriptions SET cursor_seq = 3")
	require.Equal(t, 1, warnings(), "not yet half of it")
	w.exec("UPDATE subscriptions SET cursor_seq = 5")
	require.Equal(t, 1, warnings(), "caught up")
	w.tellOf("subscription.disabled", 20)
	require.Equal(t, 1, warnings(), "there would be no end of it")
	w.tell(5)
	require.Equal(t, 2, warnings())
}

// TestTheChallenge: nobody is told who has not asked for it.
func TestTheChallenge(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		answer func(challenge string) string
		state  string
	}{
		"as text":     {func(c string) string { return c + "\n" }, "active"},
		"as JSON":     {func(c string) string { return `{"challenge":"` + c + `","more":1}` }, "active"},
		"another":     {func(c string) string { return c + "0" }, "disabled challenge_failed"},
		"nothing":     {func(string) string { return "" }, "disabled challenge_failed"},
		"broken JSON": {func(c string) string { return `{"challenge":"` + c + `"` }, "disabled challenge_failed"},
		"all of it":   {func(c string) string { return `{"type":"` + c + `"}` }, "disabled challenge_failed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			r := receive(t, func(_ int, q request, rw http.ResponseWriter) int {
				if len(q.subjects) == 1 && q.subjects[0] != "" {
					return 0
				}

				rw.WriteHeader(http.StatusOK)
				_, _ = rw.Write([]byte(c.answer(challengeOf(t, q.body))))

				return http.StatusOK
			})
			id := w.subscribe(r.URL, "state = 'pending'")
			w.tell(2)
			w.start()
			w.eventually(func() bool {
				w.clock.advance(time.Hour)

				return w.state(id) == c.state
			})
			require.True(t, w.verifies(r.requests()[0], id, 1))

			if c.state != "active" {
				require.Len(t, r.requests(), 6, "it is asked so often")
				require.Zero(t, w.cursor(id))

				return
			}

			w.eventually(func() bool { return w.cursor(id) == 2 })
		})
	}
}

// TestTheDeliveryLogIsBounded by age and by number.
func TestTheDeliveryLogIsBounded(t *testing.T) {
	t.Parallel()

	w := begin(t)
	id := w.subscribe("http://127.0.0.1:1", "state = 'paused'")
	w.exec(`INSERT INTO subscription_attempts (subscription_id, first_seq, last_seq, events, at, took_ms, status, outcome, detail)
		SELECT $1, n, n + 0, 1, now() - CASE WHEN n <= 300 THEN interval '8 days' ELSE interval '1 day' END, 1, 200, 'delivered', '' FROM generate_series(1, 1500) AS n`, id)
	require.NoError(t, w.dispatcher().Tidy(t.Context()))
	require.Equal(t, 1000, w.count("SELECT count(*) FROM subscription_attempts"))
	require.Equal(t, 501, w.count("SELECT min(first_seq) FROM subscription_attempts"))

	w.clock.advance(7 * 24 * time.Hour)
	require.NoError(t, w.dispatcher().Tidy(t.Context()))
	require.Zero(t, w.count("SELECT count(*) FROM subscription_attempts"))
}

// TestAReceiverThatTakesNothing is not told more and more: what waits is bounded.
func TestAReceiverThatTakesNothing(t *testing.T) {
	t.Parallel()

	w := begin(t)
	r := receive(t, says(http.StatusInternalServerError))
	w.subscribe(r.URL, "ordered = false")
	w.exec(`INSERT INTO subscription_failures SELECT 'sub_000000000001', -n, 'waiting', 1, now(), now() + interval '1 day', 'HTTP 500' FROM generate_series(1, 1000) n`)
	w.tell(1)
	w.start()
	w.eventually(func() bool {
		return w.count("SELECT count(*) FROM subscriptions WHERE next_at > now() + interval '23 hours'") == 1
	})
	require.Empty(t, r.requests())
	require.Zero(t, w.cursor("sub_000000000001"))
}
