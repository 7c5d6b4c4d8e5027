package verdict

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// What should hold of every history that was ingested.
const (
	EveryUpdateOnce  = "every update that the treasury sees is stored exactly once, in order"
	GaplessNumbers   = "updates are numbered without gaps, in the order of their offsets, with their bodies"
	CursorAtTheEnd   = "the cursor stands at the last update"
	HoldingsAsLedger = "holdings are what the treasury owns on the ledger"
	OffersAsLedger   = "open instructions are the ledger's open offers"
	MovementsZero    = "every movement sums to zero"
	BalancesAreSums  = "balances are the sums of postings"
	EventsOnce       = "every state of a deposit or withdrawal is told exactly once, in order"
	LookAlikesShown  = "every contract that claims to be a token is shown once, and counted nowhere"
)

// The texts by which rows are compared, in SQL; MemoLine and Instrument.String are the same in Go.
const (
	// InstrumentSQL is for a row of instruments.
	InstrumentSQL = `instrument_id || '@' || admin`
	// MemoSQL is for a row with a memo.
	MemoSQL = `CASE WHEN memo IS NULL THEN 'none' ELSE '"' || memo || '"' END`
)

// MemoLine is a memo as MemoSQL says it: the beginning of a huge one, without the one character that PostgreSQL cannot
// hold.
func MemoLine(memo *string) string {
	const most = 4000

	if memo == nil {
		return "none"
	}

	text := strings.ToValidUTF8((*memo)[:min(len(*memo), most)], "")

	return `"` + strings.ReplaceAll(text, "\x00", "\ufffd") + `"`
}

// Truth is what the sandbox knows happened, read when it is quiet.
type Truth struct {
	Party    ident.Party
	Updates  []sandbox.Visible
	Holdings []sandbox.Holding
	Offers   []sandbox.Offer
}

// Ask reads the truth about a party.
func Ask(ledger *sandbox.Sandbox, party ident.Party) (Truth, error) {
	holdings, err := ledger.Holdings(party)
	if err != nil {
		return Truth{}, err
	}

	offers, err := ledger.Offers(party)

	return Truth{Party: party, Updates: ledger.Updates(party), Holdings: holdings, Offers: offers}, err
}

// History compares a treasury's rows with the truth, as far as any treasury's are alike.
type History struct {
	Checker

	Truth Truth
}

// Updates compares the stored updates with the visible ones, one after the other.
func (k *History) Updates(ctx context.Context) error {
	have, err := k.Lines(ctx, `SELECT update_id || ' at offset ' || ledger_offset || ' of ' ||
		to_char(record_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') FROM ledger_updates
		WHERE treasury_id = $1 AND kind IN ('transaction', 'reassignment') ORDER BY update_no`)
	if err != nil {
		return err
	}

	want := make([]string, len(k.Truth.Updates))
	for i, u := range k.Truth.Updates {
		want[i] = fmt.Sprintf("%s at offset %d of %s", u.UpdateID, u.Offset, u.RecordTime.UTC().Format("2006-01-02T15:04:05.000000"))
	}

	if slices.Equal(want, have) {
		return nil
	}

	before := len(k.Found)
	k.Compare(EveryUpdateOnce, Counted(want), Counted(have))

	if len(k.Found) == before {
		for i := range want {
			if want[i] != have[i] {
				k.Reportf(EveryUpdateOnce, "the %dth is %s instead of %s", i+1, have[i], want[i])

				break
			}
		}
	}

	return nil
}

// Numbers looks for gaps in the numbers of updates, offsets that go back, and bodies that are missing.
func (k *History) Numbers(ctx context.Context) error {
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
		if err := k.None(ctx, GaplessNumbers, query); err != nil {
			return err
		}
	}

	return nil
}

// Cursor holds the cursor and the clocks against the updates. A node of 3.3 does not name the synchronizer of a reassignment.
func (k *History) Cursor(ctx context.Context) error {
	for _, query := range []string{
		`SELECT 'the cursor is at update ' || c.update_no || ' ' || c.update_id || ', offset ' || c.ledger_offset
		 FROM ingestion_cursors c LEFT JOIN ledger_updates u USING (treasury_id, update_no)
		 WHERE treasury_id = $1 AND (u.update_id IS DISTINCT FROM c.update_id OR u.ledger_offset > c.ledger_offset
			OR EXISTS (SELECT FROM ledger_updates l WHERE l.treasury_id = c.treasury_id AND l.update_no > c.update_no))`,
		`SELECT 'the clock of ' || u.synchronizer_id || ' is at ' || coalesce(c.record_time::text, 'nothing') || ', before an update of ' || max(u.record_time)
		 FROM ledger_updates u LEFT JOIN synchronizer_clocks c USING (treasury_id, synchronizer_id)
		 WHERE u.treasury_id = $1 AND u.synchronizer_id <> '' GROUP BY u.synchronizer_id, c.record_time HAVING c.record_time IS NULL OR c.record_time < max(u.record_time)`,
	} {
		if err := k.None(ctx, CursorAtTheEnd, query); err != nil {
			return err
		}
	}

	return nil
}

// Holdings compares the active holdings with the ledger's. Look-alikes are worth nothing and are none.
func (k *History) Holdings(ctx context.Context) error {
	want := Tally{}

	for _, h := range k.Truth.Holdings {
		if h.Bare {
			continue
		}

		want[fmt.Sprintf("%s: %s %s locked=%t on %s", h.ContractID, h.Amount, h.Instrument.Ident(), h.Locked, h.SynchronizerID)]++
	}

	have, err := k.Tally(ctx, `SELECT contract_id || ': ' || amount || ' ' || `+InstrumentSQL+` || ' locked=' || (lock_holders IS NOT NULL)::text || ' on ' || synchronizer_id
		FROM holdings JOIN instruments USING (instrument_no) WHERE treasury_id = $1 AND archived_no IS NULL`)
	k.Compare(HoldingsAsLedger, want, have)

	return err
}

// LookAlikes looks for the contracts that only claim to be a token: nothing that a stranger writes is dropped unseen.
func (k *History) LookAlikes(ctx context.Context) error {
	want := Tally{}

	for _, h := range k.Truth.Holdings {
		if h.Bare {
			want[string(h.ContractID)]++
		}
	}

	have, err := k.Tally(ctx, `SELECT CASE WHEN problem LIKE '%_mismatch' THEN problem || ': ' || detail ELSE coalesce(substring(detail FROM '[0-9a-f]{60,}'), detail) END
		FROM unrecognized WHERE treasury_id = $1`)
	k.Compare(LookAlikesShown, want, have)

	return err
}

// Offers compares the open instructions with the ledger's.
func (k *History) Offers(ctx context.Context) error {
	want := Tally{}
	for _, o := range k.Truth.Offers {
		want[fmt.Sprintf("%s: %s %s from %s to %s memo %s awaits receiver=%t", o.ContractID, o.Amount, o.Instrument.Ident(), o.Sender, o.Receiver,
			MemoLine(o.Memo), !o.Waiting)]++
	}

	have, err := k.Tally(ctx, `SELECT contract_id || ': ' || amount || ' ' || `+InstrumentSQL+` || ' from ' || sender || ' to ' || receiver || ' memo ' || `+
		MemoSQL+` || ' awaits receiver=' || awaits_receiver::text
		FROM transfer_instructions JOIN instruments USING (instrument_no) WHERE treasury_id = $1 AND closed_no IS NULL`)
	k.Compare(OffersAsLedger, want, have)

	return err
}

// Movements looks for movements that do not sum to zero.
func (k *History) Movements(ctx context.Context) error {
	return k.None(ctx, MovementsZero, `SELECT 'movement ' || movement || ' of update ' || origin_no || ' sums to ' || sum(amount) || ' of instrument ' || instrument_no
		FROM postings WHERE treasury_id = $1 GROUP BY origin, origin_no, movement, instrument_no HAVING sum(amount) <> 0`)
}

// Balances compares balances with the sums of postings.
func (k *History) Balances(ctx context.Context) error {
	return k.None(ctx, BalancesAreSums, `SELECT account_kind || ' ' || account || ' of instrument ' || instrument_no || ': balance '
			|| coalesce(b.amount::text, 'none') || ', postings ' || coalesce(p.amount::text, 'none')
		FROM (SELECT account_kind, account, instrument_no, amount FROM balances WHERE treasury_id = $1) AS b
		FULL JOIN (SELECT account_kind, account, instrument_no, sum(amount) AS amount FROM postings WHERE treasury_id = $1
			GROUP BY account_kind, account, instrument_no) AS p USING (account_kind, account, instrument_no)
		WHERE b.amount IS DISTINCT FROM p.amount`)
}

// EventOrder looks for events that are told twice, and for those of the ledger that are out of order. What no update caused
// has the number 0.
func (k *History) EventOrder(ctx context.Context) error {
	for _, query := range []string{
		`SELECT 'event id ' || event_id || ' is told ' || count(*) || ' times: ' || string_agg(type || ' of ' || subject, ', ') FROM events WHERE treasury_id = $1 GROUP BY event_id HAVING count(*) > 1`,
		`SELECT 'event ' || event_no || ' of update ' || update_no || ' comes after one of update ' || before FROM
			(SELECT event_no, update_no, lag(update_no, 1, 0::bigint) OVER (ORDER BY xid, event_no) AS before FROM events WHERE treasury_id = $1 AND update_no > 0) AS e
			WHERE update_no < before`,
	} {
		if err := k.None(ctx, EventsOnce, query); err != nil {
			return err
		}
	}

	return nil
}
