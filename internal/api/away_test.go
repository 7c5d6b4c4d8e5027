package api_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/faultnet"
	"github.com/canton-exchange/suite/internal/pgtest"
)

// far is a world whose database is behind a network that fails on purpose.
func far(t *testing.T) (*world, *faultnet.Proxy) {
	t.Helper()

	pool := pgtest.New(t, migrate)

	address, err := url.Parse(pool.Config().ConnString())
	require.NoError(t, err)

	query := address.Query()
	network, err := faultnet.Listen(t.Context(), filepath.Join(query.Get("host"), ".s.PGSQL."+query.Get("port")), 1)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, network.Close()) })

	address.Host, address.RawQuery = network.Addr(), "sslmode=disable"

	return beginOn(t, pool, address.String()), network
}

// TestTheDatabaseIsAway: told so, with advice, nothing half done; and all is well when it is back.
func TestTheDatabaseIsAway(t *testing.T) {
	t.Parallel()

	w, network := far(t)
	admin := w.key("admin")
	w.get("/v1/keys", admin).is(http.StatusOK)

	network.Set(faultnet.Faults{Refuse: true})
	network.Cut()

	for range 3 { // what is known of the key, and then not even that
		for _, r := range []*reply{w.get("/v1/keys", admin), w.post("/v1/keys", admin, aKey, "Idempotency-Key", "once"), w.post("/v1/keys", admin, aKey)} {
			r.is(http.StatusServiceUnavailable, "database_away")
			require.Equal(t, "1", r.header.Get("Retry-After"))
			require.Contains(t, r.text("detail"), "same Idempotency-Key")
		}

		w.clock.Advance(time.Minute)
	}

	require.Zero(t, w.keys())
	require.Zero(t, w.count("SELECT count(*) FROM api_answers"))

	network.Set(faultnet.Faults{})
	require.Eventually(t, func() bool { return w.get("/v1/keys", admin).status == http.StatusOK }, 30*time.Second, 10*time.Millisecond)
	w.post("/v1/keys", admin, aKey, "Idempotency-Key", "once").is(http.StatusCreated)
	require.Equal(t, 1, w.keys())
}

// TestACutInTheMiddle, at any byte of what goes to the database and back: whatever was answered, the repetition has it done
// once.
func TestACutInTheMiddle(t *testing.T) {
	t.Parallel()

	w, network := far(t)
	admin := w.key("admin")
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}
	away := 0

	for _, key := range keys {
		network.Set(faultnet.Faults{CutAfter: 12000})
		network.Cut()

		for range 3 {
			r := w.post("/v1/keys", admin, aKey, "Idempotency-Key", key)
			require.Contains(t, []int{http.StatusCreated, http.StatusServiceUnavailable}, r.status, "%s", r.body)

			if r.status == http.StatusServiceUnavailable {
				away++
			}

			w.clock.Advance(time.Minute)
		}

		network.Set(faultnet.Faults{})
		network.Cut()
		require.Eventually(t, func() bool {
			return w.post("/v1/keys", admin, aKey, "Idempotency-Key", key).status == http.StatusCreated
		}, 30*time.Second, 10*time.Millisecond)
	}

	require.NotZero(t, away, "nothing was cut")
	require.Equal(t, len(keys), w.keys())
	require.Equal(t, len(keys), w.count("SELECT count(*) FROM audit_log WHERE detail->>'name' = 'shop'"))
}
