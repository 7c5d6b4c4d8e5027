package main

import (
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/preapproval"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

// keeper watches the treasury's preapproval beside the acceptance of offers, which is what deposits fall back to.
func keeper(
	s *service.Service, cfg *config, node *ledger.Client, registries *custody.Directory, db *store.DB,
) (service.Runner, error) {
	settings, err := cfg.Preapproval.Config(ident.Party(cfg.Party), cfg.User)
	if err != nil {
		return service.Runner{}, service.UsageError(err)
	}

	k, err := preapproval.New(settings, preapproval.Parts{
		Node: node, Registries: registries, DB: db, Clock: clock.System{}, Logger: s.Logger,
		Metrics: preapproval.NewMetrics(s.Metrics),
	})
	if err != nil {
		return service.Runner{}, service.UsageError(err)
	}

	return service.Runner{Name: "preapproval", Run: k.Run}, nil
}
