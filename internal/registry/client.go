package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/token"
)

// Client asks the registries of the configured admins. It is safe for concurrent use.
type Client struct {
	registrars   map[ident.Party]*registrar
	maxDisclosed int
	cache        *cache
}

// New checks the configuration and makes a client. It calls nobody.
func New(cfg Config) (*Client, error) {
	cfg.setDefaults()

	if err := cfg.validate(); err != nil {
		return nil, err
	}

	c := &Client{
		registrars: map[ident.Party]*registrar{}, maxDisclosed: cfg.MaxDisclosed,
		cache: newCache(cfg.Clock, cfg.CacheFor),
	}

	for _, one := range cfg.Registries {
		r, err := newRegistrar(&cfg, one)
		if err != nil {
			return nil, err
		}

		if c.registrars[r.admin] != nil {
			return nil, fmt.Errorf("registry: %s is configured twice", r.admin)
		}

		c.registrars[r.admin] = r
	}

	return c, nil
}

func newRegistrar(cfg *Config, one Registry) (*registrar, error) {
	admin, err := ident.ParseParty(string(one.Admin))
	if err != nil {
		return nil, fmt.Errorf("registry: admin: %w", err)
	}

	if len(one.Endpoints) == 0 {
		return nil, fmt.Errorf("registry: %s has no endpoint", admin)
	}

	r := &registrar{admin: admin, spread: one.Spread, retry: cfg.Retry, clock: cfg.Clock, log: cfg.Logger}

	if r.paths, err = one.Paths.complete(); err != nil {
		return nil, fmt.Errorf("registry: %s: %w", admin, err)
	}

	for _, at := range one.Endpoints {
		e, err := newEndpoint(cfg, admin, at)
		if err != nil {
			return nil, err
		}

		r.endpoints = append(r.endpoints, e)
	}

	return r, nil
}

// CloseIdle closes connections that wait for the next request. The client remains usable.
func (c *Client) CloseIdle() {
	for _, r := range c.registrars {
		for _, e := range r.endpoints {
			e.http.CloseIdleConnections()
		}
	}
}

func (c *Client) registrar(op string, admin ident.Party) (*registrar, error) {
	r := c.registrars[admin]
	if r == nil {
		return nil, &Error{Op: op, Admin: admin, Kind: Misconfigured, Cause: "no registry is configured"}
	}

	return r, nil
}

// Info is what the admin's registry says about itself.
func (c *Client) Info(ctx context.Context, admin ident.Party) (Info, error) {
	const op = "get registry info"

	r, err := c.registrar(op, admin)
	if err != nil {
		return Info{}, err
	}

	q := question{op: op, method: http.MethodGet, path: r.paths.Info}

	return ask(ctx, r, q, func(raw []byte) (Info, error) { return decodeInfo(raw, admin) })
}

// Bounds on the list of an admin's instruments.
const (
	pageSize       = 100
	maxPages       = 200
	maxInstruments = 20_000
)

// Instruments are all tokens of the admin. The list is read in pages, so that it is not of one moment.
func (c *Client) Instruments(ctx context.Context, admin ident.Party) ([]Instrument, error) {
	const op = "list instruments"

	r, err := c.registrar(op, admin)
	if err != nil {
		return nil, err
	}

	var list []Instrument

	known := map[string]bool{}
	query := url.Values{"pageSize": {strconv.Itoa(pageSize)}}

	for range maxPages {
		q := question{op: op, method: http.MethodGet, path: r.paths.Instruments + "?" + query.Encode()}

		p, err := ask(ctx, r, q, func(raw []byte) (page, error) { return decodePage(raw, admin) })
		if err != nil {
			return nil, err
		}

		for _, i := range p.instruments {
			if !known[i.Instrument.ID] { // a list that changes meanwhile may tell one twice
				known[i.Instrument.ID] = true
				list = append(list, i)
			}
		}

		if p.next == "" {
			return list, nil
		}

		if len(list) > maxInstruments || query.Get("pageToken") == p.next {
			break
		}

		query.Set("pageToken", p.next)
	}

	return nil, &Error{Op: op, Admin: admin, Kind: Broken, Cause: "the list of instruments does not end"}
}

// Instrument is one token, as it was at most Config.CacheFor ago.
func (c *Client) Instrument(ctx context.Context, id ident.Instrument) (Instrument, error) {
	const op = "get instrument"

	r, err := c.registrar(op, id.Admin)
	if err != nil {
		return Instrument{}, err
	}

	if known, ok := c.cache.get(id); ok {
		return copied(known), nil
	}

	path, err := fill(r.paths.Instrument, holeInstrument, id.ID)
	if err != nil {
		return Instrument{}, fmt.Errorf("registry: %s: %w", op, err)
	}

	since := r.clock.Now()
	q := question{op: op, method: http.MethodGet, path: path}

	i, err := ask(ctx, r, q, func(raw []byte) (Instrument, error) { return decodeInstrument(raw, id) })
	if err != nil {
		return Instrument{}, err
	}

	c.cache.put(copied(i), since)

	return i, nil
}

// copied keeps the cache from being changed by whom it answers.
func copied(i Instrument) Instrument {
	i.APIs = maps.Clone(i.APIs)

	return i
}

// TransferFactory is the factory for one transfer, to be used once. The transfer is told as it will be commanded, with
// its inputs; what it must be is said at TransferArgument.
func (c *Client) TransferFactory(ctx context.Context, t token.Transfer) (TransferFactory, error) {
	const op = "get transfer factory"

	r, err := c.registrar(op, t.Instrument.Admin)
	if err != nil {
		return TransferFactory{}, err
	}

	// The document wants context and metadata of the choice to be empty here.
	argument, err := TransferArgument(t, strictjson.Raw(emptyContext), nil)
	if err != nil {
		return TransferFactory{}, err
	}

	body, err := strictjson.Encode(struct {
		Arguments    strictjson.Raw `json:"choiceArguments"`
		ExcludeDebug bool           `json:"excludeDebugFields"`
	}{argument, true})
	if err != nil {
		return TransferFactory{}, fmt.Errorf("registry: %s: %w", op, err)
	}

	q := question{op: op, method: http.MethodPost, path: r.paths.TransferFactory, body: body}

	return ask(ctx, r, q, func(raw []byte) (TransferFactory, error) {
		return decodeFactory(raw, c.maxDisclosed, t.Sender == t.Receiver)
	})
}

// AcceptContext is what accepting an instruction needs, to be used once. Meta is the choice's own metadata; nil for
// none.
func (c *Client) AcceptContext(
	ctx context.Context, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
) (Context, error) {
	return c.context(ctx, "get accept context", admin, instruction, meta, func(p Paths) string { return p.Accept })
}

// RejectContext is what rejecting an instruction needs. See AcceptContext.
func (c *Client) RejectContext(
	ctx context.Context, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
) (Context, error) {
	return c.context(ctx, "get reject context", admin, instruction, meta, func(p Paths) string { return p.Reject })
}

// WithdrawContext is what withdrawing our own instruction needs. See AcceptContext.
func (c *Client) WithdrawContext(
	ctx context.Context, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
) (Context, error) {
	return c.context(ctx, "get withdraw context", admin, instruction, meta, func(p Paths) string { return p.Withdraw })
}

func (c *Client) context(
	ctx context.Context, op string, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
	template func(Paths) string,
) (Context, error) {
	r, err := c.registrar(op, admin)
	if err != nil {
		return Context{}, err
	}

	path, err := fill(template(r.paths), holeInstruction, string(instruction))
	if err != nil {
		return Context{}, fmt.Errorf("registry: %s: %w", op, err)
	}

	body, err := strictjson.Encode(struct {
		Meta         token.Metadata `json:"meta,omitempty"`
		ExcludeDebug bool           `json:"excludeDebugFields"`
	}{meta, true})
	if err != nil {
		return Context{}, fmt.Errorf("registry: %s: %w", op, err)
	}

	q := question{op: op, method: http.MethodPost, path: path, body: body, onInstruction: true}

	return ask(ctx, r, q, func(raw []byte) (Context, error) { return decodeContext(raw, c.maxDisclosed) })
}

// fill puts an id into a path. One that a server may take for a step between folders is refused.
func fill(path, hole, id string) (string, error) {
	if id == "" || id == "." || id == ".." {
		return "", errors.New("an id that no path can hold")
	}

	return strings.ReplaceAll(path, hole, escaped(id)), nil
}
