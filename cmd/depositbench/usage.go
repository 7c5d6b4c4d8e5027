package main

import (
	"fmt"
	"os"
	"time"

	"github.com/canton-exchange/suite/internal/machine"
)

// usage is processor time: of this program, in which the services run, of PostgreSQL, and of the sandbox. Unlike the
// time that passes, others who use the machine hardly change it.
type usage struct {
	own, database, node time.Duration
}

// used is what was used so far.
func (e *exchange) used() (usage, error) {
	var u usage

	own, err := machine.UsageOf(os.Getpid())
	if err != nil {
		return u, err
	}

	node, err := machine.UsageOf(e.node.command.Process.Pid)
	if err != nil {
		return u, err
	}

	u.database, err = machine.FamilyTime(e.bench.server.pid)
	u.own, u.node = own.CPU, node.CPU

	return u, err
}

func (u usage) minus(before usage) usage {
	return usage{own: u.own - before.own, database: u.database - before.database, node: u.node - before.node}
}

func (u usage) cores(took time.Duration) string {
	return fmt.Sprintf("%.2f", (u.own+u.database+u.node).Seconds()/took.Seconds())
}
