package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// result is what became of a scenario.
type result struct {
	scenario scenario
	sent     *submissions

	began time.Time
	// making is how long it took until all offers were made, took until the last was credited, from the first offer or,
	// where all were made before, from when deposits began.
	making, took time.Duration
	used         usage
	// seen is from the update's record time to the commit that has the offer in the database. The others are from this
	// commit to the submission's and to the credit's, and the last two from the record time.
	seen, submitted, credited, recordedSubmitted, recordedCredited durations
}

// moments of an offer. All are of one machine's clock: the record time is the sandbox's, commits are PostgreSQL's own
// time stamps, and handing in is this program's. A commit's time stamp is taken before the commit is durable and can be
// seen, so that what begins with one is told too long, never too short.
type moments struct {
	Recorded, Seen, Written, Credited time.Time
	Submission                        string
}

// lives reads them. The update's row and the event are written once, by the transaction whose time is wanted.
const lives = `
	SELECT o.record_time, pg_xact_commit_timestamp(o.xmin), (
			SELECT min(pg_xact_commit_timestamp(e.xmin)) FROM events e
			WHERE e.type = 'offer.submitted' AND e.subject = d.deposit_id::text
		), pg_xact_commit_timestamp(c.xmin), v.submission_id
	FROM deposits d
	JOIN offer_verdicts v ON (v.treasury_id, v.deposit_id) = (d.treasury_id, d.deposit_id)
	JOIN ledger_updates o ON (o.treasury_id, o.update_no) = (d.treasury_id, d.offered_no)
	JOIN ledger_updates c ON (c.treasury_id, c.update_no) = (d.treasury_id, d.settled_no)
	WHERE d.kind = 'offer' AND d.state = 'credited'`

var errNotCredited = errors.New("not all offers were accepted and credited")

// read reads from the database when what happened.
func (r *result) read(ctx context.Context, e *exchange) error {
	if err := e.data.exec(ctx, "CREATE INDEX ON events (subject) WHERE type = 'offer.submitted'"); err != nil {
		return err
	}

	rows, err := e.data.pool.Query(ctx, lives)
	if err != nil {
		return fmt.Errorf("read when offers were accepted: %w", err)
	}

	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[moments])
	if err != nil {
		return fmt.Errorf("read when offers were accepted: %w", err)
	}

	var last time.Time

	for _, m := range all {
		handed, known := r.sent.at[m.Submission]
		if !known {
			return fmt.Errorf("submission %s: %w: nobody handed it in", m.Submission, errNotCredited)
		}

		submitted := latest(m.Written, handed)
		r.seen = append(r.seen, m.Seen.Sub(m.Recorded))
		r.submitted = append(r.submitted, submitted.Sub(m.Seen))
		r.credited = append(r.credited, m.Credited.Sub(m.Seen))
		r.recordedSubmitted = append(r.recordedSubmitted, submitted.Sub(m.Recorded))
		r.recordedCredited = append(r.recordedCredited, m.Credited.Sub(m.Recorded))
		last = latest(last, m.Credited)
	}

	r.took = last.Sub(r.began)

	if len(all) != r.scenario.count {
		return fmt.Errorf("%d of %d: %w", len(all), r.scenario.count, errNotCredited)
	}

	return nil
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}

	return b
}

// print tells the figures.
func (r *result) print(b *bench) {
	n := float64(r.scenario.count)
	b.printf("%-38s %.1f credited/s (%d in %.1f s); made at %.1f/s; load %s\n", r.scenario.title,
		n/r.took.Seconds(), r.scenario.count, r.took.Seconds(), n/r.making.Seconds(), load())

	each := func(d time.Duration) string { return (d / time.Duration(r.scenario.count)).Round(fine).String() }
	b.printf("%11sprocessor time of each: ingestion and deposits %s, PostgreSQL %s, sandbox %s; cores used %s\n", "",
		each(r.used.own), each(r.used.database), each(r.used.node), r.used.cores(r.took))

	if r.scenario.first {
		return // they waited for deposits to begin
	}

	b.printf("%11soffer in the database to accept submitted: %s\n", "", r.submitted)
	b.printf("%11s                      to credited:         %s\n", "", r.credited)
	b.printf("%11srecord time to offer in the database:      %s\n", "", r.seen)
	b.printf("%11s            to accept submitted:           %s\n", "", r.recordedSubmitted)
	b.printf("%11s            to credited:                   %s\n", "", r.recordedCredited)
}

// durations are told by how many of them are below.
type durations []time.Duration

// String is the median, the ninth of ten, the 99th of a hundred, and the longest.
func (d durations) String() string {
	if len(d) == 0 {
		return "none"
	}

	slices.Sort(d)

	at := func(percent int) string { return rounded(d[(len(d)-1)*percent/100]) }

	//nolint:mnd // per cent
	return fmt.Sprintf("p50 %s, p90 %s, p99 %s, at most %s", at(50), at(90), at(99), at(100))
}

// fine is to what processor time is told.
const fine = 10 * time.Microsecond

func rounded(d time.Duration) string { return d.Round(time.Millisecond).String() }

// statementsOf lists the statements that took most of the database's time, those of triggers too.
const statementsOf = `
	SELECT format('%s ms in %s calls by %s: %s', round(total_exec_time), calls, rolname,
		left(regexp_replace(query, '\s+', ' ', 'g'), 90))
	FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid
	WHERE datname = current_database() AND rolname <> current_user
	ORDER BY total_exec_time DESC LIMIT 15`

func (e *exchange) printStatements(ctx context.Context) error {
	if !e.bench.options.statements {
		return nil
	}

	rows, err := e.data.pool.Query(ctx, statementsOf)
	if err != nil {
		return fmt.Errorf("read statements: %w", err)
	}

	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return fmt.Errorf("read statements: %w", err)
	}

	for _, line := range lines {
		e.bench.printf("%11s%s\n", "", line)
	}

	return e.data.exec(ctx, "SELECT pg_stat_statements_reset()")
}
