// Command treasury is the operator's tool: it makes a treasury's key and party, prepares the database, registers memos
// and tokens, says how tokens are paid out, shows where a treasury and its withdrawals stand, lets people sign with a
// cold key, compares the database with the ledger, and repairs what can be repaired without guessing.
package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer/driver"
	"github.com/canton-exchange/suite/internal/store"
)

type config struct {
	service.Base
	ledger.Settings

	// DatabaseURL is not service.DatabaseConfig, which is required: a cold key is made where no database is.
	DatabaseURL secret.String `env:"CES_DATABASE_URL" help:"PostgreSQL connection URL of the integration database, such as postgres://user:password@host:5432/ces?sslmode=verify-full. Required by all but new-key, onboard, signing show and signing sign."`
	Party       string        `env:"CES_TREASURY_PARTY" help:"Party id of the treasury, name::fingerprint. Not needed by new-key, migrate, list-token, set-policy, set-deposit-policy, set-registry, api-key, grant-role and verify-audit; if it is set, onboard makes that party or none."`
	Operator    string        `env:"CES_OPERATOR" help:"Name of the person who runs the tool, which the audit log gets for what is set, and by which people are told apart where two must agree; the login name if not set. Decisions about money ask for a name themselves."`
	Signer      driver.Settings
}

// Validate wants a database and a party to be well-formed, if they are given.
func (c *config) Validate() error {
	if !c.DatabaseURL.IsZero() {
		if err := (&service.DatabaseConfig{URL: c.DatabaseURL}).Validate(); err != nil {
			return err
		}
	}

	if c.Party == "" {
		return nil
	}

	if _, err := ident.ParseParty(c.Party); err != nil {
		return fmt.Errorf("CES_TREASURY_PARTY: %w", err)
	}

	return nil
}

// operator is who runs the tool.
func (c *config) operator() string {
	if c.Operator != "" {
		return c.Operator
	}

	if login, err := user.Current(); err == nil {
		return login.Username
	}

	return "" // the database's role is noted then
}

// needs are what a command works with besides the configuration.
type needs uint8

const (
	usesDatabase needs = 1 << iota
	usesParty          // CES_TREASURY_PARTY
	usesNode           // the validator node
)

// What commands need.
const (
	alone    needs = 0
	nodeOnly       = usesNode
	database       = usesDatabase
	treasury       = usesDatabase | usesParty
	node           = usesDatabase | usesParty | usesNode
)

// command is one thing that the tool does.
type command struct {
	name, arguments, summary string
	// least and most are how many arguments it takes.
	least, most int
	needs       needs
	run         func(ctx context.Context, t *tool, arguments []string) error
}

// many is for commands that take any number of arguments.
const many = 1000

func commands() []command {
	return slices.Concat([]command{
		{"new-key", "FILE", "make a key in a new file that CES_SIGNER_FILE_PASSPHRASE encrypts, for CES_SIGNER=file",
			1, 1, alone, newKey},
		{"onboard", "HINT [SYNCHRONIZER]", "make the treasury's party, HINT::fingerprint, on the node of CES_LEDGER_URL " +
			"with the key of CES_SIGNER; to repeat it does no harm", 1, 2, nodeOnly, onboard},
		{"migrate", "", "bring the database schema up to date (every service and every command does so itself)",
			0, 0, database, migrate},
		{"list-token", "ADMIN ID [MINIMUM]", "deal in a token: deposits of at least MINIMUM are credited",
			2, 3, database, listToken},
		{"status", "", "show how far ingestion is, what the treasury holds and what needs a person", 0, 0, treasury, status},
		{"reconcile", "", "compare the database with the node's active contracts and with its own books; " +
			"exit code 1 on any difference", 0, 0, node, runReconcile},
		{"rebuild", "[check]", "derive everything anew from the stored raw updates; check only compares",
			0, 1, treasury, rebuild},
		{"move-node", "", "continue from the node that CES_LEDGER_URL names, after a change of node or a restore",
			0, 0, node, moveNode},
		{"prune-raw", "AGE", "delete raw updates that were ingested longer ago than AGE, such as 2160h; " +
			"they cannot be rebuilt from any more", 1, 1, treasury, pruneRaw},
	}, memoCommands(), offerCommands(), preapprovalCommands(), screeningCommands(), caseCommands(), approvalCommands(),
		withdrawalCommands(), eventCommands(), keyCommands())
}

func withdrawalCommands() []command {
	return []command{
		{"set-policy", "ADMIN ID [NAME=VALUE…]", "say how a token is paid out, and print it; without NAME=VALUE only print",
			2, many, database, setPolicy},
		{"set-registry", "ADMIN [URL…|none]", "say where a token's registry is served, the preferred place first; " +
			"node:URL gets the access token of the validator node; without URL only print", 1, many, database, setRegistry},
		{"withdrawals", "[STATE|waiting|all]", "list withdrawals; those that have not ended if nothing is said",
			0, 1, treasury, listWithdrawals},
		{"withdrawal", "ID", "show all there is about a withdrawal, what it waits for and what to do", 1, 1, treasury,
			showWithdrawal},
		{"request-withdrawal", "ID ACCOUNT ADMIN INSTRUMENT AMOUNT RECEIVER [MEMO]", "request a withdrawal for a customer, " +
			"once: to repeat it does no harm", 6, 7, treasury, requestWithdrawal},
		{"cancel-withdrawal", "ID", "cancel a withdrawal for which nothing is reserved yet", 1, 1, treasury,
			cancelWithdrawal},
		{"restored", "", "say that the database came back from a copy of its disk, which it cannot notice by itself: " +
			"nothing is paid or cancelled until ingestion is past this moment and the longest attempt",
			0, 0, treasury, restored},
		{"freeze", "[ADMIN ID] REASON", "sign nothing new for a token, or at all, until it is lifted", 1, 3, treasury,
			freeze},
		{"unfreeze", "[ADMIN ID]", "lift a freeze, after somebody has looked", 0, 2, treasury, unfreeze},
		{"signing export", "DIR", "write what waits for a cold key into files, one for each payment (CES_SIGNER=manual)",
			1, 1, treasury, exportUnsigned},
		{"signing show", "FILE", "tell what such a file would do, read from the transaction itself; needs nothing else",
			1, 1, alone, showUnsigned},
		{"signing sign", "FILE", "sign such a file where the key is, with CES_SIGNER=file or another driver",
			1, 1, alone, signByHand},
		{"signing import", "FILE", "take the signature that came back; the payment is submitted at once",
			1, 1, treasury, importSignature},
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

	const width = 31

	for _, c := range commands() {
		line := strings.TrimSpace(c.name + " " + c.arguments)
		if utf8.RuneCountInString(line) > width { // its summary goes to the next line
			line += "\n" + strings.Repeat(" ", 2+width)
		}

		fmt.Fprintf(&b, "  %-*s %s\n", width, line, c.summary)
	}

	return b.String()
}

// tool is what commands work with. db and node are set for commands that need them, party where it is configured.
type tool struct {
	*service.Service

	db     *store.DB
	party  ident.Party
	node   *ledger.Client
	signer *driver.Settings
}

var (
	errUsage      = errors.New("want one of the commands that `treasury -help` lists")
	errNoDatabase = errors.New("CES_DATABASE_URL is not set: it says where the integration database is")
	errNoParty    = errors.New("CES_TREASURY_PARTY is not set: it says which treasury the command is about")
)

func run(ctx context.Context, s *service.Service, cfg config) error {
	if len(s.Arguments) == 0 {
		return service.UsageError(errUsage)
	}

	c, arguments, err := find(s.Arguments)
	if err != nil {
		return service.UsageError(err)
	}

	if len(arguments) < c.least || len(arguments) > c.most {
		return usage(c.name)
	}

	t := &tool{Service: s, party: ident.Party(cfg.Party), signer: &cfg.Signer}
	if err := t.equip(c.needs, cfg); err != nil {
		return service.UsageError(err)
	}

	if c.needs&usesDatabase == 0 {
		return c.run(ctx, t, arguments)
	}

	if err := store.Migrate(ctx, cfg.DatabaseURL); err != nil {
		return err
	}

	if t.db, err = store.OpenAs(ctx, cfg.DatabaseURL, cfg.operator()); err != nil {
		return err
	}
	defer t.db.Close()

	return c.run(ctx, t, arguments)
}

// usage is the error of a command that got arguments which it does not take.
func usage(name string) error {
	for _, c := range commands() {
		if c.name == name {
			name += " " + c.arguments
		}
	}

	return service.UsageError(fmt.Errorf("usage: treasury %s", name))
}

// find is the command that a line begins with. Some have two words.
func find(line []string) (command, []string, error) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(line) >= len(words) && slices.Equal(line[:len(words)], words) {
			return c, line[len(words):], nil
		}
	}

	return command{}, nil, fmt.Errorf("no command %q: %w", line[0], errUsage)
}

// equip gives a command what it needs, before it touches the database. Its errors are the operator's.
func (t *tool) equip(needed needs, cfg config) error {
	switch {
	case needed&usesDatabase != 0 && cfg.DatabaseURL.IsZero():
		return errNoDatabase
	case needed&usesParty != 0 && cfg.Party == "":
		return errNoParty
	case needed&usesNode == 0:
		return nil
	}

	var err error
	t.node, err = cfg.Settings.Client(t.Logger)

	return err
}

func (t *tool) printf(format string, arguments ...any) {
	_, _ = fmt.Fprintf(t.Stdout, format, arguments...)
}
