package stage

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// pollInterval is between two looks.
const pollInterval = 3 * time.Millisecond

// openDatabase starts a server that keeps its promises to disk, and has the built program make the schema.
func (s *Stage) openDatabase(ctx context.Context) error {
	var err error
	if s.Postgres, err = pgtest.Start(ctx, pgtest.Options{Durable: true}); err != nil {
		return err
	}

	admin, err := store.Open(ctx, secret.New(s.Postgres.DSN("postgres")))
	if err != nil {
		return err
	}
	defer admin.Close()

	if _, err := admin.Pool().Exec(ctx, "CREATE DATABASE "+database); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}

	s.URL = secret.New(s.Postgres.DSN(database))

	if s.directory, err = os.MkdirTemp("", "ces-"+s.cfg.Name+"-"); err != nil {
		return fmt.Errorf("make a directory: %w", err)
	}

	if err := os.WriteFile(s.tokenFile(), []byte(NodeToken), 0o600); err != nil {
		return fmt.Errorf("write the token: %w", err)
	}

	if _, err := s.Operate(ctx, "migrate"); err != nil {
		return err
	}

	s.DB, err = store.Open(ctx, s.URL)

	return err
}

func (s *Stage) tokenFile() string { return filepath.Join(s.directory, "token") }
func (s *Stage) keyFile() string   { return filepath.Join(s.directory, "key") }

// openTreasury makes the treasury an external party, as an operator does.
func (s *Stage) openTreasury(ctx context.Context) error {
	if _, err := s.Operate(ctx, "new-key", s.keyFile()); err != nil {
		return err
	}

	home, err := s.home(ctx)
	if err != nil {
		return err
	}

	out, err := s.Operate(ctx, "onboard", "treasury", home)
	if err != nil {
		return err
	}

	found := regexp.MustCompile(`treasury::[0-9a-f]{68}`).FindString(out)
	if found == "" {
		return fmt.Errorf("treasury onboard names no party:\n%s", out)
	}

	s.Party = ident.Party(found)
	s.Treasury, err = s.DB.EnsureTreasury(ctx, s.Party, s.cfg.Clock.Now())

	return err
}

// home is the synchronizer on which the treasury is hosted.
func (s *Stage) home(ctx context.Context) (string, error) {
	node, err := ledger.New(ledger.Config{URL: s.Direct, Tokens: ledger.StaticToken(secret.New(NodeToken))})
	if err != nil {
		return "", err
	}
	defer node.CloseIdle()

	connected, err := node.ConnectedSynchronizers(ctx, "")
	if err != nil {
		return "", err
	}

	return string(connected[0].ID), nil
}

// Environment is what every program needs to know, but for the node's URL.
func (s *Stage) Environment() []string {
	return []string{
		"CES_DATABASE_URL=" + s.URL.Reveal(), "CES_TREASURY_PARTY=" + string(s.Party), "CES_LEDGER_TOKEN_FILE=" + s.tokenFile(),
		"CES_ADMIN_ADDR=127.0.0.1:0",
	}
}

// Signer is how programs come by the treasury's key.
func (s *Stage) Signer() []string {
	return []string{
		"CES_SIGNER=file", "CES_SIGNER_FILE_PATH=" + s.keyFile(), "CES_SIGNER_FILE_PASSPHRASE=" + passphrase,
	}
}

// Operate runs the operator's tool and returns what it printed.
func (s *Stage) Operate(ctx context.Context, arguments ...string) (string, error) {
	return s.OperateAs(ctx, "", arguments...)
}

// OperateAs is Operate for one of several people, whom the tool tells apart.
func (s *Stage) OperateAs(ctx context.Context, operator string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, s.Program("treasury"), arguments...) //nolint:gosec // a program that the test has built
	command.Env = append(s.Signer(), "CES_LEDGER_URL="+s.Direct, "CES_LEDGER_TOKEN_FILE="+s.tokenFile(), "CES_DATABASE_URL="+s.URL.Reveal(),
		"CES_OPERATOR="+operator)

	if s.Party != "" {
		command.Env = append(command.Env, "CES_TREASURY_PARTY="+string(s.Party))
	}

	out, err := command.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("treasury %v: %w\n%s", arguments, err, out)
	}

	return string(out), nil
}

// Insist runs a statement of the campaign's own until the database takes it.
func (s *Stage) Insist(ctx context.Context, statement string, arguments ...any) error {
	for {
		_, err := s.DB.Pool().Exec(ctx, statement, arguments...)
		if err == nil || ctx.Err() != nil {
			return errors.Join(ctx.Err())
		}

		Wait(ctx, pollInterval)
	}
}

// Count is the answer of a query for a number; -1 while the database is away.
func (s *Stage) Count(ctx context.Context, query string, arguments ...any) int64 {
	var n int64
	if err := s.DB.Pool().QueryRow(ctx, query, arguments...).Scan(&n); err != nil {
		return -1
	}

	return n
}

// Blocked reports whether somebody waits for a table.
func (s *Stage) Blocked(ctx context.Context) bool {
	return s.Count(ctx, "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation'") > 0
}

// Offset is how far ingestion is; -1 before its first start and while the database is away.
func (s *Stage) Offset(ctx context.Context) ident.Offset {
	cursor, err := s.DB.Cursor(ctx, s.Treasury)
	if err != nil {
		return -1
	}

	return cursor.Position.Offset
}

// AtTheEnd reports whether ingestion is at the ledger's end.
func (s *Stage) AtTheEnd(ctx context.Context) bool {
	s.Ledger.Tick() // a checkpoint for what the treasury does not see

	return s.Offset(ctx) >= s.Ledger.LedgerEnd()
}

// Until polls until something is so; false if it was not in time.
func Until(ctx context.Context, most time.Duration, so func() bool) bool {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()

	for !so() {
		Wait(ctx, pollInterval)

		if ctx.Err() != nil {
			return false
		}
	}

	return true
}

// Wait is how long something takes that nobody waits for.
func Wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
