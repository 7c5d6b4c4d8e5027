package custody

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/token"
)

// Directory finds the registries that the database names, and follows its changes.
type Directory struct {
	db     *store.DB
	node   registry.TokenSource
	clock  clock.Clock
	logger *slog.Logger

	mu     sync.Mutex
	places []store.RegistryPlace
	read   time.Time
	client *registry.Client
}

// registryTimeout is how long one question may take.
const registryTimeout = 5 * time.Second

// directoryAge is how long the database's answer is taken as it was.
const directoryAge = 10 * time.Second

// NewDirectory makes one. node gives the access token for places that want the node's; nil if there is none.
func NewDirectory(db *store.DB, node registry.TokenSource, now clock.Clock, logger *slog.Logger) *Directory {
	return &Directory{db: db, node: node, clock: now, logger: logger}
}

// TransferFactory asks as registry.Client does.
func (d *Directory) TransferFactory(ctx context.Context, t token.Transfer) (registry.TransferFactory, error) {
	client, err := d.current(ctx)
	if err != nil {
		return registry.TransferFactory{}, err
	}

	return client.TransferFactory(ctx, t)
}

// AcceptContext asks as registry.Client does.
func (d *Directory) AcceptContext(
	ctx context.Context, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
) (registry.Context, error) {
	client, err := d.current(ctx)
	if err != nil {
		return registry.Context{}, err
	}

	return client.AcceptContext(ctx, admin, instruction, meta)
}

// RejectContext asks as registry.Client does.
func (d *Directory) RejectContext(
	ctx context.Context, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
) (registry.Context, error) {
	client, err := d.current(ctx)
	if err != nil {
		return registry.Context{}, err
	}

	return client.RejectContext(ctx, admin, instruction, meta)
}

// WithdrawContext asks as registry.Client does.
func (d *Directory) WithdrawContext(
	ctx context.Context, admin ident.Party, instruction ident.ContractID, meta token.Metadata,
) (registry.Context, error) {
	client, err := d.current(ctx)
	if err != nil {
		return registry.Context{}, err
	}

	return client.WithdrawContext(ctx, admin, instruction, meta)
}

// AmuletContext asks as registry.Client does.
func (d *Directory) AmuletContext(ctx context.Context, dso ident.Party) (registry.AmuletContext, error) {
	client, err := d.current(ctx)
	if err != nil {
		return registry.AmuletContext{}, err
	}

	return client.AmuletContext(ctx, dso)
}

// CloseIdle closes connections that wait for the next request.
func (d *Directory) CloseIdle() {
	d.mu.Lock()
	defer d.mu.Unlock()

	if d.client != nil {
		d.client.CloseIdle()
	}
}

// current is a client of the places as they were a moment ago. When the database is away it is the last one.
func (d *Directory) current(ctx context.Context) (*registry.Client, error) {
	d.mu.Lock()
	defer d.mu.Unlock()

	now := d.clock.Now()
	if d.client != nil && now.Sub(d.read) < directoryAge && !now.Before(d.read) {
		return d.client, nil
	}

	places, err := d.db.Registries(ctx)

	switch {
	case err != nil && d.client != nil:
		return d.client, nil
	case err != nil:
		return nil, err
	case d.client != nil && slices.Equal(places, d.places):
		d.read = now

		return d.client, nil
	}

	client, err := registry.New(registry.Config{
		Registries: d.registries(places), Clock: d.clock, Logger: d.logger, RequestTimeout: registryTimeout,
		// A withdrawal and an offer have their own patience, in the database. A worker's is needed by others.
		Retry: registry.Retry{Rounds: 1, Initial: registryTimeout, Max: registryTimeout},
	})
	if err != nil {
		return nil, err
	}

	if d.client != nil {
		d.client.CloseIdle()
	}

	d.client, d.places, d.read = client, places, now

	return client, nil
}

func (d *Directory) registries(places []store.RegistryPlace) []registry.Registry {
	var list []registry.Registry

	for _, p := range places {
		endpoint := registry.Endpoint{URL: p.URL}
		if p.NodeCredentials {
			endpoint.Tokens = d.node
		}

		if n := len(list); n > 0 && list[n-1].Admin == p.Admin {
			list[n-1].Endpoints = append(list[n-1].Endpoints, endpoint)

			continue
		}

		list = append(list, registry.Registry{Admin: p.Admin, Endpoints: []registry.Endpoint{endpoint}})
	}

	return list
}
