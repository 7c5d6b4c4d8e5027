package campaign

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/reconcile"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
)

// What should hold.
const (
	depositsAsPaid   = "every deposit is credited at most once, to the right account, with what arrived"
	withdrawalsFound = "every payment out of the treasury is found once"
	accountsAsPaid   = "every account holds what was paid into it"
	reconcileClean   = "the program's own reconciliation is clean"
)

// truth is what the sandbox knows happened, read when it is quiet.
type truth struct {
	transfers []sandbox.Transfer
	memos     map[string]string
	listed    map[ident.Instrument]bool
	amulet    ident.Instrument
	// minted and lost are what the treasury got and lost without a transfer.
	acts *exchange
}

func (c *Campaign) truth() *truth {
	return &truth{
		transfers: c.ledger.Transfers(), memos: c.memos,
		listed: map[ident.Instrument]bool{c.ledger.Amulet(): true, c.ledger.AcmeToken(): true}, amulet: c.ledger.Amulet(), acts: &c.acts,
	}
}

// Check compares the database with what happened on the ledger, without any of ingestion's own code. The traffic must
// have stopped. An error means that nothing was compared.
func (c *Campaign) Check(ctx context.Context) ([]verdict.Violation, error) {
	var found []verdict.Violation

	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

	err := pgx.BeginTxFunc(ctx, c.db.Pool(), options, func(tx pgx.Tx) error {
		var err error
		found, err = c.checkIn(ctx, tx)

		return err
	})
	if err != nil {
		return nil, fmt.Errorf("check the database: %w", err)
	}

	own, err := c.reconcile(ctx)

	return append(found, own...), err
}

// checkIn checks what one transaction sees.
func (c *Campaign) checkIn(ctx context.Context, tx pgx.Tx) ([]verdict.Violation, error) {
	happened, err := verdict.Ask(c.ledger, c.party)
	if err != nil {
		return nil, err
	}

	k := &checker{truth: c.truth(), History: verdict.History{
		Checker: verdict.Checker{Tx: tx, Treasury: int32(c.treasury)}, Truth: happened,
	}}

	for _, check := range []func(context.Context) error{
		k.Updates, k.Numbers, k.Cursor, k.deposits, k.withdrawals, k.Holdings, k.LookAlikes, k.Offers, k.Movements, k.accounts, k.Balances, k.events, k.EventOrder, k.Catalogued,
	} {
		if err := check(ctx); err != nil {
			return nil, err
		}
	}

	return k.Found, nil
}

// reconcile asks the program's own outside check.
func (c *Campaign) reconcile(ctx context.Context) ([]verdict.Violation, error) {
	node, err := ledger.New(ledger.Config{URL: c.direct, Tokens: ledger.StaticToken(secret.New(token))})
	if err != nil {
		return nil, err
	}
	defer node.CloseIdle()

	report, err := reconcile.Run(ctx, node, c.db, c.treasury, c.party)
	if err != nil {
		return nil, err
	}

	var found []verdict.Violation
	for _, d := range report.Differences {
		found = append(found, verdict.Violation{Promise: reconcileClean, Detail: fmt.Sprintf("%s %s: %s", d.Finding, d.Subject, d.Detail)})
	}

	return found, nil
}

// checker compares a treasury's rows with the truth.
type checker struct {
	*truth
	verdict.History
}
