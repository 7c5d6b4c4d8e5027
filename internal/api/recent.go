package api

import (
	"container/list"
	"sync"
)

// recent keeps so many values, those that were used last.
type recent[K comparable, V any] struct {
	most int

	mu    sync.Mutex
	order *list.List // of entries, the one used last in front
	items map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newRecent[K comparable, V any](most int) *recent[K, V] {
	return &recent[K, V]{most: most, order: list.New(), items: map[K]*list.Element{}}
}

// get gives a value that is kept.
func (r *recent[K, V]) get(key K) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()

	element, ok := r.items[key]
	if !ok {
		return value, false
	}

	r.order.MoveToFront(element)

	return element.Value.(*entry[K, V]).value, true //nolint:errcheck,forcetypeassert // nothing else is in it
}

// put keeps a value, and forgets the one that was used longest ago if they are too many.
func (r *recent[K, V]) put(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()

	if element, ok := r.items[key]; ok {
		element.Value = &entry[K, V]{key, value}
		r.order.MoveToFront(element)

		return
	}

	r.items[key] = r.order.PushFront(&entry[K, V]{key, value})

	if last := r.order.Back(); len(r.items) > r.most {
		r.order.Remove(last)
		delete(r.items, last.Value.(*entry[K, V]).key) //nolint:errcheck,forcetypeassert // nothing else is in it
	}
}
