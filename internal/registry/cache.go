package registry

import (
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
)

// maxCached bounds the cache: an exchange lists hundreds of tokens, not thousands.
const maxCached = 1000

// cache remembers instruments for a while. It is safe for concurrent use.
type cache struct {
	clock clock.Clock
	life  time.Duration

	mu      sync.Mutex
	entries map[ident.Instrument]cached
}

type cached struct {
	instrument Instrument
	since      time.Time
}

func newCache(c clock.Clock, life time.Duration) *cache {
	return &cache{clock: c, life: life, entries: map[ident.Instrument]cached{}}
}

func (c *cache) get(id ident.Instrument) (Instrument, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()

	entry, ok := c.entries[id]

	return entry.instrument, ok && c.fresh(entry)
}

// fresh is false as well for an entry of a future that a clock which jumped back has made.
func (c *cache) fresh(entry cached) bool {
	age := c.clock.Now().Sub(entry.since)

	return age >= 0 && age < c.life
}

// put remembers what was asked for at since. A full cache forgets all: it is asked for anew, which costs little.
func (c *cache) put(i Instrument, since time.Time) {
	if c.life <= 0 {
		return
	}

	c.mu.Lock()
	defer c.mu.Unlock()

	if _, known := c.entries[i.Instrument]; !known && len(c.entries) >= maxCached {
		clear(c.entries)
	}

	c.entries[i.Instrument] = cached{instrument: i, since: since}
}
