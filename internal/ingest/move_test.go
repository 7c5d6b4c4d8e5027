package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/update"
)

// elsewhere is the same ledger as another node tells it: the same updates under other offsets.
type elsewhere struct {
	ingest.Node

	original *ledger.Client
	shift    ident.Offset
	name     ident.ParticipantID
}

func (e elsewhere) ParticipantID(context.Context) (ident.ParticipantID, error) { return e.name, nil }

func (e elsewhere) LedgerEnd(ctx context.Context) (ident.Offset, error) {
	end, err := e.original.LedgerEnd(ctx)

	return end + e.shift, err
}

func (e elsewhere) UpdateByID(ctx context.Context, party ident.Party, id ident.UpdateID) ([]byte, error) {
	raw, err := e.original.UpdateByID(ctx, party, id)
	if err != nil {
		return nil, err
	}

	return e.shifted(raw), nil
}

func (e elsewhere) UpdateByOffset(ctx context.Context, party ident.Party, offset ident.Offset) ([]byte, error) {
	raw, err := e.original.UpdateByOffset(ctx, party, offset-e.shift)
	if err != nil {
		return nil, err
	}

	return e.shifted(raw), nil
}

func (e elsewhere) OpenUpdates(ctx context.Context, party ident.Party, begin ident.Offset) (ledger.Stream, error) {
	stream, err := e.original.OpenUpdates(ctx, party, max(begin-e.shift, ident.Begin))

	return shiftedStream{Stream: stream, node: e}, err
}

type shiftedStream struct {
	ledger.Stream

	node elsewhere
}

func (s shiftedStream) Next(ctx context.Context) ([]byte, error) {
	raw, err := s.Stream.Next(ctx)
	if err != nil {
		return nil, err
	}

	return s.node.shifted(raw), nil
}

// shifted rewrites the offset of an element. It is a test's: what does not decode fails the test elsewhere.
func (e elsewhere) shifted(raw []byte) []byte {
	var item map[string]map[string]map[string]map[string]json.RawMessage
	if json.Unmarshal(raw, &item) != nil {
		return nil
	}

	for _, box := range item["update"] {
		var offset ident.Offset
		if json.Unmarshal(box["value"]["offset"], &offset) != nil {
			return nil
		}

		box["value"]["offset"] = json.RawMessage(fmt.Sprint(offset + e.shift))
	}

	out, _ := json.Marshal(item)

	return out
}

func TestHistoryContinuesOnAnotherNode(t *testing.T) {
	t.Parallel()

	n, db := startNetwork(t, sandbox.Config{Seed: 11}), open(t)
	treasury := register(t, db, n.treasury, map[string]string{"ACC-1": "one", "ACC-2": "two"}, n.Amulet(), n.AcmeToken())
	other := elsewhere{Node: n.node, original: n.node, shift: 100_000, name: "another::1220"}

	n.trade(t, 11, 120)
	n.ingest(t, db, ingest.FromGenesis)

	// Pointing the service at another node is refused: its offsets are others.
	var refused *ingest.StartError

	err := service(t, ingest.Config{Party: n.treasury}, other, db).Run(t.Context())
	require.ErrorAs(t, err, &refused)
	require.Equal(t, ingest.OtherNode, refused.Refusal)
	require.Contains(t, err.Error(), "treasury move-node")

	before, err := db.Cursor(t.Context(), treasury)
	require.NoError(t, err)

	moved, err := ingest.MoveNode(t.Context(), db, other, n.treasury, clock.System{})
	require.NoError(t, err)
	require.Equal(t, before.LastID, moved.Update)
	require.Equal(t, int(before.Position.No), moved.Overlap, "a short history is told again from the beginning")

	n.trade(t, 12, 120)
	end, err := other.LedgerEnd(t.Context())
	require.NoError(t, err)
	runTo(t, ingest.Config{Party: n.treasury}, other, db, end)
	runTo(t, ingest.Config{Party: n.treasury}, other, db, end) // a restart checks recent updates of both nodes

	requireCompleteHistory(t, n, db, treasury)
	require.Empty(t, differing(t, db, n.treasury, false))
}

func TestAnOverlapOfNodesIsLeftOut(t *testing.T) {
	t.Parallel()

	n, db := startNetwork(t, sandbox.Config{Seed: 13}), open(t)
	treasury := register(t, db, n.treasury, map[string]string{"ACC-1": "one"}, n.Amulet(), n.AcmeToken())
	other := elsewhere{Node: n.node, original: n.node, shift: 500, name: "another::1220"}

	n.trade(t, 13, 80)
	n.ingest(t, db, ingest.FromGenesis)

	// The new node knows none of the last three updates by id yet, so the move goes back to the one before them.
	recent, err := db.RecentUpdates(t.Context(), treasury, 4)
	require.NoError(t, err)

	forgotten := map[ident.UpdateID]bool{recent[0].ID: true, recent[1].ID: true, recent[2].ID: true}
	late := forgetful{elsewhere: other, forgotten: forgotten}
	moved, err := ingest.MoveNode(t.Context(), db, late, n.treasury, clock.System{})
	require.NoError(t, err)
	require.Equal(t, recent[3].ID, moved.Update)
	require.Equal(t, ident.Begin, moved.Offset)

	n.trade(t, 14, 40)
	end, err := other.LedgerEnd(t.Context())
	require.NoError(t, err)
	runTo(t, ingest.Config{Party: n.treasury}, other, db, end)
	requireCompleteHistory(t, n, db, treasury)
}

type forgetful struct {
	elsewhere

	forgotten map[ident.UpdateID]bool
}

func (f forgetful) UpdateByID(ctx context.Context, party ident.Party, id ident.UpdateID) ([]byte, error) {
	if f.forgotten[id] {
		return nil, &ledger.Error{Op: "read update", HTTPStatus: http.StatusNotFound, Code: "UPDATE_NOT_FOUND"}
	}

	return f.elsewhere.UpdateByID(ctx, party, id)
}

func TestMoveIsRefused(t *testing.T) {
	t.Parallel()

	n, db := startNetwork(t, sandbox.Config{Seed: 15}), open(t)
	treasury := register(t, db, n.treasury, nil, n.Amulet())

	n.trade(t, 15, 30)
	n.ingest(t, db, ingest.FromGenesis)

	stranger := startNetwork(t, sandbox.Config{Seed: 16})
	_, err := ingest.MoveNode(t.Context(), db, stranger.node, n.treasury, clock.System{})
	require.ErrorIs(t, err, ingest.ErrNoCommonUpdate)

	lock, got, err := db.TryLock(t.Context(), treasury)
	require.NoError(t, err)
	require.True(t, got)

	defer lock.Release(context.WithoutCancel(t.Context()))

	_, err = ingest.MoveNode(t.Context(), db, n.node, n.treasury, clock.System{})
	require.ErrorIs(t, err, ingest.ErrBusy)
}

func TestHoldingsFollowReassignments(t *testing.T) {
	t.Parallel()

	n, db := startNetwork(t, sandbox.Config{Seed: 17, TwoSynchronizers: true}), open(t)
	treasury := register(t, db, n.treasury, map[string]string{"ACC-1": "one"}, n.Amulet(), n.AcmeToken())

	n.trade(t, 17, 60)

	held, err := n.Holdings(n.treasury)
	require.NoError(t, err)
	require.NotEmpty(t, held)

	for _, h := range held[:(len(held)+1)/2] {
		_, err := n.Reassign(h.ContractID)
		require.NoError(t, err)
	}

	n.ingest(t, db, ingest.FromGenesis)
	n.requireReconciled(t, db, treasury)
	require.Empty(t, differing(t, db, n.treasury, false))

	// A snapshot of the same ledger holds the same, moved contracts included.
	fresh := open(t)
	snapshot := register(t, fresh, n.treasury, nil, n.Amulet())
	n.ingest(t, fresh, ingest.FromSnapshot)

	_, err = n.Reassign(held[0].ContractID) // and back
	require.NoError(t, err)

	for db, id := range map[*store.DB]store.TreasuryID{db: treasury, fresh: snapshot} {
		n.ingest(t, db, ingest.FromGenesis)
		n.requireReconciled(t, db, id)
	}
}

// requireCompleteHistory compares the stored updates with the ledger's own account of what the treasury could see.
func requireCompleteHistory(t *testing.T, n network, db *store.DB, treasury store.TreasuryID) {
	t.Helper()

	var want, got []ident.UpdateID
	for _, v := range n.Updates(n.treasury) {
		want = append(want, v.UpdateID)
	}

	stored, err := db.StoredUpdates(t.Context(), treasury, 0, len(want)+100)
	require.NoError(t, err)

	for i, s := range stored {
		require.Equal(t, int64(i+1), s.No)

		u, err := update.Decode(s.Body)
		require.NoError(t, err)
		require.Equal(t, u.ID, s.ID)

		if u.Kind != update.Topology { // the ledger's account is of transactions and reassignments
			got = append(got, s.ID)
		}
	}

	require.Equal(t, want, got)
}
