// Command demo shows the suite at work on one machine: a PostgreSQL of its own, a sandbox that plays the rest of the
// network, Tx History Ingestion, Withdrawal Automation, Multi-Step Deposit Automation, customers who deposit with a
// memo and withdraw, and operators who look after what names nobody. It needs no configuration.
package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/service"
)

type config struct{ service.Base }

// settings are what the flags say.
type settings struct {
	length   time.Duration
	seed     uint64
	interval time.Duration
	verbose  bool
}

// defaultInterval is the time between two customer actions.
const defaultInterval = 100 * time.Millisecond

func main() {
	var (
		cfg config
		o   settings
	)

	program := service.Program{
		Name: "demo", Interactive: true, Quiet: func() bool { return !o.verbose },
		Summary: "The suite at work on one machine: customers of a sandbox network deposit with a memo, " +
			"their money lands on their accounts, and they withdraw some of it.",
		Flags: func(flags *flag.FlagSet) {
			flags.DurationVar(&o.length, "for", 0, "end after this time and reconcile (default: run until Ctrl-C)")
			flags.Uint64Var(&o.seed, "seed", 1, "seed of the customers' behaviour")
			flags.DurationVar(&o.interval, "interval", defaultInterval, "time between two customer actions")
			flags.BoolVar(&o.verbose, "v", false, "show the services' logs")
		},
	}

	service.Main(program, &cfg, func(ctx context.Context, s *service.Service) error {
		if o.interval <= 0 || o.length < 0 {
			return service.UsageError(fmt.Errorf("-interval must be above zero and -for must not be below"))
		}

		return run(ctx, s, o)
	})
}
