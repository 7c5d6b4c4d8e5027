package ingest_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
)

// recordings is where the recorded public ledger data lies, beside the checkout.
func recordings(t *testing.T) string {
	t.Helper()

	dir := filepath.Join("..", "..", "..", "shared", "conformance")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("no recorded ledger data beside this checkout (../shared/conformance)")
	}

	return dir
}

// expectation is what the public Java sample's store holds after the recording.
type expectation struct {
	Party    ident.Party `json:"treasuryParty"`
	Holdings map[ident.ContractID]struct {
		Instrument struct {
			Admin ident.Party `json:"admin"`
			ID    string      `json:"id"`
		} `json:"instrumentId"`
		Amount json.Number      `json:"amount"`
		Lock   *json.RawMessage `json:"lock"`
	} `json:"activeHoldings"`
	Pending map[ident.ContractID]struct {
		Transfer struct {
			Sender   ident.Party `json:"sender"`
			Receiver ident.Party `json:"receiver"`
			Amount   json.Number `json:"amount"`
		} `json:"transfer"`
	} `json:"pendingTransferInstructions"`
	Log []struct {
		Update struct {
			ID ident.UpdateID `json:"updateId"`
		} `json:"updateMetadata"`
		Node     int32 `json:"exerciseNodeId"`
		Transfer *struct {
			Sender   ident.Party `json:"senderPartyId"`
			Receiver ident.Party `json:"receiverPartyId"`
			Kind     string      `json:"kind"`
			Details  struct {
				Memo        string      `json:"memoTag"`
				Amount      json.Number `json:"amount"`
				Status      string      `json:"transferStatus"`
				Correlation string      `json:"multiStepCorrelationId"`
			} `json:"details"`
		} `json:"transfer"`
	} `json:"txHistoryLog"`
}

func TestRecordedHistoryThroughTheWholePipeline(t *testing.T) {
	t.Parallel()

	dir := recordings(t)

	for _, tc := range []struct{ updates, expected string }{
		{"java-splice-test-cases.json", "splice-test-cases_treasury_expected.json"},
		{"java-one-step-deposit-and-withdraw.json", "one-step-deposit-and-withdraw_treasury_expected.json"},
	} {
		t.Run(tc.updates, func(t *testing.T) {
			t.Parallel()

			raw, err := os.ReadFile(filepath.Join(dir, "expected", tc.expected))
			require.NoError(t, err)

			var want expectation
			require.NoError(t, json.Unmarshal(raw, &want))

			node, err := ingest.OpenRecorded(filepath.Join(dir, "transactions", tc.updates))
			require.NoError(t, err)

			db := open(t)
			treasury := register(t, db, want.Party, nil)
			runTo(t, ingest.Config{Party: want.Party}, node, db, node.End())

			audit, err := db.ReadAudit(t.Context(), treasury)
			require.NoError(t, err)
			requireHoldings(t, want, audit)
			requirePending(t, want, audit)
			requireTransfers(t, want, db, treasury)
			requireBooksClose(t, audit)
		})
	}
}

func exact(t *testing.T, n json.Number) amount.Amount {
	t.Helper()

	a, err := amount.Parse(n.String())
	require.NoError(t, err)

	return a
}
