package main

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

// Not parallel: shares the default client's idle connections.
func TestBeginsWithHoldings(t *testing.T) {
	serve(t, []string{"-holdings", "7", "-holders", "3"}, func(base string) {
		_, answer := get(t, base+"/sandbox/v1/parties", "")
		count := map[string]int{}

		list, _ := answer["parties"].([]any)
		for _, each := range list {
			party, _ := each.(string)

			if hint := regexp.MustCompile(`^holder-\d`).FindString(party); hint != "" {
				status, answer := get(t, base+"/sandbox/v1/wallets/"+url.PathEscape(party)+"/holdings", "")
				require.Equal(t, http.StatusOK, status)

				holdings, _ := answer["holdings"].([]any)
				count[hint] = len(holdings)
			}
		}

		require.Equal(t, map[string]int{"holder-0": 3, "holder-1": 2, "holder-2": 2}, count)
	})
}

func TestBadNumbersOfHoldings(t *testing.T) {
	t.Parallel()

	for _, args := range [][]string{
		{"-holdings", "-1"}, {"-holders", "-1"}, {"-holdings", "1", "-replay", "file", "-party", "a::b"},
	} {
		_, err := parse(args, env(), io.Discard)
		require.ErrorIs(t, err, errUsage, args)
	}
}

// Not parallel: sets what the whole process shares.
func TestMemoryIsLimitedUnlessTheEnvironmentSaysHow(t *testing.T) {
	percent, limit := debug.SetGCPercent(defaultPercent), debug.SetMemoryLimit(noLimit)

	defer func() { debug.SetGCPercent(percent); debug.SetMemoryLimit(limit) }()

	for _, tc := range []struct {
		name                   string
		percent                int
		limit                  int64
		wantPercent, wantLimit int64
	}{
		{"nothing is set", defaultPercent, noLimit, garbagePercent, memoryLimit},
		{"GOGC is set", 50, noLimit, 50, noLimit},
		{"GOMEMLIMIT is set", defaultPercent, 1 << 40, defaultPercent, 1 << 40},
	} {
		debug.SetGCPercent(tc.percent)
		debug.SetMemoryLimit(tc.limit)

		saveMemory()

		require.Equal(t, tc.wantLimit, debug.SetMemoryLimit(-1), tc.name)
		require.Equal(t, tc.wantPercent, int64(debug.SetGCPercent(defaultPercent)), tc.name)
	}
}
