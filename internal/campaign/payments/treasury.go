package payments

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

const (
	database = "exchange"
	backup   = "backup"
	accounts = 12
	// house is an account of the exchange's own, from which nothing is paid: what it holds covers the ledger's fees.
	house = "house"
)

// openDatabase starts a server that keeps its promises to disk, and has the built program make the schema.
func (c *Campaign) openDatabase(ctx context.Context) error {
	var err error
	if c.postgres, err = pgtest.Start(ctx, pgtest.Options{Durable: true}); err != nil {
		return err
	}

	if c.admin, err = pgxpool.New(ctx, c.postgres.DSN("postgres")); err != nil {
		return fmt.Errorf("connect to the server: %w", err)
	}

	if _, err := c.admin.Exec(ctx, "CREATE DATABASE "+database); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}

	c.url = secret.New(c.postgres.DSN(database))

	if c.directory, err = os.MkdirTemp("", "ces-payments-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}

	if err := os.WriteFile(c.tokenFile(), []byte(nodeToken), 0o600); err != nil {
		return fmt.Errorf("write the token: %w", err)
	}

	if _, err := c.operate(ctx, "migrate"); err != nil {
		return err
	}

	if c.db, err = store.Open(ctx, c.url); err != nil {
		return err
	}

	c.exchange.requests, c.exchange.asked = map[string]*request{}, map[string]int{}

	if c.exchange.pool, err = pgxpool.New(ctx, c.url.Reveal()); err != nil {
		return fmt.Errorf("connect the exchange: %w", err)
	}

	return c.watch(ctx)
}

// watch has the database itself note what no end state shows any more. It changes nothing that the programs do.
func (c *Campaign) watch(ctx context.Context) error {
	_, err := c.db.Pool().Exec(ctx, `
		CREATE SCHEMA campaign;
		CREATE TABLE campaign.seen (no bigint GENERATED ALWAYS AS IDENTITY, promise text NOT NULL, detail text NOT NULL);

		CREATE FUNCTION campaign.on_death() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO campaign.seen (promise, detail)
			SELECT '`+buriedAlive+`', 'attempt ' || NEW.attempt || ' of ' || NEW.withdrawal_id || ' at ' || coalesce(max(c.record_time)::text, 'no time')
				|| ', before ' || NEW.target_record_time
			FROM synchronizer_clocks c WHERE c.treasury_id = NEW.treasury_id AND c.synchronizer_id = NEW.synchronizer_id
			HAVING coalesce(max(c.record_time) <= NEW.target_record_time, true);
			RETURN NULL;
		END $$;
		CREATE TRIGGER campaign_death AFTER UPDATE OF result ON withdrawal_attempts
			FOR EACH ROW WHEN (NEW.kind = 'pay' AND NEW.result = 'dead') EXECUTE FUNCTION campaign.on_death();

		CREATE FUNCTION campaign.on_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			INSERT INTO campaign.seen (promise, detail)
			SELECT '`+reservedOnce+`', r.contract_id || ' for ' || string_agg(r.withdrawal_id, ', ' ORDER BY r.withdrawal_id)
			FROM reservations r WHERE r.treasury_id = NEW.treasury_id AND r.contract_id = NEW.contract_id
			GROUP BY r.contract_id HAVING count(*) > 1;
			RETURN NULL;
		END $$;
		CREATE TRIGGER campaign_reservation AFTER INSERT ON reservations FOR EACH ROW EXECUTE FUNCTION campaign.on_reservation();`)
	if err != nil {
		return fmt.Errorf("watch the database: %w", err)
	}

	return nil
}

func (c *Campaign) tokenFile() string { return filepath.Join(c.directory, "token") }
func (c *Campaign) keyFile() string   { return filepath.Join(c.directory, "key") }

// signer is how programs come by the treasury's key.
func (c *Campaign) signer() []string {
	return []string{
		"CES_SIGNER=file", "CES_SIGNER_FILE_PATH=" + c.keyFile(), "CES_SIGNER_FILE_PASSPHRASE=" + passphrase,
	}
}

// operate runs the operator's tool and returns what it printed.
func (c *Campaign) operate(ctx context.Context, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, c.program("treasury"), arguments...) //nolint:gosec // a program that the test has built
	command.Env = append(c.signer(), "CES_LEDGER_URL="+c.direct, "CES_LEDGER_TOKEN_FILE="+c.tokenFile(), "CES_DATABASE_URL="+c.url.Reveal())

	if c.party != "" {
		command.Env = append(command.Env, "CES_TREASURY_PARTY="+string(c.party))
	}

	out, err := command.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("treasury %v: %w\n%s", arguments, err, out)
	}

	return string(out), nil
}

// openTreasury makes the treasury an external party, as an operator does.
func (c *Campaign) openTreasury(ctx context.Context) error {
	if _, err := c.operate(ctx, "new-key", c.keyFile()); err != nil {
		return err
	}

	home, err := c.home(ctx)
	if err != nil {
		return err
	}

	out, err := c.operate(ctx, "onboard", "treasury", home)
	if err != nil {
		return err
	}

	found := regexp.MustCompile(`treasury::[0-9a-f]{68}`).FindString(out)
	if found == "" {
		return fmt.Errorf("treasury onboard names no party:\n%s", out)
	}

	c.party = ident.Party(found)

	return nil
}

// openBooks says what the exchange deals in and how it pays.
func (c *Campaign) openBooks(ctx context.Context) error {
	now := c.cfg.Clock.Now()

	var err error
	if c.treasury, err = c.db.EnsureTreasury(ctx, c.party, now); err != nil {
		return err
	}

	for _, account := range accountNames() {
		if err := c.db.RegisterMemo(ctx, c.treasury, memoOf(account), account, now); err != nil {
			return err
		}
	}

	// Offers end while the campaign looks on: no operator may have them end as soon.
	if _, err := c.db.Pool().Exec(ctx, "ALTER TABLE withdrawal_policies DROP CONSTRAINT withdrawal_policies_offer_seconds_check"); err != nil {
		return fmt.Errorf("let offers be short: %w", err)
	}

	for _, token := range c.tokens() {
		if err := c.db.ListInstrument(ctx, token, amount.Zero(), now); err != nil {
			return err
		}

		if err := c.db.SetPolicy(ctx, token, c.policy(token)); err != nil {
			return err
		}

		place := store.RegistryPlace{Admin: token.Admin, URL: "http://" + c.payNet.Addr() + "/api/token-standard/v0/registrars/{admin}"}
		places := []store.RegistryPlace{place}

		if token == c.ledger.Amulet() && chance.Source(c.cfg.Seed, "registry").IntN(2) == 0 {
			scan := store.RegistryPlace{Admin: token.Admin, URL: "http://" + c.payNet.Addr() + "/api/validator/v0/scan-proxy", NodeCredentials: true}
			places = []store.RegistryPlace{scan, place}
		}

		if err := c.db.SetRegistry(ctx, token.Admin, places); err != nil {
			return err
		}
	}

	return c.insist(ctx, fmt.Sprintf("UPDATE withdrawal_policies SET offer_seconds = %d", 4+chance.Source(c.cfg.Seed, "offers").IntN(8)))
}

func (c *Campaign) tokens() []ident.Instrument {
	return []ident.Instrument{c.ledger.Amulet(), c.ledger.AcmeToken()}
}

// policy has short times, so that attempts die and offers end while the campaign looks on.
func (c *Campaign) policy(token ident.Instrument) withdrawal.Policy {
	pick := chance.Source(c.cfg.Seed, "policy "+token.ID)
	p := withdrawal.DefaultPolicy()
	p.Window = time.Duration(2+pick.IntN(4)) * time.Second
	p.MaxAttempts = 3 + pick.IntN(8)
	p.MaxInputs = 5 + pick.IntN(20)
	p.Sweep, p.Dust = pick.IntN(5), amount.FromInt(4)
	p.MergeFrom = 10 + pick.IntN(20)
	p.PoolTarget, p.PoolLarge = 20+pick.IntN(40), amount.FromInt(40)
	p.SpendExpiredLocks = token == c.ledger.Amulet()
	p.Reclaim = pick.IntN(4) > 0
	p.MaxWait = 20 * time.Second

	if p.SpendExpiredLocks {
		p.Tiny = amount.FromInt(1)
	}

	return p
}

func accountNames() []string {
	names := make([]string, accounts, accounts+1)
	for i := range names {
		names[i] = fmt.Sprintf("account-%d", i)
	}

	return append(names, house)
}

func memoOf(account string) string { return "MEMO-" + account }
