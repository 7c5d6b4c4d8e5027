package events

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/program"
)

// clockFile names the file that says how wrong a program's clock is.
const clockFile = "CAMPAIGN_CLOCK_FILE"

// wrongClocks builds the programs with a clock of the machine that is as wrong as a file says, from one moment to the
// next, as one is that somebody sets. What customers run has no such thing.
func wrongClocks() []program.Edit {
	const file = "internal/clock/clock.go"

	return []program.Edit{
		{File: file, From: "import (\n\t\"sync\"\n\t\"time\"\n)", To: "import (\n\t\"os\"\n\t\"sync\"\n\t\"time\"\n)"},
		{
			File: file, From: "func (System) Now() time.Time { return time.Now() }",
			To: `func (System) Now() time.Time {
	wrong.Lock()
	defer wrong.Unlock()

	if now := time.Now(); now.Sub(wrong.at) > 20*time.Millisecond {
		wrong.at = now

		raw, _ := os.ReadFile(os.Getenv("` + clockFile + `"))
		if by, err := time.ParseDuration(string(raw)); err == nil {
			wrong.by = by
		}
	}

	return time.Now().Round(0).Add(wrong.by)
}

var wrong struct {
	sync.Mutex
	at time.Time
	by time.Duration
}`,
		},
	}
}

// wrongness is by how much clocks are wrong, in seconds: longer than leases, than tries, than events are kept.
func wrongness() []time.Duration {
	const day = 24 * time.Hour

	return []time.Duration{
		4 * time.Minute, -4 * time.Minute, 3 * time.Hour, -3 * time.Hour, 5 * day, -5 * day, 40 * day, -40 * day,
	}
}

func (c *Campaign) clockOf(name string) string { return filepath.Join(c.dir, "clock-"+name) }

// setClock makes a program's clock jump.
func (c *Campaign) setClock(name string, by time.Duration) error {
	path := c.clockOf(name)
	if err := os.WriteFile(path+".new", []byte(by.String()), 0o600); err != nil {
		return fmt.Errorf("set a clock: %w", err)
	}

	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("set a clock: %w", err)
	}

	return nil
}

// jump has the clocks of all programs jump, each elsewhere, and kills those that deliver.
func (c *Campaign) jump(ctx context.Context) error {
	for range 2 {
		for _, name := range []string{instance(0), instance(1), ingestion} {
			by := wrongness()[c.rng.IntN(len(wrongness()))]
			if err := c.setClock(name, by); err != nil {
				return err
			}

			c.report.Jumps++
		}

		c.pass(ctx, 100, 700)
	}

	return c.killBoth(ctx) // they begin anew with clocks that are wrong
}

func instance(i int) string { return fmt.Sprintf("events-%d", i) }

const ingestion = "ingest"

// punctual looks whether leases and pauses are as long as they should be, whatever the machines' clocks show: a lease of a minute
// is no longer, a receiver is tried again when its pause is over, and what is dated is dated by the database's clock. It
// says nothing while the database is away.
func (c *Campaign) punctual(ctx context.Context) {
	for what, query := range map[string]string{
		"leases that last too long": `SELECT (SELECT count(*) FROM subscriptions WHERE lease_until > clock_timestamp() + interval '61 s')
			+ (SELECT count(*) FROM event_sinks WHERE lease_until > clock_timestamp() + interval '61 s')`,
		"pauses that last too long": `SELECT (SELECT count(*) FROM subscriptions WHERE ordered AND next_at > clock_timestamp() + campaign.pause(tries))
			+ (SELECT count(*) FROM subscription_failures WHERE state = 'waiting' AND next_at > clock_timestamp() + campaign.pause(tries))`,
		"times that were not yet, or before the campaign": `SELECT (SELECT count(*) FROM subscriptions WHERE campaign.impossible(failing_since))
			+ (SELECT count(*) FROM subscription_failures WHERE campaign.impossible(first_failed_at))
			+ (SELECT count(*) FROM event_sinks WHERE campaign.impossible(changed_at))
			+ (SELECT count(*) FROM subscription_attempts WHERE campaign.impossible(at))`,
	} {
		if n := c.count(ctx, query); n > 0 && c.late[what] == 0 {
			c.late[what] = n
		}
	}
}

// measures are what punctual measures with. Pauses are those of the documentation, spread by a quarter.
const measures = `
	CREATE TABLE campaign.began AS SELECT clock_timestamp() AS at;
	CREATE FUNCTION campaign.impossible(t timestamptz) RETURNS boolean LANGUAGE sql AS $$
		SELECT t < at - interval '2 s' OR t > clock_timestamp() + interval '2 s' FROM campaign.began $$;
	CREATE FUNCTION campaign.pause(tries integer) RETURNS interval LANGUAGE sql AS $$
		SELECT make_interval(secs => (ARRAY[5, 15, 60, 300, 900, 3600, 10800, 21600, 43200])[least(greatest(tries, 1), 9)] * 1.25 + 2) $$;`
