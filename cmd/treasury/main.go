// Command treasury is the operator's tool: it prepares the database, registers memos and tokens, shows where a treasury
// stands, compares it with the ledger, and repairs what can be repaired without guessing.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

type config struct {
	service.Base
	service.DatabaseConfig
	ledger.Settings

	Party string `env:"CES_TREASURY_PARTY" help:"Party id of the treasury, name::fingerprint. Not needed by migrate and list-token."`
}

// Validate wants a party, if one is given.
func (c *config) Validate() error {
	if c.Party == "" {
		return nil
	}

	if _, err := ident.ParseParty(c.Party); err != nil {
		return fmt.Errorf("CES_TREASURY_PARTY: %w", err)
	}

	return nil
}

// needs are what a command works with besides the database.
type needs int

const (
	database needs = iota
	treasury       // and CES_TREASURY_PARTY
	node           // and the validator node
)

// command is one thing that the tool does.
type command struct {
	name, arguments, summary string
	// least and most are how many arguments it takes.
	least, most int
	needs       needs
	run         func(ctx context.Context, t *tool, arguments []string) error
}

func commands() []command {
	return []command{
		{"migrate", "", "bring the database schema up to date (every service and every command does so itself)",
			0, 0, database, migrate},
		{"list-token", "ADMIN ID [MINIMUM]", "deal in a token: deposits of at least MINIMUM are credited",
			2, 3, database, listToken},
		{"add-memo", "ACCOUNT MEMO", "give a memo to a customer account, for ever", 2, 2, treasury, addMemo},
		{"status", "", "show how far ingestion is, what the treasury holds and what needs a person", 0, 0, treasury, status},
		{"reconcile", "", "compare the database with the node's active contracts and with its own books; " +
			"exit code 1 on any difference", 0, 0, node, runReconcile},
		{"rebuild", "[check]", "derive everything anew from the stored raw updates; check only compares",
			0, 1, treasury, rebuild},
		{"move-node", "", "continue from the node that CES_LEDGER_URL names, after a change of node or a restore",
			0, 0, node, moveNode},
		{"prune-raw", "AGE", "delete raw updates that were ingested longer ago than AGE, such as 2160h; " +
			"they cannot be rebuilt from any more", 1, 1, treasury, pruneRaw},
	}
}

func main() {
	var cfg config

	service.Main(service.Program{
		Name: "treasury", Summary: "The operator's tool.\n\n" + describe(),
		Interactive: true, Arguments: "COMMAND [ARGUMENTS]",
	}, &cfg, func(ctx context.Context, s *service.Service) error { return run(ctx, s, cfg) })
}

func describe() string {
	var b strings.Builder

	b.WriteString("Commands:\n")

	for _, c := range commands() {
		fmt.Fprintf(&b, "  %-31s %s\n", strings.TrimSpace(c.name+" "+c.arguments), c.summary)
	}

	return b.String()
}

// tool is what commands work with. party and node are set for commands that need them.
type tool struct {
	*service.Service

	db    *store.DB
	party ident.Party
	node  *ledger.Client
}

var (
	errUsage   = errors.New("want one of the commands that `treasury -help` lists")
	errNoParty = errors.New("CES_TREASURY_PARTY is not set: it says which treasury the command is about")
)

func run(ctx context.Context, s *service.Service, cfg config) error {
	if len(s.Arguments) == 0 {
		return service.UsageError(errUsage)
	}

	name, arguments := s.Arguments[0], s.Arguments[1:]
	all := commands()

	i := slices.IndexFunc(all, func(c command) bool { return c.name == name })
	if i < 0 {
		return service.UsageError(fmt.Errorf("no command %q: %w", name, errUsage))
	}

	c := all[i]
	if len(arguments) < c.least || len(arguments) > c.most {
		return service.UsageError(fmt.Errorf("usage: treasury %s %s", c.name, c.arguments))
	}

	t := &tool{Service: s}
	if err := t.equip(c.needs, cfg); err != nil {
		return service.UsageError(err)
	}

	if err := store.Migrate(ctx, cfg.DatabaseConfig.URL); err != nil {
		return err
	}

	var err error
	if t.db, err = store.Open(ctx, cfg.DatabaseConfig.URL); err != nil {
		return err
	}
	defer t.db.Close()

	return c.run(ctx, t, arguments)
}

// equip gives a command what it needs, before it touches the database. Its errors are the operator's.
func (t *tool) equip(needed needs, cfg config) error {
	if needed == database {
		return nil
	}

	if cfg.Party == "" {
		return errNoParty
	}

	t.party = ident.Party(cfg.Party)

	if needed == treasury {
		return nil
	}

	var err error
	t.node, err = cfg.Settings.Client(t.Logger)

	return err
}

func (t *tool) printf(format string, arguments ...any) {
	_, _ = fmt.Fprintf(t.Stdout, format, arguments...)
}
