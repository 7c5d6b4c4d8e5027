package main

import (
	"math"
	"runtime/debug"
)

const (
	// garbagePercent is how much memory is let go by before it is collected, of what is in use. A page of a list is
	// garbage once it is sent, and what is in use is little: collecting at Go's default cost a third of all the time.
	garbagePercent = 400
	defaultPercent = 100
)

// collectLate sets the collector up, unless GOGC or GOMEMLIMIT already do.
func collectLate() {
	before := debug.SetGCPercent(garbagePercent)
	if before != defaultPercent || debug.SetMemoryLimit(-1) != math.MaxInt64 {
		debug.SetGCPercent(before)
	}
}
