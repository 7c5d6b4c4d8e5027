package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

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
