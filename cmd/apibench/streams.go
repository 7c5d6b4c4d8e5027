package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/machine"
	"github.com/canton-exchange/suite/internal/secret"
)

const (
	// settling is how long streams are left alone before the memory of the API is read.
	settling = 20 * time.Second
	// aMiB is how memory is told.
	aMiB = 1 << 20
	// ample is more than the memory of a reader's buffer needs.
	ample = 4 << 10
)

// measureStreams opens streams of events that have nothing to tell, says what memory of the API they take, and how long
// an event takes to reach all of them.
func measureStreams(ctx context.Context, s *server, d *door, key secret.String, n int, say func(string, ...any)) error {
	db, err := pgx.Connect(ctx, s.DSN(database))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = db.Close(context.WithoutCancel(ctx)) }()

	var party string
	if err := db.QueryRow(ctx, "SELECT party FROM treasuries ORDER BY treasury_id LIMIT 1").Scan(&party); err != nil {
		return fmt.Errorf("find a treasury: %w", err)
	}

	before, err := machine.UsageOf(d.command.Process.Pid)
	if err != nil {
		return err
	}

	var (
		readers     []*bufio.Reader
		connections []net.Conn
	)

	defer func() {
		for _, connection := range connections {
			_ = connection.Close()
		}
	}()

	for i := range n {
		connection, err := openStream(ctx, d, party, key)
		if err != nil {
			return fmt.Errorf("open stream %d: %w", i, err)
		}

		connections = append(connections, connection)
		readers = append(readers, bufio.NewReaderSize(connection, ample))

		if err := reads(readers[i], "retry:"); err != nil {
			return fmt.Errorf("open stream %d: %w", i, err)
		}
	}

	if !rest(ctx, settling) {
		return ctx.Err() //nolint:wrapcheck // interrupted
	}

	idle, err := machine.UsageOf(d.command.Process.Pid)
	if err != nil {
		return err
	}

	took, err := tellAll(ctx, db, readers)
	if err != nil {
		return err
	}

	after, err := machine.UsageOf(d.command.Process.Pid)
	if err != nil {
		return err
	}

	say("%-56s the API takes %d MiB, %d MiB before and %d MiB after; an event reached all of them in %s\n",
		fmt.Sprintf("%d streams of events", n), idle.Resident/aMiB, before.Resident/aMiB, after.Resident/aMiB,
		took.Round(time.Millisecond))

	return nil
}

func openStream(ctx context.Context, d *door, party string, key secret.String) (net.Conn, error) {
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}

	_, err = fmt.Fprintf(connection, "GET /v1/treasuries/%s/events/stream HTTP/1.1\r\nHost: bench\r\n"+
		"Authorization: Bearer %s\r\n\r\n", url.PathEscape(party), key.Reveal())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ask: %w", err), connection.Close())
	}

	return connection, nil
}

// tellAll writes an event in its order and waits until every reader has it.
func tellAll(ctx context.Context, db *pgx.Conn, readers []*bufio.Reader) (time.Duration, error) {
	const tell = `WITH one AS (
			SELECT treasury_id, gen_random_uuid() AS id FROM treasuries ORDER BY treasury_id LIMIT 1
		), logged AS (
		INSERT INTO event_log
		SELECT treasury_id, coalesce(h.seq, 0) + 1, id, 'deposit.credited', 'bench', '', 0, now(), '{}', 0,
			substr(sha256(coalesce(h.chain, decode(repeat('00', 16), 'hex')) ||
				convert_to(lpad((coalesce(h.seq, 0) + 1)::text, 19, '0') || id::text, 'UTF8')), 1, 16)
		FROM one LEFT JOIN event_heads h USING (treasury_id) RETURNING treasury_id, seq, chain)
		INSERT INTO event_heads SELECT treasury_id, seq, chain FROM logged
		ON CONFLICT (treasury_id) DO UPDATE SET seq = excluded.seq, chain = excluded.chain`

	began := time.Now()

	if _, err := db.Exec(ctx, tell); err != nil {
		return 0, fmt.Errorf("tell an event: %w", err)
	}

	for i, reader := range readers {
		if err := reads(reader, "data: {}"); err != nil {
			return 0, fmt.Errorf("read stream %d: %w", i, err)
		}
	}

	return time.Since(began), nil
}

// reads takes lines until one begins so.
func reads(reader *bufio.Reader, beginning string) error {
	for {
		line, err := reader.ReadString('\n')

		switch {
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return fmt.Errorf("read: %w", err)
		case strings.HasPrefix(line, beginning):
			return nil
		}
	}
}

// rest waits, and reports false where ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
