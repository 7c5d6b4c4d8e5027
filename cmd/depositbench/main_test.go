package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOffersAreAcceptedDecidedAndMeasured(t *testing.T) {
	t.Parallel()

	var out bytes.Buffer

	require.NoError(t, run(t.Context(), options{
		rate: 20, high: 20, length: time.Second, offers: 20, senders: 3, workers: 4, poll: 10 * time.Millisecond, waiting: 200,
	}, &out))

	text := out.String()
	require.Equal(t, 7, strings.Count(text, " credited/s (20 in "), text)
	require.Equal(t, 5, strings.Count(text, "to accept submitted: p50 "), text)
	require.Equal(t, 7, strings.Count(text, " all decided after "), text)
}

func TestDurations(t *testing.T) {
	t.Parallel()

	d := durations{}
	for i := range 1000 {
		d = append(d, time.Duration(1000-i)*time.Millisecond)
	}

	require.Equal(t, "p50 500ms, p90 900ms, p99 990ms, at most 1s", d.String())
	require.Equal(t, "none", durations{}.String())
}
