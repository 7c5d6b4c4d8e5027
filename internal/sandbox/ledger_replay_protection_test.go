package sandbox

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheMediatorRemembersForTwoDays(t *testing.T) {
	t.Parallel()

	var (
		memory sequencedBefore
		at     = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	)

	memory.add("first", at)
	require.True(t, memory.has("first", at))
	require.True(t, memory.has("first", at.Add(uuidMemory)))
	require.False(t, memory.has("first", at.Add(uuidMemory+time.Microsecond)))
	require.False(t, memory.has("second", at))

	// The next generation does not make it forget.
	memory.add("second", at.Add(uuidMemory+time.Second))
	memory.add("third", at.Add(uuidMemory+2*time.Second))
	require.True(t, memory.has("second", at.Add(uuidMemory+time.Minute)))
}

func TestTheMediatorsMemoryIsBounded(t *testing.T) {
	t.Parallel()

	var memory sequencedBefore

	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for i := range 2*maxRemembered + 1 {
		memory.add(strconv.Itoa(i), at)
	}

	require.LessOrEqual(t, memory.uuids.size(), 2*maxRemembered)
	require.True(t, memory.has(strconv.Itoa(2*maxRemembered), at))
}
