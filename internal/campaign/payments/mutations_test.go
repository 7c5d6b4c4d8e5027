package payments

import (
	"flag"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
)

// The mutations, each a campaign of its own: go test ./internal/campaign/payments -run Mutations -mutations -timeout 60m.
var mutate = flag.Bool("mutations", false, "let TestMutationsAreFound break promises on purpose, which takes minutes")

// mutationWithdrawals is how long a campaign may take to find a mutation, mutationSeeds how many it may take.
const (
	mutationWithdrawals = 700
	mutationSeeds       = 4
)

// edit is a program.Edit of this table.
type edit struct{ File, From, To string }

// mutation is a promise that the programs break on purpose.
type mutation struct {
	name  string
	edits []edit
	// breaks are the promises of which one must be found broken.
	breaks []string
	// scenes are played alone; all but restores if there are none.
	scenes []string
}

const (
	attemptsSQL = "internal/store/dbsqlc/withdrawal_attempts.sql.go"
	workSQL     = "internal/store/dbsqlc/withdrawal_work.sql.go"
	planSQL     = "internal/store/dbsqlc/withdrawal_plan.sql.go"
	schemaSQL   = "migrations/000003_withdrawals.up.sql"
	executeGo   = "internal/payout/execute.go"
	prepareGo   = "internal/payout/prepare.go"
	dispatchGo  = "internal/payout/dispatch.go"
	planGo      = "internal/payout/plan.go"
	transferGo  = "internal/payout/transfer.go"
	decideGo    = "internal/withdrawal/decide.go"
	booksGo     = "internal/books/withdrawals.go"
)

// bury is the end of an attempt whenever a worker wants it.
func bury() edit { return edit{attemptsSQL, " AND c.record_time > a.target_record_time", ""} }

// anew names each attempt to the node, which otherwise would not do the same thing twice: what is wrong must be found also
// where a treasury has two nodes, or its node forgets.
func anew() edit {
	return edit{transferGo, `"%s\n%s\n%s", s.config.Party, j.Live.Kind, j.ID)`, `"%s\n%s\n%s\n%d", s.config.Party, j.Live.Kind, j.ID, j.Attempt)`}
}

// heard has a worker bury an attempt on hearing an answer, with a reason or for another try.
func heard(from, reason string) edit {
	return edit{executeGo, from, from + `
		if j.State == withdrawal.Submitted {
			return s.DB.BuryAttempt(ctx, s.treasury, j, store.Retreat{Final: "` + reason + `", NextAt: now}, now)
		}
`}
}

func mutations() []mutation {
	return []mutation{
		{
			name: "holdings are released when our own clock passes the target",
			edits: []edit{
				{attemptsSQL, "c.record_time > a.target_record_time", "$1 > a.target_record_time"},
				{decideGo, "if m.RecordTime.After(a.Target) {", "if m.Now.After(a.Target) {"},
				anew(),
			},
			breaks: []string{paidOnce, buriedAlive},
		},
		{
			name:   "an unknown outcome is retried with new holdings",
			edits:  []edit{anew(), bury(), heard("case withdrawal.Unanswered, withdrawal.Unknown, withdrawal.RetrySame:", "")},
			breaks: []string{paidOnce},
		},
		{
			name: "a completion decides",
			edits: []edit{anew(), {
				attemptsSQL, `UPDATE withdrawal_attempts SET outcome = $1, error = $2
WHERE treasury_id = $3 AND submission_id = $4 AND result IS NULL
`,
				`WITH over AS (UPDATE withdrawal_attempts SET outcome = $1, error = $2, result = 'dead', ended_at = now(), prepared = NULL, signature = NULL
	WHERE treasury_id = $3 AND submission_id = $4 AND result IS NULL AND kind = 'pay' RETURNING treasury_id, withdrawal_id, attempt),
freed AS (DELETE FROM reservations r USING over o WHERE (r.treasury_id, r.withdrawal_id, r.attempt) = (o.treasury_id, o.withdrawal_id, o.attempt))
UPDATE withdrawals w SET state = 'requested', next_at = now(), lease_until = NULL FROM over o
WHERE (w.treasury_id, w.withdrawal_id, w.attempt) = (o.treasury_id, o.withdrawal_id, o.attempt) AND w.state = 'submitted'
`,
			}},
			breaks: []string{paidOnce},
		},
		{
			name:   "what the node refuses has failed",
			edits:  []edit{anew(), bury(), heard("case withdrawal.Rejected:", "refused_by_token")},
			breaks: []string{endsAsLedger, paidOnce},
		},
		{
			name:   "what must be prepared again is a new attempt",
			edits:  []edit{anew(), bury(), heard("case withdrawal.PrepareAgain:", "")},
			breaks: []string{paidOnce},
		},
		{
			name: "a duplicate has failed, and the money goes back",
			edits: []edit{bury(), {executeGo, "	switch answer {\n	case withdrawal.Accepted, withdrawal.Committed:", `	if answer == withdrawal.Committed && j.State == withdrawal.Submitted {
		return s.DB.BuryAttempt(ctx, s.treasury, j, store.Retreat{Final: "refused_by_token", NextAt: now}, now)
	}

	switch answer {
	case withdrawal.Accepted, withdrawal.Committed:`}},
			breaks: []string{endsAsLedger},
		},
		{
			name: "two planners and two workers at once",
			edits: []edit{
				anew(),
				{planSQL, "SELECT treasury_id FROM treasuries WHERE treasury_id = $1 FOR NO KEY UPDATE\n`", "SELECT treasury_id FROM treasuries WHERE treasury_id = $1\n`"},
				{schemaSQL, "CONSTRAINT a_holding_is_reserved_once PRIMARY KEY (treasury_id, contract_id)", "CHECK (attempt > 0)"},
				{schemaSQL, "CREATE UNIQUE INDEX withdrawal_attempts_live ON", "CREATE INDEX withdrawal_attempts_live ON"},
				{planSQL, "= ANY($4::text[]) AND w.state = 'requested'\nRETURNING", "= ANY($4::text[])\nRETURNING"},
				{schemaSQL, "('reserved', 'requested'), ('reserved', 'submitted'),", "('reserved', 'requested'), ('reserved', 'submitted'), ('submitted', 'reserved'), ('offered', 'reserved'), ('completed', 'reserved'), ('failed', 'reserved'),"},
				{workSQL, "AND state = $3 AND attempt = $4 AND lease_epoch = $5\nFOR UPDATE", "AND ($3 <> '' OR $4 > 0 OR $5 > 0)\nFOR UPDATE"},
				{workSQL, "AND w.state IN ('reserved', 'submitted') AND w.attempt = $4 AND w.lease_epoch = $5\n", "AND ($4 > 0 OR $5 > 0)\n"},
			},
			breaks: []string{paidOnce, reservedOnce},
		},
		{
			name:   "a payment that is completed is given back",
			edits:  []edit{{booksGo, "if state == withdrawal.Failed && w.Kind != withdrawal.Internal", "if state != withdrawal.Offered && w.Kind != withdrawal.Internal"}},
			breaks: []string{accountsAsPaid},
		},
		{
			name:   "an offer that failed is given back twice",
			edits:  []edit{{booksGo, "r.refunds = append(r.refunds, w)", "r.refunds = append(r.refunds, w, w)"}},
			breaks: []string{accountsAsPaid},
		},
		{
			name: "submitted first, written down later",
			edits: []edit{anew(), {prepareGo, `	now := s.Clock.Now()
	if err := s.DB.SubmitWithdrawal(`, `	j.Live.Prepared = p
	if err := s.execute(ctx, j); err != nil {
		return err
	}

	now := s.Clock.Now()
	if err := s.DB.SubmitWithdrawal(`}, {prepareGo, `	if j.State == withdrawal.Reserved {
		j.State = withdrawal.Submitted
	}

	j.Live.Prepared = p

	return s.execute(ctx, j)
`, "	return nil\n"}},
			breaks: []string{paidOnce},
		},
		{
			name: "paid before a restored database has caught up",
			edits: []edit{
				{planGo, "if t.Barrier != nil {", "if t.Barrier != nil && p.now.IsZero() {"},
				{dispatchGo, "case now.Sub(v.latest()) > d.maxLag:", "case now.IsZero():"},
				{planGo, "p.now.Sub(at) <= p.maxLag {", "p.now.Sub(at) <= p.maxLag+time.Hour {"},
				anew(),
			},
			breaks: []string{paidOnce},
			scenes: []string{restored, "payments killed at a random moment", "history stands still"},
		},
		{
			name:   "cancelled whatever it is",
			edits:  []edit{{schemaSQL, "w.withdrawal_id, 'requested', w.attempt, 'cancelled'", "w.withdrawal_id, w.state, w.attempt, 'cancelled'"}},
			breaks: []string{endsAsLedger, paidOnce, allEnded, noComplaint},
		},
	}
}

// withoutRestores are the scenes that leave in the database what was done to it: a restore takes the traces away.
func withoutRestores() []string {
	var names []string

	for _, s := range scenes() {
		if s.name != restored {
			names = append(names, s.name)
		}
	}

	return names
}

// TestMutationsAreFound is why a clean campaign means something: with a promise broken on purpose it is not clean.
func TestMutationsAreFound(t *testing.T) { //nolint:paralleltest // each campaign wants the machine for itself
	if !*mutate {
		t.Skip("breaks promises on purpose, one campaign each: -mutations")
	}

	for _, m := range mutations() {
		t.Run(m.name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, Build(t.Context(), dir, m.overlay(t, dir)))

			first := uint64(1)
			if *seed != 0 {
				first = *seed
			}

			var seen []string

			for s := first; s < first+mutationSeeds; s++ {
				scenes := m.scenes
				if len(scenes) == 0 {
					scenes = withoutRestores()
				}

				report, found := play(t, Config{Seed: s, Withdrawals: min(*withdrawals, mutationWithdrawals), Programs: dir, Scenes: scenes})
				seen = verdict.Summary(found, shown)

				for _, v := range found {
					for _, promise := range m.breaks {
						if v.Promise == promise {
							t.Logf("FOUND by %q with seed %d after %d withdrawals and %s: %s", promise, s, report.Requested, report.Took, v.Detail)

							return
						}
					}
				}

				t.Logf("seed %d finds only %v\n%+v", s, seen, report)
			}

			require.Fail(t, "the campaign finds nothing", "%v", seen)
		})
	}
}

// overlay writes the mutated files, and the file that says what they replace.
func (m mutation) overlay(t *testing.T, dir string) string {
	t.Helper()

	root, err := filepath.Abs("../../..")
	require.NoError(t, err)

	edits := make([]program.Edit, len(m.edits))
	for i, e := range m.edits {
		edits[i] = program.Edit(e)
	}

	overlay, err := program.Overlay(root, dir, edits)
	require.NoError(t, err)

	return overlay
}

// TestMutationsAreThere keeps the mutations in step with what they change, without playing them.
func TestMutationsAreThere(t *testing.T) {
	t.Parallel()

	for _, m := range mutations() {
		m.overlay(t, t.TempDir())
	}
}
