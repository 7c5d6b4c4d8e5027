package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// TestAnAttemptThatFailsLeavesNothing, while what the request did before stays: its claim, and the answer that it gets.
func TestAnAttemptThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()

	db, pool := open(t)
	wrong := errors.New("wrong")
	note := func(d *store.Door, what string) error {
		return d.Note(t.Context(), "", what, "s", strictjson.Raw(`{"a":1}`))
	}

	err := db.Enter(t.Context(), "key", now(), func(d *store.Door) error {
		before, err := d.Claim(t.Context(), "once", []byte{1})
		require.NoError(t, err)
		require.Nil(t, before)
		require.NoError(t, note(d, "before"))

		require.ErrorIs(t, d.Attempt(t.Context(), func() error {
			require.NoError(t, note(d, "attempt"))

			return wrong
		}), wrong)
		require.NoError(t, d.Attempt(t.Context(), func() error { return note(d, "second") }))

		return d.Keep(t.Context(), "once", store.Answer{Status: 409, Body: []byte("no")})
	})
	require.NoError(t, err)

	var acts []string

	require.NoError(t, pool.QueryRow(t.Context(), "SELECT array_agg(action ORDER BY audit_no) FROM audit_log WHERE actor = 'key'").Scan(&acts))
	require.Equal(t, []string{"before", "second"}, acts)

	claim := func(actor string, fingerprint byte) (answer *store.Answer, err error) {
		err = db.Enter(t.Context(), actor, now().Add(time.Hour), func(d *store.Door) (err error) {
			answer, err = d.Claim(t.Context(), "once", []byte{fingerprint})

			return err
		})

		return answer, err
	}

	answer, err := claim("key", 1)
	require.NoError(t, err)
	require.Equal(t, &store.Answer{Status: 409, Body: []byte("no")}, answer)

	_, err = claim("key", 2)
	require.ErrorIs(t, err, store.ErrAnotherRequest)

	answer, err = claim("other", 2)
	require.NoError(t, err)
	require.Nil(t, answer)

	require.ErrorIs(t, db.Enter(t.Context(), "third", now(), func(d *store.Door) error {
		_, err := d.Claim(t.Context(), "once", []byte{1})
		require.NoError(t, err)
		require.NoError(t, note(d, "nothing"))

		return wrong
	}), wrong)

	var left int

	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM audit_log WHERE actor = 'third'").Scan(&left))
	require.Zero(t, left)
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT count(*) FROM api_answers WHERE actor = 'third'").Scan(&left))
	require.Zero(t, left)
}
