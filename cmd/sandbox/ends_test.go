package main

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox"
)

// Not parallel: shares the default client's idle connections.
func TestEndsWellWhileAClientHangsInItsBody(t *testing.T) {
	var client net.Conn

	serve(t, nil, func(url string) {
		var err error

		client, err = (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(url, "http://"))
		require.NoError(t, err)

		_, err = io.WriteString(client, "POST /sandbox/v1/parties HTTP/1.1\r\nHost: sandbox\r\nContent-Length: 100\r\n"+
			"Expect: 100-continue\r\n\r\n")
		require.NoError(t, err)

		// It says so when it begins to wait for the body.
		answer, err := bufio.NewReader(client).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 100 Continue\r\n", answer)
	})

	require.NoError(t, client.Close())
}

func TestHelpAndErrorsGoWhereTheyBelong(t *testing.T) {
	t.Parallel()

	require.Equal(t, io.Discard, new(options).flags().Output(), "the flag package says nothing by itself")

	over, cancel := context.WithCancel(t.Context()) // should it be started after all
	cancel()

	var out, errs strings.Builder

	require.True(t, ran(t.Context(), []string{"-help"}, env(), &out, &errs))
	require.Contains(t, out.String(), "-jwt-audience")
	require.Contains(t, out.String(), "https://daml.com/jwt/aud/participant/")
	require.Empty(t, errs.String())

	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "  -") || strings.HasPrefix(line, "      ") {
			require.LessOrEqual(t, len(line), 121, line)
		}
	}

	out.Reset()
	require.False(t, ran(over, []string{"-latency", "-5s"}, env(), &out, &errs))
	require.Empty(t, out.String())
	require.Equal(t, "sandbox: bad flags: -latency -5s is negative\nsee sandbox -help\n", errs.String())

	errs.Reset()
	require.False(t, ran(t.Context(), []string{"-nonsense"}, env(), &out, &errs))
	require.Equal(t, "sandbox: flag provided but not defined: -nonsense\nsee sandbox -help\n", errs.String())

	errs.Reset()
	require.False(t, ran(t.Context(), []string{"-token-file", "/no/such"}, env(), &out, &errs))
	require.Contains(t, errs.String(), "sandbox stopped")
}

// pruned is how far the node's history is gone.
func pruned(t *testing.T, url string) float64 {
	t.Helper()

	_, answer := get(t, url+"/v2/state/latest-pruned-offsets", "")
	offset, _ := answer["participantPrunedUpToInclusive"].(float64)

	return offset
}

// Not parallel: shares the default client's idle connections.
func TestTrafficGoesOnForEver(t *testing.T) {
	log := serve(t, []string{"-max-updates", "100", "-traffic", "2000"}, func(url string) {
		first := 0.0

		require.Eventually(t, func() bool { // it was full, and is again
			offset := pruned(t, url)
			if first == 0 {
				first = offset
			}

			return offset > first
		}, 20*time.Second, 10*time.Millisecond)
	})

	require.Contains(t, log, "pruned the older half")
	require.NotContains(t, log, "customers wait")
}

func TestCustomersWaitWhereNobodyPrunes(t *testing.T) {
	t.Parallel()

	out := &lines{}
	log := slog.New(slog.NewTextHandler(out, nil))

	s, err := sandbox.New(sandbox.Config{MaxUpdates: 60, Logger: log})
	require.NoError(t, err)

	defer s.Close()

	opts := options{treasury: "treasury", traffic: 2000}
	treasury, err := prepare(t.Context(), s, opts)
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()

	done := make(chan error, 1)

	go func() { done <- drive(ctx, s, opts, treasury, log) }()

	waits := func() bool { return strings.Contains(out.String(), "customers wait") }
	require.Eventually(t, waits, 20*time.Second, 10*time.Millisecond)

	end := s.LedgerEnd()
	require.NoError(t, s.Prune(end))
	require.Eventually(t, func() bool { return s.LedgerEnd() > end }, 20*time.Second, 10*time.Millisecond)

	require.Empty(t, done, "they are still there")
	cancel()
	require.NoError(t, <-done)
	require.Contains(t, out.String(), "customers went home")
}

func TestCustomersWithoutRoomDoNotEndTheSandbox(t *testing.T) {
	t.Parallel()

	s, err := sandbox.New(sandbox.Config{MaxUpdates: 20})
	require.NoError(t, err)

	defer s.Close()

	opts := options{treasury: "treasury", traffic: 2000}
	treasury, err := prepare(t.Context(), s, opts)
	require.NoError(t, err)

	out := &lines{}
	require.NoError(t, drive(t.Context(), s, opts, treasury, slog.New(slog.NewTextHandler(out, nil))))
	require.Contains(t, out.String(), "no customers")
}
