package intake_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	// patience is far above what anything takes that is not stuck.
	patience   = 40 * time.Second
	registrars = "/api/token-standard/v0/registrars/{admin}"
	customer   = "alice"
	memo       = "ACC-1"
)

// world is a network on a real socket, a database, ingestion, and somebody who offers money.
type world struct {
	*sandbox.Sandbox

	t          testing.TB
	clock      *shifted
	url        string
	node       *ledger.Client
	registries *registry.Client
	db         *store.DB
	pool       *pgxpool.Pool
	treasury   store.TreasuryID
	party      ident.Party
	signer     *memorySigner
	stopIngest func()
	// hurried makes time pass a hundred times as fast while the test waits, for what is put off again and again.
	hurried bool
	payer   ident.Party
}

// shifted is the machine's clock, set ahead.
type shifted struct {
	mu    sync.Mutex
	ahead time.Duration
}

// Now implements clock.Clock.
func (s *shifted) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()

	return time.Now().Add(s.ahead)
}

func (s *shifted) advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.ahead += d
}

// memorySigner signs with a key in memory and counts.
type memorySigner struct {
	mu     sync.Mutex
	key    ed25519.PrivateKey
	public signing.PublicKey
	signed int
	fail   error
}

func (m *memorySigner) Sign(_ context.Context, what signing.Signable) (signing.Signature, error) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.fail != nil {
		return signing.Signature{}, m.fail
	}

	m.signed++

	return signing.Sign(nil, m.key, m.public, what)
}

func (m *memorySigner) count() int {
	m.mu.Lock()
	defer m.mu.Unlock()

	return m.signed
}

func newWorld(t testing.TB, cfg sandbox.Config) *world {
	t.Helper()

	now := &shifted{}
	cfg.CheckpointInterval, cfg.Clock = 20*time.Millisecond, now

	s, err := sandbox.New(cfg)
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.CloseClientConnections()
		server.Close()
	})

	w := &world{Sandbox: s, t: t, clock: now, url: server.URL}
	w.node, err = ledger.New(ledger.Config{URL: server.URL, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(w.node.CloseIdle)

	w.registries, err = registry.New(registry.Config{Registries: []registry.Registry{
		{Admin: s.DSO(), Endpoints: []registry.Endpoint{{URL: server.URL + registrars}}},
		{Admin: s.AcmeToken().Admin, Endpoints: []registry.Endpoint{{URL: server.URL + registrars}}},
	}})
	require.NoError(t, err)
	t.Cleanup(w.registries.CloseIdle)

	w.pool = pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })
	w.db, err = store.Open(t.Context(), secret.New(w.pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(w.db.Close)

	w.onboard()
	w.openBooks()
	w.ingest()

	return w
}

// onboard makes the treasury an external party whose key is here.
func (w *world) onboard() {
	w.t.Helper()

	seed := sha256.Sum256([]byte(w.t.Name()))
	key := ed25519.NewKeyFromSeed(seed[:])
	public, err := signing.NewPublicKey(key.Public())
	require.NoError(w.t, err)

	connected, err := w.node.ConnectedSynchronizers(w.t.Context(), "")
	require.NoError(w.t, err)

	topology, err := w.node.GenerateTopology(w.t.Context(), ledger.TopologyRequest{
		Synchronizer: connected[0].ID, Hint: "treasury", Key: public,
	})
	require.NoError(w.t, err)

	signature, err := signing.Sign(nil, key, public, topology.MultiHash)
	require.NoError(w.t, err)
	require.NoError(w.t, w.node.AllocateParty(w.t.Context(), ledger.AllocateRequest{
		Synchronizer: connected[0].ID, Party: topology.Party, Transactions: topology.Transactions,
		Signatures: []signing.Signature{signature},
	}))

	w.party, w.signer = topology.Party, &memorySigner{key: key, public: public}
}

func (w *world) openBooks() {
	w.t.Helper()

	now := time.Now()

	var err error
	w.treasury, err = w.db.EnsureTreasury(w.t.Context(), w.party, now)
	require.NoError(w.t, err)
	require.NoError(w.t, w.db.RegisterMemo(w.t.Context(), w.treasury, memo, customer, now))

	for _, token := range []ident.Instrument{w.Amulet(), w.AcmeToken()} {
		require.NoError(w.t, w.db.ListInstrument(w.t.Context(), token, amount.Zero(), now))
	}

	w.payer, err = w.AllocateParty("payer")
	require.NoError(w.t, err)
}

// setPolicy says how offers of a token are dealt with.
func (w *world) setPolicy(token ident.Instrument, change func(*deposit.Policy)) {
	w.t.Helper()

	p := deposit.DefaultPolicy()
	change(&p)
	require.NoError(w.t, w.db.SetDepositPolicy(w.t.Context(), token, p))
}

// offer is what the payer offers to the treasury.
func (w *world) offer(token ident.Instrument, value string, note *string, change ...func(*sandbox.TransferRequest)) ident.ContractID {
	w.t.Helper()

	var err error
	if token == w.Amulet() {
		_, err = w.Tap(w.payer, amounttest.Of(value))
	} else {
		_, err = w.Mint(w.payer, token, amounttest.Of(value))
	}

	require.NoError(w.t, err)

	request := sandbox.TransferRequest{
		Sender: w.payer, Receiver: w.party, Instrument: token, Amount: amounttest.Of(value), Memo: note,
	}
	for _, c := range change {
		c(&request)
	}

	receipt, err := w.Transfer(request)
	require.NoError(w.t, err)
	require.Len(w.t, receipt.Instructions, 1)

	return receipt.Instructions[0]
}

// verdict is what the database has of an offer.
type verdict struct {
	ID                    uuid.UUID
	Deposit, Verdict      string
	Reason, Work, Detail  string
	Open, Signed          bool
	Tries                 int
	Submission, CommandID string
}

func (w *world) verdict(offer ident.ContractID) verdict {
	w.t.Helper()

	var v verdict

	err := w.pool.QueryRow(w.t.Context(), `SELECT v.deposit_id, d.state, v.verdict, v.reason, v.work, v.detail, v.open, v.signature IS NOT NULL, v.tries, v.submission_id, v.command_id
		FROM offer_verdicts v JOIN deposits d USING (treasury_id, deposit_id) WHERE d.correlation_id = $1`, string(offer)).Scan(
		&v.ID, &v.Deposit, &v.Verdict, &v.Reason, &v.Work, &v.Detail, &v.Open, &v.Signed, &v.Tries, &v.Submission, &v.CommandID)
	if errors.Is(err, pgx.ErrNoRows) {
		return v
	}

	require.NoError(w.t, err)

	return v
}

func (w *world) untilReason(offer ident.ContractID, reason deposit.Reason) verdict {
	w.t.Helper()

	var v verdict

	w.until("the reason is "+string(reason), func() bool {
		v = w.verdict(offer)

		return v.Reason == string(reason)
	})

	return v
}

func (w *world) untilDeposit(offer ident.ContractID, state string) verdict {
	w.t.Helper()

	var v verdict

	w.until("the deposit is "+state, func() bool {
		v = w.verdict(offer)

		return v.Deposit == state
	})

	return v
}

// run runs something until the test ends.
func (w *world) run(what func(context.Context) error) (stop func()) {
	w.t.Helper()

	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)

	go func() { ended <- what(ctx) }()

	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(w.t, <-ended)
	})
	w.t.Cleanup(stop)

	return stop
}

func (w *world) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func (w *world) ingest() {
	w.t.Helper()

	s, err := ingest.New(ingest.Config{Party: w.party}, w.node, w.db, clock.System{}, w.log(),
		ingest.NewMetrics(prometheus.NewRegistry()))
	require.NoError(w.t, err)
	w.stopIngest = w.run(s.Run)
}

// moody is a node whose answers a test may replace, and which counts what it is asked.
type moody struct {
	intake.Node

	prepare, execute func(n int64) error
	prepared, sent   atomic.Int64
}

func (m *moody) Prepare(ctx context.Context, r ledger.PrepareRequest) (ledger.Prepared, error) {
	if n := m.prepared.Add(1); m.prepare != nil {
		if err := m.prepare(n); err != nil {
			return ledger.Prepared{}, err
		}
	}

	return m.Node.Prepare(ctx, r)
}

func (m *moody) Execute(ctx context.Context, r ledger.ExecuteRequest) error {
	if n := m.sent.Add(1); m.execute != nil {
		if err := m.execute(n); err != nil {
			return err
		}
	}

	return m.Node.Execute(ctx, r)
}

// accept runs an instance and gives the node that it talks to.
func (w *world) accept(change ...func(*intake.Config, *intake.Parts)) *moody {
	w.t.Helper()

	node := &moody{Node: w.node}
	w.run(w.instance(append([]func(*intake.Config, *intake.Parts){
		func(_ *intake.Config, p *intake.Parts) { p.Node = node },
	}, change...)...).Run)

	return node
}

func (w *world) instance(change ...func(*intake.Config, *intake.Parts)) *intake.Service {
	w.t.Helper()

	config := intake.Config{
		Party: w.party, UserID: "ledger-api-user", Poll: 5 * time.Millisecond, Recheck: time.Second,
		MaxSkew: 1000 * time.Hour, // tests turn clocks
	}
	parts := intake.Parts{
		Node: w.node, Registries: w.registries, Signer: w.signer, DB: w.db, Clock: w.clock, Logger: w.log(),
		Metrics: intake.NewMetrics(prometheus.NewRegistry()), Random: rand.Reader,
	}

	for _, c := range change {
		c(&config, &parts)
	}

	s, err := intake.New(config, parts)
	require.NoError(w.t, err)

	return s
}

func (w *world) fault(rule fault.Rule) fault.ID {
	w.t.Helper()

	id, err := w.Faults().Add(rule)
	require.NoError(w.t, err)

	return id
}

func (w *world) until(what string, so func() bool) {
	w.t.Helper()

	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()

	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()

	for !so() {
		select {
		case <-ctx.Done():
			require.Fail(w.t, "never came to be: "+what)
		case <-ticker.C:
			if w.hurried {
				w.clock.advance(200 * time.Millisecond)
			}
		}
	}
}

// balance is what the customer has.
func (w *world) balance(token ident.Instrument) string {
	w.t.Helper()

	var text string
	require.NoError(w.t, w.pool.QueryRow(w.t.Context(), `SELECT coalesce(sum(b.amount), 0)::numeric(38, 10)::text FROM balances b JOIN instruments i USING (instrument_no)
		WHERE account_kind = 'customer' AND account = $1 AND i.admin = $2 AND i.instrument_id = $3`,
		customer, string(token.Admin), token.ID).Scan(&text))

	return amounttest.Of(text).Short()
}

func (w *world) reconciled() {
	w.t.Helper()

	w.until("ingestion is at the end", func() bool {
		cursor, err := w.db.Cursor(w.t.Context(), w.treasury)
		require.NoError(w.t, err)

		return cursor.Position.Offset >= w.LedgerEnd()
	})

	report, err := reconcile.Run(w.t.Context(), w.node, w.db, w.treasury, w.party)
	require.NoError(w.t, err)
	require.Empty(w.t, report.Differences)
}
