package events

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// deposit is what an event says of money that came to the treasury.
type deposit struct {
	State    string        `json:"state"`
	Reason   string        `json:"reason"`
	Account  string        `json:"account"`
	Admin    ident.Party   `json:"instrumentAdmin"`
	ID       string        `json:"instrumentId"`
	Amount   amount.Amount `json:"amount"`
	Sender   ident.Party   `json:"sender"`
	Memo     *string       `json:"memo"`
	Evidence struct {
		UpdateID      ident.UpdateID       `json:"updateId"`
		RecordTime    string               `json:"recordTime"`
		Offset        ident.Offset         `json:"offset"`
		ParticipantID ident.ParticipantID  `json:"participantId"`
		Synchronizer  ident.SynchronizerID `json:"synchronizer"`
		Transfer      struct {
			Status   string        `json:"status"`
			Sender   ident.Party   `json:"sender"`
			Receiver ident.Party   `json:"receiver"`
			Admin    ident.Party   `json:"instrumentAdmin"`
			ID       string        `json:"instrumentId"`
			Amount   amount.Amount `json:"amount"`
			Memo     *string       `json:"memo"`
		} `json:"transfer"`
	} `json:"evidence"`
}

// toldAsHappened is what ingestion and the telling of events promise together.
const toldAsHappened = "every transfer to the treasury is told once as what became of it, with the ledger's transfer as its evidence"

// ledger holds what is told of the treasury's deposits against what the sandbox says happened: every transfer to it is
// told once for each thing that became of it, with the sandbox's transfer as the evidence.
func (k *checker) ledger(ctx context.Context) error {
	updates := map[ident.UpdateID]sandbox.Visible{}
	for _, u := range k.network.ledger.Updates(k.network.party) {
		updates[u.UpdateID] = u
	}

	want := verdict.Tally{}

	for _, t := range k.network.ledger.Transfers() {
		if t.Receiver != k.network.party || t.Sender == k.network.party {
			continue
		}

		k.report.Deposits++

		for _, line := range k.lines(&t, updates) {
			want[line+" on "+k.network.ledger.Validators()[0].Participant()]++
		}
	}

	have, err := k.toldDeposits(ctx)

	if len(want) == 0 {
		k.reportf(toldAsHappened, "nothing was paid: the campaign says nothing of ingestion")
	}

	for line := range want {
		if have[line] != want[line] {
			k.reportf(toldAsHappened, "%d times instead of %d: %s", have[line], want[line], line)
		}
	}

	for line := range have {
		if want[line] == 0 {
			k.reportf(toldAsHappened, "it did not happen: %s", line)
		}
	}

	return err
}

// lines are what must be told of a transfer: that it was offered, and what became of it.
func (k *checker) lines(t *sandbox.Transfer, updates map[ident.UpdateID]sandbox.Visible) []string {
	money := fmt.Sprintf("%s %s from %s to %s memo %s", t.Amount, t.Instrument.Ident(), t.Sender, t.Receiver, verdict.MemoLine(t.Memo))
	reason, account := k.attributed(t)

	line := func(what, reason, account, status string, by ident.UpdateID) string {
		u := updates[by]

		return fmt.Sprintf("deposit.%s %q account %q: %s; %s by %s at offset %d of %s", what, reason, account, money, status, by, u.Offset,
			u.RecordTime.UTC().Format("2006-01-02T15:04:05.000000Z"))
	}

	ended := func(by ident.UpdateID) string {
		switch {
		case t.State != sandbox.TransferCompleted:
			return line(string(t.State), "", "", string(t.State), by)
		case reason != "":
			return line("unattributed", reason, account, "completed", by)
		default:
			return line("credited", "", account, "completed", by)
		}
	}

	if t.Instruction == "" {
		return []string{ended(t.UpdateID)}
	}

	lines := []string{line("offered", "", account, "pending", t.UpdateID)}
	if t.EndedBy != "" {
		lines = append(lines, ended(t.EndedBy))
	}

	return lines
}

// attributed is whose a payment is, and why it is nobody's.
func (k *checker) attributed(t *sandbox.Transfer) (reason, account string) {
	for i := range accounts {
		if t.Memo != nil && strings.TrimSpace(*t.Memo) == fmt.Sprintf("MEMO-%03d", i) {
			account = fmt.Sprintf("account-%d", i)
		}
	}

	switch i := t.Instrument.Ident(); {
	case i != k.network.ledger.Amulet() && i != k.network.ledger.AcmeToken():
		return "unlisted_instrument", account
	case t.Memo == nil:
		return "missing_memo", ""
	case *t.Memo == "":
		return "empty_memo", ""
	case account == "":
		return "unknown_memo", ""
	default:
		return "", account
	}
}

// toldDeposits are the lines of the events, as everybody has them.
func (k *checker) toldDeposits(ctx context.Context) (verdict.Tally, error) {
	lines := verdict.Tally{}

	var body []byte

	rows, err := k.pool.Query(ctx, "SELECT body FROM event_log WHERE treasury_id = $1", int32(k.ids[treasuries]))
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}

	_, err = pgx.ForEachRow(rows, []any{&body}, func() error {
		e, err := event.Parse(body)
		if err != nil {
			return err
		}

		switch {
		case strings.HasPrefix(e.Type, "deposit."):
			return k.lineOf(e, lines)
		case e.Type != "holdings.changed" && e.Type != "ledger.unrecognized":
			k.reportf(toldAsHappened, "%s of %s did not happen", e.Type, e.Subject)
		}

		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}

	return lines, nil
}

func (k *checker) lineOf(e event.Cloud, lines verdict.Tally) error {
	var d deposit
	if err := strictjson.Decode(e.Data, &d); err != nil {
		return fmt.Errorf("read event %s: %w", e.ID, err)
	}

	of, its := d.Evidence, d.Evidence.Transfer
	said := fmt.Sprint(d.Amount, d.Admin, d.ID, d.Sender, verdict.MemoLine(d.Memo))

	if shown := fmt.Sprint(its.Amount, its.Admin, its.ID, its.Sender, verdict.MemoLine(its.Memo)); said != shown || of.Synchronizer == "" {
		k.reportf(toldAsHappened, "event %s says %s, and shows %s of %q", e.ID, said, shown, of.Synchronizer)
	}

	lines[fmt.Sprintf("%s %q account %q: %s %s from %s to %s memo %s; %s by %s at offset %d of %s on %s", e.Type, d.Reason, d.Account, its.Amount,
		ident.Instrument{Admin: its.Admin, ID: its.ID}, its.Sender, its.Receiver, verdict.MemoLine(its.Memo), its.Status, of.UpdateID,
		of.Offset, of.RecordTime, of.ParticipantID)]++

	return nil
}
