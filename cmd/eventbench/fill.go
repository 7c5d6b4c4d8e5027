package main

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/pgtest"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	database   = "postgres"
	treasuryNo = 1
	copied     = 10_000 // events of one COPY
)

// treasury has a name as long as on a real network.
func treasury() ident.Party {
	return ident.Party("exchange-treasury::1220" + strings.Repeat("ab", 32))
}

// startDatabase is a PostgreSQL with durable commits.
func startDatabase(ctx context.Context, o options) (*pgtest.Server, error) {
	return pgtest.Start(ctx, pgtest.Options{Durable: true, Dir: o.dir, Settings: map[string]string{
		"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "15min",
	}})
}

// fill writes a log of events, each signed and as large as the credit of a deposit is, and tells how large they are.
func fill(ctx context.Context, dsn string, n int) (size int64, err error) {
	if err := store.Migrate(ctx, secret.New(dsn)); err != nil {
		return 0, err
	}

	keys, err := event.NewSecret(secret.New(strings.Repeat("k", event.MinSecret)))
	if err != nil {
		return 0, err
	}

	connection, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }()

	if _, err := connection.Exec(ctx, `INSERT INTO treasuries (treasury_id, party, created_at)
		OVERRIDING SYSTEM VALUE VALUES ($1, $2, now())`, treasuryNo, treasury()); err != nil {
		return 0, fmt.Errorf("make a treasury: %w", err)
	}

	var last event.Chain

	for from := 0; from < n; from += copied {
		chains := make([]event.Chain, min(copied, n-from))
		for i := range chains {
			last = last.Next(int64(from+i+1), eventID(from+i+1))
			chains[i] = last
		}

		rows, err := encoded(ctx, from, chains, keys.Signer())
		if err != nil {
			return 0, err
		}

		if _, err := connection.CopyFrom(ctx, pgx.Identifier{"event_log"}, []string{
			"treasury_id", "seq", "event_id", "type", "subject", "account", "instrument_no", "logged_at", "body",
			"chain",
		}, pgx.CopyFromRows(rows)); err != nil {
			return 0, fmt.Errorf("fill the log of events: %w", err)
		}
	}

	_, err = connection.Exec(ctx, "INSERT INTO event_heads (treasury_id, seq, chain) VALUES ($1, $2, $3)",
		treasuryNo, n, last[:])
	if err != nil {
		return 0, fmt.Errorf("fill the log of events: %w", err)
	}

	for _, text := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := connection.Exec(ctx, text); err != nil {
			return 0, fmt.Errorf("fill the log of events: %w", err)
		}
	}

	err = connection.QueryRow(ctx, "SELECT coalesce(avg(length(body)), 0)::bigint FROM event_log").Scan(&size)
	if err != nil {
		return 0, fmt.Errorf("measure events: %w", err)
	}

	return size, nil
}

// encoded are rows of the log after a place, made by all processors.
func encoded(ctx context.Context, from int, chains []event.Chain, by event.Signer) ([][]any, error) {
	n := len(chains)
	rows := make([][]any, n)
	parts := runtime.NumCPU()

	group, _ := errgroup.WithContext(ctx)
	for part := range parts {
		group.Go(func() error {
			for i := part; i < n; i += parts {
				h := happened(from + i + 1)

				body, err := h.Encode(int64(from+i+1), chains[i], by)
				if err != nil {
					return err
				}

				rows[i] = []any{
					treasuryNo, int64(from + i + 1), h.ID, h.Type, h.Subject, account(from + i + 1), 0, h.At, body,
					chains[i][:],
				}
			}

			return nil
		})
	}

	return rows, group.Wait() //nolint:wrapcheck // worded where it arose
}

func account(n int) string { return fmt.Sprintf("c%d", n%50_000) } //nolint:mnd // customers

func eventID(n int) uuid.UUID { return uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "event %d", n)) }

// happened is the credit of a deposit.
func happened(n int) *event.Happened {
	const every = 4 * time.Second

	deposit := uuid.NewSHA1(uuid.Nil, fmt.Appendf(nil, "deposit %d", n))
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * every)
	memo := fmt.Sprintf("MEMO%d", n%50_000)                                                    //nolint:mnd // customers
	long := fmt.Sprintf("%064x", n)                                                            // a hash
	sender := ident.Party(fmt.Sprintf("sender%d::1220%s", n%30_000, strings.Repeat("cd", 32))) //nolint:mnd // a SHA-256
	admin := ident.Party("DSO::1220" + strings.Repeat("ef", 32))
	sum := amount.FromInt(int64(n%977 + 1))

	return &event.Happened{
		ID: eventID(n), Treasury: treasury(), Type: "deposit.credited", Subject: "deposit/" + deposit.String(), At: at,
		Data: fmt.Appendf(nil, `{"account":%q,"amount":%q,"depositId":%q,"evidence":{"nodeId":3,"updateId":"1220%s"},`+
			`"instrumentAdmin":%q,"instrumentId":"Amulet","memo":%q,"sender":%q,"state":"credited"}`,
			account(n), sum, deposit, long, admin, memo, sender),
		Update: &event.Update{
			ID: ident.UpdateID("1220" + long), RecordTime: at, Offset: ident.Offset(n),
			Synchronizer: ident.SynchronizerID("global-domain::1220" + strings.Repeat("12", 32)),
			Participant:  ident.ParticipantID("participant::1220" + strings.Repeat("34", 32)),
		},
		Transfer: &event.Transfer{
			Node: 3, Status: "completed", Sender: sender, Receiver: treasury(), Amount: sum, Memo: &memo, //nolint:mnd // any
			Instrument: ident.Instrument{Admin: admin, ID: "Amulet"}, Correlation: ident.ContractID("00" + long + long),
		},
	}
}
