package webhook

import "sync"

// lane is where a subscription is while a worker has it.
type lane bool

const (
	// swift are those whose receivers answer, as far as is known.
	swift lane = false
	// slow are those whose receivers let us wait, or whose last tries failed.
	slow lane = true
)

// lanes keeps receivers that hang from taking the places of those that answer. There are four times as many places
// for the slow as for the swift, since they cost little but patience. Who lets us wait goes over to the slow lane
// while there is a place, and whose last tries failed begins there: a receiver that hangs has a swift one's place for
// no longer than slowAfter.
type lanes struct {
	most map[lane]int

	mu   sync.Mutex
	held map[string]lane
}

// room is how many places of a lane are free, and who has one of either.
func (l *lanes) room(of lane) (free int, held []string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	free = l.most[of]

	for id, in := range l.held {
		held = append(held, id)

		if in == of {
			free--
		}
	}

	return max(free, 0), held
}

func (l *lanes) enter(id string, in lane) {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.held[id] = in
}

func (l *lanes) leave(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	delete(l.held, id)
}

// has reports whether a worker has a subscription.
func (l *lanes) has(id string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()

	_, held := l.held[id]

	return held
}

// slowDown moves a subscription to the slow lane, if there is a place.
func (l *lanes) slowDown(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()

	if in, held := l.held[id]; !held || in == slow {
		return
	}

	n := 0

	for _, in := range l.held {
		if in == slow {
			n++
		}
	}

	if n < l.most[slow] {
		l.held[id] = slow
	}
}
