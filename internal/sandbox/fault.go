package sandbox

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
)

// faults are the failures that one node is in the middle of, or was told to produce next.
type faults struct {
	down    atomic.Bool // until it is told otherwise
	garble  atomic.Bool // the next answer
	rejects atomic.Bool // until it is told otherwise

	downtime window
	restarts restarts
}

// openStream is one open websocket.
type openStream struct {
	cut func()            // breaks the connection
	end func(cause error) // ends the stream, which tells why as its last message
}

// startFaults puts the configured rules in force.
func (s *Sandbox) startFaults() error {
	s.plan.Follow(s.logStrike, s.lookForTimers)

	if _, err := s.plan.Replace(s.cfg.Faults); err != nil {
		return fmt.Errorf("faults: %w", err)
	}

	return nil
}

// Faults is the plan by which the network fails. It may be changed at any time. What strikes by time strikes the first
// validator, so that a party on two of them has one that is well.
func (s *Sandbox) Faults() *fault.Plan { return s.plan }

func (s *Sandbox) logStrike(strike fault.Strike) {
	s.cfg.Logger.Info("fault", slog.String("rule", string(strike.ID)), slog.String("strikes", strike.Rule.String()),
		slog.String("path", strike.Chance.Path), slog.String("party", string(strike.Chance.Party)))
}

// CutStreams breaks the connection of every open stream, in the middle of whatever it is sending.
func (v *Validator) CutStreams() {
	for _, stream := range v.openStreams() {
		stream.cut()
	}
}

func (v *Validator) openStreams() []*openStream {
	v.mu.Lock()
	defer v.mu.Unlock()

	streams := make([]*openStream, 0, len(v.open))
	for stream := range v.open {
		streams = append(streams, stream)
	}

	return streams
}

// SetDown makes the node unreachable, or reachable again: connections to its ledger API end without an answer.
// The customers' wallets stay up, as the rest of a network does.
func (v *Validator) SetDown(down bool) {
	v.faults.down.Store(down)

	if down {
		v.CutStreams()
	}
}

// goDown makes the node unreachable for some time.
func (v *Validator) goDown(d time.Duration) {
	v.faults.downtime.open(v.uptime() + d)
	v.CutStreams()
}

// GarbleNext makes the node's next answer, or the next message of a stream, half a JSON text.
func (v *Validator) GarbleNext() { v.faults.garble.Store(true) }

// RejectTokens makes the node refuse every token, as after a key rotation, until it is called with false.
func (v *Validator) RejectTokens(reject bool) { v.faults.rejects.Store(reject) }

// rejects reports whether the token of a request is refused whatever it is.
func (v *Validator) rejects(r *http.Request) bool {
	if v.faults.rejects.Load() {
		return true
	}

	_, strikes := v.plan.Take(fault.TokensRejected, fault.Chance{Path: r.URL.Path})

	return strikes
}

// garbled damages an answer when GarbleNext or a rule asks for it.
func (v *Validator) garbled(raw []byte, chance fault.Chance) []byte {
	if !v.faults.garble.CompareAndSwap(true, false) {
		if _, strikes := v.plan.Take(fault.GarbledAnswer, chance); !strikes {
			return raw
		}
	}

	const marker = "\xff{\"cut\": "

	return append(raw[:len(raw)/2:len(raw)/2], marker...)
}

// hangUp ends a connection without an answer.
func (v *Validator) hangUp(w http.ResponseWriter, r *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		// HTTP/2 cannot be hijacked: the closest is the answer of a proxy in front of a dead node.
		w.WriteHeader(http.StatusBadGateway)

		return
	}

	if err := conn.Close(); err != nil {
		v.cfg.Logger.DebugContext(r.Context(), "close dropped connection", slog.Any("error", err))
	}
}

// uptime is what faults are timed by: unlike the network's clock it never jumps.
func (s *Sandbox) uptime() time.Duration { return clock.System{}.Now().Sub(s.began) }

// window is a stretch of uptime in which something holds. It can be made longer while it is open.
type window struct{ until atomic.Int64 }

// open keeps the window open until then at least.
func (w *window) open(until time.Duration) {
	for {
		before := w.until.Load()
		if before >= int64(until) || w.until.CompareAndSwap(before, int64(until)) {
			return
		}
	}
}

// isOpen asks for the uptime only when the window was ever open.
func (w *window) isOpen(uptime func() time.Duration) bool {
	until := w.until.Load()

	return until > 0 && uptime() < time.Duration(until)
}

// chanceOf is the chance that a stream's faults go by: its path and, of the parties that its request names, the first.
func chanceOf(r *http.Request, request []byte) fault.Chance {
	var asked struct {
		Format struct {
			Transactions struct {
				Events parties `json:"eventFormat"`
			} `json:"includeTransactions"`
		} `json:"updateFormat"`
		Filter  parties       `json:"filter"`
		Events  parties       `json:"eventFormat"`
		Parties []ident.Party `json:"parties"`
	}

	if json.Unmarshal(request, &asked) != nil {
		return fault.Chance{Path: r.URL.Path}
	}

	for _, p := range []parties{asked.Format.Transactions.Events, asked.Filter, asked.Events} {
		asked.Parties = slices.AppendSeq(asked.Parties, maps.Keys(p.ByParty))
	}

	if len(asked.Parties) == 0 {
		return fault.Chance{Path: r.URL.Path}
	}

	return fault.Chance{Path: r.URL.Path, Party: slices.Min(asked.Parties)}
}

// parties are those that an event format names.
type parties struct {
	ByParty map[ident.Party]json.RawMessage `json:"filtersByParty"`
}
