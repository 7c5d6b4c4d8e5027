package payments

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/program"
)

// post is a place in which one program runs, life after life.
type post struct {
	name string
	life *program.Life
}

// fleet is ingestion and two instances of payments.
type fleet struct {
	ingest  post
	payers  [2]post
	started int
}

const (
	requestTimeout = 2 * time.Second
	recheck        = 700 * time.Millisecond
	// maxLag is how far ingestion may be behind for payments to begin. Attempts live about as long.
	maxLag = 4 * time.Second
)

func (f *fleet) posts() []*post { return []*post{&f.ingest, &f.payers[0], &f.payers[1]} }

// killAll ends what still runs, whatever it says: for the end of a campaign.
func (f *fleet) killAll() {
	for _, p := range f.posts() {
		if p.life != nil {
			_, _ = p.life.Kill() // the campaign has its verdict
		}
	}
}

// never are what the programs say of a database that they should never have left behind.
func never() []string {
	return []string{
		"contradicts the database", "ingested already", "in the database already", "panic", "does not sum", "has no attempt",
		"ALARM: the node prepared something else", "a holding is reserved already",
	}
}

func (c *Campaign) openPrograms(ctx context.Context) error {
	c.fleet.ingest.name, c.fleet.payers[0].name, c.fleet.payers[1].name = "ingest", "withdraw", "withdraw"

	for _, p := range c.fleet.posts() {
		if err := c.start(ctx, p); err != nil {
			return err
		}
	}

	return nil
}

// start begins the next life of a program, unless one is there.
func (c *Campaign) start(ctx context.Context, p *post) error {
	if p.life != nil {
		return nil
	}

	environment := []string{
		"CES_DATABASE_URL=" + c.url.Reveal(), "CES_TREASURY_PARTY=" + string(c.party), "CES_LEDGER_TOKEN_FILE=" + c.tokenFile(),
		"CES_ADMIN_ADDR=127.0.0.1:0",
	}

	if p.name == "ingest" {
		batches := []int{1, 3, 200}
		environment = append(environment, "CES_LEDGER_URL=http://"+c.ingestNet.Addr(),
			"CES_INGEST_BATCH="+strconv.Itoa(batches[c.fleet.started%len(batches)]))
	} else {
		environment = append(environment, c.signer()...)
		environment = append(environment, "CES_LEDGER_URL=http://"+c.payNet.Addr(), "CES_LEDGER_TIMEOUT="+requestTimeout.String(),
			"CES_LEDGER_USER="+user, "CES_WITHDRAW_RECHECK="+recheck.String(), "CES_WITHDRAW_MAX_LAG="+maxLag.String())
	}

	life, err := program.Start(ctx, c.program(p.name), environment, never())
	if err != nil {
		return err
	}

	c.fleet.started++
	c.report.Starts[p.name]++
	p.life = life

	return nil
}

// kill ends a program as kill -9 does, if it runs. The jobs that it had in its hands are another's when their leases end,
// which takes a minute; the campaign has no minute.
func (c *Campaign) kill(p *post) error {
	if p.life == nil {
		return nil
	}

	killed, err := p.life.Kill()
	if killed {
		c.report.Kills[p.name]++
	}

	p.life = nil

	return err
}

// endLeases lets all leases end: as if their minute had passed, also under the hands of workers that are alive. A row that
// a stalled worker holds is left alone.
func (c *Campaign) endLeases(ctx context.Context) error {
	return c.insist(ctx, `UPDATE withdrawals SET lease_until = now() WHERE (treasury_id, withdrawal_id) IN
		(SELECT treasury_id, withdrawal_id FROM withdrawals WHERE lease_until > now() FOR UPDATE SKIP LOCKED)`)
}

// insist runs a statement of the campaign's own until the database takes it.
func (c *Campaign) insist(ctx context.Context, statement string) error {
	for {
		_, err := c.db.Pool().Exec(ctx, statement)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err())
		}

		wait(ctx, pollInterval)
	}
}
