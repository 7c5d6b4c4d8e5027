package preapproval_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/secret"
)

const sharedSecret = "unsafe"

// tokensOf gives tokens of one user, as an identity provider does.
type tokensOf struct {
	user  string
	clock *shifted
}

func (o tokensOf) Token(context.Context) (secret.String, error) {
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{
		"sub": o.user, "scope": "daml_ledger_api", "exp": o.clock.Now().Add(time.Minute).Unix(),
	}).SignedString([]byte(sharedSecret))

	return secret.New(text), err
}

func (tokensOf) Invalidate() {}

// post is a request of the node's administrator.
func (w *world) post(path string, body any) {
	w.t.Helper()

	raw, err := json.Marshal(body)
	require.NoError(w.t, err)

	token, err := tokensOf{"participant_admin", w.clock}.Token(w.t.Context())
	require.NoError(w.t, err)

	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+path, bytes.NewReader(raw))
	require.NoError(w.t, err)
	r.Header.Set("Authorization", "Bearer "+token.Reveal())

	answer, err := http.DefaultClient.Do(r)
	require.NoError(w.t, err)

	defer func() { _ = answer.Body.Close() }()

	said, err := io.ReadAll(answer.Body)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, answer.StatusCode, "%s", said)
}

func right(kind string, party ident.Party) map[string]any {
	return map[string]any{"kind": map[string]any{kind: map[string]any{"value": map[string]any{"party": party}}}}
}

// TestAMissingRightIsARefusal, which a person undoes: the user may act as the provider, or nothing is renewed.
func TestAMissingRightIsARefusal(t *testing.T) {
	t.Parallel()

	const user = "deposit"

	now := &shifted{}
	auth := admin.AuthConfig{HS256: secret.New(sharedSecret)}
	w := newWorldFor(t, now, auth, tokensOf{user, now})
	w.user = user
	w.post("/v2/users", map[string]any{
		"user": map[string]any{
			"id": user, "primaryParty": "", "isDeactivated": false, "identityProviderId": "",
			"metadata": map[string]any{"resourceVersion": "", "annotations": map[string]any{}},
		},
		"rights": []any{right("CanReadAs", w.treasury), right("CanExecuteAs", w.treasury), right("CanReadAs", w.ours)},
	})

	old := w.preapprove(w.ours, 20*day)
	k := w.keep()
	w.untilState(deposit.PreapprovalFine, deposit.RefusedBefore)
	w.pass(day)
	k.looksOn()
	require.Equal(t, int64(1), k.submitted.Load())
	require.Equal(t, []string{"preapproval.refused " + string(old.Contract)}, w.events())

	list, err := w.db.Preapprovals(t.Context(), w.id)
	require.NoError(t, err)
	require.Contains(t, list[0].Detail, "HTTP 403")

	w.post("/v2/users/"+user+"/rights", map[string]any{
		"userId": user, "identityProviderId": "", "rights": []any{right("CanActAs", w.ours)},
	})

	_, err = w.db.RetryRenewals(t.Context(), w.id)
	require.NoError(t, err)
	w.until("it is renewed", func() bool { return len(w.events()) == 2 })
	require.Equal(t, old.ExpiresAt.Add(90*day), w.standing()[0].ExpiresAt)
}
