package api

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/http"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/event"
)

// eventSecret is what the keys of events are made from.
func (s *Service) eventSecret() (*event.Secret, error) {
	if s.Secret == nil {
		return nil, problem(http.StatusServiceUnavailable, "events_not_set_up",
			"The operators have not set up the keys of events (CES_EVENTS_SECRET). Nothing was done. Tell them.")
	}

	return s.Secret, nil
}

// GetEventKeys implements server.StrictServerInterface.
func (s *Service) GetEventKeys(
	context.Context, server.GetEventKeysRequestObject,
) (server.GetEventKeysResponseObject, error) {
	secret, err := s.eventSecret()
	if err != nil {
		return nil, err
	}

	set := server.EventKeys{}
	for _, key := range secret.Signer().Keys() {
		set.Keys = append(set.Keys, eventKeyOf(key))
	}

	if public, ok := secret.WebhookSigner().Public().(ed25519.PublicKey); ok {
		set.Keys = append(set.Keys, eventKeyOf(public))
	}

	return server.GetEventKeys200JSONResponse(set), nil
}

func eventKeyOf(public ed25519.PublicKey) server.EventKey {
	key := event.JWKOf(public)

	return server.EventKey{Kty: key.Kind, Crv: key.Curve, Kid: key.ID, Alg: key.Algorithm, Use: key.Use, X: key.X}
}

// eventSchemas are the JSON schemas of what events say, by their paths. They are the same everywhere and say nothing of
// anybody, so that they need no key.
type eventSchemas map[string][]byte

func newEventSchemas() (eventSchemas, error) {
	schemas := eventSchemas{}

	for _, each := range event.Catalogue() {
		schema, err := each.Schema()
		if err != nil {
			return nil, fmt.Errorf("make the schema of %s: %w", each.Name, err)
		}

		schemas[event.SchemaPath(each.Name)] = schema
	}

	return schemas, nil
}

// serve answers a request for a schema, and reports false if it is for something else.
func (e eventSchemas) serve(w http.ResponseWriter, r *http.Request) bool {
	schema, ok := e[r.URL.Path]
	if !ok || r.Method != http.MethodGet {
		return false
	}

	w.Header().Set("Content-Type", "application/schema+json")
	w.Header().Set("Cache-Control", "public, max-age=3600")
	_, _ = w.Write(schema) // the reader may be gone

	return true
}
