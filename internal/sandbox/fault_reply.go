package sandbox

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// whenUp keeps requests from a node that is down, restarting, or refuses them for a fault.
func (v *Validator) whenUp(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case v.faults.down.Load(), v.faults.downtime.isOpen(v.uptime), v.strikes(fault.NodeDown, r):
			v.hangUp(w, r)
		case v.faults.restarts.window.isOpen(v.uptime):
			v.fail(w, r, notRunning())
		case v.strikeStatus(w, r):
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (v *Validator) strikes(kind fault.Kind, r *http.Request) bool {
	_, strikes := v.plan.Take(kind, fault.Chance{Path: r.URL.Path})

	return strikes
}

// strikeStatus refuses a request for its rate or because the node is not ready; it reports whether it did.
func (v *Validator) strikeStatus(w http.ResponseWriter, r *http.Request) bool {
	chance := fault.Chance{Path: r.URL.Path}

	if rule, strikes := v.plan.Take(fault.Status503, chance); strikes {
		w.Header().Set("Retry-After", retryAfter(rule.Delay))
		v.fail(w, r, notRunning())

		return true
	}

	if rule, strikes := v.plan.Take(fault.Status429, chance); strikes {
		// A node words its own backpressure as 409; 429 is what a rate limit in front of it says, in plain text.
		w.Header().Set("Retry-After", retryAfter(rule.Delay))
		http.Error(w, "Too Many Requests", http.StatusTooManyRequests)

		return true
	}

	return false
}

// retryAfter is the header's value: whole seconds, at least one.
func retryAfter(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

func notRunning() *cantonerr.Error {
	return cantonerr.New(http.StatusServiceUnavailable, cantonerr.GRPCUnavailable, cantonerr.CategoryTransient,
		"SERVICE_NOT_RUNNING", "The ledger API has been shut down.").RetryIn("1 second")
}

// noted is what becomes known of a request while it is handled, for the faults of its answer.
type noted struct{ party ident.Party }

type notedKey struct{}

// note tells the faults of the answer whom a request is about.
func note(ctx context.Context, party ident.Party) {
	if n, ok := ctx.Value(notedKey{}).(*noted); ok {
		n.party = party
	}
}

// damage loses, delays and damages answers. What it does to one is decided when the request has been carried out.
func (v *Validator) damage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		about := &noted{}
		ctx := context.WithValue(r.Context(), notedKey{}, about)
		r = r.WithContext(ctx)
		out := &outgoing{ResponseWriter: w, v: v, r: r, about: about}

		next.ServeHTTP(out, r)

		if !out.decided && ctx.Err() == nil { // it left the empty answer to the server
			out.decide(ctx)
		}

		if out.lost {
			v.hangUp(w, r)
		}
	})
}

// outgoing is an answer on its way through the faults.
type outgoing struct {
	http.ResponseWriter

	v       *Validator
	r       *http.Request
	about   *noted
	decided bool
	lost    bool
}

func (w *outgoing) chance() fault.Chance {
	return fault.Chance{Path: w.r.URL.Path, Party: w.about.party}
}

// decide is called with the first of the answer, when everything else has been done.
func (w *outgoing) decide(ctx context.Context) {
	w.decided = true

	if rule, strikes := w.v.plan.Take(fault.ReplyDelayed, w.chance()); strikes {
		w.v.hold(ctx, rule.Delay)
	}

	_, w.lost = w.v.plan.Take(fault.ReplyLost, w.chance())
}

// hold waits, until the client is gone or the sandbox closes at the latest.
func (s *Sandbox) hold(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-s.closed:
	case <-timer.C:
	}
}

// Hijack lets a websocket take the connection over, whose messages have faults of their own.
func (w *outgoing) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.decided = true

	return hijack(w.ResponseWriter)
}

func (w *outgoing) WriteHeader(status int) {
	if status == http.StatusSwitchingProtocols {
		w.decided = true
	}

	if !w.decided {
		w.decide(w.r.Context())
	}

	if !w.lost {
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *outgoing) Write(raw []byte) (int, error) {
	if !w.decided {
		w.decide(w.r.Context())
	}

	if w.lost {
		return len(raw), nil
	}

	if _, err := w.ResponseWriter.Write(w.v.garbled(raw, w.chance())); err != nil {
		return 0, err //nolint:wrapcheck // as the writer below says it
	}

	return len(raw), nil
}

func hijack(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take over connection: %w", err)
	}

	return conn, buffered, nil
}

// unlessRegistryDown keeps requests from a registry that a fault makes unreachable. It looks at the path: the root and
// scan serve Canton Coin's registry, the others stand behind their admin's id.
func (v *Validator) unlessRegistryDown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		chance := fault.Chance{Path: r.URL.Path, Party: v.registrarOf(r.URL.Path)}

		if _, strikes := v.plan.Take(fault.RegistryDown, chance); strikes {
			v.hangUp(w, r)

			return
		}

		next.ServeHTTP(w, r)
	})
}

// registrarOf is the admin whose registry a path belongs to.
func (v *Validator) registrarOf(path string) ident.Party {
	const prefix = "/api/token-standard/v0/registrars/"

	if rest, ok := strings.CutPrefix(path, prefix); ok {
		admin, _, _ := strings.Cut(rest, "/")

		return ident.Party(admin)
	}

	return v.amulet.dso
}
