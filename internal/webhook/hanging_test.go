package webhook_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/webhook"
)

// TestThoseWhoHangDelayNobody: there are more receivers that hang than hands, in order and not, and one that answers.
func TestThoseWhoHangDelayNobody(t *testing.T) {
	t.Parallel()

	for _, ordered := range []string{"true", "false"} {
		t.Run("ordered "+ordered, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			over := make(chan struct{})

			var hanging atomic.Int64

			hangs := receive(t, func(int, request, http.ResponseWriter) int {
				hanging.Add(1)
				<-over

				return http.StatusServiceUnavailable
			})

			good := receive(t, nil)

			const hands = 4
			for range 4 * hands {
				w.subscribe(hangs.URL, "ordered = "+ordered)
			}

			w.start(func(s *webhook.Settings) { s.Workers, s.Timeout = hands, 20*time.Second })
			t.Cleanup(func() { close(over) })
			w.tell(20)
			w.eventually(func() bool { return hanging.Load() >= hands })

			// None of those answers before the end. However many hands they would have, others are told everything, again and
			// again.
			id := w.subscribe(good.URL, "ordered = true")

			for n := range 5 {
				w.eventually(func() bool { return w.cursor(id) == 20+n })
				w.tell(1)
			}

			require.Zero(t, w.count("SELECT count(*) FROM subscription_attempts WHERE outcome <> 'delivered'"), "none of them has answered, or timed out")
		})
	}
}

// TestAReceiverThatTakesNothingIsLeftAlone: whose events are each delivered by itself is not asked for each of them.
func TestAReceiverThatTakesNothingIsLeftAlone(t *testing.T) {
	t.Parallel()

	w := begin(t)

	var healed atomic.Bool

	r := receive(t, func(int, request, http.ResponseWriter) int {
		if healed.Load() {
			return 0
		}

		return http.StatusServiceUnavailable
	})
	id := w.subscribe(r.URL, "ordered = false")
	w.tell(60)
	w.start()
	w.eventually(func() bool { return w.count("SELECT tries FROM subscriptions") > 0 })
	require.Less(t, len(r.requests()), 30)

	healed.Store(true)
	w.eventually(func() bool {
		w.clock.advance(time.Minute)
		w.exec("UPDATE subscriptions SET next_at = now()")
		w.exec("UPDATE subscription_failures SET next_at = now()")

		return w.cursor(id) == 60 && w.count("SELECT count(*) FROM subscription_failures") == 0
	})

	subjects := map[string]bool{}
	for _, s := range r.subjects() {
		subjects[s] = true
	}

	require.Len(t, subjects, 60)
}

// TestAPlaceOfAnotherHistoryIsNotStored: a worker that lives through a restore of the database neither tells what follows
// there as if it followed here, nor notes a place that is not there.
func TestAPlaceOfAnotherHistoryIsNotStored(t *testing.T) {
	t.Parallel()

	w := begin(t)
	came, release := make(chan struct{}, 10), make(chan struct{})
	r := receive(t, func(n int, _ request, _ http.ResponseWriter) int {
		if n == 3 {
			came <- struct{}{}
			<-release
		}

		return 0
	})
	id := w.subscribe(r.URL, "ordered = true")
	w.tell(3)
	w.start()
	<-came
	w.eventually(func() bool { return w.cursor(id) == 2 }) // the worker has told two, and holds the third

	w.exec("DELETE FROM event_log WHERE seq > 1")
	w.exec("DELETE FROM events WHERE subject > '1'")
	w.exec("UPDATE event_heads SET seq = 1, chain = (SELECT chain FROM event_log WHERE seq = 1)")
	w.exec("UPDATE subscriptions SET cursor_seq = 1")
	w.told = 10
	w.tell(4) // 11 to 14 have the places 2 to 5
	close(release)

	w.eventually(func() bool { return w.cursor(id) == 5 })
	require.Equal(t, []string{"11", "12", "13", "14"}, r.subjects()[3:])
}
