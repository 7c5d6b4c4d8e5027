package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheDoorIsMeasured(t *testing.T) {
	t.Parallel()

	var out bytes.Buffer

	require.NoError(t, run(t.Context(), options{
		deposits: 5000, withdrawals: 2000, rate: 20, requests: 20, length: time.Second,
	}, &out))

	require.Equal(t, 5, strings.Count(out.String(), " answered, 0 failed"), out.String())
}

func TestFigures(t *testing.T) {
	t.Parallel()

	f := figures{failed: 3}
	require.Equal(t, "all 3 failed", f.String())

	for i := range 1000 {
		f.took = append(f.took, time.Duration(1000-i)*time.Millisecond)
	}

	require.Equal(t, "p50 501ms, p99 991ms, max 1s; 1000 answered, 3 failed", f.String())
}
