package broker_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	natsjs "github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/broker/jetstream"
	"github.com/canton-exchange/suite/internal/ident"
)

var clusterRounds = flag.Int("cluster-rounds", 4, "how many faults a cluster of NATS servers meets")

// serveMember runs one server of a cluster.
func serveMember(ctx context.Context, given []string) error {
	dir, addr, route, routes := given[0], given[1], given[2], given[3:]

	options := &natsserver.Options{
		ServerName: strings.ReplaceAll(addr, ":", "-"), Authorization: token, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, Cluster: natsserver.ClusterOpts{Name: "ces"},
	}

	var err, another error

	options.Host, options.Port, err = split(addr)
	options.Cluster.Host, options.Cluster.Port, another = split(route)

	if err := errors.Join(err, another); err != nil {
		return err
	}

	for _, r := range routes {
		options.Routes = append(options.Routes, &url.URL{Scheme: "nats", Host: r})
	}

	member, err := natsserver.NewServer(options)
	if err != nil {
		return err
	}

	member.Start()
	<-ctx.Done()
	member.Shutdown()

	return nil
}

func split(addr string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, err
	}

	port, err = strconv.Atoi(text)

	return host, port, err
}

// natsCluster is three NATS servers in processes of their own.
type natsCluster struct {
	t       *testing.T
	members map[string]*server // by their names
	s       jetstream.Settings
	js      natsjs.JetStream
}

const members = 3

func newCluster(t *testing.T) *natsCluster {
	t.Helper()

	var addresses, routes []string
	for range members {
		addresses, routes = append(addresses, freeAddress(t)), append(routes, freeAddress(t))
	}

	c := &natsCluster{t: t, members: map[string]*server{}, s: settings(t.TempDir(), addresses[0])}
	c.s.URL = "nats://" + strings.Join(addresses, ",nats://")

	for i, addr := range addresses {
		member := &server{t: t, dir: t.TempDir(), addr: addr, cluster: routes[i] + " " + strings.Join(routes, " ")}
		c.members[strings.ReplaceAll(addr, ":", "-")] = member

		member.start()
		t.Cleanup(func() { member.kill() })
	}

	c.js = connect(t, c.s)

	return c
}

// makeStream makes a treasury's stream as operators would. Servers forget at once what ids they have seen: it does not rest
// on them that each event is there once.
func makeStream(t *testing.T, s jetstream.Settings, of ident.Party, replicas int) {
	t.Helper()

	js := connect(t, s)
	config := natsjs.StreamConfig{
		Name: natsBroker(t, s).StreamName(of), Subjects: []string{jetstream.Subject(of, ">")}, Replicas: replicas,
		AllowDirect: true, Duplicates: 100 * time.Millisecond,
	}
	require.Eventually(t, func() bool { // once the servers of a cluster have found each other
		_, err := js.CreateStream(t.Context(), config)

		return err == nil
	}, patience, poll)
}

// leader waits until the stream has a leader, which is not this one, and gives what it says.
func (c *natsCluster) leader(not string) *natsjs.StreamInfo {
	c.t.Helper()

	var info *natsjs.StreamInfo

	require.Eventually(c.t, func() bool {
		ctx, cancel := context.WithTimeout(c.t.Context(), time.Second)
		defer cancel()

		stream, err := c.js.Stream(ctx, natsBroker(c.t, c.s).StreamName(party))
		if err != nil {
			return false
		}

		info = stream.CachedInfo()

		return info.Cluster != nil && info.Cluster.Leader != "" && info.Cluster.Leader != not
	}, patience, poll)

	return info
}

// untilCurrent waits until every member has all of the stream.
func (c *natsCluster) untilCurrent() {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		info := c.leader("")
		current := 1

		for _, replica := range info.Cluster.Replicas {
			if replica.Current && !replica.Offline {
				current++
			}
		}

		return current == info.Config.Replicas
	}, patience, poll)
}

func (c *natsCluster) stepDown() {
	c.t.Helper()
	require.NoError(c.t, func() error {
		_, err := c.js.Conn().RequestWithContext(c.t.Context(), "$JS.API.STREAM.LEADER.STEPDOWN."+natsBroker(c.t, c.s).StreamName(party), nil)

		return err
	}())
}

// TestAStreamWithoutCopies in a cluster is warned of, one with three is not; and where there is no cluster, one is what there
// is.
func TestAStreamWithoutCopies(t *testing.T) {
	t.Parallel()

	c := newCluster(t)
	c.s.Create = false
	makeStream(t, c.s, party, members)
	makeStream(t, c.s, other, 1)

	require.Empty(t, opened(t, c.s, party))
	require.Contains(t, opened(t, c.s, other), "replicas=1 wanted=3 storage=File")
	require.Empty(t, opened(t, embedded(t), party))

	wanted := embedded(t)
	makeStream(t, wanted, party, 1)

	wanted.Create, wanted.Replicas = false, 2
	require.Contains(t, opened(t, wanted, party), "replicas=1 wanted=2 storage=File")
}

// opened is what is logged when a stream is opened.
func opened(t *testing.T, s jetstream.Settings, of ident.Party) string {
	t.Helper()

	var log strings.Builder

	b, err := jetstream.New(s, slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	sink, err := b.Open(t.Context(), of)
	require.NoError(t, err)
	sink.Close()

	return log.String()
}

// TestAClusterThatLosesItsLeaders in the middle of publishing loses nothing that it acknowledged: they are killed, they
// stand still until another one leads and believe that they lead when they wake, and they resign.
func TestAClusterThatLosesItsLeaders(t *testing.T) {
	t.Parallel()

	const most = 2000

	chance, w, c := newChance(t), newWorld(t), newCluster(t)
	c.s.Create = false
	makeStream(t, c.s, party, members)

	_, stop := w.start(nil, natsBroker(t, c.s))
	_, stopOther := w.start(nil, natsBroker(t, c.s))

	defer stopOther()

	happened := int64(0)

	for round := range *clusterRounds {
		c.untilCurrent()

		leader := c.leader("").Cluster.Leader

		n := most/2 + chance.below(most/2)
		w.happen(party, n)

		w.untilTold("nats", party, happened+int64(chance.below(n/2))) // the rest is under way
		happened += int64(n)

		switch round % 3 {
		case 0:
			c.members[leader].kill()
			told := w.told("nats", party)
			require.GreaterOrEqual(t, c.leader(leader).State.LastSeq, uint64(told))
			c.members[leader].start()
		case 1:
			require.NoError(t, c.members[leader].command.Process.Signal(syscall.SIGSTOP))
			c.leader(leader)
			require.NoError(t, c.members[leader].command.Process.Signal(syscall.SIGCONT))
		default:
			c.stepDown()
			c.leader(leader)
		}

		t.Logf("round %d: %d of %d told", round, w.told("nats", party), happened)
	}

	w.untilTold("nats", party, happened)
	stop()

	for range members { // what each of them has, as far as chance lets each of them lead
		c.untilCurrent()
		w.requireStreamed(c.s, party)
		c.stepDown()
	}
}
