package api_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// TestWhoDidWhat is written, sealed, told page by page, and a change of it is found.
func TestWhoDidWhat(t *testing.T) {
	t.Parallel()

	w := begin(t)
	admin, accounts := w.key("admin"), w.key("accounts")

	for i := range 5 {
		w.post("/v1/treasuries/"+string(treasury)+"/memos", accounts, `{"account":"a`+strconv.Itoa(i)+`","memo":"m`+strconv.Itoa(i)+`"}`).is(http.StatusCreated)
	}
	w.post("/v1/treasuries/"+string(treasury)+"/memos", accounts, `{"account":"thief","memo":"m1"}`).is(http.StatusConflict, "memo_taken")

	page := w.get("/v1/audit?limit=3&actor="+keyIDOf(accounts), admin).is(http.StatusOK)
	items := page.member("items").([]any)
	require.Len(t, items, 3)

	newest := items[0].(map[string]any)
	require.Equal(t, "memo.create", newest["action"])
	require.Equal(t, "a4", newest["subject"])
	require.Equal(t, map[string]any{"account": "a4", "memo": "m4"}, newest["detail"])
	require.Nil(t, newest["hash"])

	rest := w.get("/v1/audit?limit=3&actor="+keyIDOf(accounts)+"&cursor="+page.text("next"), admin).is(http.StatusOK)
	require.Len(t, rest.member("items"), 2)
	require.Nil(t, rest.member("next"))
	require.Len(t, w.get("/v1/audit?subject=a2", admin).is(http.StatusOK).member("items"), 1)

	// What is one treasury's is for who may see that one.
	here := w.keyWith(store.APIKey{Scopes: []string{"admin"}, Treasuries: []ident.Party{treasury}})
	there := w.keyWith(store.APIKey{Scopes: []string{"admin"}, Treasuries: []ident.Party{other}})
	require.Len(t, w.get("/v1/audit", here).is(http.StatusOK).member("items"), 5)
	require.Empty(t, w.get("/v1/audit", there).is(http.StatusOK).member("items"))

	for _, cursor := range []string{"0", "-1", "x", "99999999999999999999"} {
		w.get("/v1/audit?cursor="+cursor, admin).is(http.StatusBadRequest, "invalid_request")
	}

	before := w.get("/v1/audit/verify", admin).is(http.StatusOK)
	require.Equal(t, []any{true, 0.0, 9.0}, []any{before.member("whole"), before.member("rows"), before.member("unsealed")})

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)

	go func() { ended <- w.handler.Run(ctx) }()

	require.Eventually(t, func() bool { return w.count("SELECT count(*) FROM audit_seals") == 9 }, 30*time.Second, 10*time.Millisecond)
	stop()
	require.NoError(t, <-ended)

	after := w.get("/v1/audit/verify", admin).is(http.StatusOK)
	require.Equal(t, []any{true, 9.0, 0.0}, []any{after.member("whole"), after.member("rows"), after.member("unsealed")})
	require.Equal(t, after.text("head"), w.get("/v1/audit?limit=1", admin).is(http.StatusOK).member("items").([]any)[0].(map[string]any)["hash"])

	_, err := w.pool.Exec(t.Context(), "ALTER TABLE audit_log DISABLE TRIGGER USER")
	require.NoError(t, err)
	_, err = w.pool.Exec(t.Context(), "UPDATE audit_log SET detail = '{}' WHERE subject = 'a2'")
	require.NoError(t, err)

	broken := w.get("/v1/audit/verify", admin).is(http.StatusOK)
	require.Equal(t, false, broken.member("whole"))
	require.InDelta(t, w.count("SELECT audit_no FROM audit_log WHERE subject = 'a2'"), broken.member("brokenAt"), 0)
}

// TestTheHeadIsLogged, so that it is where who can change the database cannot change it.
func TestTheHeadIsLogged(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.key("admin")

	_, err := w.db.AuditHead(t.Context())
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = w.db.SealAudit(t.Context(), 10, start())
	require.NoError(t, err)

	head, err := w.db.AuditHead(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(1), head.No)
	require.Len(t, head.Hash, 32)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)

	go func() { ended <- w.handler.Run(ctx) }()

	require.Eventually(t, func() bool { return strings.Contains(w.log.String(), "sealed up to here") }, 30*time.Second, 10*time.Millisecond)
	stop()
	require.NoError(t, <-ended)
}

// TestSealsThatStopAreSeen, by the gauge and by who has the log verified.
func TestSealsThatStopAreSeen(t *testing.T) {
	t.Parallel()

	const gauge = "ces_api_audit_oldest_unsealed_seconds"

	w := begin(t)
	admin := w.key("admin")

	tx, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT FROM audit_sealing FOR UPDATE") // one who seals and does not end
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)

	go func() { ended <- w.handler.Run(ctx) }()

	since := float64(start().Unix())
	require.Eventually(t, func() bool { return w.gauge(gauge) == since }, 30*time.Second, 10*time.Millisecond)

	verified := func() []any {
		r := w.get("/v1/audit/verify", admin).is(http.StatusOK)

		return []any{r.member("whole"), r.member("unsealed"), r.member("unsealedSince"), r.member("late")}
	}

	w.clock.Advance(5 * time.Minute)
	require.Equal(t, []any{true, 1.0, "2026-03-01T12:00:00Z", false}, verified())
	w.clock.Advance(time.Second)
	require.Equal(t, []any{true, 1.0, "2026-03-01T12:00:00Z", true}, verified())

	require.NoError(t, tx.Rollback(t.Context()))
	require.Eventually(t, func() bool { return w.gauge(gauge) == 0 }, 30*time.Second, 10*time.Millisecond)
	require.Equal(t, []any{true, 0.0, nil, false}, verified())

	stop()
	require.NoError(t, <-ended)
}

// TestEachChangeIsNotedOnce, whichever part of the suite writes it down.
func TestEachChangeIsNotedOnce(t *testing.T) {
	t.Parallel()

	w := filled(t)
	key := w.key("accounts", "withdrawals")

	for _, c := range []struct {
		path, body, action, subject string // the path below the treasury's
	}{
		{"/memos", `{"account":"new"}`, "memo.create", "new"},
		{"/memos", `{"account":"new","memo":"MINE"}`, "memo.create", "new"},
		{"/accounts/c1/destinations", `{"party":"new::1220"}`, "destination.add", "c1"},
		{"/withdrawals", `{"withdrawalId":"z1","account":"c1","instrumentAdmin":"dso::1220dd","instrumentId":"Amulet","amount":"2","receiver":"bob::1220cc"}`, "withdrawal.request", "z1"},
		{"/withdrawals/z1/cancel", "", "withdrawal.cancel", "z1"},
	} {
		before := w.count("SELECT count(*) FROM audit_log")

		for range 2 {
			r := w.post("/v1/treasuries/"+string(treasury)+c.path, key, c.body)
			require.Less(t, r.status, http.StatusMultipleChoices, "%s", r.body)
			require.Equal(t, before+1, w.count("SELECT count(*) FROM audit_log"), c.path)
		}

		require.Equal(t, 1, w.count("SELECT count(*) FROM audit_log WHERE audit_no = (SELECT max(audit_no) FROM audit_log) AND action = $1 AND subject = $2 AND actor = $3",
			c.action, c.subject, keyIDOf(key)), c.path)
	}
}
