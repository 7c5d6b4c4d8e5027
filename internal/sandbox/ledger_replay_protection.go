package sandbox

import "time"

// maxRemembered bounds one generation of what is remembered.
const maxRemembered = 500_000

// generations is a memory of what counts only for a while. It keeps two generations, so that forgetting costs nothing.
// At more than its bound within that while it remembers less long.
type generations[K comparable, V any] struct {
	young, old map[K]remembered[V]
	since      time.Time // when the young generation began
}

type remembered[V any] struct {
	value V
	at    time.Time
}

// put remembers a value. It reports false when it had to forget what still counted.
func (g *generations[K, V]) put(key K, value V, at time.Time, life time.Duration) bool {
	kept := true

	if full := len(g.young) >= maxRemembered; g.young == nil || full || at.Sub(g.since) > life {
		kept = len(g.old) == 0 || at.Sub(g.since) > life
		g.young, g.old, g.since = map[K]remembered[V]{}, g.young, at
	}

	g.young[key] = remembered[V]{value, at}

	return kept
}

// get is what was put under the key no longer ago than its life.
func (g *generations[K, V]) get(key K, at time.Time, life time.Duration) (V, bool) {
	before, ok := g.young[key]
	if !ok {
		before, ok = g.old[key]
	}

	return before.value, ok && at.Sub(before.at) <= life
}

func (g *generations[K, V]) size() int { return len(g.young) + len(g.old) }

// sequencedBefore is the mediator's memory of transactions, which makes the same prepared transaction commit at most
// once. Where its bound makes it forget early, a transaction that spends anything cannot be repeated all the same.
type sequencedBefore struct{ uuids generations[string, struct{}] }

func (b *sequencedBefore) add(uuid string, at time.Time) {
	b.uuids.put(uuid, struct{}{}, at, uuidMemory)
}

func (b *sequencedBefore) has(uuid string, at time.Time) bool {
	_, ok := b.uuids.get(uuid, at, uuidMemory)

	return ok
}
