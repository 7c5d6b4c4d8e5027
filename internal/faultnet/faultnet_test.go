package faultnet_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/canton-exchange/suite/internal/faultnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// echo answers every connection with what it says.
func echo(t *testing.T) string {
	t.Helper()

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	var work sync.WaitGroup

	work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}

			work.Go(func() {
				defer conn.Close()

				_, _ = io.Copy(conn, conn)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		work.Wait()
	})

	return listener.Addr().String()
}

func proxy(t *testing.T, target string, seed uint64) *faultnet.Proxy {
	t.Helper()

	p, err := faultnet.Listen(t.Context(), target, seed)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })

	return p
}

func dial(t *testing.T, p *faultnet.Proxy) net.Conn {
	t.Helper()

	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.Addr())
	require.NoError(t, err)
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	t.Cleanup(func() { _ = conn.Close() })

	return conn
}

func say(t *testing.T, conn net.Conn, text string) string {
	t.Helper()

	_, err := io.WriteString(conn, text+"\n")
	require.NoError(t, err)

	answer, err := bufio.NewReader(conn).ReadString('\n')
	require.NoError(t, err)

	return answer
}

func TestWhatIsSaidArrives(t *testing.T) {
	t.Parallel()

	p := proxy(t, echo(t), 1)
	p.Set(faultnet.Faults{MaxDelay: time.Millisecond})

	conn := dial(t, p)
	require.Equal(t, "hello\n", say(t, conn, "hello"))

	tcp, ok := conn.(*net.TCPConn)
	require.True(t, ok)
	require.NoError(t, tcp.CloseWrite())

	rest, err := io.ReadAll(conn)
	require.NoError(t, err, "an orderly end must stay one")
	require.Empty(t, rest)
}

func TestCutResetsOpenConnections(t *testing.T) {
	t.Parallel()

	p := proxy(t, echo(t), 1)
	conn := dial(t, p)
	say(t, conn, "hello")
	require.Equal(t, 1, p.Cut())

	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Equal(t, "again\n", say(t, dial(t, p), "again"), "the next connection works")
}

func TestRefusedConnectionsEndAtOnce(t *testing.T) {
	t.Parallel()

	p := proxy(t, echo(t), 1)
	p.Set(faultnet.Faults{Refuse: true})

	conn := dial(t, p)
	_, err := conn.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// TestSilenceTellsNobody also holds for the end of one side: that is what half-open means.
func TestSilenceTellsNobody(t *testing.T) {
	t.Parallel()

	heard := make(chan error, 1)

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	defer func() { _ = listener.Close() }()

	var work sync.WaitGroup
	defer work.Wait()

	work.Go(func() {
		server, err := listener.Accept()
		if err != nil {
			heard <- err

			return
		}
		defer server.Close()

		_, err = io.CopyN(server, server, int64(len("hello\n")))
		if err == nil {
			_, err = server.Read(make([]byte, 1)) // until the proxy is closed
		}

		heard <- err
	})

	p := proxy(t, listener.Addr().String(), 1)
	conn := dial(t, p)
	say(t, conn, "hello")
	require.Equal(t, 1, p.Silence())

	_, err = io.WriteString(conn, "lost\n")
	require.NoError(t, err)
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(50*time.Millisecond)))

	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, conn.Close())
	require.Empty(t, heard, "the server must not learn that the client is gone")
	require.NoError(t, p.Close())
	require.Error(t, <-heard)
}

// survived is how many bytes come back before the cut.
func survived(t *testing.T, p *faultnet.Proxy) int {
	t.Helper()

	conn := dial(t, p)

	got := 0
	for one := []byte{'x'}; ; got++ {
		if _, err := conn.Write(one); err != nil {
			return got
		}

		if _, err := conn.Read(one); err != nil {
			require.NotErrorIs(t, err, os.ErrDeadlineExceeded)

			return got
		}
	}
}

func TestTheSeedDecidesWhereItCuts(t *testing.T) {
	t.Parallel()

	target := echo(t)

	run := func(seed uint64) []int {
		p := proxy(t, target, seed)
		p.Set(faultnet.Faults{CutAfter: 1000})

		return []int{survived(t, p), survived(t, p), survived(t, p)}
	}

	first := run(7)
	require.Equal(t, first, run(7))
	require.NotEqual(t, first, run(8))
	require.NotEqual(t, first[0], first[1])
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	t.Parallel()

	p := proxy(t, echo(t), 1)
	p.Set(faultnet.Faults{MaxDelay: time.Hour})

	conn := dial(t, p)
	_, err := io.WriteString(conn, "held back\n")
	require.NoError(t, err)

	require.Eventually(t, func() bool { return p.Links() == 1 }, patience, time.Millisecond)
	require.NoError(t, p.Close())

	_, err = (&net.Dialer{}).DialContext(context.WithoutCancel(t.Context()), "tcp", p.Addr())
	require.Error(t, err)
	require.NotErrorIs(t, err, context.Canceled)
}
