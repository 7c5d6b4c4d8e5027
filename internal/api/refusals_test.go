package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// asking is a request for a withdrawal of c1 to bob.
func asking(id, units string) string {
	return `{"withdrawalId":"` + id + `","account":"c1","instrumentAdmin":"dso::1220dd","instrumentId":"Amulet","amount":"` + units + `","receiver":"bob::1220cc"}`
}

// TestWhoRequestsSeesNoBalance: a key without the scope read learns that there is too little, and not how much there is.
func TestWhoRequestsSeesNoBalance(t *testing.T) {
	t.Parallel()

	w := filled(t)
	_, err := w.pool.Exec(t.Context(), "UPDATE withdrawal_policies SET approve_from = NULL")
	require.NoError(t, err)

	refused := w.post(of(treasury, "/withdrawals"), w.key("withdrawals"), asking("w-1", "999")).is(http.StatusUnprocessableEntity, "insufficient_funds")
	require.Equal(t, "The account holds less than the amount.", refused.text("detail"))
}

// TestAReturnIsCancelledByWhoDecides: what the scope approvals decided about a deposit is not undone without it.
func TestAReturnIsCancelledByWhoDecides(t *testing.T) {
	t.Parallel()

	w := filled(t)
	_, err := w.pool.Exec(t.Context(), "UPDATE deposit_cases SET confirm_from = NULL")
	require.NoError(t, err)

	w.post(of(treasury, "/deposits/%s/return", named("held")), w.key("approvals"), `{"note":"not ours"}`).is(http.StatusOK)

	back := of(treasury, "/withdrawals/return:%s/cancel", named("held"))
	refused := w.post(back, w.key("withdrawals", "read"), "", "Idempotency-Key", "x").is(http.StatusForbidden, "scope_missing")
	require.Contains(t, refused.text("detail"), "approvals")
	require.Equal(t, 1, w.count("SELECT count(*) FROM deposit_cases WHERE state = 'returning'"))

	w.post(of(treasury, "/withdrawals/queued/cancel"), w.key("withdrawals"), "").is(http.StatusOK)
	w.post(of(treasury, "/withdrawals/none/cancel"), w.key("withdrawals"), "").is(http.StatusNotFound, "unknown_withdrawal")
	require.Equal(t, "failed", w.post(back, w.key("withdrawals", "approvals"), "").is(http.StatusOK).text("state"))
	require.Zero(t, w.count("SELECT count(*) FROM deposit_cases WHERE state = 'returning'"))
}

// TestWhatIsRequestedAtOnceIsAnsweredLater: of two that request at one moment what history paid already, one is to repeat
// it, with the same Idempotency-Key, and is answered then.
func TestWhatIsRequestedAtOnceIsAnsweredLater(t *testing.T) {
	t.Parallel()

	w := filled(t)
	_, err := w.pool.Exec(t.Context(), `INSERT INTO withdrawals (treasury_id, withdrawal_id, origin, state, reason, instrument_no, amount, receiver, settled_no, record_time)
		SELECT treasury_id, 'lost', 'recovered', 'completed', '', 1, 9, 'bob::1220cc', 5, now() FROM treasuries WHERE party = $1`, treasury)
	require.NoError(t, err)

	first, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = first.Exec(t.Context(), "SELECT request_withdrawal($1, 'lost', 'c1', 'dso::1220dd', 'Amulet', 9, 'bob::1220cc', NULL, now())", treasury)
	require.NoError(t, err)

	key, answered := w.key("withdrawals"), make(chan *reply, 1)
	ask := func() (*reply, error) {
		return w.try(http.MethodPost, of(treasury, "/withdrawals"), key, asking("lost", "9"), "Idempotency-Key", "x")
	}

	go func() {
		r, _ := ask()
		answered <- r
	}()

	require.Eventually(t, func() bool {
		return w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0") > 0
	}, 30*time.Second, 10*time.Millisecond)
	require.NoError(t, first.Commit(t.Context()))

	r := <-answered
	require.NotNil(t, r)
	r.is(http.StatusServiceUnavailable, "requested_meanwhile")
	require.Equal(t, "1", r.header.Get("Retry-After"))

	r, err = ask()
	require.NoError(t, err)
	require.Equal(t, "completed", r.is(http.StatusOK).text("state"))
	require.Equal(t, 1, w.count("SELECT count(*) FROM postings WHERE origin = 'request' AND amount = -9"), "and paid for once")
}
