package main

import (
	"context"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

// withNode begins a place that gets the node's access token.
const withNode = "node:"

func setRegistry(ctx context.Context, t *tool, arguments []string) error {
	admin, err := ident.ParseParty(arguments[0])
	if err != nil {
		return service.UsageError(err)
	}

	if urls := arguments[1:]; len(urls) > 0 {
		places, err := placesOf(admin, urls)
		if err != nil {
			return service.UsageError(err)
		}

		if err := t.db.SetRegistry(ctx, admin, places); err != nil {
			return err
		}
	}

	places, err := t.db.Registries(ctx)
	if err != nil {
		return err
	}

	found := false

	for _, p := range places {
		if p.Admin != admin {
			continue
		}

		credentials := "without credentials"
		if p.NodeCredentials {
			credentials = "with the access token of the validator node"
		}

		t.printf("the registry of %s is asked at %s, %s\n", p.Admin, memo.Line(p.URL), credentials)

		found = true
	}

	if !found {
		t.printf("it is not known where the registry of %s is: its tokens are not paid out\n", admin)
	}

	return nil
}

// placesOf checks places as the services will.
func placesOf(admin ident.Party, urls []string) ([]store.RegistryPlace, error) {
	if len(urls) == 1 && urls[0] == none {
		return nil, nil
	}

	places := make([]store.RegistryPlace, len(urls))
	endpoints := make([]registry.Endpoint, len(urls))

	for i, url := range urls {
		plain := strings.TrimPrefix(url, withNode)
		places[i] = store.RegistryPlace{Admin: admin, URL: plain, NodeCredentials: plain != url}
		endpoints[i].URL = plain
	}

	client, err := registry.New(registry.Config{Registries: []registry.Registry{{Admin: admin, Endpoints: endpoints}}})
	if err != nil {
		return nil, err
	}

	client.CloseIdle()

	return places, nil
}
