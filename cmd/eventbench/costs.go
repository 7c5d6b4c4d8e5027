package main

import (
	"fmt"
	"os"
	"time"

	"github.com/canton-exchange/suite/internal/machine"
)

// costs is processor time: of this program, which publishes, of PostgreSQL, and of the NATS server. Unlike the time
// that passes, others who use the machine hardly change it.
type costs struct {
	own, database, nats time.Duration
	ownPeak, natsPeak   int64
}

// costsOf is what was used so far.
func costsOf(postgres int, n *nats) (costs, error) {
	own, err := machine.UsageOf(os.Getpid())
	if err != nil {
		return costs{}, err
	}

	server, err := n.used()
	if err != nil {
		return costs{}, err
	}

	database, err := machine.FamilyTime(postgres)

	return costs{own: own.CPU, database: database, nats: server.CPU, ownPeak: own.Peak, natsPeak: server.Peak}, err
}

// since is what was used for each of n events, and how many cores that were.
func (c costs) since(before costs, n int, took time.Duration) string {
	own, database, nats := c.own-before.own, c.database-before.database, c.nats-before.nats
	each := func(d time.Duration) string { return (d / time.Duration(max(1, n))).Round(fine).String() }

	return fmt.Sprintf("publisher %s, PostgreSQL %s, NATS %s of processor time each, on %.2f cores; "+
		"at most %d MiB resident, NATS %d MiB", each(own), each(database), each(nats),
		(own+database+nats).Seconds()/took.Seconds(), c.ownPeak/megabyte, c.natsPeak/megabyte)
}
