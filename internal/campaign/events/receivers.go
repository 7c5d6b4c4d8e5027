package events

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/event"
)

// manner is how a receiver behaves as long as it is not healed.
type manner struct {
	name    string
	ordered bool
	batch   int
	// types and accounts are what it wants to be told, withheld what it is not.
	types, accounts, withheld []string
	// answer may answer by itself, instead of taking what it is sent.
	answer func(rng *rand.Rand, w http.ResponseWriter, r *http.Request) bool
}

func status(code int, header ...string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}

		w.WriteHeader(code)
	}
}

// cut ends a connection in the middle of an answer.
func cut(w http.ResponseWriter) {
	if h, ok := w.(http.Hijacker); ok {
		if connection, _, err := h.Hijack(); err == nil {
			_ = connection.Close()
		}
	}
}

func oneOf(rng *rand.Rand, n int, w http.ResponseWriter, answers ...func(http.ResponseWriter)) bool {
	if rng.IntN(n) != 0 {
		return false
	}

	answers[rng.IntN(len(answers))](w)

	return true
}

// some are four accounts of all.
func some(from int) []string {
	names := make([]string, 0, 4)
	for i := range 4 {
		names = append(names, fmt.Sprintf("account-%d", (from+i)%accounts))
	}

	return names
}

func manners() []manner {
	return []manner{
		{name: "good, in order", ordered: true, batch: 500},
		{name: "good", batch: 500},
		{name: "one at a time", batch: 1, accounts: []string{"account-3"}, types: []string{"withdrawal.*"}},
		{name: "in order, and often not there", ordered: true, batch: 200, accounts: some(0), answer: func(rng *rand.Rand, w http.ResponseWriter, _ *http.Request) bool {
			return oneOf(rng, 3, w, status(http.StatusServiceUnavailable), status(http.StatusInternalServerError), cut)
		}},
		{name: "often not there", batch: 100, accounts: some(4), answer: func(rng *rand.Rand, w http.ResponseWriter, _ *http.Request) bool {
			return oneOf(rng, 3, w, status(http.StatusTooManyRequests, "Retry-After", "1"), status(http.StatusBadGateway), cut)
		}},
		{name: "dead", ordered: true, batch: 500, accounts: some(8), answer: func(_ *rand.Rand, w http.ResponseWriter, _ *http.Request) bool {
			cut(w)

			return true
		}},
		{name: "lies", batch: 300, accounts: some(12), answer: func(rng *rand.Rand, w http.ResponseWriter, r *http.Request) bool {
			return oneOf(rng, 2, w, status(http.StatusFound, "Location", r.URL.Path), status(http.StatusTeapot), status(http.StatusNotModified),
				status(http.StatusTemporaryRedirect, "Location", "http://169.254.169.254/"))
		}},
		{name: "talks too much", batch: 300, ordered: true, accounts: some(16), answer: func(rng *rand.Rand, w http.ResponseWriter, _ *http.Request) bool {
			return oneOf(rng, 3, w, func(w http.ResponseWriter) {
				w.WriteHeader(http.StatusInternalServerError)

				for range 64 {
					if _, err := w.Write(bytes.Repeat([]byte("x"), 1<<20)); err != nil {
						return
					}
				}
			})
		}},
		{name: "slow", batch: 500, ordered: true, accounts: some(2), answer: func(rng *rand.Rand, _ http.ResponseWriter, r *http.Request) bool {
			pause(r.Context(), chance.Millis(rng, 0, 1500))

			return false
		}},
		{name: "refuses some for good", batch: 50, accounts: []string{"account-1", "account-2"}, withheld: []string{event.WithheldMemo},
			answer: func(rng *rand.Rand, w http.ResponseWriter, _ *http.Request) bool {
				return oneOf(rng, 5, w, status(http.StatusUnprocessableEntity))
			}},
	}
}

// receiver is somebody who is told, and what they have.
type receiver struct {
	manner

	id       string
	treasury int // of the campaign's
	webhook  *standardwebhooks.Webhook
	healed   atomic.Bool
	accepted atomic.Int64
	again    atomic.Int64

	mu     sync.Mutex
	rng    *rand.Rand
	seen   map[int64]uint64 // by place: what was said
	latest int64
	broken []string
}

const (
	verifyEach = 8
	// owner is the key by which all subscriptions were made.
	owner = "k_campaignaaaa"
)

// hall is where receivers are.
type hall struct {
	server *http.Server
	url    string
	served sync.WaitGroup
	seed   maphash.Seed
	keys   event.Keys
}

func (c *Campaign) openReceivers(ctx context.Context) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}

	c.hall = &hall{url: "http://" + listener.Addr().String(), seed: maphash.MakeSeed(), keys: c.keys.Signer().Keys()}
	mux := http.NewServeMux()

	// Who has its rights for longer than a campaign lasts loses them to a clock that is ahead.
	_, err = c.pool.Exec(ctx, `INSERT INTO api_keys (key_id, name, prefix, secret_hash, scopes, per_second, created_by, created_at, expires_at)
		VALUES ('`+owner+`', 'campaign', 'ces', sha256('campaign'), '{read,webhooks}', 1, 'campaign', now(), now() + interval '2 h')`)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}

	for i, m := range manners() {
		for treasury := range c.ids {
			r := &receiver{
				manner: m, id: fmt.Sprintf("sub_%012d", i*len(c.ids)+treasury), treasury: treasury, seen: map[int64]uint64{},
				rng: chance.Source(c.cfg.Seed, fmt.Sprintf("receiver %d %d", i, treasury)),
			}

			if r.webhook, err = standardwebhooks.NewWebhook(c.keys.WebhookSecret(r.id, uuid.UUID{1}).Reveal()); err != nil {
				return fmt.Errorf("make a receiver: %w", err)
			}

			c.receivers = append(c.receivers, r)
			mux.HandleFunc("POST /"+r.id, func(w http.ResponseWriter, q *http.Request) { c.hall.receive(r, w, q) })

			_, err := c.pool.Exec(ctx, `INSERT INTO subscriptions (subscription_id, treasury_id, owner, name, url, types, accounts, withheld, ordered, batch,
					per_second, max_backlog, state, cursor_seq, next_at, created_at, changed_at, salt)
				VALUES ($1, $2, '`+owner+`', $3, $4, $5, $6, $7, $8, $9, 1000, 1000000000, 'active', 0, $10, $10, $10, $11)`,
				r.id, int32(c.ids[treasury]), m.name, c.hall.url+"/"+r.id, append([]string{}, m.types...), append([]string{}, m.accounts...),
				append([]string{}, m.withheld...), m.ordered, m.batch, c.cfg.Clock.Now(), uuid.UUID{1})
			if err != nil {
				return fmt.Errorf("subscribe: %w", err)
			}
		}
	}

	c.hall.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	c.hall.served.Go(func() { _ = c.hall.server.Serve(listener) }) // ends with close

	return nil
}

func (h *hall) close(ctx context.Context) error {
	if h.server == nil {
		return nil
	}

	err := h.server.Close()
	h.served.Wait()

	return errors.Join(err, ctx.Err())
}

// receive takes what is sent, or behaves as the receiver does.
func (h *hall) receive(r *receiver, w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 16<<20))
	if err != nil {
		return
	}

	if !r.healed.Load() && r.answer != nil {
		r.mu.Lock()
		rng := rand.New(rand.NewPCG(r.rng.Uint64(), 1)) //nolint:gosec // a campaign's chance
		r.mu.Unlock()

		if r.answer(rng, w, q) {
			return
		}
	}

	if err := r.webhook.Verify(body, q.Header); err != nil {
		r.complainf("a webhook is not signed: %v", err)
	}

	list := []json.RawMessage{body}

	switch kind := q.Header.Get("Content-Type"); {
	case strings.HasPrefix(kind, event.BatchMediaType):
		if err := json.Unmarshal(body, &list); err != nil {
			r.complainf("a list is none: %v", err)
		}
	case !strings.HasPrefix(kind, event.MediaType):
		r.complainf("the content is %s", kind)
	}

	for _, one := range list {
		h.take(r, one)
	}

	w.WriteHeader(http.StatusNoContent)
}

// take notes an event. What was said of a place before must be said again.
func (h *hall) take(r *receiver, body []byte) {
	e, err := event.Parse(body)
	if err != nil {
		r.complainf("an event cannot be read: %v", err)

		return
	}

	var seq int64
	if _, err := fmt.Sscanf(e.Sequence, "%d", &seq); err != nil {
		r.complainf("a place cannot be read: %v", err)

		return
	}

	r.mu.Lock()
	fresh := r.seen[seq] == 0
	r.mu.Unlock()

	// Signatures are costly: some are looked at. Of what comes again, the hash says whether it is the same.
	if fresh && seq%verifyEach == 0 {
		if err := event.Verify(body, h.keys); err != nil {
			r.complainf("event %d: %v", seq, err)
		}
	}

	said := h.hashOf(body)

	r.mu.Lock()
	defer r.mu.Unlock()

	switch before := r.seen[seq]; {
	case before == said:
		r.again.Add(1)
	case before != 0:
		r.broken = append(r.broken, fmt.Sprintf("event %d came again as another one", seq))
	case r.ordered && seq < r.latest:
		r.broken = append(r.broken, fmt.Sprintf("event %d came after %d", seq, r.latest))
		fallthrough
	default:
		r.accepted.Add(1)
		r.seen[seq] = said
		r.latest = max(r.latest, seq)
	}
}

// hashOf is never 0, which is for what was not said.
func (h *hall) hashOf(body []byte) uint64 { return maphash.Bytes(h.seed, body) | 1 }

func (r *receiver) complainf(format string, arguments ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()

	r.broken = append(r.broken, fmt.Sprintf(format, arguments...))
}
