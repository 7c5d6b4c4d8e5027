package api_test

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
)

const longStatement = 1300 // lines, which are three pages

// lengthy gives the account long deposits of 1, so many, a second after the other.
func (w *world) lengthy(from, to int) {
	w.t.Helper()

	_, err := w.pool.Exec(w.t.Context(), `INSERT INTO deposits (treasury_id, deposit_id, kind, state, reason, account, instrument_no, amount, sender, settled_no, settled_node, settled_leg, record_time)
		SELECT treasury_id, md5('long' || n)::uuid, 'one_step', 'credited', '', 'long', 1, 1, '', 1, 1, 0, $2::timestamptz + n * interval '1 second'
		FROM treasuries, generate_series($3::integer, $4::integer) AS n WHERE party = $1`, string(treasury), start(), from, to)
	require.NoError(w.t, err)
}

// between does something after each part of an answer that is written.
type between struct {
	http.ResponseWriter

	do func()
}

func (b *between) Write(part []byte) (int, error) {
	n, err := b.ResponseWriter.Write(part)
	b.do()

	return n, err
}

func (b *between) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// TestAStatementIsOfOneMoment: its lines sum to what the account held when it was asked for, whatever happens while it is
// read: deposits after its last line, deposits before its first one, and those that move from one place to another.
func TestAStatementIsOfOneMoment(t *testing.T) {
	t.Parallel()

	w := filled(t)
	w.lengthy(1, longStatement)

	parts := 0

	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.handler.ServeHTTP(&between{rw, func() {
			parts++
			w.lengthy(parts*10000, parts*10000+9)
			w.lengthy(-parts*10000, -parts*10000+9)

			_, err := w.pool.Exec(t.Context(), "UPDATE deposits SET record_time = $2 WHERE account = 'long' AND record_time = $1",
				start().Add((longStatement-2)*time.Second), start().Add(-time.Hour))
			require.NoError(t, err)
		}}, r)
	}))

	file := w.get(of(treasury, "/accounts/long/statement"), w.key("read"), "Accept", "text/csv").is(http.StatusOK)
	lines, err := csv.NewReader(strings.NewReader(string(file.body))).ReadAll()
	require.NoError(t, err)
	require.Greater(t, parts, 2, "it was written page by page")

	var sum amount.Total

	for _, line := range lines[1:] {
		one, err := amount.Parse(line[5])
		require.NoError(t, err)

		sum = sum.Plus(one)
	}

	require.Equal(t, strconv.Itoa(longStatement), sum.Short())
	require.Len(t, lines, 1+longStatement)
}

// TestFewLongStatementsAtOnce: each holds a connection, and all else must have some.
func TestFewLongStatementsAtOnce(t *testing.T) {
	t.Parallel()

	const most = 2

	w := filled(t)
	w.lengthy(1, longStatement)

	key, path := w.key("read"), of(treasury, "/accounts/long/statement")
	reading, goOn, answers := make(chan struct{}, most+1), make(chan struct{}), make(chan *reply, most)
	release := sync.OnceFunc(func() { close(goOn) })

	w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		stopped := false

		w.handler.ServeHTTP(&between{rw, func() {
			if stopped || r.Header.Get("Accept") != "text/csv" || rw.Header().Get("Retry-After") != "" {
				return
			}

			stopped = true
			reading <- struct{}{}
			<-goOn
		}}, r)
	}))

	t.Cleanup(release) // before the server waits for its requests

	for range most {
		go func() {
			r, err := w.try(http.MethodGet, path, key, "", "Accept", "text/csv")
			if err == nil {
				answers <- r
			}
		}()

		<-reading
	}

	w.promptly(func() {
		r := w.get(path, key, "Accept", "text/csv").is(http.StatusServiceUnavailable, "busy")
		require.Equal(t, "1", r.header.Get("Retry-After"))
		w.get(path, key).is(http.StatusOK)
		w.get(path+"?limit=500", key, "Accept", "text/csv, */*;q=0.1").is(http.StatusOK)
	})
	release()

	for range most {
		require.Equal(t, 1+longStatement, strings.Count(string((<-answers).is(http.StatusOK).body), "\r\n"))
	}

	w.get(path+"?until=2026-01-01T00:00:00Z", key, "Accept", "text/csv, */*;q=0.1").is(http.StatusOK)
}
