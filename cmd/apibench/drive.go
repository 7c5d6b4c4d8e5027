package main

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // ids of rows are made of it
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/secret"
)

const (
	mostUnderWay = 2_000 // requests; later ones wait, and their time runs
	accounts     = 50_000
	warmUp       = 200
	fine         = 100 * time.Microsecond
	treasury     = "/v1/treasuries/treasury::1220aa"
	rows         = 100
)

// client asks the API.
type client struct {
	door                  string
	key                   secret.String
	deposits, withdrawals int
	transport             *http.Transport

	once sync.Once
}

// one is a run: requests of a kind at a rate.
type oneRun struct {
	title string
	rate  int
	ask   func(*rand.Rand) request
}

type request struct{ method, path, body string }

func get(format string, arguments ...any) request {
	return request{method: http.MethodGet, path: fmt.Sprintf(format, arguments...)}
}

func (c *client) runs(o options) []oneRun {
	mixed := func(r *rand.Rand) request {
		if r.IntN(10) == 0 {
			return c.page(r)
		}

		return c.single(r)
	}

	return []oneRun{
		{fmt.Sprintf("%d single reads/s", o.rate), o.rate, c.single},
		{fmt.Sprintf("%d reads/s, each tenth a page of %d rows", o.rate, rows), o.rate, mixed},
		{fmt.Sprintf("%d pages of %d rows/s", o.rate/4, rows), o.rate / 4, c.page}, //nolint:mnd // a quarter
		{fmt.Sprintf("%d pages of %d rows/s", o.rate, rows), o.rate, c.page},
		{fmt.Sprintf("%d withdrawal requests/s", o.requests), o.requests, c.withdraw},
	}
}

//nolint:mnd // the kinds there are
func (c *client) single(r *rand.Rand) request {
	switch r.IntN(3) {
	case 0:
		id := uuid.UUID(md5.Sum(fmt.Appendf(nil, "d%d", 1+r.IntN(c.deposits)))) //nolint:gosec // as fill.sql makes them

		return get(treasury+"/deposits/%s", id)
	case 1:
		return get(treasury+"/withdrawals/w-%d", 1+r.IntN(c.withdrawals))
	default:
		return get(treasury+"/accounts/c%d/balances", r.IntN(accounts))
	}
}

// page is a page somewhere in a list: of all deposits or withdrawals, of a state, of a token, of an account.
//
//nolint:mnd // the kinds there are
func (c *client) page(r *rand.Rand) request {
	until := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(1+r.IntN(c.deposits)) * 4 * time.Second)
	at := "&until=" + until.Format(time.RFC3339)

	switch r.IntN(6) {
	case 0:
		return get(treasury+"/deposits?limit=%d"+at, rows)
	case 1:
		return get(treasury+"/deposits?limit=%d&state=credited"+at, rows)
	case 2:
		return get(treasury+"/deposits?limit=%d&account=whale"+at, rows)
	case 3:
		return get(treasury+"/withdrawals?limit=%d&instrumentAdmin=dso1::1220dd&instrumentId=Token1"+at, rows)
	case 4:
		return get(treasury+"/accounts/whale/statement?limit=%d"+strings.Replace(at, "until", "since", 1), rows)
	default:
		return get(treasury+"/withdrawals?limit=%d"+at, rows)
	}
}

func (c *client) withdraw(r *rand.Rand) request {
	return request{http.MethodPost, treasury + "/withdrawals", fmt.Sprintf(
		`{"withdrawalId":"bench-%x-%x","account":"c%d","instrumentAdmin":"dso1::1220dd","instrumentId":"Token1",`+
			`"amount":"1","receiver":"bob::1220cc"}`, r.Uint64(), r.Uint64(), r.IntN(accounts))}
}

// send sends a request and reads its answer whole.
func (c *client) send(ctx context.Context, r request) (status int, err error) {
	c.once.Do(func() {
		c.transport = &http.Transport{MaxIdleConns: mostUnderWay, MaxIdleConnsPerHost: mostUnderWay}
	})

	asked, err := http.NewRequestWithContext(ctx, r.method, c.door+r.path, bytes.NewReader([]byte(r.body)))
	if err != nil {
		return 0, fmt.Errorf("make a request: %w", err)
	}

	asked.Header.Set("Authorization", "Bearer "+c.key.Reveal())

	if r.body != "" {
		asked.Header.Set("Content-Type", "application/json")
		asked.Header.Set("Idempotency-Key", uuid.NewSHA1(uuid.Nil, []byte(r.body)).String())
	}

	response, err := c.transport.RoundTrip(asked)
	if err != nil {
		return 0, fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = response.Body.Close() }()

	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, fmt.Errorf("read an answer: %w", err)
	}

	return response.StatusCode, nil
}

func (c *client) close() {
	if c.transport != nil {
		c.transport.CloseIdleConnections()
	}
}

// warm asks a few times one after the other, so that connections and plans are there.
func (c *client) warm(ctx context.Context, one oneRun) error {
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano()))) //nolint:gosec // which rows are read

	for range warmUp {
		r := one.ask(random)

		status, err := c.send(ctx, r)
		if err != nil {
			return err
		}

		if status != http.StatusOK && status != http.StatusCreated && status != http.StatusNotFound {
			return fmt.Errorf("%s %s: status %d", r.method, r.path, status)
		}
	}

	return nil
}

// figures are how long requests took, from when they were to be sent, and how they ended.
type figures struct {
	took   []time.Duration
	failed int
	// why is what became of the first that failed.
	why string
}

// String has the figures that count.
func (f figures) String() string {
	slices.Sort(f.took)

	at := func(share int) time.Duration { return f.took[min(len(f.took)-1, len(f.took)*share/1000)] }
	short := func(d time.Duration) string { return d.Round(fine).String() }

	if len(f.took) == 0 {
		return fmt.Sprintf("all %d failed", f.failed)
	}

	const half, most = 500, 990

	return fmt.Sprintf("p50 %s, p99 %s, max %s; %d answered, %d failed%s", short(at(half)), short(at(most)),
		short(f.took[len(f.took)-1]), len(f.took), f.failed, f.why)
}

// drive sends requests at the run's rate, each when its time has come.
func (c *client) drive(ctx context.Context, one oneRun, length time.Duration) figures {
	var (
		mu      sync.Mutex
		all     figures
		senders sync.WaitGroup
		room    = make(chan struct{}, mostUnderWay)
		random  = rand.New(rand.NewPCG(2, uint64(time.Now().UnixNano()))) //nolint:gosec // which rows are read
		began   = time.Now()
		step    = time.Second / time.Duration(one.rate)
	)

	for i := range int(length / step) {
		due, r := began.Add(time.Duration(i)*step), one.ask(random)
		if !sleep(ctx, time.Until(due)) {
			break
		}

		room <- struct{}{}

		senders.Go(func() {
			status, err := c.send(ctx, r)
			took := time.Since(due)

			<-room
			mu.Lock()
			defer mu.Unlock()

			if err != nil || status >= http.StatusBadRequest {
				all.failed++
				if all.why == "" {
					all.why = fmt.Sprintf(" (the first with status %d, %v)", status, err)
				}

				return
			}

			all.took = append(all.took, took)
		})
	}

	senders.Wait()

	return all
}

// sleep waits for a time, and reports false where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}

	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
