package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/sandbox"
)

var errUsage = errors.New("bad flags")

// parse reads flags; what is not given as a flag is taken from the environment.
func parse(args []string, getenv func(string) string, output io.Writer) (options, error) {
	var o options

	set := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	set.SetOutput(output)
	set.Usage = func() { explain(set, output) }
	set.StringVar(&o.listen, "listen", "127.0.0.1:7575", "`address` to serve on")
	set.StringVar(&o.second, "listen-second", "", "`address` of a second validator node; none without")
	set.Uint64Var(&o.seed, "seed", 1, "decides every random choice")
	o.version = string(sandbox.V35)
	set.Func("canton", "node `release` to play: 3.3, 3.4, 3.5 or 3.6 (default 3.5)", func(release string) error {
		version, err := sandbox.ParseVersion(release)
		o.version = string(version)

		return err
	})
	set.StringVar(&o.shape, "shape", string(sandbox.ShapeCurrent), "Canton Coin transactions: current or recorded")
	set.BoolVar(&o.eventsV2, "events-v2", false, "add token standard V2 events and views")
	set.StringVar(&o.workflow, "acme-workflow", string(sandbox.AcmeDirect), "AcmeToken accepts: direct or pending")
	set.BoolVar(&o.permissioned, "acme-permissioned", false, "AcmeToken only for parties on its permission list")
	set.BoolVar(&o.two, "two-synchronizers", false, "connect a second synchronizer")
	set.DurationVar(&o.latency, "latency", 0, "from a submission to its sequencing; its inputs are locked meanwhile")
	set.DurationVar(&o.interval, "checkpoints", time.Second, "between checkpoints on idle streams; negative for none")
	set.StringVar(&o.replay, "replay", "", "serve this recorded `file` of updates instead of a live network")
	set.StringVar(&o.party, "party", "", "the `party` that the replayed file was recorded for")
	set.StringVar(&o.tokenFile, "token-file", "", "`file` with the only bearer token to accept; none is needed without")
	o.jwt.register(set)
	set.StringVar(&o.treasury, "treasury", "treasury", "`hint` of a preapproved treasury party; empty for none")
	set.BoolVar(&o.ownIDs, "own-node-ids", false, "number events as a node that hosts the asking party alone")
	set.Func("fault", "`RULE` by which the network fails, see below; may be given many times, several separated by ;",
		o.addFaults)
	set.Uint64Var(&o.faultSeed, "fault-seed", 0, "decides what faults leave to chance; the -seed when 0")
	set.IntVar(&o.fill.Holdings, "holdings", 0, "begin with so many holdings of AcmeToken")
	set.IntVar(&o.fill.Parties, "holders", 0, "parties that own the -holdings (default 1000)")
	set.IntVar(&o.traffic, "traffic", 0, "customers' actions per second; needs a treasury")

	if err := set.Parse(args); err != nil {
		return o, err //nolint:wrapcheck // the flag package says which flag
	}

	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })

	var err error

	set.VisitAll(func(f *flag.Flag) {
		name := "SANDBOX_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := getenv(name); value != "" && !given[f.Name] && err == nil {
			if setErr := f.Value.Set(value); setErr != nil {
				err = fmt.Errorf("%w: %s: %w", errUsage, name, setErr)
			}
		}
	})

	if err != nil {
		return o, err
	}

	err = o.check(set.Args())

	return o, err
}

// check refuses what does not go together.
func (o *options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%w: unexpected %q", errUsage, rest[0])
	case !o.jwt.complete() || o.jwt.file != "" && o.tokenFile != "":
		return fmt.Errorf("%w: flags for JWTs need -jwt-hs256-file, and no -token-file", errUsage)
	case o.fill.Holdings < 0 || o.fill.Parties < 0 || o.fill.Holdings > 0 && o.replay != "":
		return fmt.Errorf("%w: -holdings and -holders need a live network, and are not negative", errUsage)
	case o.traffic < 0 || o.traffic > maxRate:
		return fmt.Errorf("%w: -traffic %d: want 0 to %d", errUsage, o.traffic, maxRate)
	case o.traffic > 0 && (o.treasury == "" || o.replay != ""):
		return fmt.Errorf("%w: -traffic needs a live network with a -treasury", errUsage)
	}

	return nil
}
