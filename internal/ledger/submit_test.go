package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/signing"
)

func TestAPaymentIsPreparedSignedExecutedAndCompleted(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		begin := p.LedgerEnd()

		request := p.transfer()
		prepared, err := p.client.Prepare(within(t), request)
		require.NoError(t, err)

		want := signing.V2
		if version == sandbox.V35 {
			want = signing.V3
		}

		require.Equal(t, want, prepared.Scheme)

		if version == sandbox.V33 {
			require.Nil(t, prepared.Cost)
		} else {
			require.Positive(t, prepared.Cost.Request)
			require.Equal(t, prepared.Cost.Total, prepared.Cost.Request+prepared.Cost.Response)
			require.True(t, p.clock.Now().Equal(prepared.Cost.At), "%s", prepared.Cost.At)
		}

		decoded, err := signing.Decode(prepared.Transaction)
		require.NoError(t, err)
		require.Equal(t, request.CommandID, decoded.Metadata.CommandID)
		require.Equal(t, request.MaxRecordTime, decoded.Metadata.MaxRecordTime.Time())

		execute := p.signed(request)
		require.NoError(t, p.submits(execute))
		require.Equal(t, 1, p.paid())

		done := p.completion(begin, execute.SubmissionID)
		require.Equal(t, ledger.OutcomeCommitted, done.Outcome())
		require.Equal(t, request.CommandID, done.CommandID)
		require.Equal(t, ledgerUser, done.UserID)
		require.Equal(t, []ident.Party{p.party}, done.ActAs)
		require.Equal(t, p.home, done.Time.Synchronizer)
		require.False(t, done.Time.RecordTime.IsZero())
		require.Equal(t, p.Transfers()[0].UpdateID, done.Update)

		// The same again: the node knows that it is done, and as what.
		err = p.submits(execute)
		require.Equal(t, ledger.OutcomeCommitted, ledger.OutcomeOf(err), "%v", err)

		duplicate, ok := ledger.DuplicateOf(err)
		require.True(t, ok)
		require.Equal(t, ledger.Duplicate{SubmissionID: execute.SubmissionID, Offset: done.Offset}, duplicate)
		require.Equal(t, 1, p.paid())
	})
}

func TestExecuteAndWaitTellsWhere(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{})
	at, err := p.client.ExecuteAndWait(within(t), p.signed(p.transfer()))
	require.NoError(t, err)
	require.Equal(t, p.Transfers()[0].UpdateID, at.Update)
	require.Equal(t, p.LedgerEnd(), at.Offset)

	_, ok := ledger.DuplicateOf(errors.New("another"))
	require.False(t, ok)
}

// Every fault of the way and of the network: what it is called, whether the payment is on the ledger by the ledger's own
// word, and what the same bytes lead to afterwards.
func TestOutcomesAreTrue(t *testing.T) {
	t.Parallel()

	cases := []struct {
		kind fault.Kind
		want ledger.Outcome
		paid int
	}{
		{fault.ReplyLost, unknown, 1},
		{fault.GarbledAnswer, unknown, 1},
		{fault.NodeDown, unknown, 0},
		{fault.Status503, unknown, 0},
		{fault.Status429, again, 0},
		{fault.TokensRejected, again, 0},
		{fault.SequencerBackpressure, again, 0},
		{fault.TrafficExhausted, noTraffic, 0},
	}

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		for _, tc := range cases {
			t.Run(string(tc.kind), func(t *testing.T) {
				t.Parallel()

				p := newPayer(t, sandbox.Config{Version: version})
				execute := p.signed(p.transfer())
				p.fails(fault.Rule{Kind: tc.kind, Match: fault.Match{Path: executePath}, Times: 1})

				err := p.submits(execute)
				require.Equal(t, tc.want, ledger.OutcomeOf(err), "%v", err)
				require.False(t, ledger.Classify(err).Retryable(), "%v", err)
				require.Equal(t, int64(1), p.sent.Load(), "nothing is repeated behind the caller's back")
				require.Equal(t, tc.paid, p.paid())

				err = p.submits(execute)
				if tc.paid == 0 {
					require.NoError(t, err)
				} else {
					require.Equal(t, committed, ledger.OutcomeOf(err), "%v", err)
				}

				require.Equal(t, 1, p.paid())
			})
		}
	})
}

// A caller that stops waiting does not know, and the payment is made meanwhile.
func TestTheEndOfTheContextSettlesNothing(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{})
	execute := p.signed(p.transfer())
	p.fails(fault.Rule{Kind: fault.ReplyDelayed, Delay: time.Hour, Match: fault.Match{Path: executePath}})

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)

	go func() {
		_, err := p.client.ExecuteAndWait(ctx, execute)
		ended <- err
	}()

	require.Eventually(t, func() bool { return len(p.Transfers()) == 1 }, patience, time.Millisecond)
	cancel()

	err := <-ended
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, unknown, ledger.OutcomeOf(err))
}

// A node that restarts answers with an error, and what was on its way arrives all the same.
func TestARestartSettlesNothing(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{})
	execute := p.signed(p.transfer())
	p.fails(fault.Rule{Kind: fault.SequencingDelayed, Delay: 500 * time.Millisecond})
	require.NoError(t, p.client.Execute(within(t), execute))

	p.strikesRestart(t)

	require.Eventually(t, func() bool {
		err := p.client.Execute(within(t), execute)
		outcome := ledger.OutcomeOf(err)
		require.Contains(t, []ledger.Outcome{unknown, again, committed}, outcome, "%v", err)

		return outcome == committed
	}, patience, time.Millisecond)
	require.Equal(t, 1, p.paid())
}

func (p *payer) strikesRestart(t *testing.T) {
	t.Helper()

	p.fails(fault.Rule{Kind: fault.NodeRestart, Every: 10 * time.Millisecond, Times: 1, Delay: 50 * time.Millisecond})
	require.Eventually(t, func() bool {
		_, rules := p.Faults().Standing()

		return rules[0].Fired == 1
	}, patience, time.Millisecond)
}

// What never reached the sequencer ends when its time is over; the same bytes commit as long as the windows hold.
func TestNotSequenced(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		begin := p.LedgerEnd()
		execute := p.signed(p.transfer())
		p.fails(fault.Rule{Kind: fault.NotSequenced, Times: 1})

		require.NoError(t, p.client.Execute(within(t), execute), "the node takes it")
		p.clock.Advance(2 * time.Minute)

		end := p.completion(begin, execute.SubmissionID)
		require.Equal(t, "NOT_SEQUENCED_TIMEOUT", end.Err.Code)
		require.Equal(t, ledger.CategoryContention, end.Err.Category)
		require.Equal(t, ledger.DefiniteYes, end.Err.Definite)
		require.Equal(t, again, end.Outcome())
		require.Empty(t, end.Update)
		require.Zero(t, p.paid())

		require.NoError(t, p.submits(execute))
		require.Equal(t, 1, p.paid())
	})
}

// Past its maximum record time a payment cannot be made any more, however often it is sent.
func TestTheMaximumRecordTimePasses(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		execute := p.signed(p.transfer())
		p.clock.Advance(11 * time.Minute)

		for range 3 {
			err := p.submits(execute)
			require.Equal(t, again, ledger.OutcomeOf(err), "%v", err)
			require.Zero(t, p.paid())
		}
	})
}

func TestPreparedTooLongAgo(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		proposal := p.signed(p.proposal())
		p.clock.Advance(25 * time.Hour)

		err := p.submits(proposal)
		require.Equal(t, anew, ledger.OutcomeOf(err), "%v", err)
		require.ErrorContains(t, err, "LOCAL_VERDICT_PREPARATION_TIME_OUT_OF_BOUND")

		late := p.signed(p.transfer())
		p.clock.Advance(49 * time.Hour)

		err = p.submits(late)
		require.Equal(t, anew, ledger.OutcomeOf(err), "%v", err)
		require.ErrorContains(t, err, "LEDGER_TIME_OUTSIDE_BOUNDS")
		require.Zero(t, p.paid())
	})
}

// Two payments of the same money: while one is under way the other waits, and at most one of them commits.
func TestTwoPaymentsOfTheSameMoney(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		first, second := p.signed(p.transfer()), p.signed(p.transfer())

		p.fails(fault.Rule{Kind: fault.SequencingDelayed, Delay: 200 * time.Millisecond, Times: 1})
		begin := p.LedgerEnd()
		require.NoError(t, p.client.Execute(within(t), first))

		// Either of these may come late, when the first is through; never may both be paid.
		inFlight := ledger.OutcomeOf(p.client.Execute(within(t), first))
		require.Contains(t, []ledger.Outcome{again, committed}, inFlight)

		locked := ledger.OutcomeOf(p.submits(second))
		require.Contains(t, []ledger.Outcome{again, anew}, locked)

		require.Equal(t, ledger.OutcomeCommitted, p.completion(begin, first.SubmissionID).Outcome())

		err := p.submits(second)
		require.Equal(t, anew, ledger.OutcomeOf(err), "%v", err)
		require.ErrorContains(t, err, "LOCAL_VERDICT_INACTIVE_CONTRACTS")
		require.Equal(t, 1, p.paid())
	})
}

// A network that has the same submission twice rejects the second: a completion that says so is not the end.
func TestACompletionDoesNotDecide(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		begin := p.LedgerEnd()
		execute := p.signed(p.transfer())
		p.fails(fault.Rule{Kind: fault.DuplicateSubmission, Times: 1})
		require.NoError(t, p.submits(execute))

		items, err := p.client.Completions(within(t), p.completions(begin))
		require.NoError(t, err)

		var outcomes []ledger.Outcome

		for _, item := range items {
			if item.Completion != nil {
				require.Equal(t, execute.SubmissionID, item.Completion.SubmissionID)

				outcomes = append(outcomes, item.Completion.Outcome())
			}
		}

		require.Equal(t, []ledger.Outcome{committed, again}, outcomes)
		require.Equal(t, 1, p.paid())
	})
}

func TestAnUpgradePauses(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		execute := p.signed(p.transfer())
		p.strikes(fault.Rule{Kind: fault.UpgradePause, Delay: time.Hour})

		err := p.submits(execute)
		require.Equal(t, paused, ledger.OutcomeOf(err), "%v", err)
		require.Zero(t, p.paid())
	})
}

// What was prepared for the physical synchronizer before an upgrade is of no use after it.
func TestAnUpgradeMakesPreparedTransactionsUseless(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{Version: sandbox.V35})
	execute := p.signed(p.transfer())
	p.strikes(fault.Rule{Kind: fault.UpgradePause, Delay: time.Millisecond})

	require.Eventually(t, func() bool {
		outcome := ledger.OutcomeOf(p.submits(execute))
		require.Contains(t, []ledger.Outcome{paused, anew}, outcome)

		return outcome == anew
	}, patience, time.Millisecond)
	require.Zero(t, p.paid())
	require.NoError(t, p.submits(p.signed(p.transfer())))
}

func TestSubmissionsThatAreRejected(t *testing.T) {
	t.Parallel()

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version})
		good := p.signed(p.transfer())

		for name, change := range map[string]func(*ledger.ExecuteRequest){
			"another's signature": func(r *ledger.ExecuteRequest) {
				s := r.Signatures[0].Signatures[0]
				s.Bytes = append([]byte{s.Bytes[0] ^ 1}, s.Bytes[1:]...)
				r.Signatures = []ledger.PartySignatures{{Party: p.party, Signatures: []signing.Signature{s}}}
			},
			"no transaction":       func(r *ledger.ExecuteRequest) { r.Transaction = []byte("nonsense") },
			"a long deduplication": func(r *ledger.ExecuteRequest) { r.Deduplication = ledger.DeduplicateFor(1000 * time.Hour) },
			"a deduplication ahead": func(r *ledger.ExecuteRequest) {
				r.Deduplication = ledger.DeduplicateAfter(p.LedgerEnd() + 1000)
			},
			"another user's name": func(r *ledger.ExecuteRequest) { r.UserID = string(make([]byte, 200)) },
		} {
			changed := good
			change(&changed)

			err := p.client.Execute(within(t), changed)
			require.Equal(t, rejected, ledger.OutcomeOf(err), "%s: %v", name, err)
			require.Zero(t, p.paid(), name)
		}

		_, err := p.client.ExecuteAndWait(within(t), good)
		if version == sandbox.V33 {
			require.Equal(t, rejected, ledger.OutcomeOf(err), "this version does not wait: %v", err)
			require.Zero(t, p.paid())

			err = p.submits(good)
		}

		require.NoError(t, err)
	})
}

func TestDeduplicationPeriods(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{})

	for _, d := range []ledger.Deduplication{
		{}, ledger.DeduplicateFor(90*time.Minute + 5), ledger.DeduplicateAfter(p.LedgerEnd()),
	} {
		execute := p.signed(p.transfer())
		execute.Deduplication, execute.MinLedgerTime = d, p.clock.Now().Add(-time.Second)
		require.NoError(t, p.submits(execute))
	}

	require.Equal(t, 3, p.paid())
}

// Requests that no node would take are not sent.
func TestRequestsThatAreNotSent(t *testing.T) {
	t.Parallel()

	p := newPayer(t, sandbox.Config{})
	good := p.signed(p.transfer())
	before := p.sent.Load()

	for name, change := range map[string]func(*ledger.ExecuteRequest){
		"no submission id":       func(r *ledger.ExecuteRequest) { r.SubmissionID = "" },
		"a long submission id":   func(r *ledger.ExecuteRequest) { r.SubmissionID = string(make([]byte, 256)) },
		"no transaction":         func(r *ledger.ExecuteRequest) { r.Transaction = nil },
		"a huge transaction":     func(r *ledger.ExecuteRequest) { r.Transaction = make([]byte, 7<<20) },
		"no signatures":          func(r *ledger.ExecuteRequest) { r.Signatures = nil },
		"no signature of one":    func(r *ledger.ExecuteRequest) { r.Signatures = []ledger.PartySignatures{{Party: p.party}} },
		"backwards":              func(r *ledger.ExecuteRequest) { r.Deduplication = ledger.DeduplicateFor(-1) },
		"an id that is no text":  func(r *ledger.ExecuteRequest) { r.SubmissionID = "\xff" },
		"a user that is no text": func(r *ledger.ExecuteRequest) { r.UserID = "\xff" },
	} {
		changed := good
		change(&changed)

		err := p.client.Execute(within(t), changed)
		require.Equal(t, ledger.CodeInvalid, asError(t, err).Code, name)
		require.Equal(t, rejected, ledger.OutcomeOf(err), name)
	}

	require.Equal(t, before, p.sent.Load())

	for name, change := range map[string]func(*ledger.PrepareRequest){
		"no command id":       func(r *ledger.PrepareRequest) { r.CommandID = "" },
		"a long command id":   func(r *ledger.PrepareRequest) { r.CommandID = string(make([]byte, 256)) },
		"no command":          func(r *ledger.PrepareRequest) { r.Command = nil },
		"nobody acts":         func(r *ledger.PrepareRequest) { r.ActAs = nil },
		"an endless argument": func(r *ledger.PrepareRequest) { r.Command = ledger.Create{Arguments: make([]byte, 9<<20)} },
		"no JSON":             func(r *ledger.PrepareRequest) { r.Command = ledger.RawCommand(`{"a":1,"a":2}`) },
	} {
		request := p.proposal()
		change(&request)

		_, err := p.client.Prepare(within(t), request)
		require.Equal(t, ledger.CodeInvalid, asError(t, err).Code, name)
		require.Equal(t, ledger.Stop, ledger.Classify(err), name)
	}
}

// A payment is sent, byte for byte the same, until the node says that it is made. Every error that says something is
// held against the ledger.
func TestPaymentsThroughABadNetworkArePaidOnce(t *testing.T) {
	t.Parallel()

	const payments = 25

	eachVersion(t, func(t *testing.T, version sandbox.Version) {
		t.Helper()

		p := newPayer(t, sandbox.Config{Version: version, Seed: 5, FaultSeed: 7})
		seen := map[ledger.Outcome]int{}

		sometimes := fault.Probability{Hits: 1, Of: 5}
		path := fault.Match{Path: executePath}

		p.fails(
			fault.Rule{Kind: fault.ReplyLost, Probability: sometimes, Match: path},
			fault.Rule{Kind: fault.GarbledAnswer, Probability: sometimes, Match: path},
			fault.Rule{Kind: fault.Status503, Probability: sometimes, Match: path},
			fault.Rule{Kind: fault.NodeDown, Probability: sometimes, Match: path},
			fault.Rule{Kind: fault.SequencerBackpressure, Probability: sometimes},
			fault.Rule{Kind: fault.TrafficExhausted, Probability: sometimes},
			fault.Rule{Kind: fault.DuplicateSubmission, Probability: sometimes},
		)

		for n := range payments {
			execute := p.signed(p.transfer())

			for made := false; !made; {
				before := p.paid()
				err := p.client.Execute(within(t), execute)
				outcome := ledger.OutcomeOf(err)
				seen[outcome]++

				switch outcome {
				case committed:
					made = true
				case again, noTraffic:
					require.Equal(t, before, p.paid(), "%v", err)
				case unknown:
				case rejected, anew, paused:
					require.Fail(t, "nothing here is wrong with the payment", "%v", err)
				}
			}

			require.Equal(t, n+1, p.paid())
		}

		require.Positive(t, seen[unknown]*seen[again]*seen[noTraffic], "%v", seen)
	})
}
