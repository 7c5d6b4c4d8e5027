package update_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/update"
)

// recorded are the updates of a recorded stream, as compact as a node sends them.
func recorded(tb testing.TB, name string) [][]byte {
	tb.Helper()

	dir, err := os.Getwd()
	require.NoError(tb, err)

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}

		require.NotEqual(tb, dir, filepath.Dir(dir), "no go.mod above the test")
		dir = filepath.Dir(dir)
	}

	raw, err := os.ReadFile(filepath.Join(dir, "..", "shared", "conformance", "transactions", name+".json"))
	if os.IsNotExist(err) {
		tb.Skipf("recorded ledger data is not here: %s", name)
	}

	require.NoError(tb, err)

	var items []json.RawMessage
	require.NoError(tb, json.Unmarshal(raw, &items))

	updates := make([][]byte, len(items))

	for i, item := range items {
		var b bytes.Buffer

		require.NoError(tb, json.Compact(&b, item))
		updates[i] = b.Bytes()
	}

	return updates
}

func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{
		"java-splice-test-cases", "java-one-step-deposit-and-withdraw", "docs-1-step-transfer",
		"docs-transfer-instruction-accept",
	} {
		b.Run(name, func(b *testing.B) {
			updates := recorded(b, name)
			benchmark(b, updates)
		})
	}

	b.Run("synthetic tree", func(b *testing.B) { benchmark(b, [][]byte{manyNodes(30)}) })
}

func benchmark(b *testing.B, updates [][]byte) {
	b.Helper()
	b.ReportAllocs()

	size := 0
	for _, u := range updates {
		size += len(u)
	}

	b.SetBytes(int64(size / len(updates)))

	i := 0
	for b.Loop() {
		if _, err := update.Decode(updates[i%len(updates)]); err != nil {
			b.Fatal(err)
		}

		i++
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

// manyNodes is a transaction tree of n exercises and n creations.
func manyNodes(n int) []byte {
	var b bytes.Buffer

	b.WriteString(`{"update":{"TransactionTree":{"value":{"updateId":"1220ab","offset":7,"recordTime":` +
		`"2026-02-03T04:05:06Z","synchronizerId":"s::1220","eventsById":{`)

	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}

		fmt.Fprintf(&b, `"%d":{"ExercisedTreeEvent":{"value":{"nodeId":%d,"contractId":"00%d","templateId":"p:M:T",`+
			`"choice":"C","choiceArgument":{"n":"5"},"exerciseResult":{},"lastDescendantNodeId":%d}}},`+
			`"%d":{"CreatedTreeEvent":{"value":{"nodeId":%d,"contractId":"01%d","templateId":"p:M:T"}}}`,
			2*i, 2*i, i, 2*i+1, 2*i+1, 2*i+1, i)
	}

	b.WriteString(`}}}}}`)

	return b.Bytes()
}
