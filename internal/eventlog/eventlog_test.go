package eventlog_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/event/eventtest"
	"github.com/canton-exchange/suite/internal/eventlog"
	"github.com/canton-exchange/suite/internal/store"
)

// deposit puts a deposit on the ledger and its event into the outbox, as ingestion does.
func (w *world) deposit() {
	w.exec(`INSERT INTO ingestion_cursors (treasury_id, participant_id, ledger_offset, update_no, update_id, origin_offset, node_since_no, epoch, derivation_version, updated_at)
		VALUES ($1, 'participant::1220dd', 77, 5, '1220aa', 0, 0, 1, 1, $2)`, int32(w.treasury), start())
	w.exec(`INSERT INTO instruments (instrument_no, admin, instrument_id, first_seen_at) OVERRIDING SYSTEM VALUE VALUES (9, 'dso::1220dd', 'Amulet', $1)`, start())
	w.exec(`INSERT INTO ledger_updates (treasury_id, update_no, update_id, kind, ledger_offset, record_time, synchronizer_id, command_id, transaction_hash, traffic_cost, ingested_at)
		VALUES ($1, 5, '1220aa', 'transaction', 77, $2, $3, '', '', 0, $2)`, int32(w.treasury), start(), string(home))

	for leg, memo := range []string{"another", "ACC-1"} { // two of the same amount in one update
		w.exec(`INSERT INTO transfers (treasury_id, update_no, node_id, leg, direction, status, evidence, sender, receiver, instrument_no, amount, memo)
			VALUES ($1, 5, 3, $2, 'in', 'completed', 'factory', 'bob::1220cc', $3, 9, 12.5, $4)`, int32(w.treasury), leg, string(party), memo)
	}

	w.exec(`INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
		VALUES ($1, gen_random_uuid(), 'deposit.credited', '4ddb1e56-7c31-4c31-9f5a-4b1d1f6f3b5d', 5, $2, $3)`, int32(w.treasury), `{
		"depositId": "4ddb1e56-7c31-4c31-9f5a-4b1d1f6f3b5d", "state": "credited", "account": "c1", "instrumentAdmin": "dso::1220dd", "instrumentId": "Amulet",
		"amount": "12.5000000000", "sender": "bob::1220cc", "memo": "ACC-1", "evidence": {"updateId": "1220aa", "nodeId": 3, "recordTime": "2026-03-01T12:00:00Z"}}`, start())
}

// TestEventsAreCloudEvents: the official SDK reads them, the catalogue describes them, the signature holds, and the
// evidence is what the ledger has.
func TestEventsAreCloudEvents(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.deposit()
	w.write(1)
	w.number(2)

	schemas, err := eventtest.Load()
	require.NoError(t, err)

	var chain event.Chain

	for i, logged := range w.all() {
		var e cloudevents.Event

		require.NoError(t, json.Unmarshal(logged.Body, &e))
		require.NoError(t, e.Validate())
		require.Equal(t, logged.ID.String(), e.ID())
		require.Equal(t, logged.Type, e.Type())
		require.Equal(t, event.Sequence(int64(i+1)), e.Extensions()["sequence"])
		require.Equal(t, string(party), e.Extensions()["treasury"])
		require.Equal(t, event.SchemaID(logged.Type), e.DataSchema())
		require.NoError(t, schemas.Check(e.Type(), e.Data()))
		require.NoError(t, event.Verify(logged.Body, w.keys.Signer().Keys()))

		chain = chain.Next(logged.Seq, logged.ID)
		require.Equal(t, chain, logged.Chain)
		require.Equal(t, chain.String(), e.Extensions()["chain"])
	}

	first := w.all()[0]
	require.Equal(t, event.About{Type: "deposit.credited", Subject: "4ddb1e56-7c31-4c31-9f5a-4b1d1f6f3b5d", Account: "c1", InstrumentNo: 9}, first.About)

	e, err := event.Parse(first.Body)
	require.NoError(t, err)
	require.JSONEq(t, `{"updateId": "1220aa", "nodeId": 3, "recordTime": "2026-03-01T12:00:00.000000Z", "synchronizer": "global::1220ee", "offset": 77,
		"participantId": "participant::1220dd", "transfer": {"leg": 1, "status": "completed", "sender": "bob::1220cc", "receiver": "treasury::1220aa",
		"instrumentAdmin": "dso::1220dd", "instrumentId": "Amulet", "amount": "12.5000000000", "memo": "ACC-1"}}`, member(t, e.Data, "evidence"))
}

func member(t *testing.T, data []byte, name string) string {
	t.Helper()

	members := map[string]json.RawMessage{}
	require.NoError(t, json.Unmarshal(data, &members))

	return string(members[name])
}

// TestWhatIsWithheld is nowhere in the event, which says so and is signed all the same.
func TestWhatIsWithheld(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.deposit()
	w.number(1)

	whole := w.all()[0].Body
	same, err := event.Withhold(whole, nil, w.keys.Signer())
	require.NoError(t, err)
	require.Equal(t, whole, same)

	for what, secrets := range map[string][]string{event.WithheldMemo: {"ACC-1"}, event.WithheldCounterparty: {"bob::1220cc"}} {
		less, err := event.Withhold(whole, []string{what}, w.keys.Signer())
		require.NoError(t, err)
		require.NoError(t, event.Verify(less, w.keys.Signer().Keys()))

		for _, text := range secrets {
			require.Contains(t, string(whole), text)
			require.NotContains(t, string(less), text)
		}

		e, err := event.Parse(less)
		require.NoError(t, err)
		require.Equal(t, what, e.Withheld)
		require.Contains(t, string(less), "12.5000000000")
	}
}

// TestLagIsToldOnce, and its end.
func TestLagIsToldOnce(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.exec("INSERT INTO synchronizer_clocks VALUES ($1, $2, $3, 5)", int32(w.treasury), string(home), start())

	watch := &eventlog.LagWatch{DB: w.db, Clock: w.clock, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Most: time.Minute}
	look := func() {
		require.NoError(t, watch.Look(t.Context()))
		require.NoError(t, watch.Look(t.Context()))
	}

	w.clock.Advance(time.Minute)
	look()
	w.clock.Advance(time.Second)
	look()
	w.exec("UPDATE synchronizer_clocks SET record_time = $1", w.clock.Now())
	look()
	w.clock.Advance(time.Hour)
	look()
	require.NoError(t, w.db.TellReconciled(t.Context(), w.treasury, store.Reconciled{Offset: 7, Holdings: 3}, w.clock.Now()))
	require.NoError(t, w.db.TellReconciled(t.Context(), w.treasury, store.Reconciled{Offset: 7, Holdings: 3, Differences: 1}, w.clock.Now()))
	w.number(5)

	schemas, err := eventtest.Load()
	require.NoError(t, err)

	var kinds []string

	for _, logged := range w.all() {
		e, err := event.Parse(logged.Body)
		require.NoError(t, err)
		require.NoError(t, schemas.Check(e.Type, e.Data))

		kinds = append(kinds, e.Type)
	}

	require.Equal(t, []string{
		"ingestion.lagging", "ingestion.caught_up", "ingestion.lagging", "reconciliation.clean", "reconciliation.broken",
	}, kinds)
}

// TestTheTailFollows: readers at any place see every event once, in order, whoever asks the database.
func TestTheTailFollows(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.write(30)
	w.number(30)

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	running, stop := context.WithCancel(ctx)
	tail := eventlog.NewTail(w.db, slog.New(slog.NewTextHandler(t.Output(), nil)))
	ended := make(chan error, 1)

	go func() { ended <- tail.Run(running) }()

	const last = 80

	var readers sync.WaitGroup

	for _, after := range []int64{0, 7, 30, 55} {
		readers.Go(func() {
			for at := after; at < last; {
				if !tail.Wait(ctx, w.treasury, at) {
					t.Error("nothing came")

					return
				}

				events, err := tail.Read(ctx, w.treasury, at, 4)
				if err != nil {
					t.Error(err)

					return
				}

				for _, e := range events {
					at++
					if e.Seq != at {
						t.Errorf("%d instead of %d", e.Seq, at)

						return
					}
				}
			}
		})
	}

	w.write(25)
	w.number(55)
	w.write(25)
	w.number(last)
	readers.Wait()

	waiting := make(chan bool, 1)

	go func() { waiting <- tail.Wait(ctx, w.treasury, last) }()

	stop()
	require.NoError(t, <-ended)
	require.False(t, <-waiting, "nobody waits for a tail that has ended")
}

// TestOldEventsGo after their time.
func TestOldEventsGo(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.write(3)
	w.number(3)
	w.clock.Advance(30 * time.Minute)
	w.write(2)
	w.number(5)
	w.clock.Advance(31 * time.Minute)
	require.NoError(t, w.log.Prune(t.Context()))

	require.Len(t, w.all(), 2)

	head, err := w.db.EventHead(t.Context(), w.treasury)
	require.NoError(t, err)
	require.Equal(t, store.EventHead{Seq: 5, Pruned: 3, Chain: head.Chain}, head)

	w.write(1)
	w.number(6)
}

// TestAnIDThatIsThereTwice has one place, and holds up nobody.
func TestAnIDThatIsThereTwice(t *testing.T) {
	t.Parallel()

	w := begin(t)

	for range 2 {
		w.exec(`INSERT INTO events (treasury_id, event_id, type, subject, update_no, payload, created_at)
			VALUES ($1, '00000000-0000-0000-0000-000000000001', 'withdrawal.alarm', 's', 0, '{"reason": "books"}', $2)`, int32(w.treasury), start())
	}

	w.write(1)
	w.number(2)
	require.Len(t, w.all(), 2)
}

// TestWhatIsForgottenIsNotToldAgain in another life of the database: its row of the outbox is gone too.
func TestWhatIsForgottenIsNotToldAgain(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.write(10)
	w.number(10)
	w.clock.Advance(2 * time.Hour)
	require.NoError(t, w.log.Prune(t.Context()))
	w.exec("UPDATE event_sequencer SET identity = 'same server/the timeline before'")
	w.write(1)
	w.number(11)
	require.Len(t, w.all(), 1)

	head, err := w.db.EventHead(t.Context(), w.treasury)
	require.NoError(t, err)
	require.Equal(t, store.EventHead{Seq: 11, Pruned: 10, Chain: head.Chain}, head)
}

// TestEvidenceIsOfTheTransfer that the event is about, however many its update has: or it names none.
func TestEvidenceIsOfTheTransfer(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct{ change, leg string }{
		"a leg without a memo":    {"UPDATE transfers SET memo = NULL, sender = 'eve::1220ee' WHERE leg = 0", "1"},
		"a leg that goes out":     {"UPDATE transfers SET memo = 'ACC-1', direction = 'out', receiver = 'shop::1220ab' WHERE leg = 0", "1"},
		"a leg of another token":  {"UPDATE transfers SET memo = 'ACC-1', instrument_no = 10 WHERE leg = 0", "1"},
		"another amount, one leg": {"UPDATE transfers SET amount = 13 WHERE leg = 1", "1"},
		"none that fits":          {"UPDATE transfers SET sender = 'eve::1220ee'", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := begin(t)
			w.deposit()
			w.exec(`INSERT INTO instruments (instrument_no, admin, instrument_id, first_seen_at) OVERRIDING SYSTEM VALUE
				VALUES (10, 'dso::1220dd', 'USDX', $1)`, start())
			w.exec(tc.change)
			w.number(1)

			e, err := event.Parse(w.all()[0].Body)
			require.NoError(t, err)

			told := member(t, e.Data, "evidence")
			require.Contains(t, told, "1220aa")

			if tc.leg == "" {
				require.NotContains(t, told, "transfer")
			} else {
				require.Contains(t, told, `"leg":`+tc.leg)
			}
		})
	}
}

// TestTheTailForgetsAnotherHistory: after the database was put back, places have other events.
func TestTheTailForgetsAnotherHistory(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.write(10)
	w.number(10)

	ctx, stop := context.WithCancel(t.Context())
	tail := eventlog.NewTail(w.db, slog.New(slog.DiscardHandler))
	ended := make(chan error, 1)

	go func() { ended <- tail.Run(ctx) }()

	defer func() {
		stop()
		require.NoError(t, <-ended)
	}()

	head := func(n int64) {
		require.Eventually(t, func() bool { return tail.Head(w.treasury) == n }, patience, pollInterval)
	}

	head(10)
	_, err := tail.Read(ctx, w.treasury, 10, 1) // so that it holds what comes
	require.NoError(t, err)
	w.write(10)
	w.number(20)
	head(20)

	before, known := tail.Last(w.treasury)
	require.True(t, known)

	w.exec("DELETE FROM event_log WHERE seq > 15")
	w.exec("UPDATE event_heads h SET seq = 15, chain = (SELECT chain FROM event_log WHERE seq = 15)")
	head(15)
	w.write(5)
	w.number(20)
	head(20)

	after, _ := tail.Last(w.treasury)
	require.False(t, after.Same(before), "the same number of another history")

	_, err = tail.Find(ctx, w.treasury, before)
	require.ErrorIs(t, err, store.ErrEventsForked)

	told, err := tail.Read(ctx, w.treasury, 15, 10)
	require.NoError(t, err)
	require.Equal(t, w.all()[15:15+len(told)], told)
}

// TestTheTailSeesAnotherHistoryOfTheSameLength: it was looked before and after, and not between.
func TestTheTailSeesAnotherHistoryOfTheSameLength(t *testing.T) {
	t.Parallel()

	w := begin(t)
	w.write(10)
	w.number(10)

	tail := eventlog.NewTail(w.db, slog.New(slog.DiscardHandler))
	ctx := t.Context()

	_, err := tail.Read(ctx, w.treasury, 0, 1) // so that it holds what comes
	require.NoError(t, err)
	require.NoError(t, tail.Follow(ctx))
	require.Equal(t, w.all()[5:], read(t, tail, w, 5))

	news := tail.News(w.treasury, 10)

	w.exec("DELETE FROM event_log WHERE seq > 5")
	w.exec("UPDATE event_heads h SET seq = 5, chain = (SELECT chain FROM event_log WHERE seq = 5)")
	w.write(5)
	w.number(10)

	require.NoError(t, tail.Follow(ctx))
	require.Equal(t, w.all()[5:], read(t, tail, w, 5), "nothing of the old one is told")

	select {
	case <-news:
	default:
		t.Fatal("who waits is not told")
	}

	w.exec("DELETE FROM event_log")
	w.exec("DELETE FROM event_heads")
	require.NoError(t, tail.Follow(ctx))
	require.Zero(t, tail.Head(w.treasury))
	require.Empty(t, read(t, tail, w, 5))
}

func read(t *testing.T, tail *eventlog.Tail, w *world, after int64) []store.LoggedEvent {
	t.Helper()

	events, err := tail.Read(t.Context(), w.treasury, after, 100)
	require.NoError(t, err)

	return events
}
