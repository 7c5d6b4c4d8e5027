package api

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/store"
)

const (
	sealEvery  = time.Second
	pruneEvery = time.Minute
	headEvery  = 10 * time.Minute
	// batch is how many rows are sealed, or forgotten, by one statement, and rounds how often at a time.
	batch  = 1000
	rounds = 20
)

// Run does what is done between requests, until ctx ends: it seals the audit log, forgets old answers, and reads the
// identity provider's keys again. Several processes may do so at once.
func (h *Handler) Run(ctx context.Context) error {
	ticker := time.NewTicker(sealEvery)
	defer ticker.Stop()

	var pruned, told time.Time

	for {
		h.watchSeals(ctx)
		h.seal(ctx)

		now := h.Clock.Now()
		if now.Sub(pruned) >= pruneEvery {
			pruned = now

			h.prune(ctx, now.Add(-h.answersKept))
		}

		if now.Sub(told) >= headEvery {
			told = now

			h.tellHead(ctx)
		}

		if h.authentication.tokens != nil {
			h.authentication.tokens.refresh(ctx)
		}

		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Drain has those who wait for something answered at once.
func (h *Handler) Drain() { h.drain.Do(func() { close(h.ending) }) }

// watchSeals tells operators since when a row waits for its seal. It looks before anything is sealed: should sealing
// hang, what it said last grows old.
func (h *Handler) watchSeals(ctx context.Context) {
	since, err := h.DB.OldestUnsealed(ctx)

	switch {
	case err != nil:
		h.trouble(ctx, "watch", err)
	case since.IsZero():
		h.Metrics.unsealed.Set(0)
	default:
		h.Metrics.unsealed.Set(float64(since.Unix()))
	}
}

func (h *Handler) seal(ctx context.Context) {
	for range rounds {
		sealed, err := h.DB.SealAudit(ctx, batch, h.Clock.Now())
		h.Metrics.sealed.Add(float64(sealed))

		if err != nil {
			h.trouble(ctx, "seal", err)

			return
		}

		if sealed < batch {
			return
		}
	}
}

func (h *Handler) prune(ctx context.Context, before time.Time) {
	for range rounds {
		pruned, err := h.DB.PruneAnswers(ctx, before, batch)
		h.Metrics.pruned.Add(float64(pruned))

		if err != nil {
			h.trouble(ctx, "prune", err)

			return
		}

		if pruned < batch {
			return
		}
	}
}

// tellHead logs where the chain of hashes ends: logs are kept elsewhere, where who can change the database cannot.
func (h *Handler) tellHead(ctx context.Context) {
	head, err := h.DB.AuditHead(ctx)

	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		h.trouble(ctx, "head", err)
	default:
		h.Logger.InfoContext(ctx, "the audit log is sealed up to here", slog.Int64("seal_no", head.No),
			slog.String("hash", hex.EncodeToString(head.Hash)))
	}
}

// trouble is something that the next time may do better.
func (h *Handler) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}

	h.Metrics.troubles.WithLabelValues(what).Inc()
	h.Logger.WarnContext(ctx, "the keeping of the API was interrupted", slog.String("what", what), slog.Any("error", err))
}
