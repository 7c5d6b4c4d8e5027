package api

import "sync"

// places bounds how many do something at once, and how many of one caller's: nobody takes all of them.
type places struct {
	most, mostOfOne int

	mu    sync.Mutex
	taken int
	of    map[string]int
}

func newPlaces(most, mostOfOne int) *places {
	return &places{most: most, mostOfOne: mostOfOne, of: map[string]int{}}
}

// take takes a place for somebody. It reports false if there is none.
func (p *places) take(who string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	if p.taken >= p.most || p.of[who] >= p.mostOfOne {
		return false
	}

	p.taken++
	p.of[who]++

	return true
}

// leave gives it back.
func (p *places) leave(who string) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.taken--
	p.of[who]--

	if p.of[who] == 0 {
		delete(p.of, who)
	}
}

func (p *places) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.taken
}
