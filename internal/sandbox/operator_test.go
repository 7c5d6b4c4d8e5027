package sandbox_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

func TestTheValidatorsUserActsForItsOperator(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})

	var validator struct {
		User  string      `json:"user_name"`
		Party ident.Party `json:"party_id"`
	}

	n.must(http.MethodGet, "/api/validator/v0/validator-user", nil, &validator)

	status, _, raw := n.call(http.MethodGet, "/v2/users/"+validator.User+"/rights", nil)
	require.Equal(t, http.StatusOK, status)
	require.JSONEq(t, `{"rights": [
		{"kind": {"CanActAs": {"value": {"party": "`+string(validator.Party)+`"}}}},
		{"kind": {"ParticipantAdmin": {"value": {}}}}
	]}`, string(raw))
}
