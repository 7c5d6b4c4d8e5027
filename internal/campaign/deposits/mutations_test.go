package deposits

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/campaign/program"
	"github.com/canton-exchange/suite/internal/campaign/verdict"
)

// The mutations, each a campaign of its own: go test ./internal/campaign/deposits -run Mutations -mutations -timeout 60m.
var mutate = flag.Bool("mutations", false, "let TestMutationsAreFound break promises on purpose, which takes minutes")

// mutationDeposits is how long a campaign may take to find a mutation, mutationSeeds how many it may take.
const (
	mutationDeposits = 500
	mutationSeeds    = 4
)

// edit is a program.Edit of this table.
type edit struct{ File, From, To string }

// mutation is a promise that the programs break on purpose.
type mutation struct {
	name  string
	edits []edit
	// breaks are the promises of which one must be found broken.
	breaks []string
}

const (
	verdictGo   = "internal/deposit/verdict.go"
	caseGo      = "internal/deposit/case.go"
	answerGo    = "internal/intake/answer.go"
	workGo      = "internal/intake/work.go"
	decideGo    = "internal/intake/decide.go"
	checkGo     = "internal/custody/check.go"
	booksGo     = "internal/books/deposits.go"
	executeGo   = "internal/intake/execute.go"
	offersSQL   = "internal/store/dbsqlc/offers.sql.go"
	casesSchema = "migrations/000005_deposits.up.sql"
)

func mutations() []mutation {
	return []mutation{
		{
			name:   "offers are accepted whoever their memo names",
			edits:  []edit{{verdictGo, "case g.Memo != MemoKnown:", "case g.Memo == MemoMissing:"}},
			breaks: []string{acceptedRightly},
		},
		{
			name:   "offers of blocked senders are accepted",
			edits:  []edit{{verdictGo, "case g.Blocked:\n		return Decision{Ignore, SenderBlocked}", "case g.Blocked && g.Screens:\n		return Decision{Ignore, SenderBlocked}"}},
			breaks: []string{acceptedRightly, verdictsTrue},
		},
		{
			name:   "look-alikes are accepted",
			edits:  []edit{{verdictGo, "case !g.Listed:", "case !g.Listed && o.Amount.Sign() <= 0:"}},
			breaks: []string{acceptedRightly, verdictsTrue, noFalseAlarm},
		},
		{
			name:   "a verdict is for ever",
			edits:  []edit{{offersSQL, "v.open AND v.changes > v.decided_changes\n", "v.open AND v.decided_changes = 0\n"}},
			breaks: []string{verdictsTrue, goesOn},
		},
		{
			name:   "deadlines are not looked at again",
			edits:  []edit{{decideGo, "Again: deposit.Again(o.Offer, o.Grounds),", ""}},
			breaks: []string{verdictsTrue, goesOn},
		},
		{
			name:   "a killed worker's offers are nobody's",
			edits:  []edit{{offersSQL, "AND (o.lease_until IS NULL OR o.lease_until <= $3)", "AND o.lease_until IS NULL"}},
			breaks: []string{goesOn},
		},
		{
			name: "a lost reply is answered with a new acceptance",
			edits: []edit{{workGo, "		return s.execute(ctx, v, j)\n", "		return s.answer(ctx, v, j, offer)\n"}, {
				workGo, "		if err := s.pace.Wait(ctx); err != nil {\n			return err\n		}\n\n", "",
			}},
			breaks: []string{anewInTime},
		},
		{
			name: "submitted first, written down later",
			edits: []edit{
				{executeGo, "	next := s.Clock.Now().Add(custody.Jittered(s.config.Recheck))\n", `	j.Target = target
	if err := s.execute(ctx, v, j); err != nil {
		return err
	}

	next := s.Clock.Now().Add(custody.Jittered(s.config.Recheck))
`},
				{executeGo, "	return s.execute(ctx, v, j)\n}", "	return nil\n}"},
			},
			breaks: []string{acceptedByUs},
		},
		{
			name: "frozen tokens are accepted",
			edits: []edit{
				{workGo, "case v.isFrozen(j.Instrument):", "case v.isFrozen(j.Instrument) && now.IsZero():"},
				{offersSQL, "NOT EXISTS (SELECT FROM withdrawal_freezes f WHERE", "NOT EXISTS (SELECT FROM withdrawal_freezes f WHERE f.frozen_at IS NULL AND"},
			},
			breaks: []string{frozenIsLeftAlone},
		},
		{
			name:   "whatever a node prepares is signed",
			edits:  []edit{{checkGo, "if err := intent.Check(prepared, want); err != nil {", "if err := intent.Check(prepared, want); err != nil && prepared.Metadata.TransactionUUID == \"\" {"}, {checkGo, "if hash != answer.Hash {", "if hash != answer.Hash && len(answer.Transaction) == 0 {"}},
			breaks: []string{liesRefused, noFalseAlarm, noStranger, accountsAsPaid},
		},
		{
			name: "an offer is credited when it is made",
			edits: []edit{{booksGo, "	a := Attribution{State: Offered, Account: r.attribute(id, t, t.Amount, r.update.RecordTime).Account}\n", `	a := r.attribute(id, t, t.Amount, r.update.RecordTime)
	if a.State != Credited {
		a = Attribution{State: Offered, Account: a.Account}
	}
`}},
			breaks: []string{depositsAsPaid, accountsAsPaid, noComplaint, goesOn},
		},
		{
			name:   "money is credited whatever the amount",
			edits:  []edit{{booksGo, "case arrived.Cmp(listing.MinimumDeposit) < 0:", "case arrived.Cmp(listing.MinimumDeposit) < 0 && listing.Screens:"}},
			breaks: []string{attributedTruly},
		},
		{
			name:   "held money is never let go",
			edits:  []edit{{caseGo, "if g.Now.Before(d.ReleaseAt) {", "if !g.Now.IsZero() {"}},
			breaks: []string{casesRight, goesOn},
		},
		{
			name:   "what was refused to be taken back stays away",
			edits:  []edit{{casesSchema, "WHEN (NEW.kind = 'return' AND NEW.state IN ('completed', 'failed') AND OLD.state <> NEW.state)", "WHEN (NEW.kind = 'return' AND NEW.state = 'completed' AND OLD.state <> NEW.state)"}},
			breaks: []string{casesRight, returnedOnce},
		},
		{
			name:   "one person is enough",
			edits:  []edit{{casesSchema, "IF d.amount >= least(c.confirm_from, ", "IF d.amount < 0 * least(c.confirm_from, "}},
			breaks: []string{casesRight},
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
			require.NoError(t, Build(t.Context(), dir, m.overlay(t, dir)))

			first := uint64(1)
			if *seed != 0 {
				first = *seed
			}

			var seen []string

			for s := first; s < first+mutationSeeds; s++ {
				report, found := play(t, Config{Seed: s, Deposits: min(*deposits, mutationDeposits), Programs: dir, Drain: time.Minute})
				seen = verdict.Summary(found, shown)

				for _, v := range found {
					for _, promise := range m.breaks {
						if v.Promise == promise {
							t.Logf("FOUND by %q with seed %d after %d deposits and %s: %.600s", promise, s, report.Deposits, report.Took, v.Detail)

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
