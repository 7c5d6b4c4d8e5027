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

const (
	// minInterval is the least time between checkpoints: each of them wakes every stream.
	minInterval = 10 * time.Millisecond
	// minUpdates is the least history that the start of a network fits in.
	minUpdates     = 20
	defaultHolders = 1_000
)

// parse reads flags; what is not given as a flag is taken from the environment. Who asks for help gets it on output.
func parse(args []string, getenv func(string) string, output io.Writer) (options, error) {
	var o options

	set := o.flags()
	given := map[string]bool{}

	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			explain(set, output)
		}

		return o, err //nolint:wrapcheck // the flag package says which flag
	}

	set.Visit(func(f *flag.Flag) { given[f.Name] = true })

	var err error

	set.VisitAll(func(f *flag.Flag) {
		name := "SANDBOX_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if value := getenv(name); value != "" && !given[f.Name] && err == nil {
			given[f.Name] = true

			if setErr := f.Value.Set(value); setErr != nil {
				err = fmt.Errorf("%w: %s: %w", errUsage, name, setErr)
			}
		}
	})

	if err != nil {
		return o, err
	}

	err = o.check(set.Args(), given)

	return o, err
}

// flags declares them all.
func (o *options) flags() *flag.FlagSet {
	set := flag.NewFlagSet("sandbox", flag.ContinueOnError)
	set.SetOutput(io.Discard) // errors are told by whoever called
	set.Usage = func() {}
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
	set.Func("fault", "`RULE` by which the network fails, see below; may be repeated, or several separated by ;",
		o.addFaults)
	set.Uint64Var(&o.faultSeed, "fault-seed", 0, "decides what faults leave to chance; the -seed when 0")
	set.IntVar(&o.fill.Holdings, "holdings", 0, "begin with so many `holdings` of AcmeToken")
	set.IntVar(&o.fill.Parties, "holders", defaultHolders, "`parties` that own the -holdings")
	set.IntVar(&o.traffic, "traffic", 0, "customers' actions per second; needs a treasury")

	set.IntVar(&o.maxUpdates, "max-updates", sandbox.DefaultMaxUpdates, "`updates` that a node's history holds")
	set.BoolVar(&o.autoPrune, "auto-prune", true,
		"prune the older half of a full history; with -auto-prune=false nothing is taken in until somebody prunes")

	return set
}

// liveOnly are flags that mean nothing to a recording.
func liveOnly() []string {
	return []string{
		"listen-second", "shape", "acme-workflow", "acme-permissioned", "two-synchronizers", "latency", "treasury",
		"traffic", "holdings", "holders",
	}
}

// check refuses what does not go together, and what would be taken without a word and mean nothing.
func (o *options) check(rest []string, given map[string]bool) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("%w: unexpected %q", errUsage, rest[0])
	case o.listen == "":
		return fmt.Errorf("%w: -listen needs an address", errUsage)
	case !o.jwt.complete() || o.jwt.file != "" && o.tokenFile != "":
		return fmt.Errorf("%w: flags for JWTs need -jwt-hs256-file, and no -token-file", errUsage)
	case (o.party != "") != (o.replay != ""):
		return fmt.Errorf("%w: -replay and -party go together", errUsage)
	case o.traffic > 0 && o.treasury == "":
		return fmt.Errorf("%w: -traffic needs a -treasury", errUsage)
	case given["holders"] && o.fill.Holdings == 0:
		return fmt.Errorf("%w: -holders needs -holdings", errUsage)
	}

	if o.replay != "" {
		for _, name := range liveOnly() {
			if given[name] {
				return fmt.Errorf("%w: -%s needs a live network, not a -replay", errUsage, name)
			}
		}
	}

	return o.bounds()
}

// bounds refuses numbers that cannot be meant.
func (o *options) bounds() error {
	switch {
	case o.fill.Holdings < 0 || o.fill.Parties < 1:
		return fmt.Errorf("%w: -holdings %d of -holders %d: want none or more, of one or more", errUsage,
			o.fill.Holdings, o.fill.Parties)
	case o.traffic < 0 || o.traffic > maxRate:
		return fmt.Errorf("%w: -traffic %d: want 0 to %d", errUsage, o.traffic, maxRate)
	case o.latency < 0:
		return fmt.Errorf("%w: -latency %s is negative", errUsage, o.latency)
	case o.interval >= 0 && o.interval < minInterval:
		return fmt.Errorf("%w: -checkpoints %s: want %s or more, or less than 0 for none", errUsage, o.interval, minInterval)
	case o.maxUpdates < minUpdates:
		return fmt.Errorf("%w: -max-updates %d: want %d or more", errUsage, o.maxUpdates, minUpdates)
	}

	return nil
}
