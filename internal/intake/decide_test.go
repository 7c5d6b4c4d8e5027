package intake_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"
)

// TestNewOffersAreDecidedFirst: however many offers a policy has decided again, a new one does not wait for them.
func TestNewOffersAreDecidedFirst(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	stop := w.run(w.instance().Run)

	for range 5 {
		w.untilReason(w.offer(w.AcmeToken(), "1", new("ACC-9")), deposit.UnknownMemo)
	}

	stop()
	w.setPolicy(w.AcmeToken(), func(p *deposit.Policy) { p.MinimumOffer = amounttest.Of("2") })

	fresh := w.offer(w.AcmeToken(), "7", new("ACC-9"))
	w.until("the offer is there", func() bool { return w.verdict(fresh).Open })

	for _, most := range []int{1, 3, 100} {
		list, err := w.db.UndecidedOffers(t.Context(), w.treasury, time.Now(), most)
		require.NoError(t, err)
		require.Len(t, list, min(most, 6))

		var found bool
		for _, o := range list {
			found = found || o.Contract == fresh
		}

		require.True(t, found, "of %d", most)
	}
}

// TestAHostileMemoIsItsOwnersAlone: what only means harm is a memo like any other, all the way to the credit.
func TestAHostileMemoIsItsOwnersAlone(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	w.run(w.instance().Run)

	for i, text := range []string{"АСС-1", "\u202e1-CCA", "ACC-1\u200b", "'; DROP TABLE deposits; --", "\x1b[2J", "<script>alert(1)</script>\n{{.}}"} {
		account := string(rune('a' + i))
		require.NoError(t, w.db.RegisterMemo(t.Context(), w.treasury, text, account, time.Now()))

		meta := func(r *sandbox.TransferRequest) { r.Meta = map[string]string{text: text, "\x00": "\u2066"} }
		offer := w.offer(w.AcmeToken(), "3", &text, meta)
		w.untilDeposit(offer, "credited")

		var credited, kept string

		require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT account, memo FROM deposits WHERE correlation_id = $1", string(offer)).Scan(&credited, &kept))
		require.Equal(t, [...]string{account, text}, [...]string{credited, kept})
	}
}

// TestALateVerdictDoesNotWriteOverANewerOne: an instance that was stopped between reading and writing has nothing to say of
// what has changed since. Each verdict is told once, also one that is there and back again.
func TestALateVerdictDoesNotWriteOverANewerOne(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})
	offer := w.offer(w.AcmeToken(), "7", new("LATE-9"))
	w.until("the offer is there", func() bool { return w.verdict(offer).Open })

	read := func() []store.DecidedOffer {
		list, err := w.db.UndecidedOffers(t.Context(), w.treasury, time.Now(), 10)
		require.NoError(t, err)
		require.Len(t, list, 1)

		return []store.DecidedOffer{{
			Decision: deposit.Decide(list[0].Offer, list[0].Grounds), DepositID: list[0].DepositID, Changes: list[0].Changes, Contract: list[0].Contract,
		}}
	}
	decide := func(list []store.DecidedOffer) verdict {
		require.NoError(t, w.db.DecideOffers(t.Context(), w.treasury, list, time.Now()))

		return w.verdict(offer)
	}

	early := read()
	require.Equal(t, string(deposit.UnknownMemo), decide(early).Reason)

	require.NoError(t, w.db.RegisterMemo(t.Context(), w.treasury, "LATE-9", "another", time.Now()))

	newer := read()
	require.Equal(t, "accept", decide(newer).Verdict)
	require.Equal(t, "accept", decide(early).Verdict)

	// By time alone, the same grounds may come to something else.
	later := newer[0]
	later.Decision = deposit.Decision{Verdict: deposit.Ignore, Reason: deposit.DeadlineTooNear}

	for range 2 {
		require.Equal(t, "ignore", decide([]store.DecidedOffer{later}).Verdict)
		require.Equal(t, "accept", decide(newer).Verdict)
	}

	var told, ids int

	require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT count(*), count(DISTINCT event_id) FROM events WHERE type LIKE 'offer.%'").Scan(&told, &ids))
	require.Equal(t, 6, told)
	require.Equal(t, told, ids)
}

// TestWritersOfManyVerdictsDoNotBlockEachOther: ingestion ends offers, instances decide them and operators change what
// they rest on, many at once, and nobody has to be thrown out for the others.
func TestWritersOfManyVerdictsDoNotBlockEachOther(t *testing.T) {
	t.Parallel()

	w := newWorld(t, sandbox.Config{})

	var offers []ident.ContractID
	for range 160 {
		offers = append(offers, w.offer(w.AcmeToken(), "1", new("ACC-9")))
	}

	w.until("the offers are there", func() bool { return w.verdict(offers[len(offers)-1]).Open })

	ctx, cancel := context.WithCancel(t.Context())
	group, ctx := errgroup.WithContext(ctx)
	again := func(do func(round int) error) {
		group.Go(func() error {
			for round := 0; ctx.Err() == nil; round++ {
				if err := do(round); err != nil && ctx.Err() == nil {
					return err
				}
			}

			return nil
		})
	}

	for range 2 {
		again(func(int) error {
			list, err := w.db.UndecidedOffers(ctx, w.treasury, time.Now(), 1000)
			if err != nil {
				return err
			}

			decided := make([]store.DecidedOffer, len(list))
			for i, o := range list {
				decided[i] = store.DecidedOffer{
					Decision: deposit.Decide(o.Offer, o.Grounds), DepositID: o.DepositID, Changes: o.Changes, Certain: o.Certain, Contract: o.Contract,
				}
			}

			rand.Shuffle(len(decided), func(i, j int) { decided[i], decided[j] = decided[j], decided[i] })

			return w.db.DecideOffers(ctx, w.treasury, decided, time.Now())
		})
	}

	again(func(round int) error {
		p := deposit.DefaultPolicy()
		p.MinimumOffer = amount.FromInt(int64(round % 3))

		return w.db.SetDepositPolicy(ctx, w.AcmeToken(), p)
	})
	again(func(int) error { return w.db.BlockSender(ctx, w.treasury, w.payer, "ann", "ticket", time.Now()) })

	for ended := range slices.Chunk(offers, 40) {
		w.stopIngest()

		for _, o := range ended {
			_, err := w.Withdraw(w.payer, o)
			require.NoError(t, err)
		}

		w.ingest()
		w.untilDeposit(ended[len(ended)-1], "withdrawn")
	}

	cancel()
	require.NoError(t, group.Wait())

	var deadlocks int

	require.NoError(t, w.pool.QueryRow(t.Context(), "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&deadlocks))
	require.Zero(t, deadlocks)
}
