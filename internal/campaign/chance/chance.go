// Package chance makes the random choices of the campaigns, the same ones for the same seed. Nothing that customers run
// imports it.
package chance

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
)

// Source is a stream of random choices of its own for each part of a campaign, so that none shifts another's.
func Source(seed uint64, part string) *rand.Rand {
	name := sha256.Sum256(fmt.Appendf(nil, "%d %s", seed, part))

	return rand.New(rand.NewChaCha8(name)) //nolint:gosec // reproducible
}

// Millis is a number of milliseconds, from least to most.
func Millis(rng *rand.Rand, least, most int) time.Duration {
	return time.Duration(least+rng.IntN(most-least+1)) * time.Millisecond
}

// Fraction is an amount above 0 and below most, with all ten digits.
func Fraction(rng *rand.Rand, most int) amount.Amount {
	value, err := amount.Parse(fmt.Sprintf("%d.%010d", rng.IntN(most), rng.Int64N(10_000_000_000-1)+1))
	if err != nil {
		return amount.FromInt(1)
	}

	return value
}

// Deck deals everything there is before anything comes again, so that a short campaign has seen it all.
type Deck[T any] struct {
	rng   *rand.Rand
	all   []T
	cards func(T) int
	left  []T
}

// NewDeck makes a deck of things, each as often as it has cards.
func NewDeck[T any](rng *rand.Rand, all []T, cards func(T) int) *Deck[T] {
	return &Deck[T]{rng: rng, all: all, cards: cards}
}

// Deal gives the next card. A deck without cards deals the zero value.
func (d *Deck[T]) Deal() T {
	if len(d.left) == 0 {
		for _, one := range d.all {
			for range d.cards(one) {
				d.left = append(d.left, one)
			}
		}

		d.rng.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}

	if len(d.left) == 0 {
		var none T

		return none
	}

	next := d.left[0]
	d.left = d.left[1:]

	return next
}
