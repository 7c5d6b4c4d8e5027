package store

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/memo"
)

// OutboxWaits is the number of the next event of the outbox that waits for its place; 0 if none does.
func (db *DB) OutboxWaits(ctx context.Context) (int64, error) {
	no, err := db.queries.OutboxWaits(ctx, db.exec)
	if notThere(err) {
		return 0, nil
	}

	return no, wrap("look what waits in the outbox", err)
}

// Transaction is one that is open in the database server. What this role may not see of it is empty.
type Transaction struct {
	PID         int       `json:"pid"`
	Database    string    `json:"database"`
	Role        string    `json:"role"`
	Application string    `json:"application"`
	State       string    `json:"state"`
	Since       time.Time `json:"since"`
	// Prepared is the name of one that was prepared and waits for its end, by COMMIT PREPARED or ROLLBACK PREPARED.
	Prepared string `json:"prepared"`
}

// LogValue writes it for operators; names are strangers' texts.
func (t Transaction) LogValue() slog.Value {
	values := []slog.Attr{slog.Int("pid", t.PID)}

	for name, text := range map[string]string{
		"database": t.Database, "role": t.Role, "application": t.Application, "state": t.State, "prepared": t.Prepared,
	} {
		if text != "" {
			values = append(values, slog.String(name, memo.Shown(text)))
		}
	}

	if !t.Since.IsZero() {
		values = append(values, slog.Time("since", t.Since))
	}

	return slog.GroupValue(values...)
}

// OldestTransaction is the one that holds events up, if any does.
func (db *DB) OldestTransaction(ctx context.Context) (Transaction, error) {
	raw, err := db.queries.OldestTransaction(ctx, db.exec)
	if err != nil {
		return Transaction{}, fmt.Errorf("look for the oldest transaction: %w", err)
	}

	var t Transaction
	if err := json.Unmarshal(raw, &t); err != nil {
		return Transaction{}, fmt.Errorf("look for the oldest transaction: %w", err)
	}

	return t, nil
}
