package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store/dbsqlc"
	"github.com/canton-exchange/suite/internal/token"
)

// instrumentCache remembers the short numbers of tokens. A number never changes, but a database that was restored may
// give it to another token: Grounds checks every number of a batch. It is bounded because strangers can invent tokens.
type instrumentCache struct {
	mu        sync.Mutex
	numbers   map[ident.Instrument]int32
	instances map[int32]ident.Instrument
}

const maxCachedInstruments = 10_000

func newInstrumentCache() *instrumentCache {
	return &instrumentCache{numbers: map[ident.Instrument]int32{}, instances: map[int32]ident.Instrument{}}
}

func (c *instrumentCache) number(i ident.Instrument) (int32, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	no, ok := c.numbers[i]

	return no, ok
}

func (c *instrumentCache) instrument(no int32) (ident.Instrument, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	i, ok := c.instances[no]

	return i, ok
}

func (c *instrumentCache) put(i ident.Instrument, no int32) {
	c.mu.Lock()
	defer c.mu.Unlock()

	c.numbers[i], c.instances[no] = no, i
}

// forget empties the cache.
func (c *instrumentCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()

	clear(c.numbers)
	clear(c.instances)
}

// makeRoom forgets everything if the new ones of the list would not fit. It is called before the list is put, never
// while it is: what EnsureInstruments has put must be found until its batch is stored.
func (c *instrumentCache) makeRoom(list []ident.Instrument) {
	c.mu.Lock()
	defer c.mu.Unlock()

	fresh := map[ident.Instrument]struct{}{}

	for _, i := range list {
		if _, ok := c.numbers[i]; !ok {
			fresh[i] = struct{}{}
		}
	}

	if len(c.numbers)+len(fresh) > maxCachedInstruments {
		clear(c.numbers)
		clear(c.instances)
	}
}

// full reports whether there is no room without forgetting something.
func (c *instrumentCache) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()

	return len(c.numbers) >= maxCachedInstruments
}

// EnsureInstruments gives every token its number. It commits on its own: a number without a holding does no harm.
func (db *DB) EnsureInstruments(ctx context.Context, list []ident.Instrument, now time.Time) error {
	db.instruments.makeRoom(list)

	for _, i := range list {
		if _, ok := db.instruments.number(i); ok {
			continue
		}

		p := dbsqlc.InstrumentEnsureParams{Admin: i.Admin, InstrumentID: i.ID, Now: now}

		no, err := db.queries.InstrumentEnsure(ctx, db.exec, p)
		if err != nil {
			return fmt.Errorf("register instrument %s: %w", i, err)
		}

		db.instruments.put(i, no)
	}

	return nil
}

// ListInstrument says that the exchange deals in a token, and from what amount on deposits are credited.
func (db *DB) ListInstrument(ctx context.Context, i ident.Instrument, minimum amount.Amount, now time.Time) error {
	err := db.queries.InstrumentSetListing(ctx, db.exec, dbsqlc.InstrumentSetListingParams{
		Admin: i.Admin, InstrumentID: i.ID, Listed: true, MinimumDeposit: minimum, Now: now,
	})
	if err != nil {
		return fmt.Errorf("list instrument %s: %w", i, err)
	}

	return nil
}

// instrument finds the token of a number.
func (db *DB) instrument(ctx context.Context, no int32) (ident.Instrument, error) {
	if i, ok := db.instruments.instrument(no); ok {
		return i, nil
	}

	rows, err := db.queries.InstrumentList(ctx, db.exec, []int32{no})
	if err != nil {
		return ident.Instrument{}, fmt.Errorf("look up instrument %d: %w", no, err)
	}

	if len(rows) != 1 {
		return ident.Instrument{}, fmt.Errorf("instrument %d: %w", no, ErrNotFound)
	}

	i := ident.Instrument{Admin: rows[0].Admin, ID: rows[0].InstrumentID}
	if !db.instruments.full() {
		db.instruments.put(i, no)
	}

	return i, nil
}

func lockOf(holders []string, expires *time.Time, text *string) *token.Lock {
	if holders == nil {
		return nil
	}

	lock := &token.Lock{ExpiresAt: expires}
	for _, h := range holders {
		lock.Holders = append(lock.Holders, ident.Party(h))
	}

	if text != nil {
		lock.Context = *text
	}

	return lock
}
