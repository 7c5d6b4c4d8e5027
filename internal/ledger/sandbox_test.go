package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	conformance "github.com/canton-exchange/suite/internal/sandbox/published"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/update"
)

// sandboxToken is the only one that the sandbox takes.
var sandboxToken = secret.New("sandbox-token")

// network is a sandbox behind a real socket, with a treasury.
type network struct {
	*sandbox.Sandbox

	client   *ledger.Client
	treasury ident.Party
}

func newNetwork(t *testing.T, cfg sandbox.Config, sockets bool, adjust ...func(*ledger.Config)) network {
	t.Helper()

	cfg.Token = sandboxToken
	cfg.CheckpointInterval = 5 * time.Millisecond
	cfg.ListWait = 20 * time.Millisecond
	cfg.Inspect = conformance.Inspect(t, string(cfg.Version))

	s, err := sandbox.New(cfg)
	require.NoError(t, err)

	handler := s.Handler()
	if !sockets {
		handler = withoutUpgrades(handler)
	}

	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		s.Close()
		server.CloseClientConnections()
		server.Close()
	})

	config := ledger.Config{
		URL: server.URL, Tokens: ledger.StaticToken(cfg.Token), RequestTimeout: patience,
		Retry: ledger.Retry{Attempts: 10, Initial: time.Millisecond, Max: 20 * time.Millisecond},
	}
	for _, f := range adjust {
		f(&config)
	}

	client, err := ledger.New(config)
	require.NoError(t, err)
	t.Cleanup(client.CloseIdle)
	client.Rhythm(50*time.Millisecond, patience)

	treasury, err := s.AllocateParty("treasury")
	require.NoError(t, err)

	_, err = s.Preapprove(treasury)
	require.NoError(t, err)

	return network{Sandbox: s, client: client, treasury: treasury}
}

func withoutUpgrades(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			http.Error(w, "no", http.StatusBadRequest)

			return
		}

		next.ServeHTTP(w, r)
	})
}

// follower reads the stream as ingestion does: from the last offset it has, whatever happens.
type follower struct {
	network

	at      ident.Offset
	updates []update.Update
	opened  int
	took    func(taken int) // after every update
}

// follow reads until it has passed the offset.
func (f *follower) follow(ctx context.Context, until ident.Offset) error {
	delays := ledger.Retry{Attempts: 1, Initial: time.Millisecond, Max: 20 * time.Millisecond}.Backoff()

	for f.at < until {
		err := f.session(ctx, until)
		if err != nil && !ledger.Classify(err).Retryable() {
			return err
		}

		select {
		case <-time.After(delays.Next(nil)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}

	return nil
}

func (f *follower) session(ctx context.Context, until ident.Offset) error {
	stream, err := f.client.OpenUpdates(ctx, f.treasury, f.at)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }()

	f.opened++

	for f.at < until {
		raw, err := stream.Next(ctx)
		if err != nil {
			return err
		}

		u, err := update.Decode(raw)
		if err != nil {
			return err
		}

		if u.Offset < f.at || u.Offset == f.at && u.Kind != update.Checkpoint {
			return fmt.Errorf("offset %d after %d", u.Offset, f.at)
		}

		f.at = u.Offset
		if u.Kind == update.Transaction || u.Kind == update.Reassignment {
			f.updates = append(f.updates, u)
			f.took(len(f.updates))
		}
	}

	return nil
}

func ids(list []update.Update) []ident.UpdateID {
	out := make([]ident.UpdateID, len(list))
	for i, u := range list {
		out[i] = u.ID
	}

	return out
}

func wanted(n network) []ident.UpdateID {
	visible := n.Updates(n.treasury)

	out := make([]ident.UpdateID, len(visible))
	for i, v := range visible {
		out[i] = v.UpdateID
	}

	return out
}

// Every update exactly once and in order, while the network works, the streams are cut, the node goes away and comes
// back, and tokens are refused for a while.
func TestNothingIsLostOrDoubledAgainstTheSandbox(t *testing.T) {
	t.Parallel()

	cases := []struct {
		version sandbox.Version
		shape   ledger.Shape
		sockets bool
	}{
		{sandbox.V34, ledger.ShapeAuto, true},
		{sandbox.V34, ledger.ShapeTrees, true},
		{sandbox.V34, ledger.ShapeTrees, false},
		{sandbox.V35, ledger.ShapeAuto, true},
		{sandbox.V35, ledger.ShapeAuto, false},
		{sandbox.V36, ledger.ShapeLedgerEffects, true},
	}

	for _, tc := range cases {
		t.Run(fmt.Sprintf("%s %s sockets %v", tc.version, tc.shape, tc.sockets), func(t *testing.T) {
			t.Parallel()

			n := newNetwork(t, sandbox.Config{Seed: 7, Version: tc.version, EventsV2: tc.version == sandbox.V35}, tc.sockets,
				func(c *ledger.Config) { c.Shape = tc.shape })

			worked := make(chan error, 1)

			go func() {
				_, err := n.Traffic(t.Context(), sandbox.TrafficConfig{
					Seed: 11, Treasury: n.treasury, Memos: []string{"A", "B"}, Actions: 400, TreasuryAccepts: true,
					Interval: time.Millisecond,
				})
				worked <- err
			}()

			f := &follower{network: n, took: func(taken int) {
				switch {
				case taken%60 == 20:
					n.CutStreams()
				case taken%60 == 40:
					n.SetDown(true)
					time.AfterFunc(5*time.Millisecond, func() { n.SetDown(false) })
				case taken%60 == 59:
					n.RejectTokens(true)
					time.AfterFunc(5*time.Millisecond, func() { n.RejectTokens(false) })
				}
			}}

			// While the customers are at work, and then up to where they left off.
			require.NoError(t, f.follow(within(t), 300))
			require.NoError(t, <-worked)

			want := n.Updates(n.treasury)
			require.Greater(t, len(want), 100)
			require.NoError(t, f.follow(within(t), want[len(want)-1].Offset))
			require.Equal(t, wanted(n), ids(f.updates))
			t.Logf("%d updates in %d streams", len(f.updates), f.opened)
		})
	}
}

func TestBoundedUpdatesAndPointReadsAgainstTheSandbox(t *testing.T) {
	t.Parallel()

	n := newNetwork(t, sandbox.Config{Seed: 3, ListLimit: 50}, true)

	_, err := n.Traffic(t.Context(), sandbox.TrafficConfig{
		Seed: 5, Treasury: n.treasury, Memos: []string{"A"}, Actions: 300,
	})
	require.NoError(t, err)

	end, err := n.client.LedgerEnd(within(t))
	require.NoError(t, err)

	var got []update.Update

	require.NoError(t, n.client.Updates(within(t), n.treasury, ident.Begin, end, func(raw []byte) error {
		u, err := update.Decode(raw)
		if u.Kind == update.Transaction {
			got = append(got, u)
		}

		return err
	}))
	require.Equal(t, wanted(n), ids(got))
	require.Greater(t, len(got), 100, "more than the node lists at once")

	one := got[len(got)/2]

	byID, err := n.client.UpdateByID(within(t), n.treasury, one.ID)
	require.NoError(t, err)
	byOffset, err := n.client.UpdateByOffset(within(t), n.treasury, one.Offset)
	require.NoError(t, err)

	for _, raw := range [][]byte{byID, byOffset} {
		u, err := update.Decode(raw)
		require.NoError(t, err)
		require.Equal(t, one, u)
	}

	_, err = n.client.UpdateByID(within(t), n.treasury, "1220ffff")
	require.True(t, ledger.IsNotFound(err), "%v", err)

	err = n.client.Updates(within(t), n.treasury, ident.Begin, end+1000, func([]byte) error { return nil })
	require.True(t, ledger.IsBeyondLedgerEnd(err), "%v", err)

	version, err := n.client.Version(within(t))
	require.NoError(t, err)
	require.True(t, version.AtLeast(3, 5))

	synchronizers, err := n.client.ConnectedSynchronizers(within(t), n.treasury)
	require.NoError(t, err)
	require.Len(t, synchronizers, 1)

	_, err = n.client.ParticipantID(within(t))
	require.NoError(t, err)
}

func TestPrunedHistoryAgainstTheSandbox(t *testing.T) {
	t.Parallel()

	for _, sockets := range []bool{true, false} {
		n := newNetwork(t, sandbox.Config{Seed: 3}, sockets)

		_, err := n.Tap(n.treasury, amount.FromInt(5))
		require.NoError(t, err)
		receipt, err := n.Tap(n.treasury, amount.FromInt(5))
		require.NoError(t, err)
		_, err = n.Tap(n.treasury, amount.FromInt(5))
		require.NoError(t, err)
		require.NoError(t, n.Prune(receipt.Offset))

		pruned, err := n.client.PrunedOffsets(within(t))
		require.NoError(t, err)
		require.Equal(t, receipt.Offset, pruned.Participant)

		stream, err := n.client.OpenUpdates(within(t), n.treasury, ident.Begin)
		require.NoError(t, err)

		_, err = stream.Next(within(t))
		earliest, ok := ledger.IsPruned(err)
		require.True(t, ok, "%v", err)
		require.Equal(t, receipt.Offset, earliest)
		require.Equal(t, ledger.Stop, ledger.Classify(err))
		require.NoError(t, stream.Close())
	}
}

func TestActiveContractsAgainstTheSandbox(t *testing.T) {
	t.Parallel()

	cases := []struct {
		version sandbox.Version
		sockets bool
		limit   int
		partial bool
	}{
		{sandbox.V34, true, 200, false},
		{sandbox.V35, true, 200, false},
		{sandbox.V34, false, 10_000, false},
		{sandbox.V34, false, 200, true},
	}

	for _, tc := range cases {
		t.Run(fmt.Sprintf("%s sockets %v limit %d", tc.version, tc.sockets, tc.limit), func(t *testing.T) {
			t.Parallel()

			n := newNetwork(t, sandbox.Config{Seed: 3, Version: tc.version, ListLimit: tc.limit}, tc.sockets)
			for range 300 {
				_, err := n.Tap(n.treasury, amount.FromInt(1))
				require.NoError(t, err)
			}

			end, err := n.client.LedgerEnd(within(t))
			require.NoError(t, err)

			got := map[ident.ContractID]bool{}

			err = n.client.ActiveContracts(within(t), n.treasury, end, func(c ledger.ActiveContract) error {
				got[c.Created.Contract] = true

				return nil
			})
			if tc.partial {
				e, ok := errors.AsType[*ledger.Error](err)
				require.True(t, ok, "%v", err)
				require.Equal(t, ledger.CodeIncomplete, e.Code)

				return
			}

			require.NoError(t, err)

			holdings, err := n.Holdings(n.treasury)
			require.NoError(t, err)
			require.Len(t, holdings, 300)

			for _, h := range holdings {
				require.True(t, got[h.ContractID], h.ContractID)

				events, err := n.client.EventsByContractID(within(t), n.treasury, h.ContractID)
				require.NoError(t, err)
				require.Nil(t, events.Archived)
			}
		})
	}
}
