package payout_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	// patience is far above what anything takes that is not stuck.
	patience   = 40 * time.Second
	registrars = "/api/token-standard/v0/registrars/{admin}"
	customer   = "alice"
	memo       = "ACC-1"
)

// world is a network on a real socket, a database, ingestion and payments, and a customer with money.
type world struct {
	*sandbox.Sandbox

	t          *testing.T
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
	shop    ident.Party // takes Canton Coin in one step
	friend  ident.Party // must accept
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

func newWorld(t *testing.T, cfg sandbox.Config) *world {
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
		w.setPolicy(token, func(*withdrawal.Policy) {})
	}

	for name, party := range map[string]*ident.Party{"shop": &w.shop, "friend": &w.friend} {
		*party, err = w.AllocateParty(name)
		require.NoError(w.t, err)
	}

	for _, party := range []ident.Party{w.shop, w.party} {
		_, err = w.Preapprove(party)
		require.NoError(w.t, err)
	}
}

func (w *world) setPolicy(token ident.Instrument, change func(*withdrawal.Policy)) {
	w.t.Helper()

	p := withdrawal.DefaultPolicy()
	change(&p)
	require.NoError(w.t, w.db.SetPolicy(w.t.Context(), token, p))
}

// deposit gives the customer coins, in so many holdings of this amount.
func (w *world) deposit(value string, count int) {
	w.t.Helper()

	payer, err := w.AllocateParty("payer")
	if err != nil {
		payer = w.friend
	}

	for range count {
		_, err := w.Tap(payer, amounttest.Of(value))
		require.NoError(w.t, err)
		_, err = w.Transfer(sandbox.TransferRequest{
			Sender: payer, Receiver: w.party, Instrument: w.Amulet(), Amount: amounttest.Of(value), Memo: new(memo),
		})
		require.NoError(w.t, err)
	}

	w.until("the deposits are credited", func() bool {
		var credited int
		require.NoError(w.t, w.pool.QueryRow(w.t.Context(),
			"SELECT count(*) FROM deposits WHERE state = 'credited' AND amount = $1::text::numeric", value).Scan(&credited))

		return credited >= count
	})
}

// depositToken gives the customer tokens that come as an offer. The treasury's wallet in the sandbox takes it.
func (w *world) depositToken(value string, pending bool) {
	w.t.Helper()

	payer := w.friend

	_, err := w.Mint(payer, w.AcmeToken(), amounttest.Of(value))
	require.NoError(w.t, err)
	receipt, err := w.Transfer(sandbox.TransferRequest{
		Sender: payer, Receiver: w.party, Instrument: w.AcmeToken(), Amount: amounttest.Of(value), Memo: new(memo),
	})
	require.NoError(w.t, err)

	receipt, err = w.Accept(w.party, receipt.Instructions[0])
	require.NoError(w.t, err)

	if pending {
		_, err = w.CompleteWorkflow(receipt.Instructions[0])
		require.NoError(w.t, err)
	}

	w.until("the deposit is credited", func() bool { return w.balance(w.AcmeToken()) != "0" })
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

// pay runs an instance of payments.
func (w *world) pay(change ...func(*payout.Config, *payout.Parts)) (stop func()) {
	w.t.Helper()

	return w.run(w.instance(change...).Run)
}

// payWith runs an instance and gives what it says of its health.
func (w *world) payWith(change ...func(*payout.Config, *payout.Parts)) (ready func() error) {
	w.t.Helper()

	s := w.instance(change...)
	w.run(s.Run)

	return s.Ready
}

func (w *world) instance(change ...func(*payout.Config, *payout.Parts)) *payout.Service {
	w.t.Helper()

	config := payout.Config{
		Party: w.party, UserID: "ledger-api-user", Poll: 5 * time.Millisecond, Recheck: time.Second,
		MaxSkew: 1000 * time.Hour, // tests turn clocks
	}
	parts := payout.Parts{
		Node: w.node, Registries: w.registries, Signer: w.signer, DB: w.db, Clock: w.clock, Logger: w.log(),
		Metrics: payout.NewMetrics(prometheus.NewRegistry()), Random: rand.Reader,
	}

	for _, c := range change {
		c(&config, &parts)
	}

	s, err := payout.New(config, parts)
	require.NoError(w.t, err)

	return s
}

func (w *world) request(id, value string, token ident.Instrument, to ident.Party, note *string) {
	w.t.Helper()

	_, err := w.db.RequestWithdrawal(w.t.Context(), w.party, store.WithdrawalRequest{
		ID: id, Account: customer, Instrument: token, Amount: amounttest.Of(value), Receiver: to, Memo: note,
	}, w.clock.Now())
	require.NoError(w.t, err)
}

func (w *world) find(id string) store.Withdrawal {
	w.t.Helper()

	found, err := w.db.FindWithdrawal(w.t.Context(), w.treasury, id)
	require.NoError(w.t, err)

	return found
}

func (w *world) untilState(id string, state withdrawal.State) store.Withdrawal {
	w.t.Helper()

	var found store.Withdrawal

	w.until(id+" is "+string(state), func() bool {
		found = w.find(id)

		return found.State == state
	})

	return found
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

// received is what a party owns on the ledger.
func (w *world) received(party ident.Party, token ident.Instrument) string {
	w.t.Helper()

	list, err := w.Holdings(party)
	require.NoError(w.t, err)

	var sum amount.Total

	for _, h := range list {
		if h.Instrument.Ident() == token && !h.Bare {
			sum = sum.Plus(h.Amount)
		}
	}

	return sum.Short()
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
