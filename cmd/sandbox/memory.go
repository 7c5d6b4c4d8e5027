package main

import (
	"math"
	"runtime/debug"
)

// How the program trades memory for time: garbage is collected seldom while there is little of it, and ever more often
// towards the limit, which leaves room for a million contracts within 2 GB.
const (
	garbagePercent = 400
	memoryLimit    = 1_800_000_000 // bytes

	// Go's own.
	defaultPercent = 100
	noLimit        = math.MaxInt64
)

// saveMemory sets the collector up, unless GOGC or GOMEMLIMIT already do.
func saveMemory() {
	if debug.SetMemoryLimit(-1) != noLimit {
		return
	}

	if before := debug.SetGCPercent(garbagePercent); before != defaultPercent {
		debug.SetGCPercent(before)

		return
	}

	debug.SetMemoryLimit(memoryLimit)
}
