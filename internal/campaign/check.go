package campaign

import (
	"context"
	"fmt"
	"slices"

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
	everyUpdateOnce  = "every update that the treasury sees is stored exactly once, in order"
	gaplessNumbers   = "updates are numbered without gaps, in the order of their offsets, with their bodies"
	cursorAtTheEnd   = "the cursor stands at the last update"
	depositsAsPaid   = "every deposit is credited at most once, to the right account, with what arrived"
	withdrawalsFound = "every payment out of the treasury is found once"
	holdingsAsLedger = "holdings are what the treasury owns on the ledger"
	offersAsLedger   = "open instructions are the ledger's open offers"
	movementsZero    = "every movement sums to zero"
	accountsAsPaid   = "every account holds what was paid into it"
	balancesAreSums  = "balances are the sums of postings"
	eventsOnce       = "every state of a deposit is told exactly once, in order"
	lookAlikesShown  = "every contract that claims to be a token is shown once, and counted nowhere"
	reconcileClean   = "the program's own reconciliation is clean"
)

// truth is what the sandbox knows happened, read when it is quiet.
type truth struct {
	party     ident.Party
	updates   []sandbox.Visible
	transfers []sandbox.Transfer
	holdings  []sandbox.Holding
	offers    []sandbox.Offer
	memos     map[string]string
	listed    map[ident.Instrument]bool
	amulet    ident.Instrument
	// minted and lost are what the treasury got and lost without a transfer.
	acts *exchange
}

func (c *Campaign) truth() (*truth, error) {
	t := &truth{
		party: c.party, updates: c.ledger.Updates(c.party), transfers: c.ledger.Transfers(), memos: c.memos,
		listed: map[ident.Instrument]bool{c.ledger.Amulet(): true, c.ledger.AcmeToken(): true}, amulet: c.ledger.Amulet(), acts: &c.acts,
	}

	var err error
	if t.holdings, err = c.ledger.Holdings(c.party); err != nil {
		return nil, err
	}

	t.offers, err = c.ledger.Offers(c.party)

	return t, err
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
	t, err := c.truth()
	if err != nil {
		return nil, err
	}

	k := &checker{truth: t, Checker: verdict.Checker{Tx: tx, Treasury: int32(c.treasury)}}

	for _, check := range []func(context.Context) error{
		k.updates, k.numbers, k.cursor, k.deposits, k.withdrawals, k.holdings, k.lookAlikes, k.offers, k.movements, k.accounts, k.balances, k.events, k.eventOrder,
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
	verdict.Checker
}

// updates compares the stored updates with the visible ones, one after the other.
func (k *checker) updates(ctx context.Context) error {
	have, err := k.Lines(ctx, `SELECT update_id || ' at offset ' || ledger_offset || ' of ' ||
		to_char(record_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') FROM ledger_updates
		WHERE treasury_id = $1 AND kind IN ('transaction', 'reassignment') ORDER BY update_no`)
	if err != nil {
		return err
	}

	want := make([]string, len(k.truth.updates))
	for i, u := range k.truth.updates {
		want[i] = fmt.Sprintf("%s at offset %d of %s", u.UpdateID, u.Offset, u.RecordTime.UTC().Format("2006-01-02T15:04:05.000000"))
	}

	if slices.Equal(want, have) {
		return nil
	}

	before := len(k.Found)
	k.Compare(everyUpdateOnce, verdict.Counted(want), verdict.Counted(have))

	if len(k.Found) == before {
		for i := range want {
			if want[i] != have[i] {
				k.Reportf(everyUpdateOnce, "the %dth is %s instead of %s", i+1, have[i], want[i])

				break
			}
		}
	}

	return nil
}

func (k *checker) numbers(ctx context.Context) error {
	for _, query := range []string{
		`SELECT 'update ' || update_no || ' comes after ' || before FROM
			(SELECT update_no, lag(update_no, 1, 0::bigint) OVER (ORDER BY update_no) AS before FROM ledger_updates WHERE treasury_id = $1) AS u
			WHERE update_no <> before + 1`,
		`SELECT 'update ' || update_no || ' has offset ' || ledger_offset || ' after ' || before FROM
			(SELECT update_no, ledger_offset, lag(ledger_offset, 1, 0::bigint) OVER (ORDER BY update_no) AS before
			 FROM ledger_updates WHERE treasury_id = $1) AS u
			WHERE ledger_offset <= before`,
		`SELECT 'update ' || coalesce(u.update_no, b.update_no) || ' and its body do not meet' FROM
			(SELECT * FROM ledger_updates WHERE treasury_id = $1) AS u
			FULL JOIN (SELECT * FROM ledger_update_bodies WHERE treasury_id = $1) AS b USING (update_no)
			WHERE u.update_no IS NULL OR b.update_no IS NULL OR position(u.update_id IN convert_from(b.body, 'UTF8')) = 0`,
	} {
		if err := k.None(ctx, gaplessNumbers, query); err != nil {
			return err
		}
	}

	return nil
}

func (k *checker) cursor(ctx context.Context) error {
	for _, query := range []string{
		`SELECT 'the cursor is at update ' || c.update_no || ' ' || c.update_id || ', offset ' || c.ledger_offset
		 FROM ingestion_cursors c LEFT JOIN ledger_updates u USING (treasury_id, update_no)
		 WHERE treasury_id = $1 AND (u.update_id IS DISTINCT FROM c.update_id OR u.ledger_offset > c.ledger_offset
			OR EXISTS (SELECT FROM ledger_updates l WHERE l.treasury_id = c.treasury_id AND l.update_no > c.update_no))`,
		`SELECT 'the clock of ' || u.synchronizer_id || ' is at ' || coalesce(c.record_time::text, 'nothing') || ', before an update of ' || max(u.record_time)
		 FROM ledger_updates u LEFT JOIN synchronizer_clocks c USING (treasury_id, synchronizer_id)
		 WHERE u.treasury_id = $1 GROUP BY u.synchronizer_id, c.record_time HAVING c.record_time IS NULL OR c.record_time < max(u.record_time)`,
	} {
		if err := k.None(ctx, cursorAtTheEnd, query); err != nil {
			return err
		}
	}

	return nil
}

// holdings compares the active holdings with the ledger's. Look-alikes are worth nothing and are none.
func (k *checker) holdings(ctx context.Context) error {
	want := verdict.Tally{}

	for _, h := range k.truth.holdings {
		if h.Bare {
			continue
		}

		want[fmt.Sprintf("%s: %s %s locked=%t on %s", h.ContractID, h.Amount, h.Instrument.Ident(), h.Locked, h.SynchronizerID)]++
	}

	have, err := k.Tally(ctx, `SELECT contract_id || ': ' || amount || ' ' || `+instrumentSQL+` || ' locked=' || (lock_holders IS NOT NULL)::text || ' on ' || synchronizer_id
		FROM holdings JOIN instruments USING (instrument_no) WHERE treasury_id = $1 AND archived_no IS NULL`)
	k.Compare(holdingsAsLedger, want, have)

	return err
}

// lookAlikes looks for the contracts that only claim to be a token: nothing that a stranger writes is dropped unseen.
func (k *checker) lookAlikes(ctx context.Context) error {
	want := verdict.Tally{}

	for _, h := range k.truth.holdings {
		if h.Bare {
			want[string(h.ContractID)]++
		}
	}

	have, err := k.Tally(ctx, `SELECT coalesce(substring(detail FROM '[0-9a-f]{60,}'), detail) FROM unrecognized WHERE treasury_id = $1`)
	k.Compare(lookAlikesShown, want, have)

	return err
}

// offers compares the open instructions with the ledger's.
func (k *checker) offers(ctx context.Context) error {
	want := verdict.Tally{}
	for _, o := range k.truth.offers {
		want[fmt.Sprintf("%s: %s %s from %s to %s memo %s awaits receiver=%t", o.ContractID, o.Amount, o.Instrument.Ident(), o.Sender, o.Receiver,
			memoLine(o.Memo), !o.Waiting)]++
	}

	have, err := k.Tally(ctx, `SELECT contract_id || ': ' || amount || ' ' || `+instrumentSQL+` || ' from ' || sender || ' to ' || receiver || ' memo ' || `+
		memoSQL+` || ' awaits receiver=' || awaits_receiver::text
		FROM transfer_instructions JOIN instruments USING (instrument_no) WHERE treasury_id = $1 AND closed_no IS NULL`)
	k.Compare(offersAsLedger, want, have)

	return err
}
