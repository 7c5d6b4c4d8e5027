package ingest_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	worldPatience = 30 * time.Second
	worldPoll     = 2 * time.Millisecond
	goodToken     = "good-token"
	interrupted   = "ingestion is interrupted and will be retried; no update is lost or skipped"
)

// records is a log that can be asked what it was told.
type records struct {
	mu   *sync.Mutex
	list *[]slog.Record
	next slog.Handler
}

func newRecords(t *testing.T) records {
	t.Helper()

	return records{&sync.Mutex{}, &[]slog.Record{}, slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})}
}

// Enabled implements slog.Handler.
func (records) Enabled(context.Context, slog.Level) bool { return true }

// Handle implements slog.Handler.
func (r records) Handle(ctx context.Context, record slog.Record) error {
	r.mu.Lock()
	*r.list = append(*r.list, record)
	r.mu.Unlock()

	if r.next.Enabled(ctx, record.Level) {
		return r.next.Handle(ctx, record)
	}

	return nil
}

// WithAttrs implements slog.Handler.
func (r records) WithAttrs(attrs []slog.Attr) slog.Handler {
	r.next = r.next.WithAttrs(attrs)

	return r
}

// WithGroup implements slog.Handler.
func (r records) WithGroup(name string) slog.Handler {
	r.next = r.next.WithGroup(name)

	return r
}

// texts gives the messages at a level or above, each with its error.
func (r records) texts(least slog.Level) []string {
	r.mu.Lock()
	defer r.mu.Unlock()

	var list []string

	for _, record := range *r.list {
		if record.Level < least {
			continue
		}

		text := record.Message
		record.Attrs(func(a slog.Attr) bool {
			if a.Key == "error" {
				text += ": " + a.Value.String()
			}

			return true
		})

		list = append(list, text)
	}

	return list
}

// count is how many messages of any level begin so.
func (r records) count(message string) int {
	n := 0

	for _, text := range r.texts(slog.LevelDebug) {
		if strings.HasPrefix(text, message) {
			n++
		}
	}

	return n
}

// world is a network, a database and an ingestion between them.
type world struct {
	*sandbox.Sandbox

	ctx      context.Context
	url      string
	token    string // file
	party    ident.Party
	customer ident.Party
	db       *store.DB
	treasury store.TreasuryID
	log      records
}

func newWorld(t *testing.T, config sandbox.Config) *world {
	t.Helper()

	return newWorldOn(t, config, open(t))
}

func newWorldOn(t *testing.T, config sandbox.Config, db *store.DB) *world {
	t.Helper()

	w := newLedger(t, config)
	w.db = db
	w.treasury = register(t, db, w.party, map[string]string{"ACC-1": "alice"}, w.Amulet(), w.AcmeToken())

	return w
}

// newLedger is a network alone. Two of the same seed have the same node, parties and history as long as the same is
// done on them.
func newLedger(t *testing.T, config sandbox.Config) *world {
	t.Helper()

	w := &world{log: newRecords(t), token: filepath.Join(t.TempDir(), "token")}

	var cancel context.CancelFunc

	w.ctx, cancel = context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)

	config.Token = secret.New(goodToken)
	config.Inspect = published.Inspect(t, string(config.Version))
	w.writeToken(t, goodToken)

	var err error
	w.Sandbox, err = sandbox.New(config)
	require.NoError(t, err)

	server := httptest.NewServer(w.Handler())
	w.url = server.URL
	t.Cleanup(func() {
		w.Sandbox.Close()
		server.Close()
	})

	w.party, err = w.AllocateParty("treasury")
	require.NoError(t, err)
	w.customer, err = w.AllocateParty("customer")
	require.NoError(t, err)
	_, err = w.Preapprove(w.party)
	require.NoError(t, err)

	return w
}

func (w *world) writeToken(t *testing.T, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(w.token, []byte(text), 0o600))
}

// client reads from the node as the program does, at a URL that may lead through something.
func (w *world) client(t *testing.T, url string) *ledger.Client {
	t.Helper()

	node, err := ledger.New(ledger.Config{
		URL: url, Tokens: ledger.FileTokens(w.token), Logger: slog.New(slog.DiscardHandler),
		Retry: ledger.NoRetry(), // the service's own loop is what is tested
	})
	require.NoError(t, err)
	t.Cleanup(node.CloseIdle)

	return node
}

// pay makes deposits, one update each.
func (w *world) pay(t *testing.T, times int) {
	t.Helper()

	_, err := w.Tap(w.customer, amount.FromInt(10_000))
	require.NoError(t, err)

	for range times {
		_, err := w.Transfer(sandbox.TransferRequest{
			Sender: w.customer, Receiver: w.party, Instrument: w.Amulet(), Amount: amount.FromInt(3), Memo: new("ACC-1"),
		})
		require.NoError(t, err)
	}
}

// running is a service at work.
type running struct {
	*ingest.Service

	cancel context.CancelFunc
	ended  chan struct{}
	err    error // read after ended
}

func (w *world) start(t *testing.T, node ingest.Node) *running {
	t.Helper()

	return w.startWith(t, node, w.db, ingest.Config{Party: w.party})
}

func (w *world) startWith(t *testing.T, node ingest.Node, db *store.DB, config ingest.Config) *running {
	t.Helper()

	s, err := ingest.New(config, node, db, clock.System{}, slog.New(w.log), ingest.NewMetrics(prometheus.NewRegistry()))
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(w.ctx)
	r := &running{Service: s, cancel: cancel, ended: make(chan struct{})}

	go func() {
		defer close(r.ended)

		r.err = s.Run(ctx)
	}()

	t.Cleanup(func() {
		cancel()
		<-r.ended
	})

	return r
}

// stop ends a service as a shutdown does.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	<-r.ended
	require.NoError(t, r.err)
}

// eventually polls until something is so.
func (w *world) eventually(t *testing.T, what string, so func() bool) {
	t.Helper()

	ctx, cancel := context.WithTimeout(w.ctx, worldPatience)
	defer cancel()

	ticker := time.NewTicker(worldPoll)
	defer ticker.Stop()

	for !so() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			require.FailNow(t, "never: "+what, strings.Join(w.log.texts(slog.LevelInfo), "\n"))
		}
	}
}

func (w *world) offset() ident.Offset {
	cursor, err := w.db.Cursor(w.ctx, w.treasury)
	if err != nil {
		return -1
	}

	return cursor.Position.Offset
}

// caughtUp waits until everything that happened is in the database.
func (w *world) caughtUp(t *testing.T) {
	t.Helper()

	end := w.LedgerEnd()
	w.eventually(t, fmt.Sprintf("the database is at offset %d", end), func() bool {
		w.Tick()

		return w.offset() >= end
	})
}

// fails waits until the service has failed so many times.
func (w *world) fails(t *testing.T, times int) {
	t.Helper()
	w.eventually(t, fmt.Sprintf("%d failures", times), func() bool { return w.log.count(interrupted) >= times })
}

// errors are the messages that wake somebody up.
func (w *world) errors() []string { return w.log.texts(slog.LevelError) }

// requireComplete checks from the outside that every update is there once and in order, and that all agrees.
func (w *world) requireComplete(t *testing.T) {
	t.Helper()

	rows, err := w.db.Pool().Query(w.ctx, `SELECT update_id FROM ledger_updates WHERE treasury_id = $1 AND kind IN ('transaction', 'reassignment') ORDER BY update_no`, int32(w.treasury))
	require.NoError(t, err)

	var have []ident.UpdateID

	for rows.Next() {
		var id ident.UpdateID
		require.NoError(t, rows.Scan(&id))
		have = append(have, id)
	}

	require.NoError(t, rows.Err())

	var want []ident.UpdateID
	for _, u := range w.Updates(w.party) {
		want = append(want, u.UpdateID)
	}

	require.NotEmpty(t, want)
	require.True(t, slices.Equal(want, have), "want %v\nhave %v", want, have)
	w.requireClean(t)
}

// requireClean checks the books alone, where the node has pruned what was before.
func (w *world) requireClean(t *testing.T) {
	t.Helper()

	report, err := reconcile.Run(w.ctx, w.client(t, w.url), w.db, w.treasury, w.party)
	require.NoError(t, err)
	require.Empty(t, report.Differences)
	require.NotZero(t, report.Holdings)
}

// requireRestarts runs a fresh service to the ledger's end and checks that it changed nothing but its epoch.
func (w *world) requireRestarts(t *testing.T) {
	t.Helper()

	r := w.start(t, w.client(t, w.url))
	w.pay(t, 2)
	w.caughtUp(t)
	r.stop(t)
	w.requireComplete(t)
}
