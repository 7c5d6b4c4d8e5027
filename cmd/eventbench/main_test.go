package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test's binary be the NATS server too, as the program is.
func TestMain(m *testing.M) {
	if slices.Contains(os.Args, serverMode) {
		main()

		return
	}

	os.Exit(m.Run())
}

func TestABacklogIsDrained(t *testing.T) {
	t.Parallel()

	for _, inProcess := range []bool{false, true} {
		t.Run(fmt.Sprint(inProcess), func(t *testing.T) {
			t.Parallel()

			var out bytes.Buffer

			require.NoError(t, run(t.Context(), options{mode: "drain", events: 2500, inProcess: inProcess}, &out))
			require.Contains(t, out.String(), "events/s (2500 in")
			require.Contains(t, out.String(), "of processor time each")
		})
	}

	require.Error(t, run(t.Context(), options{mode: "guess"}, &bytes.Buffer{}))
}

func TestWebhooksAreMeasured(t *testing.T) {
	t.Parallel()

	var out bytes.Buffer

	require.NoError(t, run(t.Context(), options{mode: "push", rate: 100, subscriptions: 3, length: time.Second}, &out))
	require.Regexp(t, `by itself: \d{2,} deliveries, p50`, out.String())
	require.Regexp(t, `in a request: \d{3,} deliveries, p50`, out.String())
}
