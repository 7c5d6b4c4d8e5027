package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/update"
)

const (
	// inFlightBytes bounds the raw updates between the socket and the database; a single larger one goes alone.
	inFlightBytes = 8 << 20
	// inFlightUpdates bounds their number.
	inFlightUpdates = 1024
)

// errReached ends a pipeline that has come as far as it should.
var errReached = errors.New("reached the offset to stop at")

// received is a raw update on its way.
type received struct {
	raw  []byte
	at   time.Time
	cost int64
}

// decoded is an update that is ready to be written.
type decoded struct {
	received

	update update.Update
	// references are the contracts that the update may consume.
	references []ident.ContractID
}

// pipeline overlaps reading, decoding and writing. Each stage is one goroutine, so the order never changes.
//
// A failure of reading or decoding does not throw away what came before it: the later stages finish their work first.
// Otherwise a node that cuts every stream after a moment would be read for ever and never stored.
type pipeline struct {
	service *Service
	stream  ledger.Stream
	writer  *writer
	budget  *semaphore.Weighted
}

// run ends with the failure that comes first in the stream; nil only when the writer has reached Config.StopAt.
func (p *pipeline) run(ctx context.Context) error {
	p.budget = semaphore.NewWeighted(inFlightBytes)
	group, ctx := errgroup.WithContext(ctx)
	raws, updates := make(chan received, inFlightUpdates), make(chan decoded, inFlightUpdates)

	// The stream is closed when nothing more is to be read, so that a read that waits for the node ends too.
	reading, stopReading := context.WithCancel(ctx)
	closing := context.AfterFunc(reading, func() { _ = p.stream.Close() })

	var readFailure, decodeFailure error

	group.Go(func() error {
		defer close(raws)

		readFailure = p.read(reading, raws)

		return nil
	})
	group.Go(func() error {
		defer close(updates)
		defer stopReading()

		decodeFailure = p.decode(ctx, raws, updates)

		return nil
	})
	group.Go(func() error { return p.write(ctx, updates) })

	err := group.Wait()

	stopReading()

	if closing() {
		_ = p.stream.Close()
	}

	switch {
	case errors.Is(err, errReached):
		return nil
	case err != nil:
		return err //nolint:wrapcheck // the stages say what they attempted
	case decodeFailure != nil:
		return decodeFailure
	default:
		return readFailure
	}
}

func (p *pipeline) read(ctx context.Context, out chan<- received) error {
	for {
		raw, err := p.stream.Next(ctx)
		if err != nil {
			return err
		}

		r := received{raw: raw, at: p.service.clock.Now(), cost: min(int64(len(raw)), inFlightBytes)}
		if err := p.budget.Acquire(ctx, r.cost); err != nil {
			return fmt.Errorf("wait for the database: %w", err)
		}

		select {
		case out <- r:
		case <-ctx.Done():
			return fmt.Errorf("read updates: %w", ctx.Err())
		}
	}
}

// decode ends with nil when everything that was read is decoded.
func (p *pipeline) decode(ctx context.Context, in <-chan received, out chan<- decoded) error {
	for r := range in {
		u, err := update.Decode(r.raw)
		if err != nil {
			return err
		}

		d := decoded{received: r, update: u, references: references(p.service.config.Party, u)}

		select {
		case out <- d:
		case <-ctx.Done():
			return fmt.Errorf("decode updates: %w", ctx.Err())
		}
	}

	return nil
}

// write stores what is waiting, all of it in one transaction: a single update when the ledger is quiet, many when
// there is catching up to do. It ends with nil when everything that was decoded is stored.
func (p *pipeline) write(ctx context.Context, in <-chan decoded) error {
	batch := make([]decoded, 0, p.service.config.BatchUpdates)

	for {
		batch = batch[:0]

		select {
		case d, more := <-in:
			if !more {
				return nil
			}

			batch = append(batch, d)
		case <-ctx.Done():
			return fmt.Errorf("wait for updates: %w", ctx.Err())
		}

		batch = drain(in, batch)

		if err := p.writer.write(ctx, batch); err != nil {
			return err
		}

		for _, d := range batch {
			p.budget.Release(d.cost)
		}

		clear(batch)

		if p.service.reached(p.writer.cursor.Position.Offset) {
			return errReached
		}
	}
}

// drain adds what is waiting, as far as the batch has room.
func drain(in <-chan decoded, batch []decoded) []decoded {
	for len(batch) < cap(batch) {
		select {
		case d, more := <-in:
			if !more {
				return batch
			}

			batch = append(batch, d)
		default:
			return batch
		}
	}

	return batch
}
