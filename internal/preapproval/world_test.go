package preapproval_test

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/preapproval"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const (
	// patience is far above what anything takes that is not stuck.
	patience = 40 * time.Second
	day      = 24 * time.Hour
)

// world is a network on a real socket, a database, a treasury, and a party of ours that provides its preapproval.
type world struct {
	*sandbox.Sandbox

	t          *testing.T
	clock      *shifted
	url        string
	user       string
	node       *ledger.Client
	registries *registry.Client
	db         *store.DB
	pool       *pgxpool.Pool
	id         store.TreasuryID
	treasury   ident.Party
	ours       ident.Party
	payer      ident.Party
}

// shifted is the machine's clock, set ahead.
type shifted struct{ ahead atomic.Int64 }

// Now implements clock.Clock.
func (s *shifted) Now() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }

func newWorld(t *testing.T) *world {
	t.Helper()

	return newWorldFor(t, &shifted{}, admin.AuthConfig{}, nil)
}

// newWorldFor makes a world on whose node tokens are asked for.
func newWorldFor(t *testing.T, now *shifted, auth admin.AuthConfig, tokens ledger.TokenSource) *world {
	t.Helper()

	w := &world{t: t, clock: now, user: "ledger-api-user"}

	var err error
	w.Sandbox, err = sandbox.New(sandbox.Config{Clock: w.clock, Auth: auth, TwoValidators: true})
	require.NoError(t, err)

	server := httptest.NewServer(w.Handler())
	t.Cleanup(func() {
		w.Close()
		server.CloseClientConnections()
		server.Close()
	})

	w.url = server.URL
	w.node, err = ledger.New(ledger.Config{URL: server.URL, Tokens: tokens, Clock: clock.System{}})
	require.NoError(t, err)
	t.Cleanup(w.node.CloseIdle)

	w.registries, err = registry.New(registry.Config{
		Registries: []registry.Registry{{Admin: w.DSO(), Endpoints: []registry.Endpoint{
			{URL: server.URL + scanProxy, Tokens: tokens},
		}}},
		Retry: registry.Retry{Rounds: 1, Initial: time.Millisecond, Max: time.Millisecond}, Clock: w.clock,
	})
	require.NoError(t, err)
	t.Cleanup(w.registries.CloseIdle)

	w.pool = pgtest.New(t, func(ctx context.Context, dsn string) error { return store.Migrate(ctx, secret.New(dsn)) })
	w.db, err = store.Open(t.Context(), secret.New(w.pool.Config().ConnString()))
	require.NoError(t, err)
	t.Cleanup(w.db.Close)

	w.treasury, w.ours, w.payer = w.party("treasury"), w.party("ours"), w.party("payer")
	w.id, err = w.db.EnsureTreasury(t.Context(), w.treasury, time.Now())
	require.NoError(t, err)

	_, err = w.Tap(w.payer, amounttest.Of("1000"))
	require.NoError(t, err)

	return w
}

func (w *world) party(hint string) ident.Party {
	w.t.Helper()

	p, err := w.AllocateParty(hint)
	require.NoError(w.t, err)

	return p
}

// pass lets time pass, on the ledger too.
func (w *world) pass(d time.Duration) { w.clock.ahead.Add(int64(d)) }

// preapprove gives the treasury a preapproval, and tells when it ends.
func (w *world) preapprove(provider ident.Party, life time.Duration) deposit.Preapproval {
	w.t.Helper()

	before := map[ident.ContractID]bool{}
	for _, p := range w.standing() {
		before[p.Contract] = true
	}

	_, err := w.PreapproveWith(sandbox.PreapprovalRequest{Receiver: w.treasury, Provider: provider, Life: life})
	require.NoError(w.t, err)

	for _, p := range w.standing() {
		if !before[p.Contract] {
			return p
		}
	}

	require.Fail(w.t, "there is no preapproval")

	return deposit.Preapproval{}
}

// standing are the preapprovals on the ledger, by the network's own word.
func (w *world) standing() []deposit.Preapproval {
	w.t.Helper()

	var list []deposit.Preapproval

	for _, c := range w.ActiveContracts(w.treasury) {
		if c.Template.Entity == "TransferPreapproval" {
			list = append(list, w.read(c.ContractID))
		}
	}

	return list
}

// read is a preapproval as the node shows it.
func (w *world) read(id ident.ContractID) deposit.Preapproval {
	w.t.Helper()

	var out deposit.Preapproval

	name := ident.Name{Package: "#splice-amulet", Module: "Splice.AmuletRules", Entity: "TransferPreapproval"}
	require.NoError(w.t, w.node.ActiveContractsOf(w.t.Context(), w.treasury, name, w.LedgerEnd(),
		func(c ledger.ActiveContract) error {
			if c.Created.Contract != id {
				return nil
			}

			var says struct {
				Provider ident.Party `json:"provider"`
				Ends     time.Time   `json:"expiresAt"`
			}

			argument, err := c.Argument()
			require.NoError(w.t, err)
			decode(w.t, argument, &says)

			out = deposit.Preapproval{Contract: id, Provider: says.Provider, DSO: w.DSO(), ExpiresAt: says.Ends}

			return nil
		}))

	return out
}

// direct reports whether a deposit of Canton Coin arrives in one step now. It may be an offer instead.
func (w *world) direct() bool {
	w.t.Helper()

	receipt, err := w.Transfer(sandbox.TransferRequest{
		Sender: w.payer, Receiver: w.treasury, Instrument: w.Amulet(), Amount: amounttest.Of("1"), Memo: new("ACC-1"),
	})
	require.NoError(w.t, err)

	return len(receipt.Instructions) == 0
}

// observed is a node that counts how often it is looked at, and what is submitted.
type observed struct {
	preapproval.Node

	looks, submitted atomic.Int64
	mu               sync.Mutex
	commands         []ledger.SubmitRequest
}

func (o *observed) LedgerEnd(ctx context.Context) (ident.Offset, error) {
	o.looks.Add(1)

	return o.Node.LedgerEnd(ctx)
}

func (o *observed) SubmitAndWait(ctx context.Context, r ledger.SubmitRequest) (ledger.Committed, error) {
	o.submitted.Add(1)

	o.mu.Lock()
	o.commands = append(o.commands, r)
	o.mu.Unlock()

	return o.Node.SubmitAndWait(ctx, r)
}

func (w *world) policy(change ...func(*deposit.RenewalPolicy)) deposit.RenewalPolicy {
	p := deposit.RenewalPolicy{
		Treasury: w.treasury, Provider: w.ours, Warn: 14 * day, Renew: 30 * day, Extend: 90 * day,
		MaxCost: amounttest.Of("10"),
	}
	for _, c := range change {
		c(&p)
	}

	return p
}

// keeper is an instance that looks all the time.
type keeper struct {
	*observed

	w        *world
	registry *prometheus.Registry
	stop     func()
}

func (w *world) keep(change ...func(*deposit.RenewalPolicy)) *keeper {
	w.t.Helper()

	return w.keepAt(w.node, change...)
}

func (w *world) keepAt(node preapproval.Node, change ...func(*deposit.RenewalPolicy)) *keeper {
	w.t.Helper()

	k := &keeper{observed: &observed{Node: node}, w: w, registry: prometheus.NewRegistry()}

	one, err := preapproval.New(preapproval.Config{
		Policy: w.policy(change...), UserID: w.user, Every: time.Millisecond,
	}, preapproval.Parts{
		Node: k.observed, Registries: w.registries, DB: w.db, Clock: w.clock,
		Logger:  slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo})),
		Metrics: preapproval.NewMetrics(k.registry),
	})
	require.NoError(w.t, err)

	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	ended := make(chan error, 1)

	go func() { ended <- one.Run(ctx) }()

	k.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(w.t, <-ended)
	})
	w.t.Cleanup(k.stop)

	return k
}

// looksOn waits until the keeper has looked some more times, each from beginning to end.
func (k *keeper) looksOn() {
	k.w.t.Helper()

	const more = 5

	until := k.looks.Load() + more
	k.w.until("the keeper looks on", func() bool { return k.looks.Load() > until })
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
		}
	}
}

func (w *world) outlook() store.PreapprovalOutlook {
	w.t.Helper()

	o, err := w.db.PreapprovalOutlookOf(w.t.Context(), w.id)
	if err != nil {
		require.ErrorIs(w.t, err, store.ErrNotFound)
	}

	return o
}

func (w *world) untilState(state deposit.PreapprovalState, why deposit.WhyNot) {
	w.t.Helper()

	w.until(string(state)+" "+string(why), func() bool {
		o := w.outlook()

		return o.State == state && o.WhyNot == why
	})
}

// events are what the outbox tells of preapprovals, in its order.
func (w *world) events() []string {
	w.t.Helper()

	rows, err := w.pool.Query(w.t.Context(), "SELECT type || ' ' || subject FROM events ORDER BY event_no")
	require.NoError(w.t, err)

	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(w.t, err)

	return list
}

func (w *world) fault(rule fault.Rule) {
	w.t.Helper()

	_, err := w.Faults().Add(rule)
	require.NoError(w.t, err)
}
