package api_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// TestAHangingIdentityProvider holds up few of those who make up keys, and nobody else.
func TestAHangingIdentityProvider(t *testing.T) {
	t.Parallel()

	const places, strangers = 40, 60

	p, ec := newProvider(t), ecKey(t)
	p.publish("ec", ec.Public())

	w := p.begin("CES_API_MAX_REQUESTS=" + strconv.Itoa(places))
	es := jwt.SigningMethodES256
	good, key := p.token(es, "ec", ec, nil), w.key("admin")
	w.get("/v1/keys", good).is(http.StatusOK)

	release := p.hang()
	defer release()

	answers := make(chan *reply, strangers)

	w.clock.Advance(10 * time.Second)

	for i := range strangers {
		token := p.token(es, "made-up-"+strconv.Itoa(i), ec, nil)

		go func() {
			r, err := w.try(http.MethodGet, "/v1/keys", token, "")
			if err == nil {
				answers <- r
			}
		}()
	}

	for range strangers - places/2 { // all but those that wait: who comes after the keys were read is no stranger
		r := (<-answers).is(http.StatusServiceUnavailable, "identity_provider_away")
		require.Equal(t, "1", r.header.Get("Retry-After"))
	}

	w.promptly(func() {
		w.get("/v1/keys", good).is(http.StatusOK)
		w.get("/v1/keys", key).is(http.StatusOK)
	})
	release()

	waited := 0

	for range places / 2 {
		if r := <-answers; r.status == http.StatusUnauthorized {
			waited++
		}
	}

	require.Positive(t, waited, "who reads the keys is answered when they were read")
	require.LessOrEqual(t, waited, places/2)
	require.Equal(t, 2, p.asked)
}
