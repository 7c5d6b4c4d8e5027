package verdict

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/event/eventtest"
)

// EventsAsCatalogued is what receivers of events rely on.
const EventsAsCatalogued = "every event is as the catalogue says"

// Catalogued holds every event of the outbox against the schema of its type.
func (k *Checker) Catalogued(ctx context.Context) error {
	schemas, err := eventtest.Load()
	if err != nil {
		return err
	}

	rows, err := k.Tx.Query(ctx, "SELECT type, payload FROM events WHERE treasury_id = $1", k.Treasury)
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}

	var (
		kind string
		data []byte
	)

	_, err = pgx.ForEachRow(rows, []any{&kind, &data}, func() error {
		if err := schemas.Check(kind, data); err != nil {
			k.Reportf(EventsAsCatalogued, "%.600s", err.Error())
		}

		return nil
	})
	if err != nil {
		return fmt.Errorf("read events: %w", err)
	}

	return nil
}
