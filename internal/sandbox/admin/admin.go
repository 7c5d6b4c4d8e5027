// Package admin is the part of a validator node's JSON Ledger API that administers the node and needs nothing of the
// ledger: users and their rights, identity providers, authentication, packages and their vetting.
package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// ErrConfig is wrapped by every error about a configuration that cannot be.
var ErrConfig = errors.New("invalid node administration")

// Config is what the administration of a node is made of.
type Config struct {
	// Version of the node: "3.3", "3.4.12", …. It decides which endpoints, fields and defaults exist.
	Version string
	// Clock of the node, which token lifetimes and vetting are judged by; the system's when nil.
	Clock clock.Clock
	// Participant is the node's id. Tokens are addressed to it unless Auth says otherwise.
	Participant ident.ParticipantID
	// Synchronizers that the node is connected to, the preferred one first. At least one.
	Synchronizers []ident.SynchronizerID
	// Packages that the node knows and has vetted from the start.
	Packages []Package
	// Auth is who is let in; everybody when zero.
	Auth AuthConfig
	// Logger for what goes wrong on open connections; discarded when nil.
	Logger *slog.Logger
}

// Admin is the administration of one node. It is safe for concurrent use.
type Admin struct {
	cfg      Config
	release  release
	verifier *verifier // nil when tokens are not checked as JWT
	users    *userStore
	packages *packageStore
}

// New makes a node's administration, with the users that every node has from the start.
func New(cfg Config) (*Admin, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}

	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}

	if cfg.Participant == "" || len(cfg.Synchronizers) == 0 {
		return nil, fmt.Errorf("%w: want a participant id and a synchronizer", ErrConfig)
	}

	cfg.Synchronizers = slices.Clone(cfg.Synchronizers)

	version, err := parseRelease(cfg.Version)
	if err != nil {
		return nil, err
	}

	verifier, err := newVerifier(&cfg, version)
	if err != nil {
		return nil, err
	}

	packages, err := newPackageStore(cfg.Packages, cfg.Synchronizers)
	if err != nil {
		return nil, err
	}

	return &Admin{cfg: cfg, release: version, verifier: verifier, users: newUserStore(), packages: packages}, nil
}

// Routes mounts the endpoints that the node's version has, under /v2. They demand a token by themselves.
func (a *Admin) Routes(r chi.Router) {
	r.Group(func(r chi.Router) {
		r.Use(a.RequireToken)
		a.userRoutes(r)
		a.packageRoutes(r)
	})
}

func (a *Admin) userRoutes(r chi.Router) {
	r.Get("/v2/users", a.serve(a.listUsers))
	r.Post("/v2/users", a.serve(a.createUser))
	r.Get("/v2/users/{user-id}", a.serve(a.getUser))
	r.Patch("/v2/users/{user-id}", a.serve(a.updateUser))
	r.Delete("/v2/users/{user-id}", a.serve(a.deleteUser))
	r.Patch("/v2/users/{user-id}/identity-provider-id", a.serve(a.moveUser))
	r.Get("/v2/users/{user-id}/rights", a.serve(a.listRights))
	r.Post("/v2/users/{user-id}/rights", a.serve(a.grantRights))
	r.Patch("/v2/users/{user-id}/rights", a.serve(a.revokeRights))

	r.Group(func(r chi.Router) {
		r.Use(a.adminOnly)
		r.Get("/v2/idps", a.serve(a.listProviders))
		r.Post("/v2/idps", a.serve(a.createProvider))
		r.Get("/v2/idps/{idp-id}", a.serve(a.getProvider))
		r.Patch("/v2/idps/{idp-id}", a.serve(a.updateProvider))
		r.Delete("/v2/idps/{idp-id}", a.serve(a.deleteProvider))
	})

	if a.release >= release34 {
		r.Get("/v2/authenticated-user", a.serve(a.getAuthenticatedUser))
	}
}

func (a *Admin) packageRoutes(r chi.Router) {
	admins := r.With(a.adminOnly)

	r.Get("/v2/packages", a.serve(a.listPackages))
	r.Get("/v2/packages/{package-id}", a.getPackage)
	r.Get("/v2/packages/{package-id}/status", a.serve(a.getPackageStatus))
	admins.Post("/v2/packages", a.serve(a.uploadDar))
	r.Post("/v2/interactive-submission/preferred-packages", a.serve(a.postPreferredPackages))

	if a.release >= release34 {
		admins.Post("/v2/dars", a.serve(a.uploadDar))
		admins.Post("/v2/dars/validate", a.validateDar)
		r.Post("/v2/package-vetting/list", a.serve(a.listVetted))
		admins.Post("/v2/package-vetting/update", a.serve(a.updateVetted))
	}

	if a.release >= release34 && a.release < release36 {
		r.Get("/v2/package-vetting", a.serve(a.listVetted)) // with a body, as published
		admins.Post("/v2/package-vetting", a.serve(a.updateVetted))
	}

	if a.release < release36 {
		r.Get("/v2/interactive-submission/preferred-package-version", a.serve(a.getPreferredPackage))
	}
}

// release is a node's version as one number, as far as behaviour depends on it: 3.4.12 is 3_004_012.
type release int

// Releases at which something changes. The reference's endpoint matrix covers 3.3 to 3.6; 3.5.6 is the first that
// wants a participant admin for rights over any party.
const (
	release33  release = 3_003_000
	release34  release = 3_004_000
	release35  release = 3_005_000
	release356 release = 3_005_006
	release36  release = 3_006_000
	release37  release = 3_007_000
)

// parseRelease reads "3.4" and "3.4.12"; what follows a hyphen is a snapshot's name.
func parseRelease(text string) (release, error) {
	const step = 1000 // of each number of a version

	bare, _, _ := strings.Cut(text, "-")

	parts := strings.Split(bare, ".")
	if len(parts) == 2 {
		parts = append(parts, "0")
	}

	var version release

	for _, part := range parts {
		number, err := strconv.ParseUint(part, 10, 32)
		if err != nil || number >= step {
			return 0, fmt.Errorf("%w: node version %.20q is no version", ErrConfig, text)
		}

		version = version*step + release(number)
	}

	if len(parts) != 3 || version < release33 || version >= release37 {
		return 0, fmt.Errorf("%w: node version %.20q: want 3.3 to 3.6", ErrConfig, text)
	}

	return version, nil
}

// adminOnly refuses whoever is no participant admin.
func (a *Admin) adminOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ClaimsOf(r.Context()).Admin() {
			a.fail(w, r, cantonerr.PermissionDenied())

			return
		}

		next.ServeHTTP(w, r)
	})
}
