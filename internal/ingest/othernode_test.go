package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/update"
)

// What a node tells is written down here update by update, because no honest network does what these nodes do.

type object = map[string]any

const (
	owner       = "treasury::1220aa"
	coinAdmin   = "dso::1220dd"
	home        = "home::1220"
	abroad      = "abroad::1220"
	holdingView = "#splice-api-token-holding-v1:Splice.Api.Token.HoldingV1:Holding"
)

func holdingEvent(contract, worth, admin string) object {
	view := object{
		"owner": owner, "instrumentId": object{"admin": coinAdmin, "id": "Amulet"}, "amount": worth, "lock": nil,
		"meta": object{"values": object{}},
	}

	return object{
		"nodeId": 0, "contractId": contract, "templateId": "#p:M:H", "packageName": "p", "signatories": []string{admin, owner},
		"observers": []string{}, "witnessParties": []string{owner}, "createdAt": "2026-01-01T00:00:00Z",
		"interfaceViews": []object{{"interfaceId": holdingView, "viewStatus": object{"code": 0}, "viewValue": view}},
	}
}

func made(contract, worth string) object {
	return object{"CreatedEvent": holdingEvent(contract, worth, coinAdmin)}
}

func spent(contract string) object {
	return object{"ExercisedEvent": object{
		"nodeId": 0, "contractId": contract, "templateId": "#p:M:H", "packageName": "p", "choice": "Archive",
		"choiceArgument": object{}, "exerciseResult": object{}, "consuming": true, "lastDescendantNodeId": 0,
		"actingParties": []string{owner}, "implementedInterfaces": []string{holdingView},
	}}
}

func told(kind string, offset int, id, synchronizer string, second int, events ...object) object {
	at := fmt.Sprintf("2026-01-01T00:00:%02dZ", second)

	return object{"update": object{kind: object{"value": object{
		"updateId": id, "offset": offset, "recordTime": at, "effectiveAt": at, "synchronizerId": synchronizer, "events": events,
	}}}}
}

func transaction(offset int, id, synchronizer string, second int, events ...object) object {
	return told("Transaction", offset, id, synchronizer, second, events...)
}

func arrives(offset int, id, from, to string, second, counter int, contract string) object {
	return told("Reassignment", offset, id, to, second, object{"JsAssignmentEvent": object{
		"source": from, "target": to, "reassignmentCounter": counter, "createdEvent": holdingEvent(contract, "5", coinAdmin),
	}})
}

func leaves(offset int, id, from, to string, second, counter int, contract string) object {
	return told("Reassignment", offset, id, from, second, object{"JsUnassignedEvent": object{"value": object{
		"contractId": contract, "source": from, "target": to, "reassignmentCounter": counter, "nodeId": 0,
	}}})
}

func quietUntil(offset, second int) object {
	return object{"update": object{"OffsetCheckpoint": object{"value": object{"offset": offset, "synchronizerTimes": []object{
		{"synchronizerId": home, "recordTime": fmt.Sprintf("2026-01-01T00:00:%02dZ", second)},
	}}}}}
}

// scripted is a node that tells what is written down.
type scripted struct {
	*ingest.Recorded

	name ident.ParticipantID
}

func script(t *testing.T, name ident.ParticipantID, items ...object) scripted {
	t.Helper()

	raw, err := json.Marshal(items)
	require.NoError(t, err)

	path := filepath.Join(t.TempDir(), "script.json")
	require.NoError(t, os.WriteFile(path, raw, 0o600))

	recorded, err := ingest.OpenRecorded(path)
	require.NoError(t, err)

	return scripted{Recorded: recorded, name: name}
}

func (n scripted) ParticipantID(context.Context) (ident.ParticipantID, error) { return n.name, nil }

func (n scripted) UpdateByID(ctx context.Context, party ident.Party, id ident.UpdateID) ([]byte, error) {
	for offset := ident.Begin + 1; offset <= n.End(); offset++ {
		raw, err := n.UpdateByOffset(ctx, party, offset)
		if err != nil {
			continue
		}

		if u, err := update.Decode(raw); err == nil && u.ID == id {
			return raw, nil
		}
	}

	return nil, &ledger.Error{Op: "read update", HTTPStatus: http.StatusNotFound, Code: "UPDATE_NOT_FOUND"}
}

// refusal runs ingestion until it gives up, and says why.
func refusal(t *testing.T, node ingest.Node, db *store.DB, end ident.Offset) ingest.Refusal {
	t.Helper()

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	var refused *ingest.StartError

	require.ErrorAs(t, service(t, ingest.Config{Party: owner, StopAt: end}, node, db).Run(ctx), &refused)

	return refused.Refusal
}

func active(t *testing.T, db *store.DB) map[ident.ContractID]string {
	t.Helper()

	treasury, err := db.FindTreasury(t.Context(), owner)
	require.NoError(t, err)
	audit, err := db.ReadAudit(t.Context(), treasury)
	require.NoError(t, err)

	held := map[ident.ContractID]string{}
	for _, h := range audit.Holdings {
		held[h.Contract] = h.Amount.Short()
	}

	return held
}

// TestARestoredNodeThatCatchesUpIsStillNotBelieved: the node is restored to before the cursor, ingestion refuses, the
// service is restarted by whatever runs it, and by then the node has passed the cursor with offsets of its own.
func TestARestoredNodeThatCatchesUpIsStillNotBelieved(t *testing.T) {
	t.Parallel()

	db := open(t)
	first := transaction(1, "u1", home, 1, made("00a", "1"))
	runTo(t, ingest.Config{Party: owner}, script(t, "n::1220", first, quietUntil(10, 10)), db, 10)

	restored := script(t, "n::1220", first, quietUntil(5, 5))
	require.Equal(t, ingest.BeyondLedgerEnd, refusal(t, restored, db, 0))

	later := script(t, "n::1220", first,
		transaction(9, "u2", home, 11, made("00late", "1000000")), transaction(12, "u3", home, 12, made("00c", "3")))
	require.Equal(t, ingest.Halted, refusal(t, later, db, 12))

	_, err := ingest.MoveNode(t.Context(), db, later, owner, clock.System{})
	require.NoError(t, err)
	runTo(t, ingest.Config{Party: owner}, later, db, 12)
	require.Equal(t, map[ident.ContractID]string{"00a": "1", "00late": "1000000", "00c": "3"}, active(t, db))
}

// TestAnUpdateFromThePastIsAnotherHistory: the restored node was never seen behind the cursor, but it tells an update of
// a time up to which everything had been told.
func TestAnUpdateFromThePastIsAnotherHistory(t *testing.T) {
	t.Parallel()

	db := open(t)
	first := transaction(1, "u1", home, 1, made("00a", "1"))
	runTo(t, ingest.Config{Party: owner}, script(t, "n::1220", first, quietUntil(10, 30)), db, 10)

	renumbered := script(t, "n::1220", first, transaction(12, "u2", home, 20, made("00past", "7")))
	require.Equal(t, ingest.OtherHistory, refusal(t, renumbered, db, 12))
	require.Equal(t, ingest.Halted, refusal(t, renumbered, db, 12))
	require.Equal(t, map[ident.ContractID]string{"00a": "1"}, active(t, db))
}

// TestAMoveMissesNothingOfASynchronizerThatLaggedBehind: nodes interleave synchronizers differently.
func TestAMoveMissesNothingOfASynchronizerThatLaggedBehind(t *testing.T) {
	t.Parallel()

	db := open(t)
	one, two := made("00a", "1"), made("00b", "2")
	runTo(t, ingest.Config{Party: owner}, script(t, "old::1220",
		transaction(1, "u1", home, 1, one), transaction(2, "u2", home, 3, two)), db, 2)

	other := script(t, "new::1220",
		transaction(1, "u1", home, 1, one), transaction(2, "v1", abroad, 2, made("00abroad", "1000000")),
		transaction(3, "u2", home, 3, two), transaction(4, "u3", home, 4, made("00c", "3")))
	moved, err := ingest.MoveNode(t.Context(), db, other, owner, clock.System{})
	require.NoError(t, err)
	require.Equal(t, ident.UpdateID("u2"), moved.Update)
	require.Equal(t, 2, moved.Overlap)

	runTo(t, ingest.Config{Party: owner}, other, db, 4)
	require.Equal(t, map[ident.ContractID]string{"00a": "1", "00b": "2", "00abroad": "1000000", "00c": "3"}, active(t, db))
}

// TestAReassignmentToldAfterItsContractHasEnded changes nothing and stops nothing.
func TestAReassignmentToldAfterItsContractHasEnded(t *testing.T) {
	t.Parallel()

	db := open(t)
	runTo(t, ingest.Config{Party: owner}, script(t, "n::1220",
		transaction(1, "u1", home, 1, made("00h", "5")), leaves(2, "r1", home, abroad, 2, 1, "00h"),
		arrives(3, "r4", abroad, home, 5, 2, "00h"), transaction(4, "u2", home, 6, spent("00h")),
		arrives(5, "r2", home, abroad, 3, 1, "00h"), leaves(6, "r3", abroad, home, 4, 2, "00h")), db, 6)
	require.Empty(t, active(t, db))
}

// TestManyProblemsOfOneUpdateAreBounded: strangers can make thousands of events that mean nothing.
func TestManyProblemsOfOneUpdateAreBounded(t *testing.T) {
	t.Parallel()

	const many = 2000

	events := make([]object, many)
	for i := range events {
		event := holdingEvent(fmt.Sprintf("00%06d", i), "1", "mallory::1220")
		event["nodeId"] = i
		events[i] = object{"CreatedEvent": event}
	}

	db := open(t)
	runTo(t, ingest.Config{Party: owner}, script(t, "n::1220", transaction(1, "u1", home, 1, events...)), db, 1)

	var kept int

	require.NoError(t, db.Pool().QueryRow(t.Context(),
		"SELECT count(*) FROM unrecognized WHERE detail LIKE '1901 more%' OR event <> ''").Scan(&kept))
	require.Equal(t, 100, kept)
	require.Empty(t, differing(t, db, owner, false))
}
