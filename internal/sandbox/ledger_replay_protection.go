package sandbox

import "time"

// maxSequenced bounds half of what the mediator remembers. At more than that within its memory it remembers less long;
// a transaction that spends anything cannot be repeated all the same.
const maxSequenced = 500_000

// sequencedBefore is the mediator's memory of transactions, which makes the same prepared transaction commit at most
// once. It keeps two generations, so that forgetting costs nothing.
type sequencedBefore struct {
	young, old map[string]time.Time
	since      time.Time // when the young generation began
}

func (b *sequencedBefore) add(uuid string, at time.Time) {
	if b.young == nil || len(b.young) >= maxSequenced || at.Sub(b.since) > uuidMemory {
		b.young, b.old, b.since = map[string]time.Time{}, b.young, at
	}

	b.young[uuid] = at
}

func (b *sequencedBefore) has(uuid string, at time.Time) bool {
	before, ok := b.young[uuid]
	if !ok {
		before, ok = b.old[uuid]
	}

	return ok && at.Sub(before) <= uuidMemory
}
