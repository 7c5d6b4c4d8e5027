package utxo

import (
	"math/big"
	"slices"

	"github.com/canton-exchange/suite/internal/amount"
)

// Plan proposes self-transfers that bring the spendable holdings nearer to a shape: dust merged, large holdings split,
// or built of smaller ones, until there are enough of them. It is empty when there is nothing to do. The transfers are
// disjoint and may run at the same time or fail one by one. What they make can be split again only once it is there, so
// k splits of one holding take several plans; each plan starts from a fresh pool.
//
// Large holdings that are reserved count as present, since most of their worth comes back as change. coming is how many
// large ones will be added by the Build and Split transfers that are under way.
//
// Plan a Turn's Rest, so that nothing is spent that waiting withdrawals need. Plans come to an end: every transfer
// either adds a large holding, while there are fewer than Target, or lowers the number of holdings, and none takes a
// large holding away.
func (p *Pool) Plan(shape Shape, coming int) ([]Transfer, error) {
	if err := shape.check(); err != nil {
		return nil, err
	}

	s := shaping{shape: shape, rest: p.clone(), large: unitsOf(shape.Large), dust: unitsOf(shape.Dust)}
	s.need = shape.Target - coming - s.present()

	s.mergeDust()
	s.mergeTiny()
	s.split()
	s.build()

	return s.plan, nil
}

// shaping is a plan in the making; what it spends is taken out of rest.
type shaping struct {
	shape Shape
	rest  *Pool
	large units
	dust  units
	// need is how many large holdings are missing.
	need int
	plan []Transfer
}

// present counts the large holdings that there are and that are not leaving as a whole.
func (s *shaping) present() int {
	count := len(s.rest.free) - s.rest.below(s.large)

	for i := range s.rest.back {
		if h := &s.rest.back[i]; h.why == reserved && !h.value.less(s.large) {
			count++
		}
	}

	return count
}

func (s *shaping) full() bool { return len(s.plan) >= s.shape.MaxTransfers }

// merge plans one holding of those at these places, given in ascending order; false if it would be beyond the range of
// amounts or the plan is full.
func (s *shaping) merge(places []int) bool {
	t, ok := s.rest.transfer(Merge, places)
	if !ok || s.full() {
		return false
	}

	addsLarge := s.rest.free[places[len(places)-1]].value.less(s.large) && !unitsOf(t.Amount).less(s.large)
	if addsLarge {
		t.Purpose = Build
		s.need--
	}

	s.plan = append(s.plan, t)
	s.rest.hold(places, reserved)

	return true
}

// mergeDust merges from the smallest up, as long as what is left is worth a merge.
func (s *shaping) mergeDust() {
	if s.shape.MergeFrom == 0 {
		return
	}

	for {
		count := s.rest.below(s.dust)
		if count < s.shape.MergeFrom || !s.merge(span(0, min(count, s.rest.rules.MaxInputs))) {
			return
		}
	}
}

// mergeTiny merges dust however little there is, if some of it is tiny; a single piece with the next larger holding.
func (s *shaping) mergeTiny() {
	if s.rest.below(unitsOf(s.shape.Tiny)) == 0 {
		return
	}

	if count := max(2, s.rest.below(s.dust)); count <= len(s.rest.free) {
		s.merge(span(0, min(count, s.rest.rules.MaxInputs)))
	}
}

// split halves the largest of the holdings that make two large ones each. It leaves them in rest, where nothing looks
// at large ones any more.
func (s *shaping) split() {
	for place := len(s.rest.free) - 1; place >= 0 && s.need > 0 && !s.full(); place-- {
		half := s.rest.free[place].value.half()
		piece, ok := truncated(half, s.shape.Decimals)

		if half.less(s.large) || !ok {
			return
		}

		s.plan = append(s.plan, Transfer{Purpose: Split, Inputs: s.rest.contracts([]int{place}), Amount: piece})
		s.need--
	}
}

// build merges small holdings into large ones, or where these would take too many inputs into fewer small ones.
func (s *shaping) build() {
	for s.need > 0 {
		small := s.rest.below(s.large)

		places := s.rest.least(s.large, small)
		if places == nil {
			s.gather(small)

			return
		}

		slices.Reverse(places)

		if !s.merge(places) {
			return
		}
	}
}

// gather merges out of the holdings before a place what is needed to build a large one in a later plan.
func (s *shaping) gather(small int) {
	if s.rest.between(0, small).less(s.large) {
		return
	}

	// The highest places first, so that the others stay where they are.
	for _, places := range slices.Backward(s.rest.batches(s.large, small)) {
		if !s.merge(places) {
			return
		}
	}
}

// truncated is a value as an amount, without the digits that a token of fewer decimals does not have.
func truncated(value units, decimals int32) (amount.Amount, bool) {
	grain := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(amount.Scale-decimals)), nil)
	scaled := value.scaled()

	a, err := amount.FromScaled(scaled.Sub(scaled, new(big.Int).Mod(scaled, grain)))

	return a, err == nil
}
