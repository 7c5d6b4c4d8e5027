package sandbox

import (
	"container/heap"
	"iter"
)

// pile is the live holdings of one party, by creation. One that is spent leaves a hole, so that spending costs the same
// however many there are; the pile closes up when half of it is holes.
type pile struct {
	list  []*contract // nil where one was taken out
	holes int
}

// fewHoles are not worth closing up for.
const fewHoles = 16

func (p *pile) len() int { return len(p.list) - p.holes }

// all is every holding, oldest first.
func (p *pile) all() iter.Seq[*contract] {
	return func(yield func(*contract) bool) {
		for _, c := range p.list {
			if c != nil && !yield(c) {
				return
			}
		}
	}
}

func (p *pile) add(c *contract) {
	c.slot = int32(len(p.list)) //nolint:gosec // memory ends long before 2^31 contracts
	p.list = append(p.list, c)
}

// take takes out a holding that is in the pile.
func (p *pile) take(c *contract) {
	if int(c.slot) >= len(p.list) || p.list[c.slot] != c {
		return
	}

	p.list[c.slot] = nil
	p.holes++

	if p.holes < fewHoles || p.holes < p.len() {
		return
	}

	kept := p.list[:0]

	for c := range p.all() {
		c.slot = int32(len(kept)) //nolint:gosec // as above
		kept = append(kept, c)
	}

	clear(p.list[len(kept):])
	p.list, p.holes = kept, 0
}

// largest is a heap of holdings, the largest at its top and, of equal ones, the one with the smallest contract id.
type largest struct{ list []*contract }

// Len implements heap.Interface.
func (l *largest) Len() int { return len(l.list) }

// Swap implements heap.Interface.
func (l *largest) Swap(i, j int) { l.list[i], l.list[j] = l.list[j], l.list[i] }

// Less implements heap.Interface.
func (l *largest) Less(i, j int) bool { return compareHoldings(l.list[i], l.list[j]) < 0 }

// Push implements heap.Interface; nothing is pushed.
func (l *largest) Push(any) {}

// Pop implements heap.Interface.
func (l *largest) Pop() any {
	last := len(l.list) - 1
	c := l.list[last]
	l.list = l.list[:last]

	return c
}

// inOrder yields the holdings of a list from the largest on, at little cost for those that nobody gets to.
func inOrder(list []*contract) iter.Seq[*contract] {
	return func(yield func(*contract) bool) {
		h := &largest{list}
		heap.Init(h)

		for h.Len() > 0 {
			if c, _ := heap.Pop(h).(*contract); !yield(c) {
				return
			}
		}
	}
}
