package main

import (
	"fmt"
	"os"
	"time"

	"github.com/canton-exchange/suite/internal/machine"
)

// costs is processor time: of the API, of PostgreSQL, and of this program, which sends. Unlike the time that passes,
// others who use the machine hardly change it.
type costs struct {
	door, database, client time.Duration
}

// costsOf is what was used so far.
func costsOf(s *server, d *door) (costs, error) {
	var c costs

	door, err := machine.UsageOf(d.command.Process.Pid)
	if err != nil {
		return c, err
	}

	own, err := machine.UsageOf(os.Getpid())
	if err != nil {
		return c, err
	}

	c.database, err = machine.FamilyTime(s.PID())
	c.door, c.client = door.CPU, own.CPU

	return c, err
}

// since is what was used for each of n requests, and how many cores that were.
func (c costs) since(before costs, n int, took time.Duration) string {
	door, database, client := c.door-before.door, c.database-before.database, c.client-before.client
	each := func(d time.Duration) string {
		return (d / time.Duration(max(1, n))).Round(fine / 10).String() // tens of microseconds
	}

	return fmt.Sprintf("API %s, PostgreSQL %s, client %s of processor time each, on %.2f cores", each(door),
		each(database), each(client), (door+database+client).Seconds()/took.Seconds())
}
