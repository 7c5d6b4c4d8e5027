package deposits

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// answers looks for offers that the treasury accepted or rejected although none of our programs was about to.
func (k *checker) answers(ctx context.Context) error {
	submitted, err := k.Tally(ctx, "SELECT d.correlation_id || ' ' || s.verdict FROM campaign.submitted s JOIN deposits d USING (deposit_id) WHERE treasury_id = $1")
	if err != nil {
		return err
	}

	for _, t := range k.transfers {
		if t.Instruction == "" || k.elsewhere[t.Instruction] {
			continue
		}

		verdict := ""

		switch t.State {
		case sandbox.TransferCompleted, sandbox.TransferPending, sandbox.TransferFailed:
			verdict = "accept"
		case sandbox.TransferRejected:
			verdict = "reject"
		case sandbox.TransferOffered, sandbox.TransferWithdrawn, sandbox.TransferExpired:
			continue
		}

		if submitted[string(t.Instruction)+" "+verdict] == 0 {
			k.Reportf(acceptedByUs, "offer %s of %s %s from %s memo %s is %s", t.Instruction, t.Amount, t.Instrument.Ident(), t.Sender, beginning(t.Memo), t.State)
		}
	}

	return nil
}

// submission is an answer that was about to be submitted.
type submission struct {
	ID           uuid.UUID
	Offer        ident.ContractID
	Verdict      string
	Began, Ended time.Time
}

// submissions holds each answer that was about to be submitted against what the exchange had said by then.
func (k *checker) submissions(ctx context.Context) error {
	rows, err := k.Tx.Query(ctx, "SELECT s.deposit_id, d.correlation_id, s.verdict, s.began, s.ended FROM campaign.submitted s JOIN deposits d USING (deposit_id) WHERE treasury_id = $1", k.Treasury)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[submission])
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	for _, s := range list {
		if t, ok := k.offers[s.Offer]; !ok || !k.right(s, t) {
			k.Reportf(acceptedRightly, "%s of offer %s, %s %s from %s memo %s, at %s", s.Verdict, s.ID, t.Amount, t.Instrument.Ident(), t.Sender, beginning(t.Memo), s.Began)
		}
	}

	return nil
}

// right reports whether an answer may have been the right one when it was about to be submitted.
func (k *checker) right(s submission, t sandbox.Transfer) bool {
	from, to := s.Began.Add(-time.Millisecond), s.Ended.Add(time.Millisecond)
	longAgo := time.Time{} // deadlines are the ledger's business: what is too late is not accepted

	for _, word := range during(k.grounds.words, s.ID, from, to) {
		for _, terms := range during(k.grounds.terms, t.Instrument.Ident(), from, to) {
			for _, memo := range k.memosDuring(t.Memo, from, to) {
				for _, blocked := range during(k.grounds.blocked, t.Sender, from, to) {
					if said, _ := judge(t, terms, s.ID, memo, blocked, word, longAgo); said == s.Verdict {
						return true
					}
				}
			}
		}
	}

	return false
}

// judge is the verdict on an offer and its reason, as docs/deposits.md has them.
func judge(t sandbox.Transfer, g terms, id uuid.UUID, m memoState, blocked bool, word string, now time.Time) (verdict, reason string) {
	switch {
	case t.State == sandbox.TransferPending:
		return "ignore", "awaits_registry"
	case !now.Before(t.ExecuteBefore):
		return "ignore", "deadline_passed"
	case now.Add(g.lead).After(t.ExecuteBefore):
		return "ignore", "deadline_too_near"
	case !g.listed:
		return "ignore", "unlisted_instrument"
	case word != "":
		return word, "by_operator"
	case !g.accepts:
		return "ignore", "offers_disabled"
	case memoReason(t.Memo, m) != "":
		return "ignore", memoReason(t.Memo, m)
	case t.Amount.Cmp(greater(g.minimumOffer, g.minimumDeposit)) < 0:
		return "ignore", "below_minimum"
	case blocked:
		return "ignore", "sender_blocked"
	}

	if _, held := says(id); g.screens && held != "" {
		return "hold", held
	}

	return "accept", ""
}

func greater(a, b amount.Amount) amount.Amount {
	if a.Cmp(b) > 0 {
		return a
	}

	return b
}

// opinion is the verdict on an offer in the database.
type opinion struct {
	ID                    uuid.UUID
	Offer                 ident.ContractID
	Verdict, Reason, Work string
}

// verdicts holds what is said of each open offer against what the exchange has said, and the ledger.
func (k *checker) verdicts(ctx context.Context) error {
	rows, err := k.Tx.Query(ctx, `SELECT v.deposit_id, d.correlation_id, v.verdict, v.reason, v.work FROM offer_verdicts v JOIN deposits d USING (treasury_id, deposit_id)
		WHERE v.treasury_id = $1 AND v.open`, k.Treasury)
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[opinion])
	if err != nil {
		return fmt.Errorf("check: %w", err)
	}

	said := map[ident.ContractID]bool{}

	for _, o := range list {
		said[o.Offer] = true
		t := k.offers[o.Offer]

		var memo memoState
		if t.Memo != nil {
			memo = atLast(k.grounds.memos, keyOf(*t.Memo))
		}

		verdict, reason := judge(t, atLast(k.grounds.terms, t.Instrument.Ident()), o.ID, memo, atLast(k.grounds.blocked, t.Sender), atLast(k.grounds.words, o.ID), k.now)
		if o.Verdict != verdict || o.Reason != reason || o.Work != "none" {
			k.Reportf(verdictsTrue, "%s is %s %s, work %s, and should be %s %s: %s %s from %s memo %s until %s, at %s", o.ID, o.Verdict, o.Reason, o.Work, verdict, reason,
				t.Amount, t.Instrument.Ident(), t.Sender, beginning(t.Memo), t.ExecuteBefore, k.now)
		}
	}

	for _, t := range k.transfers {
		if (t.State == sandbox.TransferOffered || t.State == sandbox.TransferPending) && !said[t.Instruction] {
			k.Reportf(verdictsTrue, "nothing is said of offer %s", t.Instruction)
		}
	}

	return nil
}

// work looks for verdicts that have outlived their offers, and for open offers without any: of one that was made and ended
// before anybody looked, nothing is said.
func (k *checker) work(ctx context.Context) error {
	return k.None(ctx, verdictsClosed, `SELECT concat_ws(' ', deposit_id, 'is', d.state, 'and open:', coalesce(v.open::text, 'nothing'), v.work, v.prepared IS NOT NULL, v.signature IS NOT NULL, v.next_at, v.lease_until)
		FROM (SELECT deposit_id, state FROM deposits WHERE treasury_id = $1 AND kind = 'offer') AS d
		FULL JOIN (SELECT deposit_id, open, work, prepared, signature, next_at, lease_until FROM offer_verdicts WHERE treasury_id = $1) AS v USING (deposit_id)
		WHERE d.state IS NULL OR v.open IS NULL AND d.state = 'offered' OR v.open <> (d.state = 'offered')
			OR NOT v.open AND (v.work <> 'none' OR v.prepared IS NOT NULL OR v.signature IS NOT NULL OR v.lease_until IS NOT NULL)`)
}
