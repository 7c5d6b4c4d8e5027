package withdrawal_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func now() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestNext(t *testing.T) {
	t.Parallel()

	type attempt = withdrawal.Attempt

	target := now().Add(5 * time.Minute)
	later := target.Add(time.Microsecond)

	for name, c := range map[string]struct {
		state  withdrawal.State
		is     attempt
		now    time.Time
		record time.Time
		frozen bool
		want   withdrawal.Step
		until  time.Time
	}{
		"reserved":                 {withdrawal.Reserved, attempt{}, now(), now(), false, withdrawal.Prepare, time.Time{}},
		"for a cold key":           {withdrawal.Reserved, attempt{Prepared: true}, now(), now(), false, withdrawal.Wait, target},
		"signed by a person":       {withdrawal.Reserved, attempt{Prepared: true, Signed: true}, now(), now(), false, withdrawal.Execute, time.Time{}},
		"signed too late":          {withdrawal.Reserved, attempt{Prepared: true, Signed: true}, target, now(), false, withdrawal.Drop, time.Time{}},
		"reserved too long":        {withdrawal.Reserved, attempt{}, target.Add(-time.Second), now(), false, withdrawal.Drop, time.Time{}},
		"frozen before it is made": {withdrawal.Reserved, attempt{Prepared: true, Signed: true}, now(), now(), true, withdrawal.Drop, time.Time{}},

		"unanswered":       {withdrawal.Submitted, attempt{}, now(), now(), false, withdrawal.Execute, time.Time{}},
		"accepted":         {withdrawal.Submitted, attempt{Answer: withdrawal.Accepted}, now(), now(), false, withdrawal.Execute, time.Time{}},
		"unknown":          {withdrawal.Submitted, attempt{Answer: withdrawal.Unknown}, now(), now(), false, withdrawal.Execute, time.Time{}},
		"retry":            {withdrawal.Submitted, attempt{Answer: withdrawal.RetrySame}, now(), now(), false, withdrawal.Execute, time.Time{}},
		"paused":           {withdrawal.Submitted, attempt{Answer: withdrawal.Paused}, now(), now(), false, withdrawal.Execute, time.Time{}},
		"no traffic":       {withdrawal.Submitted, attempt{Answer: withdrawal.OutOfTraffic}, now(), now(), false, withdrawal.Execute, time.Time{}},
		"prepare again":    {withdrawal.Submitted, attempt{Answer: withdrawal.PrepareAgain}, now(), now(), false, withdrawal.Prepare, time.Time{}},
		"rejected":         {withdrawal.Submitted, attempt{Answer: withdrawal.Rejected}, now(), now(), false, withdrawal.Wait, target},
		"committed":        {withdrawal.Submitted, attempt{Answer: withdrawal.Committed}, now(), now(), false, withdrawal.Wait, target},
		"new answer":       {withdrawal.Submitted, attempt{Answer: "x"}, now(), now(), false, withdrawal.Execute, time.Time{}},
		"frozen under way": {withdrawal.Submitted, attempt{}, now(), now(), true, withdrawal.Wait, now().Add(30 * time.Second)},

		// However late it is by our clock, and whatever the node says, history must have passed the target.
		"late by our clock":     {withdrawal.Submitted, attempt{Answer: withdrawal.Rejected}, target.Add(time.Hour), target, false, withdrawal.Wait, target.Add(time.Hour + time.Second)},
		"dead":                  {withdrawal.Submitted, attempt{}, now(), later, false, withdrawal.Bury, time.Time{}},
		"dead and frozen":       {withdrawal.Submitted, attempt{}, now(), later, true, withdrawal.Bury, time.Time{}},
		"nothing to do: waits":  {withdrawal.Requested, attempt{}, now(), later, false, withdrawal.Wait, now().Add(30 * time.Second)},
		"nothing to do: offer":  {withdrawal.Offered, attempt{}, now(), later, false, withdrawal.Wait, now().Add(30 * time.Second)},
		"nothing to do: paid":   {withdrawal.Completed, attempt{}, now(), later, false, withdrawal.Wait, now().Add(30 * time.Second)},
		"nothing to do: failed": {withdrawal.Failed, attempt{}, now(), later, false, withdrawal.Wait, now().Add(30 * time.Second)},
		"no state":              {"x", attempt{}, now(), later, false, withdrawal.Wait, now().Add(30 * time.Second)},
	} {
		c.is.Target = target
		step, until := withdrawal.Next(c.state, c.is, withdrawal.Moment{Now: c.now, RecordTime: c.record, Frozen: c.frozen})
		require.Equal(t, c.want, step, "%s: %s", name, step)
		require.Equal(t, c.until, until, name)
	}
}

// Whatever a node answers and whatever our clock says, nothing is buried before history has passed the target, and
// nothing that was submitted is dropped.
func TestOnlyHistoryEndsWhatWasSubmitted(t *testing.T) {
	t.Parallel()

	target := now()

	for _, answer := range []withdrawal.Answer{
		withdrawal.Unanswered, withdrawal.Accepted, withdrawal.Unknown, withdrawal.Rejected, withdrawal.Committed,
		withdrawal.RetrySame, withdrawal.PrepareAgain, withdrawal.Paused, withdrawal.OutOfTraffic, "anything",
	} {
		for _, ours := range []time.Duration{-time.Hour, -time.Second, 0, time.Second, 1000 * time.Hour} {
			for _, record := range []time.Duration{-time.Hour, -time.Microsecond, 0} {
				for _, frozen := range []bool{false, true} {
					step, _ := withdrawal.Next(withdrawal.Submitted,
						withdrawal.Attempt{Target: target, Prepared: true, Signed: true, Answer: answer},
						withdrawal.Moment{Now: target.Add(ours), RecordTime: target.Add(record), Frozen: frozen})
					require.NotContains(t, []withdrawal.Step{withdrawal.Bury, withdrawal.Drop}, step)

					if frozen || ours >= 0 {
						require.Equal(t, withdrawal.Wait, step)
					}
				}
			}
		}
	}
}

func TestAfterDeath(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		kind         withdrawal.Kind
		deaths, most int
		state        withdrawal.State
		reason       withdrawal.Reason
	}{
		{withdrawal.ForCustomer, 1, 5, withdrawal.Requested, ""},
		{withdrawal.ForCustomer, 4, 5, withdrawal.Requested, ""},
		{withdrawal.ForCustomer, 5, 5, withdrawal.Failed, withdrawal.AttemptsExhausted},
		{withdrawal.ForCustomer, 6, 5, withdrawal.Failed, withdrawal.AttemptsExhausted},
		{withdrawal.Internal, 1, 5, withdrawal.Failed, withdrawal.Superseded},
	} {
		state, reason := withdrawal.AfterDeath(c.kind, c.deaths, c.most)
		require.Equal(t, c.state, state)
		require.Equal(t, c.reason, reason)
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()

	for _, c := range []struct {
		reason        withdrawal.Reason
		try, refusals int
		final         withdrawal.Reason
		pause         time.Duration
	}{
		{withdrawal.NoPreapproval, 1, 0, withdrawal.NoPreapproval, 0},
		{withdrawal.RefusedByRegistry, 1, 1, "", time.Second},
		{withdrawal.RefusedByRegistry, 2, 2, "", 2 * time.Second},
		{withdrawal.RefusedByRegistry, 9, 2, "", 30 * time.Second},
		{withdrawal.RefusedByRegistry, 3, 3, withdrawal.RefusedByRegistry, 0},
		{withdrawal.Refused, 2, 2, "", 2 * time.Second},
		{withdrawal.Refused, 3, 3, withdrawal.RefusedByToken, 0},
		{withdrawal.NodeUnavailable, 1000, 2, "", 30 * time.Second},
		{withdrawal.NodeRefuses, 1000, 2, "", 30 * time.Second},
		{withdrawal.RegistryUnavailable, 4, 3, "", 8 * time.Second},
		{withdrawal.SignerUnavailable, 1, 0, "", time.Second},
		{withdrawal.RefusedToSign, 1, 0, "", time.Second},
	} {
		final, pause := withdrawal.Judge(c.reason, c.try, c.refusals)
		require.Equal(t, c.final, final, "%s at try %d", c.reason, c.try)
		require.Equal(t, c.pause, pause, "%s at try %d", c.reason, c.try)
	}
}

// A reason that ends a withdrawal when it is prepared is one of those that end withdrawals.
func TestWhatIsFinalIsExplainedAsFinal(t *testing.T) {
	t.Parallel()

	for _, e := range withdrawal.Explanations() {
		for try := range 5 {
			final, _ := withdrawal.Judge(e.Reason, try, try)
			if final == "" {
				continue
			}

			explained, ok := withdrawal.Explain(final)
			require.True(t, ok)
			require.Equal(t, withdrawal.Ends, explained.Standing)
		}
	}
}

func TestExplanations(t *testing.T) {
	t.Parallel()

	seen := map[withdrawal.Reason]bool{}

	for _, e := range withdrawal.Explanations() {
		require.False(t, seen[e.Reason], e.Reason)
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, string(e.Reason))
		require.Regexp(t, `^[A-Z].*\.$`, e.Sentence)
		require.NotContains(t, e.Sentence, "|", "it would break the table of the document")

		seen[e.Reason] = true
	}

	_, ok := withdrawal.Explain("x")
	require.False(t, ok)
}

func TestStates(t *testing.T) {
	t.Parallel()

	for _, from := range withdrawal.States() {
		onward := slices.ContainsFunc(withdrawal.States(), func(to withdrawal.State) bool { return withdrawal.Allowed(from, to) })
		require.Equal(t, !from.Final(), onward, "%s", from)
		require.False(t, withdrawal.Allowed(from, from))
	}

	require.False(t, withdrawal.Allowed(withdrawal.Offered, withdrawal.Requested), "an offer is on the ledger")

	// Only history says that something was paid.
	for _, step := range withdrawal.Transitions() {
		if step.To == withdrawal.Completed || step.To == withdrawal.Offered {
			require.Equal(t, withdrawal.History, step.By)
		}
	}
}

func TestPolicies(t *testing.T) {
	t.Parallel()

	require.NoError(t, withdrawal.DefaultPolicy().Validate())

	for name, change := range map[string]func(*withdrawal.Policy){
		"decimals":              func(p *withdrawal.Policy) { p.Decimals = 11 },
		"negative decimals":     func(p *withdrawal.Policy) { p.Decimals = -1 },
		"minimum":               func(p *withdrawal.Policy) { p.Minimum = amounttest.Of("-1") },
		"maximum":               func(p *withdrawal.Policy) { p.Minimum, p.Maximum = amounttest.Of("2"), amounttest.Of("1") },
		"negative maximum":      func(p *withdrawal.Policy) { p.Maximum = amounttest.Of("-1") },
		"delivery":              func(p *withdrawal.Policy) { p.Delivery = "mail" },
		"no delivery":           func(p *withdrawal.Policy) { p.Delivery = "" },
		"short offer":           func(p *withdrawal.Policy) { p.OfferLifetime = time.Second },
		"long offer":            func(p *withdrawal.Policy) { p.OfferLifetime = 91 * 24 * time.Hour },
		"no window":             func(p *withdrawal.Policy) { p.Window = 0 },
		"long window":           func(p *withdrawal.Policy) { p.Window = 25 * time.Hour },
		"no attempts":           func(p *withdrawal.Policy) { p.MaxAttempts = 0 },
		"many attempts":         func(p *withdrawal.Policy) { p.MaxAttempts = 101 },
		"large pool":            func(p *withdrawal.Policy) { p.PoolTarget, p.PoolLarge = 501, amounttest.Of("1") },
		"pool of nothing":       func(p *withdrawal.Policy) { p.PoolTarget = 5 },
		"overtaken":             func(p *withdrawal.Policy) { p.MaxOvertaken = -1 },
		"overtaken for ever":    func(p *withdrawal.Policy) { p.MaxOvertaken = 1 << 40 },
		"wait for ever":         func(p *withdrawal.Policy) { p.MaxWait = 1 << 60 },
		"many to merge":         func(p *withdrawal.Policy) { p.MergeFrom = 1 << 16 },
		"wait":                  func(p *withdrawal.Policy) { p.MaxWait = -1 },
		"hours":                 func(p *withdrawal.Policy) { p.Hours = &withdrawal.Hours{From: -1, Until: 5} },
		"hours after the day":   func(p *withdrawal.Policy) { p.Hours = &withdrawal.Hours{From: 0, Until: 1440} },
		"no inputs":             func(p *withdrawal.Policy) { p.MaxInputs = 0 },
		"many inputs":           func(p *withdrawal.Policy) { p.MaxInputs = 101 },
		"sweep of all":          func(p *withdrawal.Policy) { p.Sweep = 100 },
		"tiny larger than dust": func(p *withdrawal.Policy) { p.Dust, p.Tiny = amounttest.Of("1"), amounttest.Of("2") },
		"merge of one":          func(p *withdrawal.Policy) { p.MergeFrom = 1 },
	} {
		p := withdrawal.DefaultPolicy()
		change(&p)
		require.ErrorIs(t, p.Validate(), withdrawal.ErrPolicy, name)
	}

	// All that is wrong is said at once.
	err := withdrawal.Policy{}.Validate()
	require.ErrorContains(t, err, "delivery")
	require.ErrorContains(t, err, "attempts")
}

func TestShapes(t *testing.T) {
	t.Parallel()

	p := withdrawal.DefaultPolicy()
	require.False(t, p.Shapes(now()), "nothing is wanted")

	p.PoolTarget, p.PoolLarge = 10, amount.FromInt(100)
	require.NoError(t, p.Validate())
	require.True(t, p.Shapes(now()))

	p.Hours = &withdrawal.Hours{From: 22 * 60, Until: 4 * 60}
	require.False(t, p.Shapes(now()))
	require.True(t, p.Shapes(now().Add(10*time.Hour)))

	p.PoolTarget = 0
	require.False(t, p.Shapes(now().Add(10*time.Hour)))
}

func TestHours(t *testing.T) {
	t.Parallel()

	at := func(hour, minute int) time.Time { return time.Date(2026, 3, 1, hour, minute, 59, 0, time.UTC) }
	day := withdrawal.Hours{From: 2 * 60, Until: 4 * 60}
	night := withdrawal.Hours{From: 22*60 + 30, Until: 4 * 60}

	for _, c := range []struct {
		hours withdrawal.Hours
		at    time.Time
		want  bool
	}{
		{day, at(1, 59), false},
		{day, at(2, 0), true},
		{day, at(3, 59), true},
		{day, at(4, 0), false},
		{night, at(22, 29), false},
		{night, at(22, 30), true},
		{night, at(0, 0), true},
		{night, at(3, 59), true},
		{night, at(4, 0), false},
		{night, at(12, 0), false},
		{withdrawal.Hours{}, at(0, 0), false},
		// Other zones are the same moments.
		{day, at(2, 0).In(time.FixedZone("east", 9*3600)), true},
	} {
		require.Equal(t, c.want, c.hours.Contains(c.at), "%v at %s", c.hours, c.at)
	}
}
