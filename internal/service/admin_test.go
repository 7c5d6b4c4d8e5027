package service

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// serveAdmin runs an admin server on a free port until the test ends.
func serveAdmin(t *testing.T, health *Health) string {
	t.Helper()

	admin, err := ListenAdmin(t.Context(), "127.0.0.1:0", NewRegistry("test"), health, quiet())
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)

	go func() { ended <- admin.Run(ctx) }()

	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-ended)
	})

	return "http://" + admin.Addr().String()
}

func get(t *testing.T, url, accept string) (status int, body string) {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept", accept)

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	require.NoError(t, err)

	defer response.Body.Close()

	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, "no-store", response.Header.Get("Cache-Control"))

	return response.StatusCode, string(raw)
}

func TestAdminServer(t *testing.T) {
	t.Parallel()

	var health Health

	url := serveAdmin(t, &health)

	status, body := get(t, url+"/livez", "")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "alive\n", body)

	status, body = get(t, url+"/metrics", "")
	require.Equal(t, http.StatusOK, status)
	require.Contains(t, body, `ces_build_info{program="test",revision="`)
	require.Contains(t, body, "go_goroutines")
	require.Contains(t, body, "process_open_fds")

	status, _ = get(t, url+"/readyz", "")
	require.Equal(t, http.StatusOK, status, "nothing registered")

	health.Register("database", func(context.Context) error { return nil })
	health.Register("ledger", func(context.Context) error {
		return errors.New("stream is\nbehind " + strings.Repeat("ä", maxCheckReason))
	})

	status, body = get(t, url+"/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "database: ready\nledger: not ready: stream is behind "+
		strings.Repeat("ä", (maxCheckReason-len("stream is behind "))/2)+"…\nnot ready\n", body)

	status, body = get(t, url+"/readyz", "application/json")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, `{"ready":false,"checks":[{"name":"database","ready":true},`+
		`{"name":"ledger","ready":false,"reason":"stream is behind`)

	status, _ = get(t, url+"/debug/pprof/", "")
	require.Equal(t, http.StatusNotFound, status)
}

func TestCheckThatNeverAnswersIsNotReady(t *testing.T) {
	t.Parallel()

	var health Health

	health.Register("slow", func(ctx context.Context) error {
		<-ctx.Done()

		return ctx.Err()
	})

	// The bound is real time here, since a socket is between: the test waits for it.
	status, body := get(t, serveAdmin(t, &health)+"/readyz", "")
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, body, "slow: not ready: no answer in time")
}

func TestAdminRefusesLargeHeaders(t *testing.T) {
	t.Parallel()

	address := strings.TrimPrefix(serveAdmin(t, &Health{}), "http://")
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	require.NoError(t, err)

	defer conn.Close()

	_, err = fmt.Fprintf(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n", strings.Repeat("x", 4*adminHeaderBytes))
	require.NoError(t, err)

	status, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, status, "431")
}

func TestAdminAddressInUse(t *testing.T) {
	t.Parallel()

	address := strings.TrimPrefix(serveAdmin(t, &Health{}), "http://")
	_, err := ListenAdmin(t.Context(), address, NewRegistry("test"), &Health{}, quiet())
	require.ErrorContains(t, err, address)
	require.ErrorContains(t, err, "CES_ADMIN_ADDR")

	unused, err := ListenAdmin(t.Context(), "127.0.0.1:0", NewRegistry("test"), &Health{}, quiet())
	require.NoError(t, err)
	require.NoError(t, unused.Close())
}
