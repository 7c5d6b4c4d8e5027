package sandbox_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// walk is a random walk over everything that wallets can do.
type walk struct {
	*sandbox.Sandbox

	rt      *rapid.T
	clock   *clock.Manual
	parties []ident.Party
}

// may accepts that the ledger refuses, but not that something breaks.
func (w *walk) may(err error) {
	for _, no := range []error{
		nil, sandbox.ErrFunds, sandbox.ErrUnknown, sandbox.ErrInactive, sandbox.ErrConflict, sandbox.ErrExpired,
		sandbox.ErrTooManyInputs, sandbox.ErrInvalid,
	} {
		if errors.Is(err, no) {
			return
		}
	}

	require.NoError(w.rt, err)
}

func (w *walk) who(label string) ident.Party { return rapid.SampledFrom(w.parties).Draw(w.rt, label) }

func (w *walk) amount() amount.Amount {
	units := rapid.Int64Range(0, 400).Draw(w.rt, "units")
	tail := rapid.SampledFrom([]string{"0", "5", "0000000001", "9999999999"}).Draw(w.rt, "fraction")

	return amt(fmt.Sprintf("%d.%s", units, tail))
}

func (w *walk) token() ident.Instrument {
	return rapid.SampledFrom([]ident.Instrument{
		w.Amulet(), w.AcmeToken(), {Admin: w.parties[0], ID: "Amulet"},
	}).Draw(w.rt, "token")
}

func (w *walk) request() sandbox.TransferRequest {
	return sandbox.TransferRequest{
		Sender: w.who("sender"), Receiver: w.who("receiver"), Instrument: w.token(), Amount: w.amount(),
		ExecuteBefore: w.clock.Now().Add(time.Duration(rapid.IntRange(1, 100).Draw(w.rt, "hours")) * time.Hour),
	}
}

func (w *walk) anyOffer() (sandbox.Offer, bool) {
	for _, p := range w.parties {
		offers, err := w.Offers(p)
		require.NoError(w.rt, err)

		if len(offers) > 0 {
			return rapid.SampledFrom(offers).Draw(w.rt, "offer"), true
		}
	}

	return sandbox.Offer{}, false
}

func (w *walk) onOffer(act func(sandbox.Offer) (sandbox.Receipt, error)) {
	if o, found := w.anyOffer(); found {
		_, err := act(o)
		w.may(err)
	}
}

func (w *walk) anyHolding() (sandbox.Holding, bool) {
	holdings, err := w.Holdings(w.who("owner"))
	require.NoError(w.rt, err)

	if len(holdings) == 0 {
		return sandbox.Holding{}, false
	}

	return rapid.SampledFrom(holdings).Draw(w.rt, "holding"), true
}

func (w *walk) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"": func(rt *rapid.T) { w.rt = rt; w.check() },
		"tap": func(rt *rapid.T) {
			w.rt = rt
			_, err := w.Tap(w.who("owner"), w.amount())
			w.may(err)
		},
		"mint": func(rt *rapid.T) {
			w.rt = rt
			_, err := w.Mint(w.who("owner"), w.token(), w.amount())
			w.may(err)
		},
		"burn": func(rt *rapid.T) {
			w.rt = rt
			_, err := w.Burn(w.who("owner"), w.token(), w.amount())
			w.may(err)
		},
		"transfer": func(rt *rapid.T) {
			w.rt = rt
			_, err := w.Transfer(w.request())
			w.may(err)
		},
		"batch": func(rt *rapid.T) {
			w.rt = rt
			first, second := w.request(), w.request()
			second.Sender = first.Sender
			_, err := w.Batch([]sandbox.TransferRequest{first, second})
			w.may(err)
		},
		"merge": func(rt *rapid.T) {
			w.rt = rt
			_, err := w.Merge(w.who("owner"), w.token(), w.amount())
			w.may(err)
		},
		"accept": func(rt *rapid.T) {
			w.rt = rt
			w.onOffer(func(o sandbox.Offer) (sandbox.Receipt, error) { return w.Accept(o.Receiver, o.ContractID) })
		},
		"reject": func(rt *rapid.T) {
			w.rt = rt
			w.onOffer(func(o sandbox.Offer) (sandbox.Receipt, error) { return w.Reject(o.Receiver, o.ContractID) })
		},
		"withdraw": func(rt *rapid.T) {
			w.rt = rt
			w.onOffer(func(o sandbox.Offer) (sandbox.Receipt, error) { return w.Withdraw(o.Sender, o.ContractID) })
		},
		"finish": func(rt *rapid.T) {
			w.rt = rt
			finish := w.CompleteWorkflow
			if rapid.Bool().Draw(rt, "fail") {
				finish = w.FailWorkflow
			}

			w.onOffer(func(o sandbox.Offer) (sandbox.Receipt, error) { return finish(o.ContractID) })
		},
		"expire": func(rt *rapid.T) {
			w.rt = rt
			w.clock.Advance(time.Duration(rapid.IntRange(0, 50).Draw(rt, "hours")) * time.Hour)
			_, err := w.ExpireOffers()
			w.may(err)
		},
		"preapprove": func(rt *rapid.T) {
			w.rt = rt
			_, err := w.Preapprove(w.who("receiver"))
			w.may(err)
		},
		"cancel": func(rt *rapid.T) {
			w.rt = rt
			_, err := w.CancelPreapproval(w.who("receiver"))
			w.may(err)
		},
		"dust": func(rt *rapid.T) {
			w.rt = rt
			if h, found := w.anyHolding(); found {
				_, err := w.ExpireDust(h.ContractID)
				w.may(err)
			}
		},
		"reassign": func(rt *rapid.T) {
			w.rt = rt
			if h, found := w.anyHolding(); found {
				_, err := w.Reassign(h.ContractID)
				w.may(err)
			}
		},
		"bare": func(rt *rapid.T) {
			w.rt = rt
			_, err := w.RawBareHolding(sandbox.BareHolding{
				Issuer: w.who("issuer"), Owner: w.who("owner"), Instrument: w.token(), Amount: w.amount(),
			})
			w.may(err)
		},
	}
}

// check is the conservation law: what everybody owns is what was minted less what was burned.
func (w *walk) check() {
	for _, instrument := range []ident.Instrument{w.Amulet(), w.AcmeToken(), {Admin: w.parties[0], ID: "Amulet"}} {
		sum := amount.Zero()

		for _, p := range w.Parties() {
			total, err := w.Total(p, instrument)
			require.NoError(w.rt, err)

			sum, err = sum.Add(total)
			require.NoError(w.rt, err)
		}

		minted, burned := w.Supply(instrument)
		want, err := minted.Sub(burned)
		require.NoError(w.rt, err)
		require.Equal(w.rt, want.String(), sum.String(), instrument.String())
	}
}

func TestConservation(t *testing.T) {
	t.Parallel()

	for _, cfg := range []sandbox.Config{
		{Shape: sandbox.ShapeCurrent, EventsV2: true, TwoSynchronizers: true},
		{Shape: sandbox.ShapeRecorded, Workflow: sandbox.AcmePending},
	} {
		t.Run(string(cfg.Shape), func(t *testing.T) {
			t.Parallel()

			rapid.Check(t, func(rt *rapid.T) {
				w := &walk{rt: rt, clock: clock.NewManual(start())}
				cfg := cfg
				cfg.Clock, cfg.Seed = w.clock, rapid.Uint64().Draw(rt, "seed")

				s, err := sandbox.New(cfg)
				require.NoError(rt, err)
				defer s.Close()

				w.Sandbox = s

				for _, hint := range []string{"alice", "bob", "treasury"} {
					p, err := s.AllocateParty(hint)
					require.NoError(rt, err)

					w.parties = append(w.parties, p)
				}

				rt.Repeat(w.actions())
				agree(rt, s)
			})
		})
	}
}

// agree checks every party's stream against its active contracts: what the stream creates and does not archive
// is exactly what is active; nothing is archived twice; node ids ascend; record times ascend by synchronizer.
func agree(rt *rapid.T, s *sandbox.Sandbox) {
	for _, p := range s.Parties() {
		live := map[ident.ContractID]bool{}
		gone := map[ident.ContractID]bool{}
		offset := ident.Offset(0)

		for _, tx := range sandbox.Seen(s, p) {
			require.Greater(rt, tx.Offset, offset)
			offset = tx.Offset

			node := ident.NodeID(-1)

			for _, e := range tx.Events {
				require.Greater(rt, e.NodeID, node)
				require.Contains(rt, e.Witnesses, p)
				node = e.NodeID

				switch {
				case e.Create:
					require.False(rt, gone[e.ContractID] || live[e.ContractID], "created twice")

					if e.Delta {
						live[e.ContractID] = true
					}
				case e.Consuming:
					require.False(rt, gone[e.ContractID], "archived twice")
					require.Equal(rt, e.Delta, live[e.ContractID])

					gone[e.ContractID] = true
					delete(live, e.ContractID)
				}
			}
		}

		active := map[ident.ContractID]bool{}
		for _, c := range s.ActiveContracts(p) {
			active[c.ContractID] = true
		}

		require.Equal(rt, active, live, p)
	}
}
