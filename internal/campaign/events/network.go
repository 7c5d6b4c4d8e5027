package events

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	nodeToken    = "campaign-token"
	customersAct = 40 * time.Millisecond
	headerTime   = 5 * time.Second
)

// network is a ledger whose customers pay a treasury, and the ingestion that follows it: its events are those of real
// deposits, of which the ledger itself is the witness.
type network struct {
	ledger *sandbox.Sandbox
	server *http.Server
	served sync.WaitGroup
	url    string
	party  ident.Party
	ingest *program.Life

	customers sync.WaitGroup
	send      context.CancelFunc
	failure   error // of the customers; read after they have stopped
}

// openNetwork opens it, and makes its treasury the last one of the campaign.
func (c *Campaign) openNetwork(ctx context.Context) error {
	n := &network{send: func() {}}
	c.network = n

	var err error
	if n.ledger, err = sandbox.New(sandbox.Config{Seed: c.cfg.Seed, Token: secret.New(nodeToken)}); err != nil {
		return fmt.Errorf("start the sandbox: %w", err)
	}

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen for the sandbox: %w", err)
	}

	n.url = "http://" + listener.Addr().String()
	n.server = &http.Server{Handler: n.ledger.Handler(), ReadHeaderTimeout: headerTime}
	n.served.Go(func() { _ = n.server.Serve(listener) }) // ends with close

	if n.party, err = n.ledger.AllocateParty("treasury"); err != nil {
		return fmt.Errorf("allocate treasury: %w", err)
	}

	if _, err := n.ledger.Preapprove(n.party); err != nil {
		return fmt.Errorf("preapprove treasury: %w", err)
	}

	if err := os.WriteFile(c.tokenFile(), []byte(nodeToken), 0o600); err != nil {
		return fmt.Errorf("write the token: %w", err)
	}

	memos, err := c.openBooks(ctx)
	if err != nil {
		return err
	}

	paying, send := context.WithCancel(ctx)
	n.send = send
	n.customers.Go(func() {
		_, n.failure = n.ledger.Traffic(paying, sandbox.TrafficConfig{
			Seed: c.cfg.Seed, Treasury: n.party, Memos: memos, Interval: customersAct, TreasuryAccepts: true,
		})
	})

	return nil
}

func (c *Campaign) tokenFile() string { return filepath.Join(c.dir, "token") }

// openBooks makes the treasury in the database: its memos, and the tokens it deals in.
func (c *Campaign) openBooks(ctx context.Context) (memos []string, err error) {
	db, err := store.Open(ctx, secret.New(c.postgres.DSN("postgres")))
	if err != nil {
		return nil, err
	}
	defer db.Close()

	now := c.cfg.Clock.Now()

	id, err := db.EnsureTreasury(ctx, c.network.party, now)
	if err != nil {
		return nil, err
	}

	c.parties, c.ids = append(c.parties, c.network.party), append(c.ids, id)

	for i := range accounts {
		memo := fmt.Sprintf("MEMO-%03d", i)
		if err := db.RegisterMemo(ctx, id, memo, fmt.Sprintf("account-%d", i), now); err != nil {
			return nil, err
		}

		memos = append(memos, memo)
	}

	for _, token := range []ident.Instrument{c.network.ledger.Amulet(), c.network.ledger.AcmeToken()} {
		if err := db.ListInstrument(ctx, token, amount.Zero(), now); err != nil {
			return nil, err
		}
	}

	return memos, nil
}

// beginIngestion begins its next life.
func (c *Campaign) beginIngestion(ctx context.Context) error {
	if c.network.ingest != nil {
		return nil
	}

	var err error

	c.network.ingest, err = program.Start(ctx, c.program(ingestion), []string{
		"CES_DATABASE_URL=" + c.postgres.DSN("postgres"), "CES_LEDGER_URL=" + c.network.url,
		"CES_TREASURY_PARTY=" + string(c.network.party), "CES_LEDGER_TOKEN_FILE=" + c.tokenFile(),
		"CES_ADMIN_ADDR=127.0.0.1:0", clockFile + "=" + c.clockOf(ingestion),
	}, never())

	return err
}

func (c *Campaign) killIngestion(ctx context.Context) error {
	for range 2 {
		c.pass(ctx, 30, 500)

		if c.network.ingest == nil {
			continue
		}

		killed, err := c.network.ingest.Kill()
		if killed {
			c.report.Kills[ingestion]++
		}

		c.network.ingest = nil

		if err := errors.Join(err, c.beginIngestion(ctx)); err != nil {
			return err
		}
	}

	return nil
}

// stopPaying ends the customers' actions.
func (n *network) stopPaying() error {
	n.send()
	n.customers.Wait()

	if n.failure != nil {
		return fmt.Errorf("customers: %w", n.failure)
	}

	return nil
}

// behind is how far ingestion is behind the ledger's end, as its cursor says.
func (c *Campaign) behind(ctx context.Context) int64 {
	c.network.ledger.Tick() // a checkpoint for what the treasury does not see

	at := c.count(ctx, "SELECT coalesce(max(ledger_offset), 0) FROM ingestion_cursors")

	return max(0, int64(c.network.ledger.LedgerEnd())-at)
}

func (n *network) close() error {
	n.send()
	n.customers.Wait()

	if n.ingest != nil {
		_, _ = n.ingest.Kill() // the campaign has its verdict
	}

	if n.ledger != nil {
		n.ledger.Close()
	}

	if n.server == nil {
		return nil
	}

	err := n.server.Close()
	n.served.Wait()

	if err != nil {
		return fmt.Errorf("close the sandbox's server: %w", err)
	}

	return nil
}
