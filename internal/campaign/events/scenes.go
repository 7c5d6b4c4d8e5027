package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/machine"
)

// scene is one misfortune. At its end all programs are to run.
type scene struct {
	name  string
	cards int
	play  func(*Campaign, context.Context) error
}

func scenes() []scene {
	return []scene{
		{"nothing happens", 2, func(c *Campaign, ctx context.Context) error { c.pass(ctx, 300, 1500); return nil }},
		{"an instance is killed", 5, (*Campaign).killOne},
		{"both instances are killed", 2, (*Campaign).killBoth},
		{"an instance stalls and loses its leases", 2, (*Campaign).stall},
		{"leases end in workers' hands", 2, (*Campaign).loseLeases},
		{"the broker is killed", 2, (*Campaign).killBroker},
		{"the database crashes", 1, (*Campaign).crash},
		{"writers are cut", 2, (*Campaign).cutWriters},
		{"ingestion is killed", 3, (*Campaign).killIngestion},
		{"clocks jump", 4, (*Campaign).jump},
	}
}

// never are what cmd/events says for which no fault of a campaign is the reason.
func never() []string { return []string{"panic", "DATA RACE"} }

func (c *Campaign) pass(ctx context.Context, least, most int) {
	pause(ctx, chance.Millis(c.rng, least, most))
}

func (c *Campaign) openPrograms(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("find a port: %w", err)
	}

	address, _ := listener.Addr().(*net.TCPAddr)
	c.natsPort = address.Port

	if err := listener.Close(); err != nil {
		return fmt.Errorf("find a port: %w", err)
	}

	return c.beginAll(ctx)
}

// beginAll begins the next life of what does not run.
func (c *Campaign) beginAll(ctx context.Context) error {
	var err error

	if c.broker == nil {
		c.broker, err = program.Start(ctx, c.program("nats-server"), nil, nil, "-js", "-sd", c.dir+"/nats", "-a", "127.0.0.1",
			"-p", strconv.Itoa(c.natsPort), "--auth", natsToken)
		if err != nil {
			return err
		}
	}

	for i := range c.fleet {
		if c.fleet[i] != nil {
			continue
		}

		c.fleet[i], err = program.Start(ctx, c.program("events"), []string{
			"CES_DATABASE_URL=" + c.postgres.DSN("postgres"), "CES_ADMIN_ADDR=127.0.0.1:0", "CES_EVENTS_SECRET=" + secretText,
			"CES_EVENTS_PLAIN_HTTP=true", "CES_EVENTS_ALLOW_NETWORKS=127.0.0.0/8", "CES_EVENTS_TIMEOUT=1s",
			"CES_EVENTS_NATS_URL=nats://127.0.0.1:" + strconv.Itoa(c.natsPort), "CES_EVENTS_NATS_TOKEN=" + natsToken,
			"CES_EVENTS_NATS_CREATE=true", "CES_EVENTS_MAX_LAG=24h", "CES_EVENTS_RETENTION=2h", clockFile + "=" + c.clockOf(instance(i)),
		}, never())
		if err != nil {
			return err
		}
	}

	return c.beginIngestion(ctx)
}

// kill ends an instance as kill -9 does.
func (c *Campaign) kill(i int) error {
	if c.fleet[i] == nil {
		return nil
	}

	c.weigh(c.fleet[i])

	killed, err := c.fleet[i].Kill()
	if killed {
		c.report.Kills["events"]++
	}

	c.fleet[i] = nil

	return err
}

// weigh notes how much memory an instance had.
func (c *Campaign) weigh(l *program.Life) {
	if u, err := machine.UsageOf(l.PID()); err == nil {
		c.report.PeakMiB = max(c.report.PeakMiB, u.Peak>>20)
	}
}

// hasten lets leases end, and what is tried later be tried now, as if its time had passed: a campaign has no minutes.
func (c *Campaign) hasten(ctx context.Context) error {
	return errors.Join(
		c.insist(ctx, `UPDATE subscriptions SET lease_until = now() WHERE subscription_id IN
			(SELECT subscription_id FROM subscriptions WHERE lease_until > now() FOR UPDATE SKIP LOCKED)`),
		c.insist(ctx, `UPDATE event_sinks SET lease_until = now() WHERE (sink, treasury_id) IN
			(SELECT sink, treasury_id FROM event_sinks WHERE lease_until > now() FOR UPDATE SKIP LOCKED)`),
		c.soon(ctx))
}

// soon has what waits be tried now.
func (c *Campaign) soon(ctx context.Context) error {
	return errors.Join(
		c.insist(ctx, `UPDATE subscriptions SET next_at = now() WHERE subscription_id IN
			(SELECT subscription_id FROM subscriptions WHERE next_at > now() FOR UPDATE SKIP LOCKED)`),
		c.insist(ctx, `UPDATE subscription_failures SET next_at = now() WHERE (subscription_id, seq) IN
			(SELECT subscription_id, seq FROM subscription_failures WHERE next_at > now() AND state = 'waiting' FOR UPDATE SKIP LOCKED)`))
}

func (c *Campaign) killOne(ctx context.Context) error {
	c.pass(ctx, 50, 900)

	if err := c.kill(c.rng.IntN(2)); err != nil {
		return err
	}

	return c.hasten(ctx)
}

func (c *Campaign) killBoth(ctx context.Context) error {
	c.pass(ctx, 50, 900)

	if err := errors.Join(c.kill(0), c.kill(1)); err != nil {
		return err
	}

	c.pass(ctx, 0, 600)

	return c.hasten(ctx)
}

func (c *Campaign) stall(ctx context.Context) error {
	c.pass(ctx, 50, 500)

	life := c.fleet[c.rng.IntN(2)]
	if err := life.Stall(); err != nil {
		return err
	}

	err := c.hasten(ctx)
	c.pass(ctx, 200, 1500)

	return errors.Join(err, life.Resume())
}

func (c *Campaign) loseLeases(ctx context.Context) error {
	for range 3 {
		c.pass(ctx, 50, 400)

		if err := c.hasten(ctx); err != nil {
			return err
		}
	}

	return nil
}

func (c *Campaign) killBroker(ctx context.Context) error {
	c.pass(ctx, 50, 700)

	killed, err := c.broker.Kill()
	if killed {
		c.report.Kills["broker"]++
	}

	c.broker = nil
	c.pass(ctx, 50, 1500)

	return err
}

func (c *Campaign) crash(ctx context.Context) error {
	c.pass(ctx, 50, 700)

	if err := c.postgres.Crash(ctx); err != nil {
		return err
	}

	c.report.Kills["database"]++
	c.pass(ctx, 0, 800)

	return c.postgres.Resume(ctx)
}

func (c *Campaign) cutWriters(ctx context.Context) error {
	for range 3 {
		c.pass(ctx, 20, 200)

		err := c.insist(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE pid <> pg_backend_pid() AND state = 'idle in transaction' AND query LIKE '%campaign.written%'`)
		if err != nil {
			return err
		}
	}

	return nil
}

// standstill is Config.Standstill where that is not said.
const standstill = 90 * time.Second

// drain heals everything and waits until everybody was told everything.
func (c *Campaign) drain(ctx context.Context) error {
	for _, r := range c.receivers {
		r.healed.Store(true)
	}

	// What was refused for good is wanted now.
	replay := `UPDATE subscription_failures SET state = 'waiting', tries = 0, next_at = now() WHERE state = 'dead'`
	left, since := int64(-1), c.cfg.Clock.Now()

	for {
		if err := errors.Join(ctx.Err(), c.insist(ctx, replay), c.soon(ctx)); err != nil {
			return err
		}

		behind := c.behind(ctx)
		now := behind + c.count(ctx, `SELECT (SELECT count(*) FROM events) - (SELECT coalesce(sum(seq), 0) FROM event_heads)
			+ (SELECT sum(h.seq - s.cursor_seq) FROM subscriptions s JOIN event_heads h USING (treasury_id))
			+ (SELECT coalesce(sum(h.seq - coalesce(k.seq, 0)), 0) FROM event_heads h LEFT JOIN event_sinks k ON k.treasury_id = h.treasury_id)
			+ (SELECT count(*) FROM subscription_failures)`)

		switch {
		case now == 0:
			for _, life := range c.fleet {
				c.weigh(life)
			}

			return nil
		case now != left:
			left, since = now, c.cfg.Clock.Now()
		case c.cfg.Clock.Now().Sub(since) > cmp.Or(c.cfg.Standstill, standstill):
			return fmt.Errorf("%d are left to be told, ingestion is %d behind, and nothing moves:\n%s\n%s\n%s", now, behind,
				c.fleet[0].Log(), c.fleet[1].Log(), c.network.ingest.Log())
		}

		pause(ctx, 200*time.Millisecond)
	}
}
