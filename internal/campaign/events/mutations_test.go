package events

import (
	"context"
	"flag"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
	"github.com/canton-exchange/suite/internal/clock"
)

// The mutations, each a campaign of its own: go test ./internal/campaign/events -run Mutations -mutations -timeout 60m.
var mutate = flag.Bool("mutations", false, "let TestMutationsAreFound break promises on purpose, which takes minutes")

const mutationEvents = 30_000

// edit is a program.Edit of this table.
type edit struct{ File, From, To string }

// mutation is a promise that the programs break on purpose.
type mutation struct {
	name  string
	edits []edit
	// breaks are the promises of which one must be found broken.
	breaks []string
}

func mutations() []mutation {
	return []mutation{
		{
			name: "the outbox is read as far as it is seen, whoever may still write",
			edits: []edit{{
				"internal/store/dbsqlc/event_log.sql.go", "AND e.xid < pg_snapshot_xmin(pg_current_snapshot())\n    AND NOT EXISTS",
				"AND NOT EXISTS",
			}},
			breaks: []string{numberedOnce, goesOn},
		},
		{
			name: "a batch that failed is passed over",
			edits: []edit{{
				"internal/webhook/ordered.go", "		case Failed:\n			return w.hold(ctx, result, batch)\n", "		case Failed:\n",
			}},
			breaks: []string{toldAll},
		},
		{
			name: "what failed by itself is forgotten",
			edits: []edit{{
				"internal/webhook/independent.go", "		w.progress.Failures = append(w.progress.Failures, f)\n", "",
			}},
			breaks: []string{toldAll},
		},
		{
			name: "everybody is told of every account",
			edits: []edit{{
				"internal/event/filter.go", "(len(f.Accounts) == 0 || slices.Contains(f.Accounts, e.Account))", "true",
			}},
			breaks: []string{toldNoMore},
		},
		{
			name: "events are signed before they have their place",
			edits: []edit{{
				"internal/event/event.go", "	e.Signature = by.Sign(bare)\n", "	e.Signature, e.Sequence = by.Sign(bare), e.Sequence[:18]+\"0\"\n",
			}},
			breaks: []string{receiversFind, toldAll},
		},
		{
			name: "what is old is forgotten by this machine's clock",
			edits: []edit{{
				"cmd/events/main.go", "DB: db, Signer: keys.Signer(), Clock: now,", "DB: db, Signer: keys.Signer(), Clock: clock.System{},",
			}},
			breaks: []string{toldAll, noGap, numberedOnce, brokerHasAll, goesOn},
		},
		{
			name: "what is given up is given up by this machine's clock",
			edits: []edit{{
				"cmd/events/main.go", "Sender: sender, Clock: now,", "Sender: sender, Clock: clock.System{},",
			}},
			breaks: []string{toldAll, goesOn},
		},
		{
			name: "events of some updates are told by nobody",
			edits: []edit{{
				"internal/store/dbsqlc/event_log.sql.go", "WHERE (e.xid, e.event_no) > (", "WHERE e.update_no % 7 <> 3 AND (e.xid, e.event_no) > (",
			}},
			breaks: []string{numberedOnce, toldAsHappened, goesOn},
		},
		{
			name: "the lease of a broker is by this machine's clock",
			edits: []edit{{
				"cmd/events/brokers.go", "Clock: now, Logger", "Clock: clock.System{}, Logger",
			}},
			breaks: []string{punctuality},
		},
		{
			name: "how far ingestion is behind is by this machine's clock",
			edits: []edit{{
				"cmd/events/main.go", "LagWatch{DB: db, Clock: now,", "LagWatch{DB: db, Clock: clock.System{},",
			}},
			breaks: []string{toldAsHappened},
		},
		{
			name: "the evidence is another transfer than the event's",
			edits: []edit{{
				"internal/store/eventlog.go", "Amount: row.Moved, Memo: row.Memo, ", "Amount: row.Moved, ",
			}},
			breaks: []string{toldAsHappened},
		},
		{
			name: "an offer is told as one that was rejected",
			edits: []edit{{
				"internal/books/events.go", "r.event(\"deposit.\"+string(a.State), id.String()",
				"r.event(strings.Replace(\"deposit.\"+string(a.State), \"offered\", \"rejected\", 1), id.String()",
			}},
			breaks: []string{toldAsHappened},
		},
		{
			name: "every deposit is told as the same account's",
			edits: []edit{{
				"internal/books/events.go", "DepositID: id, State: a.State, Reason: a.Reason, Account: a.Account,",
				"DepositID: id, State: a.State, Reason: a.Reason, Account: \"account-0\",",
			}},
			breaks: []string{toldAsHappened},
		},
		{
			name: "ingestion leaves out what came next when it was killed",
			edits: []edit{{
				"internal/ingest/service.go", "s.node.OpenUpdates(ctx, s.config.Party, cursor.Position.Offset)",
				"s.node.OpenUpdates(ctx, s.config.Party, cursor.Position.Offset+min(6, cursor.Position.Offset))",
			}},
			breaks: []string{toldAsHappened, goesOn},
		},
	}
}

// TestMutationsAreFound is why a clean campaign means something: with a promise broken on purpose it is not clean.
func TestMutationsAreFound(t *testing.T) { //nolint:paralleltest // each campaign wants the machine for itself
	if !*mutate {
		t.Skip("breaks promises on purpose, one campaign each: -mutations")
	}

	for _, m := range mutations() {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, Build(t.Context(), root(), dir, m.programEdits()...))

			ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
			defer cancel()

			c, err := Open(ctx, Config{
				Seed: 1, Events: mutationEvents, Programs: dir, Pace: defaultPace, Clock: clock.System{},
				Standstill: 15 * time.Second, Logger: slog.New(slog.DiscardHandler),
			})
			require.NoError(t, err)

			defer func() { require.NoError(t, c.Close(context.WithoutCancel(ctx))) }()

			var found []verdict.Violation

			if _, err = c.Run(ctx); err != nil {
				found = append(found, verdict.Violation{Promise: goesOn, Detail: err.Error()})
			}

			seen, err := c.Check(ctx)
			require.NoError(t, err)

			for _, v := range append(found, seen...) {
				for _, promise := range m.breaks {
					if v.Promise == promise {
						t.Logf("FOUND by %q: %.300s", promise, v.Detail)

						return
					}
				}
			}

			require.Fail(t, "the campaign finds nothing", "%+v\n%v", c.report, verdict.Summary(append(found, seen...), shown))
		})
	}
}

func (m mutation) programEdits() []program.Edit {
	edits := make([]program.Edit, len(m.edits))
	for i, e := range m.edits {
		edits[i] = program.Edit(e)
	}

	return edits
}

// TestMutationsAreThere keeps the mutations in step with what they change, without playing them.
func TestMutationsAreThere(t *testing.T) {
	t.Parallel()

	for _, m := range mutations() {
		_, err := program.Overlay(root(), t.TempDir(), append(wrongClocks(), m.programEdits()...))
		require.NoError(t, err, m.name)
	}
}
