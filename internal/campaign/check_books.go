package campaign

import (
	"context"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// place says where on the ledger a transfer happened.
func place(t sandbox.Transfer) string {
	if t.Instruction == "" {
		return "update " + string(t.UpdateID)
	}

	return fmt.Sprintf("offer %s by %s ended by %s", t.Instruction, t.UpdateID, orDash(string(t.EndedBy)))
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}

	return text
}

// verdict is what should have become of a transfer to the treasury.
func (k *checker) verdict(t sandbox.Transfer) (state, reason, account string) {
	account, known := "", false
	if t.Memo != nil {
		account, known = k.memos[strings.TrimSpace(*t.Memo)]
	}

	switch t.State {
	case sandbox.TransferOffered, sandbox.TransferPending:
		return "offered", "", account
	case sandbox.TransferRejected, sandbox.TransferWithdrawn, sandbox.TransferExpired, sandbox.TransferFailed:
		return string(t.State), "", ""
	case sandbox.TransferCompleted:
	}

	switch {
	case !k.listed[t.Instrument.Ident()]:
		return "unattributed", "unlisted_instrument", account
	case t.Memo == nil:
		return "unattributed", "missing_memo", ""
	case *t.Memo == "":
		return "unattributed", "empty_memo", ""
	case !known:
		return "unattributed", "unknown_memo", ""
	case t.Instrument.Ident() == k.amulet && t.Amount.Cmp(amount.FromInt(minimumDeposit)) < 0:
		return "unattributed", "below_minimum", account
	default:
		return "credited", "", account
	}
}

func (k *checker) deposits(ctx context.Context) error {
	want := verdict.Tally{}

	for _, t := range k.transfers {
		if t.Receiver != k.Truth.Party || t.Sender == k.Truth.Party {
			continue
		}

		state, reason, account := k.verdict(t)
		want[fmt.Sprintf("%s: %s %s from %s memo %s: %s %s to %s", place(t), t.Amount, t.Instrument.Ident(), t.Sender, verdict.MemoLine(t.Memo),
			state, orDash(reason), orDash(account))]++
	}

	have, err := k.Tally(ctx, `SELECT CASE d.kind WHEN 'offer' THEN 'offer ' || correlation_id || ' by ' || coalesce(o.update_id, '-') || ' ended by ' || coalesce(s.update_id, '-')
			ELSE 'update ' || coalesce(s.update_id, '-') END
			|| ': ' || amount || ' ' || `+verdict.InstrumentSQL+` || ' from ' || sender || ' memo ' || `+verdict.MemoSQL+` || ': ' || state || ' '
			|| coalesce(nullif(reason, ''), '-') || ' to ' || coalesce(account, '-')
		FROM deposits d JOIN instruments USING (instrument_no)
		LEFT JOIN ledger_updates o ON o.treasury_id = d.treasury_id AND o.update_no = d.offered_no
		LEFT JOIN ledger_updates s ON s.treasury_id = d.treasury_id AND s.update_no = d.settled_no
		WHERE d.treasury_id = $1`)
	k.Compare(depositsAsPaid, want, have)

	return err
}

func (k *checker) withdrawals(ctx context.Context) error {
	want := verdict.Tally{}

	for _, t := range k.transfers {
		if t.Sender != k.Truth.Party || t.Receiver == k.Truth.Party {
			continue
		}

		state, reason := "failed", string(t.State)

		switch t.State {
		case sandbox.TransferCompleted:
			state, reason = "completed", ""
		case sandbox.TransferOffered, sandbox.TransferPending:
			state, reason = "offered", ""
		case sandbox.TransferRejected, sandbox.TransferWithdrawn, sandbox.TransferExpired, sandbox.TransferFailed:
		}

		want[fmt.Sprintf("%s: %s %s to %s: %s %s", place(t), t.Amount, t.Instrument.Ident(), t.Receiver, state, orDash(reason))]++
	}

	have, err := k.Tally(ctx, `SELECT CASE WHEN correlation_id IS NULL THEN 'update ' || coalesce(s.update_id, '-')
			ELSE 'offer ' || correlation_id || ' by ' || coalesce(o.update_id, '-') || ' ended by ' || coalesce(s.update_id, '-') END
			|| ': ' || amount || ' ' || `+verdict.InstrumentSQL+` || ' to ' || receiver || ': ' || state || ' ' || coalesce(nullif(reason, ''), '-')
		FROM withdrawals w JOIN instruments USING (instrument_no)
		LEFT JOIN ledger_updates o ON o.treasury_id = w.treasury_id AND o.update_no = w.offered_no
		LEFT JOIN ledger_updates s ON s.treasury_id = w.treasury_id AND s.update_no = w.settled_no
		WHERE w.treasury_id = $1`)
	k.Compare(withdrawalsFound, want, have)

	return err
}

// ledgerOf is a set of accounts being summed.
type ledgerOf map[string]amount.Amount

func (l ledgerOf) add(kind, account string, i ident.Instrument, value amount.Amount) error {
	key := fmt.Sprintf("%s %s %s", kind, orDash(account), i)

	sum, err := l[key].Add(value)
	l[key] = sum

	return err
}

// accounts sums what the ledger's transfers should have left in each account. Fees are not known here; they are what is
// left when everything else is right, because the accounts sum to zero.
func (k *checker) accounts(ctx context.Context) error {
	sums := ledgerOf{}

	for _, t := range k.transfers {
		if err := k.book(sums, t); err != nil {
			return err
		}
	}

	for _, h := range k.Truth.Holdings {
		if h.Bare {
			continue
		}

		if err := sums.add("network", "", h.Instrument.Ident(), h.Amount.Neg()); err != nil {
			return err
		}
	}

	for i, a := range k.acts.minted {
		if err := sums.add("income", "", i, a); err != nil {
			return err
		}
	}

	for i, a := range k.acts.lost {
		if err := sums.add("losses", "", i, a.Neg()); err != nil {
			return err
		}
	}

	want := verdict.Tally{}

	for key, sum := range sums {
		if !sum.IsZero() {
			want[key+" "+sum.String()]++
		}
	}

	have, err := k.Tally(ctx, `SELECT account_kind || ' ' || coalesce(nullif(account, ''), '-') || ' ' || `+verdict.InstrumentSQL+` || ' ' || sum(amount)
		FROM postings JOIN instruments USING (instrument_no) WHERE treasury_id = $1 AND account_kind <> 'fees'
		GROUP BY account_kind, account, instrument_id, admin HAVING sum(amount) <> 0`)
	k.Compare(accountsAsPaid, want, have)

	return err
}

func (k *checker) book(sums ledgerOf, t sandbox.Transfer) error {
	i := t.Instrument.Ident()

	switch {
	case t.State != sandbox.TransferCompleted, t.Sender == t.Receiver:
		return nil
	case t.Sender == k.Truth.Party:
		return sums.add("recovered", "", i, t.Amount.Neg())
	case t.Receiver != k.Truth.Party:
		return nil
	}

	if state, _, account := k.verdict(t); state == "credited" {
		return sums.add("customer", account, i, t.Amount)
	}

	return sums.add("unattributed", "", i, t.Amount)
}

// events compares the outbox with the rows whose states it tells; the rows are compared with the ledger elsewhere.
func (k *checker) events(ctx context.Context) error {
	told, err := k.Tally(ctx, `SELECT 'deposit.offered ' || deposit_id || ' by ' || offered_no || ': ' || amount || ' -' FROM deposits
			WHERE treasury_id = $1 AND offered_no IS NOT NULL
		UNION ALL SELECT 'deposit.' || state || ' ' || deposit_id || ' by ' || settled_no || ': ' || amount || ' ' || coalesce(account, '-')
			FROM deposits WHERE treasury_id = $1 AND settled_no IS NOT NULL
		UNION ALL SELECT 'withdrawal.offered ' || withdrawal_id || ' by ' || offered_no || ': ' || amount || ' -' FROM withdrawals
			WHERE treasury_id = $1 AND offered_no IS NOT NULL
		UNION ALL SELECT 'withdrawal.' || state || ' ' || withdrawal_id || ' by ' || settled_no || ': ' || amount || ' -' FROM withdrawals
			WHERE treasury_id = $1 AND settled_no IS NOT NULL
		UNION ALL SELECT 'ledger.unrecognized ' || u.update_id || '/' || n.node_id || ' by ' || n.update_no || ': - -'
			FROM unrecognized n JOIN ledger_updates u USING (treasury_id, update_no) WHERE treasury_id = $1
		UNION ALL SELECT 'holdings.changed ' || u.update_id || ' by ' || u.update_no || ': ' || sum(h.n) FILTER (WHERE h.new) || ' ' || sum(h.n) FILTER (WHERE NOT h.new)
			FROM (SELECT created_no AS update_no, 1 AS n, true AS new FROM holdings WHERE treasury_id = $1
				UNION ALL SELECT archived_no, 1, false FROM holdings WHERE treasury_id = $1 AND archived_no IS NOT NULL
				UNION ALL SELECT created_no, 0, false FROM holdings WHERE treasury_id = $1
				UNION ALL SELECT archived_no, 0, true FROM holdings WHERE treasury_id = $1 AND archived_no IS NOT NULL) AS h
			JOIN ledger_updates u USING (update_no) WHERE u.treasury_id = $1 GROUP BY u.update_id, u.update_no`)
	if err != nil {
		return err
	}

	have, err := k.Tally(ctx, `SELECT type || ' ' || subject || ' by ' || update_no || ': ' || (payload->>'createdCount') || ' ' || (payload->>'archivedCount')
		FROM events WHERE treasury_id = $1 AND type = 'holdings.changed'
		UNION ALL SELECT type || ' ' || subject || ' by ' || update_no || ': ' || coalesce((payload->>'amount')::numeric(38,10)::text, '-') || ' '
			|| CASE WHEN type = 'deposit.offered' THEN '-' ELSE coalesce(payload->>'account', '-') END
		FROM events WHERE treasury_id = $1 AND type <> 'holdings.changed'`)
	k.Compare(verdict.EventsOnce, told, have)

	return err
}
