package sandbox_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// BenchmarkFill tells what one active holding costs, in time and in memory that stays.
func BenchmarkFill(b *testing.B) {
	var before, after runtime.MemStats

	runtime.GC()
	runtime.ReadMemStats(&before)

	s, err := sandbox.New(sandbox.Config{})
	require.NoError(b, err)
	require.NoError(b, s.Fill(b.Context(), sandbox.Fill{Holdings: b.N}))

	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "live-B/op")
	runtime.KeepAlive(s)
}
