package campaign

import (
	"context"
	"strconv"

	"github.com/canton-exchange/suite/internal/campaign/program"
)

// batches are the settings of CES_INGEST_BATCH that lives take turns with: one by one, and as much as there is.
func batches() []int { return []int{1, 3, 200} }

// never are what ingestion says of a database that it should never have left behind: no fault of a campaign excuses it.
func never() []string {
	return []string{"contradicts the database", "ingested already", "in the database already", "panic", "does not sum"}
}

// start runs ingestion against the node at url.
func (c *Campaign) start(ctx context.Context, url string) (*program.Life, error) {
	l, err := program.Start(ctx, c.cfg.Program, []string{
		"CES_DATABASE_URL=" + c.url.Reveal(), "CES_LEDGER_URL=" + url, "CES_TREASURY_PARTY=" + string(c.party),
		"CES_LEDGER_TOKEN_FILE=" + c.tokens, "CES_ADMIN_ADDR=127.0.0.1:0",
		"CES_INGEST_BATCH=" + strconv.Itoa(batches()[c.rng.IntN(len(batches()))]),
	}, never())
	if err == nil {
		c.report.Starts++
	}

	return l, err
}

// kill ends a life as kill -9 does, and checks that it had not ended before. A second kill does nothing.
func (c *Campaign) kill(l *program.Life) error {
	killed, err := l.Kill()
	if killed {
		c.report.Kills++
	}

	return err
}
