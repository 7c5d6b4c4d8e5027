package events

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// Promises about what ingestion tells.
const (
	toldAsPaid   = "every deposit on the ledger is told once, with what was paid"
	evidenceTrue = "what an event says of the ledger is so on the ledger"
)

// ledger holds what was told of the network's treasury against the network.
func (k *checker) ledger(ctx context.Context) error {
	if err := k.evidence(ctx); err != nil {
		return err
	}

	want := verdict.Tally{}

	for _, t := range k.network.ledger.Transfers() {
		if t.Receiver != k.network.party || t.Sender == k.network.party || t.State != sandbox.TransferCompleted {
			continue
		}

		update := t.UpdateID
		if t.Instruction != "" {
			update = t.EndedBy
		}

		want[fmt.Sprintf("%s: %s of %s from %s, memo %s", update, t.Amount, t.Instrument.Ident(), t.Sender, verdict.MemoLine(t.Memo))]++
	}

	have, err := k.tally(ctx, `SELECT concat(d #>> '{evidence,updateId}', ': ', x->>'amount', ' of ', x->>'instrumentId', '@', x->>'instrumentAdmin', ' from ', x->>'sender',
			', memo ', CASE WHEN x ? 'memo' THEN '"' || (x->>'memo') || '"' ELSE 'none' END)
		FROM (SELECT e->'data' AS d, e #> '{data,evidence,transfer}' AS x FROM (SELECT convert_from(body, 'UTF8')::jsonb AS e, type FROM event_log WHERE treasury_id = $1) l
			WHERE l.type IN ('deposit.credited', 'deposit.held', 'deposit.unattributed')) told`)
	if err != nil {
		return err
	}

	compare := verdict.Checker{}
	compare.Compare(toldAsPaid, want, have)
	k.found = append(k.found, compare.Found...)

	if len(want) == 0 {
		k.reportf(toldAsPaid, "nothing was paid: the campaign says nothing of ingestion")
	}

	k.report.Deposits = len(want)

	return nil
}

func (k *checker) tally(ctx context.Context, query string) (verdict.Tally, error) {
	rows, err := k.pool.Query(ctx, query, int32(k.ids[len(k.ids)-1]))
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}

	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read what was told: %w", err)
	}

	return verdict.Counted(lines), nil
}

// evidence looks for every update that an event names on the ledger, at its offset and with its record time.
func (k *checker) evidence(ctx context.Context) error {
	const layout = "2006-01-02T15:04:05.000000Z"

	there := map[string]bool{}
	for _, u := range k.network.ledger.Updates(k.network.party) {
		there[fmt.Sprintf("%s at %d of %s", u.UpdateID, u.Offset, u.RecordTime.UTC().Format(layout))] = true
	}

	told, err := k.tally(ctx, `SELECT concat(v->>'updateId', ' at ', v->>'offset', ' of ', v->>'recordTime')
		FROM (SELECT convert_from(body, 'UTF8')::jsonb #> '{data,evidence}' AS v FROM event_log WHERE treasury_id = $1) e WHERE v IS NOT NULL`)
	if err != nil {
		return err
	}

	for line := range told {
		if !there[line] {
			k.reportf(evidenceTrue, "update %s is not", line)
		}
	}

	if len(told) == 0 {
		k.reportf(evidenceTrue, "no event names an update")
	}

	return nil
}
