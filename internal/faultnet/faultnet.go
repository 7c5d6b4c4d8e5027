// Package faultnet is a network that fails on purpose: a TCP proxy on the loopback that delays, cuts, refuses and
// silences the connections that pass through it. Nothing that customers run imports it.
package faultnet

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"time"
)

// maxLinks bounds the connections that are open at once; further ones are refused.
const maxLinks = 1_000

// Faults are what happens to connections that are opened from now on. The zero value is a network that works.
type Faults struct {
	// Refuse ends new connections at once and without a word.
	Refuse bool
	// Silent passes nothing on, and closes nothing: packets that get lost for ever.
	Silent bool
	// MaxDelay holds back every piece of data for a random time, at most this long.
	MaxDelay time.Duration
	// CutAfter resets a connection after a random number of bytes in both directions together, 1 to CutAfter; 0 never.
	CutAfter int64
}

// Proxy passes connections on to a target. Its methods may be called at once from anywhere.
type Proxy struct {
	listener net.Listener
	target   string
	seed     uint64
	dialer   net.Dialer

	life context.Context //nolint:containedctx // it is the proxy's own, ended by Close
	end  context.CancelFunc
	work sync.WaitGroup

	mu     sync.Mutex
	faults Faults
	links  map[*link]struct{}
	opened uint64
}

// Listen starts a proxy on a free port of the loopback. The target is host:port, or the absolute path of a socket. The
// seed decides every random choice: what happens to the nth connection depends on nothing else. Close it.
func Listen(ctx context.Context, target string, seed uint64) (*Proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the faulty network: %w", err)
	}

	p := &Proxy{listener: listener, target: target, seed: seed, links: map[*link]struct{}{}}
	p.life, p.end = context.WithCancel(context.WithoutCancel(ctx))
	p.work.Go(p.accept)

	return p, nil
}

// Addr is where the proxy listens, host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Set changes what happens to connections that are opened from now on; open ones stay as they are.
func (p *Proxy) Set(f Faults) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.faults = f
}

// Cut resets every open connection, and says how many there were.
func (p *Proxy) Cut() int { return p.each((*link).cut) }

// Silence makes every open connection half-open for good: neither side hears anything from the other any more, not
// even that it is gone. It says how many there were.
func (p *Proxy) Silence() int { return p.each(func(l *link) { l.silent.Store(true) }) }

// Links is how many connections are open.
func (p *Proxy) Links() int { return p.each(func(*link) {}) }

// Close resets every connection and waits for everything that the proxy started.
func (p *Proxy) Close() error {
	p.end()

	err := p.listener.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil
	}

	p.Cut()
	p.work.Wait()

	if err != nil {
		return fmt.Errorf("close the faulty network: %w", err)
	}

	return nil
}

func (p *Proxy) each(do func(*link)) int {
	p.mu.Lock()
	links := make([]*link, 0, len(p.links))

	for l := range p.links {
		links = append(links, l)
	}
	p.mu.Unlock()

	for _, l := range links {
		do(l)
	}

	return len(links)
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed; a listener on the loopback has no other reason that passes
		}

		p.mu.Lock()
		faults, n, full := p.faults, p.opened, len(p.links) >= maxLinks
		p.opened++
		p.mu.Unlock()

		if faults.Refuse || full {
			_ = conn.Close()

			continue
		}

		p.work.Go(func() { p.carry(conn, faults, rand.New(rand.NewPCG(p.seed, n))) }) //nolint:gosec // reproducible
	}
}

// carry connects one client with the target until both directions are over.
func (p *Proxy) carry(client net.Conn, faults Faults, rng *rand.Rand) {
	defer func() { _ = client.Close() }()

	network := "tcp"
	if filepath.IsAbs(p.target) {
		network = "unix"
	}

	server, err := p.dialer.DialContext(p.life, network, p.target)
	if err != nil {
		return // as if the target had refused
	}
	defer func() { _ = server.Close() }()

	l := newLink(client, server, faults, rng)

	if !p.enter(l) {
		return
	}
	defer p.leave(l)

	// Each direction gets its own source: what one does must not depend on how fast the other is.
	up := rand.New(rand.NewPCG(rng.Uint64(), 1))   //nolint:gosec // reproducible
	down := rand.New(rand.NewPCG(rng.Uint64(), 2)) //nolint:gosec // reproducible

	var both sync.WaitGroup

	both.Go(func() { l.pump(p.life, client, server, up) })
	both.Go(func() { l.pump(p.life, server, client, down) })
	both.Wait()
}

func (p *Proxy) enter(l *link) bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.life.Err() != nil {
		return false
	}

	p.links[l] = struct{}{}

	return true
}

func (p *Proxy) leave(l *link) {
	p.mu.Lock()
	defer p.mu.Unlock()

	delete(p.links, l)
}
