package api

import (
	"context"
	"encoding/csv"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// TestOnlySoManyWait: who comes when all places are taken, or all of one caller's, is told so at once, and takes none.
func TestOnlySoManyWait(t *testing.T) {
	t.Parallel()

	s := &Service{waiting: newPlaces(3, 2)}
	second := 1
	state := func(state string) string { return state }
	wait := func(ctx context.Context) (string, error) {
		return awaited(ctx, s, &second, nil, func() (string, error) { return "held", nil }, state)
	}

	as := func(who string) context.Context {
		return context.WithValue(t.Context(), callerKey{}, &caller{Actor: who})
	}
	refused := func(who string) {
		_, err := wait(as(who))
		told := explained(err, "getDeposit")
		require.Equal(t, http.StatusServiceUnavailable, told.status)
		require.Equal(t, "too_many_wait", told.code)
		require.Equal(t, time.Second, told.retry)
	}

	for range 2 {
		require.True(t, s.waiting.take("ann"))
	}

	refused("ann")

	_, err := wait(as("bob"))
	require.NoError(t, err, "another one has a place all the same")

	require.True(t, s.waiting.take("bob"))
	refused("bob")

	for _, who := range []string{"ann", "ann", "bob"} {
		s.waiting.leave(who)
	}

	require.Empty(t, s.waiting.of)

	ended, end := context.WithCancel(t.Context())
	end()

	_, err = wait(ended)
	require.ErrorIs(t, err, context.Canceled, "nobody is there any more")
	require.Zero(t, s.waiting.count())

	calls := 0
	_, err = awaited(t.Context(), s, &second, nil, func() (string, error) {
		calls++
		if calls > 1 {
			return "", errors.New("away")
		}

		return "held", nil
	}, state)
	require.EqualError(t, err, "away")
	require.Zero(t, s.waiting.count())
}

// TestWhoDoesNotReadIsCutOff when the time of an answer is over, so that it holds nothing any longer.
func TestWhoDoesNotReadIsCutOff(t *testing.T) {
	t.Parallel()

	full, over := context.WithCancel(t.Context())
	ended := make(chan error, 1)

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		end := cutOff(full, &answer{ResponseWriter: w})
		defer end()

		part := make([]byte, 1<<20)

		for written := 0; ; written++ {
			if written == 1 {
				time.AfterFunc(time.Second/4, over)
			}

			if _, err := w.Write(part); err != nil {
				ended <- err

				return
			}
		}
	}))
	defer server.Close()

	connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	require.NoError(t, err)

	defer connection.Close()

	_, err = connection.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	require.NoError(t, err)

	select {
	case err := <-ended:
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	case <-time.After(10 * time.Second):
		_ = connection.Close()
		require.Fail(t, "it is written to on and on")
	}
}

func TestWhoWantsCSV(t *testing.T) {
	t.Parallel()

	for accept, want := range map[string]bool{
		"": false, "*/*": false, "application/json": false, "text/csv": true, "text/csv, application/json": true, "TEXT/CSV;header=present": true,
		"application/json, text/csv;q=0.9": false, "application/json;q=0.1, text/csv;q=0.9": true, "text/csv;q=0": false, "text/csv;q=x": false,
		"text/html, text/csv;q=0.5, */*;q=0.1": true, ",;": false,
	} {
		require.Equal(t, want, prefersCSV(accept), accept)
	}
}

// TestCellsAreNoFormulas: whatever strangers call their tokens, no cell begins as a formula does, and what is read back
// is what was written but for the apostrophe.
func TestCellsAreNoFormulas(t *testing.T) {
	t.Parallel()

	for _, text := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\x00", "\u00a0=1", "＝1", "\x7f"} {
		require.Equal(t, "'"+text, cell(text))
	}

	for _, text := range []string{"", "Amulet", "alice::1220", "1", "'x", "é", "w-1"} {
		require.Equal(t, text, cell(text))
	}

	rapid.Check(t, func(t *rapid.T) {
		line := store.StatementLine{
			What: "deposit", Reference: rapid.String().Draw(t, "reference"), Admin: ident.Party(rapid.String().Draw(t, "admin")),
			InstrumentID: rapid.String().Draw(t, "id"),
		}

		raw, err := statementCSV([]store.StatementLine{line}, true)
		require.NoError(t, err)

		rows, err := csv.NewReader(strings.NewReader(string(raw))).ReadAll()
		require.NoError(t, err)
		require.Len(t, rows, 2)

		breaks := strings.NewReplacer("\r\n", "\n", "\r", "")
		for i, text := range []string{line.Reference, string(line.Admin), line.InstrumentID} {
			require.Equal(t, breaks.Replace(cell(text)), breaks.Replace(rows[1][2+i]))
		}
	})
}
