package deposits

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/stage"
)

// post is a place in which one program runs, life after life.
type post struct {
	name string
	life *program.Life
}

// fleet is ingestion, two instances of the acceptance of offers, and one that sends deposits back.
type fleet struct {
	ingest    post
	acceptors [2]post
	returns   post
	started   int
}

const (
	requestTimeout = 2 * time.Second
	recheck        = 700 * time.Millisecond
	// maxLag is how far ingestion may be behind for offers to be accepted.
	maxLag = 4 * time.Second
)

func (f *fleet) posts() []*post {
	return []*post{&f.ingest, &f.acceptors[0], &f.acceptors[1], &f.returns}
}

// killAll ends what still runs, whatever it says: for the end of a campaign.
func (f *fleet) killAll() {
	for _, p := range f.posts() {
		if p.life != nil {
			_, _ = p.life.Kill() // the campaign has its verdict
		}
	}
}

// never are what the programs say of a database, or of a sender, for which no fault of a campaign is the reason.
func never() []string {
	return []string{
		"contradicts the database", "ingested already", "in the database already", "panic", "does not sum",
		"metadata_too_large", "the signer refuses",
	}
}

func (c *Campaign) openPrograms(ctx context.Context) error {
	c.fleet.ingest.name, c.fleet.returns.name = "ingest", "withdraw"
	c.fleet.acceptors[0].name, c.fleet.acceptors[1].name = "deposit", "deposit"

	return c.startAll(ctx)
}

func (c *Campaign) startAll(ctx context.Context) error {
	for _, p := range c.fleet.posts() {
		if err := c.begin(ctx, p); err != nil {
			return err
		}
	}

	return nil
}

// begin begins the next life of a program, unless one is there.
func (c *Campaign) begin(ctx context.Context, p *post) error {
	if p.life != nil {
		return nil
	}

	life, err := program.Start(ctx, c.stage.Program(p.name), append(c.stage.Environment(), c.environment(p.name)...), never())
	if err != nil {
		return err
	}

	c.fleet.started++
	c.report.Starts[p.name]++
	p.life = life

	return nil
}

// environment is what one of the programs needs to know.
func (c *Campaign) environment(name string) []string {
	if name == "ingest" {
		batches := []int{1, 3, 200}

		return []string{"CES_LEDGER_URL=http://" + c.stage.IngestNet.Addr(), "CES_INGEST_BATCH=" + strconv.Itoa(batches[c.fleet.started%len(batches)])}
	}

	prefix := "CES_" + strings.ToUpper(name)
	more := c.stage.Signer()

	if name == "deposit" {
		more = append(more, "CES_SCREENING_URL=http://"+c.service.address, "CES_SCREENING_TIMEOUT="+screeningTimeout.String())
	}

	return append(more, "CES_LEDGER_URL=http://"+c.stage.SignNet.Addr(), "CES_LEDGER_TIMEOUT="+requestTimeout.String(),
		"CES_LEDGER_USER="+stage.User, prefix+"_RECHECK="+recheck.String(), prefix+"_MAX_LAG="+maxLag.String())
}

// kill ends a program as kill -9 does, if it runs.
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

// again kills a program and starts its next life. What it had in its hands is another's when its leases end, which takes
// a minute; the campaign has no minute.
func (c *Campaign) again(ctx context.Context, p *post) error {
	if err := c.kill(p); err != nil {
		return err
	}

	if p.name != "ingest" {
		if err := c.endLeases(ctx); err != nil {
			return err
		}
	}

	return c.begin(ctx, p)
}

// endLeases lets all leases end: as if their minute had passed, also under the hands of workers that are alive. A row that
// a stalled worker holds is left alone.
func (c *Campaign) endLeases(ctx context.Context) error {
	return errors.Join(c.stage.Insist(ctx, `UPDATE screenings SET lease_until = now() WHERE (treasury_id, deposit_id) IN
		(SELECT treasury_id, deposit_id FROM screenings WHERE lease_until > now() FOR UPDATE SKIP LOCKED)`),
		c.stage.Insist(ctx, `UPDATE offer_verdicts SET lease_until = now() WHERE (treasury_id, deposit_id) IN
		(SELECT treasury_id, deposit_id FROM offer_verdicts WHERE lease_until > now() FOR UPDATE SKIP LOCKED)`),
		c.stage.Insist(ctx, `UPDATE withdrawals SET lease_until = now() WHERE (treasury_id, withdrawal_id) IN
		(SELECT treasury_id, withdrawal_id FROM withdrawals WHERE lease_until > now() FOR UPDATE SKIP LOCKED)`))
}
