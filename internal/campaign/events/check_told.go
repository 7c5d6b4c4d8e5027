package events

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/store"
)

// account is what a receiver lacks, has beyond what it asked for, and was told otherwise than the log has it.
type account struct{ lacks, more, other int }

// told holds what every receiver has against the log, byte for byte.
func (k *checker) told(ctx context.Context, treasury int) error {
	rows, err := k.pool.Query(ctx, "SELECT seq, type, account, body FROM event_log WHERE treasury_id = $1", int32(k.ids[treasury]))
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}

	accounts := map[*receiver]*account{}

	for _, r := range k.receivers {
		if r.treasury == treasury {
			accounts[r] = &account{}
		}
	}

	var e store.LoggedEvent

	_, err = pgx.ForEachRow(rows, []any{&e.Seq, &e.Type, &e.Account, &e.Body}, func() error {
		for r, a := range accounts {
			if err := k.compare(r, a, &e); err != nil {
				return err
			}
		}

		return nil
	})
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}

	for r, a := range accounts {
		for promise, n := range map[string]int{toldAll: a.lacks, toldNoMore: a.more, toldTrue: a.other} {
			if n > 0 {
				k.reportf(promise, "%s (%s) of %s: %d", r.id, r.name, k.parties[treasury], n)
			}
		}
	}

	return nil
}

func (k *checker) compare(r *receiver, a *account, e *store.LoggedEvent) error {
	wants := event.Filter{Types: r.types, Accounts: r.accounts}.Matches(e.About)
	said, has := r.seen[e.Seq]

	switch {
	case wants && !has:
		a.lacks++
	case has && !wants:
		a.more++
	case has:
		body, err := event.Withhold(e.Body, r.withheld, k.keys.Signer())
		if err != nil {
			return err
		}

		if k.hall.hashOf(body) != said {
			a.other++
		}
	}

	return nil
}
